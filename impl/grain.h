/* SPDX-License-Identifier: MIT
 *
 * grain: pools of workers on processes (fork), POSIX threads or OpenMP behind one interface; the only public header.
 * What can fail returns 0, a negative errno value or GRAIN_TASK_FAILED: grain_strerror() explains it,
 * grain_last_message() names what was refused. On failure a function sets a pointer that it would have handed out to
 * NULL, and stats to 0, and leaves everything else as it was, unless its own comment says otherwise. The library prints
 * nothing and never exits. No thread may be cancelled while it waits in a function of grain.
 * Handles are opaque; times are uint64_t nanoseconds and end in _ns; options that are all 0 are the defaults.
 * Later versions may add fields at the end of struct grain_pool_options, grain_call_options, grain_process_options and
 * grain_pool_stats; all other structs stay as they are. So that no field is silently ignored, each function that takes
 * or fills one of the four is told its size, by a macro of the function's name (at the end of this file). Fields that
 * an older program does not know are 0 to a newer library. A field that an older library does not know is -E2BIG when a
 * newer program sets it, and 0 where the library fills. The function itself, called by its address or from another
 * language, takes the size from struct_size; 0 there is the struct of version 0.1.0.
 * Linux on x86-64 and arm64, glibc 2.32 or newer; tested on Debian 12 (glibc 2.36) with Linux 6.
 * dlclose() does not unload the shared library: threads of OpenMP's runtime outlive pools. Code that is unloaded itself
 * must not contain the static one.
 */
#ifndef GRAIN_H
#define GRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* grain_pool_stats is a struct and a function */
extern "C" {
#endif

/* What the shared library exports. */
#define GRAIN_API __attribute__((visibility("default")))

#define GRAIN_FOREVER      UINT64_MAX
#define GRAIN_CHUNK_PYTHON INT64_MIN /* CPython's rule: ceil(count / (4 * workers)) */
#define GRAIN_TASK_FAILED  (-10000)  /* some task failed; the report has the details */
#define GRAIN_EXCEPTION    (-10001)  /* code of a task that threw an exception: grain::guard, at the end of this file */

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
    GRAIN_WAIT_SPIN,         /* who waits and has a CPU of its own does not sleep: lowest latency, burns CPUs */
    GRAIN_WAIT_PARK          /* sleep at once */
};

