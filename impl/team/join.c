/* SPDX-License-Identifier: MIT
 *
 * The calling thread takes part in its own call, as the worker whose slot it has borrowed (team/lend.c): it works on
 * the part of that slot, which was never in a ring, then on those of the call's tickets that nobody has taken yet.
 *
 * A task may end its thread (pthread_exit): the frames up to here are left, and this thread goes on as a worker's
 * replacement would. A C++ exception ends the program, as it does in a worker: the unwinder finds the end of the stack.
 */
#include <pthread.h>

#include "worker.h"

#include "sys/inject.h"
#include "wake.h"

static void worker_borrow(struct worker *worker, struct team *team, int id)
{
    worker->team = team;
    worker->slot = &team->slots[id];
    worker->id = id;
    worker->is_caller = true;
    worker->is_spinner = false;
    worker->chunks_left = UINT64_MAX;
    worker->job = NULL;
    worker->looks = 0;
    worker->stuck_slot = NULL;
}

struct join {
    struct worker worker;
    uint64_t ticket;
    bool has_left; /* a task has ended the thread */
};

/* As after ring_take(): the ticket is this one's, and no task of it has begun. */
static void ticket_begin(struct worker *worker, uint64_t ticket)
{
    job_set_index(&worker->slot->ctx, NO_TASK);
    atomic_store_explicit(&worker->slot->ticket, ticket, memory_order_release);
}

/* Takes the tickets that nobody has taken, so that a call of two tiny tasks needs nobody. Under `steal` what they stand
 * for has been stolen by then, and they are reported (but where the team stops: then it is dropped). As long as a
 * worker has chunks in hand they stay: whoever comes with one of them becomes a thief. */
static void tickets_take(struct join *join)
{
    struct worker *worker = &join->worker;
    struct team_job *job = ticket_job(worker->team, join->ticket);
    bool is_steal = job->job.schedule == GRAIN_SCHEDULE_STEAL;
    while ((!is_steal || is_rest_idle(worker, job)) && (join->ticket = ticket_of_job(worker, join->ticket))) {
        if (is_steal && steal_is_empty(&ticket_part(worker->team, join->ticket)->range)) {
            worker_begin(worker, join->ticket);
            part_report(worker, job, join->ticket);
            atomic_store_explicit(&worker->slot->ticket, 0, memory_order_release);
        } else {
            wake_next(worker);
            ticket_work(worker, join->ticket);
        }
    }
}

/* Noinline: a frame of its own, behind which the unwinder finds nothing. */
__attribute__((noinline)) static void join_run(void *argument)
{
    JOB_STACK_ENDS();
    struct join *join = argument;
    struct worker *worker = &join->worker;
    if (join->has_left)
        team_recover(worker);
    else
        ticket_work(worker, join->ticket);
    tickets_take(join);
}

void team_join(struct team *team, struct team_job *job, const void *pool)
{
    int id = job->lent - 1, before;
    struct team_slot *slot = &team->slots[id];
    struct join join;
    worker_borrow(&join.worker, team, id);
    join.ticket = team_own_ticket(team, job);
    join.has_left = false;
    void *owner = slot->ctx.owner;
    slot->ctx.owner = &join.worker;
    ticket_begin(&join.worker, join.ticket);
    const void *outer = job_enter(pool);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    while (job_guard(join_run, &join))
        join.has_left = true;
    pthread_setcancelstate(before, NULL);
    job_leave(outer);
    slot->ctx.owner = owner;
    job->has_joined = true;
    slot_give_back(team, id);
}
