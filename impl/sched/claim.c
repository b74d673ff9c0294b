/* SPDX-License-Identifier: MIT
 *
 * The parts of a claim that are not on the fast path; see claim.h.
 */
#include "claim.h"

void claim_start(struct claim_part *part, struct claim_shared *shared, enum grain_schedule schedule, uint64_t count,
                 uint64_t chunk, uint64_t index, uint64_t parts)
{
    *part = (struct claim_part){
        .shared = shared,
        .count = count,
        .chunk = chunk,
        .next = index * chunk,
        .stride = parts * chunk,
        .parts = parts,
        .schedule = schedule,
    };
    if (schedule == GRAIN_SCHEDULE_STATIC && chunk == 0) {
        /* index * count / parts without overflow: the first count % parts parts get one more */
        uint64_t size = count / parts, extra = count % parts;
        part->next = index * size + (index < extra ? index : extra);
        part->chunk = size + (index < extra ? 1 : 0);
        part->stride = count; /* there is no second one */
        if (part->chunk == 0)
            part->next = count;
    }
}

bool claim_guided(struct claim_part *part, uint64_t *begin, uint64_t *end)
{
    uint64_t next = atomic_load_explicit(&part->shared->next, memory_order_relaxed);
    uint64_t size;
    do {
        if (next >= part->count)
            return false;
        uint64_t left = part->count - next;
        size = (left + part->parts - 1) / part->parts;
        /* whole chunks, so that they are the same ones whoever claims them */
        size = (size + part->chunk - 1) / part->chunk * part->chunk;
        if (size > left)
            size = left;
        /* relaxed: as in claim_next */
    } while (!atomic_compare_exchange_weak_explicit(&part->shared->next, &next, next + size, memory_order_relaxed,
                                                    memory_order_relaxed));
    *begin = next;
    *end = next + size;
    return true;
}

bool claim_rest(struct claim_part *part, uint64_t *begin, uint64_t *end)
{
    if (part->schedule == GRAIN_SCHEDULE_STATIC)
        return claim_next(part, begin, end);
    /* relaxed: as in claim_next. Each worker adds count twice at most, which is no more than 2^48 */
    *begin = atomic_fetch_add_explicit(&part->shared->next, part->count, memory_order_relaxed);
    *end = part->count;
    return *begin < *end;
}
