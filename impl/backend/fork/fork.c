/* SPDX-License-Identifier: MIT
 *
 * Workers that are processes: a team in an arena that caller, supervisor and workers share. Next: staging.h (what is
 * copied), supervisor.h (who watches whom), team/layout.h (how work flows, what a kill leaves), sys/arena.h (the
 * memory).
 */
#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "backend/backend.h"
#include "staging.h"
#include "supervisor.h"
#include "sys/arena.h"
#include "sys/fd.h"
#include "sys/signals.h"
#include "team/team.h"

#define GUARD_NAP_NS 10000000

struct fork_state {
    struct team_front front;
    struct supervisor supervisor;
    struct arena arena;
    struct supervisor_shared *shared;
    pthread_t guard;
    int guard_fd;                       /* readable when the supervisor has ended */
    struct staging stagings[TEAM_JOBS]; /* of the calls that have a descriptor */
};

/* ------------------------------------------------------------------------------------ open and close */

/* A thread that sees the end of the supervisor, for those who sleep without looking. It starts when somebody has slept
 * for a while, or sleeps for one of many jobs, and ends with the supervisor. Whoever has missed the phase is told again
 * when he is asleep. */
static void *guard_main(void *argument)
{
    struct fork_state *state = argument;
    struct team *team = state->shared->team;
    struct pollfd end = {.fd = state->guard_fd, .events = POLLIN};
    while (poll(&end, 1, -1) < 0)
        ;
    do {
        bool is_lost = atomic_load_explicit(&team->phase, memory_order_acquire) < TEAM_QUIT;
        team_set_phase(team, is_lost ? TEAM_BROKEN : TEAM_QUIT);
    } while (team_has_sleepers(&state->front) && nanosleep(&(struct timespec){.tv_nsec = GUARD_NAP_NS}, NULL) == 0);
    return NULL;
}

/* Where it is not to be had, sleepers look themselves. */
static void guard_start(struct fork_state *state)
{
    if (atomic_load_explicit(&state->front.is_guarded, memory_order_acquire))
        return;
    pthread_mutex_lock(&state->supervisor.lock);
    if (!atomic_load_explicit(&state->front.is_guarded, memory_order_relaxed) &&
        (state->guard_fd = fd_of_process(state->supervisor.pid)) >= 0) {
        bool is_guarded = signals_thread(&state->guard, NULL, guard_main, state) == 0;
        atomic_store_explicit(&state->front.is_guarded, is_guarded, memory_order_release);
        if (!is_guarded)
            close(state->guard_fd);
    }
    pthread_mutex_unlock(&state->supervisor.lock);
}

static void guard_join(struct fork_state *state)
{
    if (!atomic_load_explicit(&state->front.is_guarded, memory_order_relaxed))
        return;
    pthread_join(state->guard, NULL);
    close(state->guard_fd);
}

static bool caller_looks(void *user)
{
    struct fork_state *state = user;
    bool is_alive = supervisor_is_alive(&state->supervisor);
    if (is_alive)
        guard_start(state);
    return is_alive;
}

static int shared_make(struct backend_pool *pool, struct fork_state *state)
{
    size_t team_bytes = team_size(pool->workers);
    void *memory;
    int status = arena_alloc(&state->arena, team_bytes + sizeof(struct supervisor_shared), &memory);
    if (status)
        return status;
    /* Fresh pages of the arena read as zero. */
    struct team *team = memory;
    struct supervisor_shared *shared = (struct supervisor_shared *)((char *)memory + team_bytes);
    shared->team = team;
    shared->pool = pool;
    team_init(team, pool->workers, backend_usable_cpus(pool), pool->options.wait, true);
    team_place(team, pool->mask, pool->cpus, pool->cpu_count);
    team->max_chunks = pool->options.max_tasks_per_worker;
    team->events = pool->events;
    state->shared = shared;
    return 0;
}

static int fork_open(struct backend_pool *pool)
{
    struct fork_state *state = pool->state;
    int status = arena_open(&state->arena, pool->options.memory_limit);
    if (status)
        return status;
    status = shared_make(pool, state);
    if (status == 0)
        status = team_front_init(&state->front, state->shared->team);
    if (status)
        goto no_front;
    state->front.is_alive = caller_looks;
    state->front.user = state;
    status = team_account_prepare(&state->front);
    if (status == 0)
        status = supervisor_start(&state->supervisor, state->shared);
    if (status)
        goto no_supervisor;
    pool->worker_pids = state->shared->pids;
    pool->replaced = &state->shared->replaced;
    pool->singles = (const volatile uint64_t *)&state->front.singles;
    return 0;
no_supervisor:
    team_front_drop(&state->front);
no_front:
    arena_close(&state->arena);
    return status;
}

static void fork_cancel(struct backend_pool *pool)
{
    struct fork_state *state = pool->state;
    team_set_phase(state->shared->team, TEAM_STOP);
    supervisor_notify(&state->supervisor);
}

static void fork_quit(struct backend_pool *pool)
{
    struct fork_state *state = pool->state;
    team_set_phase(state->shared->team, TEAM_QUIT);
    supervisor_notify(&state->supervisor);
    supervisor_await(&state->supervisor);
    guard_join(state);
    supervisor_await_workers(&state->supervisor); /* of one that was killed */
}

static void fork_close(struct backend_pool *pool)
{
    struct fork_state *state = pool->state;
    supervisor_drop(&state->supervisor);
    pool->worker_pids = NULL;
    pool->replaced = NULL;
    team_front_drop(&state->front);
    arena_close(&state->arena);
}

