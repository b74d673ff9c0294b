/* SPDX-License-Identifier: MIT
 *
 * See run_calls.h. One function a call, and the table of them at the end: what the tutorial's notebook does with
 * multiprocessing.Pool and Process, through the public interface only.
 */
#include "run_calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------ tasks */

/* (row, minimum, maximum), as starmap hands them over; the kernel's loop takes its range from the arguments. */
static int star_task(const void *const args[], void *result, struct grain_context *ctx)
{
    const struct run_params *params = grain_context_params(ctx);
    const int32_t *minimum = args[1], *maximum = args[2];
    struct kernel_params range = {.columns = params->base.columns, .minimum = *minimum, .maximum = *maximum};
    params->kernel->loop(args[0], result, 1, &range);
    return 0;
}

/* An argument of apply_callback: which row it is, and the row. */
struct numbered {
    int64_t index;
    int32_t row[];
};

/* (i, count): whoever gets it, whenever, knows whose it is. */
static int pair_task(const void *arg, void *result, struct grain_context *ctx)
{
    const struct run_params *params = grain_context_params(ctx);
    const struct numbered *numbered = arg;
    struct run_pair *pair = result;
    pair->index = numbered->index;
    return params->kernel->task(numbered->row, &pair->count, ctx);
}

/* ---------------------------------------------------------------------------------- what all share */

static const void *row_at(const struct run_input *input, size_t index)
{
    return (const char *)input->items.data + index * input->items.size;
}

static struct grain_out counts_of(const struct run_input *input)
{
    return (struct grain_out){input->counts, sizeof *input->counts};
}

/* The options for tasks that need all of run_params. */
static struct grain_call_options wide_options(const struct run_input *input)
{
    struct grain_call_options options = input->options;
    options.params = &input->params;
    options.params_size = sizeof input->params;
    return options;
}

/* Only the first column has one value per row, the others the same for all (stride 0). */
static const struct grain_column *columns_of(struct run_input *input)
{
    const struct kernel_params *base = &input->params.base;
    input->columns[0] = (struct grain_column){input->items.data, input->items.size, input->items.size};
    input->columns[1] = (struct grain_column){&base->minimum, sizeof base->minimum, 0};
    input->columns[2] = (struct grain_column){&base->maximum, sizeof base->maximum, 0};
    return input->columns;
}
#define COLUMN_COUNT 3

/* Room for the futures of `count` calls, filled by whoever queues them. */
static struct grain_future **futures_of(struct run_input *input, size_t count)
{
    input->futures = calloc(count, sizeof(struct grain_future *));
    input->future_count = input->futures ? count : 0;
    return input->futures;
}

/* All results, in the order of the calls. */
static int get_all(struct grain_pool *pool, struct run_input *input)
{
    int status = 0;
    (void)pool;
    for (size_t i = 0; i < input->future_count; i++) {
        int got = grain_future_get(input->futures[i], GRAIN_FOREVER);
        grain_future_free(input->futures[i]);
        input->futures[i] = NULL;
        status = status ? status : got;
    }
    return status;
}

void run_call_clean(struct run_input *input)
{
    for (size_t i = 0; i < input->future_count; i++)
        grain_future_free(input->futures[i]);
    grain_iter_free(input->iter);
    free(input->futures);
    free(input->pairs);
    free(input->arrived);
}

/* --------------------------------------------------------------------------- calls that wait at once */

static int finish_apply(struct grain_pool *pool, struct run_input *input)
{
    int status = 0;
    for (size_t i = 0; i < input->items.count && status == 0; i++)
        status = grain_apply(pool, input->params.kernel->task, row_at(input, i), input->items.size, &input->counts[i],
                             sizeof *input->counts, &input->options);
    return status;
}

static int finish_map(struct grain_pool *pool, struct run_input *input)
{
    return grain_map(pool, input->params.kernel->task, input->items, counts_of(input), &input->options);
}

static int finish_map_chunks(struct grain_pool *pool, struct run_input *input)
{
    return grain_map_chunks(pool, input->params.kernel->chunk, input->items, counts_of(input), &input->options);
}

static int finish_starmap(struct grain_pool *pool, struct run_input *input)
{
    struct grain_call_options options = wide_options(input);
    return grain_starmap(pool, star_task, columns_of(input), COLUMN_COUNT, input->items.count, counts_of(input),
                         &options);
}

/* ---------------------------------------------------------------------------- calls that are queued */

