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

struct cargo {
    struct arena *arena;
    struct team_job *place;
    const struct job *job; /* the caller's */
    size_t small_used;
    void *blocks[5 + GRAIN_COLUMNS_MAX]; /* params, items, results, codes or a table of columns, the columns */
    int count;
    size_t bytes;   /* taken from the arena */
    size_t counted; /* of those, in the pool's figures */
    size_t loaded;  /* tasks whose items are in place */
};

void cargo_init(struct cargo *cargo, struct arena *arena, struct team_job *place, const struct job *job);

/* Fills the place's job so that workers can run it. Of many items that have to be copied only the first are there
 * afterwards (`loaded`) under `steal`: workers start on them while cargo_load_more() brings the others. Returns 0 or
 * -ENOMEM; cargo_drop() is due in any case. */
int cargo_load(struct cargo *cargo, int workers);

/* Copies the next items in; returns how many are in place now. */
size_t cargo_load_more(struct cargo *cargo);

/* The same for a job of a single task. */
int cargo_load_single(struct cargo *cargo);

/* Copies results and codes out, when the job has ended. */
void cargo_unload(const struct cargo *cargo, struct job *job);
void cargo_unload_single(const struct cargo *cargo, struct job *job);

/* Puts what was taken into the pool's figures, and takes it out of those of now. */
void cargo_count(struct cargo *cargo, struct backend_pool *pool);
void cargo_uncount(struct cargo *cargo, struct backend_pool *pool);

/* Gives the blocks back. */
void cargo_drop(struct cargo *cargo);

/* Gives back the claim units' bytes of a descriptor that the caller has, where they are more than `most`. */
void cargo_trim(struct arena *arena, struct team_job *place, size_t most);

#endif
