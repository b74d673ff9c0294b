/* SPDX-License-Identifier: MIT
 *
 * Bad inputs do not use up a pool: of many items every third crashes, by a signal, abort() or exit(); each fails
 * alone, the others' results arrive, and the pool works afterwards. Nor does it matter how often a worker is killed
 * while it waits. With the argument `long`: a hundred thousand items, and five seconds of kills.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "faults.h"

static size_t count = 900; /* of a map */
static uint64_t idle_ms = 300;
#define CALLS 300

static bool is_bad(size_t index)
{
    return index % 3 == 0;
}

static size_t bad_of(size_t all)
{
    return (all + 2) / 3;
}

static void crash(size_t index)
{
    switch (index / 3 % 3) {
    case 0:
        raise(SIGSEGV);
        break;
    case 1:
        abort();
    default:
        exit(3);
    }
}

static int crashes_at_thirds(const void *arg, void *result, struct grain_context *ctx)
{
    size_t value = *(const size_t *)arg;
    (void)ctx;
    if (is_bad(value))
        crash(value);
    *(size_t *)result = 3 * value + 1;
    return 0;
}

static int crashes_in_column(const void *const args[], void *result, struct grain_context *ctx)
{
    return crashes_at_thirds(args[0], result, ctx);
}

/* One item at a time lies in the chunk. */
static int crashes_in_chunk(const void *items, void *results, size_t n, struct grain_context *ctx)
{
    for (size_t i = 0; i < n; i++)
        crashes_at_thirds((const size_t *)items + i, (size_t *)results + i, ctx);
    return 0;
}

static struct grain_pool *pool_open(int workers)
{
    struct grain_pool *pool;
    struct grain_pool_options options = {.backend = "fork", .workers = workers};
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    return pool;
}

enum form { MAP, MAP_ASYNC, STARMAP, MAP_CHUNKS };

static bool is_in_a_row; /* the bad ones are the first third, not every third */

static size_t item_at(size_t index)
{
    if (!is_in_a_row)
        return index;
    return index < bad_of(count) ? 3 * index : 3 * index + 1;
}

static int call(struct grain_pool *pool, enum form form, const size_t *items, size_t *results,
                const struct grain_call_options *options)
{
    struct grain_in in = {items, count, sizeof *items};
    struct grain_out out = {results, sizeof *results};
    struct grain_column column = {items, sizeof *items, sizeof *items};
    struct grain_future *future;
    switch (form) {
    case MAP:
        return grain_map(pool, crashes_at_thirds, in, out, options);
    case STARMAP:
        return grain_starmap(pool, crashes_in_column, &column, 1, count, out, options);
    case MAP_CHUNKS:
        return grain_map_chunks(pool, crashes_in_chunk, in, out, options);
    default:
        assert_int_equal(grain_map_async(pool, crashes_at_thirds, in, out, options, &future), 0);
        int status = grain_future_get(future, GRAIN_FOREVER);
        grain_future_free(future);
        return status;
    }
}

static void map_checked(struct grain_pool *pool, enum form form, struct grain_call_options options)
{
    size_t *items = calloc(count, sizeof *items), *results = calloc(count, sizeof *results), right = 0, told = 0;
    int *codes = calloc(count, sizeof *codes);
    struct grain_report report = {.codes = codes};
    assert_true(items && results && codes);
    for (size_t i = 0; i < count; i++)
        items[i] = item_at(i);
    options.report = &report;
    assert_int_equal(call(pool, form, items, results, &options), GRAIN_TASK_FAILED);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(codes[i], is_bad(items[i]) ? -EOWNERDEAD : 0);
        right += codes[i] == 0 && results[i] == 3 * items[i] + 1;
        told += codes[i] == -EOWNERDEAD;
    }
    assert_int_equal(told, bad_of(count));
    assert_int_equal(right, count - told);
    assert_int_equal(report.failed, told);
    assert_int_equal(report.first.index, 0);
    assert_int_equal(report.first.signo, SIGSEGV);
    assert_true(worker_pid(pool) > 0);
    free(items);
    free(results);
    free(codes);
}

static void every_third_item_of_a_map_crashes(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_open(2);
    map_checked(pool, MAP, (struct grain_call_options){0});
    grain_pool_free(pool);
}

static void the_first_third_of_a_map_crashes(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_open(2);
    is_in_a_row = true;
    map_checked(pool, MAP, (struct grain_call_options){.chunk = 1, .schedule = GRAIN_SCHEDULE_DYNAMIC});
    is_in_a_row = false;
    grain_pool_free(pool);
}

static void every_form_and_schedule_bears_it(void **state)
{
    (void)state;
    size_t all = count;
    count = count < 600 ? count : 600;
    for (int workers = 1; workers <= 2; workers++) {
        struct grain_pool *pool = pool_open(workers);
        map_checked(pool, MAP_ASYNC, (struct grain_call_options){.schedule = schedules[workers]});
        map_checked(pool, STARMAP, (struct grain_call_options){.schedule = schedules[2 * workers - 2], .chunk = 7});
        map_checked(pool, MAP_CHUNKS, (struct grain_call_options){.schedule = GRAIN_SCHEDULE_DYNAMIC, .chunk = 1});
        map_checked(pool, MAP, (struct grain_call_options){.retries = 1, .chunk = 5});
        grain_pool_free(pool);
    }
    count = all;
}

