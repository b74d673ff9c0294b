/* SPDX-License-Identifier: MIT
 *
 * apply_async: one call per row, all of them under way together: collected through their futures in order, or by a
 * callback that gets (index, result) pairs as they arrive, which are then put in order, as the notebook does it.
 */
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "kind_calls.h"
#include "work.h"

/* --------------------------------------------------------------------------------------- futures */

int open_apply_async(struct subject *subject)
{
    return work_scratch(subject, subject->tasks * sizeof(struct grain_future *)) ? 0 : -ENOMEM;
}

/* Gets and frees what was started, all of it whatever happens. 0 or the first failure. */
static int futures_collect(struct subject *subject, struct grain_future **futures, size_t count)
{
    int status = 0;
    for (size_t i = 0; i < count; i++) {
        int ended = grain_future_get(futures[i], GRAIN_FOREVER);
        if (status == 0)
            status = ended == GRAIN_TASK_FAILED ? work_failed(subject, i, grain_future_error(futures[i])) : ended;
        grain_future_free(futures[i]);
    }
    return status;
}

/* Retries: of every other call. */
static int run_stream(struct subject *subject, struct gbench_state *state, int retries)
{
    struct work work = work_kernel(subject);
    struct grain_call_options options = work_options(subject, &work);
    struct grain_future **futures = subject->scratch;
    size_t tasks = work_tasks(subject, state, WARM_TASKS), started = 0;
    size_t item_size = subject->item_size, result_size = subject->kernel->result_size;
    const char *item = subject->items;
    char *result = subject->results;
    options.report = NULL;
    nap(subject, state);
    uint64_t begun_ns = work_clock();
    int status = 0;
    for (; started < tasks; started++, item += item_size, result += result_size) {
        options.retries = started % 2 ? retries : 0;
        status = grain_apply_async(subject->pool, work.task, item, item_size, result, result_size, &options,
                                   &futures[started]);
        if (status)
            break;
    }
    uint64_t submitted_ns = work_clock();
    int ended = futures_collect(subject, futures, started);
    work_phases(subject, begun_ns, submitted_ns);
    return status ? status : ended;
}

int run_apply_async(struct subject *subject, struct gbench_state *state)
{
    return run_stream(subject, state, 0);
}

int run_apply_async_mixed(struct subject *subject, struct gbench_state *state)
{
    return run_stream(subject, state, 1);
}

/* Each is waited for before the next one starts. */
int run_apply_async_get(struct subject *subject, struct gbench_state *state)
{
    struct work work = work_kernel(subject);
    struct grain_call_options options = work_options(subject, &work);
    size_t item_size = subject->item_size, result_size = subject->kernel->result_size;
    const char *item = subject->items;
    char *result = subject->results;
    size_t tasks = work_tasks(subject, state, WARM_SINGLES);
    int status = 0;
    options.report = NULL;
    for (size_t i = 0; i < tasks && status == 0; i++, item += item_size, result += result_size) {
        struct grain_future *future = NULL;
        nap(subject, state);
        status = grain_apply_async(subject->pool, work.task, item, item_size, result, result_size, &options, &future);
        if (status == 0)
            status = futures_collect(subject, &future, 1);
    }
    return status;
}

/* ------------------------------------------------------------------------------------- callbacks */

struct gather;

/* What a callback is told: whose it is, and the index of its row. */
struct ticket {
    struct gather *gather;
    size_t index;
};

/* The list that callbacks append to. They run one at a time, so only `left` is shared with the caller. */
struct gather {
    _Atomic size_t left; /* calls that have not ended */
    sem_t done;          /* posted by the last one */
    size_t result_size, arrived, out_of_order, largest;
    struct grain_error error; /* of the lowest index that failed */
    bool has_failed;
    struct ticket *tickets;
    size_t *indices;       /* of the arrived pairs */
    char *values, *places; /* of the arrived pairs; where each call's own result goes */
};

