/* SPDX-License-Identifier: MIT
 *
 * The data of one call on its way into the memory that a fork pool shares, and back. What lies there already
 * (grain_alloc) is passed as it is; small data travel in the job's descriptor; the rest takes blocks of the arena.
 */
#ifndef GRAIN_STAGING_H
#define GRAIN_STAGING_H

#include "backend/backend.h"
#include "sys/arena.h"
#include "team/team.h"

struct staging {
    struct backend_pool *pool;
    struct arena *arena;
    struct team_job *desc;
    const struct job *job; /* the caller's */
    size_t small_used;
    void *blocks[5 + GRAIN_COLUMNS_MAX]; /* params, items, results, codes or a table of columns, the columns */
    int count;
    size_t bytes;   /* taken from the arena */
    size_t counted; /* in the pool's figures */
    size_t loaded;  /* tasks whose items are in place */
};

void staging_init(struct staging *staging, struct backend_pool *pool, struct arena *arena, struct team_job *desc,
                  const struct job *job);

/* Fills the descriptor's job so that workers can run it; the second one for a single task. Returns 0 or -ENOMEM;
 * staging_drop() is due in any case. */
int staging_load(struct staging *staging);
int staging_load_single(struct staging *staging);

/* Under `steal` only the first of many items are there by then (`loaded`): workers start on them while this brings the
 * next ones. Returns how many are in place now. */
size_t staging_load_more(struct staging *staging);

/* Copies results and codes out, when the job has ended. */
void staging_unload(const struct staging *staging, struct job *job);
void staging_unload_single(const struct staging *staging, struct job *job);

/* Gives back the blocks; the chunks' marks of a descriptor that the caller has, where they are more than `most`. */
void staging_drop(struct staging *staging);
void staging_trim(struct arena *arena, struct team_job *desc, size_t most);

#endif
