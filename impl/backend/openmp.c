/* SPDX-License-Identifier: MIT
 *
 * Workers that are an OpenMP team, used as an OpenMP programmer would: `parallel for schedule(runtime)` over the chunks
 * (behind a pilot where the pool chooses them), `taskloop`, and a `task` for each queued call. Regions run on a driver
 * thread of the pool, never on the caller's: that keeps the caller fork-safe (GCC bug 60035: a region in the main
 * thread, then a fork, then a region in the child hangs). A region exists only while a job runs.
 */
#include <errno.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "backend.h"
#include "omp_thread.h"
#include "sched/pilot.h"
#include "sys/clock.h"
#include "sys/machine.h"

/* One cache line an OpenMP thread, so that threads do not disturb each other. */
struct openmp_worker {
    _Alignas(64) struct grain_context ctx;
    struct job_outcome outcome;
    uint64_t claims;
    bool is_initialized;
    const struct backend_pool *pool;
    struct job_thread thread; /* the one that has this number */
};

struct openmp_state {
    struct backend_pool *pool;
    struct driver *driver;
    uint64_t serial; /* tells pools apart that came to lie at the same address */
    struct queue queue;
    _Atomic uint32_t is_cancelled;
    _Atomic uint32_t is_lost; /* an initializer failed: no task is run any more */
    struct openmp_worker *workers;
    cpu_set_t mask; /* the opener's: where unbound threads may run that no pool->mask confines */
    int usable_cpus;
};

/* ----------------------------------------------------------------------------------------- a region */

/* Which pool this OpenMP thread is placed for. A runtime keeps its threads from region to region, and a
 * driver from pool to pool: an unbound pool must undo what a bound one did. */
static _Thread_local uint64_t placed_for;
static _Thread_local int placed_as; /* and as which of its workers */

/* The user's code must not end a thread of the runtime's: job_guard(). */
static void finalizer_call(void *argument)
{
    struct openmp_worker *worker = argument;
    backend_finalize(worker->pool, worker->ctx.worker, 0, &worker->ctx.state);
}

static void initializer_call(void *argument)
{
    struct openmp_worker *worker = argument;
    int status = backend_initialize(worker->pool, worker->ctx.worker, 0, 1, &worker->ctx.state);
    worker->is_initialized = status == 0;
}

static void worker_finalize(struct openmp_state *state, int id)
{
    struct openmp_worker *worker = &state->workers[id];
    if (worker->is_initialized)
        job_guard(finalizer_call, worker);
    worker->is_initialized = false;
}

/* A thread that took another one's number ends that worker's life and begins its own. */
static void worker_initialize(struct openmp_state *state, int id)
{
    struct openmp_worker *worker = &state->workers[id];
    worker_finalize(state, id);
    for (int i = 0; i < BACKEND_TRIES && !worker->is_initialized; i++)
        job_guard(initializer_call, worker);
    if (!worker->is_initialized)
        atomic_store_explicit(&state->is_lost, 1, memory_order_relaxed); /* the region's end publishes it */
}

/* Once a thread, pool and number: binds it, gives it the signals of this pool's opener, and makes it a worker. */
static void thread_place(struct openmp_state *state)
{
    int id = omp_get_thread_num();
    if (placed_for == state->serial && placed_as == id)
        return;
    placed_for = state->serial;
    placed_as = id;
    if (state->pool->cpus)
        machine_bind_self(state->pool->cpus[id % state->pool->cpu_count]);
    else if (state->pool->mask)
        machine_confine_self(state->pool->mask);
    else
        sched_setaffinity(0, sizeof state->mask, &state->mask);
    pthread_sigmask(SIG_SETMASK, &state->pool->signals, NULL);
    job_thread_note(&state->workers[id].thread);
    worker_initialize(state, id);
}

static long units_of(size_t count, size_t chunk)
{
    return (long)((count + chunk - 1) / chunk);
}

/* Why tasks are left out: 0 while they are not. relaxed: some are left out a little later. */
static int job_status(struct openmp_state *state)
{
    int status = atomic_load_explicit(&state->is_cancelled, memory_order_relaxed) ? -ECANCELED : 0;
    return atomic_load_explicit(&state->is_lost, memory_order_relaxed) ? -ENOTRECOVERABLE : status;
}

/* One claim: the tasks from begin on, as many as a chunk or as are left. */
static void unit_run(struct openmp_state *state, const struct job *job, size_t begin, size_t chunk)
{
    struct openmp_worker *worker = &state->workers[omp_get_thread_num()];
    size_t end = job->count - begin > chunk ? begin + chunk : job->count;
    int status = job_status(state);
    worker->claims += status == 0;
    if (status)
        job_drop(job, &worker->outcome, begin, end, status);
    else
        job_run_guarded(job, begin, end, &worker->ctx);
}

