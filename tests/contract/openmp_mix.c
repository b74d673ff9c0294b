/* SPDX-License-Identifier: MIT
 *
 * OpenMP in the caller, then a pool, then OpenMP inside a task: a fork after a region is where libgomp
 * hangs when the child opens a region on the same thread (GCC bug 60035).
 */
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"

static int region_sum(void)
{
    int sum = 0;
#pragma omp parallel for num_threads(2) reduction(+ : sum)
    for (int i = 0; i < 1000; i++)
        sum += i;
    return sum;
}

static int region_in_a_task(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(int *)result = region_sum();
    return 0;
}

static void openmp_before_and_inside_a_pool_does_not_hang(void **state)
{
    (void)state;
    needs("runs tasks");
    alarm(60); /* a hang ends this test, not the whole run */
    for (int round = 0; round < 3; round++) {
        assert_int_equal(region_sum(), 499500);
        struct grain_pool *pool = pool_with(2);
        int sums[4] = {0};
        struct grain_call_options options = {.chunk = 1};
        assert_int_equal(grain_map(pool, region_in_a_task, (struct grain_in){NULL, 4, 0},
                                   (struct grain_out){sums, sizeof sums[0]}, &options),
                         0);
        for (int i = 0; i < 4; i++)
            assert_int_equal(sums[i], 499500);
        assert_int_equal(region_sum(), 499500);
        grain_pool_free(pool);
    }
    alarm(0);
}

#define CALLS 64

/* What a task sets of its own environment lasts as long as the task: iterations of a loop would see each other's. */
static int sees_its_own_environment(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(int *)result = omp_get_max_threads();
    omp_set_num_threads(99);
    return 0;
}

static int naps(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    sleep_ms(50);
    return 0;
}

static void queued_calls_are_openmp_tasks(void **state)
{
    (void)state;
    if (strcmp(backend, "openmp"))
        skip();
    for (int workers = 1; workers <= 3; workers++) {
        struct grain_pool *pool = pool_with(workers);
        struct grain_future *nap, *futures[CALLS];
        int seen[CALLS];
        assert_int_equal(grain_apply_async(pool, naps, NULL, 0, NULL, 0, NULL, &nap), 0);
        for (int i = 0; i < CALLS; i++) /* collected in batches while the first one naps */
            assert_int_equal(
                grain_apply_async(pool, sees_its_own_environment, NULL, 0, &seen[i], sizeof seen[i], NULL, &futures[i]),
                0);
        for (int i = 0; i < CALLS; i++) {
            assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), 0);
            assert_int_not_equal(seen[i], 99);
            grain_future_free(futures[i]);
        }
        grain_future_free(nap);
        grain_pool_free(pool);
    }
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openmp_before_and_inside_a_pool_does_not_hang),
        cmocka_unit_test(queued_calls_are_openmp_tasks),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
