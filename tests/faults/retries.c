/* SPDX-License-Identifier: MIT
 *
 * retries: what a worker was in when it died is run again, as often as the call says, and nothing else is.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "planned.h"

/* Of a task that dies so many times; retries 2. In chunk form the first death is the chunk's. */
static void retries_check(const struct grain_report *report, enum form form, int64_t chunk_tasks)
{
    size_t failed = 0, first = SIZE_MAX;
    assert_false(plan->has_seen_wrong_index);
    for (size_t i = 0; i < COUNT; i++) {
        bool is_dead = plan->deaths[i] > 2;
        assert_int_equal(codes[i], is_dead ? -EOWNERDEAD : 0);
        if (!is_dead)
            assert_int_equal(results[i], 3 * i);
        int most = plan->deaths[i] > 2 ? 3 : plan->deaths[i] + 1;
        if (form != FORM_CHUNKS || chunk_tasks == 1)
            assert_int_equal(plan->begun[i], most);
        else
            assert_true(plan->begun[i] >= 1 && plan->begun[i] <= 3);
        failed += is_dead;
        first = is_dead && first == SIZE_MAX ? i : first;
    }
    assert_int_equal(report->failed, failed);
    if (failed) {
        assert_int_equal(report->first.index, first);
        assert_int_equal(report->first.code, -EOWNERDEAD);
    }
}

/* has_doomed: some die for ever. In chunk form a death is that of all items of the chunk. */
static void deaths_plan(enum form form, bool has_doomed)
{
    plan_clear();
    for (int i = 0; i < COUNT; i += 83)
        plan->deaths[i] = has_doomed && i % 4 == 2 ? COUNT : form == FORM_CHUNKS ? 1 : 1 + i % 2;
    plan->deaths[COUNT - 1] = form == FORM_CHUNKS ? 1 : 2;
}

static void a_task_that_dies_twice_succeeds_the_third_time(void **state)
{
    (void)state;
    for (size_t round = 0; round < SCHEDULES * FORMS * 2; round++) {
        struct grain_pool *pool = fork_pool(1 + (int)(round / 2) % 3);
        enum form form = (enum form)(round / SCHEDULES % FORMS);
        struct grain_report report = {.codes = codes};
        struct grain_call_options options = {.chunk = round < SCHEDULES * FORMS ? 1 : 50,
                                             .schedule = schedules[round % SCHEDULES],
                                             .report = &report,
                                             .retries = 2};
        deaths_plan(form, round % 3 == 0);
        int status = planned_run(pool, form, COUNT, &options);
        assert_int_equal(status, round % 3 == 0 ? GRAIN_TASK_FAILED : 0);
        /* a guided claim is as long as it likes */
        bool is_one = options.chunk == 1 && options.schedule != GRAIN_SCHEDULE_GUIDED;
        retries_check(&report, form, is_one ? 1 : 50);
        grain_pool_free(pool);
    }
}

static void without_codes_and_alone_too(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(2);
    struct grain_call_options options = {.retries = 1};
    plan_clear();
    plan->deaths[0] = plan->deaths[700] = 1;
    assert_int_equal(planned_run(pool, FORM_MAP, COUNT, &options), 0);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(results[i], 3 * i);
    for (int retries = 0; retries <= 3; retries++) {
        plan_clear();
        plan->deaths[0] = 2;
        int result = -1;
        options.retries = retries;
        assert_int_equal(grain_apply(pool, planned_task, &numbers[0], sizeof(int), &result, sizeof result, &options),
                         retries < 2 ? GRAIN_TASK_FAILED : 0);
        assert_int_equal(plan->begun[0], retries < 2 ? retries + 1 : 3);
        assert_true(retries < 2 || result == 0);
    }
    grain_pool_free(pool);
}

/* Each worker dies more often in a row than the pool bears without retries. */
static void many_retries_of_one_task_do_not_end_the_pool(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(1);
    struct grain_call_options options = {.retries = 40};
    int result;
    plan_clear();
    plan->deaths[0] = 40;
    assert_int_equal(grain_apply(pool, planned_task, &numbers[0], sizeof(int), &result, sizeof result, &options), 0);
    assert_int_equal(plan->begun[0], 41);
    assert_true(worker_pid(pool) > 0);
    /* nor where all tasks die of it every time */
    struct grain_report report = {0};
    plan_clear();
    for (int i = 0; i < COUNT; i++)
        plan->deaths[i] = COUNT;
    options = (struct grain_call_options){.chunk = 1, .retries = 2, .report = &report};
    assert_int_equal(planned_run(pool, FORM_MAP, COUNT, &options), GRAIN_TASK_FAILED);
    assert_int_equal(report.failed, COUNT);
    assert_true(worker_pid(pool) > 0);
    grain_pool_free(pool);
}

