/* SPDX-License-Identifier: MIT
 *
 * Workers that are POSIX threads: a team in ordinary memory, in which nothing is copied. Where workers are replaced
 * after so many chunks, a thread beside each of them, which blocks all signals, starts the next one. Else a thread that
 * a task has ended (pthread_exit) starts another one in its place, which recovers what it held as after a death.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "sys/futex.h"
#include "sys/signals.h"
#include "team/team.h"

struct pthread_worker {
    struct pthread_state *pool;
    pthread_t thread;
    int id;
    int tries;       /* that its initializer has left */
    bool has_begun;  /* its first initializer has ended: who comes now is a replacement */
    bool has_ended;  /* this life, as planned */
    bool is_retired; /* another thread is to go on */
    bool has_before; /* takes the place of a thread that a task has ended, and waits for its end first */
    pthread_t before;
};

struct pthread_state {
    struct team_front front;
    struct team *team;
    struct pthread_worker *workers;
    const struct backend_pool *pool;
    int started;
    _Atomic uint32_t initialized; /* futex: of the first workers, those whose initializer has ended */
    uint64_t replaced;            /* threads that the user's code has ended */
};

/* Its initializer, as often as it may still be tried: one that ends its thread has used a try up. */
static int worker_initialize(struct pthread_worker *worker, void **state)
{
    int status = -ENOTRECOVERABLE;
    while (status && worker->tries > 0) {
        worker->tries--;
        status = backend_initialize(worker->pool->pool, worker->id, 0, 1, state);
    }
    return status;
}

/* A worker that could not be initialized works on, to drop what is queued, what its predecessor held and what comes:
 * nobody else may do so for it, and callers wait for that. */
static void worker_live(void *argument)
{
    struct pthread_worker *worker = argument;
    struct pthread_state *pool = worker->pool;
    void *state = NULL;
    job_enter(pool->pool);
    int status = worker_initialize(worker, &state);
    if (status) {
        /* before the phase: pairs with is_lost() */
        atomic_store_explicit(&pool->team->is_lost, 1, memory_order_relaxed);
        team_set_phase(pool->team, TEAM_STOP);
    }
    bool is_replacement = worker->has_begun;
    if (!is_replacement) {
        atomic_fetch_add_explicit(&pool->initialized, 1, memory_order_release); /* pairs with initializers_await */
        wait_wake(&pool->initialized, 1, false);
    }
    worker->has_begun = true;
    worker->tries = BACKEND_TRIES; /* of the next life */
    worker->is_retired = team_work(pool->team, worker->id, 0, state, is_replacement);
    state = pool->team->slots[worker->id].ctx.state; /* a task may have put another one there */
    worker->has_ended = true;
    if (status == 0)
        backend_finalize(pool->pool, worker->id, 0, &state);
}

/* False: the user's code has ended the thread before its time. */
static bool worker_life(struct pthread_worker *worker)
{
    worker->has_ended = false;
    bool has_left = job_guard(worker_live, worker);
    job_leave(NULL);
    if (!has_left || worker->has_ended)
        return true;
    worker->is_retired = true;
    __atomic_fetch_add(&worker->pool->replaced, 1, __ATOMIC_RELAXED); /* for the stats */
    return false;
}

static void *worker_main(void *argument);

/* Starts the thread that goes on instead of this one. The task that ended this one is told of there: so whoever waits
 * for that call, and then joins the pool, finds the new thread in worker->thread. */
static int successor_start(struct pthread_worker *worker)
{
    pthread_t thread;
    worker->before = pthread_self();
    worker->has_before = true;
    int status = signals_thread(&thread, &worker->pool->pool->signals, worker_main, worker);
    if (status) /* else the new thread's, from its start on */
        worker->has_before = false;
    return status;
}

/* Where there is no other thread to be had, this one goes on. */
static void *worker_main(void *argument)
{
    struct pthread_worker *worker = argument;
    if (worker->has_before) {
        pthread_join(worker->before, NULL);
        worker->has_before = false;
        worker->thread = pthread_self();
    }
    bool has_keeper = worker->pool->team->max_chunks > 0;
    while (!worker_life(worker) && !has_keeper && successor_start(worker) != 0)
        ;
    return NULL;
}

/* Starts a worker, waits for its end, starts the next. Where there is no other thread to be had it is the worker. */
static void *keeper_main(void *argument)
{
    struct pthread_worker *worker = argument;
    do {
        pthread_t thread;
        const sigset_t *mask = &worker->pool->pool->signals;
        sigset_t before;
        if (signals_thread(&thread, mask, worker_main, worker) == 0) {
            pthread_join(thread, NULL);
        } else {
            pthread_sigmask(SIG_SETMASK, mask, &before);
            worker_main(worker);
            pthread_sigmask(SIG_SETMASK, &before, NULL);
        }
    } while (worker->is_retired);
    return NULL;
}

/* acquire: pairs with initialized_say */
static int initializers_await(struct pthread_state *state)
{
    uint32_t seen;
    while ((seen = atomic_load_explicit(&state->initialized, memory_order_acquire)) < (uint32_t)state->started)
        wait_sleep(&state->initialized, seen, UINT64_MAX, false);
    return atomic_load_explicit(&state->team->is_lost, memory_order_relaxed) ? -ENOTRECOVERABLE : 0;
}

