/* SPDX-License-Identifier: MIT
 *
 * See sizes.h. The functions themselves, for those who call them without the macro of the same name: by address, or
 * from another language. They are told no size: struct_size says it, and 0 there means the struct of the first release.
 */
#include "sizes.h"

#include <errno.h>
#include <string.h>

#include "job/job.h"

#define SIZE_MOST 4096 /* of any struct: beyond it, a size is a mistake */

/* What the structs measured in the first release, 0.1.0; when that is out, these are numbers. */
enum {
    FIRST_POOL_OPTIONS = sizeof(struct grain_pool_options),
    FIRST_CALL_OPTIONS = sizeof(struct grain_call_options),
    FIRST_PROCESS_OPTIONS = sizeof(struct grain_process_options),
    FIRST_POOL_STATS = sizeof(struct grain_pool_stats)
};

/* These never grow: nobody is told their sizes. */
_Static_assert(sizeof(struct grain_in) == 24 && sizeof(struct grain_out) == 16 && sizeof(struct grain_column) == 24,
               "what goes by value, or in rows, stays as it is");
_Static_assert(sizeof(struct grain_error) == 264 && sizeof(struct grain_report) == 280,
               "what a program reads or keeps room for without a size stays as it is");

/* sizes_take() looks for struct_size in front. */
_Static_assert(offsetof(struct grain_pool_options, struct_size) == 0 &&
                   offsetof(struct grain_call_options, struct_size) == 0 &&
                   offsetof(struct grain_process_options, struct_size) == 0,
               "option structs begin with struct_size");

int sizes_take(const char *name, void *known, size_t known_size, const void *given, size_t given_size)
{
    size_t struct_size;
    if (given_size < sizeof struct_size || given_size > SIZE_MOST)
        return refuse(-EINVAL, "%s: no version has %zu bytes", name, given_size);
    memcpy(&struct_size, given, sizeof struct_size);
    if (struct_size != 0 && struct_size != given_size)
        return refuse(-EINVAL, "%s.struct_size: %zu; it takes 0 or %zu", name, struct_size, given_size);
    for (size_t i = known_size; i < given_size; i++)
        if (((const unsigned char *)given)[i])
            return refuse(-E2BIG, "%s: byte %zu is set; this version of the library knows %zu", name, i, known_size);
    memset(known, 0, known_size);
    memcpy(known, given, given_size < known_size ? given_size : known_size);
    memset(known, 0, sizeof struct_size); /* looked at by now */
    return 0;
}

void sizes_give(void *given, size_t given_size, const void *known, size_t known_size)
{
    memset(given, 0, given_size);
    memcpy(given, known, given_size < known_size ? given_size : known_size);
}

/* ------------------------------------------------------------------------------- called without a size */

static size_t pool_size(const struct grain_pool_options *options)
{
    return options && options->struct_size ? options->struct_size : (size_t)FIRST_POOL_OPTIONS;
}

static size_t process_size(const struct grain_process_options *options)
{
    return options && options->struct_size ? options->struct_size : (size_t)FIRST_PROCESS_OPTIONS;
}

static size_t call_size(const struct grain_call_options *options)
{
    return options && options->struct_size ? options->struct_size : (size_t)FIRST_CALL_OPTIONS;
}

int(grain_pool_open)(struct grain_pool **pool, const struct grain_pool_options *options)
{
    return grain_pool_open_sized(pool, options, pool_size(options));
}

int(grain_pool_stats)(struct grain_pool *pool, struct grain_pool_stats *stats)
{
    return grain_pool_stats_sized(pool, stats, FIRST_POOL_STATS);
}

int(grain_apply)(struct grain_pool *pool, grain_task_fn task, const void *arg, size_t arg_size, void *result,
                 size_t result_size, const struct grain_call_options *options)
{
    return grain_apply_sized(pool, task, arg, arg_size, result, result_size, options, call_size(options));
}

int(grain_map)(struct grain_pool *pool, grain_task_fn task, struct grain_in in, struct grain_out out,
               const struct grain_call_options *options)
{
    return grain_map_sized(pool, task, in, out, options, call_size(options));
}

int(grain_map_chunks)(struct grain_pool *pool, grain_chunk_fn task, struct grain_in in, struct grain_out out,
                      const struct grain_call_options *options)
{
    return grain_map_chunks_sized(pool, task, in, out, options, call_size(options));
}

int(grain_starmap)(struct grain_pool *pool, grain_star_fn task, const struct grain_column *columns, size_t column_count,
                   size_t count, struct grain_out out, const struct grain_call_options *options)
{
    return grain_starmap_sized(pool, task, columns, column_count, count, out, options, call_size(options));
}

int(grain_apply_async)(struct grain_pool *pool, grain_task_fn task, const void *arg, size_t arg_size, void *result,
                       size_t result_size, const struct grain_call_options *options, struct grain_future **future)
{
    return grain_apply_async_sized(pool, task, arg, arg_size, result, result_size, options, future, call_size(options));
}

int(grain_map_async)(struct grain_pool *pool, grain_task_fn task, struct grain_in in, struct grain_out out,
                     const struct grain_call_options *options, struct grain_future **future)
{
    return grain_map_async_sized(pool, task, in, out, options, future, call_size(options));
}

int(grain_map_chunks_async)(struct grain_pool *pool, grain_chunk_fn task, struct grain_in in, struct grain_out out,
                            const struct grain_call_options *options, struct grain_future **future)
{
    return grain_map_chunks_async_sized(pool, task, in, out, options, future, call_size(options));
}

int(grain_starmap_async)(struct grain_pool *pool, grain_star_fn task, const struct grain_column *columns,
                         size_t column_count, size_t count, struct grain_out out,
                         const struct grain_call_options *options, struct grain_future **future)
{
    return grain_starmap_async_sized(pool, task, columns, column_count, count, out, options, future,
                                     call_size(options));
}

int(grain_imap)(struct grain_pool *pool, grain_task_fn task, grain_next_fn next, void *source, size_t item_size,
                size_t result_size, const struct grain_call_options *options, struct grain_iter **iter)
{
    return grain_imap_sized(pool, task, next, source, item_size, result_size, options, iter, call_size(options));
}

int(grain_imap_unordered)(struct grain_pool *pool, grain_task_fn task, grain_next_fn next, void *source,
                          size_t item_size, size_t result_size, const struct grain_call_options *options,
                          struct grain_iter **iter)
{
    return grain_imap_unordered_sized(pool, task, next, source, item_size, result_size, options, iter,
                                      call_size(options));
}

int(grain_process_start)(struct grain_process **process, const struct grain_process_options *options,
                         grain_task_fn task, const void *arg, size_t arg_size)
{
    return grain_process_start_sized(process, options, task, arg, arg_size, process_size(options));
}
