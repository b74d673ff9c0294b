/* SPDX-License-Identifier: MIT
 *
 * METG: crossings of curves that are known, what is censored, intervals, and the curves of a made-up sweep.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

#include "analysis/aside.h"
#include "analysis/claims.h"
#include "analysis/metg.h"
#include "synthetic_metg.h"

#define CROSS(threshold, ...)                                                                                          \
    metg_cross((struct metg_pair[]){__VA_ARGS__},                                                                      \
               sizeof((struct metg_pair[]){__VA_ARGS__}) / sizeof(struct metg_pair), threshold)

static void assert_near(double value, double expected, double share)
{
    if (!(fabs(value / expected - 1) <= share))
        fail_msg("%g is not %g", value, expected);
}

static void assert_found(struct metg_value value, double expected)
{
    assert_int_equal(value.censored, METG_FOUND);
    assert_near(value.ns, expected, 1e-12);
}

/* Linear in log g between the two points around it, whatever the order they come in. */
static void test_interpolation(void **state)
{
    struct metg_value value;

    (void)state;
    value = CROSS(0.5, {100, 0.8, 7}, {10, 0.2, 5}, {1000, 0.95, 9});
    assert_found(value, pow(10, 1.5));
    assert_int_equal(value.below, 5);
    assert_int_equal(value.at, 7);
    assert_found(CROSS(0.9, {100, 0.8, 0}, {10, 0.2, 0}, {1000, 0.95, 0}), pow(10, 2 + 2.0 / 3));
    assert_found(CROSS(0.5, {4, 0.25, 0}, {8, 0.5, 0}, {16, 0.75, 0}), 8); /* "still" 50 % */
}

static void test_censored(void **state)
{
    struct metg_value below = CROSS(0.5, {5, 0.6, 1}, {50, 0.9, 2}), above = CROSS(0.9, {5, 0.6, 1}, {50, 0.89, 2});

    (void)state;
    assert_int_equal(below.censored, METG_BELOW);
    assert_true(below.ns == 5 && below.at == 1 && below.below == 1);
    assert_int_equal(above.censored, METG_ABOVE);
    assert_true(above.ns == 50 && above.at == 2 && above.below == 2);
    assert_int_equal(metg_cross(NULL, 0, 0.5).censored, METG_UNKNOWN);
    assert_true(isnan(metg_cross(NULL, 0, 0.5).ns));
}

/* It is the last crossing that counts: what lies above the threshold before it was not to stay there. */
static void test_not_monotone(void **state)
{
    (void)state;
    assert_found(CROSS(0.5, {1, 0.6, 0}, {10, 0.4, 0}, {100, 0.7, 0}, {1000, 0.45, 0}, {100000, 0.55, 0}), 1e4);
    /* where overhead is all, g wanders */
    assert_found(CROSS(0.5, {61, 0.01, 0}, {60, 0.02, 0}, {62, 0.05, 0}, {59, 0.1, 0}, {100, 0.4, 0}, {400, 0.6, 0}),
                 200);
    assert_int_equal(CROSS(0.5, {1, 0.9, 0}, {10, 0.9, 0}, {100, 0.4, 0}).censored, METG_ABOVE);
}

/* A curve of constant overhead in memory, each value with its own noise. random NULL: without. */
static void make_curve(struct metg_curve *curve, double overhead_ns, size_t rounds, gsl_rng *random, double *room)
{
    memset(curve, 0, sizeof *curve);
    for (int k = 0; k < 12; k++) {
        struct metg_point *point = &curve->points[curve->count++];
        double length_ns = pow(2, k);

        *point = (struct metg_point){.iterations = length_ns, .tasks = 1e6 / length_ns, .rounds = rounds, .g_ns = room};
        for (int base = 0; base < METG_BASES; base++)
            point->efficiency[base] = room + rounds;
        for (size_t i = 0; i < rounds; i++) {
            double over_ns = overhead_ns * (random != NULL ? 1 + gsl_ran_gaussian(random, 0.1) : 1);

            point->g_ns[i] = length_ns + over_ns;
            point->efficiency[0][i] = length_ns / point->g_ns[i];
        }
        assert_int_equal(statistics_estimate(point->g_ns, rounds, &point->g), 0);
        for (int base = 0; base < METG_BASES; base++)
            assert_int_equal(statistics_estimate(point->efficiency[base], rounds, &point->reached[base]), 0);
        room += 2 * rounds;
    }
    assert_int_equal(metg_curve_values(curve), 0);
}