enum grain_bind {
    /* With a list of CPUs (grain_pool_options.cpus, $GRAIN_CPUS): worker w on the w-th CPU of the list, and round
     * again. Without one: a pool that has a worker for every usable CPU binds worker w to the w-th of them, cores
     * before their hyperthreads; in a pool of fewer workers each runs where the kernel puts it, on any usable CPU, so
     * that the workers of two small pools, in one program or in two, are not bound to the same CPUs. */
    GRAIN_BIND_DEFAULT = 0,
    GRAIN_BIND_NONE /* each worker runs where the kernel puts it: on any usable CPU, or on any of the list */
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

/* Filled by every call whose arguments are right, also when it returns GRAIN_TASK_FAILED, -ECANCELED, -ENOTRECOVERABLE,
 * -ENOMEM or -ESHUTDOWN. A call that is refused writes 0 into failed, and no codes.
 * codes: the caller's array of count entries, or NULL. Every entry is written: 0 for a task that succeeded, whose
 * result is there; its own code, -EOWNERDEAD or -ETIMEDOUT for one that failed; what the call returns for one that did
 * not run to its end, such as -ECANCELED after terminate. (fork: a task whose worker was killed just after it had
 * returned counts among the last.) */
struct grain_report {
    int *codes;
    size_t failed;            /* how many tasks have a code other than 0 */
    struct grain_error first; /* the failure with the lowest index; valid when failed > 0 */
};

/* A task: one call on one item. Returns 0, or its own non-zero code. arg is read-only; result points at result_size
 * bytes that belong to this task alone. Runs in a worker; on serial, and where the caller takes part
 * (grain_pool_options.caller_waits), on the calling thread.
 * It ends by returning. A task that ends its thread (pthread_exit, or a cancellation that takes effect) fails with
 * -EOWNERDEAD. On pthread another thread then takes the worker's place. On fork the process ends, with exit status 0. A
 * calling thread that takes part, a thread of OpenMP's runtime, and the one that runs queued calls on serial, go on;
 * but no later cancellation and no later setuid() reaches them. On serial a call that waits ends with its thread, and
 * the pool is as usable as before. The same holds for initializers (which have failed then), finalizers and callbacks.
 * Undefined: to leave a task by longjmp or swapcontext, and to return from it in a child that it forked (daemon() makes
 * one), which has to end by exit or exec. C++ exceptions: at the end of this file. */
typedef int (*grain_task_fn)(const void *arg, void *result, struct grain_context *ctx);

/* A task over columns: args[i] is the value of column i for this task. */
typedef int (*grain_star_fn)(const void *const args[], void *result, struct grain_context *ctx);

/* A chunk task: one call on count consecutive items; grain_context_index() is the first one's index. */
typedef int (*grain_chunk_fn)(const void *items, void *results, size_t count, struct grain_context *ctx);

/* Alignment of what tasks get. Copies that grain makes (fork: items, results, params, columns; everywhere: arguments
 * and results of grain_apply_async and grain_imap, and params of every call without waiting) begin at a multiple of 16
 * and of the largest power of two up to 64 that divides the item's size (of a column: the value's); item i is as
 * aligned as that and the size allow. From 16 bytes on a copy is also as aligned as the caller's own data: up to 64,
 * and up to 4096 where the size is a multiple of that, as the size of every type so aligned is. Columns that
 * interleave, as the members of an array of structs do, are copied together; each is as aligned as the caller's own, up
 * to 64 at least. What is not copied (threads; memory of grain_alloc, which begins at a multiple of 64) is passed as it
 * lies. */

/* Output, and the end of forked children (workers of fork, and grain_process_start). A child drops the text that waits
 * in stdout and stderr when it is forked: the program itself prints it. (A worker also drops what was read ahead of
 * stdin.) A worker's stdout is written line by line, and so is stderr where it has a buffer (an initializer may choose
 * otherwise by setvbuf). Both are written before a queued call, a single task or a worker's part of another call is
 * reported as done: what finished tasks have printed is out when the call returns. A worker that is killed or crashes
 * loses at most the line that it had begun. Other streams are the tasks' own business: a task closes those that it
 * opens; those that the program had open hold a copy of its unwritten text, so flush them before the open, or do not
 * write to them in tasks.
 * exit() and quick_exit() in a child write stdout and stderr and end it with that code: nothing that the program
 * registered with atexit, on_exit or at_quick_exit runs, no other stream is written, no input is read again. What a
 * task registered in its worker does run, and so do destructors of C++'s thread_local objects of the thread that calls
 * exit(). Children that a task forks by itself end in the same way. */

/* Signals; docs/reliability.md has a table. Threads of a pool that run tasks, initializers, finalizers or callbacks
 * have the signal mask of the thread that opened the pool; grain's other threads block everything. None of them blocks
 * the signals that a fault raises (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS). So a handler of the program may
 * run on a worker thread when all other threads block its signal. Tasks that run on the calling thread find that
 * thread's own mask. Threads that OpenMP's runtime keeps have the mask of the last pool they worked for.
 * A forked worker has the opener's mask too. It ignores what the program ignored at the open. What the program handled
 * is caught by a handler that does nothing, and so are SIGINT, SIGQUIT, SIGHUP and SIGTERM unless they were ignored:
 * whether such a signal to the whole process group ends the job is the caller's decision, and costs no task if it does
 * not. All others are at their default: one that the program begins to handle later ends workers. Faults end the
 * worker, whatever the program had set. A program that a task starts finds what it would find had the caller started
 * it. Ctrl-Z stops workers and supervisor with the caller where SIGTSTP was at its default. A grain_process is as after
 * exec: ignored stays ignored, handled is at its default, the mask is that of the thread that starts it. */

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
 * with the first failure otherwise. On a thread of the pool that does nothing else, one callback at a time. A callback
 * may use the pool; but join and the get of its own future are -EDEADLK in it, and a free takes place afterwards. */
typedef void (*grain_callback_fn)(void *user, const void *results, size_t count);
typedef void (*grain_error_fn)(void *user, const struct grain_error *error);

/* Writes the next item. Returns 1, 0 when there is none, or a negative error. Called by grain_imap and grain_iter_next
 * alone, on their caller's thread. */
typedef int (*grain_next_fn)(void *source, void *item);

/* initializer: runs once in every worker, replacements included, before its first task. It may keep something for the
 * tasks in *grain_context_state(ctx). When it returns another value than 0, its worker did not come to be, and is tried
 * again, three times; then open fails with -ENOTRECOVERABLE, or, of a replacement and on OpenMP, every call that has
 * not ended. finalizer undoes what it did, when the worker leaves in an orderly way: after close, or after
 * max_tasks_per_worker, but not in a forked worker that is terminated or killed. Both get grain_pool_options.argument.
 * They run in the forked worker; in each thread; on OpenMP in each thread that takes part in a call, before its first
 * task; on serial in the thread that opens, and in the one that joins. */
typedef int (*grain_init_fn)(void *argument, struct grain_context *ctx);
typedef void (*grain_final_fn)(void *argument, struct grain_context *ctx);

struct grain_pool_options {
    size_t struct_size; /* 0, or sizeof the struct */
    /* A name from grain_backend_name(). NULL: $GRAIN_BACKEND; where that is not set or empty, "pthread". */
    const char *backend;
    int workers; /* 0: grain_cpu_count(), but no more than a list of CPUs has */
    enum grain_wait wait;
    enum grain_bind bind;
    /* Most bytes of shared memory (fork), and of address space reserved for it. 0: no limit but an eighth of what
     * RLIMIT_AS leaves at the open. RLIMIT_FSIZE stops no pool that is opened under it; one that was opened before
     * cannot grow any more: -ENOMEM. */
    size_t memory_limit;
    uint64_t grace_ns; /* terminate: from SIGTERM to SIGKILL (fork); 0: 100 ms */
    bool allow_nested; /* allow opening this pool inside another pool's worker */
    grain_init_fn initializer;
    grain_final_fn finalizer;
    void *argument;                /* for both; a forked worker has a copy of what it points to */
    uint64_t max_tasks_per_worker; /* fork, pthread: a worker is replaced by a fresh one after so many chunks (claims);
                                      0: never */
    /* The CPUs of the workers, such as "0-3,8": see enum grain_bind. NULL: $GRAIN_CPUS, and where that is not set or
     * empty, all usable ones (grain_cpu_count). -EINVAL, of the variable too: a list that is empty, has other
     * characters in it (blanks too), a range that falls, a CPU twice, or one that is not usable. Where the caller is
     * the worker (serial): -ENOTSUP; the variable does not reach it. */
    const char *cpus;
    /* Forked workers have copies of the descriptors that the caller had at the open (those with FD_CLOEXEC too), and
     * their supervisor keeps them for replacements. So a child that reads a pipe of the caller's to its end does not
     * see that end while the pool is open: popen("...", "w"), then a pool, then pclose() waits for ever. With this
     * option workers and supervisor close all descriptors but 0, 1, 2, the keep_count open ones in keep_descriptors,
     * and what grain needs; an initializer may open others. Threads copy nothing and close nothing. */
    bool close_descriptors;
    const int *keep_descriptors;
    size_t keep_count;
    /* pthread: tasks run on workers alone. Without this option the thread that calls map, map_chunks or starmap takes
     * part in its own call, in the place of a worker that sleeps (never more than `workers` tasks run at once): tasks
     * may run on the caller's thread, with its signal mask, stack and thread-local data. A cancellation of that thread
     * that comes meanwhile, from a task too, takes effect after the call. The caller waits anyway where the pool has an
     * initializer, a finalizer or max_tasks_per_worker, and where it is itself a worker of any pool. */
    bool caller_waits;
};

struct grain_call_options {
    size_t struct_size;           /* 0, or sizeof the struct */
    int64_t chunk;                /* tasks a claim; 0: the pool chooses, see grain_map; GRAIN_CHUNK_PYTHON */
    enum grain_schedule schedule; /* how chunks are claimed */
    const void *params;           /* params_size bytes copied at submit; every task can read them */
    size_t params_size;
    struct grain_report *report; /* NULL: no report wanted; of an asynchronous call: filled when its future is ready */
    grain_callback_fn callback;  /* asynchronous calls only */
    grain_error_fn error_callback;
    void *user; /* for the callbacks */
    /* fork: how often a task whose worker died is run again, alone, before it fails; of map_chunks, each item of the
     * chunk as a chunk of one. A task that returned a failure, told of one, or took too long is not run again. */
    int retries;
    /* A task that takes longer fails with -ETIMEDOUT; 0: no limit. Of map_chunks it is the time of a chunk. A worker
     * process is stopped within 1.25 x this + 10 ms; a thread cannot be: the task fails when it returns. While the
     * whole pool is stopped (Ctrl-Z) the time of processes stands still; that of threads does not. */
    uint64_t task_timeout_ns;
};

/* Which call heeds which of these options. u: it does. -: it ignores it. x: it refuses it where it is set (-EINVAL).
 * w: it says how far the source is asked ahead. All calls refuse a value that no call could take (-EINVAL), and a
 * schedule that the pool lacks (-ENOTSUP). `callbacks` are callback, error_callback and user.
 *
 *   call                                        chunk schedule params report callbacks retries task_timeout_ns
 *   apply                                       -     -        u      u      -         u       u
 *   map, starmap, map_chunks                    u     u        u      u      -         u       u
 *   apply_async                                 -     -        u      u      u         u       u
 *   map_async, starmap_async, map_chunks_async  u     u        u      u      u         u       u
 *   imap, imap_unordered                        w     -        u      x      x         u       u
 *
 * And what heeds them where calls do, and the options of a pool: the same letters; x is -ENOTSUP here. c: of map_chunks
 * and map_chunks_async alone.
 *
 *   option                serial fork pthread openmp
 *   chunk                 c      u    u       u
 *   schedule              -      u    u       u
 *   params                u      u    u       u
 *   report                u      u    u       u
 *   callbacks             u      u    u       u
 *   retries               -      u    -       -
 *   task_timeout_ns       u      u    u       u
 *   workers               -      u    u       u
 *   wait                  -      u    u       u
 *   bind                  -      u    u       u
 *   memory_limit          -      u    -       -
 *   grace_ns              -      u    -       -
 *   allow_nested          u      u    u       u
 *   initializer           u      u    u       u
 *   max_tasks_per_worker  x      u    u       x
 *   cpus                  x      u    u       u
 *   close_descriptors     -      u    -       -
 *   caller_waits          -      -    u       - */

/* What surprises on fork, where a worker is a copy of the process as it was when the pool was opened (a replacement is
 * the same copy again):
 *   pointers inside items   lead into the worker's own copy. What was allocated after the open is not there: the task
 *                           is killed (-EOWNERDEAD, signal 11). Pass items by value, or in memory of grain_alloc().
 *   memory made or changed  after the open: tables, caches, globals. Tasks see what was there at the open. The caller
 *                           never sees what they change, but for results and memory of grain_alloc().
 *   functions               of a library that was loaded after the open are not there either.
 *   descriptors             workers have copies of those that were open: close_descriptors.
 *   wait()                  the pool's supervisor is a child of the caller. While the pool is open wait(NULL) waits
 *                           for it, and a loop until there is no child does not end. To take its status does no harm.
 *   locks                   that other threads held at the open stay held in the workers.
 *   random numbers          every worker goes on with the same state: seed it in the initializer, by
 *                           grain_context_worker().
 *   handles                 pool, futures, iterators: -EPERM in a worker, as in any forked child.
 * A grain_process is a copy of the caller as it is when it starts. */

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

/* ------------------------------------------------------------------------------- the machine, and names */

/* CPUs that this process may really use: its affinity mask, and the CPU quota of its control groups (v1 and v2,
 * rounded up). Where OpenMP has bound the calling thread to one of its places (OMP_PROC_BIND=true), the CPUs of all its
 * places count instead of the mask. Python's multiprocessing.cpu_count() counts those of the machine.
 * units: CPUs.
 * thread: any.
 * return: at least 1.
 * source: sched_getaffinity(2); cpu.max and cpu.cfs_quota_us of the kernel's control groups. */
GRAIN_API int grain_cpu_count(void);

/* A sentence for a value that this library returned.
 * owns: static text.
 * thread: any.
 * return: never NULL; "unknown status" for what no function returns. */
GRAIN_API const char *grain_strerror(int status);

/* What the last function of this thread that refused an argument or an option says of it: which one, what it was, what
 * it takes. For -EINVAL, -E2BIG, -ENOTSUP, -EOVERFLOW, and of grain_pool_open() -EDEADLK, -EAGAIN, -EMFILE and -ENFILE.
 * owns: the thread's, until its next call that is refused.
 * thread: any; each has its own.
 * return: never NULL; "" when nothing was refused yet. */
GRAIN_API const char *grain_last_message(void);

/* The library's version, "MAJOR.MINOR.PATCH".
 * owns: static text.
 * thread: any.
 * return: never NULL. */
GRAIN_API const char *grain_version(void);

/* The name of the index-th backend of this build, as grain_pool_options.backend takes it.
 * owns: static text.
 * thread: any.
 * return: NULL past the last. */
GRAIN_API const char *grain_backend_name(size_t index);

/* One line on what a backend is.
 * owns: static text.
 * thread: any.
 * return: NULL for a name that is no backend's. */
GRAIN_API const char *grain_backend_summary(const char *name);

/* Whether a backend offers a schedule; every backend offers GRAIN_SCHEDULE_DEFAULT.
 * thread: any.
 * return: false also for a name that is no backend's and a value that is no schedule. */
GRAIN_API bool grain_backend_has_schedule(const char *name, enum grain_schedule schedule);

/* A schedule's name: "default", "static", "dynamic", "guided", "steal", "taskloop".
 * owns: static text.
 * thread: any.
 * return: NULL for a value that is no schedule. */
GRAIN_API const char *grain_schedule_name(enum grain_schedule schedule);

/* The schedule of a name, into *schedule, which is left alone on failure.
 * thread: any.
 * return: 0; -EINVAL a name that is no schedule's, or NULL. */
GRAIN_API int grain_schedule_parse(const char *name, enum grain_schedule *schedule);

/* --------------------------------------------------------------------------------------- life of a pool */

/* Opens a pool and starts its workers. options NULL: all defaults. stdout and stderr are flushed first (fork).
 * owns: the caller frees *pool with grain_pool_free(); *pool is NULL after a failure.
 * thread: any. fork: open pools early, for locks that other threads hold are inherited held. openmp: the runtime
 *         starts its threads in the first call that uses them, and ends the program where it cannot (RLIMIT_NPROC, the
 *         limit of a control group). So open starts and ends as many beforehand, and fails when it cannot; the program
 *         still ends if others have taken them by the time of that call.
 * return: 0; -EINVAL pool is NULL, a bad option or no such backend; -E2BIG an option that only newer versions know;
 *         -EDEADLK in the worker of a pool, without allow_nested; -ENOMEM; -EAGAIN a worker could not be started (those
 *         already started are stopped), for want of processes or threads; -EMFILE or -ENFILE no descriptor is left
 *         (fork); -ENOTSUP the backend lacks what was asked for; -ENOTRECOVERABLE the initializer kept failing (the
 *         calls of the pool say so where it turns out later). */
GRAIN_API int grain_pool_open(struct grain_pool **pool, const struct grain_pool_options *options);

/* No new work from now on; queued work still finishes. Idempotent.
 * thread: any.
 * return: 0; -EINVAL pool is NULL; -EPERM in a forked child.
 * source: multiprocessing.Pool.close(). */
GRAIN_API int grain_pool_close(struct grain_pool *pool);

/* Stops now: calls that wait return -ECANCELED, pending futures are ready with it. Processes get SIGTERM, then after
 * the grace SIGKILL. Threads cannot be killed: a task that runs ends by itself (of map_chunks, one call of it), and the
 * rest is dropped, of its chunk too. On serial a call that runs ends by itself, as a whole. A call with a report
 * returns when what runs has ended, on fork too, so that the report says of each task what became of it. Idempotent.
 * thread: any.
 * return: 0; -EINVAL pool is NULL; -EPERM in a forked child.
 * source: multiprocessing.Pool.terminate(), after which a pending get() waits for ever. */
GRAIN_API int grain_pool_terminate(struct grain_pool *pool);

/* Waits until all work has ended and every worker is gone; a second join returns when the first does. On openmp the
 * threads are the runtime's own: they stay with it, idle, for the next pool.
 * thread: any but the pool's workers and its callbacks.
 * return: 0; -EINVAL pool is NULL, or neither closed nor terminated; -EDEADLK in a worker or a callback of the pool;
 *         -EPERM in a forked child.
 * source: multiprocessing.Pool.join(). */
GRAIN_API int grain_pool_join(struct grain_pool *pool);

/* Terminate, join and release. When it returns, no thread and no process that grain started for the pool is left; on
 * OpenMP its runtime keeps its threads, and the one that started them, for the next pool. NULL is fine. In a forked
 * child, and in a worker of the pool, it does nothing; in a callback of the pool it takes place afterwards, on a thread
 * of its own, which ends with it.
 * owns: gives back what grain_pool_open() gave, and all memory of grain_alloc().
 * thread: one, after every other use of the pool has returned. */
GRAIN_API void grain_pool_free(struct grain_pool *pool);

/* The number of workers, and what they have done so far.
 * units: as struct grain_pool_stats says.
 * thread: any.
 * return: 0; -EINVAL pool or stats is NULL; -EPERM in a forked child. */
GRAIN_API int grain_pool_stats(struct grain_pool *pool, struct grain_pool_stats *stats);

/* ------------------------------------------------------------------------------------ calls that wait */

/* Runs one task in a worker and waits for it.
 * shape: arg_size bytes at arg, result_size bytes at result; either size may be 0, its pointer NULL then.
 * owns: nothing; arg is copied (fork) unless it lies in grain_alloc() memory.
 * thread: any but this pool's workers.
 * return: 0; GRAIN_TASK_FAILED the task failed, options->report->first says how; -EINVAL pool or task is NULL, data is
 *         NULL with a size, a bad option; -E2BIG an option that only newer versions know; -EOVERFLOW a size over
 *         PTRDIFF_MAX; -ENOTSUP the backend lacks the schedule or another option; -ENOMEM, the pool stays usable;
 *         -ESHUTDOWN after close; -ECANCELED after terminate, also when it came while this waited; -EDEADLK in a worker
 *         of the pool; -EPERM in a forked child; -ENOTRECOVERABLE the workers are gone: results of tasks that had ended
 *         are there, the report says which.
 * source: multiprocessing.Pool.apply(). */
GRAIN_API int grain_apply(struct grain_pool *pool, grain_task_fn task, const void *arg, size_t arg_size, void *result,
                          size_t result_size, const struct grain_call_options *options);

/* Runs task on every item, in any order; results come in the order of the items. Waits until every task has ended. A
 * task that fails does not stop the others; its own result is unspecified. An empty input is 0 at once.
 * shape: in.count items of in.size bytes, in.count results of out.size bytes.
 * units: options->chunk in tasks; GRAIN_CHUNK_PYTHON: ceil(count / (4 * workers)). 0: the pool chooses. With steal 1,
 *        for a claim of one's own range costs nothing. With static an equal part for each worker. With dynamic on
 *        openmp what the first tasks show to be good: a chunk of 16 to 32 us, of at least one task and at most 1/32 of
 *        a worker's part. Else 1/32 of a worker's part, with guided at least 1/256.
 * owns: nothing; items are copied (fork) unless they lie in grain_alloc() memory.
 * thread: any but this pool's workers.
 * return: as grain_apply; -EINVAL also a negative chunk that is not GRAIN_CHUNK_PYTHON; -EOVERFLOW also count * size
 *         over PTRDIFF_MAX, or a count over 2^48.
 * source: multiprocessing.Pool.map(), and its rule for chunksize=None (Pool._map_async in
 *         Lib/multiprocessing/pool.py). */
GRAIN_API int grain_map(struct grain_pool *pool, grain_task_fn task, struct grain_in in, struct grain_out out,
                        const struct grain_call_options *options);

/* As grain_map, but with one call of task per claim, on consecutive items: the task has the loop. A non-zero return
 * fails every task of that chunk which grain_context_fail_at() has not failed already.
 * shape: as grain_map; a call gets at most options->chunk items, the last one fewer; with guided it may get more.
 * units: options->chunk in items; 0: as grain_map, but with steal and dynamic always 1/32 of a worker's part: a call
 *        may have something to prepare.
 * owns: as grain_map.
 * thread: any but this pool's workers.
 * return: as grain_map. */
GRAIN_API int grain_map_chunks(struct grain_pool *pool, grain_chunk_fn task, struct grain_in in, struct grain_out out,
                               const struct grain_call_options *options);

#define GRAIN_COLUMNS_MAX 16

/* As grain_map with a task of several arguments: one from each column. A column of stride 0 gives every task the same.
 * shape: column_count columns (1 to GRAIN_COLUMNS_MAX) of count values; count results of out.size bytes.
 * units: sizes and strides in bytes; options->chunk in tasks.
 * owns: nothing; columns are copied (fork) unless they lie in grain_alloc() memory.
 * thread: any but this pool's workers.
 * return: as grain_map; -EINVAL also no column, or too many.
 * source: multiprocessing.Pool.starmap(), which unpacks one tuple per item. */
GRAIN_API int grain_starmap(struct grain_pool *pool, grain_star_fn task, const struct grain_column *columns,
                            size_t column_count, size_t count, struct grain_out out,
                            const struct grain_call_options *options);

/* -------------------------------------------------------------------------------- calls without waiting */

/* As grain_apply without waiting: *future stands for the call until grain_future_free(). future NULL: callbacks only.
 * Calls that are under way together may run, and end, in any order.
 * shape: as grain_apply; result_size at most 4 GiB - 1.
 * owns: arg and params are copied before this returns; result must live until the future is ready or freed. The future
 *       is the caller's, and may outlive the pool.
 * thread: any but this pool's workers; in a callback too.
 * return: 0, the call is queued; as grain_apply for what is known at once, and then *future is NULL and no callback is
 *         called; -EOVERFLOW also a result over 4 GiB - 1; -EAGAIN no thread could be started.
 * source: multiprocessing.Pool.apply_async(). */
GRAIN_API int grain_apply_async(struct grain_pool *pool, grain_task_fn task, const void *arg, size_t arg_size,
                                void *result, size_t result_size, const struct grain_call_options *options,
                                struct grain_future **future);

/* As grain_map without waiting: one future, one callback, for the whole of it; results are in the order of the items
 * here too. An empty input is ready at once, without a callback.
 * shape: as grain_map.
 * units: as grain_map.
 * owns: items must stay as they are, and results live, until the future is ready; params are copied. The future is the
 *       caller's, and may outlive the pool.
 * thread: any but this pool's workers; in a callback too.
 * return: 0, the call is queued; as grain_map for what is known at once, and then *future is NULL and no callback is
 *         called; -EAGAIN no thread could be started.
 * source: multiprocessing.Pool.map_async(). */
GRAIN_API int grain_map_async(struct grain_pool *pool, grain_task_fn task, struct grain_in in, struct grain_out out,
                              const struct grain_call_options *options, struct grain_future **future);

/* As grain_map_chunks without waiting.
 * shape: as grain_map_chunks.
 * units: as grain_map_chunks.
 * owns: as grain_map_async.
 * thread: any but this pool's workers; in a callback too.
 * return: as grain_map_async. */
GRAIN_API int grain_map_chunks_async(struct grain_pool *pool, grain_chunk_fn task, struct grain_in in,
                                     struct grain_out out, const struct grain_call_options *options,
                                     struct grain_future **future);

/* As grain_starmap without waiting; results are in the order of the values here too.
 * shape: as grain_starmap.
 * units: as grain_starmap.
 * owns: as grain_map_async for what the columns point to; the table of columns itself is copied.
 * thread: any but this pool's workers; in a callback too.
 * return: as grain_map_async; -EINVAL also no column, or too many.
 * source: multiprocessing.Pool.starmap_async(). */
GRAIN_API int grain_starmap_async(struct grain_pool *pool, grain_star_fn task, const struct grain_column *columns,
                                  size_t column_count, size_t count, struct grain_out out,
                                  const struct grain_call_options *options, struct grain_future **future);

/* ---------------------------------------------------------------------------------------------- futures */

/* Waits until the call has ended, and its own callback has returned. Repeatable.
 * units: timeout_ns; 0 looks only, GRAIN_FOREVER.
 * thread: any.
 * return: 0; GRAIN_TASK_FAILED, grain_future_error() says how; -ETIMEDOUT, and the call goes on; -ECANCELED after
 *         grain_future_cancel() or grain_pool_terminate(); -ENOMEM there was no memory to run it in; -ENOTRECOVERABLE
 *         the workers are gone; -EDEADLK in its own callback, or in a callback of the pool when it has one itself; or,
 *         while it is not ready, in a worker of the pool, or of a pool that was opened in such a worker: that may be
 *         the one that is waited for; -EPERM not ready, in a forked child; -EINVAL future is NULL.
 * source: multiprocessing.pool.AsyncResult.get(). */
GRAIN_API int grain_future_get(struct grain_future *future, uint64_t timeout_ns);

/* As grain_future_get, but 0 however the call ended.
 * units: timeout_ns; 0 looks only, GRAIN_FOREVER.
 * thread: any.
 * return: 0; -ETIMEDOUT; -EDEADLK and -EPERM as grain_future_get; -EINVAL future is NULL.
 * source: multiprocessing.pool.AsyncResult.wait(). */
GRAIN_API int grain_future_wait(struct grain_future *future, uint64_t timeout_ns);

/* Whether the call has ended, and its own callback has returned.
 * thread: any.
 * return: false also for NULL.
 * source: multiprocessing.pool.AsyncResult.ready(). */
GRAIN_API bool grain_future_ready(const struct grain_future *future);

/* Whether the call has ended well.
 * thread: any.
 * return: 1 ended without failure; 0 ended otherwise; -EAGAIN not ended; -EINVAL future is NULL.
 * source: multiprocessing.pool.AsyncResult.successful(), which raises ValueError while it runs. */
GRAIN_API int grain_future_successful(const struct grain_future *future);

/* Takes the call back if none of its tasks has begun; its error_callback is called with -ECANCELED.
 * thread: any.
 * return: 0, the call has ended with -ECANCELED; -EBUSY it runs or has ended; -EPERM in a forked child; -EINVAL future
 *         is NULL. */
GRAIN_API int grain_future_cancel(struct grain_future *future);

/* The failure with the lowest index, once the call has ended with GRAIN_TASK_FAILED. When calls of apply fail by the
 * hundred, only the first 64 of those that were queued together keep more than their code.
 * owns: the future's, until it is freed.
 * thread: any.
 * return: NULL while there is no such failure, and for NULL. */
GRAIN_API const struct grain_error *grain_future_error(const struct grain_future *future);

/* Gives the future back. A call of apply that has not ended goes on, detached: its result, report and callbacks are
 * dropped. The future of a map is waited for: its results are written where the caller wanted them. So is a callback
 * that runs just now, but not by itself. Where it would have to wait in a worker of the pool, it does nothing. NULL is
 * fine.
 * owns: gives back what the call gave.
 * thread: one, after every other use of the future has returned. */
GRAIN_API void grain_future_free(struct grain_future *future);

/* -------------------------------------------------------------------------------------------- iterators */

/* Runs task over whatever source gives, in constant memory, and delivers in the order of the source. `next` asks the
 * source for more as results are taken, and for the first window here: at most a window of items is under way, and the
 * source is never asked for more than that ahead.
 * shape: items of item_size bytes, results of result_size bytes.
 * units: options->chunk in items: the window is two chunks a worker (of 64 when it is 0 or GRAIN_CHUNK_PYTHON), at
 *        most 65536 items. Every item is a task of its own.
 * owns: *iter is the caller's, freed by grain_iter_free() before the pool is; params are copied.
 * thread: any but this pool's workers; the source is called on this one.
 * return: 0; -EINVAL iter, pool, task or next is NULL, a bad option, a callback or a report in options; -E2BIG;
 *         -ENOTSUP the backend lacks the schedule or another option; -EOVERFLOW a size over PTRDIFF_MAX, or a result
 *         over 4 GiB - 1; -ENOMEM; -ESHUTDOWN; -ECANCELED; -EDEADLK in a worker of the pool; -EPERM in a forked child.
 *         What the source, or queuing an item, says against it comes from grain_iter_next().
 * source: multiprocessing.Pool.imap(), which takes all of its input at once, and whose chunksize is 1. */
GRAIN_API int grain_imap(struct grain_pool *pool, grain_task_fn task, grain_next_fn next, void *source,
                         size_t item_size, size_t result_size, const struct grain_call_options *options,
                         struct grain_iter **iter);

/* As grain_imap, but delivers as tasks end; grain_iter_next() says which item a result is of.
 * shape: as grain_imap.
 * units: as grain_imap.
 * owns: as grain_imap.
 * thread: as grain_imap.
 * return: as grain_imap.
 * source: multiprocessing.Pool.imap_unordered(), which does not tell the item. */
GRAIN_API int grain_imap_unordered(struct grain_pool *pool, grain_task_fn task, grain_next_fn next, void *source,
                                   size_t item_size, size_t result_size, const struct grain_call_options *options,
                                   struct grain_iter **iter);

/* The next result, and the index of its item where index is not NULL (of one that failed too); then asks the source for
 * more.
 * shape: result_size bytes at result.
 * units: timeout_ns; 0 looks only, GRAIN_FOREVER.
 * owns: nothing; the result is copied.
 * thread: any but this pool's workers, one at a time; the source is called on this one.
 * return: 1; 0 at the end; GRAIN_TASK_FAILED this task failed (grain_iter_error), iteration goes on; -ETIMEDOUT, and a
 *         later call still delivers it; once, after the items before it: what the source returned when it failed, or
 *         why an item could not be queued (as grain_apply_async); -ECANCELED, -ENOTRECOVERABLE, -ENOMEM of this task,
 *         as grain_future_get; -EDEADLK in a worker of the pool; -EPERM in a forked child; -EINVAL iter is NULL, or
 *         result is NULL with a size.
 * source: multiprocessing.pool.IMapIterator.next(). */
GRAIN_API int grain_iter_next(struct grain_iter *iter, void *result, size_t *index, uint64_t timeout_ns);

/* The failure of the task that the last grain_iter_next() told of.
 * owns: the iterator's, until its next grain_iter_next().
 * thread: the one that called grain_iter_next().
 * return: NULL when that told of none, and for NULL. */
GRAIN_API const struct grain_error *grain_iter_error(const struct grain_iter *iter);

/* Ends the iteration: what is under way goes on, detached, and its results are dropped. NULL is fine.
 * owns: gives back what grain_imap() gave.
 * thread: one, after every other use of the iterator has returned. */
GRAIN_API void grain_iter_free(struct grain_iter *iter);

/* ------------------------------------------------------------------------------- a process for one task */

struct grain_process_options {
    size_t struct_size; /* 0, or sizeof the struct */
};

/* Runs task(arg) in a child process of its own, an ordinary fork of the caller as it is now; the task's result pointer
 * is NULL, and its context has no params. stdout and stderr are flushed before, and by the child at its end, also by
 * exit() ("Output" above); its signals are as after exec ("Signals"). Its buffers are those of the program: when it is
 * killed or crashes, it loses what it has not flushed.
 * shape: arg_size bytes at arg; 0 with NULL is legal.
 * owns: *process is the caller's until grain_process_free(), NULL after a failure. arg is not copied: the child has
 *       its own, as of now.
 * thread: any; locks that other threads hold are inherited held.
 * return: 0; -EINVAL process or task is NULL, arg is NULL with a size, a bad option; -E2BIG; -ENOMEM; -EAGAIN no
 *         more processes.
 * source: multiprocessing.Process(target=...).start(), start method "fork". */
GRAIN_API int grain_process_start(struct grain_process **process, const struct grain_process_options *options,
                                  grain_task_fn task, const void *arg, size_t arg_size);

/* How it ended, into *code: 0; N for a task that returned N (8 bits are kept; where these are 0, it is 255) or called
 * exit(N) (8 bits, as of any process); -signo when it was killed.
 * thread: any.
 * return: 0; -EAGAIN it runs; -ECHILD the program has taken its status elsewhere; -EINVAL process or code is NULL.
 * source: multiprocessing.Process.exitcode. */
GRAIN_API int grain_process_exitcode(struct grain_process *process, int *code);

/* Waits for its end.
 * units: timeout_ns; 0 looks only, GRAIN_FOREVER.
 * thread: any.
 * return: 0; -ETIMEDOUT, and it goes on; -ECHILD the program has taken its status elsewhere; -EINVAL process is NULL.
 * source: multiprocessing.Process.join(). */
GRAIN_API int grain_process_join(struct grain_process *process, uint64_t timeout_ns);

/* Whether it runs.
 * thread: any.
 * return: false also for NULL.
 * source: multiprocessing.Process.is_alive(). */
GRAIN_API bool grain_process_is_alive(struct grain_process *process);

/* Its process id.
 * thread: any.
 * return: positive; -EINVAL process is NULL. */
GRAIN_API int grain_process_pid(const struct grain_process *process);

/* A descriptor that poll() finds readable once it has ended.
 * owns: the process's: not to be closed, and gone with grain_process_free().
 * thread: any.
 * return: a descriptor; -ENOTSUP the kernel has no pidfd; -EINVAL process is NULL.
 * source: multiprocessing.Process.sentinel. */
GRAIN_API int grain_process_sentinel(const struct grain_process *process);

/* Sends SIGTERM; nothing once it has ended.
 * thread: any.
 * return: 0; -EPERM it runs as another user by now; -EINVAL process is NULL.
 * source: multiprocessing.Process.terminate(). */
GRAIN_API int grain_process_terminate(struct grain_process *process);

/* Sends SIGKILL; nothing once it has ended.
 * thread: any.
 * return: 0; -EPERM it runs as another user by now; -EINVAL process is NULL.
 * source: multiprocessing.Process.kill(). */
GRAIN_API int grain_process_kill(struct grain_process *process);

/* Takes its status if it has ended; one that runs goes on, and is the program's own child from now on. NULL is fine.
 * owns: gives back what grain_process_start() gave.
 * thread: one, after every other use of the process has returned. */
GRAIN_API void grain_process_free(struct grain_process *process);

/* -------------------------------------------------------------------------- memory that workers share */

/* Zeroed memory that every worker of this pool sees and that is passed to tasks without a copy.
 * units: size in bytes, more than 0; aligned to 64.
 * owns: the caller's until grain_release(), or until the pool is freed; *memory is NULL after a failure.
 * thread: any but this pool's workers.
 * return: 0; -EINVAL pool or memory is NULL, a size of 0 or near PTRDIFF_MAX; -ENOMEM, the pool stays usable;
 *         -ESHUTDOWN after close; -ECANCELED after terminate; -EDEADLK in a worker of the pool; -EPERM in a forked
 *         child. */
GRAIN_API int grain_alloc(struct grain_pool *pool, size_t size, void **memory);

/* Gives memory of grain_alloc() back. NULL is fine; in a forked child it does nothing.
 * owns: memory must come from this pool, and no call may be using it.
 * thread: any but this pool's workers. */
GRAIN_API void grain_release(struct grain_pool *pool, void *memory);

/* Gives memory back to the system that the pool keeps for its next calls. What is in use stays. The next calls take
 * fresh pages, which cost more than kept ones. Without this a pool keeps, when a call ends, at most 32 MiB of shared
 * memory (fork) beyond what is in use then; or, if that is more, beyond what the second largest of the last 32 calls
 * needed (calls with a few hundred bytes do not count). For queued calls it keeps as much once more. So a large call
 * that stands alone gives its memory back when it ends, and large calls in a row find it there.
 * thread: any but this pool's workers; calls may be under way.
 * return: 0; -EINVAL pool is NULL; -ESHUTDOWN after close; -ECANCELED after terminate; -EDEADLK in a worker of the
 *         pool; -EPERM in a forked child.
 * source: malloc_trim(3). */
GRAIN_API int grain_pool_trim(struct grain_pool *pool);

/* ------------------------------------------------------------------------------------- inside a task */

/* The number of the worker that runs the task.
 * thread: the task's.
 * return: 0 to workers - 1. */
GRAIN_API int grain_context_worker(const struct grain_context *ctx);

/* Which task runs, counted from 0; in a chunk task, its first item; in a call of apply, 0.
 * thread: the task's.
 * return: 0 to count - 1. */
GRAIN_API size_t grain_context_index(const struct grain_context *ctx);

/* The params of the call.
 * owns: the pool's, until the call has ended; read-only.
 * thread: the task's.
 * return: NULL when there are none. */
GRAIN_API const void *grain_context_params(const struct grain_context *ctx);

/* Whether the pool was told to terminate: a long task that looks can leave early.
 * thread: the task's.
 * return: true from grain_pool_terminate() on; on serial always false. */
GRAIN_API bool grain_context_cancelled(const struct grain_context *ctx);

/* The worker's own pointer: NULL until the initializer sets it, or a task; kept from task to task. On serial there is
 * one for all callers, who take turns: one call at a time runs its tasks.
 * owns: what it points to is the initializer's, and the finalizer's to undo.
 * thread: the task's, the initializer's, the finalizer's.
 * return: never NULL. */
GRAIN_API void **grain_context_state(struct grain_context *ctx);

/* Fails the running task with a message; in a chunk task, its first item. So that a task can end with `return
 * grain_context_fail(ctx, code, "...")`.
 * units: at most 231 bytes of text are kept; NULL is none.
 * owns: nothing; text is copied.
 * thread: the task's.
 * return: code; -EINVAL for a code of 0. */
GRAIN_API int grain_context_fail(struct grain_context *ctx, int code, const char *text);

/* In a chunk task: fails one item, with a message. Items of a chunk are failed in rising order: an index at or below
 * one already failed, or outside the chunk, is ignored.
 * shape: index counts from the start of the whole input, as grain_context_index() does.
 * units: at most 231 bytes of text are kept; NULL is none.
 * owns: nothing; text is copied.
 * thread: the task's.
 * return: code; -EINVAL for a code of 0. */
GRAIN_API int grain_context_fail_at(struct grain_context *ctx, size_t index, int code, const char *text);

/* ------------------------------------------------------------------------------------- sizes of structs */

/* Every function that takes options, or fills stats, is also a macro of its own name that adds the size of that
 * struct: grain_pool_open(&pool, &options) is grain_pool_open_sized(&pool, &options,
 * sizeof(struct grain_pool_options)). See the head of this file.
 * units: size in bytes; 0: as without _sized; without a struct (NULL) it is ignored.
 * thread: as the function without _sized.
 * return: as the function without _sized; -E2BIG a field is set that this library does not know: it is older than the
 *         program's grain.h; -EINVAL a size that no version has, or a struct_size that is neither 0 nor size. */
#define GRAIN_SIZED GRAIN_API
GRAIN_SIZED int grain_pool_open_sized(struct grain_pool **pool, const struct grain_pool_options *options, size_t size);
GRAIN_SIZED int grain_pool_stats_sized(struct grain_pool *pool, struct grain_pool_stats *stats, size_t size);
GRAIN_SIZED int grain_apply_sized(struct grain_pool *pool, grain_task_fn task, const void *arg, size_t arg_size,
                                  void *result, size_t result_size, const struct grain_call_options *options,
                                  size_t size);
GRAIN_SIZED int grain_map_sized(struct grain_pool *pool, grain_task_fn task, struct grain_in in, struct grain_out out,
                                const struct grain_call_options *options, size_t size);
GRAIN_SIZED int grain_map_chunks_sized(struct grain_pool *pool, grain_chunk_fn task, struct grain_in in,
                                       struct grain_out out, const struct grain_call_options *options, size_t size);
GRAIN_SIZED int grain_starmap_sized(struct grain_pool *pool, grain_star_fn task, const struct grain_column *columns,
                                    size_t column_count, size_t count, struct grain_out out,
                                    const struct grain_call_options *options, size_t size);
GRAIN_SIZED int grain_apply_async_sized(struct grain_pool *pool, grain_task_fn task, const void *arg, size_t arg_size,
                                        void *result, size_t result_size, const struct grain_call_options *options,
                                        struct grain_future **future, size_t size);
GRAIN_SIZED int grain_map_async_sized(struct grain_pool *pool, grain_task_fn task, struct grain_in in,
                                      struct grain_out out, const struct grain_call_options *options,
                                      struct grain_future **future, size_t size);
GRAIN_SIZED int grain_map_chunks_async_sized(struct grain_pool *pool, grain_chunk_fn task, struct grain_in in,
                                             struct grain_out out, const struct grain_call_options *options,
                                             struct grain_future **future, size_t size);
GRAIN_SIZED int grain_starmap_async_sized(struct grain_pool *pool, grain_star_fn task,
                                          const struct grain_column *columns, size_t column_count, size_t count,
                                          struct grain_out out, const struct grain_call_options *options,
                                          struct grain_future **future, size_t size);
GRAIN_SIZED int grain_imap_sized(struct grain_pool *pool, grain_task_fn task, grain_next_fn next, void *source,
                                 size_t item_size, size_t result_size, const struct grain_call_options *options,
                                 struct grain_iter **iter, size_t size);
GRAIN_SIZED int grain_imap_unordered_sized(struct grain_pool *pool, grain_task_fn task, grain_next_fn next,
                                           void *source, size_t item_size, size_t result_size,
                                           const struct grain_call_options *options, struct grain_iter **iter,
                                           size_t size);
GRAIN_SIZED int grain_process_start_sized(struct grain_process **process, const struct grain_process_options *options,
                                          grain_task_fn task, const void *arg, size_t arg_size, size_t size);

#define grain_pool_open(...)        grain_pool_open_sized(__VA_ARGS__, sizeof(struct grain_pool_options))
#define grain_pool_stats(...)       grain_pool_stats_sized(__VA_ARGS__, sizeof(struct grain_pool_stats))
#define grain_apply(...)            grain_apply_sized(__VA_ARGS__, sizeof(struct grain_call_options))
#define grain_map(...)              grain_map_sized(__VA_ARGS__, sizeof(struct grain_call_options))
#define grain_map_chunks(...)       grain_map_chunks_sized(__VA_ARGS__, sizeof(struct grain_call_options))
#define grain_starmap(...)          grain_starmap_sized(__VA_ARGS__, sizeof(struct grain_call_options))
#define grain_apply_async(...)      grain_apply_async_sized(__VA_ARGS__, sizeof(struct grain_call_options))
#define grain_map_async(...)        grain_map_async_sized(__VA_ARGS__, sizeof(struct grain_call_options))
#define grain_map_chunks_async(...) grain_map_chunks_async_sized(__VA_ARGS__, sizeof(struct grain_call_options))
#define grain_starmap_async(...)    grain_starmap_async_sized(__VA_ARGS__, sizeof(struct grain_call_options))
#define grain_imap(...)             grain_imap_sized(__VA_ARGS__, sizeof(struct grain_call_options))
#define grain_imap_unordered(...)   grain_imap_unordered_sized(__VA_ARGS__, sizeof(struct grain_call_options))
#define grain_process_start(...)    grain_process_start_sized(__VA_ARGS__, sizeof(struct grain_process_options))

#ifdef __cplusplus
}
#pragma GCC diagnostic pop
#endif

