/* SPDX-License-Identifier: MIT
 *
 * The worker's loop: take a ticket, work on it (team_run.c), wait for the next. What a replacement does
 * before: team_heir.c. The caller's side: team_front.c. The rules: team.h.
 */
#include "backend/team.h"

#include "backend/team_worker.h"
#include "transport/inject.h"
#include "transport/wait.h"

/* Takes a ticket from any ring, its own first. The tentative announcement is visible before the ticket
 * can be missing from the ring: the swap in ring_take is acq_rel. */
static uint64_t ticket_take(struct worker *worker)
{
    struct team *team = worker->team;
    for (int i = 0; i < team->workers; i++) {
        struct ring *ring = &team->slots[(worker->id + i) % team->workers].ring;
        uint64_t position, ticket;
        while ((ticket = ring_peek(ring, &position))) {
            atomic_store_explicit(&worker->slot->ticket, ticket | TICKET_TENTATIVE, memory_order_release);
            INJECT(ticket_announced);
            bool is_mine = ring_take(ring, position, ticket);
            INJECT(ticket_swapped);
            atomic_store_explicit(&worker->slot->ticket, is_mine ? ticket : 0, memory_order_release);
            INJECT(ticket_recorded);
            if (is_mine)
                return ticket;
        }
    }
    return 0;
}

/* -------------------------------------------------------------------------------------------- waiting */

/* At most one idle worker spins; the others sleep. A dead spinner's replacement has the same id and may
 * go on in its place. */
static bool spinner_become(struct worker *worker)
{
    struct team *team = worker->team;
    uint32_t mine = 1 + (uint32_t)worker->id, seen = 0;
    if (team->wait == GRAIN_WAIT_SPIN)
        return true;
    if (team->wait == GRAIN_WAIT_PARK || team->usable_cpus < 2)
        return false;
    return atomic_compare_exchange_strong_explicit(&team->spinner, &seen, mine, memory_order_relaxed,
                                                   memory_order_relaxed) ||
           seen == mine;
}

/* Spins until something is pushed or the phase changes; false when it has spun long enough. */
static bool worker_spin(struct worker *worker, uint32_t pushed)
{
    struct team *team = worker->team;
    if (!spinner_become(worker))
        return false;
    bool is_news = false;
    uint64_t until = 0;
    for (unsigned turn = 0; !is_news; turn++) {
        is_news = atomic_load_explicit(&team->pushed, memory_order_acquire) != pushed ||
                  atomic_load_explicit(&team->phase, memory_order_acquire) != TEAM_RUN;
        if ((turn & 63) == 63 && team->wait != GRAIN_WAIT_SPIN) {
            uint64_t now = wait_now_ns();
            if (until == 0)
                until = now + WAIT_SPIN_NS;
            else if (now > until)
                break;
        }
        wait_breathe(turn);
    }
    if (team->wait != GRAIN_WAIT_SPIN)
        atomic_store_explicit(&team->spinner, 0, memory_order_relaxed);
    return is_news;
}

/* Sleeps unless something was pushed meanwhile. The fence pairs with the one in team_submit: either the
 * producer sees this sleeper, or the sleeper sees what was pushed. A worker killed in its sleep leaves
 * `sleepers` too high: that costs a system call a push, nothing else. */
static void worker_sleep(struct team *team, uint32_t pushed)
{
    atomic_fetch_add_explicit(&team->sleepers, 1, memory_order_relaxed);
    uint32_t bell = atomic_load_explicit(&team->bell, memory_order_acquire);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&team->pushed, memory_order_relaxed) == pushed &&
        atomic_load_explicit(&team->phase, memory_order_relaxed) == TEAM_RUN)
        wait_sleep(&team->bell, bell, UINT64_MAX, team->is_shared);
    atomic_fetch_sub_explicit(&team->sleepers, 1, memory_order_relaxed);
}

/* The next ticket; 0 when the team ends and nothing is queued. */
static uint64_t ticket_await(struct worker *worker)
{
    struct team *team = worker->team;
    for (;;) {
        uint32_t pushed = atomic_load_explicit(&team->pushed, memory_order_acquire);
        uint64_t ticket = ticket_take(worker);
        if (ticket)
            return ticket;
        if (atomic_load_explicit(&team->phase, memory_order_acquire) != TEAM_RUN)
            return 0;
        if (!worker_spin(worker, pushed))
            worker_sleep(team, pushed);
    }
}

struct worker worker_make(struct team *team, int id, int pid)
{
    struct team_slot *slot = &team->slots[id];
    slot->ctx.worker = id;
    slot->ctx.pid = pid;
    return (struct worker){.team = team, .slot = slot, .id = id};
}

void team_work(struct team *team, int id, int pid)
{
    struct worker worker = worker_make(team, id, pid);
    uint64_t ticket;
    while ((ticket = ticket_await(&worker)))
        ticket_work(&worker, ticket);
}
