/* SPDX-License-Identifier: MIT
 *
 * A cell: one point of a sweep, and its name. The name is the key everywhere: the benchmark's name in
 * Google Benchmark, the filter that selects it, the key of the journal.
 *
 *   howmany/fork/map/dynamic/chunk:64/workers:2/rows:200000/data:shared/start:warm[/wait:spin][/gap:1ms]
 *
 * The kernel may carry its parameter (`compute:1000`). `-` stands for a schedule that does not apply. `gap` is the time
 * that lies between two calls, outside of the clock; without it they follow each other at once.
 * Calls that are named as in grain.h, without `grain_`, but for three: `apply_async` is collected by futures in the
 * order of the rows, `apply_callback` is the same call with a callback and no future, `spawn` a grain_process a task,
 * one after the other (backend fork). Calls that do not block are timed in two phases beside the whole: submit_ns until
 * all is handed over, collect_ns from then on until every result is there; calls that block have neither.
 * `apply_async_get` waits for each call before the next one starts; in `apply_async_mixed` every other call may be
 * tried again.
 * Calls that are no calls of the pool: `loop`, `callback` (backend serial), `open` (open + free of a pool),
 * `idle` (an open pool, half a second of sleep: its CPU time counts), `sleep` (a task of 20 ms for each worker; warm:
 * after 2000 calls of empty tasks by the same function), `waiting` (a future that is waited for: wake-ups count), and
 * the floor's `peak` (P copies of the kernel), `region` (a bare `parallel for` of OpenMP's, bound),
 * `bandwidth` (the items read, each CPU its share), `atomic` (one word that all CPUs add to at the same time, each as
 * often as the call has tasks), `cacheline`, `mailbox`, `futex`, `pipe` (raw round trips between two processes:
 * `mailbox` carries the data of a call of apply over `howmany`, 20 bytes there and 4 back), `fork` (fork, exit, wait)
 * and `thread` (create, join), both one after the other.
 */
#ifndef GRAIN_BENCH_CELL_H
#define GRAIN_BENCH_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CELL_NAME_MAX   208
#define CELL_GAP_MAX_NS 1000000000 /* a second */

enum cell_data { CELL_DATA_SHARED, CELL_DATA_COPY };
enum cell_start { CELL_START_WARM, CELL_START_COLD };
enum cell_wait { CELL_WAIT_ADAPTIVE, CELL_WAIT_SPIN, CELL_WAIT_PARK };

struct cell {
    char kernel[32]; /* with its parameter: "compute:1000" */
    /* "fork", "fork-pipe", "pthread", "openmp", "openmp-as-shipped", "serial", "null", "floor", "cpython", a peer */
    char backend[24];
    char call[20];     /* "apply", "map", "map_chunks_async", "loop", "callback", "open", "peak", ... */
    char schedule[12]; /* "static", "dynamic", "guided", "taskloop", "-" */
    uint64_t chunk;    /* tasks a claim; 0: the pool's own choice, or does not apply */
    int workers;
    uint64_t rows; /* items of the data set; 0 for `open`, `idle`, `sleep`, `waiting`, `fork` and `thread` */
    enum cell_data data;
    enum cell_start start;
    enum cell_wait wait;
    uint64_t gap_ns; /* between two calls: whole microseconds; 0: none */
};

/* Writes the canonical name. Returns 0 or -ENAMETOOLONG. */
int cell_name(const struct cell *cell, char name[CELL_NAME_MAX]);

/* Reads a name; *problem (static text) says what is wrong with it. Returns 0 or -EINVAL. */
int cell_parse(const char *name, struct cell *cell, const char **problem);

/* What runs turn by turn in one process: a cell, its two serial baselines, its floor, and its rival: the same cell with
 * another chunk, where the plan names one. */
enum cell_turn { CELL_TURN_CELL, CELL_TURN_LOOP, CELL_TURN_CALLBACK, CELL_TURN_FLOOR, CELL_TURN_RIVAL, CELL_TURNS };

/* The cell whose turn it is; false where a cell has no such partner, as none has a rival by itself. usable_cpus: see
 * cell_floor(). */
bool cell_partner(const struct cell *cell, enum cell_turn turn, int usable_cpus, struct cell *partner);

/* The serial baseline `loop` or `callback` of a cell's kernel, rows and gap. */
void cell_baseline(const struct cell *cell, const char *call, struct cell *baseline);

/* What this machine can do at best in the place of a cell: `peak` on as many CPUs as the cell can use for a call that
 * has all rows under way (`bandwidth` for `map_chunks` over rows), the round trip of its own kind for `apply` (`pipe`
 * for fork-pipe, `futex` where waiters park, else `cacheline`), `fork` or `thread` for `open`. False: there is none
 * (another program's cell, one that does no work, a baseline, a floor itself, `spawn`, a round trip with one usable
 * CPU, `peak` where tasks differ). */
bool cell_floor(const struct cell *cell, int usable_cpus, struct cell *floor);

/* Whether a call is a raw round trip between two CPUs: `cacheline`, `mailbox`, `futex`, `pipe`. */
bool cell_is_trip(const char *call);

/* CPython's rule for the default chunk: ceil(count / (4 * workers)). */
uint64_t cell_python_chunk(uint64_t count, int workers);

/* min(workers, usable CPUs); 1 for calls with one task outstanding: `apply`, `spawn`, `loop`, `callback`,
 * round trips. */
int cell_workers_used(const struct cell *cell, int usable_cpus);

/* Names of the enumerators, as they stand in names and in summary.csv. */
const char *cell_data_name(enum cell_data data);
const char *cell_start_name(enum cell_start start);
const char *cell_wait_name(enum cell_wait wait);

#endif
