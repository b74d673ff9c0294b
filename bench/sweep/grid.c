/* SPDX-License-Identifier: MIT
 *
 * A row of a profile becomes cells: the product of its lists, without what the backends lack and without
 * what is there already. Words are chosen first, from the outside in; numbers come last.
 */
#include "grid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernel.h"
#include "peer.h"

#define LOOKED_AT_MAX 200000 /* combinations, most of which the filter refuses: about a second */

/* Calls, and what makes sense for them. */
static const struct call {
    const char *name;
    enum { CLAIMS_NOTHING, CLAIMS_CHUNKS, CLAIMS_SCHEDULED } claims; /* a chunk; a schedule too */
    bool pooled;                                                     /* a call on a pool of the library */
    bool cpython;                                                    /* CPython has it too */
} calls[] = {
    {.name = "apply", .pooled = true, .cpython = true},
    {.name = "apply_async", .pooled = true, .cpython = true},
    {.name = "apply_callback", .pooled = true, .cpython = true},
    {.name = "map", .claims = CLAIMS_SCHEDULED, .pooled = true, .cpython = true},
    {.name = "map_async", .claims = CLAIMS_SCHEDULED, .pooled = true, .cpython = true},
    {.name = "map_chunks", .claims = CLAIMS_SCHEDULED, .pooled = true},
    {.name = "map_chunks_async", .claims = CLAIMS_SCHEDULED, .pooled = true},
    {.name = "starmap", .claims = CLAIMS_SCHEDULED, .pooled = true, .cpython = true},
    {.name = "starmap_async", .claims = CLAIMS_SCHEDULED, .pooled = true, .cpython = true},
    {.name = "imap", .claims = CLAIMS_CHUNKS, .pooled = true, .cpython = true},
    {.name = "imap_unordered", .claims = CLAIMS_CHUNKS, .pooled = true, .cpython = true},
    {.name = "spawn", .pooled = true, .cpython = true},
    {.name = "open", .pooled = true, .cpython = true},
    {.name = "idle", .pooled = true},
    {.name = "peak"},
    {.name = "cacheline"},
    {.name = "mailbox"},
    {.name = "futex"},
    {.name = "pipe"},
    {.name = "fork"},
    {.name = "thread"},
    {.name = "atomic"},
    {.name = "bandwidth"},
    {.name = "loop", .cpython = true},
    {.name = "callback"},
};

static const struct call *find_call(const char *name)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i].name, name) == 0)
            return &calls[i];
    return NULL;
}

/* The library's own name of a backend: "openmp-as-shipped" is its `openmp`, unbound. */
static const char *library_backend(const char *backend)
{
    return strcmp(backend, "openmp-as-shipped") == 0 ? "openmp" : backend;
}

/* Over pipes nobody can spin. */
static bool is_beyond_pipes(const struct cell *cell)
{
    return strcmp(cell->backend, "fork-pipe") == 0 && cell->wait == CELL_WAIT_SPIN;
}

static bool library_has(const char *backend)
{
    const char *name;
    for (size_t i = 0; (name = grain_backend_name(i)) != NULL; i++)
        if (strcmp(name, library_backend(backend)) == 0)
            return true;
    return false;
}

static bool is_plain(const struct cell *cell)
{
    return cell->data == CELL_DATA_SHARED && cell->start == CELL_START_WARM && cell->wait == CELL_WAIT_ADAPTIVE;
}

/* Calls without rows: a pool's whole life, and what it consists of. */
static bool is_life(const char *call)
{
    static const char *const lives[] = {"open", "idle", "fork", "thread"};
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++)
        if (strcmp(call, lives[i]) == 0)
            return true;
    return false;
}

/* What runs at once has a CPU for each worker, a round trip two; `fork` and `thread` run one after the other. */
static bool is_floor(const struct cell *cell, int cpus)
{
    static const char *const at_once[] = {"peak", "atomic", "bandwidth"};
    for (size_t i = 0; i < sizeof at_once / sizeof *at_once; i++)
        if (strcmp(cell->call, at_once[i]) == 0)
            return cell->workers <= cpus;
    if (cell_is_trip(cell->call))
        return cell->workers == 2 && cpus >= 2;
    return is_life(cell->call) && !find_call(cell->call)->pooled;
}

