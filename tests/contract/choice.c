/* SPDX-License-Identifier: MIT
 *
 * Contract: chunk 0, the pool's own choice. Whatever it finds out while it runs, every task runs once, results and
 * failures stand where they belong, and nobody waits for a task that happened to be measured.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "contract.h"

#define MOST 5000

/* In memory that all processes share. */
static struct seen {
    _Atomic unsigned char runs[MOST];
    _Atomic int total, others_were_through;
} * seen;

static int32_t items[MOST], results[MOST];

static void forget(void)
{
    memset((void *)seen, 0, sizeof *seen);
    memset(results, 0, sizeof results);
    for (int i = 0; i < MOST; i++)
        items[i] = i;
}

static void count_run(size_t index)
{
    atomic_fetch_add(&seen->runs[index], 1);
    atomic_fetch_add(&seen->total, 1);
}

static void assert_all_ran(size_t count)
{
    for (size_t i = 0; i < MOST; i++)
        if (atomic_load(&seen->runs[i]) != (i < count))
            fail_msg("%s: task %zu of %zu ran %d times", backend, i, count, atomic_load(&seen->runs[i]));
}

static int one(const void *arg, void *result, struct grain_context *ctx)
{
    count_run(grain_context_index(ctx));
    *(int32_t *)result = 3 * *(const int32_t *)arg + 1;
    return 0;
}

static int one_star(const void *const *args, void *result, struct grain_context *ctx)
{
    return one(args[0], result, ctx);
}

static int some(const void *arg, void *result, size_t count, struct grain_context *ctx)
{
    for (size_t i = 0; i < count; i++) {
        count_run(grain_context_index(ctx) + i);
        ((int32_t *)result)[i] = 3 * ((const int32_t *)arg)[i] + 1;
    }
    return 0;
}

static int wait_for(struct grain_future *future)
{
    int status = grain_future_get(future, GRAIN_FOREVER);
    grain_future_free(future);
    return status;
}

/* The forms of a call. */
enum form { MAP, MAP_CHUNKS, STARMAP, MAP_ASYNC, MAP_CHUNKS_ASYNC, STARMAP_ASYNC, FORMS };

static int run(struct grain_pool *pool, enum form form, size_t count, const struct grain_call_options *options)
{
    const struct grain_in in = {items, count, sizeof items[0]};
    const struct grain_out out = {results, sizeof results[0]};
    const struct grain_column column = {items, sizeof items[0], sizeof items[0]};
    struct grain_future *future = NULL;
    int status = 0;
    switch (form) {
    case MAP:
        return grain_map(pool, one, in, out, options);
    case MAP_CHUNKS:
        return grain_map_chunks(pool, some, in, out, options);
    case STARMAP:
        return grain_starmap(pool, one_star, &column, 1, count, out, options);
    case MAP_ASYNC:
        status = grain_map_async(pool, one, in, out, options, &future);
        break;
    case MAP_CHUNKS_ASYNC:
        status = grain_map_chunks_async(pool, some, in, out, options, &future);
        break;
    default:
        status = grain_starmap_async(pool, one_star, &column, 1, count, out, options, &future);
    }
    return status ? status : wait_for(future);
}

static void check_once(struct grain_pool *pool, enum form form, size_t count, enum grain_schedule schedule)
{
    const struct grain_call_options options = {.schedule = schedule};
    forget();
    assert_int_equal(run(pool, form, count, &options), 0);
    assert_all_ran(count);
    for (size_t i = 0; i < MOST; i++)
        assert_int_equal(results[i], i < count ? 3 * (int32_t)i + 1 : 0);
}

static void every_task_runs_once(void **state)
{
    (void)state;
    needs("runs tasks");
    /* up to 64 tasks a worker are claimed one by one; more have a pilot */
    static const size_t counts[] = {0, 1, 3, 64, 65, 128, 129, 193, 997, MOST};
    static const int workers[] = {1, 2, 3};
    for (size_t w = 0; w < sizeof workers / sizeof workers[0]; w++) {
        struct grain_pool *pool = pool_with(workers[w]);
        for (int s = 0; s < GRAIN_SCHEDULE_COUNT; s++)
            for (size_t n = 0; n < sizeof counts / sizeof counts[0] && has_schedule((enum grain_schedule)s); n++)
                for (int form = 0; form < FORMS; form++)
                    check_once(pool, (enum form)form, counts[n], (enum grain_schedule)s);
        grain_pool_free(pool);
    }
}

/* ---------------------------------------------------------------------------------- what goes wrong */

static int fails_at_some(const void *arg, void *result, struct grain_context *ctx)
{
    static const int32_t failing[] = {0, 5, 300, 2999};
    int32_t item = *(const int32_t *)arg;
    one(arg, result, ctx);
    for (size_t i = 0; i < sizeof failing / sizeof failing[0]; i++)
        if (item == failing[i])
            return grain_context_fail(ctx, 40 + item, "told so");
    return 0;
}

