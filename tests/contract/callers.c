/* SPDX-License-Identifier: MIT
 *
 * Contract: who may use a pool from where. Forked children, workers, many threads, several pools, and
 * what tasks see of the caller's memory.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

static void a_handle_in_a_forked_child_is_refused(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_with(2);
    pid_t child = fork();
    if (child == 0) {
        struct grain_pool_stats stats;
        void *memory;
        bool is_refused = apply_twice(pool, 1) == -EPERM && grain_pool_close(pool) == -EPERM &&
                          grain_pool_terminate(pool) == -EPERM && grain_pool_join(pool) == -EPERM &&
                          grain_alloc(pool, 8, &memory) == -EPERM && grain_pool_stats(pool, &stats) == -EPERM;
        grain_pool_free(pool);
        _exit(is_refused ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(apply_twice(pool, 21), strcmp(backend, "null") ? 42 : -1);
    grain_pool_free(pool);
}

static int opens_a_pool(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    struct grain_pool *inner = NULL;
    struct grain_pool_options options = {.backend = "serial", .allow_nested = *(const int *)arg};
    int status = grain_pool_open(&inner, &options);
    *(int *)result = status ? status : apply_twice(inner, 4);
    grain_pool_free(inner);
    return 0;
}

static void a_pool_in_a_worker_needs_to_be_allowed(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    int allowed[] = {0, 1}, results[2];
    struct grain_in in = {allowed, 2, sizeof allowed[0]};
    assert_int_equal(grain_map(pool, opens_a_pool, in, (struct grain_out){results, sizeof results[0]}, NULL), 0);
    assert_int_equal(results[0], -EDEADLK);
    assert_int_equal(results[1], 8);
    grain_pool_free(pool);
}

static struct grain_pool *own_pool;

static int calls_its_own_pool(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    int *results = result;
    results[0] = apply_twice(own_pool, 1);
    results[1] = grain_pool_join(own_pool);
    grain_pool_free(own_pool);
    return 0;
}

static void a_task_cannot_wait_for_its_own_pool(void **state)
{
    (void)state;
    needs("runs tasks");
    own_pool = pool_with(2);
    /* A forked worker has the handle only when it was there before the pool; give it that. */
    int results[2] = {1, 1};
    int status = grain_apply(own_pool, calls_its_own_pool, NULL, 0, results, sizeof results, NULL);
    assert_int_equal(status, 0);
    int expected = is_fork() ? -EINVAL : -EDEADLK; /* fork: its copy of own_pool is still NULL */
    assert_int_equal(results[0], expected);
    assert_int_equal(results[1], expected);
    assert_int_equal(apply_twice(own_pool, 5), 10);
    grain_pool_free(own_pool);
    own_pool = NULL;
}

static void *many_calls(void *argument)
{
    struct grain_pool *pool = argument;
    intptr_t wrong = 0;
    for (int i = 0; i < 200; i++) {
        int in[50], out[50];
        for (int k = 0; k < 50; k++)
            in[k] = i * k;
        struct grain_call_options options = {.chunk = 1 + i % 7};
        wrong += grain_map(pool, twice, (struct grain_in){in, 50, sizeof in[0]}, (struct grain_out){out, sizeof out[0]},
                           &options) != 0;
        for (int k = 0; k < 50; k++)
            wrong += out[k] != 2 * i * k;
        wrong += apply_twice(pool, i) != 2 * i;
    }
    return (void *)wrong;
}

static void sixteen_callers_share_one_pool(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(3);
    pthread_t callers[16];
    for (int i = 0; i < 16; i++)
        assert_int_equal(pthread_create(&callers[i], NULL, many_calls, pool), 0);
    for (int i = 0; i < 16; i++) {
        void *wrong;
        pthread_join(callers[i], &wrong);
        assert_null(wrong);
    }
    grain_pool_free(pool);
}

static void two_pools_of_different_backends_work_at_once(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *one = pool_with(2), *other;
    struct grain_pool_options options = {.backend = is_fork() ? "pthread" : "fork", .workers = 2};
    assert_int_equal(grain_pool_open(&other, &options), 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(apply_twice(one, i), 2 * i);
        assert_int_equal(apply_twice(other, i), 2 * i);
    }
    grain_pool_free(one);
    grain_pool_free(other);
}