/* Whether a backend takes a schedule of ours at all. */
static bool is_scheduled(const char *backend)
{
    for (int schedule = GRAIN_SCHEDULE_DEFAULT + 1; schedule < GRAIN_SCHEDULE_COUNT; schedule++)
        if (grain_backend_has_schedule(library_backend(backend), (enum grain_schedule)schedule))
            return true;
    return false;
}

/* A peer waits by its own rules, and may need a library that is not there. */
static bool is_beyond_peer(const struct cell *cell)
{
    const char *preload = peer_preload(cell->backend);
    return peer_is(cell->backend) &&
           (!peer_has_call(cell->call) || cell->wait != CELL_WAIT_ADAPTIVE || (preload != NULL && *preload == '\0'));
}

/* Whether there is such a thing to measure. */
static bool is_possible(const struct cell *cell, int cpus)
{
    const struct call *call = find_call(cell->call);
    enum grain_schedule schedule;
    if (strcmp(cell->backend, "floor") == 0)
        return is_floor(cell, cpus) && is_plain(cell);
    if (strcmp(cell->backend, "cpython") == 0)
        return strcmp(cell->kernel, "howmany") == 0 && is_plain(cell) && call->cpython;
    if (strcmp(cell->backend, "serial") == 0 || !call->pooled || !library_has(cell->backend) || is_beyond_pipes(cell) ||
        is_beyond_peer(cell))
        return false;
    if (strcmp(cell->call, "spawn") == 0) /* its processes are no pool's: it is there once */
        return strcmp(cell->backend, "fork") == 0;
    if (call->claims != CLAIMS_SCHEDULED || strcmp(cell->schedule, "-") == 0)
        return true;
    return grain_schedule_parse(cell->schedule, &schedule) == 0 &&
           grain_backend_has_schedule(library_backend(cell->backend), schedule);
}

struct plan_cell *grid_append(struct plan *plan)
{
    if (plan->count == plan->capacity) {
        size_t capacity = plan->capacity == 0 ? 128 : plan->capacity * 2;
        struct plan_cell *larger = reallocarray(plan->cells, capacity, sizeof *larger);
        if (larger == NULL)
            return NULL;
        plan->cells = larger;
        plan->capacity = capacity;
    }
    struct plan_cell *cell = &plan->cells[plan->count++];
    memset(cell, 0, sizeof *cell);
    return cell;
}

static int add_cell(const struct grid *grid, const struct cell *cell)
{
    struct plan *plan = grid->plan;
    char name[CELL_NAME_MAX];
    if (plan->looked_at++ == LOOKED_AT_MAX || plan->count == PLAN_CELLS_MAX) {
        snprintf(grid->problem, PLAN_PROBLEM_MAX, "these lists make too many cells: a plan has at most %d",
                 PLAN_CELLS_MAX);
        return -EINVAL;
    }
    if (!is_possible(cell, grid->options->cpus) || (cell->rows > 0 && cell->chunk > cell->rows))
        return 0;
    if (cell_name(cell, name) != 0) {
        snprintf(grid->problem, PLAN_PROBLEM_MAX, "the name of a cell is too long: %s/%s/%s", cell->kernel,
                 cell->backend, cell->call);
        return -EINVAL;
    }
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->cells[i].name, name) == 0)
            return 0;
    if (grid->filter != NULL && regexec(grid->filter, name, 0, NULL, 0) != 0)
        return 0;
    struct plan_cell *added = grid_append(plan);
    if (added == NULL)
        return -ENOMEM;
    added->cell = *cell;
    strcpy(added->name, name);
    added->repetitions = grid->row->repetitions != 0 ? grid->row->repetitions : plan->profile->repetitions;
    added->tasks = grid->row->tasks;
    added->beside = grid->row->beside;
    return 0;
}