static int start_apply(struct grain_pool *pool, struct run_input *input)
{
    struct grain_future **futures = futures_of(input, input->items.count);
    int status = futures ? 0 : -ENOMEM;
    for (size_t i = 0; i < input->items.count && status == 0; i++)
        status = grain_apply_async(pool, input->params.kernel->task, row_at(input, i), input->items.size,
                                   &input->counts[i], sizeof *input->counts, &input->options, &futures[i]);
    return status;
}

static int start_map(struct grain_pool *pool, struct run_input *input)
{
    struct grain_future **future = futures_of(input, 1);
    return future ? grain_map_async(pool, input->params.kernel->task, input->items, counts_of(input), &input->options,
                                    future)
                  : -ENOMEM;
}

static int start_map_chunks(struct grain_pool *pool, struct run_input *input)
{
    struct grain_future **future = futures_of(input, 1);
    return future ? grain_map_chunks_async(pool, input->params.kernel->chunk, input->items, counts_of(input),
                                           &input->options, future)
                  : -ENOMEM;
}

static int start_starmap(struct grain_pool *pool, struct run_input *input)
{
    struct grain_future **future = futures_of(input, 1);
    struct grain_call_options options = wide_options(input);
    return future ? grain_starmap_async(pool, star_task, columns_of(input), COLUMN_COUNT, input->items.count,
                                        counts_of(input), &options, future)
                  : -ENOMEM;
}

/* -------------------------------------------------------------- results that come when they are ready */

/* How many came after one with a larger index; `largest` is the largest so far. */
static void note_arrival(struct run_input *input, int64_t index, int64_t *largest)
{
    if (index < *largest)
        input->out_of_order++;
    else
        *largest = index;
}

/* One callback runs at a time, and all of them before the futures' get: no lock is needed. */
static void collect_pair(void *user, const void *results, size_t count)
{
    struct run_input *input = user;
    const struct run_pair *pair = results;
    (void)count;
    input->arrived[input->arrived_count++] = *pair;
}

static int start_callback(struct grain_pool *pool, struct run_input *input)
{
    size_t rows = input->items.count, bytes = sizeof(struct numbered) + input->items.size;
    struct grain_future **futures = futures_of(input, rows);
    struct grain_call_options options = wide_options(input);
    options.callback = collect_pair;
    options.user = input;
    struct numbered *numbered = malloc(bytes);
    input->pairs = malloc(rows * sizeof *input->pairs);
    input->arrived = malloc(rows * sizeof *input->arrived);
    int status = futures && numbered && input->pairs && input->arrived ? 0 : -ENOMEM;
    if (status == 0) /* no index is negative: what no worker wrote cannot pass for right */
        memset(input->pairs, 0xff, rows * sizeof *input->pairs);
    for (size_t i = 0; i < rows && status == 0; i++) {
        numbered->index = (int64_t)i;
        memcpy(numbered->row, row_at(input, i), input->items.size);
        status = grain_apply_async(pool, pair_task, numbered, bytes, &input->pairs[i], sizeof *input->pairs, &options,
                                   &futures[i]);
    }
    free(numbered);
    return status;
}

static int by_index(const void *a, const void *b)
{
    const struct run_pair *left = a, *right = b;
    return (left->index > right->index) - (left->index < right->index);
}

/* Once every callback has been called the pairs are sorted, as the notebook does. */
static int finish_callback(struct grain_pool *pool, struct run_input *input)
{
    int64_t largest = -1;
    int status = get_all(pool, input);
    for (size_t i = 0; i < input->arrived_count; i++)
        note_arrival(input, input->arrived[i].index, &largest);
    qsort(input->arrived, input->arrived_count, sizeof *input->arrived, by_index);
    for (size_t i = 0; i < input->arrived_count; i++)
        if (input->arrived[i].index == (int64_t)i)
            input->counts[i] = input->arrived[i].count;
    return status;
}

static int next_row(void *source, void *item)
{
    struct run_input *input = source;
    if (input->given == input->items.count)
        return 0;
    memcpy(item, row_at(input, input->given++), input->items.size);
    return 1;
}

static int start_imap(struct grain_pool *pool, struct run_input *input)
{
    return grain_imap(pool, input->params.kernel->task, next_row, input, input->items.size, sizeof *input->counts,
                      &input->options, &input->iter);
}

static int start_imap_unordered(struct grain_pool *pool, struct run_input *input)
{
    return grain_imap_unordered(pool, input->params.kernel->task, next_row, input, input->items.size,
                                sizeof *input->counts, &input->options, &input->iter);
}