static void every_queued_call_has_its_own_retries(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(3);
    static struct grain_future *futures[COUNT];
    plan_clear();
    for (int i = 0; i < COUNT; i++) {
        struct grain_call_options options = {.retries = i % 3};
        plan->deaths[i] = i % 50 == 7 ? 1 : i % 50 == 29 ? 2 : 0;
        assert_int_equal(grain_apply_async(pool, planned_call, &numbers[i], sizeof(int), &results[i], sizeof(int),
                                           &options, &futures[i]),
                         0);
    }
    for (int i = 0; i < COUNT; i++) {
        bool is_dead = plan->deaths[i] > i % 3;
        assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), is_dead ? GRAIN_TASK_FAILED : 0);
        assert_int_equal(plan->begun[i], is_dead ? i % 3 + 1 : plan->deaths[i] + 1);
        if (is_dead)
            assert_int_equal(grain_future_error(futures[i])->code, -EOWNERDEAD);
        else
            assert_int_equal(results[i], 3 * i);
        grain_future_free(futures[i]);
    }
    assert_false(plan->has_seen_wrong_index);
    grain_pool_free(pool);
}

static int fails_then_dies(const void *arg, void *result, struct grain_context *ctx)
{
    (void)result;
    plan->begun[*(const int *)arg]++;
    grain_context_fail(ctx, 5, "no");
    kill(getpid(), SIGKILL);
    return 0;
}

static void what_had_failed_by_itself_is_not_run_again(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(2);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.retries = 5, .report = &report};
    plan_clear();
    assert_int_equal(grain_map(pool, fails_then_dies, (struct grain_in){numbers, 3, sizeof(int)},
                               (struct grain_out){NULL, 0}, &options),
                     GRAIN_TASK_FAILED);
    for (int i = 0; i < 3; i++)
        assert_int_equal(plan->begun[i], 1);
    grain_pool_free(pool);
}

/* A storm of kills from outside: with enough retries every task is delivered in the end. */
static void *storm_main(void *argument)
{
    _Atomic pid_t *pid = argument;
    for (pid_t now; (now = *pid) >= 0; sleep_ms(2))
        if (now > 0)
            kill(now, SIGKILL);
    return NULL;
}

static _Atomic pid_t *victim; /* whoever ran a task last */

static int registers(const void *arg, void *result, struct grain_context *ctx)
{
    pid_t before = *victim;
    if (before >= 0)
        atomic_compare_exchange_strong(victim, &before, getpid());
    for (volatile int i = 0; i < 20000; i++)
        ;
    return planned_task(arg, result, ctx);
}

static void kills_from_outside_are_made_good(void **state)
{
    (void)state;
    victim = mmap(NULL, sizeof *victim, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(victim != MAP_FAILED);
    struct grain_pool *pool = fork_pool(3);
    pthread_t killer;
    assert_int_equal(pthread_create(&killer, NULL, storm_main, victim), 0);
    for (size_t round = 0; round < 40; round++) {
        struct grain_call_options options = {
            .chunk = 1 + (int64_t)(round % 2) * 9, .schedule = schedules[round % SCHEDULES], .retries = 1000};
        plan_clear();
        assert_int_equal(grain_map(pool, registers, (struct grain_in){numbers, COUNT, sizeof(int)},
                                   (struct grain_out){results, sizeof(int)}, &options),
                         0);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(results[i], 3 * i);
    }
    *victim = -1;
    pthread_join(killer, NULL);
    struct grain_pool_stats stats;
    assert_int_equal(grain_pool_stats(pool, &stats), 0);
    print_message("%llu workers replaced\n", (unsigned long long)stats.replaced);
    assert_true(stats.replaced > 10);
    grain_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_dies_twice_succeeds_the_third_time),
        cmocka_unit_test(without_codes_and_alone_too),
        cmocka_unit_test(many_retries_of_one_task_do_not_end_the_pool),
        cmocka_unit_test(every_queued_call_has_its_own_retries),
        cmocka_unit_test(what_had_failed_by_itself_is_not_run_again),
        cmocka_unit_test(kills_from_outside_are_made_good),
    };
    return cmocka_run_group_tests(tests, plan_make, NULL);
}
