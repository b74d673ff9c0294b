/* SPDX-License-Identifier: MIT
 *
 * See arena.h. Which bytes are whose, and have pages: blocks.c. What the kernel is asked for: reserve.c.
 */
#include "arena.h"

#include <errno.h>
#include <string.h>

#include "page.h"

#define ALIGNMENT ((size_t)64)

/* ----------------------------------------------------------------------------------- open and close */

int arena_open(struct arena *arena, size_t limit)
{
    memset(arena, 0, sizeof *arena);
    int status = reserve_open(&arena->range, limit);
    if (status)
        return status;
    arena->limit = limit && limit < arena->range.size ? limit : arena->range.size;
    status = blocks_init(&arena->blocks, arena->limit);
    if (status) {
        reserve_close(&arena->range);
        return status;
    }
    pthread_mutex_init(&arena->lock, NULL);
    pthread_cond_init(&arena->returned, NULL);
    return 0;
}

void arena_close(struct arena *arena)
{
    blocks_drop(&arena->blocks);
    reserve_close(&arena->range);
    pthread_cond_destroy(&arena->returned);
    pthread_mutex_destroy(&arena->lock);
}

/* -------------------------------------------------------------------------------------------- pages */

/* Gives a claimed block its pages. With the lock held, which is let go meanwhile. */
static int pages_give(struct arena *arena, struct block *block)
{
    pthread_mutex_unlock(&arena->lock);
    int status = reserve_back(&arena->range, block->offset, block->offset + block->size);
    if (status)
        reserve_punch(&arena->range, block->offset, block->offset + block->size); /* those that it got */
    pthread_mutex_lock(&arena->lock);
    if (status)
        return status;
    block->has_pages = true;
    arena->backed += block->size;
    return 0;
}

/* Takes the pages of [from, to), which lie in a free block, *place, which is the block that they are in afterwards.
 * With the lock held, which is let go meanwhile. False: not done. */
static bool pages_take(struct arena *arena, struct block **place, size_t from, size_t to)
{
    struct blocks *blocks = &arena->blocks;
    struct block *block = *place;
    if (from > block->offset && !(block = blocks_cut(blocks, block, from - block->offset)))
        return false;
    bool is_cut = to == block->offset + block->size || blocks_cut(blocks, block, to - block->offset);
    int status = -ENOMEM;
    blocks_claim(blocks, block);
    if (is_cut) {
        arena->claimed++;
        pthread_mutex_unlock(&arena->lock);
        status = reserve_punch(&arena->range, from, to);
        pthread_mutex_lock(&arena->lock);
        arena->claimed--;
        pthread_cond_broadcast(&arena->returned);
    }
    block->has_pages = status != 0;
    if (!block->has_pages)
        arena->backed -= to - from;
    *place = blocks_free(blocks, block);
    return status == 0;
}

/* ------------------------------------------------------------------------------------ giving out, taking */

/* Claims free neighbours from this one on, until they have `size` bytes; of one without pages no more than whole
 * granules that are needed. Returns the number of blocks; 0: no memory for a node, and nothing is claimed. */
static int run_claim(struct arena *arena, struct block *first, size_t size)
{
    int count = 0;
    for (struct block *block = first; size > 0; block = block->behind, count++) {
        size_t end = (block->offset + size + ARENA_GRANULE - 1) / ARENA_GRANULE * ARENA_GRANULE;
        bool is_cut = !block->has_pages && end < block->offset + block->size;
        if (is_cut && !blocks_cut(&arena->blocks, block, end - block->offset)) {
            for (; count > 0; count--, block = block->before)
                blocks_free(&arena->blocks, block->before);
            return 0;
        }
        blocks_claim(&arena->blocks, block);
        size -= block->size < size ? block->size : size;
    }
    return count;
}

