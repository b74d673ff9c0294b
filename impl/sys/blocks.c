/* SPDX-License-Identifier: MIT
 *
 * See blocks.h. A treap is a search tree whose nodes also form a heap by random priorities: that keeps it as flat as a
 * tree into which everything came in random order, in few lines.
 */
#include "blocks.h"

#include <errno.h>
#include <stdlib.h>

/* -------------------------------------------------------------------------------------------- treaps */

static uint32_t random_next(struct blocks *blocks)
{
    uint32_t x = blocks->seed; /* xorshift: Marsaglia 2003 */
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return blocks->seed = x;
}

/* Whether a block comes before a place in its treap. */
static bool is_before(struct blocks *blocks, const struct block *block, size_t size, size_t offset)
{
    blocks->steps++;
    if (block->state != BLOCK_USED && block->size != size)
        return block->size < size;
    return block->offset < offset;
}

/* Splits a treap into what comes before the place, and the rest. */
static void tree_split(struct blocks *blocks, struct block *tree, size_t size, size_t offset, struct block **low,
                       struct block **high)
{
    while (tree) {
        if (is_before(blocks, tree, size, offset)) {
            *low = tree;
            low = &tree->right;
            tree = tree->right;
        } else {
            *high = tree;
            high = &tree->left;
            tree = tree->left;
        }
    }
    *low = *high = NULL;
}

/* Of two treaps, of which the first comes before the second. */
static struct block *tree_merge(struct blocks *blocks, struct block *low, struct block *high)
{
    struct block *whole = NULL, **link = &whole;
    while (low && high) {
        blocks->steps++;
        if (low->priority > high->priority) {
            *link = low;
            link = &low->right;
            low = low->right;
        } else {
            *link = high;
            link = &high->left;
            high = high->left;
        }
    }
    *link = low ? low : high;
    return whole;
}

static struct block **tree_of(struct blocks *blocks, const struct block *block)
{
    return &blocks->trees[block->state == BLOCK_USED ? 0 : block->has_pages ? 1 : 2];
}

static void tree_insert(struct blocks *blocks, struct block *block)
{
    struct block **link = tree_of(blocks, block);
    block->priority = random_next(blocks);
    while (*link && (*link)->priority > block->priority)
        link = is_before(blocks, *link, block->size, block->offset) ? &(*link)->right : &(*link)->left;
    tree_split(blocks, *link, block->size, block->offset, &block->left, &block->right);
    *link = block;
}

static void tree_remove(struct blocks *blocks, struct block *block)
{
    struct block **link = tree_of(blocks, block);
    while (*link != block)
        link = is_before(blocks, *link, block->size, block->offset) ? &(*link)->right : &(*link)->left;
    *link = tree_merge(blocks, block->left, block->right);
}

/* The smallest free one of at least that size. */
static struct block *tree_fit(struct blocks *blocks, bool has_pages, size_t size)
{
    struct block *found = NULL, *at = blocks->trees[has_pages ? 1 : 2];
    while (at) {
        if (is_before(blocks, at, size, 0)) {
            at = at->right;
        } else {
            found = at;
            at = at->left;
        }
    }
    return found;
}

/* ----------------------------------------------------------------------------------------------- life */

static struct block *node_new(size_t offset, size_t size, enum block_state state, bool has_pages)
{
    struct block *block = malloc(sizeof *block);
    if (block)
        *block = (struct block){.offset = offset, .size = size, .state = state, .has_pages = has_pages};
    return block;
}

int blocks_init(struct blocks *blocks, size_t size)
{
    *blocks = (struct blocks){.first = node_new(0, size, BLOCK_FREE, false), .seed = 2463534242u};
    if (!blocks->first)
        return -ENOMEM;
    tree_insert(blocks, blocks->first);
    return 0;
}

void blocks_drop(struct blocks *blocks)
{
    struct block *next;
    for (struct block *block = blocks->first; block; block = next) {
        next = block->behind;
        free(block);
    }
}

/* --------------------------------------------------------------------------------------------- looking */

struct block *blocks_find(struct blocks *blocks, size_t offset)
{
    struct block *at = blocks->trees[0];
    while (at && at->offset != offset) {
        blocks->steps++;
        at = at->offset < offset ? at->right : at->left;
    }
    return at;
}

struct block *blocks_largest(struct blocks *blocks)
{
    struct block *block = blocks->trees[1];
    while (block && block->right) {
        blocks->steps++;
        block = block->right;
    }
    return block;
}

static size_t free_bytes(const struct block *block)
{
    return block && block->state == BLOCK_FREE ? block->size : 0;
}

struct block *blocks_room(struct blocks *blocks, size_t size)
{
    struct block *block = tree_fit(blocks, true, size), *largest;
    if (block)
        return block;
    if ((largest = blocks_largest(blocks))) {
        size_t from_here = largest->size + free_bytes(largest->behind);
        if (from_here >= size)
            return largest;
        if (free_bytes(largest->before) && free_bytes(largest->before) + from_here >= size)
            return largest->before;
    }
    block = tree_fit(blocks, false, size);
    if (block)
        return block;
    size_t together = 0;
    for (struct block *at = blocks->first; at; at = at->behind) {
        if (at->state != BLOCK_FREE) {
            together = 0;
            continue;
        }
        block = together ? block : at;
        together += at->size;
        if (together >= size)
            return block;
    }
    return NULL;
}

/* -------------------------------------------------------------------------------------------- changing */

struct block *blocks_cut(struct blocks *blocks, struct block *block, size_t size)
{
    struct block *rest = node_new(block->offset + size, block->size - size, block->state, block->has_pages);
    if (!rest)
        return NULL;
    if (block->state == BLOCK_FREE)
        tree_remove(blocks, block);
    block->size = size;
    rest->before = block;
    rest->behind = block->behind;
    block->behind = rest;
    if (rest->behind)
        rest->behind->before = rest;
    if (block->state == BLOCK_FREE) {
        tree_insert(blocks, block);
        tree_insert(blocks, rest);
    }
    return rest;
}

void blocks_claim(struct blocks *blocks, struct block *block)
{
    tree_remove(blocks, block);
    block->state = BLOCK_CLAIMED;
}

void blocks_join(struct block *block)
{
    struct block *other = block->behind;
    block->size += other->size;
    block->behind = other->behind;
    if (block->behind)
        block->behind->before = block;
    free(other);
}

void blocks_use(struct blocks *blocks, struct block *block)
{
    block->state = BLOCK_USED;
    blocks->used_bytes += block->size;
    tree_insert(blocks, block);
}

static bool is_alike(const struct block *block, const struct block *other)
{
    return other && other->state == BLOCK_FREE && other->has_pages == block->has_pages;
}

struct block *blocks_free(struct blocks *blocks, struct block *block)
{
    if (block->state == BLOCK_USED) {
        tree_remove(blocks, block);
        blocks->used_bytes -= block->size;
    }
    if (is_alike(block, block->behind)) {
        tree_remove(blocks, block->behind);
        blocks_join(block);
    }
    if (is_alike(block, block->before)) {
        block = block->before;
        tree_remove(blocks, block);
        blocks_join(block);
    }
    block->state = BLOCK_FREE;
    tree_insert(blocks, block);
    return block;
}
