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
 * back when it ends; from the second one on they stay. Pages are counted in granules: a bit says whether a granule has
 * all of its pages. A hole is backed again before any byte of it is given out.
 *
 * Who writes what: the caller's process alone writes all of this, under a mutex of its own, which is free while the
 * kernel adds pages or takes them. A block is out of everybody's reach while that goes on: one that is being backed is
 * its caller's already, one whose pages go is claimed. Where two blocks share a granule both callers may back it: the
 * second time nothing happens. It is not taken back as long as one of them is in use. arena_trim alone takes pages of
 * such a granule, with the lock held, and counts that: who was about to back it backs it once more.
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
    pthread_cond_t returned; /* some claimed block was put back */
    int claimed;
    uint64_t trims; /* counts trims of granules that are partly in use */
    struct blocks blocks;
    uint64_t *granules;        /* a bit each: backed */
    size_t backed;             /* bytes of granules that are */
    size_t highest;            /* no page has ever been beyond */
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
