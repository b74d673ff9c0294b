/* SPDX-License-Identifier: MIT
 *
 * One function a call, and the table of them. Everything goes through the public interface, as a user would
 * do it; the kernel's functions are the same object code everywhere. Next: body.c.
 */
#include "kind.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "echo.h"
#include "peak.h"

#define COLD_SLEEP_NS    2000000 /* long enough for every waiter to have stopped spinning */
#define WARM_APPLY_TASKS 100     /* more of them would warm nothing more */

/* Which functions go over the rows: the kernel's, or those that spoil the results. */
struct work {
    grain_task_fn task;
    grain_chunk_fn chunk;
    const void *params;
    size_t params_size;
};

static int poison_task(const void *item, void *result, struct grain_context *ctx)
{
    const size_t *result_size = grain_context_params(ctx);
    (void)item;
    if (*result_size > 0)
        memset(result, KIND_POISON, *result_size);
    return 0;
}

static int poison_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    const size_t *result_size = grain_context_params(ctx);
    (void)items;
    if (*result_size > 0)
        memset(results, KIND_POISON, count * *result_size);
    return 0;
}

static struct work kernel_work(const struct subject *subject)
{
    return (struct work){subject->kernel->task, subject->kernel->chunk, &subject->params, sizeof subject->params};
}

static struct work poison_work(const struct subject *subject)
{
    return (struct work){poison_task, poison_chunk, &subject->kernel->result_size, sizeof subject->kernel->result_size};
}

static struct grain_call_options call_options(struct subject *subject, const struct work *work)
{
    return (struct grain_call_options){
        .chunk = (int64_t)subject->cell.chunk,
        .schedule = subject->schedule,
        .params = work->params,
        .params_size = work->params_size,
        .report = &subject->report,
    };
}

static struct grain_in items_of(const struct subject *subject)
{
    return (struct grain_in){subject->items, subject->tasks, subject->item_size};
}

static struct grain_out results_of(const struct subject *subject)
{
    return (struct grain_out){subject->results, subject->kernel->result_size};
}

/* With start:cold, lets the workers fall asleep while the clock stands. */
static void nap(const struct subject *subject, struct gbench_state *state)
{
    if (!state || subject->cell.start != CELL_START_COLD)
        return;
    gbench_pause(state);
    nanosleep(&(struct timespec){.tv_nsec = COLD_SLEEP_NS}, NULL);
    gbench_resume(state);
}

static int poison_here(struct subject *subject)
{
    if (subject->kernel->result_size > 0)
        memset(subject->results, KIND_POISON, subject->tasks * subject->kernel->result_size);
    return 0;
}

/* ------------------------------------------------------------------------------------------- calls */

static int run_apply(struct subject *subject, struct gbench_state *state)
{
    struct work work = kernel_work(subject);
    struct grain_call_options options = call_options(subject, &work);
    size_t item_size = subject->item_size, result_size = subject->kernel->result_size;
    const char *item = subject->items;
    char *result = subject->results;
    size_t tasks = state || subject->tasks < WARM_APPLY_TASKS ? subject->tasks : WARM_APPLY_TASKS;
    int status = 0;
    for (size_t i = 0; i < tasks && status == 0; i++, item += item_size, result += result_size) {
        nap(subject, state);
        status = grain_apply(subject->pool, work.task, item, item_size, result, result_size, &options);
    }
    return status;
}

static int map(struct subject *subject, struct work work)
{
    struct grain_call_options options = call_options(subject, &work);
    return grain_map(subject->pool, work.task, items_of(subject), results_of(subject), &options);
}

static int run_map(struct subject *subject, struct gbench_state *state)
{
    nap(subject, state);
    return map(subject, kernel_work(subject));
}

static int poison_map(struct subject *subject)
{
    return map(subject, poison_work(subject));
}

static int map_chunks(struct subject *subject, struct work work)
{
    struct grain_call_options options = call_options(subject, &work);
    return grain_map_chunks(subject->pool, work.chunk, items_of(subject), results_of(subject), &options);
}

