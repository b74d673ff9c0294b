/* SPDX-License-Identifier: MIT
 *
 * A worker dies, sleeps or yields at each named point of the hand-over code (inject.h), on every
 * schedule: every task is delivered right or reported dead, none twice, none missing, nothing hangs.
 * Built against grain_inject, the library with its points switched on.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "faults.h"
#include "sys/inject.h"

enum action { ACT_KILL, ACT_SLEEP, ACT_YIELD };

/* In memory that all processes share. Every `every`-th pass of a worker through `point` acts. */
static struct plan {
    char point[32];
    enum action action;
    unsigned every;
    pid_t host;
    _Atomic unsigned passes, acts;
} * plan;

void inject_at(const char *point)
{
    if (!plan || getpid() == plan->host || strcmp(plan->point, point) != 0)
        return;
    if (++plan->passes % plan->every)
        return;
    plan->acts++;
    if (plan->action == ACT_KILL)
        kill(getpid(), SIGKILL);
    else if (plan->action == ACT_SLEEP)
        usleep(200);
    else
        sched_yield();
}

#define COUNT 2100 /* at chunk 1 too many for one worker alone, at chunk 7 not (team/submit.c) */
static int codes[COUNT];

static void spin(int turns)
{
    for (volatile int i = 0; i < turns; i++)
        ;
}

static int visit(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    ++*(unsigned char *)result;
    spin(20);
    return 0;
}

/* Short tasks, and at the end a row of long ones: whoever has them in hand is asked to give some back. */
static int visit_long(const void *arg, void *result, struct grain_context *ctx)
{
    bool is_long = grain_context_index(ctx) >= COUNT - 60;
    spin(is_long ? 30000 : 0);
    return visit(arg, result, ctx);
}

static int visit_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    (void)items;
    for (size_t i = 0; i < count; i++)
        visit(NULL, (unsigned char *)results + i, ctx);
    return 0;
}

/* Only where work is given back does it take long tasks, which take long; it happens about once a map. */
static bool is_about_giving(const char *point)
{
    return strncmp(point, "give", 4) == 0 || strncmp(point, "thief", 5) == 0;
}

static void map_checked(struct grain_pool *pool, unsigned char *visits, size_t round)
{
    bool is_long = is_about_giving(plan->point);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.chunk = round % 3 == 1 ? 7 : 1,
                                         .schedule = is_long ? GRAIN_SCHEDULE_STEAL : schedules[round % SCHEDULES],
                                         .report = &report,
                                         .retries = round % 4 < 2 ? 0 : COUNT};
    struct grain_in in = {NULL, COUNT, 0};
    struct grain_out out = {visits, 1};
    memset(visits, 0, COUNT);
    int status = round % 5 == 4 ? grain_map_chunks(pool, visit_chunk, in, out, &options)
                 : is_long      ? grain_map(pool, visit_long, in, out, &options)
                                : grain_map(pool, visit, in, out, &options);
    if (status != 0 && status != GRAIN_TASK_FAILED)
        fail_msg("at %s: status %d", plan->point, status);
    for (size_t i = 0; i < COUNT; i++) {
        if (codes[i] == 0 && (visits[i] == 1 || (options.retries && visits[i] > 1)))
            continue;
        if (codes[i] != -EOWNERDEAD || visits[i] > 1 || options.retries)
            fail_msg("at %s, schedule %s: task %zu ran %d times, code %d", plan->point,
                     grain_schedule_name(options.schedule), i, visits[i], codes[i]);
    }
}

/* Single tasks, one after the other. */
static void apply_checked(struct grain_pool *pool, unsigned char *visits)
{
    memset(visits, 0, COUNT);
    for (size_t i = 0; i < 20; i++) {
        struct grain_report report = {0};
        struct grain_call_options options = {.report = &report};
        int status = grain_apply(pool, visit, NULL, 0, visits + i, 1, &options);
        if (status == 0 && visits[i] == 1 && report.failed == 0)
            continue;
        if (status != GRAIN_TASK_FAILED || visits[i] > 1 || report.first.code != -EOWNERDEAD || report.failed != 1)
            fail_msg("at %s: a single task ran %d times, status %d", plan->point, visits[i], status);
    }
}

static uint64_t max_tasks; /* of the pools to come */

