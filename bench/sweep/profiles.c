/* SPDX-License-Identifier: MIT
 *
 * The profiles: what `grain sweep` measures. Each row is a grid (see struct plan_row); cells that stand
 * in two rows are measured once. quick, core and default must end within 17 s, 60 s and 150 s on two CPUs: whoever
 * adds a row there takes something else out.
 */
#include <math.h>
#include <string.h>

#include "plan.h"

#define ARRAY(array) .rows = array, .row_count = sizeof array / sizeof *array

/* compute: tasks of about 50 us; 2000 of them are 100 ms of serial work. quick takes 12 ms: its time is short. */
#define COMPUTE "compute:40000"

static const struct plan_row quick_rows[] = {
    {.chunks = "1,64,1024,python"},
    {.backends = "fork,pthread", .schedules = "steal", .chunks = "1,1024"},
    {.backends = "openmp", .schedules = "static", .chunks = "1,1024"},
    {.calls = "apply", .tasks = 1000},
    {.backends = "openmp-as-shipped"},
    {.backends = "floor", .calls = "peak", .workers = "up-to-P"},
    {.backends = "null"},
    {.chunks = "1,1024", .workers = "up-to-2P"},
    {.kernels = COMPUTE, .rows = "250"},
    {.kernels = COMPUTE, .backends = "floor", .calls = "peak", .rows = "250"},
    {.backends = "cpython", .calls = "apply", .tasks = 2000},
    {.backends = "cpython", .tasks = 2000},
    {.backends = "cpython", .chunks = "python"},
};

static const struct plan_row default_rows[] = {
    {.chunks = "1,4,16,64,256,1024,4096,python", .repetitions = 3},
    {.backends = "fork,pthread", .schedules = "steal", .chunks = "1,4,16,64,256,1024,4096,python", .repetitions = 3},
    {.schedules = "static,guided,taskloop", .chunks = "1,256,4096,python"},
    {.calls = "apply", .tasks = 2000, .repetitions = 3},
    {.backends = "openmp-as-shipped", .chunks = "1,64,python"},
    {.backends = "openmp-as-shipped", .calls = "apply", .tasks = 2000},
    {.backends = "floor", .calls = "peak", .workers = "up-to-P", .repetitions = 3},
    {.backends = "null"},
    {.kernels = "empty", .chunks = "1,64,python"},
    {.chunks = "1,4096,python", .workers = "up-to-2P"},
    {.kernels = COMPUTE, .rows = "2500", .workers = "up-to-2P"},
    {.kernels = COMPUTE, .backends = "floor", .calls = "peak", .rows = "2500"},
    {.calls = "open", .rows = "0"},
    {.backends = "floor", .calls = "cacheline,fork", .tasks = 2000},
    {.chunks = "25000", .rows = "2000000", .repetitions = 5},
    {.backends = "floor", .calls = "peak", .rows = "2000000", .repetitions = 5},
    {.backends = "cpython", .calls = "loop"},
    {.backends = "cpython", .calls = "apply", .tasks = 2000},
    {.backends = "cpython", .chunks = "1,64", .tasks = 10000},
    {.backends = "cpython", .chunks = "python"},
};

static const struct plan_row full_rows[] = {
    {.schedules = "dynamic,steal,static,guided,taskloop", .chunks = "2^0..2^17,python,auto"},
    {.calls = "map_chunks", .chunks = "2^0..2^17,python"},
    {.calls = "apply", .tasks = 10000},
    {.backends = "openmp-as-shipped", .schedules = "dynamic,static", .chunks = "2^0..2^17,python"},
    {.backends = "openmp-as-shipped", .calls = "apply", .tasks = 10000},
    {.backends = "floor", .calls = "peak", .workers = "up-to-P"},
    {.backends = "null", .chunks = "1,64,python"},
    {.kernels = "empty", .chunks = "2^0..2^17,python"},
    {.chunks = "1,16,256,4096,python", .workers = "up-to-2P"},
    {.kernels = COMPUTE, .rows = "2000", .workers = "up-to-2P"},
    {.kernels = COMPUTE, .backends = "floor", .calls = "peak", .workers = "up-to-P", .rows = "2000"},
    {.calls = "open", .rows = "0", .workers = "up-to-2P"},
    {.backends = "floor", .calls = "cacheline,fork", .tasks = 10000},
    {.chunks = "python", .rows = "10^3..10^7"},
    {.chunks = "25000", .rows = "2000000"},
    {.backends = "floor", .calls = "peak", .rows = "10^3..10^7,2000000"},
    {.chunks = "1,64,1024,python", .datas = "copy"},
    {.calls = "apply", .starts = "cold", .tasks = 500},
    {.chunks = "1,python", .starts = "cold"},
    {.calls = "apply", .waits = "spin,park", .backends = "fork,pthread", .tasks = 2000},
    {.backends = "cpython", .calls = "loop", .repetitions = 1},
    {.backends = "cpython", .calls = "apply", .tasks = 2000, .repetitions = 1},
    {.backends = "cpython", .chunks = "1,64,python", .repetitions = 1},
};

