/* SPDX-License-Identifier: MIT
 *
 * memory: a task reads its item once, N bytes, and returns the sum of its 64-bit words. The items are the stream: rows
 * times N bytes is the working set, and where it is larger than a cache, what is measured is the memory behind it. More
 * workers then help only as far as the memory goes. The oracle adds up the upper and the lower halves of the words by
 * themselves, from the end.
 */
#include "builtin.h"

#define LINE_BYTES  64
#define BLOCK_LIMIT ((uint64_t)1 << 30)

/* Two words, wherever they lie. Four of these sums side by side ask for more than any memory gives, without code that
 * only some CPUs can run. */
typedef uint64_t pair __attribute__((vector_size(16), aligned(1), may_alias));

static inline __attribute__((always_inline)) uint64_t block_sum(const void *block, uint64_t bytes)
{
    const pair *at = block;
    pair sums[4] = {{0}};
    for (uint64_t lines = bytes / LINE_BYTES; lines > 0; lines--, at += 4) {
        sums[0] += at[0];
        sums[1] += at[1];
        sums[2] += at[2];
        sums[3] += at[3];
    }
    pair sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    return sum[0] + sum[1];
}

static int memory_task(const void *item, void *result, struct grain_context *ctx)
{
    const struct kernel_params *params = grain_context_params(ctx);
    *(uint64_t *)result = block_sum(item, params->block_bytes);
    return 0;
}

static void memory_loop(const void *items, void *results, size_t count, const struct kernel_params *params)
{
    const unsigned char *block = items;
    uint64_t *result = results, bytes = params->block_bytes;
    for (size_t i = 0; i < count; i++, block += bytes)
        result[i] = block_sum(block, bytes);
}

/* It has no use for minimum and maximum. */
static int memory_star(const void *const args[], void *result, struct grain_context *ctx)
{
    return memory_task(args[0], result, ctx);
}

static int memory_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    memory_loop(items, results, count, grain_context_params(ctx));
    return 0;
}

static size_t memory_check(const void *items, const void *results, size_t count, const struct kernel_params *params)
{
    const uint32_t *half = items;
    const uint64_t *result = results;
    const size_t halves = params->block_bytes / sizeof *half;
    for (size_t i = 0; i < count; i++, half += halves) {
        uint64_t even = 0, odd = 0; /* at most 2^28 of each: no sum is too large */
        for (size_t k = halves; k > 0; k -= 2) {
            odd += half[k - 1];
            even += half[k - 2];
        }
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        uint64_t expected = even + (odd << 32);
#else
        uint64_t expected = odd + (even << 32);
#endif
        if (result[i] != expected)
            return i;
    }
    return count;
}

static void memory_fill(void *items, size_t count, uint64_t seed, const struct kernel_params *params)
{
    kernel_fill_seeds(items, count * (params->block_bytes / sizeof(uint64_t)), seed, params);
}

const struct kernel kernel_memory = {
    .name = "memory",
    .summary =
        "adds up what its item holds: rows times N bytes are streamed through, from memory where no cache holds them",
    .parameter = "bytes a task, a multiple of 64",
    .limits = {.least = LINE_BYTES,
               .most = BLOCK_LIMIT,
               .multiple = LINE_BYTES,
               .otherwise = "memory:N: N is the bytes of an item, a multiple of 64 from 64 to 1073741824"},
    .items = KERNEL_ITEMS_BLOCKS,
    .result_size = sizeof(uint64_t),
    .task = memory_task,
    .chunk = memory_chunk,
    .star = memory_star,
    .loop = memory_loop,
    .check = memory_check,
    .fill = memory_fill,
};
