/* SPDX-License-Identifier: MIT
 *
 * Calls that nobody waits for on the spot. Calls of apply are collected in a batch, which becomes one job (JOB_CALLS)
 * when it is full, when somebody waits for one of them, or some time after the last batch began: a stream of calls
 * makes large batches, in which a call costs a few stores; a call that comes alone is a batch of one at once. Every
 * other asynchronous call is a batch of its own. Dispatchers are threads that take batches and run them as any caller
 * would; there are as many as it takes for a long batch to block nothing.
 *
 *   apply_async -> open batch -> queue -> dispatcher: backend->run -> settle every future -> callbacks: callbacks.c
 *
 * A batch has two kinds of memory: its own (futures), and the pool's (calls, arguments, results), which workers see.
 * Both live until the last future is freed; when the pool goes before that, everything is settled first. A future is
 * settled (its result copied to where the caller wants it) by whoever asks for it when its call has ended: so a long
 * task in the same batch keeps nobody waiting, and the dispatchers do nothing a call. What nobody can ask for, because
 * it has a callback or no handle, the dispatcher settles when the batch has ended.
 *
 * Who settles holds the future (FUTURE_HELD, by compare-and-swap): then the pool's memory of its batch stays where it
 * is. Everything that outlives the pool hangs on struct async, which goes with the last batch.
 */
#ifndef GRAIN_ASYNC_H
#define GRAIN_ASYNC_H

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "backend/backend.h"
#include "sys/owner.h"

#define ASYNC_DISPATCHERS_MAX 64
#define BATCH_CALLS_MIN       16
#define BATCH_CALLS_MAX       2048
#define BATCH_TERMS           4 /* of which calls may alternate and take no room for that */
#define BATCH_SMALL_MAX       8
/* How long calls are gathered since the last batch began, while it runs and when it has ended. */
#define BATCH_GATHER_NS      500000u
#define BATCH_GATHER_FREE_NS 200000u
#define BATCH_SPARES_MAX     ((size_t)32 << 20) /* bytes kept for the next calls: fresh pages cost more than a call */
#define BATCH_SPARE_BYTES    ((size_t)16 << 10) /* smaller ones are not kept */
#define BATCH_PAYLOAD_MAX    ((size_t)1 << 20)  /* of more than one call */

/* HELD: somebody looks whether the call has ended; back to PENDING if not. Each of the others is final but for
 * DELIVERING -> IN_CALLBACK -> READY. */
enum future_state { FUTURE_PENDING, FUTURE_HELD, FUTURE_DELIVERING, FUTURE_IN_CALLBACK, FUTURE_READY };

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

enum batch_phase { BATCH_OPEN, BATCH_SEALED, BATCH_RUNNING, BATCH_ENDED };

struct batch {
    struct async *async;
    struct batch *next;        /* in the queue */
    struct batch *next_listed; /* in the list of those that run, or have ended */
    struct batch **link;       /* what points at it there; NULL: it is in none */
    struct job job;
    struct job_call *calls;      /* JOB_CALLS, in the pool's memory, with errors, arguments and results behind */
    char *payload, *payload_end; /* room for arguments, results, params */
    size_t bytes;                /* of the pool's memory */
    struct job_terms *terms[BATCH_TERMS]; /* the last ones that were copied */
    unsigned terms_count;
    size_t count, room;
    size_t handles; /* futures that the caller got */
    bool is_calls;
    bool is_wanted;       /* somebody waits for it */
    bool has_callbacks;   /* of has_dues: the delivery thread looks into it while it runs */
    bool has_dues;        /* futures that the dispatcher has to settle */
    bool is_lost;         /* workers were stopped in it: its memory goes with the pool */
    int status;           /* what running it came to, and what that means for a call that nobody ran; both before */
    int status_unrun;     /* `phase` says that it ended */
    size_t settled_below; /* the delivery thread's: futures before this are settled */
    _Atomic int phase;    /* enum batch_phase; grows under async.lock; release, pairs with future_look */
    _Atomic size_t
        references; /* one until it ended, and one a future that may be freed: the rest of `room` is taken off
                                  when no more can come */
    struct grain_future futures[];
};