/* Makes one block in use of `count` claimed ones. NULL: they could not get their pages, and are free again. */
static struct block *run_use(struct arena *arena, struct block *first, int count, size_t size)
{
    struct block *block = first;
    int status = 0;
    for (int i = 0; i < count && status == 0; i++, block = block->behind)
        if (!block->has_pages)
            status = pages_give(arena, block);
    if (status) {
        for (; count > 0; count--) {
            block = blocks_free(&arena->blocks, first);
            first = block->behind;
        }
        return NULL;
    }
    for (; count > 1; count--)
        blocks_join(first);
    if (first->size > size && (block = blocks_cut(&arena->blocks, first, size)))
        blocks_free(&arena->blocks, block); /* without memory for its node it stays with the first */
    blocks_use(&arena->blocks, first);
    return first;
}

int arena_alloc(struct arena *arena, size_t size, void **memory)
{
    if (size > arena->limit)
        return -ENOMEM;
    size = size ? (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
    pthread_mutex_lock(&arena->lock);
    struct block *block = blocks_room(&arena->blocks, size);
    while (!block && arena->claimed > 0) { /* what is missing may be what is being given back */
        pthread_cond_wait(&arena->returned, &arena->lock);
        block = blocks_room(&arena->blocks, size);
    }
    int count = block ? run_claim(arena, block, size) : 0;
    block = count > 0 ? run_use(arena, block, count, size) : NULL;
    if (block) {
        *memory = arena->range.base + block->offset;
        if (arena->blocks.used_bytes > arena->peak)
            arena->peak = arena->blocks.used_bytes;
    }
    pthread_mutex_unlock(&arena->lock);
    return block ? 0 : -ENOMEM;
}

void arena_release(struct arena *arena, void *memory)
{
    if (!arena_contains(arena, memory, 0))
        return;
    pthread_mutex_lock(&arena->lock);
    struct block *block = blocks_find(&arena->blocks, (size_t)((char *)memory - arena->range.base));
    if (block)
        blocks_free(&arena->blocks, block);
    pthread_mutex_unlock(&arena->lock);
}

/* ------------------------------------------------------------------------------------------ giving back */

/* Takes pages off the end of a free block, some `bytes` bytes of them at most; pages_take() has the rest. */
static bool block_punch(struct arena *arena, struct block **place, size_t bytes)
{
    size_t page = page_size(), end = (*place)->offset + (*place)->size;
    size_t from = page_round_up((*place)->offset), to = end / page * page;
    if (to <= from)
        return false;
    if (bytes < to - from)
        from = to - page_round_up(bytes);
    return pages_take(arena, place, from, to);
}

/* What the second largest of the last calls needed. */
static size_t need_of_calls(const struct arena *arena)
{
    size_t largest = 0, second = 0;
    for (int i = 0; i < ARENA_CALLS; i++) {
        size_t need = arena->needs[i];
        size_t less = need < largest ? need : largest;
        second = less > second ? less : second;
        largest = need > largest ? need : largest;
    }
    return second;
}

void arena_settle(struct arena *arena, bool is_call)
{
    pthread_mutex_lock(&arena->lock);
    if (is_call) {
        arena->needs[arena->calls++ % ARENA_CALLS] = arena->peak;
        arena->peak = arena->blocks.used_bytes;
    }
    if (arena->backed > arena->blocks.used_bytes + ARENA_KEEP) {
        size_t need = need_of_calls(arena), used = arena->blocks.used_bytes;
        size_t mark = (need > used ? need : used) + ARENA_KEEP;
        struct block *block = blocks_largest(&arena->blocks);
        while (block && arena->backed > mark && block_punch(arena, &block, arena->backed - mark))
            block = blocks_largest(&arena->blocks);
    }
    pthread_mutex_unlock(&arena->lock);
}

void arena_trim(struct arena *arena)
{
    pthread_mutex_lock(&arena->lock);
    memset(arena->needs, 0, sizeof arena->needs);
    for (struct block *block = arena->blocks.first; block; block = block->behind) {
        if (block->state == BLOCK_FREE && block->has_pages)
            block_punch(arena, &block, SIZE_MAX);
    }
    pthread_mutex_unlock(&arena->lock);
}
