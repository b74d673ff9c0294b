/* SPDX-License-Identifier: MIT
 *
 * See scenarios.h.
 */
#include "scenarios.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grain.h"
#include "shim.h"

#define COUNT   300
#define CALLS   40
#define WORKERS 2

static const char *complaint;
static pid_t caller;
static char complaint_text[128];

const char *scenario_complaint(void)
{
    return complaint;
}

static void complain(const char *what, int status)
{
    if (complaint)
        return;
    snprintf(complaint_text, sizeof complaint_text, "%s (status %d: %s)", what, status, grain_strerror(status));
    complaint = complaint_text;
}

/* An error is told as a negative errno value; that tasks failed would be a lie. */
static int told(const char *what, int status, int *first)
{
    if (status > 0 || status == GRAIN_TASK_FAILED)
        complain(what, status);
    if (status && *first == 0)
        *first = status;
    return status;
}

static int numbers[COUNT], results[COUNT];

static int triples(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    *(int *)result = 3 * *(const int *)arg;
    return 0;
}

static int adds(const void *const args[], void *result, struct grain_context *ctx)
{
    (void)ctx;
    *(int *)result = 2 * *(const int *)args[0] + *(const int *)args[1];
    return 0;
}

static int triples_chunk(const void *items, void *result, size_t count, struct grain_context *ctx)
{
    for (size_t i = 0; i < count; i++)
        triples((const int *)items + i, (int *)result + i, ctx);
    return 0;
}

static void results_check(const char *what, int status, size_t count)
{
    for (size_t i = 0; i < count && status == 0; i++)
        if (results[i] != 3 * (int)i)
            complain(what, status);
    memset(results, 0xff, sizeof results);
}

/* ------------------------------------------------------------------------------------------ calls */

static int map_all(struct grain_pool *pool)
{
    struct grain_in in = {numbers, COUNT, sizeof(int)};
    struct grain_out out = {results, sizeof(int)};
    struct grain_call_options options = {.chunk = 7};
    const struct grain_column columns[] = {{numbers, sizeof(int), sizeof(int)}, {numbers, sizeof(int), sizeof(int)}};
    int first = 0, status = told("map", grain_map(pool, triples, in, out, &options), &first);
    results_check("map", status, COUNT);
    status = told("map_chunks", grain_map_chunks(pool, triples_chunk, in, out, &options), &first);
    results_check("map_chunks", status, COUNT);
    status = told("starmap", grain_starmap(pool, adds, columns, 2, COUNT, out, &options), &first);
    results_check("starmap", status, COUNT);
    status = told("apply", grain_apply(pool, triples, numbers, sizeof(int), results, sizeof(int), NULL), &first);
    results_check("apply", status, 1);
    return first;
}

static _Atomic int callbacks;

static void on_result(void *user, const void *result, size_t count)
{
    (void)user;
    (void)result;
    (void)count;
    callbacks++;
}

static void on_error(void *user, const struct grain_error *error)
{
    (void)user;
    if (error->code >= 0 || error->code == GRAIN_TASK_FAILED)
        complain("an error callback", error->code);
    callbacks++;
}

static int async_all(struct grain_pool *pool)
{
    struct grain_future *futures[CALLS];
    struct grain_in in = {numbers, COUNT, sizeof(int)};
    struct grain_out out = {results, sizeof(int)};
    struct grain_call_options called = {.callback = on_result, .error_callback = on_error};
    int first = 0, accepted = 0;
    callbacks = 0;
    for (int i = 0; i < CALLS; i++) {
        int status = told("apply_async",
                          grain_apply_async(pool, triples, &numbers[i], sizeof(int), &results[i], sizeof(int),
                                            i % 8 == 3 ? &called : NULL, &futures[i]),
                          &first);
        accepted += status == 0 && i % 8 == 3;
        if (status)
            futures[i] = NULL;
    }
    for (int i = 0; i < CALLS; i++) {
        if (!futures[i])
            continue;
        int status = told("a future", grain_future_get(futures[i], GRAIN_FOREVER), &first);
        if (status == 0 && results[i] != 3 * i)
            complain("apply_async", status);
        grain_future_free(futures[i]);
    }
    if (callbacks != accepted)
        complain("callbacks", callbacks);
    struct grain_future *future;
    int status = told("map_async", grain_map_async(pool, triples, in, out, NULL, &future), &first);
    if (status == 0) {
        status = told("map_async's future", grain_future_get(future, GRAIN_FOREVER), &first);
        results_check("map_async", status, COUNT);
        grain_future_free(future);
    }
    return first;
}

static int next_number(void *source, void *item)
{
    int *given = source;
    *(int *)item = *given;
    return (*given)++ < CALLS;
}

static int iterate(struct grain_pool *pool)
{
    struct grain_iter *iter;
    int given = 0, first = 0, result;
    size_t index, seen = 0;
    if (told("imap", grain_imap(pool, triples, next_number, &given, sizeof(int), sizeof(int), NULL, &iter), &first))
        return first;
    for (int i = 0; i < 4 * CALLS; i++) { /* an error may come for each item, then the end */
        int status = grain_iter_next(iter, &result, &index, GRAIN_FOREVER);
        if (status == 0)
            break;
        if (status < 0)
            told("iter_next", status, &first);
        else if (index != seen++ && first == 0)
            complain("the order of imap", (int)index);
        else if (result != 3 * (int)index)
            complain("imap", result);
    }
    if (first == 0 && seen != CALLS)
        complain("items of imap", (int)seen);
    grain_iter_free(iter);
    return first;
}

