/* SPDX-License-Identifier: MIT
 *
 * How many tasks one claim takes: as many as the caller asks for, or, where that is 0, what suits the schedule. Pure.
 */
#ifndef GRAIN_CHUNK_H
#define GRAIN_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grain.h"

struct chunk_case {
    enum grain_schedule schedule;
    size_t count, workers;
    bool is_chunk_task; /* one call per claim, which may have something to prepare */
    bool has_pilot;     /* `dynamic` finds its chunk by itself: sched/pilot.h */
};

/* asked: as grain_call_options.chunk. At most count; 0: one part per worker, or the backend's own choice. */
size_t chunk_resolve(int64_t asked, const struct chunk_case *job);

#endif
