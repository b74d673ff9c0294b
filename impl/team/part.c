/* SPDX-License-Identifier: MIT
 *
 * What a ticket makes a worker do: claim pieces by the job's schedule, run them, report the part. Under `steal` the
 * pieces come from team/steal.c.
 */
#include "worker.h"

#include "sys/inject.h"
#include "wake.h"

/* The claim that was just made, and what is left: the others find nothing any more. */
static void claims_drop(struct worker *worker, struct team_job *job, struct claim_part *share, uint64_t begin,
                        uint64_t end)
{
    do
        part_drop(worker, job, begin, end);
    while (claim_rest(share, &begin, &end));
}

/* False: the worker is retired, and claims are left. */
static bool claims_run(struct worker *worker, struct team_job *job, uint64_t ticket)
{
    struct team_part *part = ticket_part(worker->team, ticket);
    const struct job *plain = &job->job;
    uint32_t index = ticket_part_index(ticket);
    bool is_static = plain->schedule == GRAIN_SCHEDULE_STATIC;
    struct claim_part share;
    uint64_t begin, end, claims = 0;
    claim_start(&share, &job->claims, plain->schedule, plain->count, plain->chunk, index, job->parts);
    if (part->resume)
        share.next = part->resume;
    bool is_cut;
    while (!(is_cut = worker_is_retired(worker) && claim_is_left(&share)) && claim_next(&share, &begin, &end)) {
        if (worker_is_stopped(worker, job)) {
            claims_drop(worker, job, &share, begin, end);
            break;
        }
        claims++;
        /* A replacement goes over its predecessor's static share again. */
        if (is_static && job->done_marks && chunk_is_done(job, plain->chunk ? begin / plain->chunk : index))
            continue;
        if (is_static && !job->done_marks) /* a thread that a task ends: its replacement goes on from here */
            part->resume = share.next;
        INJECT(claim_made);
        piece_run(worker, job, index, begin, end);
    }
    part->handovers += is_static ? 0 : claims;
    if (is_cut && is_static)
        part->resume = share.next;
    return !is_cut;
}

/* False: the worker is retired before the part is over. */
static bool part_work(struct worker *worker, uint64_t ticket)
{
    struct team_job *job = ticket_job(worker->team, ticket);
    struct team_part *part = ticket_part(worker->team, ticket);
    worker_begin(worker, ticket);
    /* From here on thieves may look at this worker; a dead predecessor may have left the part starving. */
    atomic_store_explicit(&part->is_starving, 0, memory_order_relaxed); /* a dead predecessor's word */
    atomic_store_explicit(&part->holder, 1 + (uint32_t)worker->id, memory_order_relaxed);
    part->handovers++;
    bool is_over =
        job->job.schedule == GRAIN_SCHEDULE_STEAL ? steal_run(worker, job, ticket) : claims_run(worker, job, ticket);
    if (is_over)
        part_report(worker, job, ticket);
    else
        worker->job = NULL;
    return is_over;
}

bool ticket_work(struct worker *worker, uint64_t ticket)
{
    if (ticket_is_single(ticket))
        single_work(worker, ticket);
    else if (!part_work(worker, ticket))
        return false;
    INJECT(ticket_done);
    atomic_store_explicit(&worker->slot->ticket, 0, memory_order_release);
    return true;
}