/* One thread's part in the pilot of a job; then what is left for all of them. */
static struct pilot_rest pilot_fly(struct openmp_state *state, const struct job *job, struct pilot *pilot)
{
    struct pilot_part share;
    uint64_t begin, end, before = clock_ns();
    pilot_join(&share);
    while (pilot_claim(pilot, &share, &begin, &end)) {
        unit_run(state, job, (size_t)begin, (size_t)(end - begin));
        uint64_t now = clock_ns();
        pilot_note(pilot, &share, end - begin, now - before);
        before = now;
    }
    return pilot_rest(pilot);
}

/* With a pilot, the loop is over what that has left, with the chunk that it found. No thread waits between the two: all
 * come to the same bounds, and one in a long task of the pilot joins the loop when it is through. */
static void region_loop(struct openmp_state *state, const struct job *job, size_t chunk, struct pilot *pilot)
{
    static const omp_sched_t kinds[GRAIN_SCHEDULE_COUNT] = {
        [GRAIN_SCHEDULE_STATIC] = omp_sched_static,
        [GRAIN_SCHEDULE_DYNAMIC] = omp_sched_dynamic,
        [GRAIN_SCHEDULE_GUIDED] = omp_sched_guided,
    };
    bool is_many = job->count > chunk; /* a single chunk, as of every apply, needs no team */
    omp_set_schedule(kinds[job->schedule], 1);
#pragma omp parallel num_threads(state->pool->workers) if (is_many) default(none) shared(state, job, chunk, pilot)
    {
        thread_place(state);
        const void *outer = job_enter(state->pool);
        struct pilot_rest rest = pilot ? pilot_fly(state, job, pilot) : (struct pilot_rest){0, chunk};
        long units = units_of(job->count - (size_t)rest.begin, (size_t)rest.chunk);
#pragma omp for schedule(runtime)
        for (long unit = 0; unit < units; unit++)
            unit_run(state, job, (size_t)(rest.begin + (uint64_t)unit * rest.chunk), (size_t)rest.chunk);
        job_leave(outer);
    }
}

/* clang warns of the sign of the loop counters that it makes itself for a taskloop. */
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wsign-conversion"
#pragma clang diagnostic ignored "-Wsign-compare"
#endif

/* One thread makes the tasks, for all: of a `taskloop`, and of queued calls, as an OpenMP programmer would write them.
 * With one thread they run undeferred: libgomp stalls for a scheduler slice otherwise. */
static void region_tasks(struct openmp_state *state, const struct job *job, long units, size_t chunk)
{
    int workers = units > 1 ? state->pool->workers : 1;
#pragma omp parallel num_threads(workers) default(none) shared(state, job, units, chunk, workers)
    {
        thread_place(state);
        const void *outer = job_enter(state->pool);
#pragma omp single
        if (job->form == JOB_CALLS) {
            for (long unit = 0; unit < units; unit++)
#pragma omp task if (workers > 1) default(none) firstprivate(unit) shared(state, job, chunk)
                unit_run(state, job, (size_t)unit * chunk, chunk);
        } else {
#pragma omp taskloop grainsize(1) if (workers > 1) default(none) shared(state, job, units, chunk)
            for (long unit = 0; unit < units; unit++)
                unit_run(state, job, (size_t)unit * chunk, chunk);
        }
        job_leave(outer);
    }
}

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

static int job_do(struct openmp_state *state, struct job *job)
{
    size_t parts = (size_t)state->pool->workers, chunk = job->chunk;
    bool is_chosen = chunk == 0 && job->schedule == GRAIN_SCHEDULE_DYNAMIC;
    if (chunk == 0)
        chunk = is_chosen ? 1 : (job->count + parts - 1) / parts;
    long units = units_of(job->count, chunk);
    for (size_t i = 0; i < parts; state->workers[i++].claims = 0)
        job_outcome_clear(&state->workers[i].outcome);
    if (units > 1)
        driver_keeps(state->driver, (int)parts - 1);
    if (job->form == JOB_CALLS || job->schedule == GRAIN_SCHEDULE_TASKLOOP) {
        region_tasks(state, job, units, chunk);
    } else {
        struct pilot pilot;
        pilot_start(&pilot, job->count, parts);
        region_loop(state, job, chunk, is_chosen && pilot_is_worth(job->count, parts) ? &pilot : NULL);
    }
    const struct openmp_worker *worker = state->workers;
    for (size_t i = 0; i < parts; i++, worker++) {
        job_outcome_merge(&job->outcome, &worker->outcome);
        job->handovers += job->schedule == GRAIN_SCHEDULE_STATIC ? worker->claims > 0 : worker->claims;
    }
    job->is_accounted = true;
    return job_status(state);
}

/* --------------------------------------------------------------------------------------- the driver */

