/* SPDX-License-Identifier: MIT
 *
 * A made-up sweep of the profile `calls`: every call on every backend and CPython, with chosen times. See synthetic.h.
 */
#ifndef GRAIN_TESTS_SYNTHETIC_CALLS_H
#define GRAIN_TESTS_SYNTHETIC_CALLS_H

#include "synthetic.h"

/* The calls; ns a task on fork, pthread, openmp and CPython, 0: there is no such cell. */
static const struct synthetic_call {
    const char *call;
    int chunk; /* -1: has none */
    uint64_t tasks;
    double task_ns[4];
    double submit_share, out_of_order;
} synthetic_call_list[] = {
    {"spawn", -1, 100, {200000, 0, 0, 400000}, 0, 0},
    {"apply", -1, 2000, {900, 850, 5000, 94000}, 0, 0},
    {"apply_async", -1, 200000, {60, 50, 300, 40000}, 0.75, 0},
    {"apply_callback", -1, 200000, {70, 60, 310, 41000}, 0.75, 12},
    {"map", 0, 200000, {2.0, 1.9, 2.1, 0}, 0, 0},
    {"map", 1, 200000, {2.5, 2.4, 30, 25000}, 0, 0},
    {"map", 25000, 200000, {1.8, 1.7, 1.9, 1800}, 0, 0},
    {"map_async", 25000, 200000, {1.8, 1.7, 1.9, 1800}, 0.01, 0},
    {"map_chunks", 25000, 200000, {1.2, 1.2, 1.3, 0}, 0, 0},
    {"starmap", 25000, 200000, {2.0, 1.9, 2.0, 2600}, 0, 0},
    {"imap", -1, 200000, {90, 80, 0, 50000}, 0, 0},
    {"imap_unordered", -1, 200000, {85, 75, 0, 48000}, 0, 7},
};

static inline void synthetic_call_cell(struct synthetic *sweep, const struct synthetic_call *call, const char *backend,
                                       double task_ns, const char *start)
{
    bool cpython = strcmp(backend, "cpython") == 0;
    const char *schedule = call->chunk < 0 || cpython ? "-" : strcmp(backend, "openmp") == 0 ? "dynamic" : "steal";
    double time_ns = task_ns * (double)call->tasks;
    char name[CELL_NAME_MAX];

    snprintf(name, sizeof name, "howmany/%s/%s/%s/chunk:%d/workers:2/rows:%d/data:shared/start:%s", backend, call->call,
             schedule, call->chunk < 0 ? 0 : call->chunk, SYNTHETIC_ROWS, start);
    synthetic_cell(sweep, name, call->tasks, time_ns, cpython ? 280.0 * SYNTHETIC_ROWS : SYNTHETIC_LOOP,
                   cpython ? NAN : SYNTHETIC_CALLBACK);
    for (size_t i = sweep->count - SYNTHETIC_ROUNDS; i < sweep->count; i++) {
        sweep->samples[i].submit_ns = call->submit_share > 0 ? call->submit_share * time_ns : NAN;
        sweep->samples[i].collect_ns = call->submit_share > 0 ? (1 - call->submit_share) * time_ns : NAN;
        sweep->samples[i].out_of_order = call->out_of_order > 0 ? call->out_of_order : NAN;
    }
}

/* The whole sweep; apply and apply_async from cold too, at ten times the time. */
static inline struct synthetic synthetic_calls(void)
{
    static const char *const backends[] = {"fork", "pthread", "openmp", "cpython"};
    static const double open_ns[] = {8e6, 5e5, 2e5, 16e6};
    struct synthetic sweep = {.samples = calloc(SYNTHETIC_MOST, sizeof(struct sample))};
    char name[CELL_NAME_MAX];

    synthetic_cell(&sweep, "howmany/serial/loop/-/chunk:0/workers:1/rows:200000/data:shared/start:warm", SYNTHETIC_ROWS,
                   SYNTHETIC_LOOP, SYNTHETIC_LOOP, SYNTHETIC_CALLBACK);
    synthetic_cell(&sweep, "howmany/serial/callback/-/chunk:0/workers:1/rows:200000/data:shared/start:warm",
                   SYNTHETIC_ROWS, SYNTHETIC_CALLBACK, SYNTHETIC_LOOP, SYNTHETIC_CALLBACK);
    synthetic_cell(&sweep, "howmany/cpython/loop/-/chunk:0/workers:1/rows:200000/data:shared/start:warm",
                   SYNTHETIC_ROWS, 280.0 * SYNTHETIC_ROWS, 280.0 * SYNTHETIC_ROWS, NAN);
    for (size_t b = 0; b < 4; b++) {
        snprintf(name, sizeof name, "howmany/%s/open/-/chunk:0/workers:2/rows:0/data:shared/start:warm", backends[b]);
        synthetic_cell(&sweep, name, 0, open_ns[b], NAN, NAN);
        for (size_t i = 0; i < sizeof synthetic_call_list / sizeof synthetic_call_list[0]; i++) {
            const struct synthetic_call *call = &synthetic_call_list[i];

            if (call->task_ns[b] > 0)
                synthetic_call_cell(&sweep, call, backends[b], call->task_ns[b], "warm");
            if (b < 3 && strncmp(call->call, "apply", 5) == 0 && call->out_of_order <= 0)
                synthetic_call_cell(&sweep, call, backends[b], 10 * call->task_ns[b], "cold");
        }
    }
    return sweep;
}

#endif
