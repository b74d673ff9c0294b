/* SPDX-License-Identifier: MIT
 *
 * See blocks.h. A treap is a search tree whose nodes also form a heap by random priorities: that keeps it as flat as a
 * tree into which everything came in random order, in few lines.
 */
#include "blocks.h"

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

/* Into the treap of the block's state. */
static void tree_insert(struct blocks *blocks, struct block *block)
{
    struct block **link = &blocks->trees[block->state];
    block->priority = random_next(blocks);
    while (*link && (*link)->priority > block->priority)
        link = is_before(blocks, *link, block->size, block->offset) ? &(*link)->right : &(*link)->left;
    tree_split(blocks, *link, block->size, block->offset, &block->left, &block->right);
    *link = block;
}

static void tree_remove(struct blocks *blocks, struct block *block)
{
    struct block **link = &blocks->trees[block->state];
    while (*link != block)
        link = is_before(blocks, *link, block->size, block->offset) ? &(*link)->right : &(*link)->left;
    *link = tree_merge(blocks, block->left, block->right);
}

/* The smallest of at least that size. */
static struct block *tree_fit(struct blocks *blocks, enum block_state state, size_t size)
{
    struct block *found = NULL, *at = blocks->trees[state];
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

/* --------------------------------------------------------------------------------------------- nodes */

static struct block *node_new(struct blocks *blocks)
{
    struct block *block = blocks->spare;
    if (block)
        blocks->spare = block->left;
    else
        block = malloc(sizeof *block);
    return block;
}

static void node_free(struct blocks *blocks, struct block *block)
{
    block->left = blocks->spare;
    blocks->spare = block;
}

static void list_insert(struct blocks *blocks, struct block *block, struct block *before)
{
    block->before = before;
    block->behind = before ? before->behind : NULL;
    if (before)
        before->behind = block;
    if (block->behind)
        block->behind->before = block;
    else
        blocks->last = block;
}

static void list_remove(struct blocks *blocks, struct block *block)
{
    if (block->before)
        block->before->behind = block->behind;
    if (block->behind)
        block->behind->before = block->before;
    else
        blocks->last = block->before;
}

/* ------------------------------------------------------------------------------------- what is exported */

void blocks_init(struct blocks *blocks, size_t most)
{
    *blocks = (struct blocks){.most = most, .seed = 2463534242u};
}

void blocks_drop(struct blocks *blocks)
{
    struct block *next;
    for (struct block *block = blocks->last; block; block = next) {
        next = block->before;
        free(block);
    }
    for (struct block *block = blocks->spare; block; block = next) {
        next = block->left;
        free(block);
    }
}

static bool is_free(const struct block *block)
{
    return block && (block->state == BLOCK_WARM || block->state == BLOCK_HOLLOW);
}

static struct block *block_use(struct blocks *blocks, struct block *block)
{
    block->state = BLOCK_USED;
    blocks->used_bytes += block->size;
    tree_insert(blocks, block);
    return block;
}

/* The front of a free block; what is left stays behind it as a free block of the same kind. */
static struct block *block_cut(struct blocks *blocks, struct block *block, size_t size)
{
    struct block *rest = block->size > size ? node_new(blocks) : NULL;
    if (block->size > size && !rest)
        return NULL;
    tree_remove(blocks, block);
    if (rest) {
        *rest = (struct block){.offset = block->offset + size, .size = block->size - size, .state = block->state};
        list_insert(blocks, rest, block);
        tree_insert(blocks, rest);
        block->size = size;
    }
    return block_use(blocks, block);
}

/* A new block behind the last, or the last one grown when it is free. */
static struct block *block_append(struct blocks *blocks, size_t size)
{
    struct block *block = is_free(blocks->last) ? blocks->last : NULL;
    size_t offset = block ? block->offset : blocks->end;
    if (size > blocks->most - offset)
        return NULL;
    if (block) {
        tree_remove(blocks, block);
    } else {
        block = node_new(blocks);
        if (!block)
            return NULL;
        list_insert(blocks, block, blocks->last);
    }
    block->offset = offset;
    block->size = size;
    blocks->end = offset + size;
    return block_use(blocks, block);
}

struct block *blocks_take(struct blocks *blocks, size_t size)
{
    struct block *block = tree_fit(blocks, BLOCK_WARM, size);
    if (!block)
        block = tree_fit(blocks, BLOCK_HOLLOW, size);
    return block ? block_cut(blocks, block, size) : block_append(blocks, size);
}

struct block *blocks_find(struct blocks *blocks, size_t offset)
{
    struct block *at = blocks->trees[BLOCK_USED];
    while (at && at->offset != offset) {
        blocks->steps++;
        at = at->offset < offset ? at->right : at->left;
    }
    return at;
}

/* Joins a free neighbour to a block that is in no treap. */
static void block_join(struct blocks *blocks, struct block *block, struct block *other)
{
    tree_remove(blocks, other);
    list_remove(blocks, other);
    if (other->state == BLOCK_WARM)
        block->state = BLOCK_WARM;
    if (other->offset < block->offset)
        block->offset = other->offset;
    block->size += other->size;
    node_free(blocks, other);
}

void blocks_put(struct blocks *blocks, struct block *block, bool is_hollow)
{
    if (block->state == BLOCK_USED) {
        tree_remove(blocks, block);
        blocks->used_bytes -= block->size;
    }
    block->state = is_hollow ? BLOCK_HOLLOW : BLOCK_WARM;
    if (is_free(block->before))
        block_join(blocks, block, block->before);
    if (is_free(block->behind))
        block_join(blocks, block, block->behind);
    if (block->state == BLOCK_HOLLOW && !block->behind) { /* the end of all: as if it had never been there */
        blocks->end = block->offset;
        list_remove(blocks, block);
        node_free(blocks, block);
        return;
    }
    tree_insert(blocks, block);
}

struct block *blocks_claim(struct blocks *blocks, size_t least)
{
    struct block *block = blocks->trees[BLOCK_WARM];
    while (block && block->right) {
        blocks->steps++;
        block = block->right;
    }
    if (!block || block->size < least)
        return NULL;
    tree_remove(blocks, block);
    block->state = BLOCK_CLAIMED;
    return block;
}

void blocks_warm(struct blocks *blocks)
{
    struct block *block;
    while ((block = blocks->trees[BLOCK_HOLLOW])) {
        tree_remove(blocks, block);
        block->state = BLOCK_WARM;
        tree_insert(blocks, block);
    }
}
