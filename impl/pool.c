/* SPDX-License-Identifier: MIT
 *
 * What a caller touches: arguments are checked here, a job is filled, the backend runs it. Also the life
 * of a pool: open, close, terminate, join, free. Next: job.h, then backend/backend.h.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/backend.h"

#define WORKERS_MAX   1024
#define COUNT_MAX     ((size_t)1 << 48) /* claims may run past the end by workers * chunk: keep room */
#define DEFAULT_GRACE (100 * 1000000ull)
#define MARK_OWNED    0x67726169u

enum pool_phase { POOL_OPEN, POOL_CLOSED, POOL_TERMINATED };

/* Life of a pool. `phase` only grows. A call first counts itself in `calls`, then reads `phase`;
 * close and terminate first store `phase`, join then reads `calls`: both sequentially consistent, so
 * that either the call sees the new phase or join sees the call. */
struct grain_pool {
    struct backend_pool core;
    volatile uint32_t *mark; /* a page that reads zero in a forked child */
    pid_t owner;             /* used when the kernel cannot wipe that page */
    _Atomic int phase;
    _Atomic uint64_t calls;
    _Atomic uint64_t handovers, steals;
    pthread_mutex_t lock; /* guards joined, with idle */
    pthread_cond_t idle;
    bool joined;
};

/* ------------------------------------------------------------------ a handle in a forked child */

static int mark_make(struct grain_pool *pool)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return -errno;
    pool->owner = madvise(page, size, MADV_WIPEONFORK) == 0 ? 0 : getpid();
    pool->mark = page;
    *pool->mark = MARK_OWNED;
    return 0;
}

static void mark_drop(struct grain_pool *pool)
{
    munmap((void *)pool->mark, (size_t)sysconf(_SC_PAGESIZE));
}

static bool is_owner(const struct grain_pool *pool)
{
    return *pool->mark == MARK_OWNED && (pool->owner == 0 || pool->owner == getpid());
}

/* --------------------------------------------------------------------------------- life of a pool */

static int options_check(const struct grain_pool_options *options)
{
    if (options->struct_size != 0 && options->struct_size != sizeof *options)
        return -EINVAL;
    if (options->workers < 0 || options->workers > WORKERS_MAX)
        return -EINVAL;
    if ((unsigned)options->wait > GRAIN_WAIT_PARK || (unsigned)options->bind > GRAIN_BIND_NONE)
        return -EINVAL;
    if (job_current_pool() && !options->allow_nested)
        return -EDEADLK;
    return 0;
}

static const struct grain_backend *backend_choose(const char *name)
{
    if (!name)
        name = getenv("GRAIN_BACKEND");
    if (!name || !*name)
        name = "pthread";
    return backend_find(name);
}

static int pool_start(struct grain_pool *pool, const struct grain_pool_options *options)
{
    struct backend_pool *core = &pool->core;
    core->workers = options->workers ? options->workers : grain_cpu_count();
    core->wait = options->wait;
    core->bind = options->bind;
    core->memory_limit = options->memory_limit;
    core->grace_ns = options->grace_ns ? options->grace_ns : DEFAULT_GRACE;
    /* State is aligned to cache lines, whatever a backend keeps in it. */
    size_t size = (core->backend->state_size + 63) / 64 * 64;
    core->state = aligned_alloc(64, size ? size : 64);
    if (!core->state)
        return -ENOMEM;
    memset(core->state, 0, size ? size : 64);
    int status = mark_make(pool);
    if (status == 0) {
        status = core->backend->open(core);
        if (status)
            mark_drop(pool);
    }
    if (status)
        free(core->state);
    return status;
}

int grain_pool_open(struct grain_pool **out, const struct grain_pool_options *options)
{
    static const struct grain_pool_options defaults;
    if (!out)
        return -EINVAL;
    *out = NULL;
    if (!options)
        options = &defaults;
    int status = options_check(options);
    if (status)
        return status;
    const struct grain_backend *backend = backend_choose(options->backend);
    if (!backend)
        return -EINVAL;

    struct grain_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return -ENOMEM;
    pool->core.backend = backend;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->idle, NULL);
    status = pool_start(pool, options);
    if (status) {
        pthread_cond_destroy(&pool->idle);
        pthread_mutex_destroy(&pool->lock);
        free(pool);
        return status;
    }
    *out = pool;
    return 0;
}

static int phase_raise(struct grain_pool *pool, int phase)
{
    if (!pool)
        return -EINVAL;
    if (!is_owner(pool))
        return -EPERM;
    int now = atomic_load_explicit(&pool->phase, memory_order_relaxed);
    while (now < phase && !atomic_compare_exchange_weak_explicit(&pool->phase, &now, phase, memory_order_seq_cst,
                                                                 memory_order_relaxed))
        ;
    return 0;
}

int grain_pool_close(struct grain_pool *pool)
{
    return phase_raise(pool, POOL_CLOSED);
}

