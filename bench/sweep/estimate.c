/* SPDX-License-Identifier: MIT
 *
 * Rough times from a table of costs, as measured once on two virtual CPUs of a server.
 */
#include "estimate.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernel.h"

#define START_S         0.030   /* a grain-bench process: load, topology, pool, warm-up, checks */
#define VALUE_S         15e-9   /* to make and check one row of data, a process */
#define ITERATION_S     1.3e-9  /* one step of compute's chain */
#define BYTE_S          0.05e-9 /* read from memory */
#define BYTE_MADE_S     3e-9    /* made and checked for the cell and its partners, a process */
#define WARMED_ROW_S    1e-6
#define ROW_S           5e-9
#define FORK_S          200e-6 /* fork, exit, wait */
#define LINE_S          0.5e-6 /* a cache line, there and back */
#define THREAD_S        20e-6  /* create, join */
#define ADD_S           50e-9  /* to a word that others add to */
#define SLEEP_S         60e-6  /* the same between two that sleep */
#define IDLE_S          0.8    /* an idle pool: it settles, it sleeps */
#define WORKER_S        1e-3   /* a pool's worker, its whole life */
#define NAP_S           2e-3   /* before a cold call */
#define PYTHON_WORKER_S 10e-3
#define PYTHON_S        0.25 /* a python3 process with the notebook's data */
#define PYTHON_ROW_S    280e-9

/* What the hand-over costs: a chunk, a call of apply, a call of apply_async, a row of imap, a process. */
static const struct cost {
    const char *backend;
    double chunk_s, apply_s, async_s, iter_s, spawn_s;
} costs[] = {
    {"fork", 60e-9, 100e-6, 500e-9, 2e-6, 300e-6},
    {"fork-pipe", 30e-6, 100e-6, 1e-6, 3e-6, 300e-6},
    {"pthread", 60e-9, 100e-6, 500e-9, 2e-6, 300e-6},
    {"openmp", 40e-9, 20e-6, 500e-9, 3e-6, 300e-6},
    {"null", 0, 0.2e-6, 0, 0, 0},
    {"openmp-as-shipped", 200e-9, 50e-6, 800e-9, 4e-6, 300e-6},
    {"floor", 0, 0, 0, 0, 0},
    {"cpython", 25e-6, 100e-6, 40e-6, 60e-6, 4e-3},
    {"serial", 0, 0, 0, 0, 0},
    {"gomp", 40e-9, 5e-6, 0, 0, 0},
    {"gomp-task", 60e-9, 5e-6, 0, 0, 0},
    {"libomp", 300e-9, 5e-6, 0, 0, 0},
    {"libomp-task", 200e-9, 5e-6, 0, 0, 0},
    {"tbb-simple", 50e-9, 5e-6, 0, 0, 0},
    {"tbb-auto", 10e-9, 5e-6, 0, 0, 0},
    {"tbb-task", 270e-9, 5e-6, 0, 0, 0},
    {"glib", 550e-9, 60e-6, 0, 0, 0},
    {"pthreadpool", 30e-9, 5e-6, 0, 0, 0},
};

/* The calls whose tasks are handed over one by one, and by which of those costs. */
static const struct {
    const char *call;
    size_t cost;
} singles[] = {
    {"apply", offsetof(struct cost, apply_s)},          {"apply_async", offsetof(struct cost, async_s)},
    {"apply_callback", offsetof(struct cost, async_s)}, {"imap", offsetof(struct cost, iter_s)},
    {"imap_unordered", offsetof(struct cost, iter_s)},  {"spawn", offsetof(struct cost, spawn_s)},
};

static const struct cost *cost_of(const char *backend)
{
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++)
        if (strcmp(costs[i].backend, backend) == 0)
            return &costs[i];
    return &costs[0];
}

/* Seconds to hand over one task by itself; 0: the call does not do that. */
static double single_cost(const struct cell *cell)
{
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
        if (strcmp(singles[i].call, cell->call) == 0)
            return *(const double *)(const void *)((const char *)cost_of(cell->backend) + singles[i].cost);
    return 0;
}

static double row_cost(const struct cell *cell)
{
    if (strcmp(cell->backend, "cpython") == 0)
        return PYTHON_ROW_S;
    const struct kernel *kernel = kernel_find(cell->kernel);
    const char *number = strchr(cell->kernel, ':');
    if (kernel == NULL || number == NULL)
        return ROW_S;
    double mean = kernel->mean != NULL && cell->rows > 0 ? kernel->mean(cell->rows) : 1;
    return mean * (kernel->items == KERNEL_ITEMS_BLOCKS ? BYTE_S : ITERATION_S) * strtod(number + 1, NULL);
}

