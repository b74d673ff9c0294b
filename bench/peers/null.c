/* SPDX-License-Identifier: MIT
 *
 * The floor: says "done" without running anything, so that what is left is the cost of the call itself. No part of the
 * library. It is also the template to copy: a backend needs open, wait and close; the rest may be
 * left out. What each hook must do stands in backend.h.
 */
#include "builtin.h"

struct null_state {
    void *worker_state;
};

/* Start the workers here, each of which calls backend_initialize() first; on failure undo everything and return a
 * negative errno value. */
static int null_open(struct backend_pool *pool)
{
    struct null_state *state = pool->state;
    return backend_initialize(pool, 0, 0, BACKEND_TRIES, &state->worker_state);
}

/* Give [0, job->count) to the workers in claims of job->chunk, each through job_run(); return when
 * every task has ended and job->outcome is merged. */
static int null_wait(struct backend_pool *pool, struct job *job, void *ticket)
{
    (void)pool;
    (void)job;
    (void)ticket;
    return 0;
}

/* Stop the workers, which call backend_finalize() last, and wait for them. */
static void null_quit(struct backend_pool *pool)
{
    struct null_state *state = pool->state;
    backend_finalize(pool, 0, 0, &state->worker_state);
}

/* Give back what open took. */
static void null_close(struct backend_pool *pool)
{
    (void)pool;
}

const struct grain_backend own_null = {
    .name = "null",
    .summary = "runs nothing: the cost of a call itself, no part of the library",
    .schedules = BACKEND_SCHEDULE(STATIC) | BACKEND_SCHEDULE(DYNAMIC) | BACKEND_SCHEDULE(GUIDED),
    .default_schedule = GRAIN_SCHEDULE_STATIC,
    .capabilities = BACKEND_INITIALIZES,
    .state_size = sizeof(struct null_state),
    .open = null_open,
    .wait = null_wait,
    .quit = null_quit,
    .close = null_close,
};