static unsigned point_tried(const char *point, enum action action, unsigned every, int rounds)
{
    strncpy(plan->point, point, sizeof plan->point - 1);
    plan->action = action;
    plan->every = every;
    plan->passes = plan->acts = 0;
    plan->host = getpid();
    struct grain_pool *pool;
    struct grain_pool_options options = {.backend = "fork", .workers = 3, .max_tasks_per_worker = max_tasks};
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    unsigned char *visits;
    assert_int_equal(grain_alloc(pool, COUNT, (void **)&visits), 0);
    for (int round = 0; round < rounds; round++) {
        map_checked(pool, visits, (size_t)round);
        apply_checked(pool, visits);
    }
    plan->point[0] = '\0'; /* the storm is over: the pool works */
    assert_true(worker_pid(pool) > 0);
    grain_pool_free(pool);
    return plan->acts;
}

static const char *const points[] = {
#define NAME(point) #point,
    INJECT_POINTS(NAME)
#undef NAME
};
#define POINTS (sizeof points / sizeof points[0])

static bool is_replacements(const char *point)
{
    return strncmp(point, "recover", 7) == 0;
}

/* Reached only after a kill between two certain points: once.c. */
static bool is_looking(const char *point)
{
    return strncmp(point, "look", 4) == 0;
}

static void a_kill_at_any_point_loses_nothing_and_runs_nothing_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < POINTS; i++) {
        if (is_replacements(points[i]) || is_looking(points[i]))
            continue; /* reached only after another kill: below */
        unsigned kills;
        if (is_about_giving(points[i])) {
            kills = point_tried(points[i], ACT_KILL, 1, 40);
        } else {
            kills = point_tried(points[i], ACT_KILL, 29, 20);
            if (kills < 20)
                kills += point_tried(points[i], ACT_KILL, 3, 8);
        }
        print_message("%-18s %u kills\n", points[i], kills);
        assert_true(kills > 0);
    }
}

static void a_kill_among_workers_that_are_replaced_as_planned_loses_nothing(void **state)
{
    (void)state;
    max_tasks = 150;
    for (size_t i = 0; i < POINTS; i++)
        point_tried(points[i], ACT_KILL, is_about_giving(points[i]) || is_replacements(points[i]) ? 3 : 29, 4);
    max_tasks = 0;
}

/* Tasks that kill their worker, so that there are replacements, which are killed in turn. */
static int dies_at_times(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    ++*(unsigned char *)result;
    if (grain_context_index(ctx) % 50 == 31)
        kill(getpid(), SIGKILL);
    return 0;
}

static void a_kill_of_a_replacement_runs_nothing_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < POINTS; i++) {
        if (!is_replacements(points[i]))
            continue;
        strcpy(plan->point, points[i]);
        *plan = (struct plan){.action = ACT_KILL, .every = 4, .host = getpid()};
        strcpy(plan->point, points[i]);
        struct grain_pool *pool = fork_pool(3);
        unsigned char *visits;
        assert_int_equal(grain_alloc(pool, COUNT, (void **)&visits), 0);
        for (size_t round = 0; round < 8; round++) {
            struct grain_report report = {.codes = codes};
            struct grain_call_options options = {.chunk = 1 + (int64_t)(round % 2) * 9,
                                                 .schedule = schedules[round % SCHEDULES],
                                                 .report = &report,
                                                 .retries = round < SCHEDULES ? 0 : 2};
            memset(visits, 0, COUNT);
            assert_int_equal(grain_map(pool, dies_at_times, (struct grain_in){NULL, COUNT, 0},
                                       (struct grain_out){visits, 1}, &options),
                             GRAIN_TASK_FAILED);
            for (size_t k = 0; k < COUNT; k++) {
                assert_in_range(visits[k], 1, k % 50 == 31 ? 1 + options.retries : 1);
                assert_int_equal(codes[k], k % 50 == 31 ? -EOWNERDEAD : 0);
            }
        }
        print_message("%-18s %u kills\n", points[i], plan->acts);
        assert_true(plan->acts > 0);
        grain_pool_free(pool);
    }
}