static int run_map_chunks(struct subject *subject, struct gbench_state *state)
{
    nap(subject, state);
    return map_chunks(subject, kernel_work(subject));
}

static int poison_map_chunks(struct subject *subject)
{
    return map_chunks(subject, poison_work(subject));
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

/* A serial pool over one part of the rows: the object code of `serial callback`. */
static int share_run(void *user, int part, int parts)
{
    const struct share *share = user;
    struct subject *subject = share->subject;
    size_t tasks = subject->tasks, result_size = subject->kernel->result_size;
    size_t begin = tasks * (size_t)part / (size_t)parts, end = tasks * ((size_t)part + 1) / (size_t)parts;
    struct grain_call_options options = call_options(subject, &share->work);
    options.report = NULL; /* several threads at once */
    struct grain_in in = {(const char *)subject->items + begin * subject->item_size, end - begin, subject->item_size};
    struct grain_out out = {(char *)subject->results + begin * result_size, result_size};
    return grain_map(subject->pool, share->work.task, in, out, &options);
}

static int run_peak(struct subject *subject, struct gbench_state *state)
{
    struct share share = {subject, kernel_work(subject)};
    nap(subject, state);
    return peak_run(subject->peak, share_run, &share);
}

static int poison_peak(struct subject *subject)
{
    struct share share = {subject, poison_work(subject)};
    return peak_run(subject->peak, share_run, &share);
}

static int open_peak(struct subject *subject)
{
    int cpus = grain_cpu_count();
    return peak_open(&subject->peak, subject->cell.workers < cpus ? subject->cell.workers : cpus);
}

static void enter_peak(struct subject *subject)
{
    peak_begin(subject->peak);
}

static void leave_peak(struct subject *subject)
{
    peak_end(subject->peak);
}

/* ---------------------------------------------------------------------- cacheline, futex, pipe, fork */

static int open_line(struct subject *subject)
{
    return echo_open(&subject->echo, ECHO_LINE, 0, 0);
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

/* As many processes as a pool of so many workers has, each raw, and one after the other: the supervisor and the
 * workers. It grows with them: workers + 1. */
static int run_fork(struct subject *subject, struct gbench_state *state)
{
    nap(subject, state);
    for (int i = 0; i < subject->cell.workers + 1; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        if (child < 0 || waitpid(child, NULL, 0) != child)
            return -errno;
    }
    return 0;
}

#define ANY_POOL  .backend = NULL
#define IN_SERIAL .backend = "serial", .is_serial = true, .has_data = true, .poison = poison_here
#define IN_FLOOR  .backend = "floor"
#define IS_TRIP   IN_FLOOR, .is_one_by_one = true, .run = run_echo, .enter = enter_echo, .leave = leave_echo

static const struct kind kinds[] = {
    {"apply", ANY_POOL, .has_data = true, .is_one_by_one = true, .run = run_apply, .poison = poison_here},
    {"map", ANY_POOL, .has_data = true, .run = run_map, .poison = poison_map},
    {"map_chunks", ANY_POOL, .has_data = true, .run = run_map_chunks, .poison = poison_map_chunks},
    {"open", ANY_POOL, .run = run_open},
    {"loop", IN_SERIAL, .run = run_loop},
    {"callback", IN_SERIAL, .run = run_map},
    {"peak", IN_FLOOR, .has_data = true, .run = run_peak, .poison = poison_peak, .open = open_peak, .enter = enter_peak,
     .leave = leave_peak},
    {"cacheline", IS_TRIP, .open = open_line},
    {"futex", IS_TRIP, .open = open_futex},
    {"pipe", IS_TRIP, .open = open_pipe},
    {"fork", IN_FLOOR, .run = run_fork},
};

const struct kind *kind_find(const char *call)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].call, call) == 0)
            return &kinds[i];
    return NULL;
}