static int dies_at_five(const void *arg, void *result, struct grain_context *ctx)
{
    if (grain_context_index(ctx) == 5 && getpid() != caller)
        raise(SIGKILL);
    if (grain_context_index(ctx) == 5)
        pthread_exit(NULL);
    return triples(arg, result, ctx);
}

/* A replacement is forked, or a thread started, while something fails: its task is lost, no other. */
static int lose_a_worker(struct grain_pool *pool)
{
    static int codes[CALLS];
    int first = 0;
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.report = &report, .chunk = 1, .task_timeout_ns = 1000000000000};
    int status = grain_map(pool, dies_at_five, (struct grain_in){numbers, CALLS, sizeof(int)},
                           (struct grain_out){results, sizeof(int)}, &options);
    if (status != GRAIN_TASK_FAILED && told("a map with a death", status, &first))
        return first;
    for (int i = 0; i < CALLS; i++)
        if (codes[i] != (i == 5 ? -EOWNERDEAD : 0) || (i != 5 && results[i] != 3 * i))
            complain("a task beside a death", codes[i]);
    return 0;
}

/* ----------------------------------------------------------------------------------------- scenarios */

static int begins(void *argument, struct grain_context *ctx)
{
    *grain_context_state(ctx) = argument;
    return 0;
}

static void ends(void *argument, struct grain_context *ctx)
{
    if (*grain_context_state(ctx) != argument)
        complain("a finalizer's state", 0);
}

static int pool_run(const struct scenario *scenario)
{
    struct grain_pool *pool;
    struct grain_pool_options options = {.backend = scenario->backend, .workers = WORKERS};
    if (scenario->is_whole) {
        options.initializer = begins;
        options.finalizer = ends;
        options.argument = numbers;
        options.max_tasks_per_worker = 50;
    }
    complaint = NULL;
    caller = getpid();
    for (int i = 0; i < COUNT; i++)
        numbers[i] = i;
    int first = 0;
    if (told("open", grain_pool_open(&pool, &options), &first))
        return first;
    void *memory;
    if (told("alloc", grain_alloc(pool, 100000, &memory), &first) == 0)
        grain_release(pool, memory);
    bool is_fork = strcmp(scenario->backend, "fork") == 0, is_serial = strcmp(scenario->backend, "serial") == 0;
    bool may_lose = is_fork ? scenario->is_whole : !is_serial;
    int statuses[] = {map_all(pool), async_all(pool), iterate(pool), may_lose ? lose_a_worker(pool) : 0};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        first = first ? first : statuses[i];
    if (first) {
        shim_disarm(); /* what failed was one call: the pool works */
        if (map_all(pool) || async_all(pool) || iterate(pool))
            complain("the pool does not work any more after", first);
    }
    told("close", grain_pool_close(pool), &first);
    told("join", grain_pool_join(pool), &first);
    grain_pool_free(pool);
    return first;
}

static int says_five(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    return 5;
}

static int process_run(const struct scenario *scenario)
{
    struct grain_process *process;
    int first = 0, code = 0;
    (void)scenario;
    complaint = NULL;
    if (told("process_start", grain_process_start(&process, NULL, says_five, NULL, 0), &first))
        return first;
    if (told("process_join", grain_process_join(process, GRAIN_FOREVER), &first) == 0 &&
        (grain_process_exitcode(process, &code) || code != 5))
        complain("exitcode", code);
    grain_process_free(process);
    return first;
}

/* Does everything wrong that the walk must find. */
static int careless_run(const struct scenario *scenario)
{
    (void)scenario;
    complaint = NULL;
    char *first = malloc(16), *second = first ? malloc(16) : NULL;
    if (!second)
        return -ENOMEM; /* and `first` is lost */
    char *third = malloc(16);
    *(volatile char *)third = 0; /* crashes */
    FILE *file = fopen("/dev/null", "re");
    free(third);
    free(second);
    free(first);
    while (!file) /* hangs */
        sleep(1);
    fclose(file);
    return 0;
}

const struct scenario scenarios[] = {
    {.name = "serial", .backend = "serial", .run = pool_run},
    {.name = "fork", .backend = "fork", .run = pool_run},
    {.name = "fork-whole", .backend = "fork", .is_whole = true, .run = pool_run},
    {.name = "pthread", .backend = "pthread", .run = pool_run},
    {.name = "pthread-whole", .backend = "pthread", .is_whole = true, .run = pool_run},
    {.name = "openmp", .backend = "openmp", .run = pool_run},
    /* a driver thread's own, what is known of the cores, and the page that tells a forked child */
    {.name = "openmp-first", .backend = "openmp", .is_cold = true, .kept = 3, .run = pool_run},
    {.name = "process", .run = process_run},
    {.name = "careless", .is_hidden = true, .limit_ms = 500, .run = careless_run},
};
const size_t scenario_count = sizeof scenarios / sizeof scenarios[0];
