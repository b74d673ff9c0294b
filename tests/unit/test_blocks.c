/* SPDX-License-Identifier: MIT
 *
 * The arena's bookkeeping: blocks never overlap, free neighbours are one block, the smallest that fits is taken, and no
 * operation looks at more than a few nodes, however many blocks there are and in whatever order they come back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sys/blocks.h"

#define MOST   ((size_t)1 << 16)
#define SLOTS  120
#define ROUNDS 40000

/* A byte each: which block it belongs to. */
struct map {
    unsigned char owner[MOST];
};

static void mark(struct map *map, const struct block *block, int from, int to)
{
    for (size_t i = block->offset; i < block->offset + block->size; i++) {
        assert_int_equal(map->owner[i], from);
        map->owner[i] = (unsigned char)to;
    }
}

/* The list of all blocks fills the range, and no two free neighbours are of the same kind. */
static void list_is_whole(const struct blocks *blocks)
{
    size_t end = 0;
    const struct block *before = NULL;
    for (const struct block *block = blocks->first; block; before = block, block = block->behind) {
        assert_ptr_equal(block->before, before);
        assert_int_equal(block->offset, end);
        if (before && before->state == BLOCK_FREE && block->state == BLOCK_FREE)
            assert_int_not_equal(before->has_pages, block->has_pages);
        end = block->offset + block->size;
    }
    assert_int_equal(end, MOST);
}

/* What an arena does, with pages that come at no cost. NULL: there is no room. */
static struct block *take(struct blocks *blocks, size_t size)
{
    struct block *first = blocks_room(blocks, size), *rest;
    if (!first)
        return NULL;
    blocks_claim(blocks, first);
    while (first->size < size) {
        assert_int_equal(first->behind->state, BLOCK_FREE);
        blocks_claim(blocks, first->behind);
        blocks_join(first);
    }
    first->has_pages = true;
    if (first->size > size) {
        assert_non_null(rest = blocks_cut(blocks, first, size));
        blocks_free(blocks, rest);
    }
    blocks_use(blocks, first);
    return first;
}

/* A free block with or without pages. */
static void put(struct blocks *blocks, struct block *block, bool has_pages)
{
    block = blocks_free(blocks, block);
    if (!has_pages) {
        blocks_claim(blocks, block);
        block->has_pages = false;
        blocks_free(blocks, block);
    }
}

static void blocks_fill_the_range_without_overlap(void **state)
{
    (void)state;
    static struct map map;
    struct block *held[SLOTS] = {NULL};
    struct blocks blocks;
    unsigned seed = 3;
    assert_int_equal(blocks_init(&blocks, MOST), 0);
    for (int round = 0; round < ROUNDS; round++) {
        int slot = rand_r(&seed) % SLOTS;
        if (held[slot]) {
            assert_ptr_equal(blocks_find(&blocks, held[slot]->offset), held[slot]);
            mark(&map, held[slot], slot + 1, 0);
            put(&blocks, held[slot], rand_r(&seed) % 3 != 0);
            held[slot] = NULL;
        } else if ((held[slot] = take(&blocks, 1 + (size_t)rand_r(&seed) % 900))) {
            mark(&map, held[slot], 0, slot + 1);
        }
        if (round % 50 == 0)
            list_is_whole(&blocks);
    }
    for (int slot = 0; slot < SLOTS; slot++)
        if (held[slot])
            put(&blocks, held[slot], true);
    assert_int_equal(blocks.used_bytes, 0);
    struct block *whole = take(&blocks, MOST);
    assert_non_null(whole);
    assert_null(take(&blocks, 1));
    blocks_drop(&blocks);
}

static void the_smallest_that_fits_is_taken_one_with_pages_first(void **state)
{
    (void)state;
    struct blocks blocks;
    struct block *held[9];
    assert_int_equal(blocks_init(&blocks, 2040), 0);
    static const size_t sizes[] = {500, 10, 300, 10, 400, 10, 300, 10, 500};
    for (int i = 0; i < 9; i++)
        held[i] = take(&blocks, sizes[i]);
    size_t hollow = held[2]->offset, first = held[4]->offset, largest = held[0]->offset;
    put(&blocks, held[2], false);
    put(&blocks, held[4], true);
    put(&blocks, held[0], true);
    assert_int_equal(take(&blocks, 300)->offset, first);   /* 400 with pages */
    assert_int_equal(take(&blocks, 300)->offset, largest); /* 500 with pages */
    assert_int_equal(take(&blocks, 300)->offset, hollow);
    assert_int_equal(blocks_largest(&blocks)->size, 200); /* of what is left */
    assert_null(blocks_find(&blocks, blocks_largest(&blocks)->offset));
    assert_null(blocks_find(&blocks, 7)); /* in the middle of one */
    blocks_drop(&blocks);
}

/* What grows keeps its pages, and near the end of memory all that is free counts. */
static void neighbours_with_and_without_pages_are_taken_together(void **state)
{
    (void)state;
    struct blocks blocks;
    struct block *held[5];
    assert_int_equal(blocks_init(&blocks, 10000), 0);
    for (int i = 0; i < 5; i++)
        held[i] = take(&blocks, 1000);
    put(&blocks, held[4], true);
    assert_int_equal(take(&blocks, 2000)->offset, 4000); /* 1000 with pages, and all behind it */
    put(&blocks, held[0], true);
    put(&blocks, held[1], false);
    put(&blocks, held[2], true);
    assert_int_equal(take(&blocks, 4000)->offset, 6000); /* the smallest without */
    assert_null(take(&blocks, 3001));
    assert_int_equal(take(&blocks, 3000)->offset, 0);
    assert_null(take(&blocks, 1));
    blocks_drop(&blocks);
}

static int nth_of_order(int order, int i, int n)
{
    switch (order) {
    case 0:
        return i;
    case 1:
        return n - 1 - i;
    case 2: /* every other one, then the rest: neighbours are free, and are not */
        return i < n / 2 ? 2 * i : 2 * (i - n / 2) + 1;
    default: /* all over the place: 7919 is prime to every n here */
        return (int)((long)i * 7919 % n);
    }
}

/* Nodes looked at for each block that is taken and put back. */
static double steps_each(int n, int order)
{
    struct blocks blocks;
    struct block **held = malloc((size_t)n * sizeof *held);
    assert_non_null(held);
    assert_int_equal(blocks_init(&blocks, SIZE_MAX / 2), 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < n; i++)
            assert_non_null(held[i] = take(&blocks, 64 + 64 * (size_t)(i % 7)));
        for (int i = 0; i < n; i++)
            put(&blocks, blocks_find(&blocks, held[nth_of_order(order, i, n)]->offset), true);
    }
    double steps = (double)blocks.steps / (2. * n);
    free(held);
    blocks_drop(&blocks);
    return steps;
}

static void no_order_of_release_takes_long(void **state)
{
    (void)state;
    for (int order = 0; order < 4; order++) {
        double few = steps_each(2500, order), many = steps_each(40000, order);
        print_message("order %d: %.1f steps of 2500, %.1f of 40000\n", order, few, many);
        assert_true(many <
                    2 * few + 40); /* sixteen times as many blocks: four more levels, not sixteen times the steps */
        assert_true(many < 400);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_fill_the_range_without_overlap),
        cmocka_unit_test(the_smallest_that_fits_is_taken_one_with_pages_first),
        cmocka_unit_test(neighbours_with_and_without_pages_are_taken_together),
        cmocka_unit_test(no_order_of_release_takes_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