/* Replacements that never settle anything end the pool after a bounded number; what has ended is told right. */
static void replacements_that_never_get_anywhere_end_the_pool(void **state)
{
    (void)state;
    static const char *const fatal[] = {"recover_begun", "recover_marked", "piece_begun", "single_begun",
                                        "recover_moved_on"};
    for (size_t i = 0; i < 2 * sizeof fatal / sizeof fatal[0]; i++) {
        const char *point = fatal[i / 2];
        bool is_single = strcmp(point, "single_begun") == 0, is_borne = strcmp(point, "recover_moved_on") == 0;
        *plan = (struct plan){.action = ACT_KILL, .every = 1, .host = getpid()};
        struct grain_pool *pool = fork_pool(2);
        unsigned char *visits;
        assert_int_equal(grain_alloc(pool, COUNT, (void **)&visits), 0);
        struct grain_report report = {.codes = codes};
        struct grain_call_options options = {
            .schedule = schedules[i % SCHEDULES], .chunk = i % 2 ? 9 : 1, .report = &report};
        size_t count = is_single ? 1 : COUNT, failed = 0;
        strcpy(plan->point, point);
        int status = is_single ? grain_apply(pool, visit, NULL, 0, visits, 1, &options)
                               : grain_map(pool, dies_at_times, (struct grain_in){NULL, COUNT, 0},
                                           (struct grain_out){visits, 1}, &options);
        plan->point[0] = '\0';
        assert_int_equal(status, is_borne ? GRAIN_TASK_FAILED : -ENOTRECOVERABLE);
        for (size_t k = 0; k < count; k++) {
            assert_in_range(visits[k], codes[k] ? 0 : 1, 1);
            failed += codes[k] != 0;
        }
        assert_int_equal(report.failed, failed);
        assert_true(plan->acts > 2 && (is_borne || plan->acts < 30));
        grain_pool_free(pool);
    }
}

#define STOPPED 40

/* The last of a piece: it returns when the pool has been told to stop, and its worker dies right after it. */
static int ends_after_the_stop(const void *arg, void *result, struct grain_context *ctx)
{
    sigset_t term;
    (void)arg;
    ++*(unsigned char *)result;
    if (grain_context_index(ctx) + 1 < STOPPED)
        return 0;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    for (plan->passes = 1; plan->passes; usleep(100)) /* until terminate has returned */
        ;
    strcpy(plan->point, "piece_run");
    return 0;
}

static void *terminates(void *pool)
{
    while (plan->passes == 0)
        usleep(100);
    assert_int_equal(grain_pool_terminate(pool), 0);
    plan->passes = 0;
    return NULL;
}

static void what_a_stopped_worker_has_run_is_told_as_run(void **state)
{
    (void)state;
    *plan = (struct plan){.action = ACT_KILL, .every = 1, .host = getpid()};
    struct grain_pool *pool;
    struct grain_pool_options pool_options = {.backend = "fork", .workers = 1, .grace_ns = 10000000000u};
    assert_int_equal(grain_pool_open(&pool, &pool_options), 0);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.schedule = GRAIN_SCHEDULE_DYNAMIC, .chunk = STOPPED, .report = &report};
    unsigned char visits[STOPPED] = {0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, terminates, pool), 0);
    int status = grain_map(pool, ends_after_the_stop, (struct grain_in){NULL, STOPPED, 0},
                           (struct grain_out){visits, 1}, &options);
    pthread_join(thread, NULL);
    assert_int_equal(plan->acts, 1);
    assert_int_equal(status, -ECANCELED);
    assert_int_equal(report.failed, 1); /* it is told as if it had been in its last task */
    assert_int_equal(report.first.index, STOPPED - 1);
    for (size_t i = 0; i < STOPPED - 1; i++)
        assert_true(codes[i] == 0 && visits[i] == 1);
    plan->point[0] = '\0';
    grain_pool_free(pool);
}

static void a_pause_at_any_point_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < POINTS; i++) {
        point_tried(points[i], ACT_SLEEP, 11, 10);
        point_tried(points[i], ACT_YIELD, 2, 10);
    }
}

static int shared_plan(void **state)
{
    (void)state;
    plan = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return plan == MAP_FAILED;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kill_at_any_point_loses_nothing_and_runs_nothing_twice),
        cmocka_unit_test(a_kill_among_workers_that_are_replaced_as_planned_loses_nothing),
        cmocka_unit_test(a_kill_of_a_replacement_runs_nothing_twice),
        cmocka_unit_test(replacements_that_never_get_anywhere_end_the_pool),
        cmocka_unit_test(what_a_stopped_worker_has_run_is_told_as_run),
        cmocka_unit_test(a_pause_at_any_point_changes_nothing),
    };
    return cmocka_run_group_tests(tests, shared_plan, NULL);
}
