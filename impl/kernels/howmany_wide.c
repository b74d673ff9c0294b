/* SPDX-License-Identifier: MIT
 *
 * howmany, many values at a time, and the choice between that and the plain loop, made when the first rows are counted.
 * It is made by asking the CPU in plain code, not by an ifunc: those run before sanitizers are there.
 *
 * Rows of up to 8 columns are not looked at one by one. Values are compared as they lie there, wherever rows begin and
 * end in a vector, and become one bit each: row r is the bits [r * columns, (r + 1) * columns). Those of 8 rows fit
 * into a 64-bit word, which is shifted 8 ways at once, and the bits of the 8 rows are counted side by side. Longer rows
 * are counted along the row. What is left over goes to the plain loop.
 */
#include "howmany.h"

#include <stdatomic.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* ------------------------------------------------------------------------------------------ AVX2 */

#define AVX2       __attribute__((target("avx2,popcnt")))
#define BLOCK_ROWS ((size_t)8)

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
}

/* What values are compared with. There is no unsigned comparison: both sides are moved down by 2^31. */
struct range {
    __m256i shift, top;
};

AVX2 INLINE struct range range_of(uint32_t low, uint32_t span)
{
    return (struct range){_mm256_set1_epi32((int)(0x80000000u - low)), _mm256_set1_epi32((int)(span - 0x80000000u))};
}

/* A bit for each of 8 values that is outside of the range. */
AVX2 INLINE uint64_t outside_bits(const int32_t *value, struct range range)
{
    __m256i values = _mm256_loadu_si256((const __m256i *)(const void *)value);
    __m256i outside = _mm256_cmpgt_epi32(_mm256_add_epi32(values, range.shift), range.top);
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(outside));
}

/* Those of 8 rows. Written out, because gcc -O2 does not unroll a loop that it makes longer by that. */
AVX2 INLINE uint64_t block_bits(const int32_t *row, int32_t columns, struct range range)
{
    uint64_t bits = outside_bits(row, range);
#define VECTOR(n)                                                                                                      \
    if (columns > (n))                                                                                                 \
    bits |= outside_bits(row + (size_t)8 * (n), range) << 8 * (n)
    VECTOR(1);
    VECTOR(2);
    VECTOR(3);
    VECTOR(4);
    VECTOR(5);
    VECTOR(6);
    VECTOR(7);
#undef VECTOR
    return ~bits;
}

/* How many bits each 32-bit lane has set in its lowest byte; the others are 0. */
AVX2 INLINE __m256i lanes_popcount(__m256i lanes, int32_t columns)
{
    const __m256i low_four = _mm256_set1_epi32(15);
    const __m256i ones = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, /* of 0 to 15; twice */
                                          0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    if (columns <= 4)
        return _mm256_shuffle_epi8(ones, lanes);
    return _mm256_add_epi32(_mm256_shuffle_epi8(ones, _mm256_and_si256(lanes, low_four)),
                            _mm256_shuffle_epi8(ones, _mm256_srli_epi32(lanes, 4)));
}

/* The counts of a block. 64-bit lanes are shifted, and hold two rows each: an even one below, the odd one after it
 * above. */
AVX2 INLINE __m256i block_counts(uint64_t bits, int32_t columns)
{
    const long long one = columns; /* row's bits */
    const __m256i even = _mm256_setr_epi64x(0, 2 * one, 4 * one, 6 * one);
    const __m256i odd = _mm256_setr_epi64x(one, 3 * one, 5 * one, 7 * one);
    __m256i word = _mm256_set1_epi64x((long long)bits);
    __m256i above = _mm256_slli_epi64(_mm256_srlv_epi64(word, odd), 32);
    __m256i lanes = _mm256_blend_epi32(_mm256_srlv_epi64(word, even), above, 0xaa);
    return lanes_popcount(_mm256_and_si256(lanes, _mm256_set1_epi32((1 << columns) - 1)), columns);
}

/* Whole blocks; returns how many rows they have. */
AVX2 INLINE size_t blocks_count(const int32_t *row, int32_t *restrict result, size_t count, int32_t columns,
                                uint32_t low, uint32_t span)
{
    const struct range range = range_of(low, span);
    size_t done = 0;
    for (; count - done >= BLOCK_ROWS; done += BLOCK_ROWS, row += BLOCK_ROWS * (size_t)columns) {
        __m256i counts = block_counts(block_bits(row, columns, range), columns);
        _mm256_storeu_si256((__m256i *)(void *)(result + done), counts);
    }
    return done;
}

/* One row of 9 values or more: its last vector is the 8 values before its end, without the bits counted before. */
AVX2 INLINE int32_t long_row_count(const int32_t *row, int32_t columns, struct range range)
{
    int32_t column = 0, outside = 0;
    for (; columns - column >= 8; column += 8)
        outside += __builtin_popcountll(outside_bits(row + column, range));
    int32_t rest = columns - column;
    outside += __builtin_popcountll(outside_bits(row + columns - 8, range) >> (8 - rest));
    return columns - outside;
}

AVX2 static void rows_avx2(const int32_t *row, int32_t *restrict result, size_t count, int32_t columns, uint32_t low,
                           uint32_t span)
{
    size_t done = 0;
    switch (columns) {
#define ROWS_OF(n)                                                                                                     \
    case n:                                                                                                            \
        done = blocks_count(row, result, count, n, low, span);                                                         \
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
        for (; done < count; done++)
            result[done] = long_row_count(row + done * (size_t)columns, columns, range_of(low, span));
    }
    howmany_plain(row + done * (size_t)columns, result + done, count - done, columns, low, span);
}

