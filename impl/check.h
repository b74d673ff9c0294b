/* SPDX-License-Identifier: MIT
 *
 * Arguments and options of calls are checked here, before anything runs. Whatever is refused is named: the text is the
 * calling thread's, for grain_last_message().
 */
#ifndef GRAIN_CHECK_H
#define GRAIN_CHECK_H

#include "job.h"

struct grain_pool;

/* count things of size bytes each at data; `what` names them. 0, -EINVAL: NULL with a size, -EOVERFLOW. */
int check_block(const char *what, const void *data, size_t count, size_t size);

/* The index-th column of a starmap, from its first value's first byte to the last one's last. */
int check_column(size_t index, const struct grain_column *column, size_t count);

/* Everything in the options of a call that any pool can judge: -EINVAL, -EOVERFLOW. What this pool lacks: -ENOTSUP. */
int check_options(const struct grain_call_options *options);
int check_ability(const struct grain_pool *pool, const struct grain_call_options *options);

/* The options of a pool, but for the backend: -EINVAL, -EDEADLK. */
int check_pool_options(const struct grain_pool_options *options);

/* The schedule of a call: the one asked for, or the pool's own. */
enum grain_schedule check_schedule_of(const struct grain_pool *pool, const struct grain_call_options *options);

#endif
