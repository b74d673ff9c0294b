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
#include "order.h"

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

/* How many calls make a sample where gaps lie between them, which take most of its time: some 100 ms in all, 5 calls at
 * least. 0: no gaps, Google Benchmark chooses. */
static uint64_t calls_with_gaps(const struct cell *cell)
{
    const uint64_t sample_ns = 100000000, fewest = 5, most = 1000;
    uint64_t calls = cell->gap_ns ? sample_ns / cell->gap_ns : 0;
    if (calls > most)
        return most;
    return cell->gap_ns && calls < fewest ? fewest : calls;
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
    subject->iterations = iterations ? iterations : calls_with_gaps(cell);
    cells->count++;
    return NULL;
}

/* Adds those turns of a cell, from the first one up to before the last one, that it has. */
static const char *add_turns(struct cells *cells, const struct cell *cell, enum cell_turn first, enum cell_turn end,
                             const struct cells_iterations *iterations)
{
    const char *problem = NULL;
    for (int turn = (int)first; turn < (int)end && !problem; turn++) {
        struct cell partner;
        if (cell_partner(cell, (enum cell_turn)turn, grain_cpu_count(), &partner))
            problem = add(cells, &partner, iterations->of[turn]);
    }
    return problem;
}

const char *cells_add(struct cells *cells, const char *name, const struct cells_iterations *iterations)
{
    struct cell cell;
    const char *problem;
    if (cell_parse(name, &cell, &problem) != 0)
        return problem;
    return add_turns(cells, &cell, CELL_TURN_CELL, CELL_TURNS, iterations);
}

const char *cells_add_rival(struct cells *cells, const char *name, uint64_t iterations)
{
    struct cell cell;
    const char *problem;
    return cell_parse(name, &cell, &problem) != 0 ? problem : add(cells, &cell, iterations);
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
    const char *problem = add_turns(cells, &cell, CELL_TURN_LOOP, CELL_TURN_FLOOR, &free_choice);
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

/* The first cell of a pool that has as many items of the same kernel; its own lender is nobody. */
static struct subject *lender_of(const struct cells *cells, const struct subject *subject)
{
    for (size_t i = 0; i < cells->count; i++) {
        struct subject *lender = &cells->subjects[i];
        if (!lender->kind->backend && lender->kind->has_data && !lender->kind->is_one_by_one &&
            lender->cell.rows == subject->cell.rows && strcmp(lender->cell.kernel, subject->cell.kernel) == 0)
            return lender != subject ? lender : NULL;
    }
    return NULL;
}

static int register_one(struct subject *subject)
{
    return gbench_register(subject->name, body_run, subject, subject->iterations, subject->cell.gap_ns > 0);
}

/* Every turn as a benchmark of its own: the library's interleaving is one shuffle, from a seed that nobody knows. */
static int register_turns(struct cells *cells)
{
    size_t turns = (size_t)cells->turns, count = cells->count, *order = calloc(turns, count * sizeof *order);
    int status = order ? 0 : -ENOMEM;
    if (order)
        order_draw(cells->order_seed, count, turns, order);
    for (size_t i = 0; i < turns * count && status == 0; i++)
        status = register_one(&cells->subjects[order[i]]);
    free(order);
    return status;
}

int cells_register(struct cells *cells)
{
    int status = 0;
    for (size_t i = 0; i < cells->count; i++)
        cells->subjects[i].lender = lender_of(cells, &cells->subjects[i]);
    if (cells->turns > 0 && cells->count > 0)
        return register_turns(cells);
    for (size_t i = 0; i < cells->count && status == 0; i++)
        status = register_one(&cells->subjects[i]);
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