int grain_pool_terminate(struct grain_pool *pool)
{
    int status = phase_raise(pool, POOL_TERMINATED);
    if (status)
        return status;
    /* Once joined, the backend is gone: there is nothing left to stop. */
    pthread_mutex_lock(&pool->lock);
    if (!pool->joined && pool->core.backend->cancel)
        pool->core.backend->cancel(&pool->core);
    pthread_mutex_unlock(&pool->lock);
    return 0;
}

int grain_pool_join(struct grain_pool *pool)
{
    if (!pool)
        return -EINVAL;
    if (!is_owner(pool))
        return -EPERM;
    if (job_current_pool() == &pool->core)
        return -EDEADLK;
    if (atomic_load_explicit(&pool->phase, memory_order_seq_cst) == POOL_OPEN)
        return -EINVAL;
    pthread_mutex_lock(&pool->lock);
    while (atomic_load_explicit(&pool->calls, memory_order_seq_cst) > 0)
        pthread_cond_wait(&pool->idle, &pool->lock);
    if (!pool->joined) {
        pool->core.backend->close(&pool->core);
        pool->joined = true;
    }
    pthread_mutex_unlock(&pool->lock);
    return 0;
}

void grain_pool_free(struct grain_pool *pool)
{
    if (!pool || !is_owner(pool) || job_current_pool() == &pool->core)
        return;
    grain_pool_terminate(pool);
    grain_pool_join(pool);
    mark_drop(pool);
    pthread_cond_destroy(&pool->idle);
    pthread_mutex_destroy(&pool->lock);
    free(pool->core.state);
    free(pool);
}

/* -------------------------------------------------------------------------------------------- calls */

static void call_leave(struct grain_pool *pool)
{
    uint64_t before = atomic_fetch_sub_explicit(&pool->calls, 1, memory_order_seq_cst);
    if (before == 1 && atomic_load_explicit(&pool->phase, memory_order_seq_cst) != POOL_OPEN) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->idle);
        pthread_mutex_unlock(&pool->lock);
    }
}

static int call_enter(struct grain_pool *pool)
{
    static const int refusal[] = {
        [POOL_OPEN] = 0,
        [POOL_CLOSED] = -ESHUTDOWN,
        [POOL_TERMINATED] = -ECANCELED,
    };
    if (!pool)
        return -EINVAL;
    if (!is_owner(pool))
        return -EPERM;
    if (job_current_pool() == &pool->core)
        return -EDEADLK;
    atomic_fetch_add_explicit(&pool->calls, 1, memory_order_seq_cst);
    int status = refusal[atomic_load_explicit(&pool->phase, memory_order_seq_cst)];
    if (status)
        call_leave(pool);
    return status;
}

static int block_check(const void *data, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || total > PTRDIFF_MAX)
        return -EOVERFLOW;
    return total && !data ? -EINVAL : 0;
}

static int chunk_resolve(struct job *job, int64_t chunk, int workers)
{
    size_t share = 0, parts = (size_t)workers;
    if (chunk == GRAIN_CHUNK_PYTHON)
        share = (job->count + 4 * parts - 1) / (4 * parts);
    else if (chunk < 0)
        return -EINVAL;
    else if (chunk > 0)
        share = (size_t)chunk;
    else if (job->schedule == GRAIN_SCHEDULE_STEAL && job->form == JOB_TASK)
        share = 1; /* a claim of one's own range costs nothing: the smallest leaves thieves the most */
    else if (job->schedule != GRAIN_SCHEDULE_STATIC)
        /* Nothing is known of the tasks: 32 claims a worker keep the tail below 1/32 of the run, and
         * their cost below a few microseconds. */
        share = (job->count + 32 * parts - 1) / (32 * parts);
    job->chunk = share < job->count ? share : job->count;
    return 0;
}

static int job_prepare(const struct grain_pool *pool, struct job *job, const struct grain_call_options *options)
{
    const struct grain_backend *backend = pool->core.backend;
    if (options->struct_size != 0 && options->struct_size != sizeof *options)
        return -EINVAL;
    if ((unsigned)options->schedule >= GRAIN_SCHEDULE_COUNT)
        return -EINVAL;
    if (job->count > COUNT_MAX)
        return -EOVERFLOW;
    int status = block_check(job->items, job->count, job->item_size);
    if (status == 0)
        status = block_check(job->results, job->count, job->result_size);
    if (status == 0)
        status = block_check(options->params, 1, options->params_size);
    if (status)
        return status;
    job->schedule = options->schedule ? options->schedule : backend->default_schedule;
    if (!(backend->schedules & (1u << job->schedule)))
        return -ENOTSUP;
    job->params = options->params_size ? options->params : NULL;
    job->params_size = options->params_size;
    return chunk_resolve(job, options->chunk, pool->core.workers);
}

