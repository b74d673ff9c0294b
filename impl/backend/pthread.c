/* SPDX-License-Identifier: MIT
 *
 * Workers that are POSIX threads: a team in ordinary memory. Tasks see the caller's memory as it is, so
 * nothing is copied. Threads block every signal: the host's handlers run on the host's threads.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "backend/builtin.h"
#include "backend/team.h"
#include "machine/machine.h"

struct pthread_worker {
    struct pthread_state *pool;
    pthread_t thread;
    int id;
};

struct pthread_state {
    struct team_front front;
    struct team *team;
    struct pthread_worker *workers;
    const void *mark; /* what job_current_pool() says in the workers */
    int started;
};

static void *worker_main(void *argument)
{
    struct pthread_worker *worker = argument;
    const void *outer = job_enter(worker->pool->mark);
    team_work(worker->pool->team, worker->id, 0);
    job_leave(outer);
    return NULL;
}

static int workers_start(struct pthread_state *state, int count)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = 0;
    for (int i = 0; i < count && status == 0; i++) {
        struct pthread_worker *worker = &state->workers[i];
        *worker = (struct pthread_worker){.pool = state, .id = i};
        status = -pthread_create(&worker->thread, NULL, worker_main, worker);
        if (status == 0)
            state->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

static void pthread_close(struct backend_pool *pool)
{
    struct pthread_state *state = pool->state;
    team_set_phase(state->team, TEAM_QUIT);
    for (int i = 0; i < state->started; i++)
        pthread_join(state->workers[i].thread, NULL);
    team_front_drop(&state->front);
    free(state->workers);
    free(state->team);
}

static int team_make(struct backend_pool *pool, struct pthread_state *state)
{
    memset(state->team, 0, team_size(pool->workers));
    team_init(state->team, pool->workers, machine_cpu_count_recent(), pool->wait, false);
    int status = pool->bind == GRAIN_BIND_NONE ? 0 : team_place(state->team);
    return status ? status : team_front_init(&state->front, state->team);
}

static int pthread_open(struct backend_pool *pool)
{
    struct pthread_state *state = pool->state;
    state->mark = pool;
    state->workers = calloc((size_t)pool->workers, sizeof *state->workers);
    state->team = aligned_alloc(64, team_size(pool->workers));
    int status = state->workers && state->team ? team_make(pool, state) : -ENOMEM;
    if (status) {
        free(state->team);
        free(state->workers);
        return status;
    }
    status = workers_start(state, pool->workers);
    if (status)
        pthread_close(pool);
    return status;
}

static int pthread_run(struct backend_pool *pool, struct job *job)
{
    struct pthread_state *state = pool->state;
    struct team_job *place = team_job_take(&state->front);
    job_describe(&place->job, job);
    bool is_single = job_is_single(job);
    int status;
    if (is_single) {
        team_submit_single(&state->front, place);
        status = team_wait_single(&state->front, place);
    } else {
        team_fit(&place->job);
        team_submit(&state->front, place, job->count);
        status = team_wait(&state->front, place);
    }
    job->outcome.failed = place->job.outcome.failed;
    if (job->outcome.failed)
        job->outcome.first = place->job.outcome.first;
    job->handovers = place->job.handovers;
    job->steals = place->job.steals;
    team_job_return(&state->front, place);
    return status;
}

static void pthread_cancel_all(struct backend_pool *pool)
{
    struct pthread_state *state = pool->state;
    team_set_phase(state->team, TEAM_STOP);
}

const struct grain_backend backend_pthread = {
    .name = "pthread",
    .summary = "POSIX threads; tasks share the caller's memory",
    .schedules =
        BACKEND_SCHEDULE(STATIC) | BACKEND_SCHEDULE(DYNAMIC) | BACKEND_SCHEDULE(GUIDED) | BACKEND_SCHEDULE(STEAL),
    .default_schedule = GRAIN_SCHEDULE_STEAL,
    .capabilities = BACKEND_RUNS_TASKS | BACKEND_IS_PARALLEL | BACKEND_SHARES_MEMORY | BACKEND_BINDS,
    .state_size = sizeof(struct pthread_state),
    .open = pthread_open,
    .run = pthread_run,
    .cancel = pthread_cancel_all,
    .close = pthread_close,
};
