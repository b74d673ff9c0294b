/* SPDX-License-Identifier: MIT
 *
 * See pilot.h. All accesses are relaxed: the word is all there is to say, it says it in one piece, and what the tasks
 * themselves read was published before the pilot began.
 */
#include "pilot.h"

#define PILOT_OVER    (UINT64_C(1) << 63)
#define PILOT_CLAIMED PILOT_TASKS_MAX

/* Up to so many claims per worker are made one by one: some 5 us in all, as much as a pilot takes. */
#define ONE_BY_ONE_CLAIMS 64u

/* Two clock readings cost some 50 ns: a batch of 4 us is timed to a percent or two. */
#define BATCH_NS 4000u

/* A chunk takes half of this to all of it. A claim that everybody wants costs 40 to 60 ns where the CPUs are close to
 * each other and 250 ns where they are not: one percent. Chunks of 4 us, which are enough for the claims alone, made a
 * kernel that streams through memory half as slow again: neighbouring tasks find their pages and lines fetched ahead.
 * Where tasks grow from the first to the last, the limit below keeps chunks small. */
#define CHUNK_NS 32000u

/* And leaves so many claims per worker, for balance; half of them where two batches in a row took as long as each
 * other, give or take a third: there the first tasks speak for the others, and a short job has more to lose to claims
 * than to its tail. */
#define CLAIMS_MIN 32u

/* Batches grow by this until they are long enough. */
#define BATCH_GROWTH 4u

/* The pilot has at most this part of the job. */
#define LIMIT_PART 16u

bool pilot_is_worth(uint64_t count, uint64_t parts)
{
    return count > ONE_BY_ONE_CLAIMS * parts;
}

void pilot_start(struct pilot *pilot, uint64_t count, uint64_t parts)
{
    atomic_init(&pilot->word, 0);
    pilot->count = count;
    pilot->limit = count / LIMIT_PART;
    pilot->chunk_max = count / (CLAIMS_MIN * parts);
}

void pilot_join(struct pilot_part *part)
{
    *part = (struct pilot_part){.batch = 1};
}

/* The power of two below the chunk that takes CHUNK_NS. Not known what a task takes: as large as may be, for then the
 * others have run all that a pilot may before this worker came to its first. */
static uint64_t chunk_log2(const struct pilot *pilot, uint64_t task_ps, bool is_even)
{
    uint64_t most = is_even ? 2 * pilot->chunk_max : pilot->chunk_max;
    uint64_t chunk = task_ps ? CHUNK_NS * UINT64_C(1000) / task_ps : most;
    if (chunk > most)
        chunk = most;
    return chunk > 1 ? 63 - (uint64_t)__builtin_clzll(chunk) : 0;
}

/* The first one's word counts. */
static void pilot_end(struct pilot *pilot, uint64_t task_ps, bool is_even)
{
    uint64_t end = PILOT_OVER | chunk_log2(pilot, task_ps, is_even) << PILOT_CHUNK_AT;
    uint64_t word = atomic_load_explicit(&pilot->word, memory_order_relaxed);
    while (!(word & PILOT_OVER) && !atomic_compare_exchange_weak_explicit(&pilot->word, &word, end | word,
                                                                          memory_order_relaxed, memory_order_relaxed))
        ;
}

bool pilot_claim(struct pilot *pilot, struct pilot_part *part, uint64_t *begin, uint64_t *end)
{
    uint64_t word = atomic_load_explicit(&pilot->word, memory_order_relaxed), size;
    do {
        if (word & PILOT_OVER)
            return false;
        if (word >= pilot->limit) {
            pilot_end(pilot, part->task_ps, false);
            return false;
        }
        size = part->batch < pilot->limit - word ? part->batch : pilot->limit - word;
    } while (!atomic_compare_exchange_weak_explicit(&pilot->word, &word, word + size, memory_order_relaxed,
                                                    memory_order_relaxed));
    *begin = word;
    *end = word + size;
    return true;
}

/* Two batches in a row that were long enough, and the shorter time of both: one that was interrupted tells nothing. */
void pilot_note(struct pilot *pilot, struct pilot_part *part, uint64_t tasks, uint64_t elapsed_ns)
{
    uint64_t task_ps = elapsed_ns * 1000 / tasks + 1;
    bool is_sure = elapsed_ns >= BATCH_NS;
    if (is_sure && part->is_sure) {
        uint64_t shorter = task_ps < part->task_ps ? task_ps : part->task_ps;
        pilot_end(pilot, shorter, task_ps + part->task_ps - shorter < shorter + shorter / 3);
    }
    if (!is_sure)
        part->batch *= BATCH_GROWTH;
    part->task_ps = task_ps;
    part->is_sure = is_sure;
}

struct pilot_rest pilot_rest(const struct pilot *pilot)
{
    uint64_t word = atomic_load_explicit(&pilot->word, memory_order_relaxed);
    return (struct pilot_rest){.begin = word & PILOT_CLAIMED,
                               .chunk = UINT64_C(1) << ((word & ~PILOT_OVER) >> PILOT_CHUNK_AT)};
}
