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

/* Fills the descriptor's job so that workers can run it. Of many items that have to be copied only the first are there
 * afterwards (`loaded`) under `steal`: workers start on them while staging_load_more() brings the others. Returns 0 or
 * -ENOMEM; staging_drop() is due in any case. */
int staging_load(struct staging *staging);

/* Copies the next items in; returns how many are in place now. */
size_t staging_load_more(struct staging *staging);

/* The same for a job of a single task. */
int staging_load_single(struct staging *staging);

/* Copies results and codes out, when the job has ended. */
void staging_unload(const struct staging *staging, struct job *job);
void staging_unload_single(const struct staging *staging, struct job *job);

/* Gives the blocks back. */
void staging_drop(struct staging *staging);

/* Gives back the chunks' marks of a descriptor that the caller has, where they are more than `most`. */
void staging_trim(struct arena *arena, struct team_job *desc, size_t most);

#endif
