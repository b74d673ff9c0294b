/* SPDX-License-Identifier: MIT
 *
 * A made-up sweep for the tests of analysis and report: cells with chosen times, a little fixed scatter, written in
 * memory or as the folder of a sweep. The times follow T(c) = s + (W + o * n / c) / P, so the right answers are known.
 */
#ifndef GRAIN_TESTS_SYNTHETIC_H
#define GRAIN_TESTS_SYNTHETIC_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/cell.h"
#include "sweep/journal.h"

#define SYNTHETIC_ROWS     200000
#define SYNTHETIC_ROUNDS   11
#define SYNTHETIC_LOOP     440000.0 /* ns over all rows: 2.2 a row */
#define SYNTHETIC_CALLBACK 620000.0 /* ns over all rows: 3.1 a row */
#define SYNTHETIC_MOST     8192

struct synthetic {
    struct sample *samples;
    size_t count;
};

/* Within one percent, the same each time, different for cell and baseline. */
static inline double synthetic_scatter(double value, size_t a, int b)
{
    return value * (1 + 0.005 * ((double)((a * 7 + (size_t)b * 5) % 5) - 2) / 2);
}

static inline void synthetic_cell(struct synthetic *sweep, const char *name, uint64_t tasks, double time_ns,
                                  double loop_ns, double callback_ns)
{
    for (int round = 0; round < SYNTHETIC_ROUNDS && sweep->count < SYNTHETIC_MOST; round++) {
        struct sample *sample = &sweep->samples[sweep->count];

        *sample = (struct sample){.round = round,
                                  .status = SAMPLE_OK,
                                  .iterations = 3,
                                  .tasks = tasks,
                                  .times = 3,
                                  .handovers = 17,
                                  .load = 1,
                                  .call_bytes = 1.5 * (double)tasks};
        memcpy(sample->cell, name, strnlen(name, sizeof sample->cell - 1)); /* zeroed above */
        for (int i = 0; i < sample->times; i++) {
            sample->times_ns[i] = synthetic_scatter(time_ns, strlen(name) + (size_t)round, i);
            sample->loop_ns[i] = synthetic_scatter(loop_ns, (size_t)round, i + 1);
            sample->callback_ns[i] = synthetic_scatter(callback_ns, (size_t)round, i + 2);
        }
        sweep->count++;
    }
}

static inline void synthetic_map(struct synthetic *sweep, const char *backend, const char *schedule, uint64_t chunk,
                                 int workers, double time_ns)
{
    char name[CELL_NAME_MAX];

    snprintf(name, sizeof name, "howmany/%s/map/%s/chunk:%llu/workers:%d/rows:%d/data:shared/start:warm", backend,
             schedule, (unsigned long long)chunk, workers, SYNTHETIC_ROWS);
    synthetic_cell(sweep, name, SYNTHETIC_ROWS, time_ns, SYNTHETIC_LOOP, SYNTHETIC_CALLBACK);
}

/* One backend: map over chunks, apply, both larger data sets, twice the workers. */
static inline void synthetic_backend(struct synthetic *sweep, const char *backend, double chunk_ns, double apply_ns)
{
    static const uint64_t chunks[] = {1, 4, 16, 64, 256, 1024, 4096, 25000};
    char name[CELL_NAME_MAX];

    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        double claims = ceil((double)SYNTHETIC_ROWS / (double)chunks[i]);

        synthetic_map(sweep, backend, "dynamic", chunks[i], 2, 5000 + (SYNTHETIC_CALLBACK + chunk_ns * claims) / 2);
    }
    synthetic_map(sweep, backend, "static", 1, 2, 400000);
    synthetic_map(sweep, backend, "static", 64, 2, 350000);
    synthetic_map(sweep, backend, "dynamic", 1, 4, 1.5 * SYNTHETIC_ROWS * chunk_ns);
    synthetic_map(sweep, backend, "dynamic", 12500, 4, 600000);
    snprintf(name, sizeof name, "howmany/%s/apply/-/chunk:1/workers:2/rows:%d/data:shared/start:warm", backend,
             SYNTHETIC_ROWS);
    synthetic_cell(sweep, name, 2000, 2000 * apply_ns, SYNTHETIC_LOOP, SYNTHETIC_CALLBACK);
    snprintf(name, sizeof name, "howmany/%s/map/dynamic/chunk:25000/workers:2/rows:2000000/data:shared/start:warm",
             backend);
    synthetic_cell(sweep, name, 2000000, 3.2e6, 4.4e6, 6.2e6);
    snprintf(name, sizeof name, "compute:40000/%s/map/dynamic/chunk:1/workers:2/rows:2000/data:shared/start:warm",
             backend);
    synthetic_cell(sweep, name, 2000, 53e6, 104e6, 104e6);
}

