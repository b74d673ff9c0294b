/* SPDX-License-Identifier: MIT
 *
 * task_timeout_ns where workers are processes: what takes too long is stopped, and nothing else is.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "planned.h"

#define LIMIT_MS  100u
#define HANG_MS   20000  /* far more than a test may take */
#define PATIENCE  10000u /* however busy the machine */
#define MS_OF(ms) ((uint64_t)(ms)*1000000u)

static void hanging_tasks_are_stopped_and_all_others_right(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(2);
    for (size_t round = 0; round < 2 * FORMS; round++) {
        enum form form = (enum form)(round % FORMS);
        int64_t chunk_tasks = round < FORMS ? 1 : 50;
        struct grain_report report = {.codes = codes};
        struct grain_call_options options = {
            .chunk = chunk_tasks, .report = &report, .retries = 3, .task_timeout_ns = MS_OF(LIMIT_MS)};
        plan_clear();
        plan->ms[333] = plan->ms[805] = HANG_MS;
        uint64_t start = now_ms();
        assert_int_equal(planned_run(pool, form, COUNT, &options), GRAIN_TASK_FAILED);
        assert_true(now_ms() - start < PATIENCE);
        assert_true(now_ms() - start >= LIMIT_MS);
        size_t lost = form == FORM_CHUNKS ? (size_t)chunk_tasks : 1;
        assert_int_equal(report.failed, 2 * lost);
        for (size_t i = 0; i < COUNT; i++) {
            bool is_late = i / lost == 333 / lost || i / lost == 805 / lost;
            assert_int_equal(codes[i], is_late ? -ETIMEDOUT : 0);
            assert_true(is_late || results[i] == 3 * (int)i);
            assert_true(plan->begun[i] <= 1);
        }
        assert_int_equal(report.first.index, 333 / lost * lost);
        assert_int_equal(report.first.signo, SIGKILL);
        assert_non_null(strstr(report.first.message, "100.000 ms"));
    }
    grain_pool_free(pool);
}

static void it_is_stopped_in_time(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(2);
    struct grain_call_options options = {.task_timeout_ns = MS_OF(LIMIT_MS)};
    uint64_t least = UINT64_MAX;
    int result;
    plan_clear();
    plan->ms[0] = HANG_MS;
    for (int i = 0; i < 5; i++) {
        uint64_t start = now_ms();
        assert_int_equal(grain_apply(pool, planned_call, &numbers[0], sizeof(int), &result, sizeof result, &options),
                         GRAIN_TASK_FAILED);
        uint64_t took = now_ms() - start;
        assert_true(took >= LIMIT_MS);
        least = took < least ? took : least;
    }
    print_message("stopped and told of after %llu ms; the limit is %u ms\n", (unsigned long long)least, LIMIT_MS);
    assert_true(least < 3 * LIMIT_MS); /* 1.25 x + 10 ms is the promise; here it may be busy */
    grain_pool_free(pool);
}

/* More of them in a row than the pool bears of other deaths. */
static void timeouts_do_not_end_the_pool(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(1);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.chunk = 20, .report = &report, .task_timeout_ns = MS_OF(10)};
    plan_clear();
    for (int i = 0; i < 30; i++)
        plan->ms[i] = HANG_MS;
    assert_int_equal(planned_run(pool, FORM_MAP, 30, &options), GRAIN_TASK_FAILED);
    for (int i = 0; i < 30; i++)
        assert_int_equal(codes[i], -ETIMEDOUT);
    assert_int_equal(report.failed, 30);
    assert_true(worker_pid(pool) > 0);
    grain_pool_free(pool);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* When each task was begun. Shared. */
static uint64_t *begun_ns;

/* A little less than the limit of 10 ms up to a little more. */
static int ends_about_then(const void *arg, void *result, struct grain_context *ctx)
{
    int number = *(const int *)arg;
    (void)ctx;
    begun_ns[number] = now_ns();
    nanosleep(&(struct timespec){.tv_nsec = 9000000 + number % 16 * 100000}, NULL);
    *(int *)result = 3 * number;
    return 0;
}

/* Tasks of a chunk are begun one after the other, also when one of them is stopped: what was stopped, or told of as
 * late, has had its time when the next is begun (half of it: the worker may have been off its CPU before the task noted
 * when it began). The supervisor often comes just when a task has ended. */