/* outlier: short tasks of about 2 ms, the long one of 400 ms. */
#define OUTLIER "outlier:1600000"

/* What "The pool's core" in RESULTS.md is about, and nothing else: two workers, whatever the machine has. */
static const struct plan_row core_rows[] = {
    {.backends = "fork,pthread", .schedules = "steal", .chunks = "1,25000", .workers = "2", .repetitions = 5},
    {.backends = "fork", .schedules = "steal", .workers = "2", .datas = "copy", .repetitions = 5},
    {.backends = "fork,pthread",
     .schedules = "steal",
     .chunks = "25000",
     .workers = "2",
     .rows = "2000000",
     .beside = "callback,floor",
     .repetitions = 5},
    {.kernels = OUTLIER,
     .backends = "fork,pthread",
     .schedules = "steal",
     .workers = "2",
     .rows = "200",
     .beside = "callback"},
    {.backends = "fork", .calls = "apply", .workers = "1", .starts = "warm", .tasks = 2000, .repetitions = 5},
    {.backends = "fork", .calls = "apply", .workers = "1", .starts = "cold", .tasks = 50},
    {.backends = "fork", .calls = "open", .workers = "2", .rows = "0", .repetitions = 5},
};

/* What "The ladder" in RESULTS.md is about: one call, handed over in ever quicker ways, each beside the raw round trip of
 * its kind. One worker: a call of apply keeps no more busy. */
static const struct plan_row ladder_rows[] = {
    {.backends = "cpython", .calls = "apply", .workers = "1", .tasks = 2000, .beside = "loop"},
    {.backends = "fork-pipe", .calls = "apply", .workers = "1", .tasks = 2000, .beside = "floor"},
    {.backends = "fork",
     .calls = "apply",
     .workers = "1",
     .waits = "park,spin,adaptive",
     .tasks = 2000,
     .beside = "floor"},
    {.backends = "floor", .calls = "cacheline,futex,pipe", .tasks = 2000, .beside = "floor"},
};

/* Tasks of a nanosecond: at 10^8 rows a process holds 2.4 GB of items and results. */
#define GROWTH "compute:1"

/* What "Growth" in RESULTS.md is about. */
static const struct plan_row growth_rows[] = {
    {.kernels = GROWTH, .backends = "fork,pthread", .schedules = "steal", .rows = "10^3..10^8", .beside = "callback"},
    {.kernels = GROWTH,
     .backends = "fork,pthread",
     .schedules = "steal",
     .rows = "10^6",
     .workers = "2^0..2^5",
     .beside = "callback"},
};

/* The calls over all rows at once, each with its asynchronous twin; those that are measured at CPython's chunk too. */
#define MAPS  "map,map_async,map_chunks,map_chunks_async,starmap,starmap_async"
#define RULED "map,map_async,starmap"

/* CPython's calls that hand over rows one by one, without its apply. */
#define PYTHON_SINGLES "apply_async,apply_callback,imap,imap_unordered"
#define PYTHON_MAPS    "map,map_async,starmap,starmap_async"

