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
    pthread_barrier_t all_placed;
};

/* Of which pool this thread is which worker: the library tells its tasks no number. */
static _Thread_local uint64_t numbered_for;
static _Thread_local int number;

/* The caller's is 0: tiles_each(). */
static void number_take(struct tiles_state *state)
{
    numbered_for = state->crew.serial;
    number = __atomic_add_fetch(&state->started, 1, __ATOMIC_RELAXED);
    crew_place(&state->crew, number);
    job_enter(state->crew.pool);
}

static void tile_run(void *user, size_t begin, size_t count)
{
    struct tiles_state *state = user;
    if (numbered_for != state->crew.serial)
        number_take(state);
    crew_run(&state->crew, state->job, number, begin, begin + count);
}

static void thread_place(void *user, size_t begin, size_t count)
{
    struct tiles_state *state = user;
    (void)begin;
    (void)count;
    if (numbered_for != state->crew.serial)
        number_take(state);
    pthread_barrier_wait(&state->all_placed);
}

/* Tiles of a range, in all threads. The caller is worker 0 until they end; a task of another pool may be what calls. */
static void tiles_each(struct tiles_state *state, pthreadpool_task_1d_tile_1d_t tile, size_t count, size_t chunk)
{
    uint64_t outer_for = numbered_for;
    int outer = number;
    numbered_for = state->crew.serial;
    number = 0;
    pthreadpool_parallelize_1d_tile_1d(state->threads, tile, state, count, chunk, 0);
    numbered_for = outer_for;
    number = outer;
}

/* A thread that is not placed until it finds work may lie on the caller's CPU, and find none for long. Each waits for
 * all others, so each has a tile of its own. */
static void tiles_place(struct tiles_state *state, int workers)
{
    if (pthread_barrier_init(&state->all_placed, NULL, (unsigned)workers))
        return;
    tiles_each(state, thread_place, (size_t)workers, 1);
    pthread_barrier_destroy(&state->all_placed);
}

static int tiles_open(struct backend_pool *pool)
{
    struct tiles_state *state = pool->state;
    int status = crew_open(&state->crew, pool);
    if (status)
        return status;
    state->threads = pthreadpool_create((size_t)pool->workers);
    if (!state->threads) {
        crew_close(&state->crew);
        return -EAGAIN;
    }
    tiles_place(state, pool->workers);
    return 0;
}

static int tiles_wait(struct backend_pool *pool, struct job *job, void *ticket)
{
    struct tiles_state *state = pool->state;
    (void)ticket;
    crew_begin(&state->crew);
    crew_join(&state->crew);
    state->job = job;
    tiles_each(state, tile_run, job->count, crew_chunk(&state->crew, job));
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
