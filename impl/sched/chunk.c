/* SPDX-License-Identifier: MIT
 *
 * See chunk.h.
 */
#include "chunk.h"

/* Claims per worker, where nothing is known of the tasks. */
#define CLAIMS_COUNTED 32  /* from a shared counter: a tail below 1/32 of the run, for a few microseconds */
#define CLAIMS_GUIDED  256 /* the smallest: as claims shrink to them, it is two more per worker than down to 1/32 */
#define CLAIMS_PYTHON  4   /* CPython's rule */

static size_t chunk_of_claims(const struct chunk_case *job, size_t claims)
{
    return (job->count + claims * job->workers - 1) / (claims * job->workers);
}

static size_t chunk_choose(const struct chunk_case *job)
{
    switch (job->schedule) {
    case GRAIN_SCHEDULE_DEFAULT:
    case GRAIN_SCHEDULE_STATIC:
        return 0;
    case GRAIN_SCHEDULE_GUIDED:
        return chunk_of_claims(job, CLAIMS_GUIDED);
    case GRAIN_SCHEDULE_STEAL:
        if (!job->is_chunk_task)
            return 1; /* a claim of one's own range costs nothing: the smallest leaves thieves the most */
        break;
    case GRAIN_SCHEDULE_DYNAMIC:
        if (!job->is_chunk_task && job->has_pilot)
            return 0;
        break;
    default:
        break;
    }
    return chunk_of_claims(job, CLAIMS_COUNTED);
}

size_t chunk_resolve(int64_t asked, const struct chunk_case *job)
{
    size_t chunk;
    if (asked == GRAIN_CHUNK_PYTHON)
        chunk = chunk_of_claims(job, CLAIMS_PYTHON);
    else
        chunk = asked > 0 ? (size_t)asked : chunk_choose(job);
    return chunk < job->count ? chunk : job->count;
}
