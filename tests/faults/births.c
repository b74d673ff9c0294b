/* SPDX-License-Identifier: MIT
 *
 * Workers die while they come to be, and while they are replaced as planned: every replacement is initialized before
 * its first task, what cannot come to be is bounded, and no task is lost or run twice.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "faults.h"

#define COUNT 600

/* In memory that all processes share. */
static struct tally {
    _Atomic int births, ends;
    int dies_from; /* from the n-th on an initializer's process dies; 0: none does */
    int signo;     /* by that; 0: it exits with 0 */
    int refuses;   /* the n-th initializer fails; 0: none does */
    bool is_fatal; /* finalizers die */
} * tally;

static int be_born(void *argument, struct grain_context *ctx)
{
    int birth = 1 + tally->births++;
    if (tally->dies_from && birth >= tally->dies_from) {
        if (tally->signo)
            kill(getpid(), tally->signo);
        _exit(0);
    }
    *grain_context_state(ctx) = argument;
    return birth == tally->refuses;
}

static void end_well(void *argument, struct grain_context *ctx)
{
    tally->ends += *grain_context_state(ctx) == argument;
    if (tally->is_fatal)
        kill(getpid(), SIGKILL);
}

static int open_born(struct grain_pool **pool, int workers, uint64_t max_tasks, int dies_from, int signo)
{
    static int argument;
    memset(tally, 0, sizeof *tally);
    tally->dies_from = dies_from;
    tally->signo = signo;
    struct grain_pool_options options = {.backend = "fork",
                                         .workers = workers,
                                         .initializer = be_born,
                                         .finalizer = end_well,
                                         .argument = &argument,
                                         .max_tasks_per_worker = max_tasks};
    return grain_pool_open(pool, &options);
}

/* Counts its visits; fails where the worker was not initialized; kills its worker where arg says so. */
static int visit(const void *arg, void *result, struct grain_context *ctx)
{
    if (!*grain_context_state(ctx))
        return 1;
    ++*(unsigned char *)result;
    if (*(const unsigned char *)arg)
        kill(getpid(), SIGKILL);
    return 0;
}

static unsigned char kills[COUNT];
static int codes[COUNT];

/* A map in which some tasks kill their workers; only they are lost. */
static void map_with_deaths(struct grain_pool *pool, enum grain_schedule schedule, int64_t chunk, size_t every)
{
    unsigned char *visits;
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.chunk = chunk, .schedule = schedule, .report = &report};
    assert_int_equal(grain_alloc(pool, COUNT, (void **)&visits), 0);
    for (size_t i = 0; i < COUNT; i++)
        kills[i] = i % every == every - 1;
    assert_int_equal(
        grain_map(pool, visit, (struct grain_in){kills, COUNT, 1}, (struct grain_out){visits, 1}, &options),
        GRAIN_TASK_FAILED);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(visits[i], 1);
        assert_int_equal(codes[i], kills[i] ? -EOWNERDEAD : 0);
    }
    grain_release(pool, visits);
}

static void the_replacement_of_a_killed_worker_is_initialized_again(void **state)
{
    (void)state;
    struct grain_pool *pool;
    struct grain_pool_stats stats;
    assert_int_equal(open_born(&pool, 3, 0, 0, 0), 0);
    assert_int_equal(tally->births, 3);
    for (size_t s = 0; s < SCHEDULES; s++)
        map_with_deaths(pool, schedules[s], 1 + (int64_t)s * 3, 50);
    for (uint64_t i = 1; i <= 5; i++) {
        kill(worker_pid(pool), SIGKILL); /* idle: nobody waits for its replacement but us */
        uint64_t start = now_ms();
        do {
            sleep_ms(1);
            assert_int_equal(grain_pool_stats(pool, &stats), 0);
        } while (stats.replaced < SCHEDULES * COUNT / 50 + i && now_ms() - start < 10000);
        assert_int_equal(stats.replaced, SCHEDULES * COUNT / 50 + i);
    }
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    assert_int_equal(tally->births, 3 + SCHEDULES * COUNT / 50 + 5);
    assert_int_equal(tally->ends, 3); /* the killed ones had none */
    grain_pool_free(pool);
}

