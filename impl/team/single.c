/* SPDX-License-Identifier: MIT
 *
 * A job of a single task (apply) on its way through a team: its ticket says so (TICKET_SINGLE), it has no parts, ranges
 * or chunks, and a worker that spins on its own ring sees the ticket itself. One cache line goes to the worker (the
 * ring's cell: the ticket, and as payload what the task is, with an argument of up to 24 bytes) and one comes back
 * (`finished`, with a small result beside it): that is what a call costs. The descriptor says it all once more, for a
 * replacement; where nobody is killed its lines stay with the caller.  Who writes what, in which order:
 *   caller   job, small; then the payload, then the cell (release)
 *   worker   slot.ticket tentative; the cell -> 0; slot.ticket; slot.begin and the cursor; the result;
 *            finished = done (release), F2, then looks at is_awaited
 *   caller   is_awaited, FUTEX_WAIT, which is a fence, then looks at finished: one of the two sees the other
 *
 * What a kill leaves, and what the replacement does (single_recover):
 *   before the swap in the ring       the ticket is there; anybody takes it
 *   before the task began             the cursor says NO_TASK: the replacement runs it
 *   inside the task, or after it      the task fails with -EOWNERDEAD
 *   after `finished`                  the waiter is woken once more
 */
#include <errno.h>

#include "worker.h"

#include "sys/futex.h"
#include "sys/inject.h"

_Static_assert((offsetof(struct worker, payload) + PAYLOAD_INLINE * sizeof(uint64_t)) % JOB_ALIGN_FIRM == 0,
               "a small argument is as aligned as every other copy");

static void single_finish(struct worker *worker, struct team_job *job, uint64_t ticket)
{
    uint32_t done = state_make(ticket_generation(ticket), STATE_DONE);
    finished_say(job, done);
    INJECT(single_finished);
    waiter_tell(worker, job);
}

static void single_do(struct worker *worker, struct team_job *job, uint64_t ticket, const struct job *task)
{
    struct team_slot *slot = worker->slot;
    slot->ctx.outcome = &team_part(worker->team, ticket_job_index(ticket), 0)->outcome;
    if (!worker_is_stopped(worker, job)) {
        INJECT(single_begun);
        job_run_one(task, &slot->ctx);
        INJECT(single_run);
        worker_count_chunks(worker, 1);
        worker_flush(worker);
    }
    single_finish(worker, job, ticket);
}

void single_work(struct worker *worker, uint64_t ticket)
{
    const uint64_t *payload = worker->payload;
    struct job *task = &worker->single;
    task->task = (grain_task_fn)(uintptr_t)payload[PAYLOAD_TASK];
    task->results = (void *)(uintptr_t)payload[PAYLOAD_RESULT];
    task->params = (const void *)(uintptr_t)payload[PAYLOAD_PARAMS];
    task->items = payload[PAYLOAD_ITEM] ? (const void *)(uintptr_t)payload[PAYLOAD_ITEM] : payload + PAYLOAD_INLINE;
    single_do(worker, ticket_job(worker->team, ticket), ticket, task);
}

/* -------------------------------------------------------------------------------------------------- the replacement */

bool single_is_done(struct team *team, uint64_t ticket)
{
    return atomic_load_explicit(&ticket_job(team, ticket)->finished, memory_order_acquire) ==
           state_make(ticket_generation(ticket), STATE_DONE);
}

/* The generation is looked at after `finished`, for the reason that stands at ticket_recover(). */
void single_recover(struct worker *worker, uint64_t ticket)
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
        waiter_tell(worker, job);
        return;
    }
    if (job_index(&slot->ctx) == NO_TASK) {
        single_do(worker, job, ticket, &job->job);
        return;
    }
    struct grain_error error;
    worker_end_describe(&error, slot);
    if (slot->ctx.fail_floor == 0) /* else its own failure stands */
        job_fail(&job->job, outcome, &error);
    single_finish(worker, job, ticket);
}