/* Reads one list of numbers; `what` is the option that it may have come from. */
static int numbers(const struct grid *grid, const char *what, const char *text, struct list *list)
{
    const char *problem = "";
    int status = list_numbers(text, &grid->meaning, list, &problem);
    if (status != 0)
        snprintf(grid->problem, PLAN_PROBLEM_MAX, "--%s=%s: %s", what, text, problem);
    return status;
}

/* What an entry of a list of chunks means for a cell. */
static uint64_t chunk_of(const struct cell *cell, int64_t entry)
{
    if (entry == GRAIN_CHUNK_PYTHON)
        return cell_python_chunk(cell->rows, cell->workers);
    if (entry == LIST_SHARE)
        return (cell->rows + (uint64_t)cell->workers - 1) / (uint64_t)cell->workers;
    return (uint64_t)entry;
}

/* The words of the cell are set: every number of workers, every chunk. */
static int expand_numbers(const struct grid *grid, struct cell *cell)
{
    const struct plan_options *options = grid->options;
    const struct plan_row *row = grid->row;
    struct list workers, chunks;
    const char *worker_text = options->workers != NULL ? options->workers : row->workers;
    const char *chunk_text = options->chunks != NULL ? options->chunks : row->chunks;
    if (strcmp(cell->call, "loop") == 0)
        worker_text = "1";
    if (cell_is_trip(cell->call))
        worker_text = "2";
    if (find_call(cell->call)->claims == CLAIMS_NOTHING)
        chunk_text = "auto";
    int status = numbers(grid, "workers", worker_text != NULL ? worker_text : "P", &workers);
    if (status == 0)
        status = numbers(grid, "chunks", chunk_text != NULL ? chunk_text : "1", &chunks);
    for (size_t w = 0; w < workers.count && status == 0; w++) {
        if (workers.values[w] < 1 || workers.values[w] > 4096) {
            snprintf(grid->problem, PLAN_PROBLEM_MAX, "--workers: from 1 to 4096");
            return -EINVAL;
        }
        cell->workers = (int)workers.values[w];
        for (size_t c = 0; c < chunks.count && status == 0; c++) {
            cell->chunk = chunk_of(cell, chunks.values[c]);
            status = add_cell(grid, cell);
        }
    }
    return status;
}

static int index_of(const char *word, const char *(*name)(int), int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name(i), word) == 0)
            return i;
    return 0;
}

static const char *data_name(int i)
{
    return cell_data_name((enum cell_data)i);
}

static const char *start_name(int i)
{
    return cell_start_name((enum cell_start)i);
}

static const char *wait_name(int i)
{
    return cell_wait_name((enum cell_wait)i);
}

/* Kernel, rows, backend and call are set: every schedule, then data, start and wait. */
static int expand_schedules(const struct grid *grid, struct cell *cell)
{
    const struct plan_row *row = grid->row;
    bool claims = find_call(cell->call)->claims == CLAIMS_SCHEDULED && is_scheduled(cell->backend);
    const char *schedules = !claims ? "-" : row->schedules != NULL ? row->schedules : "dynamic";
    char word[LIST_WORD_MAX], data[LIST_WORD_MAX], start[LIST_WORD_MAX], wait[LIST_WORD_MAX];
    int status = 0;
    while (status == 0 && list_next(&schedules, word)) {
        if (claims && grid->options->schedules != NULL && !list_has(grid->options->schedules, word))
            continue;
        snprintf(cell->schedule, sizeof cell->schedule, "%.11s", word);
        const char *datas = row->datas != NULL ? row->datas : "shared";
        while (status == 0 && list_next(&datas, data)) {
            cell->data = (enum cell_data)index_of(data, data_name, 2);
            const char *starts = row->starts != NULL ? row->starts : "warm";
            while (status == 0 && list_next(&starts, start)) {
                cell->start = (enum cell_start)index_of(start, start_name, 2);
                const char *waits = row->waits != NULL ? row->waits : "adaptive";
                while (status == 0 && list_next(&waits, wait)) {
                    cell->wait = (enum cell_wait)index_of(wait, wait_name, 3);
                    status = expand_numbers(grid, cell);
                }
            }
        }
    }
    return status;
}

