/* SPDX-License-Identifier: MIT
 *
 * Tasks that do as they are told: die so many times, take so long. What they are told, and what they did, lies in
 * memory that all processes share.
 */
#ifndef GRAIN_TESTS_PLANNED_H
#define GRAIN_TESTS_PLANNED_H

#include <stdatomic.h>

#include "faults.h"

#define COUNT 1000

struct plan {
    _Atomic int begun[COUNT]; /* how often each task was begun */
    int deaths[COUNT];        /* how often its worker dies of it */
    int ms[COUNT];            /* how long it takes */
    bool has_seen_wrong_index;
};
extern struct plan *plan;
extern int codes[COUNT], results[COUNT], numbers[COUNT];

/* Group set-up; before each round: nobody dies, nothing takes long, codes and results are wrong. */
int plan_make(void **state);
void plan_clear(void);

/* A task on numbers[i], which writes 3 * i; a queued call of it. */
int planned_task(const void *arg, void *result, struct grain_context *ctx);
int planned_call(const void *arg, void *result, struct grain_context *ctx);

/* The first `count` tasks in one of the forms of a call. */
enum form { FORM_MAP, FORM_STAR, FORM_CHUNKS, FORM_MAP_ASYNC, FORMS };
int planned_run(struct grain_pool *pool, enum form form, size_t count, const struct grain_call_options *options);

#endif