/* The interval holds the curve's own METG about as often as it says; with 7 rounds a bootstrap says a bit too much. */
static void test_interval_contains_the_truth(void **state)
{
    enum { TRIALS = 40, ROUNDS = 7 };
    static double room[2 * 12 * ROUNDS];
    struct metg_curve curve;
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    int covered[METG_THRESHOLDS] = {0};
    double truth[METG_THRESHOLDS];

    (void)state;
    make_curve(&curve, 20, ROUNDS, NULL, room);
    for (int k = 0; k < METG_THRESHOLDS; k++) {
        const struct metg_value *value = &curve.values[METG_OF_PEAK][k];

        truth[k] = value->ns;
        assert_near(truth[k], 20 / (1 - metg_thresholds[k]), 0.06); /* the curve is not linear in log g */
        assert_near(value->fitted_ns, 20 / (1 - metg_thresholds[k]), 1e-9);
        assert_true(value->low_ns == value->ns && value->high_ns == value->ns);
    }
    for (int trial = 0; trial < TRIALS; trial++) {
        make_curve(&curve, 20, ROUNDS, random, room);
        for (int k = 0; k < METG_THRESHOLDS; k++) {
            const struct metg_value *value = &curve.values[METG_OF_PEAK][k];

            assert_true(value->low_ns < value->ns && value->ns < value->high_ns);
            assert_true(value->high_ns / value->low_ns < 1.5);
            covered[k] += value->low_ns <= truth[k] && truth[k] <= value->high_ns;
        }
    }
    for (int k = 0; k < METG_THRESHOLDS; k++)
        assert_true(covered[k] >= 0.8 * TRIALS);
    gsl_rng_free(random);
}

/* Where rounds disagree whether there is a crossing, the interval is open on that side, and the other end is
 * measured. */
static void test_open_intervals(void **state)
{
    enum { ROUNDS = 5 };
    static double room[2 * 12 * ROUNDS];
    struct metg_curve curve;
    const struct metg_value *half = &curve.values[METG_OF_PEAK][METG_50], *most = &curve.values[METG_OF_PEAK][METG_90];

    (void)state;
    make_curve(&curve, 1.2, ROUNDS, NULL, room); /* N = 1: 45 % */
    for (int i = 0; i < 2; i++)                  /* two rounds were better */
        curve.points[0].efficiency[0][i] = 0.55;
    assert_int_equal(metg_curve_values(&curve), 0);
    assert_int_equal(half->censored, METG_FOUND);
    assert_true(half->low_ns == 0 && half->high_ns >= half->ns && isfinite(half->high_ns));
    make_curve(&curve, 205, ROUNDS, NULL, room); /* N = 2048: 90.9 % */
    for (int i = 0; i < 2; i++)
        curve.points[11].efficiency[0][i] = 0.85;
    assert_int_equal(metg_curve_values(&curve), 0);
    assert_int_equal(most->censored, METG_FOUND);
    assert_true(most->low_ns > 0 && most->low_ns <= most->ns && isinf(most->high_ns));
    make_curve(&curve, 20, 2, NULL, room);
    assert_int_equal(half->censored, METG_FOUND);
    assert_true(isnan(half->low_ns) && isnan(half->high_ns)); /* two rounds say nothing */
    make_curve(&curve, -0.1, ROUNDS, NULL, room);
    assert_int_equal(most->censored, METG_BELOW);
    assert_true(isnan(most->fitted_ns)); /* no overhead: the model has no METG */
}

/* ------------------------------------------------------------------------------ from samples to a file */

struct setting {
    struct synthetic sweep;
    struct study study;
    struct metg metg;
};

static struct setting open_sweep(void)
{
    return (struct setting){.sweep = {.samples = calloc(SYNTHETIC_MOST, sizeof(struct sample))}};
}

static void analyse(struct setting *setting)
{
    assert_int_equal(study_open(&setting->study, setting->sweep.samples, setting->sweep.count, 2), 0);
    assert_int_equal(metg_make(&setting->metg, &setting->study), 0);
}

static void close_sweep(struct setting *setting)
{
    metg_free(&setting->metg);
    study_close(&setting->study);
    synthetic_free(&setting->sweep);
}

