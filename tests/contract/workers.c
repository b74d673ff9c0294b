/* SPDX-License-Identifier: MIT
 *
 * Contract: the life of a worker. What is run before its first task and after its last, how long it lives, what it can
 * keep.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "contract.h"

#define COUNT   100
#define WORKERS 3

/* In memory that all processes share: what happened in the workers. */
static struct tally {
    _Atomic int tries, lives, ends; /* initializers begun, succeeded; finalizers */
    _Atomic int tasks_of[1000];     /* of the n-th life */
    int first_bad, last_bad;        /* the initializers that fail: the n-th to the m-th try */
} * tally;

/* What the initializer leaves for the tasks of one worker. */
struct life {
    int number, worker;
};

static int begin_life(void *argument, struct grain_context *ctx)
{
    int try = 1 + tally->tries++;
    void **state = grain_context_state(ctx);
    if (*state)
        return 1;
    *state = argument; /* a try that fails leaves nothing to the next one */
    if (try >= tally->first_bad && try <= tally->last_bad)
        return grain_context_fail(ctx, -EIO, "told to fail");
    struct life *life = malloc(sizeof *life);
    *life = (struct life){.number = tally->lives++, .worker = grain_context_worker(ctx)};
    *state = life;
    return 0;
}

static void end_life(void *argument, struct grain_context *ctx)
{
    struct life *life = *grain_context_state(ctx);
    if (*(const int *)argument == 42 && life->worker == grain_context_worker(ctx))
        tally->ends++;
    free(life);
}

/* 1 + its index; a failure where the worker was not initialized. */
static int live(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    const struct life *life = *grain_context_state(ctx);
    if (!life || life->worker != grain_context_worker(ctx))
        return 1;
    tally->tasks_of[life->number % 1000]++;
    *(int *)result = 1 + (int)grain_context_index(ctx);
    return 0;
}

static int live_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    (void)items;
    int *out = results, status = 0;
    for (size_t i = 0; i < count && status == 0; i++) {
        status = live(NULL, out + i, ctx);
        out[i] += (int)i;
    }
    return status;
}

static int argument = 42;

/* Opens a pool of workers that keep a tally, which starts anew. */
static int pool_open(struct grain_pool **pool, int workers, uint64_t max_tasks, int first_bad, int last_bad)
{
    memset(tally, 0, sizeof *tally);
    tally->first_bad = first_bad;
    tally->last_bad = last_bad;
    struct grain_pool_options options = options_with(workers);
    options.initializer = begin_life;
    options.finalizer = end_life;
    options.argument = &argument;
    options.max_tasks_per_worker = max_tasks;
    return grain_pool_open(pool, &options);
}

static void pool_end(struct grain_pool *pool)
{
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    grain_pool_free(pool);
}

static void map_lives(struct grain_pool *pool, enum grain_schedule schedule, int64_t chunk, bool in_chunks)
{
    int results[COUNT] = {0};
    struct grain_call_options options = {.chunk = chunk, .schedule = schedule};
    struct grain_in in = {NULL, COUNT, 0};
    struct grain_out out = {results, sizeof results[0]};
    assert_int_equal(in_chunks ? grain_map_chunks(pool, live_chunk, in, out, &options)
                               : grain_map(pool, live, in, out, &options),
                     0);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(results[i], i + 1);
}

static bool has_workers(void)
{
    return strcmp(backend, "fork") == 0 || strcmp(backend, "pthread") == 0;
}

/* ----------------------------------------------------------------------------------- initializers */

static void every_task_sees_what_the_initializer_did(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool;
    struct grain_future *futures[20];
    int results[20];
    assert_int_equal(pool_open(&pool, WORKERS, 0, 0, 0), 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(grain_apply_async(pool, live, NULL, 0, &results[i], sizeof results[i], NULL, &futures[i]), 0);
    map_lives(pool, GRAIN_SCHEDULE_DEFAULT, 1, false);
    map_lives(pool, GRAIN_SCHEDULE_DYNAMIC, 7, true);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), 0);
        assert_int_equal(results[i], 1);
        grain_future_free(futures[i]);
    }
    pool_end(pool);
}

