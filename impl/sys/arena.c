/* SPDX-License-Identifier: MIT
 *
 * See arena.h. Which bytes are whose: blocks.c. What the kernel is asked for: reserve.c. Here: which granules have
 * pages.
 */
#include "arena.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "page.h"

#define ALIGNMENT ((size_t)64)

/* ----------------------------------------------------------------------------------- open and close */

static size_t granules_bytes(const struct arena *arena)
{
    return (arena->range.size / ARENA_GRANULE / 64 + 2) * sizeof *arena->granules;
}

int arena_open(struct arena *arena, size_t limit)
{
    memset(arena, 0, sizeof *arena);
    int status = reserve_open(&arena->range, limit);
    if (status)
        return status;
    /* Half a megabyte for the largest range, of which hardly a page is used: calloc() may clear all of it, and then
     * every fork copies its page tables. */
    arena->granules =
        mmap(NULL, granules_bytes(arena), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena->granules == MAP_FAILED) {
        reserve_close(&arena->range);
        return -ENOMEM;
    }
    arena->limit = limit && limit < arena->range.size ? limit : arena->range.size;
    blocks_init(&arena->blocks, arena->limit);
    pthread_mutex_init(&arena->lock, NULL);
    pthread_cond_init(&arena->returned, NULL);
    return 0;
}

void arena_close(struct arena *arena)
{
    blocks_drop(&arena->blocks);
    munmap(arena->granules, granules_bytes(arena));
    reserve_close(&arena->range);
    pthread_cond_destroy(&arena->returned);
    pthread_mutex_destroy(&arena->lock);
}

/* ---------------------------------------------------------------------------------------- granules */

static size_t granule_end(const struct arena *arena, size_t granule)
{
    size_t end = (granule + 1) * ARENA_GRANULE;
    return end < arena->range.size ? end : arena->range.size;
}

static bool granule_is_backed(const struct arena *arena, size_t granule)
{
    return arena->granules[granule / 64] >> granule % 64 & 1;
}

static void granule_set(struct arena *arena, size_t granule, bool is_backed)
{
    if (granule_is_backed(arena, granule) == is_backed)
        return;
    size_t size = granule_end(arena, granule) - granule * ARENA_GRANULE;
    arena->granules[granule / 64] ^= UINT64_C(1) << granule % 64;
    arena->backed += is_backed ? size : -size;
}

/* Marks the granules that [from, to) lies in. */
static void granules_set(struct arena *arena, size_t from, size_t to, bool is_backed)
{
    for (size_t granule = from / ARENA_GRANULE; granule * ARENA_GRANULE < to; granule++)
        granule_set(arena, granule, is_backed);
    if (is_backed && to > arena->highest)
        arena->highest = to;
}

/* The first run of granules without pages in [*from, to); false: there is none. */
static bool gap_find(const struct arena *arena, size_t *from, size_t *to)
{
    size_t granule = *from / ARENA_GRANULE, last = (*to - 1) / ARENA_GRANULE;
    while (granule <= last && granule_is_backed(arena, granule))
        granule++;
    if (granule > last)
        return false;
    *from = granule * ARENA_GRANULE;
    while (granule < last && !granule_is_backed(arena, granule + 1))
        granule++;
    *to = granule_end(arena, granule);
    return true;
}

/* Gives every granule of [offset, offset + size) its pages. With the lock held, which is let go meanwhile. */
static int range_back(struct arena *arena, size_t offset, size_t size)
{
    for (;;) {
        size_t from = offset, to = offset + size;
        if (!gap_find(arena, &from, &to))
            return 0;
        uint64_t trims = arena->trims;
        pthread_mutex_unlock(&arena->lock);
        int status = reserve_back(&arena->range, from, to);
        pthread_mutex_lock(&arena->lock);
        if (status)
            return status;
        if (arena->trims == trims)
            granules_set(arena, from, to, true);
    }
}

/* ------------------------------------------------------------------------------------ giving out, taking */

static void peak_note(struct arena *arena)
{
    if (arena->blocks.used_bytes > arena->peak)
        arena->peak = arena->blocks.used_bytes;
}