static inline void synthetic_cpython(struct synthetic *sweep)
{
    static const char cells[][CELL_NAME_MAX] = {
        "howmany/cpython/loop/-/chunk:0/workers:1/rows:200000/data:shared/start:warm",
        "howmany/cpython/apply/-/chunk:1/workers:2/rows:200000/data:shared/start:warm",
        "howmany/cpython/map/-/chunk:1/workers:2/rows:200000/data:shared/start:warm",
        "howmany/cpython/map/-/chunk:25000/workers:2/rows:200000/data:shared/start:warm",
    };
    static const uint64_t tasks[] = {SYNTHETIC_ROWS, 2000, 50000, SYNTHETIC_ROWS};
    static const double task_ns[] = {280, 93700, 25370, 1801};

    for (size_t i = 0; i < 4; i++)
        synthetic_cell(sweep, cells[i], tasks[i], (double)tasks[i] * task_ns[i], 280.0 * SYNTHETIC_ROWS, NAN);
}

static inline void synthetic_floor(struct synthetic *sweep)
{
    const double loop = SYNTHETIC_LOOP, callback = SYNTHETIC_CALLBACK;

    synthetic_cell(sweep, "howmany/serial/loop/-/chunk:0/workers:1/rows:200000/data:shared/start:warm", SYNTHETIC_ROWS,
                   loop, loop, callback);
    synthetic_cell(sweep, "howmany/serial/callback/-/chunk:0/workers:1/rows:200000/data:shared/start:warm",
                   SYNTHETIC_ROWS, callback, loop, callback);
    synthetic_cell(sweep, "howmany/floor/peak/-/chunk:0/workers:1/rows:200000/data:shared/start:warm", SYNTHETIC_ROWS,
                   callback, loop, callback);
    synthetic_cell(sweep, "howmany/floor/peak/-/chunk:0/workers:2/rows:200000/data:shared/start:warm", SYNTHETIC_ROWS,
                   callback / 1.96, loop, callback);
    synthetic_cell(sweep, "howmany/floor/peak/-/chunk:0/workers:2/rows:2000000/data:shared/start:warm", 2000000, 3.1e6,
                   4.4e6, 6.2e6);
    synthetic_cell(sweep, "compute:40000/floor/peak/-/chunk:0/workers:2/rows:2000/data:shared/start:warm", 2000, 52.5e6,
                   104e6, 104e6);
    synthetic_cell(sweep, "howmany/null/map/dynamic/chunk:1/workers:1/rows:200000/data:shared/start:warm",
                   SYNTHETIC_ROWS, 300, loop, callback);
    synthetic_cell(sweep, "howmany/fork/open/-/chunk:0/workers:2/rows:0/data:shared/start:warm", 0, 900000, NAN, NAN);
}

/* Gives a floor to the cells whose name starts like this. */
static inline void synthetic_beside(struct synthetic *sweep, const char *prefix, double floor_ns)
{
    for (size_t i = 0; i < sweep->count; i++)
        for (int k = 0; k < sweep->samples[i].times && strncmp(sweep->samples[i].cell, prefix, strlen(prefix)) == 0;
             k++)
            sweep->samples[i].floor_ns[k] = synthetic_scatter(floor_ns, (size_t)sweep->samples[i].round, k + 3);
}