int open_apply_callback(struct subject *subject)
{
    size_t tasks = subject->tasks, size = subject->kernel->result_size;
    bool is_shared = subject->cell.data == CELL_DATA_SHARED;
    size_t ticket_bytes = sizeof(struct ticket) + sizeof(size_t);
    struct gather *gather = work_scratch(subject, sizeof *gather + tasks * (ticket_bytes + 2 * size));
    if (!gather)
        return -ENOMEM;
    gather->result_size = size;
    gather->tickets = (struct ticket *)(gather + 1);
    gather->indices = (size_t *)(gather->tickets + tasks);
    gather->values = (char *)(gather->indices + tasks);
    gather->places = gather->values + tasks * size;
    for (size_t i = 0; i < tasks; i++)
        gather->tickets[i] = (struct ticket){gather, i};
    void *places; /* goes with the pool */
    int status = is_shared && size > 0 ? grain_alloc(subject->pool, tasks * size, &places) : 0;
    if (status == 0 && is_shared && size > 0)
        gather->places = places;
    return status == 0 && sem_init(&gather->done, 0, 0) ? -errno : status;
}

/* release: with gather_await(), which sees what this callback wrote. */
static void gather_ended(struct gather *gather)
{
    if (atomic_fetch_sub_explicit(&gather->left, 1, memory_order_acq_rel) == 1)
        sem_post(&gather->done);
}

static void pair_arrived(void *user, const void *result, size_t count)
{
    const struct ticket *ticket = user;
    struct gather *gather = ticket->gather;
    size_t at = gather->arrived++;
    (void)count;
    gather->indices[at] = ticket->index;
    memcpy(gather->values + at * gather->result_size, result, gather->result_size);
    if (ticket->index < gather->largest)
        gather->out_of_order++;
    else
        gather->largest = ticket->index;
    gather_ended(gather);
}

static void call_failed(void *user, const struct grain_error *error)
{
    const struct ticket *ticket = user;
    struct gather *gather = ticket->gather;
    if (!gather->has_failed || ticket->index < gather->error.index) {
        gather->error = *error;
        gather->error.index = ticket->index;
    }
    gather->has_failed = true;
    gather_ended(gather);
}

/* Waits for all calls but those that were never started.
 * acquire: with gather_ended(), of which the last posts where anything is left to wait for. */
static void gather_await(struct gather *gather, size_t never_started)
{
    bool is_over = never_started > 0 &&
                   atomic_fetch_sub_explicit(&gather->left, never_started, memory_order_acq_rel) == never_started;
    while (!is_over && sem_wait(&gather->done) && errno == EINTR)
        ;
}

/* The notebook's results.sort(): every pair knows its place. */
static void pairs_sort(const struct gather *gather, char *results)
{
    size_t size = gather->result_size;
    for (size_t k = 0; k < gather->arrived && size > 0; k++)
        memcpy(results + gather->indices[k] * size, gather->values + k * size, size);
}

int run_apply_callback(struct subject *subject, struct gbench_state *state)
{
    struct work work = work_kernel(subject);
    struct grain_call_options options = work_options(subject, &work);
    struct gather *gather = subject->scratch;
    size_t tasks = work_tasks(subject, state, WARM_TASKS), started = 0;
    size_t item_size = subject->item_size, result_size = gather->result_size;
    const char *item = subject->items;
    char *place = gather->places;
    int status = 0;
    gather->arrived = gather->out_of_order = gather->largest = 0;
    gather->has_failed = false;
    atomic_store_explicit(&gather->left, tasks, memory_order_relaxed); /* no callback is under way */
    options.report = NULL;
    options.callback = pair_arrived;
    options.error_callback = call_failed;
    nap(subject, state);
    uint64_t begun_ns = work_clock();
    for (; started < tasks; started++, item += item_size, place += result_size) {
        options.user = &gather->tickets[started];
        status = grain_apply_async(subject->pool, work.task, item, item_size, place, result_size, &options, NULL);
        if (status)
            break;
    }
    uint64_t submitted_ns = work_clock();
    gather_await(gather, tasks - started);
    pairs_sort(gather, subject->results);
    work_phases(subject, begun_ns, submitted_ns);
    subject->phases.out_of_order += gather->out_of_order;
    if (status == 0 && gather->has_failed)
        status = work_failed(subject, gather->error.index, &gather->error);
    return status;
}
