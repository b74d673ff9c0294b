/* SPDX-License-Identifier: MIT
 *
 * Calls that nobody waits for on the spot. A call of apply is written into the open batch, which becomes one job
 * (JOB_CALLS) when it is sealed: because it is full, because somebody waits, or some time after the last one began.
 * So a stream of calls makes large batches, in which a call costs a few stores. A call that comes when nothing is
 * under way goes at once, as a job of one task. Every other asynchronous call (a map) is a batch of its own.
 *
 *   apply_async: queue.c -> open batch -> sealed, submitted by its caller: flight.c -> the backend's workers
 *   get, ready, iter_next: await.c -> a call has ended: its future is completed: complete.c
 *   callbacks.c: a thread that completes what has a callback, and calls it
 *   service.c: a thread that seals the open batch when its time has come, submits what found no room, and collects
 *     what nobody waits for
 *
 * Whoever looks at a future completes it where its call has ended: its result is copied to where the caller wants it.
 * He holds it meanwhile (FUTURE_HELD, by compare-and-swap): then the pool's memory of its batch stays where it is. A
 * job that has ended is collected, once, by whoever finds it so (BATCH_COLLECTING): by a waiter, by the next call, or,
 * where somebody has to be told, by one of the two threads. Nobody looks again and again: sys/event.h.
 *
 * A batch has two kinds of memory: its own (futures), and the pool's (calls, arguments, results), which workers see.
 * Both live until the last future is freed; when the pool goes before that, everything is completed first. What
 * outlives the pool hangs on struct async, which goes with the last batch.
 */
#ifndef GRAIN_ASYNC_H
#define GRAIN_ASYNC_H

#include <pthread.h>
#include <stdatomic.h>

#include "pool/pool.h"
#include "sys/event.h"
#include "sys/lock.h"
#include "sys/owner.h"

#define BATCH_CALLS_MIN 16
#define BATCH_CALLS_MAX 2048
#define BATCH_SMALL_MAX 8
#define BATCH_TERMS     4 /* of which calls may alternate and take no room for that */
/* How long calls are gathered since the last batch began, while jobs are under way and when none is. */
#define BATCH_GATHER_NS      500000u
#define BATCH_GATHER_FREE_NS 200000u
/* How long one worker may be alone with a batch: when somebody waits for it, or after this time, all are woken. */
#define BATCH_HURRY_NS    200000u
#define BATCH_SPARES_MAX  ((size_t)32 << 20) /* bytes kept for the next calls: fresh pages cost more than a call */
#define BATCH_SPARE_BYTES ((size_t)16 << 10) /* smaller ones are not kept */
#define BATCH_PAYLOAD_MAX ((size_t)1 << 20)  /* of more than one call */
#define LONE_BYTES        512                /* argument, result and params of a call that goes alone */
#define FLYING_MOST       48                 /* jobs with the backend at once */

/* HELD: somebody looks whether the call has ended; back to PENDING if not. Each of the others is final but for
 * DELIVERING -> IN_CALLBACK -> READY. */
enum future_state { FUTURE_PENDING, FUTURE_HELD, FUTURE_DELIVERING, FUTURE_IN_CALLBACK, FUTURE_READY };

/* What few futures have. */
struct future_extra {
    grain_callback_fn callback;
    grain_error_fn error_callback;
    void *user;
    struct grain_report *report;
    struct grain_future *next; /* to be delivered */
};

/* 200000 of them are to fit beside their 200000 calls in 128 bytes each. */
struct grain_future {
    struct batch *batch;
    void *result;              /* the caller's */
    struct grain_error *error; /* GRAIN_TASK_FAILED, and there was memory for it */
    uint32_t result_size;      /* 0: of a map, whose results are written in place */
    int status;                /* valid when ready */
    _Atomic uint32_t state;    /* enum future_state */
    _Atomic bool is_discarded; /* its result is wanted no more */
    _Atomic bool is_awaited;   /* somebody sleeps until its callback has returned */
    bool has_extra, has_callbacks;
};

