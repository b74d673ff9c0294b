/* SPDX-License-Identifier: MIT
 *
 * howmany: how many values of a row lie in [minimum, maximum]; the tutorial's howmany_within_range. The
 * task counts one row, the loop and the chunk count many: many values at a time where the CPU can
 * (howmany_wide.c), else by the plain loop here, with the row's count inlined. The oracle counts the values
 * outside instead, with two comparisons in 64 bits.
 */
#include <string.h>

#include "builtin.h"
#include "howmany.h"

#define INLINE static inline __attribute__((always_inline))

/* One unsigned comparison does for both bounds: a value below `low` wraps round to a large one. Right
 * for any low and span = maximum - minimum >= 0. */
INLINE int32_t row_count(const int32_t *row, int32_t columns, uint32_t low, uint32_t span)
{
    int32_t inside = 0;
    for (int32_t column = 0; column < columns; column++)
        inside += (uint32_t)row[column] - low <= span;
    return inside;
}

INLINE void rows_count(const int32_t *row, int32_t *restrict result, size_t count, int32_t columns, uint32_t low,
                       uint32_t span)
{
    for (size_t i = 0; i < count; i++, row += columns)
        result[i] = row_count(row, columns, low, span);
}

static int howmany_task(const void *item, void *result, struct grain_context *ctx)
{
    const struct kernel_params *params = grain_context_params(ctx);
    uint32_t low = (uint32_t)params->minimum, span = (uint32_t)params->maximum - low;
    *(int32_t *)result = params->maximum < params->minimum ? 0 : row_count(item, params->columns, low, span);
    return 0;
}

/* The notebook's howmany_within_range(row, minimum, maximum). */
static int howmany_star(const void *const args[], void *result, struct grain_context *ctx)
{
    const struct kernel_params *params = grain_context_params(ctx);
    int32_t minimum = *(const int32_t *)args[1], maximum = *(const int32_t *)args[2];
    uint32_t low = (uint32_t)minimum, span = (uint32_t)maximum - low;
    *(int32_t *)result = maximum < minimum ? 0 : row_count(args[0], params->columns, low, span);
    return 0;
}

/* With a constant number of columns gcc unrolls the row, and a row costs no loop of its own. */
void howmany_plain(const int32_t *row, int32_t *restrict result, size_t count, int32_t columns, uint32_t low,
                   uint32_t span)
{
    switch (columns) {
#define ROWS_OF(n)                                                                                                     \
    case n:                                                                                                            \
        rows_count(row, result, count, n, low, span);                                                                  \
        break
        ROWS_OF(1);
        ROWS_OF(2);
        ROWS_OF(3);
        ROWS_OF(4);
        ROWS_OF(5);
        ROWS_OF(6);
        ROWS_OF(7);
        ROWS_OF(8);
#undef ROWS_OF
    default:
        rows_count(row, result, count, columns, low, span);
    }
}

static void howmany_loop(const void *items, void *results, size_t count, const struct kernel_params *params)
{
    uint32_t low = (uint32_t)params->minimum, span = (uint32_t)params->maximum - low;
    if (params->maximum < params->minimum)
        memset(results, 0, count * sizeof(int32_t));
    else
        howmany_count(items, results, count, params->columns, low, span);
}

static int howmany_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    howmany_loop(items, results, count, grain_context_params(ctx));
    return 0;
}

static size_t howmany_check(const void *items, const void *results, size_t count, const struct kernel_params *params)
{
    const int32_t *value = items, *result = results;
    int32_t minimum = params->minimum, maximum = params->maximum;
    for (size_t i = 0; i < count; i++) {
        int64_t outside = 0;
        for (int32_t column = 0; column < params->columns; column++, value++)
            outside += (*value < minimum) | (*value > maximum); /* no branch: what is random cannot be foreseen */
        if (result[i] != params->columns - outside)
            return i;
    }
    return count;
}

const struct kernel kernel_howmany = {
    .name = "howmany",
    .summary = "how many values of a row lie between minimum and maximum (a few ns a row)",
    .items = KERNEL_ITEMS_ROWS,
    .result_size = sizeof(int32_t),
    .task = howmany_task,
    .chunk = howmany_chunk,
    .star = howmany_star,
    .loop = howmany_loop,
    .check = howmany_check,
};
