/* SPDX-License-Identifier: MIT
 *
 * The worker's loop: take a ticket, work on it (team/part.c), wait for the next. What a replacement does
 * before: team/recover.c. The caller's side: team/submit.c. The rules: team/layout.h.
 */
#include "worker.h"

#include "sys/futex.h"
#include "sys/inject.h"
#include "sys/machine.h"
#include "wake.h"

/* What the caller may expect of this worker; relaxed: a hint, the fences around sleeping do not rest on it. */
static void state_set(struct worker *worker, enum slot_state state)
{
    if (worker->state == (uint32_t)state)
        return;
    worker->state = (uint32_t)state;
    atomic_store_explicit(&worker->slot->state, (uint32_t)state, memory_order_relaxed);
}

/* A single task may have been pushed into this worker's ring because it looked idle: somebody else should take it. F4
 * pairs with F1, and for parts with F7: either the producer sees BUSY, or we see its ticket. */
static void busy_become(struct worker *worker)
{
    struct team *team = worker->team;
    state_set(worker, SLOT_BUSY);
    FENCE(4);
    if (!ring_has_next(&worker->slot->ring))
        return;
    team_say_pushed(team); /* for those that spin */
    slot_wake(team, worker->id, true);
}

/* A ticket from any ring, its own first. */
static uint64_t ticket_take(struct worker *worker)
{
    struct team *team = worker->team;
    uint64_t ticket = 0;
    int i = 0;
    for (; i < team->workers && !ticket; i++)
        ticket = ticket_from_ring(worker, &team->slots[(worker->id + i) % team->workers].ring, 0);
    if (ticket && (i > 1 || !ticket_is_single(ticket)))
        busy_become(worker);
    /* Woken for one ticket, it may have found another one before: it passes the wake on. */
    if (ticket && (worker->was_woken || (!ticket_is_single(ticket) && ticket_job(team, ticket)->is_chained)))
        wake_next(worker);
    if (ticket)
        worker->was_woken = false;
    return ticket;
}

/* ---------------------------------------------------------------------------------------------------------- waiting */

/* From ASLEEP to AWAKE: true; false: somebody else has done it. As long as a caller has the slot, the worker sleeps on:
 * wake_word is read before the state, and moved on after it by who ends the worker's sleep. acquire: pairs with the
 * borrower's release. */
static bool slot_rise(struct worker *worker)
{
    struct team_slot *slot = worker->slot;
    for (;;) {
        uint32_t wake_word = atomic_load_explicit(&slot->wake_word, memory_order_acquire), seen = SLOT_ASLEEP;
        if (atomic_compare_exchange_strong_explicit(&slot->state, &seen, SLOT_AWAKE, memory_order_acquire,
                                                    memory_order_acquire))
            return true;
        if (seen != SLOT_LENT)
            return false;
        wait_sleep(&slot->wake_word, wake_word, UINT64_MAX, worker->team->is_shared);
    }
}

static bool idle_is_over(void *worker)
{
    return worker_is_called(worker);
}

/* F3 pairs with F1 (a single task) and F7 (parts): either the producer sees this sleeper, or the sleeper sees what was
 * pushed. A worker killed in its sleep leaves `sleepers` too high: that costs the producer a look at every slot,
 * nothing else. */
static bool idle_lie_down(void *who)
{
    struct worker *worker = who;
    spinner_end(worker);
    atomic_fetch_add_explicit(&worker->team->sleepers, 1, memory_order_relaxed);
    atomic_store_explicit(&worker->slot->state, SLOT_ASLEEP, memory_order_release); /* pairs with slot_borrow */
    FENCE(3);
    if (worker_is_called(worker) || team_is_anything_queued(worker->team))
        return false;
    child_depend_again();
    return true;
}

static void idle_get_up(void *who)
{
    struct worker *worker = who;
    worker->state = SLOT_AWAKE;
    worker->was_woken = !slot_rise(worker);
    atomic_fetch_sub_explicit(&worker->team->sleepers, 1, memory_order_relaxed);
}

static const struct wait_kind idle = {
    .is_over = idle_is_over, .may_spin = worker_may_spin, .lie_down = idle_lie_down, .get_up = idle_get_up};

/* The next ticket; 0 when the team ends and nothing is queued. */
static uint64_t ticket_await(struct worker *worker)
{
    struct team *team = worker->team;
    worker_make_room(worker); /* not only where it finds nothing: the caller may always have been quicker */
    for (;;) {
        /* The phase before the rings: what was pushed before the team was told to quit is seen after it. */
        bool leaves = team_is_leaving(team);
        worker->pushed = atomic_load_explicit(&team->pushed, memory_order_acquire);
        uint64_t ticket = ticket_take(worker);
        if (ticket)
            return ticket;
        if (leaves)
            return 0;
        state_set(worker, SLOT_AWAKE);
        struct wait_limits limits = worker_limits(worker, false);
        limits.word = &worker->slot->wake_word;
        wait_once(&idle, &limits, worker);
        spinner_end(worker);
    }
}

/* ----------------------------------------------------------------------------------------------------------- a life */

/* Goes where team_place() said. Async-signal-safe. */
static void team_bind_self(const struct team *team, int id)
{
    int cpu = atomic_load_explicit(&team->slots[id].cpu, memory_order_relaxed);
    if (cpu >= 0)
        machine_bind_self(cpu);
    else if (team->mask)
        machine_confine_self(team->mask);
}

/* Fills the slot's context in, but for what tells a replacement where its predecessor was. */
static void worker_init(struct worker *worker, struct team *team, int id, int pid, void *state)
{
    struct team_slot *slot = &team->slots[id];
    *worker = (struct worker){.team = team, .slot = slot, .id = id};
    worker->chunks_left = team->max_chunks ? team->max_chunks : UINT64_MAX;
    slot->ctx.worker = id;
    slot->ctx.pid = pid;
    slot->ctx.owner = worker;
    slot->ctx.on_interrupt = piece_interrupted;
    slot->ctx.state = state;
    slot->ctx.stop = (const uint32_t *)&team->phase;
    slot->ctx.stop_at = TEAM_STOP;
    team_bind_self(team, id);
    atomic_store_explicit(&slot->state, SLOT_AWAKE, memory_order_relaxed);
}

bool team_work(struct team *team, int id, int pid, void *state, bool is_replacement)
{
    struct worker worker;
    uint64_t ticket;
    worker_init(&worker, team, id, pid, state);
    if (is_replacement) {
        busy_become(&worker); /* what it inherits may take long */
        team_recover(&worker);
    }
    slot_progress(worker.slot);
    while (!worker_is_retired(&worker) && (ticket = ticket_await(&worker)))
        ticket_work(&worker, ticket);
    if (!worker_is_retired(&worker))
        return false;
    busy_become(&worker); /* until the replacement is there, others take what comes into its ring */
    return true;
}
