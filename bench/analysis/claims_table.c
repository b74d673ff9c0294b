/* SPDX-License-Identifier: MIT
 *
 * The table of claims. To ask something new, add a row: which cell, compared with what, on which side of which
 * limit. Every sentence here is either confirmed or contradicted by the numbers beside it.
 */
#include "analysis/claims.h"

#define EACH                                                                                                           \
    {                                                                                                                  \
        "fork", "pthread", "openmp"                                                                                    \
    }
#define WITH_PEERS                                                                                                     \
    {                                                                                                                  \
        "fork", "pthread", "openmp", "cpython"                                                                         \
    }
#define OPENMP                                                                                                         \
    {                                                                                                                  \
        "openmp"                                                                                                       \
    }
#define CPYTHON                                                                                                        \
    {                                                                                                                  \
        "cpython"                                                                                                      \
    }

#define APPLY                                                                                                          \
    {                                                                                                                  \
        .call = "apply"                                                                                                \
    }
#define MAP_AT(tasks)                                                                                                  \
    {                                                                                                                  \
        .call = "map", .schedule = "dynamic", .chunk = PICK_CHUNK_FIXED, .fixed_chunk = (tasks)                        \
    }
#define MAP_PYTHON                                                                                                     \
    {                                                                                                                  \
        .call = "map", .schedule = "dynamic", .chunk = PICK_CHUNK_PYTHON                                               \
    }
#define MAP_BEST                                                                                                       \
    {                                                                                                                  \
        .call = "map", .schedule = "dynamic", .chunk = PICK_CHUNK_BEST                                                 \
    }
#define MAP_EACH                                                                                                       \
    {                                                                                                                  \
        .call = "map", .schedule = "dynamic", .chunk = PICK_CHUNK_ANY                                                  \
    }

#define SHIPPED_APPLY                                                                                                  \
    {                                                                                                                  \
        .backend = "openmp-as-shipped", .call = "apply"                                                                \
    }
#define SHIPPED_AT(tasks)                                                                                              \
    {                                                                                                                  \
        .backend = "openmp-as-shipped", .call = "map", .schedule = "dynamic", .chunk = PICK_CHUNK_FIXED,               \
        .fixed_chunk = (tasks)                                                                                         \
    }
#define SHIPPED_PYTHON                                                                                                 \
    {                                                                                                                  \
        .backend = "openmp-as-shipped", .call = "map", .schedule = "dynamic", .chunk = PICK_CHUNK_PYTHON               \
    }

const struct claim_kind claim_kinds[] = {
    {"apply-slower-than-loop", "%s: apply, a call a row, is slower than the serial loop", EACH, CLAIM_OVER_LOOP, APPLY,
     .limit = 1},
    {"apply-slower-than-callback", "%s: apply, a call a row, is slower than the serial callback", EACH,
     CLAIM_OVER_CALLBACK, APPLY, .limit = 1},
    {"map1-slower-than-loop", "%s: map, dynamic, chunk 1, is slower than the serial loop", EACH, CLAIM_OVER_LOOP,
     MAP_AT(1), .limit = 1},
    {"map1-slower-than-callback", "%s: map, dynamic, chunk 1, is slower than the serial callback", EACH,
     CLAIM_OVER_CALLBACK, MAP_AT(1), .limit = 1},
    {"apply-slower-than-own-loop", "%s: apply, a call a row, is slower than its own serial loop", CPYTHON,
     CLAIM_OVER_LOOP, APPLY, .limit = 1},
    {"map1-slower-than-own-loop", "%s: map, chunk 1, is slower than its own serial loop", CPYTHON, CLAIM_OVER_LOOP,
     MAP_AT(1), .limit = 1},
    {"chunk1-costs-3x-best", "%s: map, dynamic, at chunk 1 costs at least 3 x its own best chunk", EACH,
     CLAIM_OVER_CELL, MAP_AT(1), MAP_BEST, .limit = 3, .at_least = true},
    {"map1-beats-apply", "%s: even at chunk 1, map beats apply", WITH_PEERS, CLAIM_OVER_CELL, APPLY, MAP_AT(1),
     .limit = 1},
    {"break-even-loop", "%s: map, dynamic, beats the serial loop from some chunk on", EACH, CLAIM_BREAK_EVEN_LOOP,
     MAP_EACH, .limit = 1, .needs_cpus = true},
    {"break-even-callback", "%s: map, dynamic, beats the serial callback from some chunk on", EACH,
     CLAIM_BREAK_EVEN_CALLBACK, MAP_EACH, .limit = 1, .needs_cpus = true},
    {"pays-at-2m-rows",
     "%s: at 2 million rows, chunk 25000, map reaches at least 0.9 of the measured peak",
     EACH,
     CLAIM_SHARE_OF_PEAK,
     {.call = "map", .schedule = "dynamic", .chunk = PICK_CHUNK_FIXED, .fixed_chunk = 25000, .rows = 2000000},
     .limit = 0.9,
     .at_least = true,
     .needs_cpus = true},
    {"compute-reaches-peak",
     "%s: with kernel compute, chunk 1, the speedup is at least 0.9 of the peak's",
     EACH,
     CLAIM_SHARE_OF_PEAK,
     {.kernel = "compute", .call = "map", .schedule = "dynamic", .chunk = PICK_CHUNK_FIXED, .fixed_chunk = 1},
     .limit = 0.9,
     .at_least = true,
     .needs_cpus = true},
    {"shipped-slower-apply", "%s: as shipped, apply is slower than bound", OPENMP, CLAIM_OVER_CELL, SHIPPED_APPLY,
     APPLY, .limit = 1},
    {"shipped-slower-chunk1", "%s: as shipped, map at chunk 1 is slower than bound", OPENMP, CLAIM_OVER_CELL,
     SHIPPED_AT(1), MAP_AT(1), .limit = 1},
    {"shipped-slower-chunk64", "%s: as shipped, map at chunk 64 is slower than bound", OPENMP, CLAIM_OVER_CELL,
     SHIPPED_AT(64), MAP_AT(64), .limit = 1},
    {"shipped-slower-python", "%s: as shipped, map at CPython's chunk is slower than bound", OPENMP, CLAIM_OVER_CELL,
     SHIPPED_PYTHON, MAP_PYTHON, .limit = 1},
    {"oversubscription-chunk1",
     "%s: twice as many workers cost time at chunk 1",
     EACH,
     CLAIM_OVER_CELL,
     {.call = "map", .schedule = "dynamic", .chunk = PICK_CHUNK_FIXED, .fixed_chunk = 1, .workers_factor = 2},
     MAP_AT(1),
     .limit = 1},
    {"oversubscription-python",
     "%s: twice as many workers cost time at the chunk CPython's rule gives",
     EACH,
     CLAIM_OVER_CELL,
     {.call = "map", .schedule = "dynamic", .chunk = PICK_CHUNK_PYTHON, .workers_factor = 2},
     MAP_PYTHON,
     .limit = 1},
};

const size_t claim_kind_count = sizeof claim_kinds / sizeof claim_kinds[0];
