/* SPDX-License-Identifier: MIT
 *
 * The profiles that answer one question each; a published run has each in a folder of its own, with a part of
 * RESULTS.md about it. core and overhead must end within 60 s on two CPUs.
 */
#include "profiles.h"

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

/* What "Overhead" in RESULTS.md is about: two workers, whatever the machine has. Peers that this build lacks give no
 * cell. The tasks of METG(50 %): a few nanoseconds on our pools, up to a microsecond where each is a task of OpenMP's
 * own. */
#define METG_SMALL  "compute:1,compute:2,compute:4,compute:8,compute:16,compute:32"
#define METG_TASKS  "compute:64,compute:256,compute:1024"
#define METG_LONGER "compute:4096,compute:16384"
static const struct plan_row overhead_rows[] = {
    {.backends = "fork,pthread", .schedules = "steal", .workers = "2", .repetitions = 15},
    {.backends = "gomp", .schedules = "dynamic", .workers = "2", .repetitions = 3},
    {.backends = "gomp-task,tbb-simple", .schedules = "-", .workers = "2", .repetitions = 3},
    {.backends = "openmp-as-shipped", .workers = "2"},
    {.backends = "fork", .calls = "apply", .workers = "1", .tasks = 2000, .repetitions = 5},
    {.backends = "fork", .calls = "apply_async", .workers = "2", .repetitions = 3},
    {.kernels = METG_SMALL,
     .backends = "fork,pthread",
     .schedules = "steal",
     .workers = "2",
     .rows = "400000",
     .repetitions = 5,
     .beside = "callback,floor"},
    {.kernels = METG_TASKS,
     .backends = "gomp-task",
     .schedules = "-",
     .workers = "2",
     .rows = "10^5",
     .beside = "callback,floor"},
    {.kernels = METG_LONGER,
     .backends = "gomp-task",
     .schedules = "-",
     .workers = "2",
     .rows = "10^4",
     .beside = "callback,floor"},
    {.backends = "floor", .calls = "bandwidth", .workers = "1", .repetitions = 5},
    {.backends = "fork,pthread", .calls = "idle", .workers = "2", .rows = "0"},
};

/* What "The ladder" in RESULTS.md is about: one call, handed over in ever quicker ways, each beside the raw round trip
 * of its kind. One worker: a call of apply keeps no more busy. */
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

/* What "The floor" in RESULTS.md is about: what the machine itself takes, and what the pools take, each beside its
 * floor where that can run turn by turn with it. */
