/* SPDX-License-Identifier: MIT
 *
 * OpenMP as any OpenMP program has it: regions in the calling thread, which is thread 0 of the team; `parallel for
 * schedule(runtime)` over the chunks, or a `task` a chunk that one thread creates. The same code twice: `gomp` on the
 * runtime that the compiler links, libgomp, and `libomp` on LLVM's, which takes its place by LD_PRELOAD. Both look
 * whether they have what they are named after.
 */
#include <dlfcn.h>
#include <errno.h>
#include <omp.h>

#include "builtin.h"
#include "crew.h"

struct gomp_state {
    struct crew crew;
};

/* Whether it is LLVM's library that stands behind the OpenMP calls of this process. A second runtime that is loaded but
 * not used would export its names too: both names must come from one library. */
static bool runtime_is_llvm(void)
{
    Dl_info used, llvm;
    void *any = dlsym(RTLD_DEFAULT, "omp_get_thread_num"), *own = dlsym(RTLD_DEFAULT, "__kmpc_global_thread_num");
    return any && own && dladdr(any, &used) && dladdr(own, &llvm) && used.dli_fbase == llvm.dli_fbase;
}

static void region_enter(struct crew *crew)
{
    int id = omp_get_thread_num();
    if (id == 0)
        return; /* the caller: crew_join() */
    crew_place(crew, id);
    job_enter(crew->pool);
}

static void region_leave(void)
{
    if (omp_get_thread_num() > 0)
        job_leave(NULL);
}

/* As it is written most often: a share for each thread, computed by itself; `runtime` has them ask for it. */
static void region_static(struct crew *crew, const struct job *job, long units, size_t chunk)
{
#pragma omp parallel num_threads(crew->pool->workers) if (units > 1) default(none) shared(crew, job, units, chunk)
    {
        region_enter(crew);
#pragma omp for schedule(static) nowait /* the region ends with a barrier of its own */
        for (long unit = 0; unit < units; unit++)
            crew_run_unit(crew, job, omp_get_thread_num(), (size_t)unit, chunk);
        region_leave();
    }
}

static void region_loop(struct crew *crew, const struct job *job, long units, size_t chunk)
{
    static const omp_sched_t kinds[GRAIN_SCHEDULE_COUNT] = {
        [GRAIN_SCHEDULE_DEFAULT] = omp_sched_dynamic, /* queued calls on the backends of tasks */
        [GRAIN_SCHEDULE_STATIC] = omp_sched_static,
        [GRAIN_SCHEDULE_DYNAMIC] = omp_sched_dynamic,
        [GRAIN_SCHEDULE_GUIDED] = omp_sched_guided,
    };
    omp_set_schedule(kinds[job->schedule], 1);
#pragma omp parallel num_threads(crew->pool->workers) if (units > 1) default(none) shared(crew, job, units, chunk)
    {
        region_enter(crew);
#pragma omp for schedule(runtime) nowait
        for (long unit = 0; unit < units; unit++)
            crew_run_unit(crew, job, omp_get_thread_num(), (size_t)unit, chunk);
        region_leave();
    }
}

/* With one thread the tasks run undeferred: libgomp stalls for a scheduler slice otherwise. */
static void region_tasks(struct crew *crew, const struct job *job, long units, size_t chunk)
{
    int workers = units > 1 ? crew->pool->workers : 1;
#pragma omp parallel num_threads(workers) default(none) shared(crew, job, units, chunk, workers)
    {
        region_enter(crew);
#pragma omp single
        for (long unit = 0; unit < units; unit++) {
#pragma omp task if (workers > 1) default(none) firstprivate(unit) shared(crew, job, chunk)
            crew_run_unit(crew, job, omp_get_thread_num(), (size_t)unit, chunk);
        }
        region_leave();
    }
}

/* `static` without a chunk is a share for each thread, as OpenMP deals it out by itself. */
static bool is_share(const struct job *job)
{
    return job->schedule == GRAIN_SCHEDULE_STATIC && job->chunk == 0;
}

static size_t chunk_of(const struct crew *crew, const struct job *job)
{
    size_t workers = (size_t)crew->pool->workers;
    return is_share(job) ? (job->count + workers - 1) / workers : crew_chunk(crew, job);
}

typedef void (*region_fn)(struct crew *crew, const struct job *job, long units, size_t chunk);

static int region_run(struct backend_pool *pool, struct job *job, region_fn region)
{
    struct crew *crew = &((struct gomp_state *)pool->state)->crew;
    size_t chunk = chunk_of(crew, job);
    crew_begin(crew);
    crew_join(crew);
    region(crew, job, (long)((job->count + chunk - 1) / chunk), chunk);
    crew_leave(crew);
    return crew_end(crew, job);
}

static int loop_wait(struct backend_pool *pool, struct job *job, void *ticket)
{
    (void)ticket;
    return region_run(pool, job, is_share(job) ? region_static : region_loop);
}

/* Queued calls run on a thread of the pool, which ends one day, and LLVM's runtime corrupts its heap when a thread ends
 * that has started tasks. */
static int task_wait(struct backend_pool *pool, struct job *job, void *ticket)
{
    (void)ticket;
    return region_run(pool, job, job->form == JOB_CALLS ? region_loop : region_tasks);
}

/* The runtime counts its CPUs when it is first asked, from the mask of the thread that asks: while that is whole. */
static int open_on(struct backend_pool *pool, bool wants_llvm)
{
    struct gomp_state *state = pool->state;
    if (runtime_is_llvm() != wants_llvm)
        return -ELIBACC;
    (void)omp_get_num_procs();
    return crew_open(&state->crew, pool);
}

#ifdef GRAIN_PEER_GOMP
static int gomp_open(struct backend_pool *pool)
{
    return open_on(pool, false);
}
#endif

static int libomp_open(struct backend_pool *pool)
{
    return open_on(pool, true);
}

static void gomp_cancel(struct backend_pool *pool)
{
    crew_cancel(&((struct gomp_state *)pool->state)->crew);
}

static void gomp_close(struct backend_pool *pool)
{
    crew_close(&((struct gomp_state *)pool->state)->crew);
}

#define LOOPS                                                                                                          \
    .schedules = BACKEND_SCHEDULE(STATIC) | BACKEND_SCHEDULE(DYNAMIC) | BACKEND_SCHEDULE(GUIDED),                      \
    .default_schedule = GRAIN_SCHEDULE_DYNAMIC, .wait = loop_wait
#define TASKS .schedules = BACKEND_SCHEDULE(DEFAULT), .default_schedule = GRAIN_SCHEDULE_DEFAULT, .wait = task_wait
#define COMMON                                                                                                         \
    .capabilities = PEER_CAPABILITIES, .state_size = sizeof(struct gomp_state), .cancel = gomp_cancel,                 \
    .close = gomp_close

const struct grain_backend peer_gomp[] = {
#ifdef GRAIN_PEER_GOMP
    {.name = "gomp", .summary = "libgomp's `parallel for`, in the calling thread", .open = gomp_open, LOOPS, COMMON},
    {.name = "gomp-task",
     .summary = "libgomp's `task`, one a chunk, in the calling thread",
     .open = gomp_open,
     TASKS,
     COMMON},
#endif
    {.name = "libomp",
     .summary = "the same code on LLVM's runtime: needs LD_PRELOAD of libomp.so.5, as `grain sweep` does",
     .open = libomp_open,
     LOOPS,
     COMMON},
    {.name = "libomp-task",
     .summary = "the same on LLVM's runtime, a `task` a chunk",
     .open = libomp_open,
     TASKS,
     COMMON},
    {.name = NULL},
};