static void queued_calls_crash_one_after_the_other(void **state)
{
    (void)state;
    size_t calls = count > 900 ? 1000 : CALLS;
    struct grain_future **futures = calloc(calls, sizeof(*futures));
    size_t *results = calloc(calls, sizeof *results);
    assert_true(futures && results);
    struct grain_pool *pool = pool_open(2);
    for (size_t i = 0; i < calls; i++)
        assert_int_equal(
            grain_apply_async(pool, crashes_at_thirds, &i, sizeof i, &results[i], sizeof results[i], NULL, &futures[i]),
            0);
    for (size_t i = 0; i < calls; i++) {
        assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), is_bad(i) ? GRAIN_TASK_FAILED : 0);
        if (is_bad(i))
            assert_int_equal(grain_future_error(futures[i])->code, -EOWNERDEAD);
        else
            assert_int_equal(results[i], 3 * i + 1);
        grain_future_free(futures[i]);
    }
    assert_true(worker_pid(pool) > 0);
    grain_pool_free(pool);
    free(futures);
    free(results);
}

static int next_number(void *source, void *item)
{
    size_t *given = source;
    memcpy(item, given, sizeof *given);
    return (*given)++ < CALLS;
}

static void iterators_and_single_calls_go_on(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_open(2);
    struct grain_iter *iter;
    size_t given = 0, result, index;
    assert_int_equal(grain_imap(pool, crashes_at_thirds, next_number, &given, sizeof given, sizeof result, NULL, &iter),
                     0);
    for (size_t i = 0; i < CALLS; i++)
        assert_int_equal(grain_iter_next(iter, &result, &index, GRAIN_FOREVER), is_bad(i) ? GRAIN_TASK_FAILED : 1);
    assert_int_equal(grain_iter_next(iter, &result, &index, GRAIN_FOREVER), 0);
    grain_iter_free(iter);
    for (size_t i = 0; i < 100; i++) {
        size_t value = 3 * i;
        assert_int_equal(grain_apply(pool, crashes_at_thirds, &value, sizeof value, &result, sizeof result, NULL),
                         GRAIN_TASK_FAILED);
    }
    assert_true(worker_pid(pool) > 0);
    grain_pool_free(pool);
}

static _Noreturn void hang(void)
{
    for (;;)
        pause();
}

static int hangs(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    hang();
}

static void tasks_that_hang_do_not_use_it_up_either(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_open(2);
    struct grain_report report = {0};
    struct grain_call_options options = {.task_timeout_ns = 2000000, .chunk = 1, .report = &report};
    struct grain_in in = {NULL, 60, 0};
    assert_int_equal(grain_map(pool, hangs, in, (struct grain_out){NULL, 0}, &options), GRAIN_TASK_FAILED);
    assert_int_equal(report.failed, 60);
    assert_int_equal(report.first.code, -ETIMEDOUT);
    assert_true(worker_pid(pool) > 0);
    grain_pool_free(pool);
}

static int tells_supervisor(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(pid_t *)result = getppid();
    return 0;
}

/* One that has looked for work and found none. On a busy machine a replacement may take longer than 3 ms to come that
 * far, and workers that die before they are ready do use up the pool. */
static bool is_asleep(pid_t pid)
{
    char path[64], state = '?';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *stat = fopen(path, "re");
    bool is_known = stat && fscanf(stat, "%*d %*s %c", &state) == 1;
    if (stat)
        fclose(stat);
    return is_known && state == 'S';
}

/* Any child of the supervisor: it has no others. */
static int worker_kill(pid_t supervisor)
{
    char path[64];
    pid_t pid;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)supervisor, (int)supervisor);
    FILE *list = fopen(path, "re");
    int is_killed = list && fscanf(list, "%d", &pid) == 1 && is_asleep(pid) && kill(pid, SIGKILL) == 0;
    if (list)
        fclose(list);
    return is_killed;
}

/* Every 3 ms. */
static void an_idle_pool_bears_any_number_of_kills(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++) {
        struct grain_pool *pool = pool_open(workers);
        pid_t supervisor;
        int kills = 0;
        assert_int_equal(grain_apply(pool, tells_supervisor, NULL, 0, &supervisor, sizeof supervisor, NULL), 0);
        for (uint64_t end = now_ms() + idle_ms; now_ms() < end || kills < 20; sleep_ms(3))
            kills += worker_kill(supervisor);
        print_message("%d workers: %d kills\n", workers, kills);
        assert_true(worker_pid(pool) > 0);
        grain_pool_free(pool);
    }
}

int main(int argc, char **argv)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* an image of each crash would take its time */
    if (argc > 1 && strcmp(argv[1], "long") == 0) {
        count = 100000;
        idle_ms = 5000;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_third_item_of_a_map_crashes),
        cmocka_unit_test(the_first_third_of_a_map_crashes),
        cmocka_unit_test(every_form_and_schedule_bears_it),
        cmocka_unit_test(queued_calls_crash_one_after_the_other),
        cmocka_unit_test(iterators_and_single_calls_go_on),
        cmocka_unit_test(tasks_that_hang_do_not_use_it_up_either),
        cmocka_unit_test(an_idle_pool_bears_any_number_of_kills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