static void initializer_and_finalizer_run_once_a_worker(void **state)
{
    (void)state;
    struct grain_pool *pool;
    assert_int_equal(pool_open(&pool, WORKERS, 0, 0, 0), 0);
    if (strcmp(backend, "null"))
        for (int i = 0; i < 5; i++)
            map_lives(pool, GRAIN_SCHEDULE_DEFAULT, 0, false);
    if (has_workers())
        assert_int_equal(tally->lives, WORKERS);
    else
        assert_in_range(tally->lives, 1, WORKERS);
    assert_int_equal(tally->ends, 0);
    pool_end(pool);
    assert_int_equal(tally->ends, tally->lives);
    assert_int_equal(tally->tries, tally->lives);
}

static void a_pool_that_is_never_used_ends_as_it_began(void **state)
{
    (void)state;
    struct grain_pool *pool;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(pool_open(&pool, WORKERS, 0, 0, 0), 0);
        pool_end(pool);
        assert_int_equal(tally->ends, tally->lives);
    }
}

static void an_initializer_that_fails_is_tried_again(void **state)
{
    (void)state;
    struct grain_pool *pool;
    assert_int_equal(pool_open(&pool, WORKERS, 0, 1, 3), 0);
    if (strcmp(backend, "null"))
        map_lives(pool, GRAIN_SCHEDULE_DEFAULT, 1, false);
    assert_int_equal(tally->tries, tally->lives + 3);
    pool_end(pool);
    assert_int_equal(tally->ends, tally->lives);
}

static void an_initializer_that_only_fails_is_bounded(void **state)
{
    (void)state;
    struct grain_pool *pool = NULL;
    uint64_t start = now_ns();
    int status = pool_open(&pool, WORKERS, 0, 1, 1000000);
    if (status == 0) { /* its threads are seen in the first call */
        assert_string_equal(backend, "openmp");
        assert_int_equal(apply_twice(pool, 1), -ENOTRECOVERABLE);
        assert_int_equal(apply_twice(pool, 1), -ENOTRECOVERABLE);
        pool_end(pool);
    } else {
        assert_int_equal(status, -ENOTRECOVERABLE);
        assert_null(pool);
    }
    assert_in_range(tally->tries, 1, 4 * WORKERS);
    assert_int_equal(tally->ends, 0);
    assert_true(now_ns() - start < 10000000000u);
}

static int takes_a_seat(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    void **state = grain_context_state(ctx);
    *(int *)result = *state != NULL;
    *state = &argument;
    return 0;
}

static void what_a_task_keeps_stays_with_its_worker(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(WORKERS);
    int results[COUNT], empty = 0;
    struct grain_call_options options = {.chunk = 1};
    assert_int_equal(grain_map(pool, takes_a_seat, (struct grain_in){NULL, COUNT, 0},
                               (struct grain_out){results, sizeof results[0]}, &options),
                     0);
    for (int i = 0; i < COUNT; i++)
        empty += !results[i];
    assert_in_range(empty, 1, WORKERS); /* one, the first, a worker that took part */
    grain_pool_free(pool);
}

/* The second life of a worker, in the place of the one that its initializer began. */
static int begins_anew(const void *arg, void *result, struct grain_context *ctx)
{
    void **state = grain_context_state(ctx);
    struct life *life = *state;
    (void)arg;
    (void)result;
    *state = malloc(sizeof *life);
    *(struct life *)*state = *life;
    free(life);
    return 0;
}

static void the_finalizer_gets_what_the_last_task_left(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool;
    struct grain_call_options options = {.chunk = 1};
    assert_int_equal(pool_open(&pool, WORKERS, 0, 0, 0), 0);
    assert_int_equal(
        grain_map(pool, begins_anew, (struct grain_in){NULL, COUNT, 0}, (struct grain_out){NULL, 0}, &options), 0);
    pool_end(pool);
    assert_int_equal(tally->ends, tally->lives);
}

/* ------------------------------------------------------------------------------- workers that are replaced */

static void max_tasks_is_refused_where_workers_stay(void **state)
{
    (void)state;
    struct grain_pool *pool = NULL;
    int status = pool_open(&pool, WORKERS, 10, 0, 0);
    assert_int_equal(status, has_workers() ? 0 : -ENOTSUP);
    grain_pool_free(pool);
}

/* No life has more chunks than it may; there were so many lives at least. */
static void lives_check(int most, int least_lives)
{
    assert_true(tally->lives >= least_lives);
    for (int i = 0; i < 1000 && i < tally->lives; i++)
        assert_true(tally->tasks_of[i] <= most);
}

