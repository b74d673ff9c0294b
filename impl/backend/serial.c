/* SPDX-License-Identifier: MIT
 *
 * The oracle among the backends: one range, one call of job_run(), in the caller's thread. It is also
 * the baseline `serial callback`: the same loop object code that every worker runs, and nothing else.
 */
#include "backend.h"
#include "builtin.h"

/* Every caller is the one worker: what the initializer leaves is all callers'. */
struct serial_state {
    void *worker_state;
};

static int serial_open(struct backend_pool *pool)
{
    struct serial_state *state = pool->state;
    pool->workers = 1;
    return backend_initialize(pool, 0, 0, BACKEND_TRIES, &state->worker_state);
}

static int serial_run(struct backend_pool *pool, struct job *job)
{
    struct serial_state *state = pool->state;
    struct grain_context ctx = {.outcome = &job->outcome, .state_at = &state->worker_state};
    /* Tasks run as one range, whatever the chunk; a chunk task is called once a chunk, as everywhere. */
    size_t step = job->form == JOB_CHUNK && job->chunk ? job->chunk : job->count;
    const void *outer = job_enter(pool);
    for (size_t begin = 0; begin < job->count; begin += step)
        job_run(job, begin, job->count - begin > step ? begin + step : job->count, &ctx);
    job_leave(outer);
    return 0;
}

static void serial_quit(struct backend_pool *pool)
{
    struct serial_state *state = pool->state;
    backend_finalize(pool, 0, 0, &state->worker_state);
}

static void serial_close(struct backend_pool *pool)
{
    (void)pool;
}

const struct grain_backend backend_serial = {
    .name = "serial",
    .summary = "the caller runs every task itself: the oracle and the baseline",
    .schedules = BACKEND_SCHEDULE(STATIC) | BACKEND_SCHEDULE(DYNAMIC) | BACKEND_SCHEDULE(GUIDED),
    .default_schedule = GRAIN_SCHEDULE_STATIC,
    .capabilities = BACKEND_RUNS_TASKS | BACKEND_SHARES_MEMORY | BACKEND_INITIALIZES,
    .state_size = sizeof(struct serial_state),
    .open = serial_open,
    .run = serial_run,
    .quit = serial_quit,
    .close = serial_close,
};
