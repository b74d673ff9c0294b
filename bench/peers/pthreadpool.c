/* SPDX-License-Identifier: MIT
 *
 * pthreadpool, as XNNPACK and PyTorch use it: `parallelize_1d_tile_1d`, in which the calling thread takes part. Each
 * thread begins with an equal share of the tiles and then takes tiles from the ends of the others' shares.
 */
#include <errno.h>
#include <pthreadpool.h>

#include "builtin.h"
#include "crew.h"

struct tiles_state {
    struct crew crew;
    pthreadpool_t threads;
    int started; /* threads that have a number */
    const struct job *job;
};

/* Of which pool this thread is which worker: the library tells its tasks no number. */
static _Thread_local uint64_t numbered_for;
static _Thread_local int number;

static void tile_run(void *user, size_t begin, size_t count)
{
    struct tiles_state *state = user;
    if (numbered_for != state->crew.serial) {
        numbered_for = state->crew.serial;
        number = __atomic_add_fetch(&state->started, 1, __ATOMIC_RELAXED);
        crew_place(&state->crew, number);
        job_enter(state->crew.pool);
    }
    crew_run(&state->crew, state->job, number, begin, begin + count);
}

static int tiles_open(struct backend_pool *pool)
{
    struct tiles_state *state = pool->state;
    int status = crew_open(&state->crew, pool);
    if (status)
        return status;
    state->threads = pthreadpool_create((size_t)pool->workers);
    if (state->threads)
        return 0;
    crew_close(&state->crew);
    return -EAGAIN;
}

/* The caller is worker 0 until the job ends; a task of another pool may be what calls. */
static int tiles_wait(struct backend_pool *pool, struct job *job, void *ticket)
{
    struct tiles_state *state = pool->state;
    (void)ticket;
    uint64_t outer_for = numbered_for;
    int outer = number;
    crew_begin(&state->crew);
    crew_join(&state->crew);
    state->job = job;
    numbered_for = state->crew.serial;
    number = 0;
    pthreadpool_parallelize_1d_tile_1d(state->threads, tile_run, state, job->count, crew_chunk(&state->crew, job), 0);
    numbered_for = outer_for;
    number = outer;
    crew_leave(&state->crew);
    return crew_end(&state->crew, job);
}

static void tiles_cancel(struct backend_pool *pool)
{
    crew_cancel(&((struct tiles_state *)pool->state)->crew);
}

static void tiles_close(struct backend_pool *pool)
{
    struct tiles_state *state = pool->state;
    pthreadpool_destroy(state->threads);
    crew_close(&state->crew);
}

const struct grain_backend peer_pthreadpool[] = {
    {.name = "pthreadpool",
     .summary = "pthreadpool's parallelize_1d_tile_1d, in the calling thread",
     .schedules = BACKEND_SCHEDULE(DEFAULT),
     .default_schedule = GRAIN_SCHEDULE_DEFAULT,
     .capabilities = PEER_CAPABILITIES,
     .state_size = sizeof(struct tiles_state),
     .open = tiles_open,
     .wait = tiles_wait,
     .cancel = tiles_cancel,
     .close = tiles_close},
    {.name = NULL},
};
