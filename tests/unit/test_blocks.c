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

/* The list of all blocks fills [0, end), and no two neighbours are free. */
static void list_is_whole(const struct blocks *blocks)
{
    size_t end = blocks->end;
    bool was_free = false;
    for (const struct block *block = blocks->last; block; block = block->before) {
        bool is_free = block->state == BLOCK_WARM || block->state == BLOCK_HOLLOW;
        assert_int_equal(block->offset + block->size, end);
        assert_false(is_free && was_free);
        was_free = is_free;
        end = block->offset;
    }
    assert_int_equal(end, 0);
}

static void blocks_fill_the_range_without_overlap(void **state)
{
    (void)state;
    static struct map map;
    struct block *held[SLOTS] = {NULL};
    struct blocks blocks;
    unsigned seed = 3;
    blocks_init(&blocks, MOST);
    for (int round = 0; round < ROUNDS; round++) {
        int slot = rand_r(&seed) % SLOTS;
        if (held[slot]) {
            assert_ptr_equal(blocks_find(&blocks, held[slot]->offset), held[slot]);
            mark(&map, held[slot], slot + 1, 0);
            blocks_put(&blocks, held[slot], rand_r(&seed) % 3 == 0);
            held[slot] = NULL;
        } else if ((held[slot] = blocks_take(&blocks, 1 + (size_t)rand_r(&seed) % 900))) {
            mark(&map, held[slot], 0, slot + 1);
        }
        if (round % 50 == 0)
            list_is_whole(&blocks);
    }
    for (int slot = 0; slot < SLOTS; slot++)
        if (held[slot])
            blocks_put(&blocks, held[slot], false);
    assert_int_equal(blocks.used_bytes, 0);
    struct block *whole = blocks_take(&blocks, MOST);
    assert_non_null(whole);
    assert_null(blocks_take(&blocks, 1));
    blocks_drop(&blocks);
}

static void the_smallest_that_fits_is_taken_one_with_pages_first(void **state)
{
    (void)state;
    struct blocks blocks;
    struct block *held[9];
    blocks_init(&blocks, MOST);
    static const size_t sizes[] = {500, 10, 300, 10, 400, 10, 300, 10, 100};
    for (int i = 0; i < 9; i++)
        held[i] = blocks_take(&blocks, sizes[i]);
    size_t hollow = held[2]->offset, first = held[4]->offset, largest = held[0]->offset;
    blocks_put(&blocks, held[2], true);
    blocks_put(&blocks, held[4], false);
    blocks_put(&blocks, held[0], false);
    assert_int_equal(blocks_take(&blocks, 300)->offset, first);   /* 400 with pages */
    assert_int_equal(blocks_take(&blocks, 300)->offset, largest); /* 500 with pages */
    assert_int_equal(blocks_take(&blocks, 300)->offset, hollow);
    struct block *claimed = blocks_claim(&blocks, 1);
    assert_non_null(claimed);
    assert_int_equal(claimed->size, 200); /* the largest of what is left */
    assert_null(blocks_find(&blocks, claimed->offset));
    assert_null(blocks_find(&blocks, 7)); /* in the middle of one */
    blocks_put(&blocks, claimed, true);
    assert_null(blocks_claim(&blocks, 101));
    blocks_warm(&blocks);
    assert_non_null(blocks_claim(&blocks, 101));
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
    blocks_init(&blocks, SIZE_MAX / 2);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < n; i++)
            assert_non_null(held[i] = blocks_take(&blocks, 64 + 64 * (size_t)(i % 7)));
        for (int i = 0; i < n; i++)
            blocks_put(&blocks, blocks_find(&blocks, held[nth_of_order(order, i, n)]->offset), false);
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
        cmocka_unit_test(no_order_of_release_takes_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
