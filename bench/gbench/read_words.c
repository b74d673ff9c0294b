/* SPDX-License-Identifier: MIT
 *
 * The sums, written once for each width of a vector. Two streams, half the words each, keep more cache lines under way
 * than one does (beyond the caches a third faster, within them no slower), and eight sums in registers keep additions
 * from waiting for each other. Wider than AVX2 is quicker in the first two caches alone, where no working set of a
 * sweep lies; the second way is what every CPU has.
 */
#include "read_words.h"

#include <stdbool.h>
#include <string.h>

#define STREAMS 2
#define SUMS    4 /* a stream */

/* Adds the vector at a place to a sum. memcpy: the place may have any alignment. */
#define TAKE(sum, place)                                                                                               \
    do {                                                                                                               \
        memcpy(&next, (place), sizeof next);                                                                           \
        (sum) += next;                                                                                                 \
    } while (0)

/* The sums have names of their own: of an array gcc keeps none in a register. */
#define READ_WORDS(function, attribute, vector_bytes)                                                                  \
    attribute static uint32_t function(const unsigned char *words, size_t count)                                       \
    {                                                                                                                  \
        typedef uint32_t vector __attribute__((vector_size(vector_bytes)));                                            \
        const size_t bytes = count * sizeof(uint32_t), step = SUMS * sizeof(vector);                                   \
        const size_t stream = bytes / STREAMS / step * step;                                                           \
        const unsigned char *one = words, *two = words + stream, *end = words + bytes;                                 \
        vector a0 = {0}, a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0, next;                          \
        uint32_t total = 0, word;                                                                                      \
        for (const unsigned char *const middle = two; one < middle; one += step, two += step) {                        \
            TAKE(a0, one);                                                                                             \
            TAKE(b0, two);                                                                                             \
            TAKE(a1, one + sizeof next);                                                                               \
            TAKE(b1, two + sizeof next);                                                                               \
            TAKE(a2, one + 2 * sizeof next);                                                                           \
            TAKE(b2, two + 2 * sizeof next);                                                                           \
            TAKE(a3, one + 3 * sizeof next);                                                                           \
            TAKE(b3, two + 3 * sizeof next);                                                                           \
        }                                                                                                              \
        a0 += a1 + a2 + a3 + b0 + b1 + b2 + b3;                                                                        \
        for (size_t lane = 0; lane < sizeof a0 / sizeof word; lane++)                                                  \
            total += a0[lane];                                                                                         \
        for (; two < end; two += sizeof word) {                                                                        \
            memcpy(&word, two, sizeof word);                                                                           \
            total += word;                                                                                             \
        }                                                                                                              \
        return total;                                                                                                  \
    }

READ_WORDS(sum_plain, , 16)

#ifdef __x86_64__
READ_WORDS(sum_avx2, __attribute__((target("avx2"))), 32)

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}
#endif

static bool has_all(void)
{
    return true;
}

static const struct {
    struct read_words way;
    bool (*is_there)(void);
} ways[] = {
#ifdef __x86_64__
    {{"avx2", sum_avx2}, has_avx2},
#endif
    {{"plain", sum_plain}, has_all},
};

const struct read_words *read_words_at(size_t index)
{
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (ways[i].is_there() && index-- == 0)
            return &ways[i].way;
    return NULL;
}
