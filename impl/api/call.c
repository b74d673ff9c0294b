/* SPDX-License-Identifier: MIT
 *
 * Calls: arguments are checked, a job is filled, the backend runs it. Next: job/job.h, then backend/backend.h.
 */
#include <errno.h>
#include <string.h>

#include "async/async.h"
#include "options.h"
#include "sched/chunk.h"

static size_t chunk_of(const struct backend_pool *pool, const struct job *job, int64_t asked)
{
    if (job->count == 1)
        return 1;
    const struct chunk_case rule = {.schedule = job->schedule,
                                    .count = job->count,
                                    .workers = (size_t)pool->workers,
                                    .is_chunk_task = job->form == JOB_CHUNK,
                                    .has_pilot = pool->backend->capabilities & BACKEND_PILOTS};
    return chunk_resolve(asked, &rule);
}

static inline int job_prepare(const struct grain_pool *pool, struct job *job, const struct grain_call_options *options)
{
    if (job->count > JOB_COUNT_MAX)
        return refuse(-EOVERFLOW, "count: %zu tasks; a call takes at most 2^48", job->count);
    int status = check_block("the input", job->items, job->count, job->item_size);
    if (status == 0)
        status = check_block("the output", job->results, job->count, job->result_size);
    if (status == 0 && job->form == JOB_STAR)
        status = check_columns(job->columns, job->column_count, job->count);
    if (status == 0)
        status = options_fit(&pool->core, options);
    if (status)
        return status;
    job->schedule = options_schedule(&pool->core, options);
    job->params = options->params_size ? options->params : NULL;
    job->params_size = options->params_size;
    job->retries = options->retries;
    job->task_timeout_ns = options->task_timeout_ns;
    if (job->task_timeout_ns && job->form == JOB_TASK)
        job->form = JOB_LIMITED;
    job->chunk = chunk_of(&pool->core, job, options->chunk);
    return 0;
}

/* Before anything is run: every code says 0, or what the call came to when it failed at once. */
static void report_begin(const struct grain_report *report, struct job *job)
{
    job->has_report = report != NULL;
    if (!report || !report->codes)
        return;
    job->codes = report->codes;
    memset(job->codes, 0, job->count * sizeof *job->codes);
}

static void report_fill(struct grain_report *report, const struct job *job)
{
    if (!report)
        return;
    report->failed = job->outcome.failed;
    if (job->outcome.failed)
        report->first = job->outcome.first;
}

/* A call that comes after close or terminate, or finds no room in the queue: its report says so too, where its
 * arguments are such that there is one. */
static int call_late(struct grain_pool *pool, struct job *job, const struct grain_call_options *options, int status)
{
    bool is_late = status == -ESHUTDOWN || status == -ECANCELED || status == -ENOMEM || status == -EAGAIN;
    if (!is_late || !options->report || job_prepare(pool, job, options))
        return status;
    report_begin(options->report, job);
    job_abandon(job, status);
    report_fill(options->report, job);
    return status;
}

/* What every call begins with: its options, a task, the gate of the pool. 0: pool_leave() is due. */
__attribute__((always_inline)) static inline int call_enter(struct grain_pool *pool, struct job *job,
                                                            const struct grain_call_options **options, size_t size,
                                                            struct grain_call_options *room)
{
    int status = options_take_call(options, size, room);
    if (status)
        return status;
    if (!job->task && !job->chunk_task && !job->star_task)
        return refuse(-EINVAL, "task: NULL");
    status = pool_enter(pool);
    return status ? call_late(pool, job, *options, status) : 0;
}

/* Also when an exception passes, or pthread_exit ends the caller's thread: where tasks run on it, as on serial. */
static void entered_leave(struct grain_pool **pool)
{
    pool_leave(*pool);
}

/* In line in apply, which takes some 200 ns in all: there the count and the form are known. */
__attribute__((always_inline)) static inline int call_here(struct grain_pool *pool, struct job *job,
                                                           const struct grain_call_options *options, size_t size)
{
    struct grain_call_options room;
    int status = call_enter(pool, job, &options, size, &room);
    if (status)
        return status;
    struct grain_pool *entered __attribute__((cleanup(entered_leave))) = pool;
    struct grain_report *report = options->report;
    status = job_prepare(entered, job, options);
    if (status == 0) {
        report_begin(report, job);
        if (job->count > 0)
            status = pool_run(entered, job);
        report_fill(report, job);
        if (status == 0 && job->outcome.failed)
            status = GRAIN_TASK_FAILED;
    }
    return status;
}

static int call(struct grain_pool *pool, struct job *job, const struct grain_call_options *options, size_t size)
{
    return call_here(pool, job, options, size);
}

/* What the blocking and the asynchronous form have in common: a job from the arguments of a call. */
static inline void job_of_apply(struct job *job, grain_task_fn task, const void *arg, size_t arg_size, void *result,
                                size_t result_size)
{
    job_clear(job);
    job->task = task;
    job->items = arg;
    job->results = result;
    job->count = 1;
    job->item_size = arg_size;
    job->result_size = result_size;
}