/* Every call on the same rows: what "All calls" in RESULTS.md is about. */
static const struct plan_row calls_rows[] = {
    {.calls = "apply", .tasks = 2000},
    {.calls = "apply_async,apply_callback"},
    {.calls = MAPS, .backends = "fork,pthread", .schedules = "steal", .chunks = "1,auto"},
    {.calls = MAPS, .backends = "openmp", .chunks = "1,auto"},
    {.calls = RULED, .backends = "fork,pthread", .schedules = "steal", .chunks = "python"},
    {.calls = RULED, .backends = "openmp", .chunks = "python"},
    {.calls = "imap,imap_unordered", .chunks = "auto"},
    {.calls = "spawn", .backends = "fork", .tasks = 100},
    {.calls = "open", .rows = "0"},
    {.calls = "apply", .starts = "cold", .tasks = 20},
    {.calls = "apply_async", .starts = "cold"},
    {.calls = "map", .backends = "fork,pthread", .schedules = "steal", .chunks = "auto", .starts = "cold"},
    {.calls = "map", .backends = "openmp", .chunks = "auto", .starts = "cold"},
    {.backends = "cpython", .calls = "loop"},
    {.backends = "cpython", .calls = "apply", .tasks = 1000},
    {.backends = "cpython", .calls = PYTHON_SINGLES, .chunks = "auto", .tasks = 2000},
    {.backends = "cpython", .calls = PYTHON_MAPS, .tasks = 2000},
    {.backends = "cpython", .calls = PYTHON_MAPS, .chunks = "python"},
    {.backends = "cpython", .calls = "spawn", .tasks = 10},
    {.backends = "cpython", .calls = "open", .rows = "0"},
};

/* Tasks of 100 ns, 10 us and 1 ms; tasks that stream 4 KB each through 64 MB; tasks of very different length, in no order
 * and rising. */
#define CHOICE_SHORT  "howmany,compute:80"
#define CHOICE_MIDDLE "compute:8000,imbalance:10000,imbalance-sorted:10000"
#define CHOICE_LONG   "compute:800000"
#define CHOICE_MEMORY "memory:4096"

/* At least twelve chunks each, on two workers too. */
#define CHUNKS_SHORT  "1,4,16,32,64,128,256,512,1024,4096,16384,python,share"
#define CHUNKS_MIDDLE "1,2,3,4,6,8,12,16,32,64,128,256,python,share"
#define CHUNKS_LONG   "1,2,3,4,5,6,7,8,10,12,16,24,share"
#define CHUNKS_MEMORY "1,2,4,8,16,32,64,128,256,512,1024,python,share"

/* What stealing backends and OpenMP's loops are asked for: the schedules that are theirs by default. */
#define STEALING .backends = "fork,pthread", .schedules = "steal"
#define LOOPING  .backends = "openmp,openmp-as-shipped", .schedules = "dynamic"

/* Which chunk is quickest? Nothing beside the cells: the winners are measured again. */
static const struct plan_row choice_rows[] = {
    {.kernels = CHOICE_SHORT, STEALING, .chunks = CHUNKS_SHORT, .rows = "N", .beside = "", .repetitions = 3},
    {.kernels = CHOICE_SHORT, LOOPING, .chunks = CHUNKS_SHORT, .rows = "N", .beside = "", .repetitions = 3},
    {.kernels = CHOICE_MIDDLE, STEALING, .chunks = CHUNKS_MIDDLE, .rows = "4000", .beside = ""},
    {.kernels = CHOICE_MIDDLE, LOOPING, .chunks = CHUNKS_MIDDLE, .rows = "4000", .beside = ""},
    {.kernels = CHOICE_LONG, STEALING, .chunks = CHUNKS_LONG, .rows = "64", .beside = ""},
    {.kernels = CHOICE_LONG, LOOPING, .chunks = CHUNKS_LONG, .rows = "64", .beside = ""},
    {.kernels = CHOICE_MEMORY, STEALING, .chunks = CHUNKS_MEMORY, .rows = "16384", .beside = ""},
    {.kernels = CHOICE_MEMORY, LOOPING, .chunks = CHUNKS_MEMORY, .rows = "16384", .beside = ""},
};

