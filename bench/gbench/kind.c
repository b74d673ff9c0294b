/* SPDX-License-Identifier: MIT
 *
 * The table of calls, with apply, the baselines and the floors; the other calls stand in kind_*.c. Everything goes
 * through the public interface, as a user would do it; the kernel's functions are the same object code everywhere.
 * Next: body.c.
 */
#include "kind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo.h"
#include "kind_calls.h"
#include "peak.h"
#include "work.h"

/* ------------------------------------------------------------------------------------------- calls */

static int run_apply(struct subject *subject, struct gbench_state *state)
{
    struct work work = work_kernel(subject);
    struct grain_call_options options = work_options(subject, &work);
    size_t item_size = subject->item_size, result_size = subject->kernel->result_size;
    const char *item = subject->items;
    char *result = subject->results;
    size_t tasks = work_tasks(subject, state, WARM_SINGLES);
    int status = 0;
    for (size_t i = 0; i < tasks && status == 0; i++, item += item_size, result += result_size) {
        nap(subject, state);
        status = grain_apply(subject->pool, work.task, item, item_size, result, result_size, &options);
    }
    return status;
}

/* A pool's whole life. */
static int run_open(struct subject *subject, struct gbench_state *state)
{
    struct grain_pool_options options = subject_pool_options(subject);
    struct grain_pool *pool;
    nap(subject, state);
    int status = grain_pool_open(&pool, &options);
    grain_pool_free(pool);
    return status;
}

static int run_loop(struct subject *subject, struct gbench_state *state)
{
    nap(subject, state);
    subject->kernel->loop(subject->items, subject->results, subject->tasks, &subject->params);
    return 0;
}

/* -------------------------------------------------------------------------------------------- peak */

struct share {
    struct subject *subject;
    struct work work;
};

/* A serial pool over one part of the rows: the object code of `serial callback`. Each part has a pool of its own:
 * callers of one serial pool take turns. */
static int share_run(void *user, int part, int parts)
{
    const struct share *share = user;
    struct subject *subject = share->subject;
    size_t tasks = subject->tasks, result_size = subject->kernel->result_size;
    size_t begin = tasks * (size_t)part / (size_t)parts, end = tasks * ((size_t)part + 1) / (size_t)parts;
    struct grain_call_options options = work_options(subject, &share->work);
    options.report = NULL; /* several threads at once */
    struct grain_in in = {(const char *)subject->items + begin * subject->item_size, end - begin, subject->item_size};
    struct grain_out out = {(char *)subject->results + begin * result_size, result_size};
    struct grain_pool *pool = part > 0 ? subject->copies[part - 1] : subject->pool;
    return grain_map(pool, share->work.task, in, out, &options);
}

static int run_peak(struct subject *subject, struct gbench_state *state)
{
    struct share share = {subject, work_kernel(subject)};
    nap(subject, state);
    return peak_run(subject->peak, share_run, &share);
}

static int poison_peak(struct subject *subject)
{
    struct share share = {subject, work_poison(subject)};
    return peak_run(subject->peak, share_run, &share);
}

static int open_peak(struct subject *subject)
{
    int cpus = grain_cpu_count(), parts = subject->cell.workers < cpus ? subject->cell.workers : cpus;
    struct grain_pool_options options = subject_pool_options(subject);
    subject->copies = calloc((size_t)parts, sizeof *subject->copies); /* NOLINT(bugprone-sizeof-expression): pointers */
    int status = subject->copies ? 0 : -ENOMEM;
    for (int i = 1; i < parts && status == 0; i++) {
        status = grain_pool_open(&subject->copies[i - 1], &options);
        subject->copy_count += status == 0;
    }
    return status ? status : peak_open(&subject->peak, parts);
}

void enter_peak(struct subject *subject)
{
    peak_begin(subject->peak);
}

void leave_peak(struct subject *subject)
{
    peak_end(subject->peak);
}

/* ------------------------------------------------------------- cacheline, mailbox, futex, pipe, fork */

static int open_line(struct subject *subject)
{
    return echo_open(&subject->echo, ECHO_LINE, 0, 0);
}

static int open_mailbox(struct subject *subject)
{
    return echo_open(&subject->echo, ECHO_MAILBOX, 0, 0);
}

static int open_futex(struct subject *subject)
{
    return echo_open(&subject->echo, ECHO_FUTEX, 0, 0);
}

/* As many bytes as a task of the kernel has to be told, and as it says. */
static int open_pipe(struct subject *subject)
{
    return echo_open(&subject->echo, ECHO_PIPE, kernel_item_size(subject->kernel, &subject->params),
                     subject->kernel->result_size);
}

static void enter_echo(struct subject *subject)
{
    echo_begin(subject->echo);
}

static void leave_echo(struct subject *subject)
{
    echo_end(subject->echo);
}

