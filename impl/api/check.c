/* SPDX-License-Identifier: MIT
 *
 * See check.h. Nothing here is formatted before something is refused.
 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

#define MESSAGE_SIZE 232

static _Thread_local char last_message[MESSAGE_SIZE];

int refuse(int status, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(last_message, sizeof last_message, format, values);
    va_end(values);
    return status;
}

const char *grain_last_message(void)
{
    return last_message;
}

/* -------------------------------------------------------------------------------------- arguments */

int check_block_slowly(const char *what, const void *data, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || total > PTRDIFF_MAX)
        return refuse(-EOVERFLOW, "%s: %zu times %zu bytes is over PTRDIFF_MAX", what, count, size);
    return total && !data ? refuse(-EINVAL, "%s: NULL with a size of %zu", what, size) : 0;
}

int check_column(size_t index, const struct grain_column *column, size_t count)
{
    size_t total;
    if (count == 0)
        return 0;
    if (__builtin_mul_overflow(count - 1, column->stride, &total) ||
        __builtin_add_overflow(total, column->size, &total) || total > PTRDIFF_MAX)
        return refuse(-EOVERFLOW, "columns[%zu]: %zu values, %zu bytes apart, are over PTRDIFF_MAX", index, count,
                      column->stride);
    if (column->size && !column->data)
        return refuse(-EINVAL, "columns[%zu].data: NULL with a size of %zu", index, column->size);
    return 0;
}

/* -------------------------------------------------------------------------------- options of a call */

int check_options_slowly(const struct grain_call_options *options)
{
    static const char name[] = "grain_call_options";
    if ((unsigned)options->schedule >= GRAIN_SCHEDULE_COUNT)
        return refuse(-EINVAL, "%s.schedule: %d; it takes an enum grain_schedule", name, (int)options->schedule);
    if (options->chunk < 0 && options->chunk != GRAIN_CHUNK_PYTHON)
        return refuse(-EINVAL, "%s.chunk: %lld; it takes 0, a number of tasks, or GRAIN_CHUNK_PYTHON", name,
                      (long long)options->chunk);
    if (options->retries < 0)
        return refuse(-EINVAL, "%s.retries: %d; it takes 0 or more", name, options->retries);
    return check_block("grain_call_options.params", options->params, 1, options->params_size);
}

/* Over pipes nobody looks at what workers are doing. */
int check_ability_slowly(const struct grain_pool *pool, const struct grain_call_options *options)
{
    const struct backend_pool *core = &pool->core;
    bool is_piped = core->transport == GRAIN_TRANSPORT_PIPE;
    const char *where = is_piped ? " over pipes" : "", *backend = core->backend->name;
    if (!(core->schedules & (1u << check_schedule_of(pool, options))))
        return refuse(-ENOTSUP, "grain_call_options.schedule: %s; the backend %s%s has no such schedule",
                      grain_schedule_name(options->schedule), backend, where);
    if (is_piped && options->retries)
        return refuse(-ENOTSUP, "grain_call_options.retries: %d; %s%s takes 0", options->retries, backend, where);
    if (is_piped && options->task_timeout_ns)
        return refuse(-ENOTSUP, "grain_call_options.task_timeout_ns: %llu; %s%s takes 0",
                      (unsigned long long)options->task_timeout_ns, backend, where);
    return 0;
}

/* -------------------------------------------------------------------------------- options of a pool */

#define KEPT_MOST ((size_t)1 << 20)

static int check_kept(const struct grain_pool_options *options)
{
    static const char name[] = "grain_pool_options";
    const int *kept = options->keep_descriptors;
    if (!options->close_descriptors && (kept || options->keep_count))
        return refuse(-EINVAL, "%s.keep_descriptors: only with close_descriptors", name);
    if ((!kept && options->keep_count) || options->keep_count > KEPT_MOST)
        return refuse(-EINVAL, "%s.keep_count: %zu; it takes the length of keep_descriptors", name,
                      options->keep_count);
    for (size_t i = 0; i < options->keep_count; i++)
        if (fcntl(kept[i], F_GETFD) < 0)
            return refuse(-EINVAL, "%s.keep_descriptors[%zu]: %d is not open", name, i, kept[i]);
    return 0;
}

int check_pool_options(const struct grain_pool_options *options)
{
    static const char name[] = "grain_pool_options";
    if (options->workers < 0 || options->workers > BACKEND_WORKERS_MAX)
        return refuse(-EINVAL, "%s.workers: %d; it takes 0 to %d", name, options->workers, BACKEND_WORKERS_MAX);
    if ((unsigned)options->wait > GRAIN_WAIT_PARK)
        return refuse(-EINVAL, "%s.wait: %d; it takes an enum grain_wait", name, (int)options->wait);
    if ((unsigned)options->bind > GRAIN_BIND_NONE)
        return refuse(-EINVAL, "%s.bind: %d; it takes an enum grain_bind", name, (int)options->bind);
    if ((unsigned)options->transport > GRAIN_TRANSPORT_PIPE)
        return refuse(-EINVAL, "%s.transport: %d; it takes an enum grain_transport", name, (int)options->transport);
    if (job_current_pool() && !options->allow_nested)
        return refuse(-EDEADLK, "%s.allow_nested: false, in the worker of a pool", name);
    return check_kept(options);
}