/* ------------------------------------------------------------------------------------------- a call */

/* Whether a call that ended early has something to hand over, or to tell. After a terminate nobody waits for the
 * workers' end who did not ask what became of the tasks. */
static bool is_to_account(const struct job *job, int status)
{
    return status == -ENOTRECOVERABLE || (status == -ECANCELED && job->has_report);
}

/* Its memory is the next job's. Not of a call that was given up: workers may still be in it, or its tickets in rings;
 * that goes with the pool. */
static void call_drop(struct fork_state *state, struct staging *staging)
{
    if (staging->bytes || !job_is_single(staging->job)) /* else it has nothing but its descriptor */
        staging_drop(staging);
    if (staging->job->is_queued)
        team_unwatch(staging->desc);
    team_job_return(&state->front, staging->desc);
}

static void call_push(struct fork_state *state, struct staging *staging)
{
    if (job_is_single(staging->job)) {
        team_submit_single(&state->front, staging->desc);
        return;
    }
    team_submit(&state->front, staging->desc, staging->loaded, false);
    while (staging->loaded < staging->job->count)
        team_loaded(&state->front, staging->desc, staging_load_more(staging));
}

static int fork_submit(struct backend_pool *pool, struct job *job, void **ticket)
{
    struct fork_state *state = pool->state;
    *ticket = NULL;
    struct team_job *desc = job->is_queued ? team_job_try(&state->front) : team_job_take(&state->front);
    int status = desc ? 0 : team_abort_reason(&state->front);
    if (!desc)
        return status ? status : -EBUSY;
    struct staging *staging = &state->stagings[desc - state->shared->team->jobs];
    staging_init(staging, pool, &state->arena, desc, job);
    status = job_is_single(job) ? staging_load_single(staging) : staging_load(staging);
    if (status) {
        call_drop(state, staging);
        return status;
    }
    if (job->task_timeout_ns)
        supervisor_limit(&state->supervisor, job->task_timeout_ns);
    call_push(state, staging);
    *ticket = staging;
    return 0;
}

static bool fork_is_done(struct backend_pool *pool, struct job *job, void *ticket, unsigned watch)
{
    struct fork_state *state = pool->state;
    const struct staging *staging = ticket;
    (void)job;
    if (watch & EVENT_ALL)
        guard_start(state);
    return team_is_done(&state->front, staging->desc, watch);
}

static int single_wait(struct fork_state *state, struct staging *staging, struct job *job)
{
    int status = team_wait_single(&state->front, staging->desc);
    if (is_to_account(job, status)) {
        supervisor_await_workers(&state->supervisor);
        status = team_wait_single(&state->front, staging->desc);
    }
    if (status == 0)
        staging_unload_single(staging, job);
    return status;
}

static int job_wait(struct fork_state *state, struct staging *staging, struct job *job)
{
    int status = team_wait(&state->front, staging->desc);
    job->is_accounted = is_to_account(job, status);
    if (job->is_accounted) {
        supervisor_await_workers(&state->supervisor);
        status = team_account(&state->front, staging->desc, status);
    }
    if (status == 0 || job->is_accounted)
        staging_unload(staging, job);
    return status;
}

static int fork_wait(struct backend_pool *pool, struct job *job, void *ticket)
{
    struct fork_state *state = pool->state;
    int status = job_is_single(job) ? single_wait(state, ticket, job) : job_wait(state, ticket, job);
    if (job->task_timeout_ns)
        supervisor_unlimit(&state->supervisor);
    if (status != -ENOTRECOVERABLE && status != -ECANCELED)
        call_drop(state, ticket);
    return status;
}

/* The memory that descriptors keep from job to job, of those that no call has. A caller that looks for one meanwhile
 * waits a moment, as it does when there are too many calls. */
static void descs_trim(struct fork_state *state)
{
    struct team_front *front = &state->front;
    /* acquire: pairs with team_job_return; release: with team_job_take */
    uint64_t free = atomic_exchange_explicit(&front->free_jobs, 0, memory_order_acquire);
    for (int i = 0; i < TEAM_JOBS; i++)
        if (free >> i & 1)
            staging_trim(&state->arena, &front->team->jobs[i], 0);
    atomic_fetch_or_explicit(&front->free_jobs, free, memory_order_release);
}

static int fork_alloc(struct backend_pool *pool, size_t size, void **memory)
{
    struct fork_state *state = pool->state;
    if (size > 0)
        return arena_alloc(&state->arena, size, memory);
    if (*memory) {
        arena_release(&state->arena, *memory);
        arena_settle(&state->arena, false);
    } else {
        descs_trim(state);
        arena_trim(&state->arena);
    }
    return 0;
}

const struct grain_backend backend_fork = {
    .name = "fork",
    .summary = "processes under a supervisor; a killed worker is replaced, its task reported",
    .schedules =
        BACKEND_SCHEDULE(STATIC) | BACKEND_SCHEDULE(DYNAMIC) | BACKEND_SCHEDULE(GUIDED) | BACKEND_SCHEDULE(STEAL),
    .default_schedule = GRAIN_SCHEDULE_STEAL,
    .capabilities = BACKEND_RUNS_TASKS | BACKEND_IS_PARALLEL | BACKEND_BINDS | BACKEND_INITIALIZES | BACKEND_REPLACES,
    .state_size = sizeof(struct fork_state),
    .open = fork_open,
    .submit = fork_submit,
    .wait = fork_wait,
    .is_done = fork_is_done,
    .cancel = fork_cancel,
    .quit = fork_quit,
    .close = fork_close,
    .alloc = fork_alloc,
};