static const struct plan_row floor_rows[] = {
    {.backends = "floor", .calls = "cacheline,mailbox,futex,pipe", .tasks = 2000, .beside = "floor"},
    {.backends = "floor", .calls = "fork,thread", .beside = "floor"},
    {.backends = "floor", .calls = "atomic", .workers = "up-to-P", .tasks = 20000, .beside = "callback"},
    {.backends = "floor", .calls = "bandwidth,peak", .workers = "up-to-P"},
    {.backends = "fork", .calls = "apply", .workers = "1", .waits = "adaptive,park", .tasks = 2000, .beside = "floor"},
    {.backends = "fork-pipe", .calls = "apply", .workers = "1", .tasks = 2000, .beside = "floor"},
    {.backends = "fork,pthread", .calls = "open", .rows = "0", .beside = "floor"},
    {.backends = "fork,pthread,openmp,openmp-as-shipped", .beside = "callback,floor"},
    {.backends = "fork,pthread", .schedules = "steal", .beside = "callback,floor"},
    {.backends = "fork,pthread", .calls = "map_chunks", .schedules = "steal", .chunks = "auto", .beside = "floor"},
    {.backends = "openmp", .calls = "map_chunks", .chunks = "auto", .beside = "floor"},
    {.chunks = "python", .beside = "floor"},
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
/* What "METG" in RESULTS.md is about: tasks from 1 ns to 10 ms, at each length as many as make some 20 ms of serial
 * work, 10^6 at most and 16 for each CPU at least. Beside each the callback and the peak. Backends are measured where
 * their efficiency is neither surely 0 nor surely 1: who hands out task by task from 10 ns on, who takes long for it
 * from 100 ns on. apply keeps one task under way, so a few will do. */
#define METG(n, count, who, ...)                                                                                       \
    {                                                                                                                  \
        .kernels = "compute:" #n, .backends = who, .rows = (count), .beside = "callback,floor", __VA_ARGS__            \
    }
#define METG_STEAL(n, count, ...) METG(n, count, "fork,pthread", .schedules = "steal", __VA_ARGS__)
#define METG_EACH(n, count)       METG(n, count, "fork,pthread,openmp,gomp,gomp-task,tbb-simple", .calls = "map")
#define METG_SLOW(n, count)       METG(n, count, "libomp", .calls = "map")
#define METG_SHIPPED(n, count)    METG(n, count, "openmp-as-shipped", .calls = "map")
#define METG_CALL(n, count, name) METG(n, count, "fork,pthread", .calls = name)
#define METG_QUICK(n, count)      METG_STEAL(n, count, .repetitions = 3)
#define METG_ALL(n, count)        METG_STEAL(n, count, .calls = "map"), METG_EACH(n, count)
#define METG_MAPS(n, count)       METG_ALL(n, count), METG_SLOW(n, count)

static const struct plan_row metg_rows[] = {
    METG_QUICK(1, "10^6"),
    METG_QUICK(2, "10^6"),
    METG_QUICK(5, "10^6"),
    METG_ALL(10, "10^6"),
    METG_ALL(20, "10^6"),
    METG_ALL(50, "400000"),
    METG_MAPS(100, "200000"),
    METG_MAPS(200, "100000"),
    METG_MAPS(500, "40000"),
    METG_MAPS(1000, "20000"),
    METG_MAPS(2000, "10000"),
    METG_MAPS(5000, "4000"),
    METG_MAPS(10000, "1000P"),
    METG_MAPS(100000, "100P"),
    METG_MAPS(1000000, "16P"),
    METG_STEAL(10000000, "16P", .calls = "map"),
    METG_SHIPPED(100, "200000"),
    METG_SHIPPED(1000, "20000"),
    METG_SHIPPED(10000, "1000P"),
    METG_SHIPPED(100000, "100P"),
    METG_SHIPPED(1000000, "16P"),
    METG_SHIPPED(10000000, "16P"),
    METG_CALL(10, "200000", "apply_async"),
    METG_CALL(50, "200000", "apply_async"),
    METG_CALL(100, "200000", "apply_async"),
    METG_CALL(200, "100000", "apply_async"),
    METG_CALL(500, "40000", "apply_async"),
    METG_CALL(1000, "20000", "apply_async"),
    METG_CALL(2000, "10000", "apply_async"),
    METG_CALL(5000, "4000", "apply_async"),
    METG_CALL(10000, "1000P", "apply_async"),
    METG_CALL(100000, "100P", "apply_async"),
    METG_CALL(1000000, "16P", "apply_async"),
    METG_CALL(100, "500", "apply"),
    METG_CALL(1000, "500", "apply"),
    METG_CALL(2000, "500", "apply"),
    METG_CALL(5000, "500", "apply"),
    METG_CALL(10000, "500", "apply"),
    METG_CALL(20000, "500", "apply"),
    METG_CALL(50000, "400", "apply"),
    METG_CALL(100000, "200", "apply"),
    METG_CALL(200000, "100", "apply"),
    METG_CALL(500000, "40", "apply"),
    METG_CALL(1000000, "20", "apply"),
    METG_CALL(10000000, "4", "apply"),
};

/* Other libraries on the same rows, and ours beside them: what "Peers" in RESULTS.md is about. A runtime that spins
 * after a region would disturb a `peak` beside it, so there is none. `auto` is chunk 0: a library's own choice. */
#define PEER_CHUNKS "1,16,256,4096,auto"
#define BASELINES   "loop,callback"

static const struct plan_row peers_rows[] = {
    {.backends = "fork,pthread", .schedules = "steal", .chunks = PEER_CHUNKS, .beside = BASELINES},
    {.backends = "gomp,libomp", .schedules = "static,dynamic,guided", .chunks = PEER_CHUNKS, .beside = BASELINES},
    {.backends = "gomp-task,libomp-task,tbb-simple,tbb-auto,tbb-task,glib,pthreadpool",
     .chunks = PEER_CHUNKS,
     .beside = BASELINES},
    {.backends = "openmp,openmp-as-shipped", .chunks = PEER_CHUNKS, .beside = BASELINES},
    {.backends = "cpython", .tasks = 2000, .beside = "loop"},
    {.backends = "cpython", .chunks = "python", .beside = "loop"},
};

/* Tasks of 100 ns, 10 us and 1 ms; tasks that stream 4 KB each through 64 MB; tasks of very different length, in no
 * order and rising. */
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

const struct plan_profile plan_insides[] = {
    {.name = "core",
     .summary = "what the pool itself must reach, in 9 rounds, under a minute on 2 CPUs",
     .rounds = 9,
     .repetitions = 1,
     .min_time_s = 0.002,
     .budget_s = 57,
     ARRAY(core_rows)},
    {.name = "overhead",
     .summary = "what a task costs beside libgomp and oneTBB, in 7 rounds, under a minute on 2 CPUs",
     .rounds = 7,
     .repetitions = 1,
     .min_time_s = 0.002,
     .budget_s = 57,
     ARRAY(overhead_rows)},
    {.name = "ladder",
     .summary = "one call over pipes, futexes and spinning, in 7 rounds, about half a minute on 2 CPUs",
     .rounds = 7,
     .repetitions = 3,
     .min_time_s = 0.002,
     .budget_s = 38,
     ARRAY(ladder_rows)},
    {.name = "floor",
     .summary = "what the machine itself takes, and the pools beside it, in 7 rounds, about 40 seconds on 2 CPUs",
     .rounds = 7,
     .repetitions = 3,
     .min_time_s = 0.002,
     .budget_s = 50,
     ARRAY(floor_rows)},
    {.name = "metg",
     .summary = "how short tasks may be: 1 ns to 10 ms, in 5 rounds, about 100 seconds on 2 CPUs",
     .rounds = 5,
     .repetitions = 1,
     .min_time_s = 0, /* one call a time: nothing to calibrate */
     .budget_s = 110,
     ARRAY(metg_rows)},
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
    {.name = "peers",
     .summary = "other libraries on the same rows, in 5 rounds, about a minute on 2 CPUs",
     .rounds = 5,
     .repetitions = 1,
     .min_time_s = 0, /* one call a time: nothing to calibrate */
     .budget_s = 50,
     ARRAY(peers_rows)},
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

const size_t plan_inside_count = sizeof plan_insides / sizeof *plan_insides;