static void deaths_between_planned_ends_lose_nothing(void **state)
{
    (void)state;
    struct grain_pool *pool;
    struct grain_pool_stats stats;
    for (size_t s = 0; s < SCHEDULES; s++) {
        assert_int_equal(open_born(&pool, 3, 7, 0, 0), 0);
        map_with_deaths(pool, schedules[s], 1, 30);
        map_with_deaths(pool, schedules[s], 4, 30);
        assert_int_equal(grain_pool_stats(pool, &stats), 0);
        assert_int_equal(stats.replaced, 2 * COUNT / 30); /* planned ends are not counted */
        assert_int_equal(grain_pool_close(pool), 0);
        assert_int_equal(grain_pool_join(pool), 0);
        assert_int_equal(tally->ends, tally->births - 2 * COUNT / 30);
        grain_pool_free(pool);
    }
}

static void an_initializer_that_dies_is_bounded_at_open(void **state)
{
    (void)state;
    static const int signals[] = {SIGSEGV, SIGKILL, 0};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct grain_pool *pool;
        uint64_t start = now_ms();
        assert_int_equal(open_born(&pool, 2, 0, 1, signals[i]), -ENOTRECOVERABLE);
        assert_null(pool);
        assert_in_range(tally->births, 2, 20);
        assert_true(now_ms() - start < 10000);
    }
}

static void a_replacement_that_refuses_does_not_hide_how_the_one_before_died(void **state)
{
    (void)state;
    struct grain_pool *pool;
    struct grain_report report = {0};
    struct grain_call_options options = {.report = &report};
    unsigned char byte = 1, out = 0;
    pid_t pid;
    assert_int_equal(open_born(&pool, 1, 0, 0, 0), 0);
    tally->refuses = 2;
    assert_int_equal(grain_apply(pool, tells_pid, NULL, 0, &pid, sizeof pid, NULL), 0);
    assert_int_equal(grain_apply(pool, visit, &byte, 1, &out, 1, &options), GRAIN_TASK_FAILED);
    assert_int_equal(tally->births, 3);
    assert_int_equal(report.first.code, -EOWNERDEAD);
    assert_int_equal(report.first.signo, SIGKILL);
    assert_int_equal(report.first.pid, pid);
    grain_pool_free(pool);
}

static void a_worker_that_dies_in_its_finalizer_at_close_is_not_replaced(void **state)
{
    (void)state;
    struct grain_pool *pool;
    assert_int_equal(open_born(&pool, 3, 0, 0, 0), 0);
    tally->is_fatal = true;
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    grain_pool_free(pool);
    assert_int_equal(tally->births, 3);
    assert_int_equal(tally->ends, 3);
}

static void an_initializer_that_dies_is_bounded_in_replacements(void **state)
{
    (void)state;
    struct grain_pool *pool;
    uint64_t start = now_ms();
    unsigned char byte = 1, out = 0;
    pid_t pid;
    assert_int_equal(open_born(&pool, 2, 0, 3, SIGSEGV), 0);
    assert_int_equal(grain_apply(pool, visit, &byte, 1, &out, 1, NULL), -ENOTRECOVERABLE);
    for (int i = 0; i < 200; i++) /* more than there are descriptors */
        assert_int_equal(grain_apply(pool, tells_pid, NULL, 0, &pid, sizeof pid, NULL), -ENOTRECOVERABLE);
    assert_in_range(tally->births, 3, 20);
    assert_true(now_ms() - start < 10000);
    grain_pool_free(pool);
}

static void a_terminate_runs_no_finalizer(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct grain_pool *pool;
        assert_int_equal(open_born(&pool, 2, 0, 0, 0), 0);
        grain_pool_free(pool);
        assert_int_equal(tally->ends, 0);
    }
}

int main(void)
{
    tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_replacement_of_a_killed_worker_is_initialized_again),
        cmocka_unit_test(deaths_between_planned_ends_lose_nothing),
        cmocka_unit_test(an_initializer_that_dies_is_bounded_at_open),
        cmocka_unit_test(a_replacement_that_refuses_does_not_hide_how_the_one_before_died),
        cmocka_unit_test(a_worker_that_dies_in_its_finalizer_at_close_is_not_replaced),
        cmocka_unit_test(an_initializer_that_dies_is_bounded_in_replacements),
        cmocka_unit_test(a_terminate_runs_no_finalizer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
