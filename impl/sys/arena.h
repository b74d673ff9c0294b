/* SPDX-License-Identifier: MIT
 *
 * The memory that a fork pool shares: one unnamed memfd behind an address range that is reserved before
 * the fork, so that every process has it at the same address, now and after it has grown. Pages are
 * added with fallocate: shortage is -ENOMEM here and never SIGBUS in a worker. Only the process that made the arena
 * allocates; its bookkeeping (blocks.h) is its own memory, out of the workers' reach.
 *
 * Freed pages are kept and reused: fresh ones cost more than most work. But when a call ends, what is more than
 * ARENA_KEEP bytes beyond the high-water mark goes back to the system: the mark is what is in use now, or, if that is
 * more, what the second largest of the last ARENA_CALLS calls needed. So a large call that stands alone gives its pages
 * back when it ends; from the second one on they stay. Pages come a granule at a time; what a block has no use for is
 * free, and has pages. A page lies in blocks that have pages, or in one that has none: so it is backed, or given back,
 * for one caller at a time.
 *
 * Who writes what: the caller's process alone writes all of this, under a mutex of its own, which is free while the
 * kernel adds pages or takes them. The blocks in question are claimed meanwhile, out of everybody's reach.
 * No word of it is shared with a worker, so a worker's death at any point leaves the arena whole; what the dead one had
 * been given belongs to the job, whose caller releases it. A worker sees a block because a ticket names it: the
 * ticket's release is what publishes the block's contents. Pages that were added after the fork are there in every
 * process, for all map the same file.
 */
#ifndef GRAIN_ARENA_H
#define GRAIN_ARENA_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blocks.h"
#include "reserve.h"

#define ARENA_GRANULE ((size_t)256 << 10)
#define ARENA_KEEP    ((size_t)32 << 20)
#define ARENA_CALLS   32

struct arena {
    struct reserve range;
    size_t limit;            /* most bytes to back */
    pthread_mutex_t lock;    /* private to the process; guards what follows */
    pthread_cond_t returned; /* some block without pages was put back */
    int claimed;             /* blocks whose pages are being given back */
    struct blocks blocks;
    size_t backed;             /* bytes of blocks that have pages */
    size_t peak;               /* most bytes in use since the last call ended */
    size_t needs[ARENA_CALLS]; /* of the last calls */
    unsigned calls;
};

/* limit 0: none but the range. Reserves no more than the limit; without one at most an eighth of what RLIMIT_AS leaves.
 * Returns 0 or -errno. */
int arena_open(struct arena *arena, size_t limit);
void arena_close(struct arena *arena);

/* 64-byte aligned; contents are whatever was there. Returns 0 or -ENOMEM. */
int arena_alloc(struct arena *arena, size_t size, void **memory);

/* Gives a block back; a pointer that arena_alloc never returned is ignored. NULL is fine. */
void arena_release(struct arena *arena, void *memory);

/* What is beyond the high-water mark goes back to the system. is_call: a call has ended and given its blocks back. */
void arena_settle(struct arena *arena, bool is_call);

/* Gives all pages back to the system that no block in use needs. */
void arena_trim(struct arena *arena);

/* Whether size bytes at memory lie in the arena. */
static inline bool arena_contains(const struct arena *arena, const void *memory, size_t size)
{
    uintptr_t from = (uintptr_t)arena->range.base, at = (uintptr_t)memory;
    return memory && at >= from && at - from < arena->range.size && size <= arena->range.size - (at - from);
}

#endif