static void failures_stand_where_they_belong(void **state)
{
    (void)state;
    needs("runs tasks");
    enum { COUNT = 3000 };
    static int codes[COUNT];
    struct grain_pool *pool = pool_with(2);
    for (int s = 0; s < GRAIN_SCHEDULE_COUNT; s++) {
        struct grain_report report = {.codes = codes};
        const struct grain_call_options options = {.schedule = (enum grain_schedule)s, .report = &report};
        if (!has_schedule((enum grain_schedule)s))
            continue;
        forget();
        assert_int_equal(grain_map(pool, fails_at_some, (struct grain_in){items, COUNT, sizeof items[0]},
                                   (struct grain_out){results, sizeof results[0]}, &options),
                         GRAIN_TASK_FAILED);
        assert_all_ran(COUNT);
        assert_int_equal(report.failed, 4);
        assert_int_equal(report.first.index, 0);
        assert_int_equal(report.first.code, 40);
        assert_string_equal(report.first.message, "told so");
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(codes[i], i == 0 || i == 5 || i == 300 || i == 2999 ? 40 + i : 0);
    }
    grain_pool_free(pool);
}

static int naps_at_three(const void *arg, void *result, struct grain_context *ctx)
{
    if (*(const int32_t *)arg == 3)
        sleep_ms(100);
    return one(arg, result, ctx);
}

/* A task of the pilot has its limit too. */
static void a_task_that_takes_too_long_fails_alone(void **state)
{
    (void)state;
    needs("runs tasks");
    needs("limits");
    enum { COUNT = 1000 };
    struct grain_report report = {0};
    const struct grain_call_options options = {.task_timeout_ns = 20000000, .report = &report};
    struct grain_pool *pool = pool_with(2);
    forget();
    assert_int_equal(grain_map(pool, naps_at_three, (struct grain_in){items, COUNT, sizeof items[0]},
                               (struct grain_out){results, sizeof results[0]}, &options),
                     GRAIN_TASK_FAILED);
    assert_int_equal(report.failed, 1);
    assert_int_equal(report.first.index, 3);
    assert_int_equal(report.first.code, -ETIMEDOUT);
    for (int i = 0; i < COUNT; i++)
        assert_true(i == 3 || results[i] == 3 * i + 1);
    grain_pool_free(pool);
}

/* ------------------------------------------------------------------------------------------ balance */

static int first_waits_for_others(const void *arg, void *result, struct grain_context *ctx)
{
    enum { COUNT = 2000, LEFT = COUNT / 16 };
    for (int i = 0; *(const int32_t *)arg == 0 && i < 20000; i++) {
        if (atomic_load(&seen->total) >= COUNT - LEFT) {
            atomic_store(&seen->others_were_through, 1);
            break;
        }
        sleep_ms(1);
    }
    return one(arg, result, ctx);
}

/* Nobody waits for the first task, though it is the first that is measured: but for what was claimed with it, all
 * others are through before it is. */
static void nobody_waits_for_a_long_first_task(void **state)
{
    (void)state;
    needs("parallel");
    struct grain_pool *pool = pool_with(2);
    forget();
    assert_int_equal(grain_map(pool, first_waits_for_others, (struct grain_in){items, 2000, sizeof items[0]},
                               (struct grain_out){results, sizeof results[0]}, NULL),
                     0);
    assert_all_ran(2000);
    assert_int_equal(atomic_load(&seen->others_were_through), 1);
    grain_pool_free(pool);
}

/* ------------------------------------------------------------------------------------ begin and end */

static int initialize(void *argument, struct grain_context *ctx)
{
    (void)argument;
    *grain_context_state(ctx) = &items[7];
    return 0;
}

static int needs_its_state(const void *arg, void *result, struct grain_context *ctx)
{
    if (*grain_context_state(ctx) != &items[7])
        return 9;
    return one(arg, result, ctx);
}

static void every_worker_is_initialized_before_its_first_task(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool;
    struct grain_pool_options options = options_with(3);
    options.initializer = initialize;
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    forget();
    assert_int_equal(grain_map(pool, needs_its_state, (struct grain_in){items, MOST, sizeof items[0]},
                               (struct grain_out){results, sizeof results[0]}, NULL),
                     0);
    assert_all_ran(MOST);
    grain_pool_free(pool);
}

static int naps(const void *arg, void *result, struct grain_context *ctx)
{
    sleep_ms(2);
    return one(arg, result, ctx);
}

static void *map_of_naps(void *pool)
{
    return (void *)(intptr_t)grain_map(pool, naps, (struct grain_in){items, MOST, sizeof items[0]},
                                       (struct grain_out){results, sizeof results[0]}, NULL);
}

static void terminate_ends_a_pilot(void **state)
{
    (void)state;
    needs("cancel");
    struct grain_pool *pool = pool_with(2);
    pthread_t caller;
    void *status;
    forget();
    assert_int_equal(pthread_create(&caller, NULL, map_of_naps, pool), 0);
    for (int i = 0; i < 5000 && atomic_load(&seen->total) == 0; i++)
        sleep_ms(1);
    assert_int_equal(grain_pool_terminate(pool), 0);
    pthread_join(caller, &status);
    assert_int_equal((intptr_t)status, -ECANCELED);
    assert_int_equal(grain_pool_join(pool), 0);
    assert_in_range(atomic_load(&seen->total), 1, MOST - 1);
    for (size_t i = 0; i < MOST; i++)
        assert_true(atomic_load(&seen->runs[i]) <= 1);
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seen == MAP_FAILED)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(failures_stand_where_they_belong),
        cmocka_unit_test(a_task_that_takes_too_long_fails_alone),
        cmocka_unit_test(nobody_waits_for_a_long_first_task),
        cmocka_unit_test(every_worker_is_initialized_before_its_first_task),
        cmocka_unit_test(terminate_ends_a_pilot),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