/* LOOKED_AT: somebody asks the backend whether the job has ended; COLLECTING: somebody waits for its end, or has found
 * it. Both are left by who entered them. */
enum batch_phase {
    BATCH_OPEN,
    BATCH_QUEUED,
    BATCH_SUBMITTING,
    BATCH_FLYING,
    BATCH_LOOKED_AT,
    BATCH_COLLECTING,
    BATCH_ENDED
};

enum batch_kind {
    BATCH_CALLS, /* calls of apply */
    BATCH_LONE,  /* one call of apply, as a single task; its data lie behind the future */
    BATCH_MAP    /* anything else: one future; results are written where the caller wants them */
};

struct batch {
    struct async *async;
    struct batch *next;        /* in the queue */
    struct batch *next_listed; /* in the list of those that fly, have ended, or are kept */
    struct batch **link;       /* what points at it there; NULL: it is in none */
    enum batch_kind kind;
    bool has_callbacks;      /* the callback thread looks after it */
    bool must_complete;      /* has futures that nobody may ask for: completed when the job has ended */
    bool is_lost;            /* workers were stopped in it: its memory goes with the pool */
    bool had_no_room;        /* the backend once: somebody may sleep who could not watch it */
    _Atomic bool has_errors; /* BATCH_CALLS: some future has one, which is freed with the batch */
    int status;        /* what the job came to, and what that means for a call that nobody ran; both before `phase` */
    int status_unrun;  /* says that it ended */
    _Atomic int phase; /* enum batch_phase; release, pairs with who looks */
    /* One until it has ended, one for each future that the caller got, one for each callback to come; two for each of
     * `room` until it is sealed. */
    _Atomic size_t references;
    size_t count, room;
    size_t handles, callbacks; /* so many futures the caller got, so many have a callback */
    size_t completed_below;    /* the callback thread's: futures before this are completed */
    void *ticket;
    struct job job;
    struct job_call *calls;      /* BATCH_CALLS, in the pool's memory, with errors, arguments and results behind */
    char *payload, *payload_end; /* room for arguments, results, params */
    size_t bytes;                /* of the pool's memory */
    struct job_terms *terms[BATCH_TERMS]; /* the last ones that were copied */
    unsigned terms_count;
    struct future_extra *extras; /* one for each future; NULL: none has one */
    struct grain_future futures[];
};

/* Futures whose callbacks are to be called. */
struct future_list {
    struct grain_future *first, *last;
};

/* A pool's queue. The pool and every batch hold a reference: futures may outlive the pool. */
struct async {
    struct lock lock;
    struct events *events;   /* a page of its own, which workers see */
    struct grain_pool *pool; /* NULL when it is gone: then every future is complete */
    uint64_t pool_id;        /* of backend_pool; stays */
    uint64_t owner;          /* sys/owner.h */
    _Atomic size_t references;
    struct batch *first, *last;    /* sealed, and at the end the open one */
    struct batch *flying, *ended;  /* with the backend, or on the way there; ended, and not released */
    struct batch *spare, *lone;    /* kept: for calls, for one call */
    int flying_count, flying_most; /* the second: as many as it takes for a long job to delay no other */
    size_t spare_bytes;
    size_t next_room;
    const void *begun_with[3]; /* argument, result and params of the call that the last batch began with */
    unsigned small_batches;    /* in a row */
    _Atomic bool was_waited;   /* somebody has waited since a call was submitted; relaxed, as the next: a hint */
    _Atomic bool has_open;     /* there is an open batch */
    bool may_spin;             /* waiters: a CPU is left over for them */
    enum grain_wait wait;
    uint64_t last_start_ns;   /* when calls were submitted last, as far as somebody looked */
    uint64_t service_ns;      /* when the service thread looks next; 0: it is awake */
    uint64_t hurry_ns;        /* when it has all workers woken for what is under way; UINT64_MAX: no need */
    bool is_crowded;          /* the backend had no room though it should have */
    _Atomic bool is_stopping; /* relaxed: stored with the lock */
    bool has_service, has_callbacks;
    pthread_t service, callbacks;
    struct future_list to_deliver;
};

