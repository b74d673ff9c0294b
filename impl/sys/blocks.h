/* SPDX-License-Identifier: MIT
 *
 * Which bytes of an arena are taken, and which have pages: blocks that fill the whole range without gaps. Knows offsets
 * alone; what lies there, and what the kernel has to say, is the arena's business (arena.h). Not locked: the arena does
 * that. Every function takes logarithmic time, whatever the order in which blocks come back; but for blocks_drop, and
 * blocks_room where nearly nothing is free.
 *
 * Each block stands in the list of addresses, so that free neighbours of the same kind can be joined, and in one of
 * three treaps: of blocks in use, by offset; of free ones with pages, and of free ones without, by size and then
 * offset.
 */
#ifndef GRAIN_BLOCKS_H
#define GRAIN_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* BLOCK_CLAIMED: in no treap, and joined with nothing: whoever claimed it may let go of the arena's lock. */
enum block_state { BLOCK_USED, BLOCK_FREE, BLOCK_CLAIMED };

struct block {
    struct block *before, *behind; /* in the order of addresses */
    struct block *left, *right;    /* in its treap */
    size_t offset, size;
    uint32_t priority;
    enum block_state state;
    bool has_pages; /* all of it; not: none of it, and it begins on a page */
};

struct blocks {
    struct block *first;
    struct block *trees[3]; /* in use; free with pages; free without */
    size_t used_bytes;      /* the sum of blocks in use */
    uint32_t seed;
    uint64_t steps; /* nodes looked at, for the tests */
};

/* One free block without pages. 0 or -ENOMEM. */
int blocks_init(struct blocks *blocks, size_t size);
void blocks_drop(struct blocks *blocks);

/* The block in use that begins there, or NULL. */
struct block *blocks_find(struct blocks *blocks, size_t offset);

/* The first of free neighbours that have `size` bytes together, or NULL. Best fit: the smallest block with pages that
 * is large enough, for fresh pages are dear; else the largest one with pages and its neighbours, so that what grows
 * keeps its pages; else the smallest without; else whatever there is. */
struct block *blocks_room(struct blocks *blocks, size_t size);

/* The largest free block with pages, or NULL. */
struct block *blocks_largest(struct blocks *blocks);

/* Cuts a free or claimed block: it keeps `size` bytes, less than it has. Returns the rest, which is in the same state,
 * or NULL: no memory for it. */
struct block *blocks_cut(struct blocks *blocks, struct block *block, size_t size);

/* A free block becomes claimed; a claimed one takes the claimed one behind it in, becomes one in use, or becomes free,
 * as one in use does, and is joined with its neighbours: the block that it is part of then is returned. */
void blocks_claim(struct blocks *blocks, struct block *block);
void blocks_join(struct block *block);
void blocks_use(struct blocks *blocks, struct block *block);
struct block *blocks_free(struct blocks *blocks, struct block *block);

#endif
