/* SPDX-License-Identifier: MIT
 *
 * A pilot: the first tasks of a job, run in small batches under the clock, so that the rest can be claimed in chunks
 * of a size that suits them. Its tasks are run like any other, once. Pure: knows no backend, runs no task, reads no
 * clock.
 *
 * Everything stands in one word: how many tasks were claimed, and, once the pilot is over, the chunk of the rest. So
 * nobody waits for anybody: whoever knows enough ends the pilot, the others find out at their next claim and come to
 * the same figures, and one that is caught in a long task meanwhile joins the rest when it is through.
 */
#ifndef GRAIN_PILOT_H
#define GRAIN_PILOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PILOT_CHUNK_AT  56
#define PILOT_TASKS_MAX ((UINT64_C(1) << PILOT_CHUNK_AT) - 1)

struct pilot {
    _Alignas(64) _Atomic uint64_t word; /* PILOT_OVER | log2 of the chunk << PILOT_CHUNK_AT | tasks claimed */
    uint64_t count, limit;              /* tasks of the job; those that the pilot may have */
    uint64_t chunk_max;
};

/* One worker's part in it. */
struct pilot_part {
    uint64_t batch;   /* tasks of its next claim */
    uint64_t task_ps; /* what one took in its last batch, in picoseconds; 0: it has run none */
    bool is_sure;     /* that batch was long enough to believe its time */
};

/* What is left when a pilot is over. */
struct pilot_rest {
    uint64_t begin, chunk;
};

/* Whether so many tasks are worth a pilot: fewer are claimed one by one, which costs less than it could save. */
bool pilot_is_worth(uint64_t count, uint64_t parts);

void pilot_start(struct pilot *pilot, uint64_t count, uint64_t parts);
void pilot_join(struct pilot_part *part);

/* The next batch: false when the pilot is over. [*begin, *end) is never empty. */
bool pilot_claim(struct pilot *pilot, struct pilot_part *part, uint64_t *begin, uint64_t *end);

/* So many tasks took so long: what a worker says of each batch before it claims the next. */
void pilot_note(struct pilot *pilot, struct pilot_part *part, uint64_t tasks, uint64_t elapsed_ns);

/* After pilot_claim() has returned false: the same for everybody. */
struct pilot_rest pilot_rest(const struct pilot *pilot);

#endif
