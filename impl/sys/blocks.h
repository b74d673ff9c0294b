/* SPDX-License-Identifier: MIT
 *
 * Which bytes of an arena are taken: a set of blocks without gaps, some of them free. Knows offsets alone; what lies
 * there, and whether there are pages, is the arena's business (arena.h). Every function but blocks_drop takes
 * logarithmic time, whatever the order in which blocks come back. Not locked: the arena does that.
 *
 * Each block stands in the list of addresses, so that neighbours that are free can be joined, and in one of three
 * treaps: of blocks in use, by offset; of free ones with pages, and of free ones without (hollow), by size and then
 * offset. Best fit: the smallest free block that is large enough, one with pages first, for fresh pages are dear.
 */
#ifndef GRAIN_BLOCKS_H
#define GRAIN_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum block_state { BLOCK_USED, BLOCK_WARM, BLOCK_HOLLOW, BLOCK_CLAIMED };

struct block {
    struct block *before, *behind; /* in the order of addresses */
    struct block *left, *right;    /* in its treap; left: the next spare node */
    size_t offset, size;
    uint32_t priority;
    enum block_state state;
};

struct blocks {
    struct block *last;     /* of all */
    struct block *trees[3]; /* BLOCK_USED, BLOCK_WARM, BLOCK_HOLLOW */
    struct block *spare;    /* nodes for the next blocks */
    size_t end, most;       /* blocks fill [0, end); none reaches beyond `most` */
    size_t used_bytes;      /* the sum of blocks in use */
    uint32_t seed;
    uint64_t steps; /* nodes looked at, for the tests */
};

void blocks_init(struct blocks *blocks, size_t most);
void blocks_drop(struct blocks *blocks);

/* A block of that size, not 0. NULL: there is no room, or no memory for its node. */
struct block *blocks_take(struct blocks *blocks, size_t size);

/* The block in use that begins there, or NULL. */
struct block *blocks_find(struct blocks *blocks, size_t offset);

/* Makes a block in use, or a claimed one, free, and joins it with its free neighbours. is_hollow: it has no pages that
 * could be given back; what it is joined with may have. */
void blocks_put(struct blocks *blocks, struct block *block, bool is_hollow);

/* The largest free block with pages, of `least` bytes at least, which is nobody's until blocks_put(); or NULL. */
struct block *blocks_claim(struct blocks *blocks, size_t least);

/* Counts every free block as one with pages again. */
void blocks_warm(struct blocks *blocks);

#endif