/* --------------------------------------------------------------------------------------- AVX-512 */

#define AVX512       __attribute__((target("avx512f,avx512bw,avx512vbmi,avx512bitalg,avx2,popcnt")))
#define GROUP_ROWS   ((size_t)64) /* the bits of 8 rows in each 64-bit lane of a vector */
#define STRIP_GROUPS ((size_t)8)

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bitalg");
}

/* A bit a value, 16 at a time. Written for a whole strip before the first is read: a load that finds its bytes in
 * several stores under way would have to wait for them. */
AVX512 INLINE void strip_bits(const int32_t *value, size_t vectors, uint16_t *bits, uint32_t low, uint32_t span)
{
    const __m512i lows = _mm512_set1_epi32((int)low), spans = _mm512_set1_epi32((int)span);
    for (size_t i = 0; i < vectors; i++) {
        __m512i above = _mm512_sub_epi32(_mm512_loadu_si512(value + 16 * i), lows);
        bits[i] = _mm512_cmple_epu32_mask(above, spans);
    }
}

/* How the bits of a group are taken apart. */
struct split {
    __m512i bytes;  /* which byte of the bits goes where: those of 8 rows into each 64-bit lane */
    __m512i shifts; /* where in its lane a row begins */
    __m512i mask;   /* the bits of one row */
};

AVX512 INLINE struct split split_of(int32_t columns)
{
    unsigned char bytes[64], shifts[64];
    for (int i = 0; i < 64; i++) {
        bytes[i] = (unsigned char)((i / 8 * columns + i % 8) % 64);
        shifts[i] = (unsigned char)(i % 8 * columns);
    }
    return (struct split){_mm512_loadu_si512(bytes), _mm512_loadu_si512(shifts),
                          _mm512_set1_epi8((char)((1 << columns) - 1))};
}

AVX512 INLINE void group_counts(const uint16_t *bits, struct split split, int32_t *result)
{
    __m512i lanes = _mm512_permutexvar_epi8(split.bytes, _mm512_loadu_si512(bits));
    __m512i rows = _mm512_and_si512(_mm512_multishift_epi64_epi8(split.shifts, lanes), split.mask);
    __m512i counts = _mm512_popcnt_epi8(rows); /* a byte each */
    _mm512_storeu_si512(result, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(counts)));
    _mm512_storeu_si512(result + 16, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(counts, 1)));
    _mm512_storeu_si512(result + 32, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(counts, 2)));
    _mm512_storeu_si512(result + 48, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(counts, 3)));
}

/* Whole groups; returns how many rows they have. */
AVX512 static size_t groups_count(const int32_t *row, int32_t *restrict result, size_t count, int32_t columns,
                                  uint32_t low, uint32_t span)
{
    const struct split split = split_of(columns);
    const size_t width = (size_t)columns;
    /* A group is read as 64 bytes, however few of them are its own. */
    uint16_t bits[STRIP_GROUPS * 64 / sizeof(uint16_t)] = {0};
    size_t done = 0;
    while (count - done >= GROUP_ROWS) {
        size_t groups = (count - done) / GROUP_ROWS;
        groups = groups < STRIP_GROUPS ? groups : STRIP_GROUPS;
        strip_bits(row + done * width, groups * GROUP_ROWS / 16 * width, bits, low, span);
        for (size_t i = 0; i < groups; i++, done += GROUP_ROWS)
            group_counts(bits + i * GROUP_ROWS / 16 * width, split, result + done);
    }
    return done;
}

AVX512 static void rows_avx512(const int32_t *row, int32_t *restrict result, size_t count, int32_t columns,
                               uint32_t low, uint32_t span)
{
    bool is_worth_it = columns <= 8 && count >= STRIP_GROUPS * GROUP_ROWS; /* splits are made anew for every call */
    size_t done = is_worth_it ? groups_count(row, result, count, columns, low, span) : 0;
    rows_avx2(row + done * (size_t)columns, result + done, count - done, columns, low, span);
}
#endif

/* ------------------------------------------------------------------------------------- the choice */

static const struct howmany_variant variants[] = {
#if defined(__x86_64__)
    {"avx512", has_avx512, rows_avx512},
    {"avx2", has_avx2, rows_avx2},
#endif
    {"plain", NULL, howmany_plain},
};

/* NULL: not chosen yet. Whoever chooses, chooses the same, so no order is needed with the loads in howmany_count(). */
static howmany_rows *_Atomic in_use;

const struct howmany_variant *howmany_variant_at(size_t index)
{
    return index < sizeof variants / sizeof *variants ? &variants[index] : NULL;
}

bool howmany_has(const struct howmany_variant *variant)
{
    return !variant->is_supported || variant->is_supported();
}

void howmany_use(const struct howmany_variant *variant)
{
    atomic_store_explicit(&in_use, variant ? variant->rows : NULL, memory_order_relaxed);
}

static howmany_rows *best(void)
{
    const struct howmany_variant *variant = variants;
    while (!howmany_has(variant))
        variant++;
    howmany_use(variant);
    return variant->rows;
}

void howmany_count(const int32_t *row, int32_t *restrict result, size_t count, int32_t columns, uint32_t low,
                   uint32_t span)
{
    howmany_rows *rows = atomic_load_explicit(&in_use, memory_order_relaxed);
    (rows ? rows : best())(row, result, count, columns, low, span);
}
