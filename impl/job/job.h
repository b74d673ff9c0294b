/* SPDX-License-Identifier: MIT
 *
 * A job: what every call of the interface becomes. api/ fills one, a backend runs it, job_run() is the one place where
 * user code is called, on every backend. No _Atomic types, so that C++ can include this; atomics use GCC builtins. What
 * several workers write is split by owner: one job_outcome each, merged afterwards.
 */
#ifndef GRAIN_JOB_H
#define GRAIN_JOB_H

#include <string.h>

#include "grain.h"
#include "sys/event.h"

#ifdef __cplusplus
extern "C" {
#endif

/* JOB_LIMITED is JOB_TASK with a task_timeout_ns: a form of its own, so that the loop of JOB_TASK need not ask. */
enum job_form { JOB_TASK, JOB_CHUNK, JOB_STAR, JOB_CALLS, JOB_LIMITED };

/* One queued call of apply; a job of form JOB_CALLS has an array of them for items, in memory that workers see. Who
 * leaves CALL_PENDING does so by compare-and-swap: the worker that is about to run it, or whoever takes it back. A call
 * that runs is its worker's; when that died, its replacement's. Everything after CALL_RUNNING is the end (release,
 * pairs with the acquire of job_call_state). */
enum job_call_state { CALL_PENDING, CALL_RUNNING, CALL_DONE, CALL_FAILED, CALL_TAKEN_BACK };

/* What calls in a row mostly have in common. */
struct job_terms {
    const void *params;
    size_t params_size;
    uint64_t task_timeout_ns; /* 0: none */
    int retries;              /* how often it is run again when its worker died */
};

struct job_call {
    grain_task_fn task;
    const void *arg;
    void *result;
    const struct job_terms *terms;
    uint32_t state;
    int code;
    uint16_t error; /* CALL_FAILED: 1 + where the failure stands in the job's errors; 0: no room was left */
    uint16_t watch; /* whom of the job's events it is told to when it has ended: EVENT_BIT(); job_call_watch() */
};

/* Room for the failures of a job's calls. */
struct job_errors {
    uint32_t used, room; /* used may run past room */
    struct grain_error errors[];
};

/* What one worker (or one share of a job) has to tell: how many tasks failed, and the failure with the
 * lowest index among them. */
struct job_outcome {
    size_t failed;
    struct grain_error first;
    /* The failure that is being counted: 1 + its task's index, and what `failed` is with it. So who is killed in
     * the middle of that leaves it to be done again, and never counted twice. */
    size_t counting, counted;
};

/* Before a job that workers may leave to replacements, else `failed` alone. `first` is not looked at while none
 * has failed. */
static inline void job_outcome_clear(struct job_outcome *outcome)
{
    outcome->failed = 0;
    outcome->counting = 0;
}

#define JOB_COUNT_MAX ((size_t)1 << 48) /* tasks; claims may run past the end by workers * chunk: keep room */

struct job {
    /* What it takes to run a task: the first 64 bytes, one cache line where a job is aligned to that. */
    enum job_form form;
    enum grain_schedule schedule;
    grain_task_fn task; /* JOB_TASK, JOB_LIMITED */
    const void *items;
    void *results;
    const void *params;
    size_t count, item_size, result_size;
    /* What it takes to hand it out. */
    grain_chunk_fn chunk_task; /* JOB_CHUNK */
    grain_star_fn star_task;   /* JOB_STAR: its items are columns, `items` and item_size are 0 */
    const struct grain_column *columns;
    size_t column_count;
    size_t
        chunk; /* tasks a claim, >= 1. 0: with static, one contiguous share a worker; with dynamic, only for a backend
                   * that pilots, and on one without schedules of ours: its own choice */
    size_t params_size;
    struct job_errors *errors; /* JOB_CALLS */
    struct events *events;     /* JOB_CALLS: who waits for a call */
    int *codes;                /* count entries, zeroed before the job starts, or NULL */
    uint64_t task_timeout_ns;  /* 0: none; JOB_CALLS: the shortest of its calls, as each says for itself */
    int retries;               /* how often a task is run again when its worker died; JOB_CALLS: each call's own */
    bool has_report;           /* the caller asks what became of each task, also where the call does not end well */
    bool is_watched; /* is_queued, and somebody asks soon whether it has ended: until then one worker may do */
    bool is_queued;  /* nobody waits for it on the spot: no thread of the caller's runs it */

    /* Written by the backend before wait returns. */
    struct job_outcome outcome;
    uint64_t handovers, steals;
    bool is_accounted; /* the call failed, and outcome and codes speak of every task nevertheless */
    /* A backend's own while it has the job: its queue, a futex word, what wait is to return. */
    struct job *next;
    uint32_t ended;
    int status;
};

/* A job with everything 0 but the failure of its outcome, which nobody reads while none has failed: clearing all of its
 * several cache lines would be noticed in a call that takes 200 ns. */
static inline void job_clear(struct job *job)
{
    memset(job, 0, offsetof(struct job, outcome));
    job_outcome_clear(&job->outcome);
    job->handovers = 0;
    job->steals = 0;
    job->is_accounted = false;
}

/* Copies everything but what the backend writes, for the same reason. */
void job_describe(struct job *job, const struct job *from);

/* Copies what it takes to run a single task, or to fail it without the caller's codes: one cache line. */
static inline void job_describe_task(struct job *job, const struct job *from)
{
    memcpy(job, from, offsetof(struct job, chunk_task));
    job->codes = NULL;
}

/* The worker's side of a call; tasks see it as an opaque handle. One per worker. Whoever calls job_run() sets worker,
 * pid and outcome, and on_interrupt where somebody may request an interrupt; the rest is job_run()'s own. Others touch
 * three words of a running worker's, through job_index(), job_request_interrupt(), job_deadline_ns(): they may read
 * `index` and `deadline_ns`, and set `interrupt`. */
struct job_thread;

struct grain_context {
    const struct job *job;
    struct job_outcome *outcome;
    size_t index;       /* the running task, or the first of the running chunk */
    uint32_t interrupt; /* not 0: on_interrupt is called when the running task has ended */
    int worker;
    /* Answers between two tasks; next: the first task not begun yet. Returns the new end of this run: `end`, or less
     * where tasks were given away or dropped. */
    size_t (*on_interrupt)(struct grain_context *ctx, size_t next, size_t end);
    size_t end;           /* one past the last task of this run */
    size_t fail_floor;    /* tasks below this have been told of: a second failure of theirs is ignored */
    size_t first_ok;      /* chunk form: the lowest task that has not failed */
    size_t failed_before; /* chunk form: what the outcome counted when this chunk began */
    size_t base;          /* what index counts from for the task: itself for a queued call, which is a job of one */
    const void *params;   /* of the running task */
    void *owner;          /* whose context it is, for on_interrupt */
    int pid;              /* the worker process, 0 where workers are threads */
    /* When the running task, the one at `index`, has had its time (CLOCK_MONOTONIC without *stopped_ns); 0: it may take
     * as long as it likes, or none runs. Stored after `index`, cleared as soon as the task has returned. */
    uint64_t deadline_ns;
    const uint64_t *stopped_ns;   /* for how long all of the pool was stopped; others write it. NULL: that counts */
    void (*stopped_settle)(void); /* returns when what has been stopped until now stands in *stopped_ns */
    void *state; /* the worker's own pointer, for the user; stands elsewhere where state_at is not NULL */
    void **state_at;
    const uint32_t *stop; /* the pool is terminated from stop_at on; others write it. NULL: nobody says so */
    uint32_t stop_at;
    struct job_thread *thread; /* for job_run_guarded() */
};

/* Runs the tasks [begin, end) of job in the calling thread; in chunk form, one call. Failures go to ctx->outcome and
 * job->codes. Returns one past the last task that was run: `end`, unless on_interrupt said less. */
size_t job_run(const struct job *job, size_t begin, size_t end, struct grain_context *ctx);

/* The same for a job that is one task and nothing else: job_is_single(). */
void job_run_one(const struct job *job, struct grain_context *ctx);

/* What of a thread has to be put right when a task has tried to end it: noted by that thread, outside of tasks. */
struct job_thread {
    void *words[16] __attribute__((aligned(16)));
};

void job_thread_note(struct job_thread *thread);
void job_thread_restore(struct job_thread *thread);

/* As job_run(), for threads that must go on: a task that ends its thread fails (guard.c). ctx->thread is the
 * calling one's. A drop is not told. */
void job_run_guarded(const struct job *job, size_t begin, size_t end, struct grain_context *ctx);

/* Runs body(argument). True: it tried to end its thread, and has been left instead; false: it returned. */
bool job_guard(void (*body)(void *), void *argument);

/* In a thread of grain's that user code must not end: job_thread_keep() first of all; then a cancellation takes effect
 * in what job_guard_going_on() runs and nowhere else, and one that is pending at its end has taken effect in it. */
void job_thread_keep(void);
bool job_guard_going_on(void (*body)(void *), void *argument);

/* What the failure of a task that ended its thread says. */
#define JOB_LEFT_TEXT "the task ended its thread (pthread_exit, or a cancellation)"

/* In a function that never returns, of a forked child: the frames above it are copies of the host's, and no exception
 * may be caught there, nor clean up. An unwinder finds the end of the stack. */
#if defined(__x86_64__)
#define JOB_STACK_ENDS() __asm__ volatile(".cfi_undefined rip")
#elif defined(__aarch64__)
#define JOB_STACK_ENDS() __asm__ volatile(".cfi_undefined x30")
#else
#define JOB_STACK_ENDS() ((void)0)
#endif

/* For others than the worker, any thread or process that sees the context. relaxed: the index is a hint, and who asks
 * looks again until there is an answer. */
static inline size_t job_index(const struct grain_context *ctx)
{
    return __atomic_load_n(&ctx->index, __ATOMIC_RELAXED);
}

static inline void job_request_interrupt(struct grain_context *ctx)
{
    __atomic_store_n(&ctx->interrupt, 1, __ATOMIC_RELAXED);
}

/* acquire: who stops a worker and then looks sees all that it stored before it was stopped. */
static inline uint64_t job_deadline_ns(const struct grain_context *ctx)
{
    return __atomic_load_n(&ctx->deadline_ns, __ATOMIC_ACQUIRE);
}

/* For the worker: where it is, and whether somebody asked. */
static inline void job_set_index(struct grain_context *ctx, size_t index)
{
    __atomic_store_n(&ctx->index, index, __ATOMIC_RELAXED);
}

static inline uint32_t job_is_interrupted(const struct grain_context *ctx)
{
    return __atomic_load_n(&ctx->interrupt, __ATOMIC_RELAXED);
}

/* What a copy of the caller's data is aligned to; see "Alignment" in grain.h. A type's size is a multiple of its
 * alignment, so the lowest bit of the size bounds it. size: of one item; a copy that is smaller than JOB_ALIGN_LEAST is
 * never aligned to more. */
#define JOB_ALIGN_LEAST 16u
#define JOB_ALIGN_FIRM  64u   /* the caller's own alignment counts up to this, */
#define JOB_ALIGN_MOST  4096u /* and up to this where the size is a multiple of it too */

/* The largest power of two that divides a number, at most JOB_ALIGN_MOST. */
static inline size_t job_power(uintptr_t number)
{
    number |= JOB_ALIGN_MOST;
    return number & (~number + 1);
}

static inline size_t job_alignment(const void *data, size_t size)
{
    if (size < JOB_ALIGN_LEAST)
        return JOB_ALIGN_LEAST;
    size_t power = job_power(size), most = power > JOB_ALIGN_FIRM ? power : JOB_ALIGN_FIRM;
    uintptr_t own = (uintptr_t)data | most;
    own &= ~own + 1; /* the caller's, as far as it counts */
    power = power < JOB_ALIGN_FIRM ? power : JOB_ALIGN_FIRM;
    power = power > JOB_ALIGN_LEAST ? power : JOB_ALIGN_LEAST;
    return own > power ? own : power;
}

/* The first address from `at` on with that alignment. */
static inline uintptr_t job_align(uintptr_t at, size_t alignment)
{
    return (at + alignment - 1) & ~(uintptr_t)(alignment - 1);
}

/* Whether the job is one task and nothing else: no limit, no retries. */
static inline bool job_is_single(const struct job *job)
{
    return job->count == 1 && job->form == JOB_TASK && job->retries == 0;
}

/* Takes a call out of CALL_PENDING; false when somebody else has done so. */
bool job_call_claim(struct job_call *call, enum job_call_state state);

static inline uint32_t job_call_state(const struct job_call *call)
{
    return __atomic_load_n(&call->state, __ATOMIC_ACQUIRE);
}

/* The ending of a call that runs. */
static inline void job_call_end(struct job_call *call, enum job_call_state state)
{
    __atomic_store_n(&call->state, state, __ATOMIC_RELEASE);
}

/* A task of a running job fails, once at most: -EINVAL for code 0. text: NULL for none. Returns the code. */
int job_fail_task(struct grain_context *ctx, size_t index, int code, const char *text);

/* A running chunk fails as a whole. */
void job_fail_chunk(struct grain_context *ctx, size_t begin, size_t end, int code, const char *text);

/* After F12: who waits for a call that has ended is told. A worker that is killed before that leaves it to its
 * replacement, which tells everybody. */
static inline void job_call_tell(const struct job *job, const struct job_call *call)
{
    unsigned watch = __atomic_load_n(&call->watch, __ATOMIC_RELAXED);
    if (watch)
        events_tell(job->events, watch);
}

/* The sleeper's, in the look of event_wait() and before F11: whoever ends the call is to tell those of `bits` too. */
static inline void job_call_watch(struct job_call *call, unsigned bits)
{
    __atomic_fetch_or(&call->watch, (uint16_t)bits, __ATOMIC_RELAXED);
}

/* How often a task is run again, and what its limit is. */
static inline int job_retries(const struct job *job, size_t index)
{
    return job->form == JOB_CALLS ? ((const struct job_call *)job->items)[index].terms->retries : job->retries;
}

static inline uint64_t job_limit_ns(const struct job *job, size_t index)
{
    return job->form == JOB_CALLS ? ((const struct job_call *)job->items)[index].terms->task_timeout_ns
                                  : job->task_timeout_ns;
}

/* Records that one task failed, for one that will not return: its worker died. */
void job_fail(const struct job *job, struct job_outcome *outcome, const struct grain_error *error);

/* A chunk fails as a whole: all its items that have not failed yet, by the context it ran in. The count is what settles
 * it: who is killed in here leaves nothing, or nothing to be done again. Fills error->index in. */
void job_fail_rest(const struct job *job, const struct grain_context *ctx, struct job_outcome *outcome, size_t begin,
                   size_t end, struct grain_error *error);

/* Fails tasks that did not run, or not to their end, because the pool ended: with -ECANCELED, -ENOTRECOVERABLE or
 * whatever ended the call. */
void job_drop(const struct job *job, struct job_outcome *outcome, size_t begin, size_t end, int code);

/* The same with all of a job that failed before any of it was run; not where its tasks are accounted for. */
void job_abandon(struct job *job, int code);

/* Adds what one share has to tell to the whole. */
void job_outcome_merge(struct job_outcome *into, const struct job_outcome *from);

/* Keeps a text for grain_last_message() of the calling thread; returns status. */
int refuse(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Marks the calling thread as a worker of pool until job_leave(); returns what it was before. */
const void *job_enter(const void *pool);
void job_leave(const void *outer);

/* The pool whose worker the calling thread is, or NULL. */
const void *job_current_pool(void);

#ifdef __cplusplus
}
#endif

#endif
