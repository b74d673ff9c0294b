/* SPDX-License-Identifier: MIT
 *
 * The functions themselves, for those who call them without the macro of the same name: by address, or from another
 * language. They are told no size: struct_size says it, and 0 there means the struct of the first release (options.c).
 */
#include "grain.h"

int(grain_pool_open)(struct grain_pool **pool, const struct grain_pool_options *options)
{
    return grain_pool_open_sized(pool, options, 0);
}

int(grain_pool_stats)(struct grain_pool *pool, struct grain_pool_stats *stats)
{
    return grain_pool_stats_sized(pool, stats, 0);
}

int(grain_apply)(struct grain_pool *pool, grain_task_fn task, const void *arg, size_t arg_size, void *result,
                 size_t result_size, const struct grain_call_options *options)
{
    return grain_apply_sized(pool, task, arg, arg_size, result, result_size, options, 0);
}

int(grain_map)(struct grain_pool *pool, grain_task_fn task, struct grain_in in, struct grain_out out,
               const struct grain_call_options *options)
{
    return grain_map_sized(pool, task, in, out, options, 0);
}

int(grain_map_chunks)(struct grain_pool *pool, grain_chunk_fn task, struct grain_in in, struct grain_out out,
                      const struct grain_call_options *options)
{
    return grain_map_chunks_sized(pool, task, in, out, options, 0);
}

int(grain_starmap)(struct grain_pool *pool, grain_star_fn task, const struct grain_column *columns, size_t column_count,
                   size_t count, struct grain_out out, const struct grain_call_options *options)
{
    return grain_starmap_sized(pool, task, columns, column_count, count, out, options, 0);
}

int(grain_apply_async)(struct grain_pool *pool, grain_task_fn task, const void *arg, size_t arg_size, void *result,
                       size_t result_size, const struct grain_call_options *options, struct grain_future **future)
{
    return grain_apply_async_sized(pool, task, arg, arg_size, result, result_size, options, future, 0);
}

int(grain_map_async)(struct grain_pool *pool, grain_task_fn task, struct grain_in in, struct grain_out out,
                     const struct grain_call_options *options, struct grain_future **future)
{
    return grain_map_async_sized(pool, task, in, out, options, future, 0);
}

int(grain_map_chunks_async)(struct grain_pool *pool, grain_chunk_fn task, struct grain_in in, struct grain_out out,
                            const struct grain_call_options *options, struct grain_future **future)
{
    return grain_map_chunks_async_sized(pool, task, in, out, options, future, 0);
}

int(grain_starmap_async)(struct grain_pool *pool, grain_star_fn task, const struct grain_column *columns,
                         size_t column_count, size_t count, struct grain_out out,
                         const struct grain_call_options *options, struct grain_future **future)
{
    return grain_starmap_async_sized(pool, task, columns, column_count, count, out, options, future, 0);
}

int(grain_imap)(struct grain_pool *pool, grain_task_fn task, grain_next_fn next, void *source, size_t item_size,
                size_t result_size, const struct grain_call_options *options, struct grain_iter **iter)
{
    return grain_imap_sized(pool, task, next, source, item_size, result_size, options, iter, 0);
}

int(grain_imap_unordered)(struct grain_pool *pool, grain_task_fn task, grain_next_fn next, void *source,
                          size_t item_size, size_t result_size, const struct grain_call_options *options,
                          struct grain_iter **iter)
{
    return grain_imap_unordered_sized(pool, task, next, source, item_size, result_size, options, iter, 0);
}

int(grain_process_start)(struct grain_process **process, const struct grain_process_options *options,
                         grain_task_fn task, const void *arg, size_t arg_size)
{
    return grain_process_start_sized(process, options, task, arg, arg_size, 0);
}