/* ----------------------------------------------------------------------------------------------- C++ */

#if defined(__cplusplus) && (defined(__cpp_exceptions) || defined(__EXCEPTIONS))
#include <exception>

/* grain::guard<f> is f as a task (also of starmap, of map_chunks, and as an initializer) whose exceptions are failures:
 * code GRAIN_EXCEPTION, with what() as the message; of a chunk the first item has the message, all of them the code. So
 * `grain_map(pool, grain::guard<parse>, in, out, NULL)`, with f a function known when the program is compiled. C++11 or
 * newer.
 * Without it an exception ends the program (std::terminate) where threads of a pool run tasks or callbacks, and where
 * the caller takes part in its call. On fork it ends the worker: the task fails with -EOWNERDEAD, signal 6, and no
 * handler above grain_pool_open() sees it. On serial tasks of calls that wait run on the calling thread: there the
 * exception passes through the call, which leaves nothing behind: pool and thread are as usable as before. The same
 * holds for the initializer and the finalizer on serial, and for the source of grain_imap(), which the calling thread
 * asks on every backend. */
namespace grain
{
namespace detail
{

/* In a handler. What is no exception of C++, but a thread that ends (pthread_exit), goes on. */
inline int exception_told(grain_context *ctx)
{
    if (!std::current_exception())
        throw;
    try {
        throw;
    } catch (const std::exception &error) {
        return grain_context_fail(ctx, GRAIN_EXCEPTION, error.what());
    } catch (...) {
        return grain_context_fail(ctx, GRAIN_EXCEPTION, "an exception that is no std::exception");
    }
}

} // namespace detail

template <grain_task_fn task> int guard(const void *arg, void *result, grain_context *ctx)
{
    try {
        return task(arg, result, ctx);
    } catch (...) {
        return detail::exception_told(ctx);
    }
}

template <grain_star_fn task> int guard(const void *const args[], void *result, grain_context *ctx)
{
    try {
        return task(args, result, ctx);
    } catch (...) {
        return detail::exception_told(ctx);
    }
}

template <grain_chunk_fn task> int guard(const void *items, void *results, size_t count, grain_context *ctx)
{
    try {
        return task(items, results, count, ctx);
    } catch (...) {
        return detail::exception_told(ctx);
    }
}

template <grain_init_fn initializer> int guard(void *argument, grain_context *ctx)
{
    try {
        return initializer(argument, ctx);
    } catch (...) {
        return detail::exception_told(ctx);
    }
}

} // namespace grain
#endif

#endif