/* What a call of apply says. */
struct apply {
    grain_task_fn task;
    const void *arg;
    void *result;
    size_t arg_size, result_size, params_size;
    uint64_t task_timeout_ns;
    int retries;
    bool is_gathered; /* more come at once, and then async_flush() */
};

/* Functions marked L want async.lock held. */

/* ------------------------------------------------------------------------- batch.c: memory of batches */

void async_release(struct async *async);

/* Puts a batch at the head of a list, and takes it out of whatever list it is in. L */
void batch_list(struct batch **head, struct batch *batch);
void batch_unlist(struct batch *batch);

/* A batch of so many futures, which are written when they are taken; tail: bytes behind them. NULL: out of memory. */
struct batch *batch_new(struct async *async, size_t room, size_t tail);
void *batch_tail(struct batch *batch);

/* Memory for a batch of calls that have so many bytes of arguments, results and params each, and once `slack`; NULL:
 * out of memory. L, which is let go where pages have to be made. batch_start: makes it an empty batch, whose references
 * are set; batch_keep: it is not needed. L */
struct batch *batch_get(struct async *async, size_t call_size, size_t slack);
void batch_start(struct batch *batch);
void batch_keep(struct batch *batch);

/* For a call that goes alone. L */
struct batch *batch_lone(struct async *async);

/* Frees one that nobody has seen, or knows any more. */
void batch_drop(struct batch *batch);

/* Gives up one reference, or several. */
void batch_release(struct batch *batch, size_t references);

/* The extra of a future. */
static inline struct future_extra *future_extra(const struct grain_future *future)
{
    return &future->batch->extras[future - future->batch->futures];
}

/* Gives its calls back to the pool. L */
void batch_memory_put(struct batch *batch);

/* Frees what was kept: all, L; one by one, without. */
void batch_spares_drop(struct async *async);
void batch_spares_trim(struct async *async);

/* ------------------------------------------------------------------------- complete.c: the end of a call */

/* Takes a future: true; false: it is complete. future_unhold: its call has not ended. */
bool future_hold(struct grain_future *future);
void future_unhold(struct grain_future *future);

/* Of one that is held: whether its call has ended; completes it. True: it has a callback, and is to be delivered. */
bool future_has_ended(const struct grain_future *future);
bool future_complete(struct grain_future *future);

/* For the callback thread, which gives up the reference that future_take() has made for it: async.to_deliver, L. */
void future_list_add(struct future_list *list, struct grain_future *future);

/* 0: it has ended with -ECANCELED; -EBUSY: it runs, or has ended. */
int future_take_back(struct grain_future *future);

/* Completes all futures of a batch that has ended. */
void batch_complete(struct batch *batch);

static inline struct job_call *future_call(const struct grain_future *future)
{
    return &future->batch->calls[future - future->batch->futures];
}

static inline bool future_is_ready(const struct grain_future *future)
{
    return atomic_load_explicit(&future->state, memory_order_acquire) == FUTURE_READY;
}

/* ------------------------------------------------------------------------- flight.c: submitting, collecting */

/* Whether jobs run elsewhere while their callers do something else; else the service thread runs them. */
static inline bool async_can_fly(const struct async *async)
{
    return async->pool->core.backend->is_done != NULL;
}

/* The open batch, or NULL. L */
static inline struct batch *async_open_batch(const struct async *async)
{
    bool is_open = async->first && atomic_load_explicit(&async->last->phase, memory_order_relaxed) == BATCH_OPEN;
    return is_open ? async->last : NULL;
}

static inline bool async_is_stopping(const struct async *async)
{
    return atomic_load_explicit(&async->is_stopping, memory_order_relaxed);
}

