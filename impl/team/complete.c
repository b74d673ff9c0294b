/* SPDX-License-Identifier: MIT
 *
 * Reporting a part, and, as the last one to report, completing the job. The order of the stores is the kill rule of
 * team/layout.h.
 */
#include <limits.h>

#include "worker.h"

#include "sys/futex.h"
#include "sys/inject.h"
#include "wake.h"

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
    INJECT(word_seen);
    if (parts <= 64) /* then the state of the job, which carries its generation too, says it all */
        return true;
    uint32_t all = (UINT32_C(1) << (parts + 63) / 64) - 1;
    uint64_t now = atomic_load_explicit(&job->words_done, memory_order_acquire), next;
    do {
        if (now >> 32 != generation)
            return false;
        next = now | UINT64_C(1) << word;
    } while (!atomic_compare_exchange_weak_explicit(&job->words_done, &now, next, memory_order_acq_rel,
                                                    memory_order_acquire));
    return (uint32_t)next == all;
}

/* Sets the bit of a part; true when it was the last one of the job. acq_rel: the last setter sees what all parts wrote.
 * Once the bit is set the job may end and its descriptor change hands: whatever is needed of it is read before. */
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

/* Runs the chunks that were claimed by a worker which died before it could say so. Only the one worker
 * whose id stands in the job's state is here, and every part is done: nobody else runs tasks of this job. */
static void orphans_run(struct worker *worker, struct team_job *job, uint64_t ticket)
{
    uint64_t count = job->job.count, chunk = job->job.chunk;
    if (!job->done_marks || chunk == 0)
        return;
    worker->may_give = false;
    for (uint64_t begin = 0; begin < count; begin += chunk) {
        if (chunk_is_done(job, begin / chunk))
            continue;
        if (worker_is_stopped(worker, job))
            return;
        piece_run(worker, job, ticket_part_index(ticket), begin, count - begin > chunk ? begin + chunk : count);
        slot_progress(worker->slot); /* there are only so many */
    }
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
            waiter_tell(worker, job);
        return;
    }
    INJECT(job_mine);
    if (atomic_load_explicit(&job->deaths, memory_order_acquire))
        orphans_run(worker, job, ticket);
    worker_flush(worker); /* of orphans */
    finished_say(job, state_make(generation, STATE_DONE));
    INJECT(job_finished);
    waiter_tell(worker, job);
}

void report_repeat(struct worker *worker, struct team_job *job, uint64_t ticket)
{
    uint32_t word = ticket_part_index(ticket) / 64, parts = job->parts;
    bool is_full = atomic_load_explicit(&job->done[word], memory_order_acquire) == full_word(parts, word);
    if (is_full && word_finish(job, ticket_generation(ticket), parts, word))
        job_complete(worker, job, ticket);
}

void part_report(struct worker *worker, struct team_job *job, uint64_t ticket)
{
    if (part_finish(worker, job, ticket)) {
        INJECT(part_reported);
        job_complete(worker, job, ticket);
    }
    worker->job = NULL;
    /* Thieves that wait for this part need wait no longer. F9 pairs with F8: either the thief sees the part's bit, or
     * we see that it sleeps. The read-modify-write before it is the one in part_finish, or a later one: where the job
     * was completed here, F2. */
    FENCE_AFTER_RMW(9);
    thieves_wake(worker->team);
}
