/* SPDX-License-Identifier: MIT
 *
 * Arguments and options of calls are checked here, before anything runs. Whatever is refused is named: the text is the
 * calling thread's, for grain_last_message().
 */
#ifndef GRAIN_CHECK_H
#define GRAIN_CHECK_H

#include "pool/pool.h"

/* What is right costs a few comparisons, in line: these stand on the way of every call. The functions behind them find
 * out what is wrong, and say so. */
int check_block_slowly(const char *what, const void *data, size_t count, size_t size);
int check_options_slowly(const struct grain_call_options *options);
int check_ability_slowly(const struct grain_pool *pool, const struct grain_call_options *options);

/* count things of size bytes each at data; `what` names them. 0, -EINVAL: NULL with a size, -EOVERFLOW. */
static inline int check_block(const char *what, const void *data, size_t count, size_t size)
{
    size_t total;
    bool is_right = !__builtin_mul_overflow(count, size, &total) && total <= PTRDIFF_MAX && (total == 0 || data);
    return __builtin_expect(is_right, 1) ? 0 : check_block_slowly(what, data, count, size);
}

/* The index-th column of a starmap, from its first value's first byte to the last one's last. */
int check_column(size_t index, const struct grain_column *column, size_t count);

/* The schedule of a call: the one asked for, or the pool's own. */
static inline enum grain_schedule check_schedule_of(const struct grain_pool *pool,
                                                    const struct grain_call_options *options)
{
    return options->schedule ? options->schedule : pool->core.default_schedule;
}

/* Everything in the options of a call that any pool can judge: -EINVAL, -EOVERFLOW. What this pool lacks: -ENOTSUP. */
static inline int check_options(const struct grain_call_options *options)
{
    bool is_right = (unsigned)options->schedule < GRAIN_SCHEDULE_COUNT && options->chunk >= 0 &&
                    options->retries >= 0 && options->params_size == 0;
    return __builtin_expect(is_right, 1) ? 0 : check_options_slowly(options);
}

static inline int check_ability(const struct grain_pool *pool, const struct grain_call_options *options)
{
    bool is_right = (pool->core.schedules & (1u << check_schedule_of(pool, options))) &&
                    pool->core.transport != GRAIN_TRANSPORT_PIPE;
    return __builtin_expect(is_right, 1) ? 0 : check_ability_slowly(pool, options);
}

/* The options of a pool, but for the backend: -EINVAL, -EDEADLK. */
int check_pool_options(const struct grain_pool_options *options);

#endif