/* The cells of profile core that reach their goals, with floors where they have such. */
static inline void synthetic_core(struct synthetic *sweep)
{
    const double loop = SYNTHETIC_LOOP, callback = SYNTHETIC_CALLBACK;
    static const struct {
        const char *name;
        uint64_t tasks;
        double time_ns, loop_ns, callback_ns, floor_ns;
    } cells[] = {
        {"howmany/fork/map/steal/chunk:1/workers:2/rows:200000/data:shared/start:warm", SYNTHETIC_ROWS, callback / 1.8,
         loop, callback, callback / 1.96},
        {"howmany/pthread/map/steal/chunk:1/workers:2/rows:200000/data:shared/start:warm", SYNTHETIC_ROWS,
         callback / 1.6, loop, callback, callback / 1.96},
        {"howmany/fork/map/steal/chunk:1/workers:2/rows:200000/data:copy/start:warm", SYNTHETIC_ROWS, callback / 0.7,
         loop, callback, callback / 1.96},
        {"outlier:1600000/fork/map/steal/chunk:1/workers:2/rows:200/data:shared/start:warm", 200, 402e6, NAN, 798e6,
         NAN},
        {"howmany/fork/map/steal/chunk:25000/workers:2/rows:2000000/data:shared/start:warm", 2000000, 3.2e6, 4.4e6,
         6.2e6, 3.1e6},
        {"howmany/fork/apply/-/chunk:0/workers:1/rows:200000/data:shared/start:warm", 2000, 600e3, loop, callback,
         500e3},
        {"howmany/fork/apply/-/chunk:0/workers:1/rows:200000/data:shared/start:cold", 50, 600e3, loop, callback, 12e3},
        {"howmany/pthread/open/-/chunk:0/workers:2/rows:0/data:shared/start:warm", 0, 900e3, NAN, NAN, 1e6},
    };

    synthetic_beside(sweep, "howmany/fork/open", 600e3); /* it is there, at 900 us */
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        synthetic_cell(sweep, cells[i].name, cells[i].tasks, cells[i].time_ns, cells[i].loop_ns, cells[i].callback_ns);
        synthetic_beside(sweep, cells[i].name, cells[i].floor_ns);
    }
}

static inline struct synthetic synthetic_sweep(void)
{
    struct synthetic sweep = {.samples = calloc(SYNTHETIC_MOST, sizeof(struct sample))};

    synthetic_floor(&sweep);
    synthetic_backend(&sweep, "fork", 43, 9000);
    synthetic_backend(&sweep, "pthread", 40, 9100);
    synthetic_backend(&sweep, "openmp", 65, 500);
    synthetic_map(&sweep, "openmp-as-shipped", "dynamic", 1, 2, 8e6);
    synthetic_map(&sweep, "openmp-as-shipped", "dynamic", 25000, 2, 8e6);
    synthetic_cpython(&sweep);
    return sweep;
}

/* Times of every cell whose name starts like this are multiplied. Returns how many records that changed. */
static inline size_t synthetic_scale(struct synthetic *sweep, const char *prefix, double factor)
{
    size_t changed = 0;

    for (size_t i = 0; i < sweep->count; i++) {
        struct sample *sample = &sweep->samples[i];

        if (strncmp(sample->cell, prefix, strlen(prefix)) != 0)
            continue;
        changed++;
        for (int k = 0; k < sample->times; k++)
            sample->times_ns[k] *= factor;
    }
    return changed;
}

/* Removes every record of the cells whose name starts like this. */
static inline void synthetic_drop(struct synthetic *sweep, const char *prefix)
{
    size_t kept = 0;

    for (size_t i = 0; i < sweep->count; i++)
        if (strncmp(sweep->samples[i].cell, prefix, strlen(prefix)) != 0)
            sweep->samples[kept++] = sweep->samples[i];
    sweep->count = kept;
}

static inline void synthetic_free(struct synthetic *sweep)
{
    free(sweep->samples);
    sweep->samples = NULL;
}

#endif
