/* SPDX-License-Identifier: MIT
 *
 * The few statistics that the analysis needs, on top of GSL: median, its 95 % bootstrap percentile interval,
 * coefficient of variation. NAN stands for "not known" and is left out of every figure. The resampling starts from
 * the same seed each time: the same samples always give the same bytes.
 */
#ifndef GRAIN_BENCH_STATISTICS_H
#define GRAIN_BENCH_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

#ifndef STATISTICS_RESAMPLES /* the fuzzer does not wait for so many */
#define STATISTICS_RESAMPLES 2000
#endif

/* With fewer values than this the interval is not computed: resampling one or two values says nothing. */
#define STATISTICS_VALUES_MIN 3

struct estimate {
    double median;
    double low, high; /* 95 % interval of the median; NAN with fewer than STATISTICS_VALUES_MIN values */
    size_t values;    /* how many values were known */
};

/* Room for values, or NULL; the caller frees it. Memory that is out makes a figure NAN, as if nothing were known:
 * whether that has happened since this was asked last. Whoever writes figures down asks before. */
double *statistics_room(size_t count);
bool statistics_ran_out(void);

/* NAN when no value is known (or memory is out). */
double statistics_median(const double *values, size_t count);

/* Robust coefficient of variation: the distance between the quartiles, scaled to be a standard deviation for
 * normal data, over the median. A stray round or two of eleven do not move it, as they do not move the median
 * that is reported; two modes do. NAN with fewer than two known values or a median of 0. */
double statistics_variation(const double *values, size_t count);

/* Median and interval. Returns 0 or -ENOMEM. */
int statistics_estimate(const double *values, size_t count, struct estimate *estimate);

#endif