static void a_map_changes_its_workers(void **state)
{
    (void)state;
    needs("replaces");
    static const struct {
        enum grain_schedule schedule;
        int64_t chunk;
        bool in_chunks;
        uint64_t max_tasks;
        int most_tasks; /* of one life */
    } cases[] = {
        {GRAIN_SCHEDULE_DEFAULT, 1, false, 10, 10}, {GRAIN_SCHEDULE_DYNAMIC, 1, false, 10, 10},
        {GRAIN_SCHEDULE_STATIC, 1, false, 10, 10},  {GRAIN_SCHEDULE_STATIC, 4, false, 2, 8},
        {GRAIN_SCHEDULE_STEAL, 3, false, 3, 9},     {GRAIN_SCHEDULE_STEAL, 5, true, 1, 5},
        {GRAIN_SCHEDULE_DYNAMIC, 5, true, 2, 10},   {GRAIN_SCHEDULE_GUIDED, 1, false, 1, COUNT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct grain_pool *pool;
        struct grain_pool_stats stats;
        assert_int_equal(pool_open(&pool, WORKERS, cases[i].max_tasks, 0, 0), 0);
        map_lives(pool, cases[i].schedule, cases[i].chunk, cases[i].in_chunks);
        assert_int_equal(grain_pool_stats(pool, &stats), 0);
        assert_int_equal(stats.replaced, 0); /* nobody died */
        pool_end(pool);
        assert_true(tally->lives > WORKERS);
        lives_check(cases[i].most_tasks, COUNT / cases[i].most_tasks);
        assert_int_equal(tally->ends, tally->lives);
    }
}

static void single_tasks_change_their_workers(void **state)
{
    (void)state;
    needs("replaces");
    struct grain_pool *pool;
    int result;
    assert_int_equal(pool_open(&pool, WORKERS, 2, 0, 0), 0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(grain_apply(pool, live, NULL, 0, &result, sizeof result, NULL), 0);
    pool_end(pool);
    lives_check(2, 20);
    assert_int_equal(tally->ends, tally->lives);
}

static void one_task_a_worker_with_early_close_and_join_delivers_all(void **state)
{
    (void)state;
    needs("replaces");
    struct grain_pool *pool;
    struct grain_future *futures[40];
    int results[40] = {0};
    assert_int_equal(pool_open(&pool, WORKERS, 1, 0, 0), 0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(grain_apply_async(pool, live, NULL, 0, &results[i], sizeof results[i], NULL, &futures[i]), 0);
    pool_end(pool);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(grain_future_get(futures[i], 0), 0);
        assert_int_equal(results[i], 1);
        grain_future_free(futures[i]);
    }
    lives_check(1, 40);
    assert_int_equal(tally->ends, tally->lives);
}

static void a_replacement_that_cannot_come_to_be_ends_the_pool(void **state)
{
    (void)state;
    needs("replaces");
    struct grain_pool *pool;
    int results[COUNT];
    struct grain_call_options options = {.chunk = 1};
    assert_int_equal(pool_open(&pool, WORKERS, 5, WORKERS + 3, 1000000), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(grain_map(pool, live, (struct grain_in){NULL, COUNT, 0},
                                   (struct grain_out){results, sizeof results[0]}, &options),
                         -ENOTRECOVERABLE);
    assert_int_equal(apply_twice(pool, 1), -ENOTRECOVERABLE);
    assert_in_range(tally->tries, WORKERS + 4, 6 * WORKERS);
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_sees_what_the_initializer_did),
        cmocka_unit_test(initializer_and_finalizer_run_once_a_worker),
        cmocka_unit_test(a_pool_that_is_never_used_ends_as_it_began),
        cmocka_unit_test(an_initializer_that_fails_is_tried_again),
        cmocka_unit_test(an_initializer_that_only_fails_is_bounded),
        cmocka_unit_test(what_a_task_keeps_stays_with_its_worker),
        cmocka_unit_test(the_finalizer_gets_what_the_last_task_left),
        cmocka_unit_test(max_tasks_is_refused_where_workers_stay),
        cmocka_unit_test(a_map_changes_its_workers),
        cmocka_unit_test(single_tasks_change_their_workers),
        cmocka_unit_test(one_task_a_worker_with_early_close_and_join_delivers_all),
        cmocka_unit_test(a_replacement_that_cannot_come_to_be_ends_the_pool),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
