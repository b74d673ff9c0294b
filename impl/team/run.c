/* SPDX-License-Identifier: MIT
 *
 * What a ticket makes a worker do: claim pieces by the job's schedule, run them, report the part, and,
 * as the last one to report, complete the job. Under `steal` the pieces come from team/steal.c. The order of the
 * stores is the kill rule of team/layout.h.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "front.h"
#include "sys/arena.h"
#include "sys/futex.h"
#include "sys/inject.h"
#include "worker.h"

#define MAP_AHEAD_MAX ((uint64_t)256 << 20) /* 65536 pages: some milliseconds */

/* ----------------------------------------------------------------------------------------- a piece */

void units_settle(struct team_job *job, uint32_t part, uint64_t begin, uint64_t end)
{
    uint64_t chunk = job->job.chunk, first = part, last = part;
    if (!job->units)
        return;
    if (chunk) { /* at chunk 1 two divisions would be noticed */
        first = chunk == 1 ? begin : begin / chunk;
        last = chunk == 1 ? end - 1 : (end - 1) / chunk;
    }
    if (first == last)
        atomic_store_explicit(&job->units[first], job->unit_mark, memory_order_relaxed);
    else /* bytes of this worker's own units: nobody reads them before the part is reported, or by others' death */
        memset((void *)(job->units + first), job->unit_mark, last - first + 1);
}

/* A chunk task is called once a claim; under `steal` a piece is several claims' worth. What is run again is called item
 * by item. Returns the end of what was run. */
static uint64_t chunks_run(const struct job *job, uint64_t begin, uint64_t end, struct team_slot *slot)
{
    struct grain_context *ctx = &slot->ctx;
    uint64_t claim = job->schedule == GRAIN_SCHEDULE_STEAL ? job->chunk : end - begin;
    uint64_t retry_end =
        atomic_load_explicit(&slot->retry_end, memory_order_relaxed); /* its own, or its predecessor's */
    while (begin < end) {
        uint64_t step = begin < retry_end ? 1 : claim;
        begin = job_run(job, begin, end - begin > step ? begin + step : end, ctx);
        if (begin < end && job_is_asked(ctx))
            end = ctx->heed(ctx, begin, end);
    }
    return end;
}

/* Waits until the items of a piece have been copied in. False when the work is dropped instead. */
static bool items_await(struct worker *worker, struct team_job *job, uint64_t end)
{
    /* acquire: pairs with team_loaded */
    for (unsigned turn = 0; atomic_load_explicit(&job->loaded, memory_order_acquire) < end; turn++) {
        if (worker_is_stopped(worker, job))
            return false;
        wait_breathe(turn);
    }
    return true;
}

/* What counts against max_chunks: under `steal` a piece is several claims' worth. */
static uint64_t piece_chunks(const struct job *job, uint64_t begin, uint64_t end)
{
    if (job->schedule != GRAIN_SCHEDULE_STEAL)
        return 1;
    return job->chunk == 1 ? end - begin : (end - begin + job->chunk - 1) / job->chunk;
}

/* The piece stands in the slot before its first task begins, and its units are settled before it
 * disappears from there. `begin` is NO_PIECE in between: with an old `begin` and a new `end`, a kill
 * between the two stores would leave a piece that never was. relaxed: read only after this worker is
 * dead, by a process forked later; the fences keep the compiler from moving what a kill could fall
 * between. */
