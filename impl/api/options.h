/* SPDX-License-Identifier: MIT
 *
 * The one reader of structs that a program passes together with their size, and of the arguments of calls. What is
 * wrong is refused by name before anything runs: the text is the calling thread's, for grain_last_message(). The rule
 * of sizes stands at the head of grain.h; who calls without one: unsized.c.
 */
#ifndef GRAIN_OPTIONS_H
#define GRAIN_OPTIONS_H

#include "backend/backend.h"

/* Fills what a pool's options say into *core, which is all 0: their own fields, the backend, and where workers run
 * (backend_unbind() gives that back). given NULL: all defaults. 0, -EINVAL, -E2BIG, -EDEADLK, -ENOTSUP, -ENOMEM. */
int options_take_pool(struct backend_pool *core, const struct grain_pool_options *given, size_t size);

/* 0, -EINVAL, -E2BIG. */
int options_take_process(const struct grain_process_options *given, size_t size);

/* Copies what this library knows to what the program gave room for; fields that this library does not know are 0.
 * size 0: as in version 0.1.0. */
void options_give_stats(struct grain_pool_stats *given, size_t size, const struct grain_pool_stats *known);

/* Turns *options into what this library knows, checked: themselves, or a copy in *room where the program is of another
 * version; all 0 for NULL. A report that they name says from now on that nothing failed. 0, -EINVAL, -E2BIG,
 * -EOVERFLOW. In line: every call pays for it, and what most calls pass is right after a few comparisons. */
int options_take_call_slowly(const struct grain_call_options **options, size_t size, struct grain_call_options *room);

static inline int options_take_call(const struct grain_call_options **options, size_t size,
                                    struct grain_call_options *room)
{
    static const struct grain_call_options none;
    const struct grain_call_options *given = *options ? *options : &none;
    bool is_right = (size == sizeof *given || !*options) && given->struct_size == 0 && !given->report &&
                    (unsigned)given->schedule < GRAIN_SCHEDULE_COUNT && given->chunk >= 0 && given->retries >= 0 &&
                    (given->params_size == 0 || (given->params && given->params_size <= PTRDIFF_MAX));
    *options = given;
    return __builtin_expect(is_right, 1) ? 0 : options_take_call_slowly(options, size, room);
}

/* The schedule of a call: the one asked for, or the pool's own. */
static inline enum grain_schedule options_schedule(const struct backend_pool *core,
                                                   const struct grain_call_options *options)
{
    return options->schedule ? options->schedule : core->backend->default_schedule;
}

/* Whether this pool has the schedule that right options ask for: 0 or -ENOTSUP. */
int options_refuse_schedule(const struct backend_pool *core, const struct grain_call_options *options);

static inline int options_fit(const struct backend_pool *core, const struct grain_call_options *options)
{
    bool is_fit = core->backend->schedules & (1u << options_schedule(core, options));
    return __builtin_expect(is_fit, 1) ? 0 : options_refuse_schedule(core, options);
}

/* ------------------------------------------------------------------------------------------ arguments */

/* count things of size bytes each at data; `what` names them. 0, -EINVAL: NULL with a size, -EOVERFLOW. */
int check_block_slowly(const char *what, const void *data, size_t count, size_t size);

static inline int check_block(const char *what, const void *data, size_t count, size_t size)
{
    size_t total;
    bool is_right = !__builtin_mul_overflow(count, size, &total) && total <= PTRDIFF_MAX && (total == 0 || data);
    return __builtin_expect(is_right, 1) ? 0 : check_block_slowly(what, data, count, size);
}

/* The columns of a starmap. 0, -EINVAL, -EOVERFLOW. */
int check_columns(const struct grain_column *columns, size_t column_count, size_t count);

#endif
