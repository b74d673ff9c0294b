/* SPDX-License-Identifier: MIT
 *
 * From a cell to something that can run. The pool is opened before the data are made: a fork copies the
 * address space, and whatever is written afterwards costs a page fault where it was there before.
 */
#include "subject.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "echo.h"
#include "kind.h"
#include "peak.h"
#include "sys/machine.h"

/* Names of cells for a backend of libgrain that is opened in a way of its own. */
static const struct alias {
    const char *name, *backend;
    enum grain_bind bind;
} aliases[] = {
    /* OpenMP as it behaves when nobody tells it anything: not bound */
    {"openmp-as-shipped", "openmp", GRAIN_BIND_NONE},
};

/* `apply` with start:cold naps 2 ms before every task: more tasks than this take too long. */
#define COLD_TASKS_MAX 100

/* ------------------------------------------------------------------------------ what a cell may be */

static const struct alias *find_alias(const struct subject *subject)
{
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(subject->cell.backend, aliases[i].name) == 0)
            return &aliases[i];
    return NULL;
}

/* The backend of libgrain behind a cell's. */
static const char *backend_name(const struct subject *subject)
{
    const struct alias *alias = find_alias(subject);
    if (alias)
        return alias->backend;
    return subject->kind->backend ? "serial" : subject->cell.backend;
}

static const char *kernel_problem(struct subject *subject)
{
    subject->kernel = kernel_find(subject->cell.kernel);
    if (!subject->kernel)
        return "there is no such kernel (see grain list)";
    const struct settings *settings = subject->settings;
    subject->params = (struct kernel_params){
        .columns = settings->columns,
        .minimum = settings->minimum,
        .maximum = settings->maximum,
    };
    return kernel_configure(subject->kernel, subject->cell.kernel, &subject->params);
}

static const char *kind_problem(struct subject *subject)
{
    const struct cell *cell = &subject->cell;
    subject->kind = kind_find(cell->call);
    if (strcmp(cell->backend, "cpython") == 0)
        return "CPython's cells are run by bench/peers/cpython.py";
    if (!subject->kind)
        return "there is no such call (there are apply, map, map_chunks, starmap, each also with _async, "
               "apply_async_get, apply_async_mixed, apply_callback, imap, imap_unordered, spawn, open, idle, sleep, "
               "waiting, "
               "loop, callback, peak, cacheline, mailbox, futex, pipe, fork, thread, atomic, bandwidth, region)";
    if (subject->kind->backend && strcmp(subject->kind->backend, cell->backend) != 0)
        return "loop and callback go with the backend serial; peak, cacheline, mailbox, futex, pipe, fork, thread, "
               "atomic, bandwidth and region with floor; spawn with fork";
    if (!grain_backend_summary(backend_name(subject)))
        return "there is no such backend (see grain list)";
    if (cell->gap_ns && cell->start == CELL_START_COLD)
        return "a gap goes with start:warm: cold workers fall asleep before each call anyway";
    if (strcmp(cell->schedule, "-") != 0 && grain_schedule_parse(cell->schedule, &subject->schedule) != 0)
        return "there is no such schedule (see grain list)";
    return NULL;
}

static const char *rows_problem(const struct subject *subject)
{
    const struct cell *cell = &subject->cell;
    const struct settings *settings = subject->settings;
    if (!subject->kind->has_data && !subject->kind->is_one_by_one)
        return cell->rows != 0 ? "open, idle, sleep, waiting, fork and thread have no rows: rows:0" : NULL;
    if (cell->rows == 0)
        return "rows:0 leaves nothing to do";
    if (cell->rows > PTRDIFF_MAX / kernel_item_size(subject->kernel, &subject->params))
        return "so many rows of so many bytes are more than there can be: fewer rows, or smaller ones";
    if (settings->has_input && subject->kernel->items == KERNEL_ITEMS_ROWS && cell->rows != settings->input.rows)
        return "the rows are not as many as the input file has";
    return NULL;
}

/* A baseline has one name, whatever it is compared with. */
static const char *baseline_problem(const struct subject *subject)
{
    struct cell baseline;
    char name[CELL_NAME_MAX];
    cell_baseline(&subject->cell, subject->cell.call, &baseline);
    if (!subject->kind->is_serial || (cell_name(&baseline, name) == 0 && strcmp(name, subject->name) == 0))
        return NULL;
    return "a baseline is always .../serial/CALL/-/chunk:0/workers:1/rows:N/data:shared/start:warm, with or without a "
           "gap";
}

