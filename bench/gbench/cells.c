/* SPDX-License-Identifier: MIT
 *
 * The list of cells, in the order in which they run. OpenMP comes after fork: a runtime with a team of
 * threads is nothing to fork from. Next: subject.c.
 */
#include "cells.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "body.h"
#include "gbench.h"
#include "kind.h"

#define DEFAULT_ROWS 200000

static bool has(const struct cells *cells, const struct cell *cell)
{
    char name[CELL_NAME_MAX];
    if (cell_name(cell, name) != 0)
        return false;
    for (size_t i = 0; i < cells->count; i++)
        if (strcmp(cells->subjects[i].name, name) == 0)
            return true;
    return false;
}

static const char *add(struct cells *cells, const struct cell *cell, uint64_t iterations)
{
    if (has(cells, cell))
        return NULL;
    if (cells->count == cells->room) {
        size_t room = cells->room ? 2 * cells->room : 16;
        struct subject *more = realloc(cells->subjects, room * sizeof *more);
        if (!more)
            return "out of memory";
        cells->subjects = more;
        cells->room = room;
    }
    struct subject *subject = &cells->subjects[cells->count];
    const char *problem = subject_init(subject, cell, cells->settings, cells->verdict);
    if (problem)
        return problem;
    subject->iterations = iterations;
    cells->count++;
    return NULL;
}

static const char *add_baselines(struct cells *cells, const struct cell *cell,
                                 const struct cells_iterations *iterations)
{
    struct cell baseline;
    cell_baseline(cell, "loop", &baseline);
    const char *problem = add(cells, &baseline, iterations->loop);
    if (problem)
        return problem;
    cell_baseline(cell, "callback", &baseline);
    return add(cells, &baseline, iterations->callback);
}

const char *cells_add(struct cells *cells, const char *name, const struct cells_iterations *iterations)
{
    struct cell cell;
    const char *problem;
    if (cell_parse(name, &cell, &problem) != 0)
        return problem;
    problem = add(cells, &cell, iterations->cell);
    /* `open` runs no tasks: nothing is serial in it. */
    return problem || cell.rows == 0 ? problem : add_baselines(cells, &cell, iterations);
}

/* ------------------------------------------------------------------------------------- the default */

static const struct {
    const char *call, *schedule;
    int64_t chunk;
} default_calls[] = {
    {"apply", "-", 0},
    {"map", "dynamic", 1},
    {"map", "dynamic", 64},
    {"map", "dynamic", GRAIN_CHUNK_PYTHON},
};
#define DEFAULT_CALLS (sizeof default_calls / sizeof *default_calls)

static const char *add_backend(struct cells *cells, const char *backend, struct cell cell)
{
    const char *problem = NULL;
    if (!grain_backend_summary(backend))
        return NULL;
    snprintf(cell.backend, sizeof cell.backend, "%s", backend);
    for (size_t i = 0; i < DEFAULT_CALLS && !problem; i++) {
        int64_t chunk = default_calls[i].chunk;
        snprintf(cell.call, sizeof cell.call, "%s", default_calls[i].call);
        snprintf(cell.schedule, sizeof cell.schedule, "%s", default_calls[i].schedule);
        cell.chunk = chunk == GRAIN_CHUNK_PYTHON ? cell_python_chunk(cell.rows, cell.workers) : (uint64_t)chunk;
        problem = add(cells, &cell, 0);
    }
    return problem;
}

const char *cells_add_default(struct cells *cells)
{
    static const char *const backends[] = {"fork", "pthread", "openmp"};
    static const struct cells_iterations free_choice;
    struct cell cell = {
        .kernel = "howmany",
        .workers = grain_cpu_count(),
        .rows = cells->settings->has_input ? cells->settings->input.rows : DEFAULT_ROWS,
    };
    const char *problem = add_baselines(cells, &cell, &free_choice);
    for (size_t i = 0; i < sizeof backends / sizeof *backends && !problem; i++)
        problem = add_backend(cells, backends[i], cell);
    if (problem)
        return problem;
    snprintf(cell.backend, sizeof cell.backend, "floor");
    snprintf(cell.call, sizeof cell.call, "peak");
    snprintf(cell.schedule, sizeof cell.schedule, "-");
    return add(cells, &cell, 0);
}

/* --------------------------------------------------------------------------------------- their life */

int cells_register(struct cells *cells)
{
    int status = 0;
    for (size_t i = 0; i < cells->count && status == 0; i++) {
        struct subject *subject = &cells->subjects[i];
        status = gbench_register(subject->name, body_run, subject, subject->iterations);
    }
    return status;
}

void cells_free(struct cells *cells)
{
    for (size_t i = 0; i < cells->count; i++)
        subject_drop(&cells->subjects[i]);
    free(cells->subjects);
    cells->subjects = NULL;
    cells->count = cells->room = 0;
}
