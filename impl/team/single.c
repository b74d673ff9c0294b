/* SPDX-License-Identifier: MIT
 *
 * A job of a single task (apply) on its way through a team: its ticket says so (TICKET_SINGLE), it has no
 * parts, ranges or units, and a worker that spins on its own ring sees the ticket itself. One cache line goes to the
 * worker (the ring's cell: the ticket, and as cargo what the task is, with an argument of up to 24 bytes) and one comes
 * back (`finished`, with a small result beside it): that is what a call costs. The descriptor says it all once more,
 * for a replacement; where nobody is killed its lines stay with the caller.
 *
 * Who writes what, in which order:
 *   caller   job, small; then the cargo, then the cell (release)
 *   worker   slot.ticket tentative; the cell -> 0; slot.ticket; slot.begin and the cursor; the result;
 *            finished = done (release), F2, then looks at is_awaited
 *   caller   is_awaited, FUTEX_WAIT, which is a fence, then looks at finished: one of the two sees the other
 *
 * What a kill leaves, and what the replacement does (single_settle):
 *   before the swap in the ring       the ticket is there; anybody takes it
 *   before the task began             the cursor says NO_TASK: the replacement runs it
 *   inside the task, or after it      the task fails with -EOWNERDEAD
 *   after `finished`                  the waiter is woken once more
 */
#include <errno.h>
#include <string.h>

#include "front.h"
#include "sys/futex.h"
#include "sys/inject.h"
#include "worker.h"

/* ------------------------------------------------------------------------------------- the caller */

/* Whether a single task given to this slot begins at once, as far as the caller knows. */
static bool is_free(const struct team_front *front, int slot)
{
    return atomic_load_explicit(&front->team->slots[slot].state, memory_order_relaxed) != SLOT_BUSY &&
           slot_tickets(front, slot) == 0;
}

/* Whether the slot's worker is bound to the CPU that the caller is on. */
static bool is_on_my_cpu(const struct team *team, int slot)
{
    int cpu = atomic_load_explicit(&team->slots[slot].cpu, memory_order_relaxed);
    return cpu >= 0 && cpu == atomic_load_explicit(&team->caller_cpu, memory_order_relaxed);
}

/* Where a single task goes: to the worker that had the last one and still looks, unless the caller now sits on its
 * CPU; to the one that spins; to one that is free, better not on the caller's CPU; to the next one when all are
 * busy. */
static int slot_choose(const struct team_front *front)
{
    const struct team *team = front->team;
    int slot = front->favourite, found = -1;
    if (is_free(front, slot) && !is_on_my_cpu(team, slot) &&
        atomic_load_explicit(&team->slots[slot].state, memory_order_relaxed) == SLOT_AWAKE)
        return slot;
    uint32_t spinner = atomic_load_explicit(&team->spinner, memory_order_relaxed);
    if (spinner && is_free(front, (int)spinner - 1) && !is_on_my_cpu(team, (int)spinner - 1))
        return (int)spinner - 1;
    for (int i = 0; i < team->workers; i++, slot = (slot + 1) % team->workers) {
        if (!is_free(front, slot))
            continue;
        if (!is_on_my_cpu(team, slot))
            return slot;
        if (found < 0)
            found = slot;
    }
    return found >= 0 ? found : (front->favourite + 1) % team->workers;
}

#define INLINE_BYTES ((RING_CARGO - CARGO_INLINE) * sizeof(uint64_t))
_Static_assert((offsetof(struct worker, cargo) + CARGO_INLINE * sizeof(uint64_t)) % JOB_ALIGN_FIRM == 0,
               "a small argument is as aligned as every other copy");
_Static_assert(offsetof(struct team_job, reply) % JOB_ALIGN_FIRM == 0, "so is a small result");

/* Whether the argument is a copy, in the descriptor: threads see the caller's own, and so do processes what lies in
 * memory of grain_alloc. That is passed as it is. */
static bool is_copied(const struct team_job *job)
{
    uintptr_t items = (uintptr_t)job->job.items, small = (uintptr_t)job->small;
    return items >= small && items - small < TEAM_INLINE;
}

static void cargo_fill(uint64_t cargo[RING_CARGO], const struct team_job *place)
{
    const struct job *job = &place->job;
    cargo[CARGO_TASK] = (uintptr_t)job->task;
    cargo[CARGO_RESULT] = (uintptr_t)job->results;
    cargo[CARGO_PARAMS] = (uintptr_t)job->params;
    cargo[CARGO_ITEM] = (uintptr_t)job->items;
    memset(cargo + CARGO_INLINE, 0, INLINE_BYTES);
    if (is_copied(place) && job->item_size <= INLINE_BYTES) {
        memcpy(cargo + CARGO_INLINE, job->items, job->item_size);
        cargo[CARGO_ITEM] = 0;
    }
}