/* A pool's queue. The pool and every batch hold a reference: futures may outlive the pool. */
struct async {
    pthread_mutex_t lock;
    pthread_cond_t work;     /* for dispatchers */
    pthread_cond_t settled;  /* for waiters: some batch has ended, some callback was called */
    struct grain_pool *pool; /* NULL when it is gone: then every future is settled */
    uint64_t pool_id;        /* of backend_pool; stays */
    uint64_t owner;          /* whose pool it is: sys/owner.h */
    _Atomic size_t references;
    struct batch *first, *last; /* queued; the last may be open */
    struct batch *running, *ended, *spare;
    size_t spare_bytes;
    size_t next_room;
    const void *begun_with[3]; /* argument, result and params of the call that the last batch began with */
    unsigned small_batches;    /* in a row */
    pthread_t dispatchers[ASYNC_DISPATCHERS_MAX];
    int dispatcher_count, idle;
    int running_calls;      /* batches of queued calls that run */
    uint64_t last_start_ns; /* when the last of them began */
    bool is_watched;        /* an idle dispatcher waits until it is time to start the open batch */
    bool is_stopping;
    pthread_t delivery;
    bool has_delivery;
    pthread_cond_t deliveries;
    struct grain_future *deliver_first, *deliver_last;
};

/* What a call of apply says. */
struct apply {
    grain_task_fn task;
    const void *arg;
    void *result;
    size_t arg_size, result_size, params_size;
    uint64_t task_timeout_ns;
    int retries;
};

struct grain_pool;

/* 0, -ENOMEM, or what mmap says. async_release gives up the pool's reference, or a batch's. */
int async_open(struct async **async, struct grain_pool *pool);
void async_release(struct async *async);

/* Whether this process is the one that opened the pool. */
static inline bool async_is_owner(const struct async *async)
{
    return owner_is_self(async->owner);
}

/* queue.c: queues a call of apply, or a prepared job of another kind; for the latter the pool was entered. 0, -ENOMEM,
 * -EAGAIN; of apply also why the pool takes no more. */
int async_apply(struct grain_pool *pool, const struct apply *apply, const struct grain_call_options *options,
                struct grain_future **future);
int async_job(struct grain_pool *pool, const struct job *job, const struct grain_call_options *options,
              struct grain_future **future);

/* After terminate: what is queued ends with -ECANCELED. */
void async_cancel(struct grain_pool *pool);

/* Before the backend is closed, with no call left: ends the threads, settles everything. */
void async_stop(struct grain_pool *pool);

/* Settles a future whose call or batch has ended, unless that was done; returns when it is. True: it has a callback to
 * be delivered, and is not ready before that. */
bool future_settle(struct grain_future *future);

/* The same if its call has ended, and nobody else is about it. */
bool future_settle_early(struct grain_future *future);

/* Waits for a condition until a time of clock_ns(), with async.lock held. */
void async_wait_until(pthread_cond_t *cond, struct async *async, uint64_t until_ns);

/* Sees that some dispatcher takes what is queued: wakes one, or starts one more where all are busy, up to one more than
 * workers. With async.lock held. 0, or -EAGAIN when there is none at all. */
int async_wake(struct grain_pool *pool);

/* Has a batch that is open started at once. */
void async_hurry(struct batch *batch);

/* Puts a batch at the head of `running` or `ended`, and takes it out of whatever list it is in. With async.lock
 * held. */
void batch_list(struct batch **head, struct batch *batch);
void batch_unlist(struct batch *batch);

/* A batch of so many futures, which are written when they are taken; tail: bytes behind them. NULL: out of memory. */
struct batch *batch_new(struct async *async, size_t room, size_t tail);
void *batch_tail(struct batch *batch);

/* Memory for a batch of calls that have so many bytes of arguments, results and params each, and once `slack`; NULL:
 * out of memory. With async.lock held, which is let go where pages have to be made: what was known before may not be so
 * any more. batch_start: makes it an empty batch, whose references are set; batch_keep: it is not needed. */
struct batch *batch_get(struct grain_pool *pool, size_t call_size, size_t slack);
void batch_start(struct grain_pool *pool, struct batch *batch);
void batch_keep(struct batch *batch);

/* Frees one that nobody has seen, or knows any more. */
void batch_drop(struct batch *batch);

/* Gives up one reference of a batch. */
void batch_release(struct batch *batch);

/* Gives its calls back to the pool. With async.lock held. */
void batch_memory_put(struct batch *batch);

/* Frees what was kept. With async.lock held; without it, one by one. */
void batch_spares_drop(struct async *async);
void batch_spares_trim(struct async *async);

/* Hands a settled future with callbacks to the delivery thread. With async.lock held. */
void delivery_push(struct async *async, struct grain_future *future);
int delivery_start(struct async *async);
void delivery_stop(struct async *async);

/* Whether the calling thread is in a callback of this pool; of this future. */
bool delivery_is_inside(const struct async *async);
bool delivery_is_of(const struct grain_future *future);

#endif