int grain_apply_sized(struct grain_pool *pool, grain_task_fn task, const void *arg, size_t arg_size, void *result,
                      size_t result_size, const struct grain_call_options *options, size_t size)
{
    struct job job;
    job_of_apply(&job, task, arg, arg_size, result, result_size);
    return call_here(pool, &job, options, size);
}

static void job_of_map(struct job *job, struct grain_in in, struct grain_out out)
{
    job_clear(job);
    job->items = in.data;
    job->results = out.data;
    job->count = in.count;
    job->item_size = in.size;
    job->result_size = out.size;
}

int grain_map_sized(struct grain_pool *pool, grain_task_fn task, struct grain_in in, struct grain_out out,
                    const struct grain_call_options *options, size_t size)
{
    struct job job;
    job_of_map(&job, in, out);
    job.task = task;
    return call(pool, &job, options, size);
}

int grain_map_chunks_sized(struct grain_pool *pool, grain_chunk_fn task, struct grain_in in, struct grain_out out,
                           const struct grain_call_options *options, size_t size)
{
    struct job job;
    job_of_map(&job, in, out);
    job.form = JOB_CHUNK;
    job.chunk_task = task;
    return call(pool, &job, options, size);
}

static void job_of_star(struct job *job, grain_star_fn task, const struct grain_column *columns, size_t column_count,
                        size_t count, struct grain_out out)
{
    job_of_map(job, (struct grain_in){NULL, count, 0}, out);
    job->form = JOB_STAR;
    job->star_task = task;
    job->columns = columns;
    job->column_count = column_count;
}

int grain_starmap_sized(struct grain_pool *pool, grain_star_fn task, const struct grain_column *columns,
                        size_t column_count, size_t count, struct grain_out out,
                        const struct grain_call_options *options, size_t size)
{
    struct job job;
    job_of_star(&job, task, columns, column_count, count, out);
    return call(pool, &job, options, size);
}

/* ------------------------------------------------------------------------------------ without waiting */

static int call_async(struct grain_pool *pool, struct job *job, const struct grain_call_options *options,
                      struct grain_future **future, size_t size)
{
    struct grain_call_options room;
    if (future)
        *future = NULL;
    int status = call_enter(pool, job, &options, size, &room);
    if (status)
        return status;
    status = job_prepare(pool, job, options);
    if (status == 0) {
        report_begin(options->report, job);
        status = async_job(pool, job, options, future);
    }
    if (status == 0)
        return 0;
    status = call_late(pool, job, options, status);
    pool_leave(pool);
    return status;
}

/* The checks of job_prepare() for a queued call of apply, which needs no job of its own. */
static int apply_check(const struct grain_pool *pool, const struct apply *apply,
                       const struct grain_call_options *options)
{
    int status = apply->task ? 0 : refuse(-EINVAL, "task: NULL");
    if (status == 0)
        status = check_block("the argument", apply->arg, 1, apply->arg_size);
    if (status == 0)
        status = check_block("the result", apply->result, 1, apply->result_size);
    return status ? status : options_fit(&pool->core, options);
}

int grain_apply_async_sized(struct grain_pool *pool, grain_task_fn task, const void *arg, size_t arg_size, void *result,
                            size_t result_size, const struct grain_call_options *options, struct grain_future **future,
                            size_t size)
{
    struct grain_call_options room;
    if (future)
        *future = NULL;
    int status = options_take_call(&options, size, &room);
    if (status)
        return status;
    struct apply apply = {.task = task,
                          .arg = arg,
                          .result = result,
                          .arg_size = arg_size,
                          .result_size = result_size,
                          .params_size = options->params_size,
                          .task_timeout_ns = options->task_timeout_ns,
                          .retries = options->retries};
    status = pool_look(pool);
    if (status == 0)
        status = apply_check(pool, &apply, options);
    if (status)
        return status;
    status = async_apply(pool, &apply, options, future);
    if (status == 0)
        return 0;
    struct job job;
    job_of_apply(&job, task, arg, arg_size, result, result_size);
    return call_late(pool, &job, options, status);
}

int grain_map_async_sized(struct grain_pool *pool, grain_task_fn task, struct grain_in in, struct grain_out out,
                          const struct grain_call_options *options, struct grain_future **future, size_t size)
{
    struct job job;
    job_of_map(&job, in, out);
    job.task = task;
    return call_async(pool, &job, options, future, size);
}

int grain_map_chunks_async_sized(struct grain_pool *pool, grain_chunk_fn task, struct grain_in in, struct grain_out out,
                                 const struct grain_call_options *options, struct grain_future **future, size_t size)
{
    struct job job;
    job_of_map(&job, in, out);
    job.form = JOB_CHUNK;
    job.chunk_task = task;
    return call_async(pool, &job, options, future, size);
}

int grain_starmap_async_sized(struct grain_pool *pool, grain_star_fn task, const struct grain_column *columns,
                              size_t column_count, size_t count, struct grain_out out,
                              const struct grain_call_options *options, struct grain_future **future, size_t size)
{
    struct job job;
    job_of_star(&job, task, columns, column_count, count, out);
    return call_async(pool, &job, options, future, size);
}