static void test_curves_of_a_sweep(void **state)
{
    struct setting setting = open_sweep();
    const struct metg_curve *curve;

    (void)state;
    synthetic_metg(&setting.sweep, "openmp", "map", "dynamic", 34, 10, 1000000);
    synthetic_metg(&setting.sweep, "fork", "map", "steal", 2.5, 1, 10000000);
    synthetic_metg(&setting.sweep, "fork", "apply", "-", 9000, 100, 10000000);
    synthetic_metg(&setting.sweep, "pthread", "map", "steal", 2, 40000, 50000); /* one length is no curve */
    synthetic_cell(&setting.sweep, /* more rows, but chunk 0, the pool's own choice: no point */
                   "compute:10/fork/map/steal/chunk:0/workers:2/rows:9000000/data:shared/start:warm", 9000000, 1e9, NAN,
                   9e7);
    for (size_t i = 0; i < setting.sweep.count; i++)
        if (strncmp(setting.sweep.samples[i].cell, "compute:50/openmp/", 18) == 0)
            setting.sweep.samples[i].steal_pct = 30;
        else if (strncmp(setting.sweep.samples[i].cell, "compute:100/openmp/", 19) == 0)
            setting.sweep.samples[i].floor_ns[0] = setting.sweep.samples[i].floor_ns[1] =
                setting.sweep.samples[i].floor_ns[2] = NAN;
    analyse(&setting);
    assert_int_equal(setting.metg.count, 3);
    assert_string_equal(setting.metg.curves[0].cell.call, "apply"); /* in the order of the summary */
    assert_string_equal(setting.metg.curves[2].cell.backend, "openmp");
    assert_null(metg_find(&setting.metg, "pthread", "map", "steal"));

    curve = metg_find(&setting.metg, "fork", "map", "steal");
    assert_int_equal(curve->count, 22);
    assert_true(curve->points[0].iterations == 1 && curve->points[21].iterations == 1e7);
    assert_near(curve->points[3].g.median, 12.5, 0.01);
    assert_near(curve->points[3].reached[METG_OF_PEAK].median, 0.8, 0.02);
    assert_near(curve->values[METG_OF_PEAK][METG_50].ns, 5, 0.04);
    assert_near(curve->values[METG_OF_WORK][METG_50].ns, 5, 0.04);
    assert_near(curve->values[METG_OF_PEAK][METG_50].fitted_ns, 5, 0.04);
    assert_near(curve->values[METG_OF_PEAK][METG_90].ns, 25, 0.1);

    curve = metg_find(&setting.metg, "fork", "apply", "-"); /* one CPU works: its peak is the callback, not the floor */
    assert_near(curve->values[METG_OF_PEAK][METG_50].ns, 18000, 0.04);

    curve = metg_find(&setting.metg, "openmp", "map", "dynamic");
    assert_true(curve->points[2].is_noisy && !curve->points[1].is_noisy);
    assert_true(isnan(curve->points[3].reached[METG_OF_PEAK].median)); /* nothing beside it, nothing invented */
    assert_near(curve->points[3].reached[METG_OF_WORK].median, 100.0 / 134, 0.02);
    close_sweep(&setting);
}

static void test_file(void **state)
{
    static const char header[] =
        "backend,call,schedule,workers,threshold,metg_ns,ci_low_ns,ci_high_ns,censored,fitted_ns,points,against\n";
    char dir[] = "/tmp/grain-metg-XXXXXX", path[64], *text;
    struct setting setting = open_sweep();
    size_t size, lines = 0;

    (void)state;
    assert_non_null(mkdtemp(dir));
    synthetic_metg(&setting.sweep, "fork", "map", "steal", 0.2, 1, 1000);
    synthetic_metg(&setting.sweep, "openmp", "map", "dynamic", 500, 10, 1000);
    analyse(&setting);
    assert_int_equal(metg_write(&setting.metg, dir), 0);
    assert_int_equal(aside_read(dir, "metg.csv", &text, &size), 0);
    assert_memory_equal(text, header, strlen(header));
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    assert_int_equal(lines, 1 + 2 * METG_BASES * METG_THRESHOLDS);
    assert_non_null(strstr(text, "\nfork,map,steal,2,0.5,1.2,,1.2")); /* below: no low end */
    assert_non_null(strstr(text, ",below,"));
    assert_non_null(strstr(text, ",,above,")); /* openmp, 90 %: no high end */
    assert_non_null(strstr(text, ",10,peak\n"));
    assert_non_null(strstr(text, ",7,work\n"));
    free(text);
    snprintf(path, sizeof path, "%s/metg.csv", dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    close_sweep(&setting);
}

/* ----------------------------------------------------------------------------------------- the claims */

static void assert_claim(double overhead_ns, uint64_t first, const char *verdict, bool reaches_goal, const char *answer)
{
    struct setting setting = open_sweep();
    struct claims claims;

    synthetic_metg(&setting.sweep, "fork", "map", "steal", overhead_ns, first, 100000);
    analyse(&setting);
    assert_int_equal(claims_make(&claims, &setting.study), 0);
    const struct claim *claim = claims_find(&claims, "fork-metg-map");
    assert_non_null(claim);
    assert_string_equal(claim->verdict, verdict);
    assert_int_equal(claim->reaches_goal, reaches_goal);
    assert_string_equal(claim->answer, answer);
    assert_null(claims_find(&claims, "pthread-metg-map")); /* not measured: not listed */
    assert_null(claims_find(&claims, "gomp-task-metg-task"));
    claims_free(&claims);
    close_sweep(&setting);
}

static void test_claims(void **state)
{
    (void)state;
    assert_claim(2.5, 1, "holds", true, "");
    assert_claim(5, 1, "holds", false, "");
    assert_claim(20, 1, "does not hold", false, "");
    assert_claim(0.5, 1, "holds", true, "less than the smallest tested");
    assert_claim(2.5, 20, "not shown: the interval spans 15", false, "less than the smallest tested"); /* from 22 ns */
    assert_claim(1e6, 1, "does not hold", false, "not reached");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interpolation),  cmocka_unit_test(test_censored),
        cmocka_unit_test(test_not_monotone),   cmocka_unit_test(test_interval_contains_the_truth),
        cmocka_unit_test(test_open_intervals), cmocka_unit_test(test_curves_of_a_sweep),
        cmocka_unit_test(test_file),           cmocka_unit_test(test_claims),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
