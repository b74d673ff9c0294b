/* SPDX-License-Identifier: MIT
 *
 * map, map_chunks and starmap, and their asynchronous twins: start, then get. The results are spoilt by the same call.
 */
#include "kind_calls.h"
#include "work.h"

/* The notebook's (row, minimum, maximum): the last two are the same for all. */
#define STAR_COLUMNS 3

struct columns {
    struct grain_column of[STAR_COLUMNS];
};

static struct columns columns_of(const struct subject *subject)
{
    const struct kernel_params *params = &subject->params;
    return (struct columns){{{subject->items, subject->item_size, subject->item_size},
                             {&params->minimum, sizeof params->minimum, 0},
                             {&params->maximum, sizeof params->maximum, 0}}};
}

/* -------------------------------------------------------------------------------------- blocking */

static int map(struct subject *subject, struct work work)
{
    struct grain_call_options options = work_options(subject, &work);
    return grain_map(subject->pool, work.task, work_items(subject), work_results(subject), &options);
}

static int map_chunks(struct subject *subject, struct work work)
{
    struct grain_call_options options = work_options(subject, &work);
    return grain_map_chunks(subject->pool, work.chunk, work_items(subject), work_results(subject), &options);
}

static int starmap(struct subject *subject, struct work work)
{
    struct grain_call_options options = work_options(subject, &work);
    struct columns columns = columns_of(subject);
    return grain_starmap(subject->pool, work.star, columns.of, STAR_COLUMNS, subject->tasks, work_results(subject),
                         &options);
}

int run_map(struct subject *subject, struct gbench_state *state)
{
    nap(subject, state);
    return map(subject, work_kernel(subject));
}

int run_map_chunks(struct subject *subject, struct gbench_state *state)
{
    nap(subject, state);
    return map_chunks(subject, work_kernel(subject));
}

int run_starmap(struct subject *subject, struct gbench_state *state)
{
    nap(subject, state);
    return starmap(subject, work_kernel(subject));
}

int poison_map(struct subject *subject)
{
    return map(subject, work_poison(subject));
}

int poison_map_chunks(struct subject *subject)
{
    return map_chunks(subject, work_poison(subject));
}

int poison_starmap(struct subject *subject)
{
    return starmap(subject, work_poison(subject));
}

/* ---------------------------------------------------------------------------------- asynchronous */

/* The second half of a call that was begun at begun_ns, and started with this status. */
static int collect(struct subject *subject, uint64_t begun_ns, int status, struct grain_future *future)
{
    uint64_t submitted_ns = work_clock();
    if (status == 0)
        status = grain_future_get(future, GRAIN_FOREVER);
    grain_future_free(future);
    work_phases(subject, begun_ns, submitted_ns);
    return status;
}

int run_map_async(struct subject *subject, struct gbench_state *state)
{
    struct work work = work_kernel(subject);
    struct grain_call_options options = work_options(subject, &work);
    struct grain_future *future = NULL;
    nap(subject, state);
    uint64_t begun_ns = work_clock();
    int status =
        grain_map_async(subject->pool, work.task, work_items(subject), work_results(subject), &options, &future);
    return collect(subject, begun_ns, status, future);
}

int run_map_chunks_async(struct subject *subject, struct gbench_state *state)
{
    struct work work = work_kernel(subject);
    struct grain_call_options options = work_options(subject, &work);
    struct grain_future *future = NULL;
    nap(subject, state);
    uint64_t begun_ns = work_clock();
    int status = grain_map_chunks_async(subject->pool, work.chunk, work_items(subject), work_results(subject), &options,
                                        &future);
    return collect(subject, begun_ns, status, future);
}

int run_starmap_async(struct subject *subject, struct gbench_state *state)
{
    struct work work = work_kernel(subject);
    struct grain_call_options options = work_options(subject, &work);
    struct columns columns = columns_of(subject);
    struct grain_future *future = NULL;
    nap(subject, state);
    uint64_t begun_ns = work_clock();
    int status = grain_starmap_async(subject->pool, work.star, columns.of, STAR_COLUMNS, subject->tasks,
                                     work_results(subject), &options, &future);
    return collect(subject, begun_ns, status, future);
}