int arena_alloc(struct arena *arena, size_t size, void **memory)
{
    if (size > arena->limit)
        return -ENOMEM;
    size = size ? (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
    pthread_mutex_lock(&arena->lock);
    struct block *block = blocks_take(&arena->blocks, size);
    while (!block && arena->claimed > 0) { /* what is missing may be what is being given back */
        pthread_cond_wait(&arena->returned, &arena->lock);
        block = blocks_take(&arena->blocks, size);
    }
    int status = block ? range_back(arena, block->offset, size) : -ENOMEM;
    if (status == 0) {
        *memory = arena->range.base + block->offset;
        peak_note(arena);
    } else if (block) {
        blocks_put(&arena->blocks, block, false);
    }
    pthread_mutex_unlock(&arena->lock);
    return status;
}

void arena_release(struct arena *arena, void *memory)
{
    if (!arena_contains(arena, memory, 0))
        return;
    pthread_mutex_lock(&arena->lock);
    struct block *block = blocks_find(&arena->blocks, (size_t)((char *)memory - arena->range.base));
    if (block)
        blocks_put(&arena->blocks, block, false);
    pthread_mutex_unlock(&arena->lock);
}

/* ------------------------------------------------------------------------------------------ giving back */

/* Takes the pages of [from, to), which lie in a claimed block. With the lock held, which is let go meanwhile. */
static bool range_punch(struct arena *arena, size_t from, size_t to)
{
    if (from >= to)
        return true;
    granules_set(arena, from, to, false); /* before: from now on nobody may rest on them */
    pthread_mutex_unlock(&arena->lock);
    int status = reserve_punch(&arena->range, from, to);
    pthread_mutex_lock(&arena->lock);
    return status == 0;
}

/* From which granule on the block's own ones, up to `end`, have `bytes` bytes of pages; the first, when all have
 * fewer. */
static size_t excess_find(const struct arena *arena, size_t first, size_t end, size_t bytes)
{
    size_t found = 0;
    while (end > first && found < bytes)
        if (granule_is_backed(arena, --end))
            found += ARENA_GRANULE;
    return end;
}

static void block_return(struct arena *arena, struct block *block, bool is_hollow)
{
    blocks_put(&arena->blocks, block, is_hollow);
    arena->claimed--;
    pthread_cond_broadcast(&arena->returned);
}

/* Takes whole granules off the end of the largest free block, until `bytes` bytes are gone. False: nothing is left. */
static bool excess_give(struct arena *arena, size_t bytes)
{
    struct block *block = blocks_claim(&arena->blocks, ARENA_GRANULE);
    if (!block)
        return false;
    arena->claimed++;
    size_t first = (block->offset + ARENA_GRANULE - 1) / ARENA_GRANULE;
    size_t end = (block->offset + block->size) / ARENA_GRANULE;
    size_t from = excess_find(arena, first, end, bytes);
    bool is_done = from >= end || range_punch(arena, from * ARENA_GRANULE, end * ARENA_GRANULE);
    block_return(arena, block, from <= first);
    return is_done;
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
        while (arena->backed > mark && excess_give(arena, arena->backed - mark))
            ;
    }
    pthread_mutex_unlock(&arena->lock);
}

/* The pages of [from, to) in granules that are partly in use. They count as without pages then, and are backed again,
 * as far as they are not, when one of their bytes is given out the next time. With the lock held throughout. */
static void edge_punch(struct arena *arena, size_t from, size_t to)
{
    if (from >= to)
        return;
    arena->trims++;
    granules_set(arena, from, to, false);
    reserve_punch(&arena->range, from, to);
}

/* All pages of a claimed block. */
static bool block_punch(struct arena *arena, size_t from, size_t to)
{
    size_t first = (from + ARENA_GRANULE - 1) / ARENA_GRANULE * ARENA_GRANULE,
           last = to / ARENA_GRANULE * ARENA_GRANULE;
    if (first >= last) {
        edge_punch(arena, from, to);
        return true;
    }
    edge_punch(arena, from, first);
    edge_punch(arena, last, to);
    return range_punch(arena, first, last);
}

void arena_trim(struct arena *arena)
{
    size_t page = page_size();
    struct block *block;
    pthread_mutex_lock(&arena->lock);
    memset(arena->needs, 0, sizeof arena->needs);
    blocks_warm(&arena->blocks);
    while ((block = blocks_claim(&arena->blocks, page))) {
        arena->claimed++;
        size_t from = page_round_up(block->offset), to = (block->offset + block->size) / page * page;
        bool is_done = block_punch(arena, from, to);
        block_return(arena, block, true);
        if (!is_done)
            break;
    }
    edge_punch(arena, page_round_up(arena->blocks.end), arena->highest);
    pthread_mutex_unlock(&arena->lock);
}
