/* SPDX-License-Identifier: MIT
 *
 * Claims of [begin, end) from a job of `count` tasks: static, dynamic, guided. Pure: knows no backend and
 * runs no task. One claim_shared per job, in memory that all its workers see; one claim_part per worker
 * and job, private. Inline, because at chunk 1 a claim is all there is.
 */
#ifndef GRAIN_CLAIM_H
#define GRAIN_CLAIM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grain.h"

struct claim_shared {
    _Alignas(64) _Atomic uint64_t next; /* first task not claimed yet; may run past count */
};

/* What a worker needs to claim: the job's figures, and its own place in a static plan. */
struct claim_part {
    struct claim_shared *shared;
    uint64_t count, chunk;
    uint64_t next, stride; /* static: where its next chunk begins, and how far apart they lie */
    uint64_t parts;
    enum grain_schedule schedule;
};

/* Part `index` of `parts`; chunk 0 with static: one contiguous range each. */
void claim_start(struct claim_part *part, struct claim_shared *shared, enum grain_schedule schedule, uint64_t count,
                 uint64_t chunk, uint64_t index, uint64_t parts);

/* Guided self-scheduling: the next claim is ceil(remaining / parts), rounded up to whole chunks.
 * source: Polychronopoulos and Kuck, IEEE Transactions on Computers 36(12), 1987. */
bool claim_guided(struct claim_part *part, uint64_t *begin, uint64_t *end);

/* What is left, for who does not run it: under a shared schedule all of it at once, of a static part the next
 * claim. False when there is nothing. */
bool claim_rest(struct claim_part *part, uint64_t *begin, uint64_t *end);

/* Whether there is another claim; under a shared schedule one for whoever comes first. */
static inline bool claim_is_left(const struct claim_part *part)
{
    uint64_t next = part->schedule == GRAIN_SCHEDULE_STATIC
                        ? part->next
                        : atomic_load_explicit(&part->shared->next, memory_order_relaxed); /* as in claim_next */
    return next < part->count;
}

/* The next claim of this part: false when there is none. [*begin, *end) is never empty. */
static inline bool claim_next(struct claim_part *part, uint64_t *begin, uint64_t *end)
{
    uint64_t first;
    if (part->schedule == GRAIN_SCHEDULE_DYNAMIC) {
        /* relaxed: the counter hands out numbers; what they stand for was published with the ticket */
        first = atomic_fetch_add_explicit(&part->shared->next, part->chunk, memory_order_relaxed);
    } else if (part->schedule == GRAIN_SCHEDULE_STATIC) {
        first = part->next;
        part->next += part->stride;
    } else {
        return claim_guided(part, begin, end);
    }
    if (first >= part->count)
        return false;
    *begin = first;
    *end = part->count - first > part->chunk ? first + part->chunk : part->count;
    return true;
}

#endif