void team_submit_single(struct team_front *front, struct team_job *job)
{
    struct team *team = front->team;
    uint64_t cargo[RING_CARGO];
    uint64_t ticket = ticket_make(team_job_generation(job), (uint32_t)(job - team->jobs), TICKET_SINGLE);
    job_outcome_clear(&team_part(team, (uint32_t)(job - team->jobs), 0)->outcome);
    atomic_store_explicit(&job->dropped, 0, memory_order_relaxed);
    job->parts = 1;
    cargo_fill(cargo, job);
    team_note_cpu(team);
    pthread_mutex_lock(&front->lock);
    atomic_store_explicit(&front->singles, atomic_load_explicit(&front->singles, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    int slot = slot_choose(front);
    bool is_occupied = !is_free(front, slot);
    job_place(front, job, (uint16_t)slot);
    front->favourite = slot;
    ticket_push(front, slot, ticket, cargo);
    if (is_occupied)
        team_say_pushed(team);
    /* F1 pairs with F3 and F4: either the worker sees the ticket, or we see that it sleeps, or has taken something long
     * from another ring since it was chosen. */
    FENCE(1);
    if (!is_occupied && atomic_load_explicit(&team->slots[slot].state, memory_order_relaxed) == SLOT_BUSY) {
        is_occupied = true;
        team_say_pushed(team);
    }
    slot_wake(team, slot, is_occupied);
    if (is_occupied)
        team_feed(team);
    pthread_mutex_unlock(&front->lock);
}

int team_wait_single(struct team_front *front, struct team_job *job)
{
    /* On the worker's own CPU spinning would keep it from its work. Asleep, the caller is woken where a CPU is idle. */
    int status = team_await(front, job, is_on_my_cpu(front->team, job->slot) ? front->team->usable_cpus : 1);
    if (status)
        return status;
    const struct job_outcome *outcome = &team_part(front->team, (uint32_t)(job - front->team->jobs), 0)->outcome;
    job->job.outcome.failed = outcome->failed;
    if (outcome->failed)
        job->job.outcome.first = outcome->first;
    job->job.handovers = 0; /* counted in front->singles */
    job->job.steals = 0;
    return team_job_status(front, job);
}

/* ------------------------------------------------------------------------------------- the worker */

/* After F2, or by a replacement. */
static void waiter_wake(const struct worker *worker, struct team_job *job)
{
    if (atomic_load_explicit(&job->is_awaited, memory_order_relaxed))
        wait_wake(&job->finished, 1, worker->team->is_shared);
}

static void single_finish(struct worker *worker, struct team_job *job, uint64_t ticket)
{
    uint32_t done = state_make(ticket_generation(ticket), STATE_DONE);
    finished_say(job, done);
    INJECT(single_finished);
    waiter_wake(worker, job);
}

static void single_do(struct worker *worker, struct team_job *job, uint64_t ticket, const struct job *task)
{
    struct team_slot *slot = worker->slot;
    slot->ctx.outcome = &team_part(worker->team, ticket_job_index(ticket), 0)->outcome;
    if (!worker_is_stopped(worker, job)) {
        INJECT(single_begun);
        job_run(task, 0, 1, &slot->ctx);
        INJECT(single_run);
        worker_spend(worker, 1);
        worker_flush(worker);
    }
    single_finish(worker, job, ticket);
}

void single_work(struct worker *worker, uint64_t ticket)
{
    const uint64_t *cargo = worker->cargo;
    struct job *task = &worker->single;
    task->task = (grain_task_fn)(uintptr_t)cargo[CARGO_TASK];
    task->results = (void *)(uintptr_t)cargo[CARGO_RESULT];
    task->params = (const void *)(uintptr_t)cargo[CARGO_PARAMS];
    task->items = cargo[CARGO_ITEM] ? (const void *)(uintptr_t)cargo[CARGO_ITEM] : cargo + CARGO_INLINE;
    single_do(worker, ticket_job(worker->team, ticket), ticket, task);
}

/* -------------------------------------------------------------------------------- the replacement */

bool single_is_done(struct team *team, uint64_t ticket)
{
    return atomic_load_explicit(&ticket_job(team, ticket)->finished, memory_order_acquire) ==
           state_make(ticket_generation(ticket), STATE_DONE);
}

/* The generation is looked at after `finished`, for the reason that stands at ticket_settle(). */
void single_settle(struct worker *worker, uint64_t ticket)
{
    struct team_job *job = ticket_job(worker->team, ticket);
    struct team_slot *slot = worker->slot;
    struct job_outcome *outcome = &team_part(worker->team, ticket_job_index(ticket), 0)->outcome;
    bool is_done = single_is_done(worker->team, ticket);
    if (!ticket_is_current(worker->team, ticket))
        return;
    /* `finished` is not stored again: the descriptor may be the next job's by now. No fence here: the dead one's store
     * of it was seen everywhere before this process was forked. A caller that missed it had stored is_awaited
     * before. */
    if (is_done) {
        waiter_wake(worker, job);
        return;
    }
    if (job_index(&slot->ctx) == NO_TASK) {
        single_do(worker, job, ticket, &job->job);
        return;
    }
    struct grain_error error;
    heir_describe(&error, slot);
    job_fail(&job->job, outcome, &error);
    single_finish(worker, job, ticket);
}
