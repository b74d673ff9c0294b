/* SPDX-License-Identifier: MIT
 *
 * grain: pools of workers on processes (fork), POSIX threads or OpenMP behind one interface.
 * This is the only public header. Everything that can fail returns 0 or a negative errno value (or
 * GRAIN_TASK_FAILED); grain_strerror() explains it. The library prints nothing and never exits.
 * Handles are opaque; times are uint64_t nanoseconds and end in _ns; option structs that are all zero
 * mean the defaults. Linux on x86-64 and arm64.
 */
#ifndef GRAIN_H
#define GRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GRAIN_FOREVER      UINT64_MAX
#define GRAIN_CHUNK_PYTHON INT64_MIN /* CPython's rule: ceil(count / (4 * workers)) */
#define GRAIN_TASK_FAILED  (-10000)  /* some task failed; the report has the details */

struct grain_pool;
struct grain_context;

/* How chunks are claimed. A schedule that a backend lacks is -ENOTSUP, never an imitation. */
enum grain_schedule {
    GRAIN_SCHEDULE_DEFAULT = 0, /* the backend's own choice */
    GRAIN_SCHEDULE_STATIC,      /* decided beforehand: worker w takes chunks w, w + P, w + 2P, ... */
    GRAIN_SCHEDULE_DYNAMIC,     /* one shared counter, one chunk a claim */
    GRAIN_SCHEDULE_GUIDED,      /* shrinking claims, never smaller than the chunk (but for the last) */
    GRAIN_SCHEDULE_STEAL,       /* own range first, then halves of others' */
    GRAIN_SCHEDULE_TASKLOOP,    /* OpenMP's taskloop, grainsize = chunk */
    GRAIN_SCHEDULE_COUNT
};

enum grain_wait {
    GRAIN_WAIT_ADAPTIVE = 0, /* spin briefly where a CPU is free for it, then sleep */
    GRAIN_WAIT_SPIN,         /* never sleep while waiting: lowest latency, burns CPUs */
    GRAIN_WAIT_PARK          /* sleep at once */
};

enum grain_bind {
    GRAIN_BIND_DEFAULT = 0, /* worker w on the w-th usable CPU, cores before their hyperthreads */
    GRAIN_BIND_NONE         /* workers run wherever the kernel puts them */
};

/* What went wrong with one task. code: what the task returned, or a negative errno value. */
struct grain_error {
    int code;
    size_t index;    /* which task, counted from 0 */
    int signo;       /* the signal that killed the worker, or 0 */
    int exit_status; /* what the worker exited with, if it did */
    int pid;         /* the worker process, 0 where workers are threads */
    char message[232];
};

/* Filled by a call that ran tasks, also when it returns GRAIN_TASK_FAILED.
 * codes: the caller's array of count entries, or NULL; every entry is written, 0 for success. */
struct grain_report {
    int *codes;
    size_t failed;            /* how many tasks failed */
    struct grain_error first; /* the failure with the lowest index; valid when failed > 0 */
};

/* A task: one call on one item. Returns 0, or its own non-zero code. arg is read-only; result points
 * at result_size bytes that belong to this task alone. Runs in a worker. */
typedef int (*grain_task_fn)(const void *arg, void *result, struct grain_context *ctx);

/* A chunk task: one call on count consecutive items; grain_context_index() is the first one's index. */
typedef int (*grain_chunk_fn)(const void *items, void *results, size_t count, struct grain_context *ctx);

/* count items of size bytes each, back to back; size 0 with data NULL is legal. */
struct grain_in {
    const void *data;
    size_t count, size;
};

/* One result of size bytes a task, back to back; size 0 with data NULL is legal. */
struct grain_out {
    void *data;
    size_t size;
};

struct grain_pool_options {
    size_t struct_size;  /* sizeof the struct; 0 means this first version */
    const char *backend; /* a name from grain_backend_name(); NULL: $GRAIN_BACKEND, else "pthread" */
    int workers;         /* 0: grain_cpu_count() */
    enum grain_wait wait;
    enum grain_bind bind;
    size_t memory_limit; /* most bytes of shared memory (fork); 0: no limit of grain's own */
    uint64_t grace_ns;   /* terminate: from SIGTERM to SIGKILL (fork); 0: 100 ms */
    bool allow_nested;   /* allow opening this pool inside another pool's worker */
};

struct grain_call_options {
    size_t struct_size;           /* sizeof the struct; 0 means this first version */
    int64_t chunk;                /* tasks a claim; 0: the pool chooses; GRAIN_CHUNK_PYTHON */
    enum grain_schedule schedule; /* how chunks are claimed */
    const void *params;           /* params_size bytes copied at submit; every task can read them */
    size_t params_size;
    struct grain_report *report; /* NULL: no report wanted */
};

/* What a pool has done so far. */
struct grain_pool_stats {
    int workers;
    uint64_t handovers;  /* claims of work taken from something shared (counter, queue) */
    uint64_t steals;     /* hand-overs that took work from another worker's own range */
    uint64_t replaced;   /* workers that died and were replaced */
    uint64_t cpu_ns;     /* CPU time of the live worker processes; 0 where workers are threads: the
                           caller's own CPU time contains them */
    uint64_t call_bytes; /* most bytes of shared memory that calls took beside what grain_alloc gave, so far; 0 on
                            threads */
};

/* CPUs this process may really use: affinity mask and cgroup quota (v1 and v2, rounded up).
 * units: CPUs.  thread: any.  return: at least 1. */
int grain_cpu_count(void);

/* A sentence for a value returned by this library.
 * owns: static text.  thread: any.  return: never NULL. */
