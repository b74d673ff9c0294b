/* SPDX-License-Identifier: MIT
 *
 * The memory that a fork pool shares: one unnamed memfd behind an address range that is reserved before
 * the fork, so that every process has it at the same address, now and after it has grown. Pages are
 * added with fallocate: shortage is -ENOMEM here and never SIGBUS in a worker. Freed pages are kept and
 * reused: fresh ones cost more than most work. Only the process that made the arena allocates; its
 * bookkeeping is its own memory, out of the workers' reach.
 *
 * Who writes what: the caller's process alone writes the list, under a mutex of its own. No word of it is shared with a
 * worker, so a worker's death at any point leaves the arena whole; what the dead one had been given belongs to the job,
 * whose caller releases it. A worker sees a block because a ticket names it: the ticket's release is what publishes
 * the block's contents. Pages that were added after the fork are there in every process, for all map the same file.
 */
#ifndef GRAIN_TRANSPORT_ARENA_H
#define GRAIN_TRANSPORT_ARENA_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
    char *base;
    size_t reserved; /* bytes of address range */
    size_t backed;   /* bytes that have pages */
    size_t limit;    /* most bytes to back */
    int fd;
    pthread_mutex_t lock;       /* private to the process; guards the list and backed */
    struct arena_block *blocks; /* in the order of addresses; without a gap up to `used` */
    size_t used;
};

/* limit 0: none but the range. Returns 0 or -errno. */
int arena_open(struct arena *arena, size_t limit);
void arena_close(struct arena *arena);

/* 64-byte aligned; contents are whatever was there. Returns 0 or -ENOMEM. */
int arena_alloc(struct arena *arena, size_t size, void **memory);

/* Gives a block back; a pointer that arena_alloc never returned is ignored. NULL is fine. */
void arena_release(struct arena *arena, void *memory);

/* Whether size bytes at memory lie in the arena. */
bool arena_contains(const struct arena *arena, const void *memory, size_t size);

/* Bytes behind base that have pages; any thread. */
size_t arena_backed(struct arena *arena);

/* In another process: maps the pages of [from, to) bytes behind base in one go, where the kernel can (Linux 5.14 on).
 * Touched one by one each of them costs a fault, which takes longer than most work on it. */
void arena_map_ahead(char *base, size_t from, size_t to);

#endif
