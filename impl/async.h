/* SPDX-License-Identifier: MIT
 *
 * Calls that nobody waits for on the spot. Calls of apply are collected in a batch, which becomes one job (JOB_CALLS)
 * as soon as a dispatcher is free: under load a batch grows while others run, and a call costs a few stores; without
 * load it is a batch of one at once. Every other asynchronous call is a batch of its own. Dispatchers are threads that
 * take batches and run them as any caller would; there are as many as it takes for a long batch to block nothing.
 *
 *   apply_async -> open batch -> queue -> dispatcher: backend->run -> settle every future -> callbacks: delivery.c
 *
 * A batch has two kinds of memory: its own (futures), which lives until the last future is freed, and the pool's
 * (calls, arguments, results), which workers see and which goes back when the batch is settled. A future that is looked
 * at before that settles itself from its call: a long task in the same batch keeps nobody waiting.
 */
#ifndef GRAIN_ASYNC_H
#define GRAIN_ASYNC_H

#include <pthread.h>
#include <stdatomic.h>

#include "backend/backend.h"

#define ASYNC_DISPATCHERS_MAX 64
#define BATCH_CALLS_MAX       4096
#define BATCH_PAYLOAD_MAX     ((size_t)1 << 20) /* of more than one call */

enum future_state { FUTURE_PENDING, FUTURE_SETTLING, FUTURE_DELIVERING, FUTURE_IN_CALLBACK, FUTURE_READY };

/* What few futures have. */
struct future_extra {
    grain_callback_fn callback;
    grain_error_fn error_callback;
    void *user;
    struct grain_report *report;
    struct grain_error error;
    struct grain_future *next; /* in the queue of the delivery thread */
};

/* 200000 of them are to fit beside their 200000 calls in 128 bytes each. */
struct grain_future {
    struct batch *batch;
    void *result;               /* the caller's */
    struct future_extra *extra; /* NULL: no callbacks, no report, no failure */
    uint32_t result_size;
    int status;                /* valid when ready */
    _Atomic uint32_t state;    /* enum future_state */
    _Atomic bool is_discarded; /* its result is wanted no more */
    bool has_callbacks;        /* the delivery thread settles it, or its dispatcher */
};

enum batch_phase { BATCH_OPEN, BATCH_SEALED, BATCH_RUNNING, BATCH_SETTLED };

struct batch {
    struct grain_pool *pool; /* valid until it is settled */
    struct batch *next;      /* in the queue, then in the list of those that run */
    struct job job;
    struct job_call *calls;      /* JOB_CALLS, in the pool's memory, with errors, arguments and results behind */
    char *payload, *payload_end; /* room for arguments, results, params */
    const void *params;          /* the last that were copied, and how many bytes */
    size_t params_size;
    size_t count, room;
    bool has_callbacks;
    bool is_calls;
    size_t settled_below;      /* the delivery thread's: futures before this are settled */
    _Atomic int phase;         /* enum batch_phase; changes under the pool's async.lock */
    _Atomic uint32_t visitors; /* who looks at `calls` just now */
    _Atomic size_t references; /* unfreed futures, and one until it is settled */
    struct grain_future futures[];
};

struct async {
    pthread_mutex_t lock;
    pthread_cond_t work;        /* for dispatchers */
    pthread_cond_t settled;     /* for waiters: some batch was settled; for the delivery thread likewise */
    struct batch *first, *last; /* queued; the last may be open */
    struct batch *running;
    size_t next_room;
    pthread_t dispatchers[ASYNC_DISPATCHERS_MAX];
    int dispatcher_count, idle;
    bool is_stopping;
    pthread_t delivery;
    bool has_delivery;
    pthread_cond_t deliveries;
    struct grain_future *deliver_first, *deliver_last;
};

struct grain_pool;

int async_init(struct async *async);
void async_drop(struct async *async);

/* batch.c: queues a call of apply, or a prepared job of another kind; the pool was entered for it. 0, -ENOMEM or -EAGAIN. */
int async_apply(struct grain_pool *pool, const struct job *job, const struct grain_call_options *options,
                struct grain_future **future);
int async_job(struct grain_pool *pool, const struct job *job, const struct grain_call_options *options,
              struct grain_future **future);

/* After terminate: what is queued ends with -ECANCELED. */
void async_cancel(struct grain_pool *pool);

/* Before the backend is closed, with no call left: ends the threads. */
void async_stop(struct grain_pool *pool);

/* Settles a future from its call, or with the status of its batch; once, whoever comes first, and returns when that is
 * done. True: it has a callback to be delivered, and is not ready before that. */
bool future_settle(struct grain_future *future, int batch_status);

/* Whether its call has ended although its batch runs: while the batch is visited. */
bool future_has_ended(const struct grain_future *future);

/* Keeps the batch's calls, and its pool, where they are until batch_leave(); false: the batch is settled. */
bool batch_visit(struct batch *batch);
void batch_leave(struct batch *batch);

/* Starts a thread of the pool. 0 or -errno. */
int async_thread_start(pthread_t *thread, void *(*main)(void *), void *argument);

/* Sees that some dispatcher takes what is queued: wakes one, or starts one more where all are busy, up to one more than
 * workers. With async.lock held. 0, or -EAGAIN when there is none at all. */
int async_wake(struct grain_pool *pool);

/* Gives up one reference of a batch. */
void batch_release(struct batch *batch);

/* Hands a settled future with callbacks to the delivery thread. With async.lock held. */
void delivery_push(struct async *async, struct grain_future *future);
int delivery_start(struct grain_pool *pool);
void delivery_stop(struct async *async);

/* Whether the calling thread is in a callback of this pool; of this future. */
bool delivery_is_inside(const struct grain_pool *pool);
bool delivery_is_of(const struct grain_future *future);

#endif