/* The end: every worker's finalizer in its own thread, as far as the runtime still has it. */
static void workers_finalize(struct openmp_state *state)
{
    int workers = state->pool->workers, initialized = 0;
    for (int i = 0; i < workers; i++)
        initialized += state->workers[i].is_initialized;
    if (initialized == 0 || !state->pool->options.finalizer)
        return;
#pragma omp parallel num_threads(workers) if (initialized > 1) default(none) shared(state)
    if (placed_for == state->serial)
        worker_finalize(state, omp_get_thread_num());
    for (int i = 0; i < workers; i++)
        worker_finalize(state, i);
}

static void serve(void *argument)
{
    struct openmp_state *state = argument;
    for (struct job *job; (job = queue_next(&state->queue));)
        queue_end(&state->queue, job, job_do(state, job));
    workers_finalize(state);
}

static int openmp_submit(struct backend_pool *pool, struct job *job, void **ticket)
{
    struct openmp_state *state = pool->state;
    queue_push(&state->queue, job);
    *ticket = NULL;
    return 0;
}

static bool openmp_is_done(struct backend_pool *pool, struct job *job, void *ticket, unsigned watch)
{
    (void)pool;
    (void)ticket;
    return queue_has_ended(job, watch);
}

static int openmp_wait(struct backend_pool *pool, struct job *job, void *ticket)
{
    struct openmp_state *state = pool->state;
    (void)ticket;
    return queue_wait(&state->queue, job, job->count == 1 || pool->workers < state->usable_cpus);
}

/* Between two tasks of a chunk; once cancelled, for ever: `interrupt` stays. Both words are relaxed: `is_cancelled` is
 * stored again, so that the driver, which looks at it after the region's end, cannot miss it. */
static size_t rest_drop(struct grain_context *ctx, size_t next, size_t end)
{
    __atomic_store_n((uint32_t *)(uintptr_t)ctx->stop, 1, __ATOMIC_RELAXED); /* is_cancelled */
    job_drop(ctx->job, ctx->outcome, next, end, -ECANCELED);
    return next;
}

static void openmp_cancel(struct backend_pool *pool)
{
    struct openmp_state *state = pool->state;
    atomic_store_explicit(&state->is_cancelled, 1, memory_order_relaxed);
    for (int i = 0; i < pool->workers; i++)
        job_request_interrupt(&state->workers[i].ctx);
}

/* ------------------------------------------------------------------------------------ open and close */

static void openmp_close(struct backend_pool *pool)
{
    struct openmp_state *state = pool->state;
    pthread_mutex_destroy(&state->queue.lock);
    free(state->workers);
}

static int openmp_open(struct backend_pool *pool)
{
    struct openmp_state *state = pool->state;
    size_t count = (size_t)pool->workers;
    static _Atomic uint64_t serials;
    state->serial = atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
    state->pool = pool;
    state->usable_cpus = backend_usable_cpus(pool);
    queue_open(&state->queue, pool, state->usable_cpus > 1);
    state->workers = aligned_alloc(64, count * sizeof *state->workers);
    int status = state->workers ? 0 : -ENOMEM;
    for (size_t i = 0; status == 0 && i < count; i++) {
        struct openmp_worker *worker = &state->workers[i];
        *worker =
            (struct openmp_worker){.ctx = {.worker = (int)i, .outcome = &worker->outcome, .stop_at = 1}, .pool = pool};
        worker->ctx.stop = (const uint32_t *)&state->is_cancelled;
        worker->ctx.on_interrupt = rest_drop;
        worker->ctx.thread = &worker->thread;
    }
    sched_getaffinity(0, sizeof state->mask, &state->mask);
    if (status == 0)
        status = driver_start(&state->driver, &pool->signals, serve, state, pool->workers - 1);
    if (status)
        openmp_close(pool);
    return status;
}

static void openmp_quit(struct backend_pool *pool)
{
    struct openmp_state *state = pool->state;
    queue_close(&state->queue);
    driver_join(state->driver);
}

const struct grain_backend backend_openmp = {
    .name = "openmp",
    .summary = "OpenMP's own loops and tasks, on a thread of the pool",
    .schedules =
        BACKEND_SCHEDULE(STATIC) | BACKEND_SCHEDULE(DYNAMIC) | BACKEND_SCHEDULE(GUIDED) | BACKEND_SCHEDULE(TASKLOOP),
    .default_schedule = GRAIN_SCHEDULE_DYNAMIC,
    .capabilities = BACKEND_RUNS_TASKS | BACKEND_IS_PARALLEL | BACKEND_SHARES_MEMORY | BACKEND_BINDS |
                    BACKEND_INITIALIZES | BACKEND_PILOTS,
    .state_size = sizeof(struct openmp_state),
    .open = openmp_open,
    .submit = openmp_submit,
    .wait = openmp_wait,
    .is_done = openmp_is_done,
    .cancel = openmp_cancel,
    .quit = openmp_quit,
    .close = openmp_close,
};
