/* SPDX-License-Identifier: MIT
 *
 * What a curve says: where it crosses a threshold, the interval of that (rounds are drawn again, for the whole curve at
 * once, on GSL's generator), and what the overhead model would say. Read metg.h first.
 */
#include "analysis/metg.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <gsl/gsl_fit.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>

#define RESAMPLING_SEED 200000u /* any fixed number: the same samples give the same bytes */
#define ROUNDS_MAX      64      /* that are drawn from a point */

static int compare_pairs(const void *left, const void *right)
{
    const struct metg_pair *a = left, *b = right;

    return a->g_ns != b->g_ns ? (a->g_ns > b->g_ns) - (a->g_ns < b->g_ns)
                              : (a->point > b->point) - (a->point < b->point);
}

struct metg_value metg_cross(struct metg_pair *pairs, size_t count, double threshold)
{
    struct metg_value value = {.censored = METG_UNKNOWN, .ns = NAN, .low_ns = NAN, .high_ns = NAN, .fitted_ns = NAN};
    size_t at = count;

    if (count == 0)
        return value;
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    while (at > 0 && pairs[at - 1].efficiency >= threshold)
        at--;
    const struct metg_pair *above = &pairs[at < count ? at : count - 1], *below = &pairs[at > 0 ? at - 1 : 0];
    value.censored = at == 0 ? METG_BELOW : at == count ? METG_ABOVE : METG_FOUND;
    value.at = above->point;
    value.below = below->point;
    value.ns = above->g_ns;
    if (value.censored == METG_FOUND) {
        double share = (threshold - below->efficiency) / (above->efficiency - below->efficiency);

        value.ns = exp(log(below->g_ns) + share * (log(above->g_ns) - log(below->g_ns)));
    }
    return value;
}

/* The median of the rounds that places[], from 0 to 1, draw. */
static double drawn_median(const double *values, size_t rounds, const double *places)
{
    double drawn[ROUNDS_MAX];
    size_t count = rounds < ROUNDS_MAX ? rounds : ROUNDS_MAX, known = 0;

    for (size_t i = 0; i < count; i++) {
        double value = values[(size_t)(places[i] * (double)rounds)];

        if (isfinite(value))
            drawn[known++] = value;
    }
    gsl_sort(drawn, 1, known);
    return known > 0 ? gsl_stats_median_from_sorted_data(drawn, 1, known) : NAN;
}

/* The pairs of a curve: the medians of all rounds (places NULL), or of drawn ones. The draws are the same for all
 * points, so that what slowed a round down slows all of the curve. */
static size_t curve_pairs(const struct metg_curve *curve, enum metg_base base, const double *places,
                          struct metg_pair pairs[METG_POINTS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < curve->count; i++) {
        const struct metg_point *point = &curve->points[i];
        struct metg_pair pair = {point->g.median, point->reached[base].median, i};

        if (places != NULL) {
            pair.g_ns = drawn_median(point->g_ns, point->rounds, places);
            pair.efficiency = drawn_median(point->efficiency[base], point->rounds, places);
        }
        if (isfinite(pair.g_ns) && isfinite(pair.efficiency))
            pairs[count++] = pair;
    }
    return count;
}

/* One METG a resample. Of one that is censored only one side is known: below the smallest g it may be 0, above the
 * largest it may be anything. */
struct draws {
    double lows[STATISTICS_RESAMPLES], highs[STATISTICS_RESAMPLES];
};

static void draw_add(struct draws *draws, size_t at, const struct metg_value *drawn)
{
    bool is_unknown = drawn->censored == METG_UNKNOWN;

    draws->lows[at] = drawn->censored == METG_BELOW || is_unknown ? 0 : drawn->ns;
    draws->highs[at] = drawn->censored == METG_ABOVE || is_unknown ? INFINITY : drawn->ns;
}

