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

#define PROCESSES                                                                                                      \
    {                                                                                                                  \
        "fork"                                                                                                         \
    }
#define OWN_POOLS                                                                                                      \
    {                                                                                                                  \
        "fork", "pthread"                                                                                              \
    }
#define STEAL_AT(tasks, ...)                                                                                           \
    {                                                                                                                  \
        .call = "map", .schedule = "steal", .chunk = PICK_CHUNK_FIXED, .fixed_chunk = (tasks), __VA_ARGS__             \
    }

#define CALL(name)                                                                                                     \
    {                                                                                                                  \
        .call = (name)                                                                                                 \
    }
/* At CPython's chunk, under the one schedule that the sweep of the calls has. */
#define AT_PYTHON(name)                                                                                                \
    {                                                                                                                  \
        .call = (name), .chunk = PICK_CHUNK_PYTHON                                                                     \
    }
#define OF_CPYTHON(...)                                                                                                \
    {                                                                                                                  \
        .backend = "cpython", __VA_ARGS__                                                                              \
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
     CLAIM_OVER_CELL, MAP_AT(1), MAP_BEST, .limit = 3, .sense = CLAIM_AT_LEAST},
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
     .sense = CLAIM_AT_LEAST,
     .needs_cpus = true},
    {"compute-reaches-peak",
     "%s: with kernel compute, chunk 1, the speedup is at least 0.9 of the peak's",
     EACH,
     CLAIM_SHARE_OF_PEAK,
     {.kernel = "compute:40000", .call = "map", .schedule = "dynamic", .chunk = PICK_CHUNK_FIXED, .fixed_chunk = 1},
     .limit = 0.9,
     .sense = CLAIM_AT_LEAST,
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
    {"core-chunk1", "%s: map, steal, chunk 1, 200000 rows: speedup over the serial callback", PROCESSES, CLAIM_SPEEDUP,
     STEAL_AT(1, .rows = 200000), .sense = CLAIM_AT_LEAST, .limit = 1.43, .goal = 1.6, .needs_cpus = true,
     .is_core = true},
    {"core-chunk1",
     "%s: map, steal, chunk 1, 200000 rows: speedup over the serial callback",
     {"pthread"},
     CLAIM_SPEEDUP,
     STEAL_AT(1, .rows = 200000),
     .sense = CLAIM_AT_LEAST,
     .limit = 1.43,
     .goal = 1.65,
     .needs_cpus = true,
     .is_core = true},
    {"core-chunk1-copied", "%s: the same, rows copied in: speedup over the serial callback", PROCESSES, CLAIM_SPEEDUP,
     STEAL_AT(1, .rows = 200000, .data = CELL_DATA_COPY), .sense = CLAIM_AT_LEAST, .limit = 0.85, .goal = 1.1,
     .needs_cpus = true, .is_core = true},
    {"core-outlier", "%s: one task as long as 200 others, among 199: time over the best possible", OWN_POOLS,
     CLAIM_OVER_BEST, STEAL_AT(1, .kernel = "outlier", .rows = 200), .sense = CLAIM_AT_MOST, .limit = 1.1, .goal = 1.03,
     .needs_cpus = true, .is_core = true},
    {"core-peak-2m", "%s: map, steal, chunk 25000, 2 million rows: share of the measured peak", OWN_POOLS,
     CLAIM_SHARE_OF_PEAK, STEAL_AT(25000, .rows = 2000000), .sense = CLAIM_AT_LEAST, .limit = 0.95, .goal = 0.98,
     .needs_cpus = true, .is_core = true},
    {"core-peak", "%s: map, steal, chunk 25000, 200000 rows: share of the measured peak", OWN_POOLS,
     CLAIM_SHARE_OF_PEAK, STEAL_AT(25000, .rows = 200000), .sense = CLAIM_AT_LEAST, .limit = 0.8, .goal = 0.9,
     .needs_cpus = true, .is_core = true},
    {"core-apply",
     "%s: apply, 1 worker: time over a cache line's round trip",
     PROCESSES,
     CLAIM_OVER_FLOOR,
     {.call = "apply", .workers = 1},
     .sense = CLAIM_AT_MOST,
     .limit = 2.5,
     .goal = 1.4,
     .is_core = true},
    {"core-apply-cold",
     "%s: apply, 1 worker, asleep: time over a cache line's round trip",
     PROCESSES,
     CLAIM_OVER_FLOOR,
     {.call = "apply", .workers = 1, .start = CELL_START_COLD},
     .sense = CLAIM_REPORTED,
     .is_core = true},
    {"core-open",
     "%s: opening and freeing a pool of 2 workers, over 3 raw forks",
     PROCESSES,
     CLAIM_OVER_FLOOR,
     {.call = "open", .workers = 2},
     .sense = CLAIM_AT_MOST,
     .limit = 1.7,
     .goal = 1.3,
     .is_core = true},
    {"metg-map", "%s: map, steal, chunk 1: METG(50 %%) against the measured peak, ns", OWN_POOLS, CLAIM_METG,
     STEAL_AT(1, .kernel = "compute"), .sense = CLAIM_AT_MOST, .limit = 15, .goal = 6, .needs_cpus = true},
    {"metg-task",
     "%s: a task each: METG(50 %%) against the measured peak, ns",
     {"gomp-task"},
     CLAIM_METG,
     {.kernel = "compute", .call = "map", .schedule = "-"},
     .sense = CLAIM_REPORTED,
     .needs_cpus = true},
    {"tutorial-apply", "%s: apply is slower than the serial loop", WITH_PEERS, CLAIM_OVER_LOOP, APPLY, .limit = 1,
     .is_tutorial = true},
    {"tutorial-map", "%s: map is faster than apply", WITH_PEERS, CLAIM_OVER_CELL, APPLY, AT_PYTHON("map"), .limit = 1,
     .is_tutorial = true},
    {"tutorial-starmap", "%s: starmap is as fast as map, within a quarter", WITH_PEERS, CLAIM_OVER_CELL,
     AT_PYTHON("starmap"), AT_PYTHON("map"), .sense = CLAIM_AT_MOST, .limit = 1.25, .is_tutorial = true},
    {"tutorial-apply-async", "%s: apply_async is faster than apply", WITH_PEERS, CLAIM_OVER_CELL, APPLY,
     CALL("apply_async"), .limit = 1, .is_tutorial = true},
    {"tutorial-map-async", "%s: map_async is faster than map", WITH_PEERS, CLAIM_OVER_CELL, AT_PYTHON("map"),
     AT_PYTHON("map_async"), .limit = 1, .is_tutorial = true},
    {"tutorial-loop", "%s: map beats the serial loop", WITH_PEERS, CLAIM_OVER_LOOP, AT_PYTHON("map"),
     .sense = CLAIM_AT_MOST, .limit = 1, .needs_cpus = true, .is_tutorial = true},
    {"tutorial-loop-chunks", "%s: map_chunks beats the serial loop", EACH, CLAIM_OVER_LOOP, AT_PYTHON("map_chunks"),
     .sense = CLAIM_AT_MOST, .limit = 1, .needs_cpus = true, .is_tutorial = true},
    {"tutorial-order", "%s: callbacks of apply_async arrive out of order (how many a call)", WITH_PEERS,
     CLAIM_OUT_OF_ORDER, CALL("apply_callback"), .limit = 0, .is_tutorial = true},
    {"tutorial-open", "%s: opening the pool takes longer than apply_async and get of all rows", WITH_PEERS,
     CLAIM_OVER_CELL, CALL("open"), CALL("apply_async"), .limit = 1, .is_tutorial = true},
    {"tutorial-cheaper-apply", "%s: apply is at least 20 x cheaper than CPython's", PROCESSES, CLAIM_OVER_CELL,
     OF_CPYTHON(.call = "apply"), APPLY, .sense = CLAIM_AT_LEAST, .limit = 20, .is_tutorial = true},
    {"tutorial-cheaper-async", "%s: apply_async and get are at least 200 x cheaper than CPython's", PROCESSES,
     CLAIM_OVER_CELL, OF_CPYTHON(.call = "apply_async"), CALL("apply_async"), .sense = CLAIM_AT_LEAST, .limit = 200,
     .is_tutorial = true},
    {"tutorial-cheaper-map1", "%s: map, steal, chunk 1, is at least 1000 x cheaper than CPython's map, chunk 1",
     PROCESSES, CLAIM_OVER_CELL, OF_CPYTHON(.call = "map", .chunk = PICK_CHUNK_FIXED, .fixed_chunk = 1),
     STEAL_AT(1, .start = CELL_START_WARM), .sense = CLAIM_AT_LEAST, .limit = 1000, .is_tutorial = true},
};

const size_t claim_kind_count = sizeof claim_kinds / sizeof claim_kinds[0];