const char *grain_strerror(int status);

/* The library's version, "MAJOR.MINOR.PATCH".  owns: static text.  thread: any. */
const char *grain_version(void);

/* Name and one-line summary of the index-th backend, NULL past the last.
 * owns: static text.  thread: any. */
const char *grain_backend_name(size_t index);
const char *grain_backend_summary(const char *name);

/* Whether a backend offers a schedule.  thread: any.  return: false for unknown names. */
bool grain_backend_has_schedule(const char *name, enum grain_schedule schedule);

/* "static", "dynamic", ... and back; the name of GRAIN_SCHEDULE_DEFAULT is "default".
 * owns: static text.  thread: any.  return: NULL, or -EINVAL for what is no schedule. */
const char *grain_schedule_name(enum grain_schedule schedule);
int grain_schedule_parse(const char *name, enum grain_schedule *schedule);

/* Opens a pool and starts its workers.
 * owns: the caller frees *pool with grain_pool_free(); *pool is NULL after a failure.
 * thread: any. A fork pool copies the process as it is: locks that other threads hold are inherited
 *         held, so open fork pools early.
 * return: 0; -EINVAL bad option or unknown backend; -EDEADLK inside a pool's worker without
 *         allow_nested; -ENOMEM; -EAGAIN a worker could not be started (those already started are
 *         stopped); -ENOTSUP the backend lacks what was asked for. */
int grain_pool_open(struct grain_pool **pool, const struct grain_pool_options *options);

/* No new work from now on; queued work still finishes. Idempotent.
 * thread: any.  return: 0; -EINVAL NULL; -EPERM in a forked child. */
int grain_pool_close(struct grain_pool *pool);

/* Stops now: calls that wait return -ECANCELED. Processes get SIGTERM, then after the grace SIGKILL;
 * threads cannot be killed: what they run ends by itself, the rest is dropped. Idempotent.
 * thread: any.  return: 0; -EINVAL NULL; -EPERM in a forked child. */
int grain_pool_terminate(struct grain_pool *pool);

/* Waits until all work has ended and every worker is gone.
 * thread: any but the pool's workers.
 * return: 0; -EINVAL before close or terminate; -EDEADLK in a worker; -EPERM in a forked child. */
int grain_pool_join(struct grain_pool *pool);

/* Terminate, join and release. NULL is fine; in a forked child it does nothing.
 * thread: one, after every other use of the pool has returned. */
void grain_pool_free(struct grain_pool *pool);

/* The number of workers, and what they have done.  thread: any.  return: 0; -EINVAL; -EPERM. */
int grain_pool_stats(struct grain_pool *pool, struct grain_pool_stats *stats);

/* Runs one task in a worker and waits for it.
 * shape: arg_size bytes at arg, result_size bytes at result; either size may be 0.
 * owns: nothing; arg is copied unless it lies in grain_alloc() memory.
 * thread: any but this pool's workers.
 * return: 0; GRAIN_TASK_FAILED the task failed (options->report->first); -EINVAL; -ENOMEM; -ESHUTDOWN
 *         after close; -ECANCELED after terminate; -EDEADLK in a worker of the pool; -EPERM in a
 *         forked child; -ENOTRECOVERABLE the workers are gone. */
int grain_apply(struct grain_pool *pool, grain_task_fn task, const void *arg, size_t arg_size, void *result,
                size_t result_size, const struct grain_call_options *options);

/* Runs task on every item; results come in the order of the items. A task that fails does not stop the
 * others; its own result is unspecified.
 * shape: in.count items of in.size bytes, in.count results of out.size bytes.
 * owns: nothing; items are copied (fork) unless they lie in grain_alloc() memory.
 * thread: any but this pool's workers.
 * return: as grain_apply; -EOVERFLOW count * size does not fit; -ENOTSUP the backend lacks the
 *         schedule. An empty input is 0 at once. */
int grain_map(struct grain_pool *pool, grain_task_fn task, struct grain_in in, struct grain_out out,
              const struct grain_call_options *options);

/* As grain_map, but one call a claim, on consecutive items. A non-zero return fails every task of that
 * chunk which grain_context_fail_at() has not failed already. */
int grain_map_chunks(struct grain_pool *pool, grain_chunk_fn task, struct grain_in in, struct grain_out out,
                     const struct grain_call_options *options);

/* Zeroed memory that every worker of this pool sees and that is passed to tasks without a copy.
 * units: bytes; aligned to 64.  owns: released by grain_release() or with the pool.
 * thread: any but workers.  return: 0; -EINVAL; -ENOMEM; -EPERM in a forked child. */
int grain_alloc(struct grain_pool *pool, size_t size, void **memory);
void grain_release(struct grain_pool *pool, void *memory);

/* For the task that runs, from inside it: the worker's number (0 to workers - 1), the index of the task
 * (of the first one in a chunk), and the params of the call (NULL when there are none). */
int grain_context_worker(const struct grain_context *ctx);
size_t grain_context_index(const struct grain_context *ctx);
const void *grain_context_params(const struct grain_context *ctx);

/* Fails the running task with a message (at most 231 bytes are kept) and returns code, so that a task
 * can end with `return grain_context_fail(ctx, code, "...")`. A code of 0 becomes -EINVAL. In a chunk
 * task, grain_context_fail_at fails one item; index counts from the start of the whole input, and the
 * items of a chunk are failed in rising order: an index at or below one already failed is ignored. */
int grain_context_fail(struct grain_context *ctx, int code, const char *text);
int grain_context_fail_at(struct grain_context *ctx, size_t index, int code, const char *text);

#ifdef __cplusplus
}
#endif

#endif
