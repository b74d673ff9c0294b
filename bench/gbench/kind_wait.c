/* SPDX-License-Identifier: MIT
 *
 * Calls of which the waiting counts. sleep: as many tasks as there are workers, each sleeps for 20 ms, so that one that
 * is not begun at once shows. waiting: a future of a long task that a thread waits for; how often this process's
 * threads are woken meanwhile is counted for a second.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

#include "kind_calls.h"
#include "work.h"

#define TASK_NS      20000000L
#define EMPTY_CALLS  2000 /* of the same function before a warm `sleep`: they teach a pool that its tasks are short */
#define SETTLE_NS    200000000L
#define WATCH_NS     1000000000L
#define WATCHED_TASK (WATCH_NS + 2 * SETTLE_NS)

static void sleep_ns(long ns)
{
    struct timespec left = {ns / 1000000000L, ns % 1000000000L};
    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}

/* The params are how long; 0: not at all. */
static int sleeps(const void *item, void *result, struct grain_context *ctx)
{
    const long *ns = grain_context_params(ctx);
    (void)item;
    (void)result;
    if (*ns > 0)
        sleep_ns(*ns);
    return 0;
}

static struct grain_call_options options_of(struct subject *subject, const long *ns)
{
    struct work work = {.params = ns, .params_size = sizeof *ns};
    return work_options(subject, &work);
}

/* --------------------------------------------------------------------------------------------- sleep */

size_t tasks_workers(const struct subject *subject)
{
    return (size_t)subject->cell.workers;
}

int open_pool(struct subject *subject)
{
    struct grain_pool_options options = subject_pool_options(subject);
    return grain_pool_open(&subject->pool, &options);
}

static int call_sleeps(struct subject *subject, long ns)
{
    struct grain_call_options options = options_of(subject, &ns);
    return grain_map(subject->pool, sleeps, (struct grain_in){.count = subject->tasks}, (struct grain_out){0},
                     &options);
}

/* What it is timed after: cold, a pool that has run nothing; warm, one that knows the function for its empty tasks. */
static int prepare(struct subject *subject)
{
    int status = 0;
    if (subject->cell.start == CELL_START_COLD) {
        grain_pool_free(subject->pool);
        subject->pool = NULL;
        status = open_pool(subject);
        sleep_ns(COLD_SLEEP_NS);
    }
    for (int i = 0; i < EMPTY_CALLS && status == 0 && subject->cell.start == CELL_START_WARM; i++)
        status = call_sleeps(subject, 0);
    return status;
}

int run_sleep(struct subject *subject, struct gbench_state *state)
{
    if (!state)
        return 0;
    gbench_pause(state);
    int status = prepare(subject);
    gbench_resume(state);
    return status ? status : call_sleeps(subject, TASK_NS);
}

/* ------------------------------------------------------------------------------------------- waiting */

struct watched {
    struct subject *subject;
    int status;
};

static void *wait_for_it(void *argument)
{
    struct watched *watched = argument;
    struct subject *subject = watched->subject;
    const long ns = WATCHED_TASK;
    struct grain_call_options options = options_of(subject, &ns);
    struct grain_future *future = NULL;
    options.report = NULL;
    watched->status = grain_apply_async(subject->pool, sleeps, NULL, 0, NULL, 0, &options, &future);
    if (watched->status == 0)
        watched->status = grain_future_get(future, GRAIN_FOREVER);
    grain_future_free(future);
    return NULL;
}

/* How often the other threads went to sleep so far: each time they had been woken. */
static uint64_t sleeps_of_others(void)
{
    struct rusage all = {0}, own = {0};
    getrusage(RUSAGE_SELF, &all);
    getrusage(RUSAGE_THREAD, &own);
    return (uint64_t)(all.ru_nvcsw - own.ru_nvcsw);
}

int run_waiting(struct subject *subject, struct gbench_state *state)
{
    struct watched watched = {.subject = subject};
    pthread_t thread;
    if (!state)
        return call_sleeps(subject, 0);
    int error = pthread_create(&thread, NULL, wait_for_it, &watched);
    if (error)
        return -error;
    sleep_ns(SETTLE_NS);
    uint64_t before = sleeps_of_others();
    sleep_ns(WATCH_NS);
    subject->phases.wakeups += sleeps_of_others() - before;
    error = pthread_join(thread, NULL);
    return error ? -error : watched.status;
}