/* A sealed batch that waits for room: there is one. L */
static inline bool async_is_full(const struct async *async)
{
    return async->first && atomic_load_explicit(&async->first->phase, memory_order_relaxed) != BATCH_OPEN;
}

/* Sees that the service thread looks at `until_ns` at the latest. L */
static inline void service_call(struct async *async, uint64_t until_ns)
{
    if (async->service_ns > until_ns)
        events_tell(async->events, EVENT_BIT(EVENT_SERVICE));
}

/* Puts a batch at the end of the queue. L */
void async_push(struct async *async, struct batch *batch);

/* Nothing more comes into this one; into the open one, if there is one. L */
void batch_seal(struct batch *batch);
void async_seal(struct async *async);

/* Submits what is sealed as far as there is room. L, let go meanwhile. */
void async_advance(struct async *async);

/* Collects those of the jobs under way that have ended; while there is room, those with callbacks are left to their
 * thread. L, let go meanwhile. */
void async_reap(struct async *async);

/* Whether its job has ended and nobody collects it yet. watch: if not, these are told when it has. */
bool batch_is_done(struct batch *batch, unsigned watch);

/* The same, and collects it; true also when that was done. */
bool batch_reap(struct batch *batch, unsigned watch);

/* Waits for its end and collects it. False: somebody else does, or it is not under way. */
bool batch_await(struct batch *batch);

/* Takes the first batch of the queue, and runs it in this thread, or ends it with a status other than 0. False: there
 * is none that is sealed. L, let go meanwhile. */
bool async_end_first(struct async *async, int status);

/* ------------------------------------------------------------------------- callbacks.c */

/* Sees that there is the thread for callbacks. L. 0 or -EAGAIN. callbacks_stop: it ends when all are called. */
int callbacks_start(struct async *async);
void callbacks_stop(struct async *async);

/* Whether the calling thread is in a callback of this pool; of this future. */
bool callbacks_is_inside(const struct async *async);
bool callbacks_is_of(const struct grain_future *future);

/* ------------------------------------------------------------------------- service.c */

/* Before the backend is opened: 0, -ENOMEM, or what mmap says; and after it. */
int async_open(struct async **async, struct grain_pool *pool);
void async_begin(struct async *async);

/* Sees that there is the service thread. L. 0 or -EAGAIN. */
int service_start(struct async *async);

/* async_advance(); what finds no room is the service thread's, for no other call may come. Should there be no thread to
 * be had, the next call tries again. L, let go meanwhile. */
void service_advance(struct async *async);

/* After terminate: what no worker has begun ends with -ECANCELED. */
void async_cancel(struct grain_pool *pool);

/* Before the backend is closed, with no call left: ends the threads, completes everything. */
void async_stop(struct grain_pool *pool);

/* ------------------------------------------------------------------------- queue.c: how calls come in */

/* Queues a call of apply, or a prepared job of another kind; for the latter the pool was entered. 0, -ENOMEM, -EAGAIN;
 * of apply also why the pool takes no more. */
int async_apply(struct grain_pool *pool, const struct apply *apply, const struct grain_call_options *options,
                struct grain_future **future);
int async_job(struct grain_pool *pool, const struct job *job, const struct grain_call_options *options,
              struct grain_future **future);

/* Has what is open submitted. */
void async_flush(struct async *async);

/* ------------------------------------------------------------------------- await.c */

/* Whether the future is ready; completes it, and collects its job, where they have ended. watch: if not, these are told
 * when they have. */
bool future_look(struct grain_future *future, unsigned watch);

/* Waits until look(user, 0) is true, at most timeout_ns. look(user, bits) also says that these bits are to be told. */
int async_await(struct async *async, bool (*look)(void *user, unsigned watch), void *user, uint64_t timeout_ns);

/* Waits until it is ready: 0 or -ETIMEDOUT. */
int future_await(struct grain_future *future, uint64_t timeout_ns);

/* Of a pool that is closed: until no call is left, its callers' or ours. */
void async_drain(struct grain_pool *pool);

#endif