/* Order statistics: nothing is interpolated with infinity. */
static void draws_interval(struct draws *draws, struct metg_value *value)
{
    const double last = STATISTICS_RESAMPLES - 1;

    gsl_sort(draws->lows, 1, STATISTICS_RESAMPLES);
    gsl_sort(draws->highs, 1, STATISTICS_RESAMPLES);
    value->low_ns = draws->lows[(size_t)floor(0.025 * last)];
    value->high_ns = draws->highs[(size_t)ceil(0.975 * last)];
}

/* The intervals of a curve against one base. */
static int resample(struct metg_curve *curve, enum metg_base base)
{
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    struct draws *draws = malloc(METG_THRESHOLDS * sizeof *draws);
    int status = -ENOMEM;

    if (random == NULL || draws == NULL)
        goto out;
    gsl_rng_set(random, RESAMPLING_SEED);
    for (size_t i = 0; i < STATISTICS_RESAMPLES; i++) {
        struct metg_pair pairs[METG_POINTS_MAX];
        double places[ROUNDS_MAX];

        for (size_t k = 0; k < ROUNDS_MAX; k++)
            places[k] = gsl_rng_uniform(random); /* below 1 */
        size_t count = curve_pairs(curve, base, places, pairs);
        for (int threshold = 0; threshold < METG_THRESHOLDS; threshold++) {
            struct metg_value drawn = metg_cross(pairs, count, metg_thresholds[threshold]);

            draw_add(&draws[threshold], i, &drawn);
        }
    }
    for (int threshold = 0; threshold < METG_THRESHOLDS; threshold++)
        if (curve->values[base][threshold].rounds >= STATISTICS_VALUES_MIN)
            draws_interval(&draws[threshold], &curve->values[base][threshold]);
    status = 0;
out:
    free(draws);
    if (random != NULL)
        gsl_rng_free(random);
    return status;
}

/* o of the model: P_used * (T - what 100 % would take) = P_used * s + o * n over the points, each weighted by its
 * relative error as in model.c. */
static double curve_overhead(const struct metg_curve *curve, enum metg_base base)
{
    double x[METG_POINTS_MAX], y[METG_POINTS_MAX], weight[METG_POINTS_MAX];
    double start, slope, cov00, cov01, cov11, residual;
    size_t count = 0;

    for (size_t i = 0; i < curve->count; i++) {
        const struct metg_point *point = &curve->points[i];
        double time_ns = point->g.median * point->tasks;

        if (!isfinite(point->reached[base].median) || !(time_ns > 0))
            continue;
        x[count] = point->tasks;
        y[count] = time_ns * (1 - point->reached[base].median);
        weight[count++] = 1 / (time_ns * time_ns);
    }
    if (count < METG_POINTS_MIN)
        return NAN;
    gsl_fit_wlinear(x, 1, weight, 1, y, 1, count, &start, &slope, &cov00, &cov01, &cov11, &residual);
    return slope;
}

/* The rounds that both points around a crossing have. */
static size_t rounds_around(const struct metg_curve *curve, const struct metg_value *value)
{
    size_t below = curve->points[value->below].rounds, at = curve->points[value->at].rounds;

    return below < at ? below : at;
}

int metg_curve_values(struct metg_curve *curve)
{
    struct metg_pair pairs[METG_POINTS_MAX];
    int status = 0;

    for (int base = 0; base < METG_BASES && status == 0; base++) {
        size_t count = curve_pairs(curve, (enum metg_base)base, NULL, pairs);

        curve->overhead_ns[base] = curve_overhead(curve, (enum metg_base)base);
        for (int threshold = 0; threshold < METG_THRESHOLDS; threshold++) {
            struct metg_value *value = &curve->values[base][threshold];

            *value = metg_cross(pairs, count, metg_thresholds[threshold]);
            value->rounds = count > 0 ? rounds_around(curve, value) : 0;
            if (curve->overhead_ns[base] > 0)
                value->fitted_ns = curve->overhead_ns[base] / (1 - metg_thresholds[threshold]);
        }
        if (count > 0)
            status = resample(curve, (enum metg_base)base);
    }
    return status;
}