/* imap promises order: results are put down as they come, and the oracle would notice. */
static int finish_imap(struct grain_pool *pool, struct run_input *input)
{
    int status = 1;
    (void)pool;
    for (size_t i = 0; i < input->items.count && status == 1; i++)
        status = grain_iter_next(input->iter, &input->counts[i], NULL, GRAIN_FOREVER);
    return status < 0 ? status : 0;
}

static int finish_imap_unordered(struct grain_pool *pool, struct run_input *input)
{
    int32_t count = -1;
    size_t index = 0;
    int64_t largest = -1;
    int status;
    (void)pool;
    while ((status = grain_iter_next(input->iter, &count, &index, GRAIN_FOREVER)) == 1) {
        note_arrival(input, (int64_t)index, &largest);
        input->counts[index] = count;
    }
    return status;
}

/* -------------------------------------------------------------------------------- one process per row */

struct spawned {
    const struct run_params *params;
    const void *row;
    int32_t *count; /* in shared memory: a process returns no more than an exit code */
};

static int spawned_main(const void *arg, void *result, struct grain_context *ctx)
{
    const struct spawned *spawned = arg;
    (void)result;
    (void)ctx;
    spawned->params->kernel->loop(spawned->row, spawned->count, 1, &spawned->params->base);
    return 0;
}

/* Waits for a process, if there is one, and gives its place back. */
static int end_of(struct grain_process **process)
{
    int code = 0;
    if (!*process)
        return 0;
    int status = grain_process_join(*process, GRAIN_FOREVER);
    if (status == 0)
        status = grain_process_exitcode(*process, &code);
    grain_process_free(*process);
    *process = NULL;
    return status ? status : code ? GRAIN_TASK_FAILED : 0;
}

/* At most `workers` at a time; after a failure only those that run are waited for. */
static int finish_spawn(struct grain_pool *pool, struct run_input *input)
{
    size_t rows = input->items.count, at_once = (size_t)input->workers;
    struct grain_process **running = calloc(at_once, sizeof(struct grain_process *));
    int status = running ? 0 : -ENOMEM;
    (void)pool;
    for (size_t i = 0; running && i < rows + at_once; i++) {
        int ended = end_of(&running[i % at_once]);
        status = status ? status : ended;
        if (i >= rows || status)
            continue;
        struct spawned spawned = {&input->params, row_at(input, i), &input->counts[i]};
        status = grain_process_start(&running[i % at_once], NULL, spawned_main, &spawned, sizeof spawned);
    }
    free(running);
    return status;
}

/* -------------------------------------------------------------------------------------- the table */

#define CLAIMS (RUN_TAKES_CHUNK | RUN_TAKES_SCHEDULE)

static const struct run_call calls[] = {
    {"apply", "one task per call; the caller waits for each", RUN_BLOCKING, 0, false, NULL, finish_apply},
    {"map", "all tasks in one call, claimed chunk by chunk", RUN_BLOCKING, CLAIMS, false, NULL, finish_map},
    {"map_chunks", "as map, but the function is called once a chunk", RUN_BLOCKING, CLAIMS, false, NULL,
     finish_map_chunks},
    {"starmap", "as map, with a task of several arguments, out of columns", RUN_BLOCKING, CLAIMS, false, NULL,
     finish_starmap},
    {"apply_async", "one task per call, all queued; then each future's result", RUN_QUEUED, 0, false, start_apply,
     get_all},
    {"apply_callback", "the same; a callback collects (i, result) pairs, sorted at the end", RUN_QUEUED, 0, true,
     start_callback, finish_callback},
    {"map_async", "map, without waiting: one future", RUN_QUEUED, CLAIMS, false, start_map, get_all},
    {"map_chunks_async", "map_chunks, without waiting", RUN_QUEUED, CLAIMS, false, start_map_chunks, get_all},
    {"starmap_async", "starmap, without waiting", RUN_QUEUED, CLAIMS, false, start_starmap, get_all},
    {"imap", "an iterator over results, in order, with a window of tasks under way", RUN_ITERATOR, RUN_TAKES_CHUNK,
     false, start_imap, finish_imap},
    {"imap_unordered", "the same, results as they are ready", RUN_ITERATOR, RUN_TAKES_CHUNK, true, start_imap_unordered,
     finish_imap_unordered},
    {"spawn", "no pool: a process of its own for every task", RUN_SPAWNING, 0, false, NULL, finish_spawn},
};
#define CALL_COUNT (sizeof calls / sizeof calls[0])

const struct run_call *run_call_at(size_t index)
{
    return index < CALL_COUNT ? &calls[index] : NULL;
}