static int job_dispatch(struct grain_pool *pool, struct job *job)
{
    const struct grain_backend *backend = pool->core.backend;
    if (backend->run)
        return backend->run(&pool->core, job);
    void *ticket;
    int status = backend->submit(&pool->core, job, &ticket);
    return status ? status : backend->wait(&pool->core, job, ticket);
}

static void report_fill(struct grain_report *report, const struct job *job)
{
    if (!report)
        return;
    report->failed = job->outcome.failed;
    if (job->outcome.failed)
        report->first = job->outcome.first;
}

static int call(struct grain_pool *pool, struct job *job, const struct grain_call_options *options)
{
    static const struct grain_call_options defaults;
    if (!options)
        options = &defaults;
    if (!job->task && !job->chunk_task)
        return -EINVAL;
    int status = call_enter(pool);
    if (status)
        return status;
    struct grain_report *report = options->report;
    status = job_prepare(pool, job, options);
    if (status == 0) {
        if (report && report->codes) {
            job->codes = report->codes;
            memset(job->codes, 0, job->count * sizeof *job->codes);
        }
        if (job->count > 0)
            status = job_dispatch(pool, job);
        report_fill(report, job);
        atomic_fetch_add_explicit(&pool->handovers, job->handovers, memory_order_relaxed);
        atomic_fetch_add_explicit(&pool->steals, job->steals, memory_order_relaxed);
        if (status == 0 && job->outcome.failed)
            status = GRAIN_TASK_FAILED;
    }
    call_leave(pool);
    return status;
}

int grain_apply(struct grain_pool *pool, grain_task_fn task, const void *arg, size_t arg_size, void *result,
                size_t result_size, const struct grain_call_options *options)
{
    struct job job = {
        .form = JOB_TASK,
        .task = task,
        .items = arg,
        .results = result,
        .count = 1,
        .item_size = arg_size,
        .result_size = result_size,
    };
    return call(pool, &job, options);
}

int grain_map(struct grain_pool *pool, grain_task_fn task, struct grain_in in, struct grain_out out,
              const struct grain_call_options *options)
{
    struct job job = {
        .form = JOB_TASK,
        .task = task,
        .items = in.data,
        .results = out.data,
        .count = in.count,
        .item_size = in.size,
        .result_size = out.size,
    };
    return call(pool, &job, options);
}

int grain_map_chunks(struct grain_pool *pool, grain_chunk_fn task, struct grain_in in, struct grain_out out,
                     const struct grain_call_options *options)
{
    struct job job = {
        .form = JOB_CHUNK,
        .chunk_task = task,
        .items = in.data,
        .results = out.data,
        .count = in.count,
        .item_size = in.size,
        .result_size = out.size,
    };
    return call(pool, &job, options);
}

/* ------------------------------------------------------------------------------- memory and counters */

int grain_alloc(struct grain_pool *pool, size_t size, void **memory)
{
    if (!memory || size == 0 || size > PTRDIFF_MAX - 64)
        return -EINVAL;
    *memory = NULL;
    int status = call_enter(pool);
    if (status)
        return status;
    const struct grain_backend *backend = pool->core.backend;
    if (backend->alloc) {
        status = backend->alloc(&pool->core, size, memory);
    } else {
        size_t rounded = (size + 63) / 64 * 64;
        *memory = aligned_alloc(64, rounded);
        if (*memory)
            memset(*memory, 0, rounded);
        else
            status = -ENOMEM;
    }
    call_leave(pool);
    return status;
}

void grain_release(struct grain_pool *pool, void *memory)
{
    if (!pool || !memory || !is_owner(pool))
        return;
    const struct grain_backend *backend = pool->core.backend;
    if (!backend->alloc) {
        free(memory);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    if (!pool->joined)
        backend->alloc(&pool->core, 0, &memory);
    pthread_mutex_unlock(&pool->lock);
}

/* A process's CPU-time clock by its number, as clock_getcpuclockid() gives it, in nanoseconds. */
static uint64_t process_cpu_ns(int pid)
{
    clockid_t clock;
    struct timespec time;
    if (pid <= 0 || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &time))
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int grain_pool_stats(struct grain_pool *pool, struct grain_pool_stats *stats)
{
    if (!pool || !stats)
        return -EINVAL;
    if (!is_owner(pool))
        return -EPERM;
    memset(stats, 0, sizeof *stats);
    stats->workers = pool->core.workers;
    stats->handovers = atomic_load_explicit(&pool->handovers, memory_order_relaxed);
    stats->steals = atomic_load_explicit(&pool->steals, memory_order_relaxed);
    pthread_mutex_lock(&pool->lock);
    if (!pool->joined) {
        const struct backend_pool *core = &pool->core;
        stats->replaced = core->replaced ? *core->replaced : 0;
        for (int i = 0; core->worker_pids && i < core->workers; i++)
            stats->cpu_ns += process_cpu_ns(core->worker_pids[i]);
    }
    pthread_mutex_unlock(&pool->lock);
    return 0;
}
