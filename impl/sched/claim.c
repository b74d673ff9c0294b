/* SPDX-License-Identifier: MIT
 *
 * The parts of a claim that are not on the fast path; see claim.h.
 */
#include "claim.h"

void claim_start(struct claim_part *share, struct claim_shared *shared, enum grain_schedule schedule, uint64_t count,
                 uint64_t chunk, uint64_t part, uint64_t parts)
{
    *share = (struct claim_part){
        .shared = shared,
        .count = count,
        .chunk = chunk,
        .next = part * chunk,
        .stride = parts * chunk,
        .parts = parts,
        .schedule = schedule,
    };
    if (schedule == GRAIN_SCHEDULE_STATIC && chunk == 0) {
        /* part * count / parts without overflow: the first count % parts shares get one more */
        uint64_t size = count / parts, extra = count % parts;
        share->next = part * size + (part < extra ? part : extra);
        share->chunk = size + (part < extra ? 1 : 0);
        share->stride = count; /* there is no second one */
        if (share->chunk == 0)
            share->next = count;
    }
}

bool claim_guided(struct claim_part *share, uint64_t *begin, uint64_t *end)
{
    uint64_t next = atomic_load_explicit(&share->shared->next, memory_order_relaxed);
    uint64_t size;
    do {
        if (next >= share->count)
            return false;
        uint64_t left = share->count - next;
        size = (left + share->parts - 1) / share->parts;
        /* whole chunks, so that they are the same ones whoever claims them */
        size = (size + share->chunk - 1) / share->chunk * share->chunk;
        if (size > left)
            size = left;
        /* relaxed: as in claim_next */
    } while (!atomic_compare_exchange_weak_explicit(&share->shared->next, &next, next + size, memory_order_relaxed,
                                                    memory_order_relaxed));
    *begin = next;
    *end = next + size;
    return true;
}

bool claim_rest(struct claim_part *share, uint64_t *begin, uint64_t *end)
{
    if (share->schedule == GRAIN_SCHEDULE_STATIC)
        return claim_next(share, begin, end);
    /* relaxed: as in claim_next. Each worker adds count twice at most, which is no more than 2^48 */
    *begin = atomic_fetch_add_explicit(&share->shared->next, share->count, memory_order_relaxed);
    *end = share->count;
    return *begin < *end;
}