uint64_t piece_run(struct worker *worker, struct team_job *job, uint32_t part, uint64_t begin, uint64_t end)
{
    struct team_slot *slot = worker->slot;
    if (!items_await(worker, job, end))
        return begin;
    job_set_index(&slot->ctx, NO_TASK);
    atomic_signal_fence(memory_order_seq_cst);
    INJECT(piece_no_task);
    atomic_store_explicit(&slot->end, end, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    INJECT(piece_end_stored);
    atomic_store_explicit(&slot->begin, begin, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    INJECT(piece_begun);
    if (job->job.form == JOB_CHUNK)
        end = chunks_run(&job->job, begin, end, slot);
    else
        end = job_run(&job->job, begin, end, &slot->ctx);
    INJECT(piece_run);
    units_settle(job, part, begin, end);
    atomic_signal_fence(memory_order_seq_cst);
    INJECT(piece_settled);
    atomic_store_explicit(&slot->begin, NO_PIECE, memory_order_relaxed);
    INJECT(piece_cleared);
    worker_spend(worker, piece_chunks(&job->job, begin, end));
    return end;
}

bool worker_is_stopped(struct worker *worker, struct team_job *job)
{
    if (__builtin_expect(atomic_load_explicit(&worker->team->phase, memory_order_relaxed) < TEAM_STOP, 1))
        return false;
    atomic_store_explicit(&job->dropped, 1, memory_order_relaxed);
    return true;
}

void part_drop(struct worker *worker, struct team_job *job, uint64_t begin, uint64_t end)
{
    /* relaxed: said before the phase was */
    bool is_lost = atomic_load_explicit(&worker->team->is_lost, memory_order_relaxed);
    if (!worker->team->is_shared)
        job_drop(&job->job, worker->slot->ctx.outcome, begin, end, is_lost ? -ENOTRECOVERABLE : -ECANCELED);
}

/* --------------------------------------------------------------- static, dynamic, guided: schedule/claim */

/* The claim that was just made, and what is left: the others find nothing any more. */
static void claims_drop(struct worker *worker, struct team_job *job, struct claim_share *share, uint64_t begin,
                        uint64_t end)
{
    do
        part_drop(worker, job, begin, end);
    while (claim_rest(share, &begin, &end));
}

/* False: the worker is spent, and claims are left. */
static bool claims_run(struct worker *worker, struct team_job *job, uint64_t ticket)
{
    struct team_part *part = ticket_part(worker->team, ticket);
    const struct job *plain = &job->job;
    uint32_t index = ticket_part_index(ticket);
    bool is_static = plain->schedule == GRAIN_SCHEDULE_STATIC;
    struct claim_share share;
    uint64_t begin, end, claims = 0;
    claim_start(&share, &job->claims, plain->schedule, plain->count, plain->chunk, index, job->parts);
    if (part->resume)
        share.next = part->resume;
    bool is_cut;
    while (!(is_cut = worker_is_spent(worker) && claim_is_left(&share)) && claim_next(&share, &begin, &end)) {
        if (worker_is_stopped(worker, job)) {
            claims_drop(worker, job, &share, begin, end);
            break;
        }
        claims++;
        /* A replacement goes over its predecessor's static share again. */
        if (is_static && job->units && unit_is_settled(job, plain->chunk ? begin / plain->chunk : index))
            continue;
        if (is_static && !job->units) /* a thread that a task ends: its replacement goes on from here */
            part->resume = share.next;
        INJECT(claim_made);
        piece_run(worker, job, index, begin, end);
    }
    part->handovers += is_static ? 0 : claims;
    if (is_cut && is_static)
        part->resume = share.next;
    return !is_cut;
}

/* --------------------------------------------------------------------------------- completing a job */

/* All bits of a word of `done`. */
static uint64_t full_word(uint32_t parts, uint32_t word)
{
    uint32_t rest = parts - word * 64;
    return rest >= 64 ? UINT64_MAX : (UINT64_C(1) << rest) - 1;
}

/* Sets the bit of a full word; true when it was the last one. The generation in the same word keeps a
 * replacement that comes late from marking the job that took this one's place. */
static bool word_finish(struct team_job *job, uint32_t generation, uint32_t parts, uint32_t word)
{
    uint32_t all = (UINT32_C(1) << (parts + 63) / 64) - 1;
    uint64_t now = atomic_load_explicit(&job->words_done, memory_order_acquire), next;
    do {
        INJECT(word_seen);
        if (now >> 32 != generation)
            return false;
        next = now | UINT64_C(1) << word;
    } while (!atomic_compare_exchange_weak_explicit(&job->words_done, &now, next, memory_order_acq_rel,
                                                    memory_order_acquire));
    return (uint32_t)next == all;
}

/* Sets the bit of a part; true when it was the last one of the job. acq_rel: the last setter sees what
 * all parts wrote. Once the bit is set the job may end and its descriptor change hands: whatever is
 * needed of it is read before. */
static bool part_finish(const struct worker *worker, struct team_job *job, uint64_t ticket)
{
    uint32_t parts = job->parts;
    uint32_t part = ticket_part_index(ticket), word = part / 64;
    worker_flush(worker);
    uint64_t bit = UINT64_C(1) << (part % 64);
    uint64_t bits = atomic_fetch_or_explicit(&job->done[word], bit, memory_order_acq_rel) | bit;
    INJECT(part_bit_set);
    return bits == full_word(parts, word) && word_finish(job, ticket_generation(ticket), parts, word);
}

/* Runs the units that were claimed by a worker which died before it could say so. Only the one worker
 * whose id stands in the job's state is here, and every part is done: nobody else runs tasks of this job. */
static void orphans_run(struct worker *worker, struct team_job *job, uint64_t ticket)
{
    uint64_t count = job->job.count, chunk = job->job.chunk;
    if (!job->units || chunk == 0)
        return;
    worker->may_give = false;
    for (uint64_t begin = 0; begin < count; begin += chunk) {
        if (unit_is_settled(job, begin / chunk))
            continue;
        if (worker_is_stopped(worker, job))
            return;
        piece_run(worker, job, ticket_part_index(ticket), begin, count - begin > chunk ? begin + chunk : count);
    }
}

/* After F2, or by a replacement. */
static void job_wake(const struct worker *worker, struct team_job *job)
{
    if (atomic_load_explicit(&job->is_awaited, memory_order_relaxed))
        wait_wake(&job->finished, INT_MAX, worker->team->is_shared);
}

static void job_complete(struct worker *worker, struct team_job *job, uint64_t ticket)
{
    uint32_t generation = ticket_generation(ticket);
    uint32_t mine = state_make(generation, STATE_FIRST_WORKER + (uint32_t)worker->id),
             seen = state_make(generation, STATE_RUNNING);
    /* A second completer exists only when a replacement repeats its predecessor's last step. */
    if (!atomic_compare_exchange_strong_explicit(&job->finished, &seen, mine, memory_order_acq_rel,
                                                 memory_order_acquire) &&
        seen != mine) {
        /* A predecessor that died between the last two steps below may have woken nobody. No fence: what it stored was
         * seen everywhere before this process was forked; a caller that missed it had stored is_awaited before. A
         * live worker that has finished the job looks at is_awaited itself. */
        if (seen == state_make(generation, STATE_DONE))
            job_wake(worker, job);
        return;
    }
    INJECT(job_mine);
    if (atomic_load_explicit(&job->deaths, memory_order_acquire))
        orphans_run(worker, job, ticket);
    worker_flush(worker); /* of orphans */
    finished_say(job, state_make(generation, STATE_DONE));
    INJECT(job_finished);
    job_wake(worker, job);
}

void report_repeat(struct worker *worker, struct team_job *job, uint64_t ticket)
{
    uint32_t word = ticket_part_index(ticket) / 64, parts = job->parts;
    bool is_full = atomic_load_explicit(&job->done[word], memory_order_acquire) == full_word(parts, word);
    if (is_full && word_finish(job, ticket_generation(ticket), parts, word))
        job_complete(worker, job, ticket);
}

void worker_begin(struct worker *worker, uint64_t ticket)
{
    struct team_part *part = ticket_part(worker->team, ticket);
    worker->job = ticket_job(worker->team, ticket);
    worker->part = ticket_part_index(ticket);
    worker->may_give = worker->job->job.schedule == GRAIN_SCHEDULE_STEAL;
    worker->slot->ctx.outcome = &part->outcome;
}

/* Pages that came since this worker looked last: mapped at once, up to an amount for which that surely pays. Fewer than
 * before: some were given back, and those that come there again are new ones. */
static void memory_map(struct worker *worker)
{
    struct team *team = worker->team;
    uint64_t bytes = atomic_load_explicit(&team->memory_bytes, memory_order_relaxed);
    if (!team->memory || bytes == worker->mapped)
        return;
    if (bytes > worker->mapped && bytes - worker->mapped <= MAP_AHEAD_MAX)
        arena_map_ahead(team->memory, worker->mapped, bytes);
    worker->mapped = bytes;
}

/* False: the worker is spent before the part is over. */
static bool part_work(struct worker *worker, uint64_t ticket)
{
    struct team_job *job = ticket_job(worker->team, ticket);
    struct team_part *part = ticket_part(worker->team, ticket);
    worker_begin(worker, ticket);
    /* From here on thieves may look at this worker; a dead predecessor may have left the part hungry. */
    atomic_store_explicit(&part->is_hungry, 0, memory_order_relaxed); /* a dead predecessor's word */
    atomic_store_explicit(&part->holder, 1 + (uint32_t)worker->id, memory_order_relaxed);
    part->handovers++;
    memory_map(worker);
    bool is_over =
        job->job.schedule == GRAIN_SCHEDULE_STEAL ? steal_run(worker, job, ticket) : claims_run(worker, job, ticket);
    if (is_over && part_finish(worker, job, ticket)) {
        INJECT(part_reported);
        job_complete(worker, job, ticket);
    }
    worker->job = NULL;
    if (!is_over)
        return false;
    /* Thieves that wait for this part need wait no longer. F9 pairs with F8: either the thief sees the part's bit, or
     * we see that it sleeps. The read-modify-write before it is the one in part_finish, or a later one: where the job
     * was completed here, F2. */
    FENCE_AFTER_RMW(9);
    team_feed(worker->team);
    return true;
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
