/* SPDX-License-Identifier: MIT
 *
 * Statistics on GSL: what is here only leaves out NAN and puts GSL's calls in the right order. The quantiles, the
 * generator and the resampling are GSL's own. Read statistics.h for the promises.
 */
#include "analysis/statistics.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>

#define NORMAL_QUARTILES 1.349 /* from quartile to quartile of a normal distribution, in standard deviations */

#define RESAMPLING_SEED 200000u /* any fixed number: here the rows of the tutorial */

/* Whoever cannot compute something says NAN, as where nothing is known: this tells the two apart. */
static bool has_run_out;

bool statistics_ran_out(void)
{
    bool ran_out = has_run_out;

    has_run_out = false;
    return ran_out;
}

double *statistics_room(size_t count)
{
    double *room = malloc((count > 0 ? count : 1) * sizeof *room);

    has_run_out = has_run_out || room == NULL;
    return room;
}

/* A sorted copy of the known values; NULL when memory is out. The caller frees it. */
static double *sorted_known(const double *values, size_t count, size_t *known)
{
    double *copy = statistics_room(count);

    *known = 0;
    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]))
            copy[(*known)++] = values[i];
    gsl_sort(copy, 1, *known);
    return copy;
}

double statistics_median(const double *values, size_t count)
{
    size_t known;
    double *copy = sorted_known(values, count, &known);
    double median = known > 0 ? gsl_stats_median_from_sorted_data(copy, 1, known) : NAN;

    free(copy);
    return median;
}

double statistics_variation(const double *values, size_t count)
{
    size_t known;
    double *copy = sorted_known(values, count, &known);
    double variation = NAN;

    if (copy && known >= 2) {
        double median = gsl_stats_median_from_sorted_data(copy, 1, known);
        double quarter = gsl_stats_quantile_from_sorted_data(copy, 1, known, 0.25);
        double three_quarters = gsl_stats_quantile_from_sorted_data(copy, 1, known, 0.75);

        if (median != 0)
            variation = (three_quarters - quarter) / NORMAL_QUARTILES / fabs(median);
    }
    free(copy);
    return variation;
}

/* Medians of STATISTICS_RESAMPLES draws with replacement; the interval is their 2.5 % and 97.5 % quantile. */
static int resample(double *sorted, size_t count, struct estimate *estimate)
{
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    double *draw = malloc(count * sizeof *draw);
    double *medians = malloc(STATISTICS_RESAMPLES * sizeof *medians);
    int status = -ENOMEM;

    if (random == NULL || draw == NULL || medians == NULL)
        goto out;
    gsl_rng_set(random, RESAMPLING_SEED);
    for (size_t i = 0; i < STATISTICS_RESAMPLES; i++) {
        gsl_ran_sample(random, draw, count, sorted, count, sizeof *sorted);
        gsl_sort(draw, 1, count);
        medians[i] = gsl_stats_median_from_sorted_data(draw, 1, count);
    }
    gsl_sort(medians, 1, STATISTICS_RESAMPLES);
    estimate->low = gsl_stats_quantile_from_sorted_data(medians, 1, STATISTICS_RESAMPLES, 0.025);
    estimate->high = gsl_stats_quantile_from_sorted_data(medians, 1, STATISTICS_RESAMPLES, 0.975);
    status = 0;
out:
    free(medians);
    free(draw);
    if (random != NULL)
        gsl_rng_free(random);
    return status;
}

int statistics_estimate(const double *values, size_t count, struct estimate *estimate)
{
    size_t known;
    double *copy = sorted_known(values, count, &known);
    int status = 0;

    *estimate = (struct estimate){.median = NAN, .low = NAN, .high = NAN, .values = known};
    if (copy == NULL)
        return -ENOMEM;
    if (known > 0)
        estimate->median = gsl_stats_median_from_sorted_data(copy, 1, known);
    if (known >= STATISTICS_VALUES_MIN)
        status = resample(copy, known, estimate);
    free(copy);
    return status;
}