static int workers_start(struct pthread_state *state, int count)
{
    bool has_keepers = state->team->max_chunks > 0;
    sigset_t mask = state->pool->signals;
    if (has_keepers)
        signals_service_mask(&mask);
    int status = 0;
    for (int i = 0; i < count && status == 0; i++) {
        struct pthread_worker *worker = &state->workers[i];
        *worker = (struct pthread_worker){.pool = state, .id = i, .tries = BACKEND_TRIES};
        status = signals_thread(&worker->thread, &mask, has_keepers ? keeper_main : worker_main, worker);
        if (status == 0)
            state->started++;
    }
    if (status == 0 && state->pool->options.initializer)
        status = initializers_await(state);
    return status;
}

static void pthread_quit(struct backend_pool *pool)
{
    struct pthread_state *state = pool->state;
    team_set_phase(state->team, TEAM_BROKEN); /* every call has returned */
    for (int i = 0; i < state->started; i++)
        pthread_join(state->workers[i].thread, NULL);
}

static void pthread_close(struct backend_pool *pool)
{
    struct pthread_state *state = pool->state;
    team_front_drop(&state->front);
    free(state->workers);
    free(state->team);
}

static int team_make(struct backend_pool *pool, struct pthread_state *state)
{
    memset(state->team, 0, team_size(pool->workers));
    team_init(state->team, pool->workers, backend_usable_cpus(pool), pool->options.wait, false);
    state->team->max_chunks = pool->options.max_tasks_per_worker;
    state->team->events = pool->events;
    team_place(state->team, pool->mask, pool->cpus, pool->cpu_count);
    int status = team_front_init(&state->front, state->team);
    state->front.is_lending = !pool->options.caller_waits && !pool->options.initializer && !pool->options.finalizer &&
                              !pool->options.max_tasks_per_worker;
    return status;
}

static int pthread_open(struct backend_pool *pool)
{
    struct pthread_state *state = pool->state;
    state->pool = pool;
    state->workers = calloc((size_t)pool->workers, sizeof *state->workers);
    state->team = aligned_alloc(64, team_size(pool->workers));
    pool->singles = (const volatile uint64_t *)&state->front.singles;
    pool->replaced = &state->replaced;
    int status = state->workers && state->team ? team_make(pool, state) : -ENOMEM;
    if (status == 0) {
        status = workers_start(state, pool->workers);
        if (status)
            pthread_quit(pool);
    }
    if (status)
        pthread_close(pool);
    return status;
}

/* Why work was dropped. acquire: a worker that drops has seen the phase, so we do, and what was stored before it. */
static bool is_lost(struct pthread_state *state)
{
    return atomic_load_explicit(&state->team->phase, memory_order_acquire) >= TEAM_STOP &&
           atomic_load_explicit(&state->team->is_lost, memory_order_relaxed);
}

static int pthread_submit(struct backend_pool *pool, struct job *job, void **ticket)
{
    struct pthread_state *state = pool->state;
    struct team_job *place = job->is_queued ? team_job_try(&state->front) : team_job_take(&state->front);
    if (!place) {
        int status = team_abort_reason(&state->front);
        return status ? status : -EBUSY;
    }
    job_describe(&place->job, job);
    if (job_is_single(job)) {
        team_submit_single(&state->front, place);
    } else {
        team_fit(&place->job);
        team_submit(&state->front, place, job->count, !job->is_queued && !job_current_pool());
    }
    *ticket = place;
    return 0;
}

static bool pthread_is_done(struct backend_pool *pool, struct job *job, void *ticket, unsigned watch)
{
    struct pthread_state *state = pool->state;
    (void)job;
    return team_is_done(&state->front, ticket, watch);
}

static int pthread_wait(struct backend_pool *pool, struct job *job, void *ticket)
{
    struct pthread_state *state = pool->state;
    struct team_job *place = ticket;
    bool is_single = job_is_single(job);
    if (!is_single && place->lent)
        team_join(state->team, place, pool);
    int status = is_single ? team_wait_single(&state->front, place) : team_wait(&state->front, place);
    job->outcome.failed = place->job.outcome.failed;
    if (job->outcome.failed)
        job->outcome.first = place->job.outcome.first;
    if (is_single && job->codes) /* what its ticket carries has no room for them */
        job->codes[0] = job->outcome.failed ? job->outcome.first.code : 0;
    job->handovers = place->job.handovers;
    job->steals = place->job.steals;
    job->is_accounted = status && !is_single;
    if (job->is_queued)
        team_unwatch(place);
    team_job_return(&state->front, place);
    return status == -ECANCELED && is_lost(state) ? -ENOTRECOVERABLE : status;
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
    .capabilities = BACKEND_RUNS_TASKS | BACKEND_IS_PARALLEL | BACKEND_SHARES_MEMORY | BACKEND_BINDS |
                    BACKEND_INITIALIZES | BACKEND_REPLACES,
    .state_size = sizeof(struct pthread_state),
    .open = pthread_open,
    .submit = pthread_submit,
    .wait = pthread_wait,
    .is_done = pthread_is_done,
    .cancel = pthread_cancel_all,
    .quit = pthread_quit,
    .close = pthread_close,
};