static int table_value = 1;

static int reads_the_table(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(int *)result = table_value;
    return 0;
}

static void memory_changed_after_open_is_seen_by_threads_only(void **state)
{
    (void)state;
    needs("runs tasks");
    table_value = 1;
    struct grain_pool *pool = pool_with(2);
    table_value = 2;
    int seen = 0;
    assert_int_equal(grain_apply(pool, reads_the_table, NULL, 0, &seen, sizeof seen, NULL), 0);
    assert_int_equal(seen, is_fork() ? 1 : 2);
    grain_pool_free(pool);
}

static void *calls_until_refused(void *argument)
{
    int status;
    while ((status = apply_twice(argument, 1)) >= -1) /* null: nobody writes the result */
        ;
    return (void *)(intptr_t)status;
}

/* A call that was let in just before may reach workers that have dropped everything already. */
static void calls_that_race_with_a_terminate_return(void **state)
{
    (void)state;
    for (int i = 0; i < (is_fork() ? 20 : 200); i++) {
        struct grain_pool *pool = pool_with(2);
        pthread_t callers[3];
        for (int k = 0; k < 3; k++)
            assert_int_equal(pthread_create(&callers[k], NULL, calls_until_refused, pool), 0);
        if (i % 2)
            sleep_ms(1);
        assert_int_equal(grain_pool_terminate(pool), 0);
        for (int k = 0; k < 3; k++) {
            void *status;
            pthread_join(callers[k], &status);
            assert_int_equal((intptr_t)status, -ECANCELED);
        }
        grain_pool_free(pool);
    }
}

/* ------------------------------------------------------------------------------------------- a crowd */

#define CROWD 60 /* calls that wait take most of what there is room for */

static int naps(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    sleep_ms(*(const int *)arg);
    *(int *)result = 7;
    return 0;
}

static int short_naps[4] = {5, 5, 5, 5};

static void *maps_naps(void *pool)
{
    int results[4];
    struct grain_call_options options = {.chunk = 1};
    grain_map(pool, naps, (struct grain_in){short_naps, 4, sizeof(int)}, (struct grain_out){results, sizeof(int)},
              &options);
    return NULL;
}

static void get_comes_through(struct grain_pool *pool, bool is_map)
{
    struct grain_future *future;
    static int results[4];
    struct grain_in in = {short_naps, 4, sizeof(int)};
    struct grain_out out = {results, sizeof(int)};
    results[0] = 0;
    int status = is_map ? grain_map_async(pool, naps, in, out, NULL, &future)
                        : grain_apply_async(pool, naps, short_naps, sizeof(int), results, sizeof(int), NULL, &future);
    assert_int_equal(status, 0);
    assert_int_equal(grain_future_get(future, 30000000000u), 0);
    assert_int_equal(results[0], 7);
    grain_future_free(future);
}

static void a_queued_call_comes_through_a_crowd(void **state)
{
    (void)state;
    needs("runs tasks");
    for (int is_map = 0; is_map < 2; is_map++) {
        struct grain_pool *pool = pool_with(2);
        pthread_t threads[CROWD];
        for (int i = 0; i < CROWD; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, maps_naps, pool), 0);
        sleep_ms(30); /* they are in their calls by now, or nearly all */
        get_comes_through(pool, is_map);
        for (int i = 0; i < CROWD; i++)
            pthread_join(threads[i], NULL);
        grain_pool_free(pool);
    }
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handle_in_a_forked_child_is_refused),
        cmocka_unit_test(a_pool_in_a_worker_needs_to_be_allowed),
        cmocka_unit_test(a_task_cannot_wait_for_its_own_pool),
        cmocka_unit_test(sixteen_callers_share_one_pool),
        cmocka_unit_test(two_pools_of_different_backends_work_at_once),
        cmocka_unit_test(memory_changed_after_open_is_seen_by_threads_only),
        cmocka_unit_test(calls_that_race_with_a_terminate_return),
        cmocka_unit_test(a_queued_call_comes_through_a_crowd),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
