/* SPDX-License-Identifier: MIT
 *
 * The reference among the backends: one range, one call of job_run(), in the caller's thread. It is also the baseline
 * `serial callback`: the same loop object code that every worker runs, and nothing else.
 *
 * The caller's thread is the caller's: a C++ exception may pass through here, and pthread_exit may end it. Both
 * unwind, so this file is compiled with -fexceptions, and what a call holds is given back by `cleanup` attributes: the
 * turn, and the thread's mark as a worker. What is queued runs on a thread of grain's, which must go on: there a task
 * that ends its thread fails.
 */
#include <errno.h>
#include <pthread.h>

#include "backend.h"

/* Every caller is the one worker: what the initializer leaves is all callers', who take turns. */
struct serial_state {
    pthread_mutex_t turn;
    void *worker_state;
    uint32_t is_cancelled; /* for those who wait for their turn; relaxed: it only grows */
};

/* What one call holds. */
struct stay {
    struct backend_pool *pool;
    const void *outer;
};

static int serial_open(struct backend_pool *pool)
{
    struct serial_state *state = pool->state;
    pool->workers = 1;
    int status = backend_initialize(pool, 0, 0, BACKEND_TRIES, &state->worker_state);
    if (status == 0)
        pthread_mutex_init(&state->turn, NULL);
    return status;
}

static void stay_end(struct stay *stay)
{
    struct serial_state *state = stay->pool->state;
    job_leave(stay->outer);
    stay->pool->caller = NULL;
    pthread_mutex_unlock(&state->turn);
}

/* The whole of a job: tasks run as one range, whatever the chunk; a chunk task is called once per chunk. */
static void all_run(const struct job *job, struct grain_context *ctx)
{
    size_t step = job->form == JOB_CHUNK && job->chunk ? job->chunk : job->count;
    for (size_t begin = 0; begin < job->count; begin += step) {
        size_t end = job->count - begin > step ? begin + step : job->count;
        if (job->is_queued)
            job_run_guarded(job, begin, end, ctx);
        else
            job_run(job, begin, end, ctx);
    }
}

static void queued_run(void *argument)
{
    struct grain_context *ctx = argument;
    struct job_thread thread;
    job_thread_note(&thread);
    ctx->thread = &thread;
    all_run(ctx->job, ctx);
}

static int serial_wait(struct backend_pool *pool, struct job *job, void *ticket)
{
    struct serial_state *state = pool->state;
    (void)ticket;
    struct grain_context ctx = {.job = job, .outcome = &job->outcome, .state_at = &state->worker_state};
    pthread_mutex_lock(&state->turn);
    struct stay stay __attribute__((cleanup(stay_end))) = {pool, job_enter(pool)};
    pool->caller = stay.outer;
    if (__atomic_load_n(&state->is_cancelled, __ATOMIC_RELAXED))
        return -ECANCELED;
    if (job->is_queued)
        job_guard_going_on(queued_run, &ctx);
    else
        all_run(job, &ctx);
    return 0;
}

/* A call that runs is in its caller's thread: it ends by itself. */
static void serial_cancel(struct backend_pool *pool)
{
    struct serial_state *state = pool->state;
    __atomic_store_n(&state->is_cancelled, 1, __ATOMIC_RELAXED);
}

static void serial_quit(struct backend_pool *pool)
{
    struct serial_state *state = pool->state;
    backend_finalize(pool, 0, 0, &state->worker_state);
}

static void serial_close(struct backend_pool *pool)
{
    struct serial_state *state = pool->state;
    pthread_mutex_destroy(&state->turn);
}

const struct grain_backend backend_serial = {
    .name = "serial",
    .summary = "the caller runs every task itself: the oracle and the baseline",
    .schedules = BACKEND_SCHEDULE(STATIC) | BACKEND_SCHEDULE(DYNAMIC) | BACKEND_SCHEDULE(GUIDED),
    .default_schedule = GRAIN_SCHEDULE_STATIC,
    .capabilities = BACKEND_RUNS_TASKS | BACKEND_SHARES_MEMORY | BACKEND_INITIALIZES,
    .state_size = sizeof(struct serial_state),
    .open = serial_open,
    .wait = serial_wait,
    .cancel = serial_cancel,
    .quit = serial_quit,
    .close = serial_close,
};