const char *subject_init(struct subject *subject, const struct cell *cell, const struct settings *settings,
                         struct verdict *verdict)
{
    *subject = (struct subject){.cell = *cell, .settings = settings, .verdict = verdict};
    if (cell_name(cell, subject->name) != 0)
        return "its name is too long";
    const char *problem = kernel_problem(subject);
    if (!problem)
        problem = kind_problem(subject);
    if (!problem)
        problem = rows_problem(subject);
    return problem ? problem : baseline_problem(subject);
}

/* All usable CPUs by name: left to itself, a pool with fewer workers than CPUs binds none of them, and how long it
 * takes would depend on where the kernel puts them. Made once; NULL where nobody is bound, or without memory. */
static const char *cpu_list(const char *backend)
{
    static char *list;
    if (strcmp(backend, "serial") == 0 || strcmp(backend, "null") == 0)
        return NULL;
    if (!list)
        machine_list_usable(&list);
    return list;
}

struct grain_pool_options subject_pool_options(const struct subject *subject)
{
    static const enum grain_wait waits[] = {
        [CELL_WAIT_ADAPTIVE] = GRAIN_WAIT_ADAPTIVE,
        [CELL_WAIT_SPIN] = GRAIN_WAIT_SPIN,
        [CELL_WAIT_PARK] = GRAIN_WAIT_PARK,
    };
    /* A pool's whole life is timed unbound: to bind, the topology is read, once a process, which takes longer than
     * all the rest of the first pool's life and no time in the others'. */
    const struct alias *alias = find_alias(subject);
    bool is_bound = (!alias || alias->bind != GRAIN_BIND_NONE) && strcmp(subject->cell.call, "open") != 0;
    return (struct grain_pool_options){
        .backend = backend_name(subject),
        .workers = subject->kind->backend ? 1 : subject->cell.workers,
        .wait = waits[subject->cell.wait],
        .bind = is_bound ? GRAIN_BIND_DEFAULT : GRAIN_BIND_NONE,
        .cpus = is_bound ? cpu_list(backend_name(subject)) : NULL,
    };
}

/* ---------------------------------------------------------------------------------- making it real */

static int memory_get(struct subject *subject, size_t count, size_t size, void **memory)
{
    size_t bytes;
    *memory = NULL;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX - 64)
        return -ENOMEM;
    if (bytes == 0)
        return 0;
    if (subject->pool && subject->cell.data == CELL_DATA_SHARED)
        return grain_alloc(subject->pool, bytes, memory);
    *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!*memory)
        return -ENOMEM;
    memset(*memory, 0, bytes); /* no page fault is left for the clock */
    return 0;
}

static void memory_put(struct subject *subject, void *memory)
{
    if (subject->pool && subject->cell.data == CELL_DATA_SHARED)
        grain_release(subject->pool, memory);
    else
        free(memory);
}

static int items_fill(struct subject *subject)
{
    const struct settings *settings = subject->settings;
    if (!subject->items) /* of no bytes */
        return 0;
    if (subject->kernel->fill) {
        subject->kernel->fill(subject->items, subject->tasks, settings->seed, &subject->params);
        return 0;
    }
    struct matrix made = {0};
    const struct matrix *matrix = &settings->input;
    if (!settings->has_input) {
        /* The first rows of a random matrix do not depend on how many follow. */
        int status = matrix_random(&made, subject->tasks, settings->columns, settings->seed, subject->problem);
        if (status)
            return status;
        matrix = &made;
    }
    memcpy(subject->items, matrix->values, subject->tasks * subject->item_size);
    matrix_free(&made);
    return 0;
}

/* Whether its tasks run in this process, and are not asked to copy. */
static bool may_borrow(const struct subject *subject)
{
    return subject->kind->backend ||
           (strncmp(backend_name(subject), "fork", 4) != 0 && subject->cell.data != CELL_DATA_COPY);
}

static size_t tasks_of(const struct subject *subject)
{
    uint64_t most = subject->settings->tasks;
    if (subject->kind->tasks)
        return subject->kind->tasks(subject);
    if (!subject->kind->is_one_by_one)
        return (size_t)subject->cell.rows;
    if (subject->cell.start == CELL_START_COLD && most > COLD_TASKS_MAX)
        most = COLD_TASKS_MAX;
    return (size_t)(subject->cell.rows < most ? subject->cell.rows : most);
}

/* Items are only read, so threads of this process read them where they are: those of the cell beside it, or the input.
 * A copy for each would drive the others' out of the caches. */
static bool borrow_items(struct subject *subject)
{
    const struct settings *settings = subject->settings;
    subject->items = NULL;
    if (may_borrow(subject) && subject->lender && subject_make(subject->lender) == 0)
        subject->items = subject->lender->items;
    else if (subject->kind->backend && settings->has_input && subject->kernel->items == KERNEL_ITEMS_ROWS)
        subject->items = settings->input.values;
    return subject->items != NULL;
}

