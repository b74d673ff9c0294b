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
struct grain_future;
struct grain_iter;
struct grain_process;

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

enum grain_transport {
    GRAIN_TRANSPORT_SHARED = 0, /* shared memory: nothing is sent, a futex wakes who sleeps */
    GRAIN_TRANSPORT_PIPE /* arguments and results travel through pipes, as CPython's do: to compare with (fork; without
                            `steal`, spinning, task timeouts, replacing workers after so many chunks: -ENOTSUP) */
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

/* A task over columns: args[i] is the value of column i for this task. */
typedef int (*grain_star_fn)(const void *const args[], void *result, struct grain_context *ctx);

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

/* A column of values for starmap: value i has size bytes and lies stride bytes behind value i - 1; stride 0: every
 * task gets the same value. */
struct grain_column {
    const void *data;
    size_t size, stride;
};

/* Called once when an asynchronous call has ended: callback when every task succeeded, with the results; error_callback
 * with the first failure otherwise. In the pool's delivery thread, one at a time. Any call of the pool is allowed inside,
 * but join and the get of its own future are -EDEADLK, and a free takes place afterwards. */
typedef void (*grain_callback_fn)(void *user, const void *results, size_t count);
typedef void (*grain_error_fn)(void *user, const struct grain_error *error);

/* Writes the next item; 1, 0 when there is none, or a negative error. Called in grain_imap and grain_iter_next only, on
 * the calling thread. */
typedef int (*grain_next_fn)(void *source, void *item);

/* initializer: once in every worker, replacements included, before its first task; 0, or its own non-zero code: the
 * worker did not come to be, and it is tried again, three times. Then open fails with -ENOTRECOVERABLE, or, when it was
 * a replacement's, and on OpenMP, every call that has not ended. It may keep something for the tasks in
 * *grain_context_state(ctx). finalizer undoes that when the worker leaves in an orderly way: after close, or after
 * max_tasks_per_worker; a forked worker that is terminated or killed has none. Both get grain_pool_options.argument.
 * Where: in the forked worker; in each thread; on OpenMP in each thread that takes part in a call, before its first
 * task; on serial and null in the thread that opens, and in the one that joins. */
typedef int (*grain_init_fn)(void *argument, struct grain_context *ctx);
typedef void (*grain_final_fn)(void *argument, struct grain_context *ctx);

struct grain_pool_options {
    size_t struct_size;  /* sizeof the struct; 0 means this first version */
    const char *backend; /* a name from grain_backend_name(); NULL: $GRAIN_BACKEND, else "pthread" */
    int workers;         /* 0: grain_cpu_count() */
    enum grain_wait wait;
    enum grain_bind bind;
    size_t memory_limit; /* most bytes of shared memory (fork); 0: no limit of grain's own */
    uint64_t grace_ns;   /* terminate: from SIGTERM to SIGKILL (fork); 0: 100 ms */
    bool allow_nested;   /* allow opening this pool inside another pool's worker */
    grain_init_fn initializer;
    grain_final_fn finalizer;
    void *argument;                 /* for both; a forked worker has a copy of what it points to */
    uint64_t max_tasks_per_worker;  /* chunks (claims) after which a worker is replaced by a fresh one; 0: never. Others
                                       than fork and pthread: -ENOTSUP */
    enum grain_transport transport; /* how arguments and results travel */
};

struct grain_call_options {
    size_t struct_size;           /* sizeof the struct; 0 means this first version */
    int64_t chunk;                /* tasks a claim; 0: the pool chooses; GRAIN_CHUNK_PYTHON */
    enum grain_schedule schedule; /* how chunks are claimed */
    const void *params;           /* params_size bytes copied at submit; every task can read them */
    size_t params_size;
    struct grain_report *report; /* NULL: no report wanted; of an asynchronous call: filled when its future is ready */
    grain_callback_fn callback;  /* asynchronous calls only */
    grain_error_fn error_callback;
    void *user; /* for the callbacks */
    /* How often a task whose worker died (fork) is run again, alone, before it fails; of map_chunks: each item of the
     * chunk as a chunk of one. Not one that returned a failure, told of one, or took too long. */
    int retries;
    /* A task that takes longer fails with -ETIMEDOUT; 0: it may. Where workers are processes it is stopped within 1.25 x
     * this + 10 ms; threads cannot be, there it fails when it returns. Of map_chunks it is the time of a chunk. */
    uint64_t task_timeout_ns;
};

/* What a pool has done so far. */
struct grain_pool_stats {
    int workers;
    uint64_t handovers;  /* claims of work taken from something shared (counter, queue) */
    uint64_t steals;     /* hand-overs that took work from another worker's own range */
    uint64_t replaced;   /* workers that died and were replaced; not those of max_tasks_per_worker */
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
 *         stopped); -ENOTSUP the backend lacks what was asked for; -ENOTRECOVERABLE the initializer failed. */
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

/* As grain_map with a task of several arguments: columns columns of count values.
 * shape: count results of out.size bytes; at most GRAIN_COLUMNS_MAX columns.
 * return: as grain_map; -EINVAL no column or too many. */
#define GRAIN_COLUMNS_MAX 16
int grain_starmap(struct grain_pool *pool, grain_star_fn task, const struct grain_column *columns, size_t column_count,
                  size_t count, struct grain_out out, const struct grain_call_options *options);

/* The same calls without waiting: *future stands for the call until grain_future_free(); future NULL: callbacks only.
 * owns: the argument of apply is copied before this returns; items and columns must stay as they are, and results must
 *       live, until the future is ready. The future is the caller's, and may outlive the pool.
 * thread: any; inside a callback too.
 * return: 0, or why nothing was started, as the blocking call does. */
int grain_apply_async(struct grain_pool *pool, grain_task_fn task, const void *arg, size_t arg_size, void *result,
                      size_t result_size, const struct grain_call_options *options, struct grain_future **future);
int grain_map_async(struct grain_pool *pool, grain_task_fn task, struct grain_in in, struct grain_out out,
                    const struct grain_call_options *options, struct grain_future **future);
int grain_map_chunks_async(struct grain_pool *pool, grain_chunk_fn task, struct grain_in in, struct grain_out out,
                           const struct grain_call_options *options, struct grain_future **future);
int grain_starmap_async(struct grain_pool *pool, grain_star_fn task, const struct grain_column *columns,
                        size_t column_count, size_t count, struct grain_out out,
                        const struct grain_call_options *options, struct grain_future **future);

struct grain_process_options {
    size_t struct_size; /* sizeof the struct; 0 means this first version */
};

/* Runs task(arg) in a child process of its own, an ordinary fork of the caller with the caller's state as it is; the
 * task's result pointer is NULL. stdout and stderr are flushed before, and by the child at its end.
 * owns: *process is the caller's until grain_process_free(). arg is not copied: the child has its own.
 * thread: any; locks that other threads hold are inherited held.
 * return: 0; -EINVAL; -ENOMEM; -EAGAIN no more processes. */
int grain_process_start(struct grain_process **process, const struct grain_process_options *options, grain_task_fn task,
                        const void *arg, size_t arg_size);

/* How it ended: 0, N for a task that returned N or called exit(N) (8 bits: 1 to 255), -signo when it was killed.
 * thread: any.  return: 0; -EAGAIN it runs; -ECHILD the program has taken its status elsewhere; -EINVAL. */
int grain_process_exitcode(struct grain_process *process, int *code);

/* Waits for its end.  units: timeout_ns; 0 looks only.  thread: any.  return: 0; -ETIMEDOUT; -ECHILD; -EINVAL. */
int grain_process_join(struct grain_process *process, uint64_t timeout_ns);
bool grain_process_is_alive(struct grain_process *process);

/* Its process id; a descriptor that poll() finds readable once it has ended (the process's own, not to be closed;
 * -ENOTSUP where the kernel has no pidfd).  thread: any.  return: -EINVAL for NULL. */
int grain_process_pid(const struct grain_process *process);
int grain_process_sentinel(const struct grain_process *process);

/* Sends SIGTERM, SIGKILL; nothing once it has ended.  thread: any.  return: 0; -EINVAL; -EPERM. */
int grain_process_terminate(struct grain_process *process);
int grain_process_kill(struct grain_process *process);

/* Takes its status if it has ended; one that runs goes on, and is the program's own child from now on. NULL is fine. */
void grain_process_free(struct grain_process *process);

/* Zeroed memory that every worker of this pool sees and that is passed to tasks without a copy.
 * units: bytes; aligned to 64.  owns: released by grain_release() or with the pool.
 * thread: any but workers.  return: 0; -EINVAL; -ENOMEM; -EPERM in a forked child. */
int grain_alloc(struct grain_pool *pool, size_t size, void **memory);
void grain_release(struct grain_pool *pool, void *memory);

/* Waits until the call has ended. Repeatable.
 * units: timeout_ns; 0 looks only, GRAIN_FOREVER.  thread: any.
 * return: 0; GRAIN_TASK_FAILED; -ETIMEDOUT, and the call goes on; -ECANCELED after grain_future_cancel() or
 *         grain_pool_terminate(); -ENOTRECOVERABLE the workers are gone; -ENOMEM; -EDEADLK in its own callback, or in a
 *         callback of the pool when it has one itself; -EPERM in a forked child; -EINVAL. */
int grain_future_get(struct grain_future *future, uint64_t timeout_ns);

/* As get, but 0 however the call ended.  return: 0; -ETIMEDOUT; -EDEADLK; -EPERM; -EINVAL. */
int grain_future_wait(struct grain_future *future, uint64_t timeout_ns);

/* Whether the call has ended.  thread: any. */
bool grain_future_ready(const struct grain_future *future);

/* 1 ended without failure, 0 ended otherwise, -EAGAIN not ended, -EINVAL.  thread: any. */
int grain_future_successful(const struct grain_future *future);

/* Takes the call back if none of its tasks has begun.
 * thread: any.  return: 0, the future is ready with -ECANCELED; -EBUSY it runs or has ended; -EINVAL. */
int grain_future_cancel(struct grain_future *future);

/* The failure with the lowest index once the call has ended with GRAIN_TASK_FAILED, else NULL. When calls of apply fail
 * by the hundred, only the first 64 of those that were queued together keep more than their code.
 * owns: the future's.  thread: any. */
const struct grain_error *grain_future_error(const struct grain_future *future);

/* Gives the future back. A call of apply that has not ended goes on, detached; its result, report and callbacks are
 * dropped. Of a map this
 * waits for the end, for its results are written where the caller wanted them.  NULL is fine. */
void grain_future_free(struct grain_future *future);

/* Runs task over whatever source gives, in constant memory: at most a window of items is under way (two chunks a
 * worker). imap delivers in the order of the source, imap_unordered as tasks end.
 * shape: items of item_size bytes, results of result_size bytes.
 * owns: *iter is the caller's, freed by grain_iter_free() before the pool is.
 * thread: one at a time.
 * return: 0; -EINVAL; -ENOMEM; -ESHUTDOWN; -ECANCELED; -EDEADLK; -EPERM. */
int grain_imap(struct grain_pool *pool, grain_task_fn task, grain_next_fn next, void *source, size_t item_size,
               size_t result_size, const struct grain_call_options *options, struct grain_iter **iter);
int grain_imap_unordered(struct grain_pool *pool, grain_task_fn task, grain_next_fn next, void *source,
                         size_t item_size, size_t result_size, const struct grain_call_options *options,
                         struct grain_iter **iter);

/* The next result, and the index of its item where index is not NULL.
 * return: 1; 0 at the end; GRAIN_TASK_FAILED this task failed (grain_iter_error), iteration goes on; -ETIMEDOUT, and a
 *         later call still delivers it; what the source returned when it failed, after the items before it; -ECANCELED. */
int grain_iter_next(struct grain_iter *iter, void *result, size_t *index, uint64_t timeout_ns);

/* The failure of the task that the last next told of, or NULL.  owns: the iterator's. */
const struct grain_error *grain_iter_error(const struct grain_iter *iter);
void grain_iter_free(struct grain_iter *iter);

/* For the task that runs, from inside it: the worker's number (0 to workers - 1), the index of the task
 * (of the first one in a chunk), and the params of the call (NULL when there are none). */
int grain_context_worker(const struct grain_context *ctx);
size_t grain_context_index(const struct grain_context *ctx);
const void *grain_context_params(const struct grain_context *ctx);

/* Whether the pool was told to terminate: a long task that looks can leave early. On serial and null always false. */
bool grain_context_cancelled(const struct grain_context *ctx);

/* The worker's own pointer: NULL until the initializer sets it, or a task. On serial there is one for all callers. */
void **grain_context_state(struct grain_context *ctx);

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