/* Seconds a process takes to make and check one row. */
static double value_cost(const struct cell *cell)
{
    const struct kernel *kernel = kernel_find(cell->kernel);
    struct kernel_params params = {.columns = 1};
    if (kernel == NULL || kernel->items != KERNEL_ITEMS_BLOCKS || kernel_configure(kernel, cell->kernel, &params))
        return VALUE_S;
    return BYTE_MADE_S * (double)params.block_bytes;
}

double estimate_call(const struct plan_cell *planned, int cpus)
{
    const struct cell *cell = &planned->cell;
    const struct cost *cost = cost_of(cell->backend);
    double tasks = (double)cell->rows;
    bool is_trip = cell_is_trip(cell->call), is_python = strcmp(cell->backend, "cpython") == 0;
    bool is_apply = strcmp(cell->call, "apply") == 0, is_atomic = strcmp(cell->call, "atomic") == 0;
    bool is_spin = strcmp(cell->call, "cacheline") == 0 || strcmp(cell->call, "mailbox") == 0;
    double trip_s = is_spin ? LINE_S : SLEEP_S;
    bool is_subset = is_trip || is_apply || is_atomic || is_python || strcmp(cell->call, "spawn") == 0;
    if (is_subset && planned->tasks > 0 && (double)planned->tasks < tasks)
        tasks = (double)planned->tasks;
    if (strcmp(cell->call, "open") == 0)
        return (is_python ? PYTHON_WORKER_S : WORKER_S) * cell->workers;
    if (strcmp(cell->call, "idle") == 0)
        return IDLE_S;
    if (strcmp(cell->call, "fork") == 0)
        return FORK_S * (cell->workers + 1);
    if (strcmp(cell->call, "thread") == 0)
        return THREAD_S * cell->workers;
    if (is_atomic)
        return ADD_S * tasks;
    double work = tasks * (is_trip ? trip_s : row_cost(cell));
    if (cell->start == CELL_START_COLD)
        work += NAP_S * (is_apply ? tasks : 1);
    if (single_cost(cell) > 0)
        return tasks * single_cost(cell) + work;
    if (cell->chunk > 0)
        work += tasks / (double)cell->chunk * cost->chunk_s * cell->workers;
    return work / cell_workers_used(cell, cpus) + (cell->workers > 1 ? 50e-6 : 0);
}

/* Google Benchmark's iterations of one call that takes call_s. */
static double repetition(double call_s, double min_time_s)
{
    return call_s > min_time_s ? call_s : 1.4 * min_time_s;
}

double estimate_process(const struct plan_cell *planned, double min_time_s, int cpus)
{
    const struct cell *cell = &planned->cell;
    if (strcmp(cell->backend, "cpython") == 0)
        return PYTHON_S + planned->repetitions * (estimate_call(planned, cpus) + (double)cell->rows * row_cost(cell));
    /* The cell and its partners, each time; short tasks are run once to warm up. */
    double calls = 0;
    for (int turn = 0; turn < CELL_TURNS; turn++) {
        struct plan_cell partner = *planned;
        if (plan_partner(planned, (enum cell_turn)turn, cpus, &partner.cell))
            calls += repetition(estimate_call(&partner, cpus), min_time_s);
    }
    bool is_warmed = row_cost(cell) < WARMED_ROW_S;
    return START_S + (double)cell->rows * value_cost(cell) + (planned->repetitions + (is_warmed ? 1 : 0)) * calls;
}

bool estimate_is_long(const struct plan_cell *planned, double min_time_s, int cpus)
{
    return strcmp(planned->cell.backend, "cpython") == 0 || estimate_call(planned, cpus) > 5 * min_time_s;
}

double estimate_plan(const struct plan *plan, int cpus)
{
    double total = 0, min_time_s = plan->profile->min_time_s;
    for (size_t i = 0; i < plan->count; i++) {
        double process = estimate_process(&plan->cells[i], min_time_s, cpus);
        total += process * plan->rounds;
        if (!estimate_is_long(&plan->cells[i], min_time_s, cpus))
            total += process / 2; /* calibration */
    }
    return total;
}