static int no_memory(struct subject *subject, const char *what, size_t size)
{
    snprintf(subject->problem, sizeof subject->problem,
             "no memory for %zu %s of %zu bytes: fewer rows, or smaller ones", subject->tasks, what, size);
    return -ENOMEM;
}

static int data_make(struct subject *subject)
{
    subject->item_size = kernel_item_size(subject->kernel, &subject->params);
    int status = memory_get(subject, subject->tasks, subject->kernel->result_size, &subject->results);
    if (status == -ENOMEM)
        return no_memory(subject, "results", subject->kernel->result_size);
    if (status)
        return status;
    subject->has_own_items = !borrow_items(subject);
    if (!subject->has_own_items)
        return 0;
    status = memory_get(subject, subject->tasks, subject->item_size, &subject->items);
    if (status == -ENOMEM)
        return no_memory(subject, "items", subject->item_size);
    return status ? status : items_fill(subject);
}

static int make(struct subject *subject)
{
    struct grain_pool_options options = subject_pool_options(subject);
    int status = 0;
    subject->tasks = tasks_of(subject);
    if (may_borrow(subject) && subject->lender)
        subject_make(subject->lender); /* its processes are forked before there are threads */
    if (subject->kind->has_data)
        status = grain_pool_open(&subject->pool, &options);
    if (status == 0 && subject->kind->open)
        status = subject->kind->open(subject);
    if (status == 0 && subject->kind->has_data)
        status = data_make(subject);
    return status;
}

int subject_make(struct subject *subject)
{
    if (subject->is_made)
        return subject->made_status;
    subject->is_made = true;
    subject->made_status = make(subject);
    if (subject->made_status && !subject->problem[0])
        snprintf(subject->problem, sizeof subject->problem, "%s",
                 subject->made_status == -ENOTSUP ? "not supported" : grain_strerror(subject->made_status));
    return subject->made_status;
}

void subject_drop(struct subject *subject)
{
    peak_close(subject->peak);
    echo_close(subject->echo);
    if (subject->has_own_items)
        memory_put(subject, subject->items);
    memory_put(subject, subject->results);
    grain_pool_free(subject->pool);
    for (size_t i = 0; i < subject->copy_count; i++)
        grain_pool_free(subject->copies[i]);
    free(subject->copies);
    subject->copies = NULL;
    subject->copy_count = 0;
    subject->pool = NULL;
    subject->peak = NULL;
    subject->echo = NULL;
    if (subject->scratch)
        munmap(subject->scratch, subject->scratch_size);
    subject->scratch = NULL;
    subject->items = subject->results = NULL;
}

/* ----------------------------------------------------------------------------------------- results */

static bool is_poisoned(const void *result, size_t size)
{
    const unsigned char *byte = result;
    for (size_t i = 0; i < size; i++)
        if (byte[i] != KIND_POISON)
            return false;
    return true;
}

/* What a result says, as far as its size tells how to read it. */
static void value_print(char *text, size_t text_size, const void *result, size_t size)
{
    int32_t small;
    uint64_t large;
    if (is_poisoned(result, size)) {
        snprintf(text, text_size, "nothing");
    } else if (size == sizeof small) {
        memcpy(&small, result, size);
        snprintf(text, text_size, "%" PRId32, small);
    } else if (size == sizeof large) {
        memcpy(&large, result, size);
        snprintf(text, text_size, "%" PRIu64, large);
    } else {
        snprintf(text, text_size, "something else");
    }
}

bool subject_check(struct subject *subject)
{
    const struct kernel *kernel = subject->kernel;
    if (subject->kind->check)
        return subject->kind->check(subject);
    /* `null` runs nothing: it has no results that could be wrong. */
    if (!subject->kind->has_data || strcmp(subject->cell.backend, "null") == 0)
        return true;
    size_t row = kernel->check(subject->items, subject->results, subject->tasks, &subject->params);
    if (row >= subject->tasks)
        return true;
    uint64_t expected[32] = {0}; /* larger results are not printed */
    char got[40], right[40] = "something else";
    value_print(got, sizeof got, (const char *)subject->results + row * kernel->result_size, kernel->result_size);
    if (kernel->result_size <= sizeof expected) {
        kernel->loop((const char *)subject->items + row * subject->item_size, expected, 1, &subject->params);
        value_print(right, sizeof right, expected, kernel->result_size);
    }
    snprintf(subject->problem, sizeof subject->problem, "wrong result at row %zu: %s instead of %s", row, got, right);
    return false;
}