static void a_task_that_ends_just_in_time_is_left_alone(void **state)
{
    (void)state;
    begun_ns = mmap(NULL, COUNT * sizeof *begun_ns, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(begun_ns != MAP_FAILED);
    struct grain_pool *pool = fork_pool(4);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {
        .schedule = GRAIN_SCHEDULE_STATIC, .chunk = 50, .report = &report, .task_timeout_ns = MS_OF(10)};
    plan_clear();
    int status = grain_map(pool, ends_about_then, (struct grain_in){numbers, COUNT, sizeof(int)},
                           (struct grain_out){results, sizeof(int)}, &options);
    assert_true(status == 0 || status == GRAIN_TASK_FAILED);
    struct grain_pool_stats stats;
    assert_int_equal(grain_pool_stats(pool, &stats), 0);
    print_message("%zu of %d late, %llu of them stopped\n", report.failed, COUNT, (unsigned long long)stats.replaced);
    for (int i = 0; i < COUNT; i++) {
        assert_true(codes[i] == 0 || codes[i] == -ETIMEDOUT);
        if (codes[i] == 0)
            assert_int_equal(results[i], 3 * i);
        else if (i % 50 != 49)
            assert_true(begun_ns[i + 1] - begun_ns[i] >= options.task_timeout_ns / 2);
    }
    assert_true(stats.replaced <= report.failed);
    munmap(begun_ns, COUNT * sizeof *begun_ns);
    grain_pool_free(pool);
}

/* With time enough none is touched, however often it is looked at. */
static void a_task_that_has_time_is_left_alone(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(3);
    struct grain_call_options options = {.chunk = 5, .task_timeout_ns = MS_OF(PATIENCE)};
    struct grain_pool_stats stats;
    plan_clear();
    for (int i = 0; i < 150; i++)
        plan->ms[i] = 5;
    assert_int_equal(planned_run(pool, FORM_MAP, 150, &options), 0);
    assert_int_equal(grain_pool_stats(pool, &stats), 0);
    assert_int_equal(stats.replaced, 0);
    grain_pool_free(pool);
}

/* A worker that somebody has stopped does not end its task in time. */
static int stops_itself(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    if (*(const int *)arg == 400)
        kill(getpid(), SIGSTOP);
    *(int *)result = 3 * *(const int *)arg;
    return 0;
}

static void a_stopped_worker_is_replaced(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(2);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.chunk = 50, .report = &report, .task_timeout_ns = MS_OF(LIMIT_MS)};
    plan_clear();
    assert_int_equal(grain_map(pool, stops_itself, (struct grain_in){numbers, COUNT, sizeof(int)},
                               (struct grain_out){results, sizeof(int)}, &options),
                     GRAIN_TASK_FAILED);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(codes[i], i == 400 ? -ETIMEDOUT : 0);
        assert_true(i == 400 || results[i] == 3 * i);
    }
    grain_pool_free(pool);
}

static void a_queued_call_that_hangs_is_stopped_alone(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(2);
    static struct grain_future *futures[COUNT];
    struct grain_call_options limited = {.task_timeout_ns = MS_OF(LIMIT_MS)};
    plan_clear();
    plan->ms[3] = plan->ms[500] = HANG_MS;
    plan->ms[4] = 3 * LIMIT_MS; /* as long as it likes: no limit */
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(grain_apply_async(pool, planned_call, &numbers[i], sizeof(int), &results[i], sizeof(int),
                                           i == 4 ? NULL : &limited, &futures[i]),
                         0);
    uint64_t start = now_ms();
    for (int i = 0; i < COUNT; i++) {
        bool is_late = i == 3 || i == 500;
        assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), is_late ? GRAIN_TASK_FAILED : 0);
        if (is_late)
            assert_int_equal(grain_future_error(futures[i])->code, -ETIMEDOUT);
        else
            assert_int_equal(results[i], 3 * i);
        grain_future_free(futures[i]);
    }
    assert_true(now_ms() - start < PATIENCE);
    grain_pool_free(pool);
}

/* Two calls at once, one of them without a limit. */
static void *limited_call(void *argument)
{
    struct grain_call_options options = {.task_timeout_ns = MS_OF(LIMIT_MS)};
    int result;
    static int status;
    status = grain_apply(argument, planned_call, &numbers[0], sizeof(int), &result, sizeof result, &options);
    return &status;
}

static void a_call_without_a_limit_beside_one_is_left_alone(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(2);
    plan_clear();
    plan->ms[0] = HANG_MS;
    plan->ms[1] = 4 * LIMIT_MS;
    pthread_t other;
    int result;
    void *status;
    assert_int_equal(pthread_create(&other, NULL, limited_call, pool), 0);
    assert_int_equal(grain_apply(pool, planned_call, &numbers[1], sizeof(int), &result, sizeof result, NULL), 0);
    assert_int_equal(result, 3);
    pthread_join(other, &status);
    assert_int_equal(*(int *)status, GRAIN_TASK_FAILED);
    grain_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hanging_tasks_are_stopped_and_all_others_right),
        cmocka_unit_test(it_is_stopped_in_time),
        cmocka_unit_test(timeouts_do_not_end_the_pool),
        cmocka_unit_test(a_task_that_ends_just_in_time_is_left_alone),
        cmocka_unit_test(a_task_that_has_time_is_left_alone),
        cmocka_unit_test(a_stopped_worker_is_replaced),
        cmocka_unit_test(a_queued_call_that_hangs_is_stopped_alone),
        cmocka_unit_test(a_call_without_a_limit_beside_one_is_left_alone),
    };
    return cmocka_run_group_tests(tests, plan_make, NULL);
}
