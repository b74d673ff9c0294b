/* SPDX-License-Identifier: MIT
 *
 * Medians, intervals and variation: known values, NAN left out, the same bytes each time, an interval that covers.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

#include "analysis/statistics.h"

static void test_median(void **state)
{
    const double odd[] = {5, 1, 3}, even[] = {4, 1, 2, 3}, holes[] = {NAN, 7, NAN, 9, INFINITY};

    (void)state;
    assert_true(statistics_median(odd, 3) == 3);
    assert_true(statistics_median(even, 4) == 2.5);
    assert_true(statistics_median(holes, 5) == 8);
    assert_true(isnan(statistics_median(holes, 1)));
    assert_true(isnan(statistics_median(NULL, 0)));
}

static void test_variation(void **state)
{
    const double same[] = {2, 2, 2}, two[] = {1, 3, NAN}, zero[] = {-1, 1}, stray[] = {2, 2, 2, 90, 2};

    (void)state;
    assert_true(statistics_variation(same, 3) == 0);
    assert_true(fabs(statistics_variation(two, 3) - 1 / 1.349 / 2) < 1e-12);
    assert_true(statistics_variation(stray, 5) == 0);
    assert_true(isnan(statistics_variation(two, 1)));
    assert_true(isnan(statistics_variation(zero, 2)));
}

static void test_estimate(void **state)
{
    const double values[] = {10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 1000};
    struct estimate first, again;

    (void)state;
    assert_int_equal(statistics_estimate(values, 11, &first), 0);
    assert_int_equal(statistics_estimate(values, 11, &again), 0);
    assert_memory_equal(&first, &again, sizeof first);
    assert_true(first.median == 15);
    assert_true(first.low >= 11 && first.low < 15);
    assert_true(first.high > 15 && first.high <= 19); /* the outlier does not carry the median away */
    assert_int_equal(first.values, 11);
}

static void test_too_few(void **state)
{
    const double values[] = {3, NAN, 5};
    struct estimate estimate;

    (void)state;
    assert_int_equal(statistics_estimate(values, 3, &estimate), 0);
    assert_true(estimate.median == 4 && estimate.values == 2);
    assert_true(isnan(estimate.low) && isnan(estimate.high));
    assert_int_equal(statistics_estimate(values, 0, &estimate), 0);
    assert_true(isnan(estimate.median) && estimate.values == 0);
}

static void test_order_does_not_matter(void **state)
{
    const double up[] = {1, 2, 3, 4, 5, 6, 7}, down[] = {7, 5, 6, 4, 3, 2, 1};
    struct estimate a, b;

    (void)state;
    statistics_estimate(up, 7, &a);
    statistics_estimate(down, 7, &b);
    assert_memory_equal(&a, &b, sizeof a);
}

/* Of 400 samples of 11 values, the 95 % interval must contain the true median in most: 90 to 99.5 %. */
static void test_coverage(void **state)
{
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    int covered = 0;

    (void)state;
    for (int i = 0; i < 400; i++) {
        double values[11];
        struct estimate estimate;

        for (int k = 0; k < 11; k++)
            values[k] = gsl_ran_gaussian(random, 1) + 100;
        statistics_estimate(values, 11, &estimate);
        covered += estimate.low <= 100 && estimate.high >= 100;
    }
    gsl_rng_free(random);
    assert_in_range(covered, 360, 398);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_median),
        cmocka_unit_test(test_variation),
        cmocka_unit_test(test_estimate),
        cmocka_unit_test(test_too_few),
        cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_coverage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
