/* SPDX-License-Identifier: MIT
 *
 * oneTBB's three ways as backends. What they do is in tbb.cc.
 */
#include <errno.h>

#include "builtin.h"
#include "crew.h"
#include "tbb.h"

struct tbb_state {
    struct crew crew;
    struct tbb_arena *arena;
};

static int tbb_open(struct backend_pool *pool)
{
    struct tbb_state *state = pool->state;
    int status = crew_open(&state->crew, pool);
    if (status)
        return status;
    state->arena = tbb_arena_open(&state->crew);
    if (state->arena)
        return 0;
    crew_close(&state->crew);
    return -ENOMEM;
}

static int run(struct backend_pool *pool, struct job *job, size_t chunk,
               int (*way)(struct tbb_arena *arena, const struct job *job, size_t chunk))
{
    struct tbb_state *state = pool->state;
    crew_begin(&state->crew);
    crew_join(&state->crew);
    int status = way(state->arena, job, chunk);
    crew_leave(&state->crew);
    int ended = crew_end(&state->crew, job);
    return status ? status : ended;
}

/* A blocked_range that is given no grain size has 1. */
static size_t grain_of(const struct job *job)
{
    return job->chunk ? job->chunk : 1;
}

static int simple_wait(struct backend_pool *pool, struct job *job, void *ticket)
{
    (void)ticket;
    return run(pool, job, grain_of(job), tbb_run_simple);
}

static int auto_wait(struct backend_pool *pool, struct job *job, void *ticket)
{
    (void)ticket;
    return run(pool, job, grain_of(job), tbb_run_auto);
}

static int tasks_wait(struct backend_pool *pool, struct job *job, void *ticket)
{
    (void)ticket;
    return run(pool, job, crew_chunk(&((struct tbb_state *)pool->state)->crew, job), tbb_run_tasks);
}

static void tbb_cancel(struct backend_pool *pool)
{
    crew_cancel(&((struct tbb_state *)pool->state)->crew);
}

static void tbb_close(struct backend_pool *pool)
{
    struct tbb_state *state = pool->state;
    tbb_arena_close(state->arena);
    crew_close(&state->crew);
}

#define COMMON                                                                                                         \
    .schedules = BACKEND_SCHEDULE(DEFAULT), .default_schedule = GRAIN_SCHEDULE_DEFAULT,                                \
    .capabilities = PEER_CAPABILITIES, .state_size = sizeof(struct tbb_state), .open = tbb_open, .cancel = tbb_cancel, \
    .close = tbb_close

const struct grain_backend peer_tbb[] = {
    {.name = "tbb-simple", .summary = "oneTBB's parallel_for, simple_partitioner", .wait = simple_wait, COMMON},
    {.name = "tbb-auto", .summary = "oneTBB's parallel_for, auto_partitioner", .wait = auto_wait, COMMON},
    {.name = "tbb-task", .summary = "oneTBB's task_group, one task per chunk", .wait = tasks_wait, COMMON},
    {.name = NULL},
};
