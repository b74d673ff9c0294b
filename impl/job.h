/* SPDX-License-Identifier: MIT
 *
 * A job: what every call of the interface becomes. pool.c fills one, a backend runs it, job_run() is
 * the one place where user code is called, on every backend. No atomics in here: C++ reads this
 * header. What several workers write is split by owner: one job_outcome each, merged afterwards.
 */
#ifndef GRAIN_JOB_H
#define GRAIN_JOB_H

#include "grain.h"

#ifdef __cplusplus
extern "C" {
#endif

enum job_form { JOB_TASK, JOB_CHUNK };

/* What one worker (or one share of a job) has to tell: how many tasks failed, and the failure with the
 * lowest index among them. */
struct job_outcome {
    size_t failed;
    struct grain_error first;
};

struct job {
    enum job_form form;
    grain_task_fn task;        /* JOB_TASK */
    grain_chunk_fn chunk_task; /* JOB_CHUNK */
    const void *items;
    void *results;
    size_t count, item_size, result_size;
    size_t chunk; /* tasks a claim, >= 1; with static, 0: one contiguous share a worker */
    enum grain_schedule schedule;
    const void *params;
    size_t params_size;
    int *codes; /* count entries, zeroed before the job starts, or NULL */

    /* Written by the backend before run or wait returns. */
    struct job_outcome outcome;
    uint64_t handovers, steals;
};

/* The worker's side of a call; tasks see it as an opaque handle. One per worker, never shared. Whoever
 * calls job_run() sets worker, pid and outcome; the rest is job_run()'s own. */
struct grain_context {
    const struct job *job;
    struct job_outcome *outcome;
    size_t index;       /* the running task, or the first of the running chunk */
    size_t end;         /* one past the last task of this run */
    size_t unfailed;    /* tasks below this are settled: a second failure of theirs is ignored */
    size_t gap;         /* chunk form: the lowest task that has not failed */
    size_t failed_here; /* chunk form: failures within this chunk */
    int worker;
    int pid; /* the worker process, 0 where workers are threads */
};

/* Runs the tasks [begin, end) of job in the calling thread. Failures go to ctx->outcome and job->codes. */
void job_run(const struct job *job, size_t begin, size_t end, struct grain_context *ctx);

/* Records that one task failed. message may be NULL. */
void job_fail(const struct job *job, struct job_outcome *outcome, const struct grain_error *error);

/* Adds what one share has to tell to the whole. */
void job_outcome_merge(struct job_outcome *into, const struct job_outcome *from);

/* Marks the calling thread as a worker of pool until job_leave(); returns what it was before. */
const void *job_enter(const void *pool);
void job_leave(const void *outer);

/* The pool whose worker the calling thread is, or NULL. */
const void *job_current_pool(void);

#ifdef __cplusplus
}
#endif

#endif