/* The pool's own choice beside the winner of choice_rows, turn by turn. */
static const struct plan_row choice_check_rows[] = {
    {.kernels = CHOICE_SHORT, STEALING, .chunks = "auto", .rows = "N", .beside = "winner", .repetitions = 5},
    {.kernels = CHOICE_SHORT, LOOPING, .chunks = "auto", .rows = "N", .beside = "winner", .repetitions = 5},
    {.kernels = CHOICE_MIDDLE, STEALING, .chunks = "auto", .rows = "4000", .beside = "winner"},
    {.kernels = CHOICE_MIDDLE, LOOPING, .chunks = "auto", .rows = "4000", .beside = "winner"},
    {.kernels = CHOICE_LONG, STEALING, .chunks = "auto", .rows = "64", .beside = "winner"},
    {.kernels = CHOICE_LONG, LOOPING, .chunks = "auto", .rows = "64", .beside = "winner"},
    {.kernels = CHOICE_MEMORY, STEALING, .chunks = "auto", .rows = "16384", .beside = "winner", .repetitions = 5},
    {.kernels = CHOICE_MEMORY, LOOPING, .chunks = "auto", .rows = "16384", .beside = "winner", .repetitions = 5},
};

static const struct plan_profile profiles[] = {
    {.name = "default",
     .summary = "the whole comparison in 11 rounds, about 2 1/2 minutes on 2 CPUs",
     .rounds = 11,
     .repetitions = 1,
     .min_time_s = 0.002,
     .budget_s = 150,
     ARRAY(default_rows)},
    {.name = "quick",
     .summary = "the main points in 5 rounds, about 17 seconds on 2 CPUs",
     .rounds = 5,
     .repetitions = 1,
     .min_time_s = 0, /* one call a time: nothing to calibrate */
     .budget_s = 17,
     ARRAY(quick_rows)},
    {.name = "full",
     .summary = "every chunk, 10^3 to 10^7 rows, 15 rounds, no time limit",
     .rounds = 15,
     .repetitions = 5,
     .min_time_s = 0.01,
     .budget_s = INFINITY,
     ARRAY(full_rows)},
    {.name = "core",
     .summary = "what the pool itself must reach, in 9 rounds, under a minute on 2 CPUs",
     .rounds = 9,
     .repetitions = 1,
     .min_time_s = 0.002,
     .budget_s = 57,
     ARRAY(core_rows)},
    {.name = "ladder",
     .summary = "one call over pipes, futexes and spinning, in 7 rounds, about half a minute on 2 CPUs",
     .rounds = 7,
     .repetitions = 3,
     .min_time_s = 0.002,
     .budget_s = 38,
     ARRAY(ladder_rows)},
    {.name = "growth",
     .summary = "10^3 to 10^8 rows, 1 to 32 workers, about 2 minutes and 2.5 GB of memory",
     .rounds = 5,
     .repetitions = 1,
     .min_time_s = 0.002,
     .budget_s = 120,
     ARRAY(growth_rows)},
    {.name = "calls",
     .summary = "every call on every backend and in CPython, in 5 rounds, about 2 to 3 minutes on 2 CPUs",
     .rounds = 5,
     .repetitions = 1,
     .min_time_s = 0, /* one call a time: nothing to calibrate */
     .budget_s = 90,
     ARRAY(calls_rows)},
    {.name = "choice",
     .summary = "a dozen chunks for each kind of task and backend, in 3 rounds, about 2 minutes on 2 CPUs",
     .rounds = 3,
     .repetitions = 1,
     .min_time_s = 0, /* one call a time: nothing to calibrate */
     .budget_s = 0,
     ARRAY(choice_rows)},
    {.name = "choice-check",
     .summary = "the pool's own chunk beside the winner of choice, in 15 rounds, about 2 minutes on 2 CPUs",
     .rounds = 15,
     .repetitions = 3,
     .min_time_s = 0.005,
     .budget_s = 120,
     ARRAY(choice_check_rows)},
};

const struct plan_profile *plan_profile_at(size_t index)
{
    return index < sizeof profiles / sizeof *profiles ? &profiles[index] : NULL;
}

const struct plan_profile *plan_profile_find(const char *name)
{
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
        if (strcmp(name, profiles[i].name) == 0)
            return &profiles[i];
    return NULL;
}