/* A kernel is chosen by its whole name, or by what stands before its parameter. */
bool grid_chooses_kernel(const char *list, const char *kernel)
{
    char plain[LIST_WORD_MAX];
    snprintf(plain, sizeof plain, "%.*s", (int)strcspn(kernel, ":"), kernel);
    return list == NULL || list_has(list, kernel) || list_has(list, plain);
}

/* Kernel and rows are set: every backend and call. */
static int expand_backends(const struct grid *grid, struct cell *cell)
{
    const struct plan_options *options = grid->options;
    const struct plan_row *row = grid->row;
    const char *backends = row->backends != NULL ? row->backends : "fork,pthread,openmp";
    char backend[LIST_WORD_MAX], call[LIST_WORD_MAX];
    uint64_t rows = cell->rows;
    int status = 0;
    while (status == 0 && list_next(&backends, backend)) {
        if (options->backends != NULL && !list_has(options->backends, backend))
            continue;
        snprintf(cell->backend, sizeof cell->backend, "%.23s", backend);
        const char *words = row->calls != NULL ? row->calls : "map";
        while (status == 0 && list_next(&words, call)) {
            if (options->calls != NULL && !list_has(options->calls, call))
                continue;
            snprintf(cell->call, sizeof cell->call, "%.19s", call);
            cell->rows = is_life(call) ? 0 : rows;
            if (find_call(call) != NULL) /* else: what this build cannot measure */
                status = expand_schedules(grid, cell);
        }
    }
    return status;
}

/* Which numbers of rows: the kernels that read the data set follow --rows and the input file. */
static const char *rows_of(const struct grid *grid, bool reads_data, const struct plan_usual *usual)
{
    const char *row = grid->row->rows, *asked = grid->options->rows;
    if (row == NULL && asked == NULL)
        return usual != NULL ? usual->rows : "N";
    if (row == NULL)
        return asked;
    return reads_data && asked != NULL && strcmp(row, "0") != 0 ? asked : row;
}

int grid_expand(const struct grid *grid)
{
    const char *kernels = grid->row->kernels != NULL ? grid->row->kernels : "howmany";
    char kernel[LIST_WORD_MAX];
    int status = 0;
    while (status == 0 && list_next(&kernels, kernel)) {
        struct cell cell = {0};
        struct list rows;
        if (!grid_chooses_kernel(grid->options->kernels, kernel))
            continue;
        if (kernel_find(kernel) == NULL) /* a profile may name one that this build has not */
            continue;
        const struct plan_usual *usual = plan_usual_find(kernel);
        bool lacks_number = usual != NULL && strchr(kernel, ':') == NULL;
        snprintf(cell.kernel, sizeof cell.kernel, "%.31s", lacks_number ? usual->kernel : kernel);
        bool reads_data = kernel_find(kernel)->items == KERNEL_ITEMS_ROWS;
        status = numbers(grid, "rows", rows_of(grid, reads_data, usual), &rows);
        for (size_t i = 0; i < rows.count && status == 0; i++) {
            if (rows.values[i] < 1 && (grid->row->rows == NULL || strcmp(grid->row->rows, "0") != 0)) {
                snprintf(grid->problem, PLAN_PROBLEM_MAX, "--rows: at least 1");
                return -EINVAL;
            }
            cell.rows = (uint64_t)rows.values[i];
            uint64_t input_rows = reads_data ? grid->options->input_rows : 0;
            if (input_rows == 0 || cell.rows == 0 || cell.rows == input_rows)
                status = expand_backends(grid, &cell);
        }
    }
    return status;
}

bool grid_is_backend(const char *word)
{
    return library_has(word) || strcmp(word, "floor") == 0 || strcmp(word, "cpython") == 0;
}

bool grid_is_call(const char *word)
{
    return find_call(word) != NULL;
}
