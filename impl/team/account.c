/* SPDX-License-Identifier: MIT
 *
 * What became of the tasks of a job that its workers left in the middle: they were killed for a terminate, or the pool
 * is lost. Which tasks have ended is read where a replacement would read it: from the marks in `done_marks`, and from
 * the piece and the cursor in each slot. So nothing is stored for this while tasks run. Workers that are threads tell
 * of the tasks that they drop themselves: part_drop().
 */
#include <errno.h>
#include <stdlib.h>

#include "front.h"
#include "ticket.h"

/* A piece that a worker left: those of its tasks that have not ended begin at `open`. Its slot knows better than
 * the mark of a chunk, which may stand for what was run of the chunk before. */
struct team_left {
    uint64_t begin, open, end;
};

/* False: the slot has no piece of this job. No further than the job goes: a task that ran wild may have written
 * here. */
static bool piece_left(struct team *team, const struct team_job *job, int id, struct team_left *left)
{
    const struct team_slot *slot = &team->slots[id];
    uint64_t ticket = atomic_load_explicit(&slot->ticket, memory_order_acquire);
    left->begin = left->open = atomic_load_explicit(&slot->begin, memory_order_relaxed);
    left->end = atomic_load_explicit(&slot->end, memory_order_relaxed);
    return ticket && !(ticket & TICKET_TENTATIVE) && !ticket_is_single(ticket) &&
           ticket_job_index(ticket) == (uint32_t)(job - team->jobs) && ticket_is_current(team, ticket) &&
           ticket_part_index(ticket) < job->parts && left->begin < left->end && left->end <= job->job.count;
}

/* Fails the task that the worker was in, or the chunk; failures that were told of stand. False: it was in none. */
static bool running_fail(struct team *team, const struct job *job, int id, struct team_left *left, int code)
{
    struct team_slot *slot = &team->slots[id];
    struct job_outcome *outcome =
        &ticket_part(team, atomic_load_explicit(&slot->ticket, memory_order_relaxed))->outcome;
    uint64_t at = job_index(&slot->ctx), after = at + 1;
    if (at < left->begin || at >= left->end)
        return false;
    struct grain_error error = {.code = code, .index = at};
    if (job->form == JOB_CHUNK) {
        after = slot->ctx.end > at && slot->ctx.end <= left->end ? slot->ctx.end : at;
        if (after > at)
            job_fail_rest(job, &slot->ctx, outcome, at, after, &error);
    } else if (slot->ctx.fail_floor <= at) {
        job_fail(job, outcome, &error); /* it may have been counting a failure of its own: that is this one */
    }
    left->open = after;
    return true;
}

/* Drops what of [begin, end), a chunk without a mark, lies in no piece that was left. */
static bool chunk_drop(struct job *job, const struct team_left *left, int count, uint64_t begin, uint64_t end, int code)
{
    bool has_dropped = false;
    while (begin < end) {
        uint64_t stop = end, next = end;
        for (int i = 0; i < count; i++) {
            if (left[i].begin <= begin && begin < left[i].end) {
                stop = begin;
                next = left[i].end;
                break;
            }
            if (left[i].begin > begin && left[i].begin < stop)
                stop = next = left[i].begin;
        }
        job_drop(job, &job->outcome, begin, stop, code);
        has_dropped |= stop > begin;
        begin = next;
    }
    return has_dropped;
}

/* Where a chunk lies: without a size it is all of a part. */
static void chunk_bounds(const struct team_job *job, uint64_t chunk, uint64_t *begin, uint64_t *end)
{
    const struct job *plain = &job->job;
    struct claim_part share;
    if (plain->chunk == 0) {
        claim_start(&share, NULL, GRAIN_SCHEDULE_STATIC, plain->count, 0, chunk, job->parts);
        claim_next(&share, begin, end);
        return;
    }
    *begin = chunk * plain->chunk;
    *end = plain->count - *begin > plain->chunk ? *begin + plain->chunk : plain->count;
}

/* With the front's lock held. */
static int account(struct team_front *front, struct team_job *job, int code)
{
    struct team *team = front->team;
    struct team_left *left = front->left;
    uint64_t chunks = team_chunks(&job->job, team->workers);
    bool is_short = false;
    int count = 0;
    for (int i = 0; i < team->workers && job->job.form != JOB_CALLS; i++) {
        if (!piece_left(team, job, i, &left[count]))
            continue;
        is_short |= running_fail(team, &job->job, i, &left[count], code);
        count++;
    }
    team_outcome(front, job);
    if (job->job.form == JOB_CALLS) /* each says for itself what became of it */
        return code;
    for (int i = 0; i < count; i++) {
        job_drop(&job->job, &job->job.outcome, left[i].open, left[i].end, code);
        is_short |= left[i].open < left[i].end;
    }
    for (uint64_t chunk = 0; chunk < chunks; chunk++) {
        uint64_t begin = 0, end = 0;
        if (chunk_is_done(job, chunk))
            continue;
        chunk_bounds(job, chunk, &begin, &end);
        is_short |= chunk_drop(&job->job, left, count, begin, end, code);
    }
    return is_short ? code : 0;
}

int team_account(struct team_front *front, struct team_job *job, int code)
{
    lock_take(&front->lock);
    int status = account(front, job, code);
    lock_drop(&front->lock);
    return status;
}

int team_account_prepare(struct team_front *front)
{
    front->left = calloc((size_t)front->team->workers, sizeof *front->left);
    return front->left ? 0 : -ENOMEM;
}