static int run_echo(struct subject *subject, struct gbench_state *state)
{
    nap(subject, state);
    return echo_run(subject->echo, subject->tasks);
}

/* As many processes as a pool of so many workers has: the supervisor and the workers. */
static size_t tasks_fork(const struct subject *subject)
{
    return (size_t)subject->cell.workers + 1;
}

/* Each raw, and one after the other. */
static int run_fork(struct subject *subject, struct gbench_state *state)
{
    nap(subject, state);
    for (size_t i = 0; i < subject->tasks; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        if (child < 0 || waitpid(child, NULL, 0) != child)
            return -errno;
    }
    return 0;
}

#define ANY_POOL   .backend = NULL
#define OVER_ROWS  ANY_POOL, .has_data = true
#define IN_PROCESS .backend = "fork", .has_data = true, .is_one_by_one = true
#define IN_SERIAL  .backend = "serial", .is_serial = true, .has_data = true, .poison = work_poison_here
#define IN_FLOOR   .backend = "floor"
#define IS_TRIP    IN_FLOOR, .is_one_by_one = true, .run = run_echo, .enter = enter_echo, .leave = leave_echo

static const struct kind kinds[] = {
    {"apply", ANY_POOL, .has_data = true, .is_one_by_one = true, .run = run_apply, .poison = work_poison_here},
    {"apply_async_get", ANY_POOL, .has_data = true, .is_one_by_one = true, .run = run_apply_async_get,
     .poison = work_poison_here},
    {"apply_async", OVER_ROWS, .warm_runs = 3, .run = run_apply_async, .open = open_apply_async,
     .poison = work_poison_here},
    {"apply_async_mixed", OVER_ROWS, .warm_runs = 3, .run = run_apply_async_mixed, .open = open_apply_async,
     .poison = work_poison_here},
    {"apply_callback", OVER_ROWS, .warm_runs = 3, .run = run_apply_callback, .open = open_apply_callback,
     .poison = work_poison_here},
    {"map", OVER_ROWS, .run = run_map, .poison = poison_map},
    {"map_async", OVER_ROWS, .run = run_map_async, .poison = poison_map},
    {"map_chunks", OVER_ROWS, .run = run_map_chunks, .poison = poison_map_chunks},
    {"map_chunks_async", OVER_ROWS, .run = run_map_chunks_async, .poison = poison_map_chunks},
    {"starmap", OVER_ROWS, .run = run_starmap, .poison = poison_starmap},
    {"starmap_async", OVER_ROWS, .run = run_starmap_async, .poison = poison_starmap},
    {"imap", OVER_ROWS, .run = run_imap, .poison = work_poison_here},
    {"imap_unordered", OVER_ROWS, .run = run_imap_unordered, .open = open_imap_unordered, .poison = work_poison_here},
    {"spawn", IN_PROCESS, .run = run_spawn, .open = open_spawn, .poison = poison_spawn},
    {"open", ANY_POOL, .run = run_open},
    {"idle", ANY_POOL, .counts_cpu = true, .run = run_idle, .open = open_idle},
    {"sleep", ANY_POOL, .run = run_sleep, .open = open_pool, .tasks = tasks_workers},
    {"waiting", ANY_POOL, .run = run_waiting, .open = open_pool, .tasks = tasks_workers},
    {"loop", IN_SERIAL, .run = run_loop},
    {"callback", IN_SERIAL, .run = run_map},
    {"peak", IN_FLOOR, .has_data = true, .run = run_peak, .poison = poison_peak, .open = open_peak, .enter = enter_peak,
     .leave = leave_peak},
    {"cacheline", IS_TRIP, .open = open_line},
    {"mailbox", IS_TRIP, .open = open_mailbox},
    {"futex", IS_TRIP, .open = open_futex},
    {"pipe", IS_TRIP, .open = open_pipe},
    {"fork", IN_FLOOR, .run = run_fork, .tasks = tasks_fork},
    {"thread", IN_FLOOR, .run = run_thread, .open = open_thread, .tasks = tasks_thread, .check = check_thread},
    {"atomic", IN_FLOOR, .is_one_by_one = true, .run = run_atomic, .open = open_atomic, .enter = enter_peak,
     .leave = leave_peak, .check = check_atomic},
    {"region", IN_FLOOR, .has_data = true, .run = run_region, .poison = work_poison_here, .open = open_region,
     .enter = enter_region, .leave = leave_region},
    {"bandwidth", IN_FLOOR, .has_data = true, .warm_runs = 2, .run = run_bandwidth, .open = open_bandwidth,
     .enter = enter_bandwidth, .leave = leave_peak, .check = check_bandwidth},
};

const struct kind *kind_find(const char *call)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].call, call) == 0)
            return &kinds[i];
    return NULL;
}
