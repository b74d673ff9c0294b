/* SPDX-License-Identifier: MIT
 *
 * How long things will take, roughly: for --dry-run, the time left and the limit of each process. Rough
 * constants of one machine; nothing that is reported rests on them.
 */
#ifndef GRAIN_BENCH_ESTIMATE_H
#define GRAIN_BENCH_ESTIMATE_H

#include "plan.h"

/* Seconds that one call of a cell takes; of the process that takes one sample of it; of a whole sweep. */
double estimate_call(const struct plan_cell *cell, int cpus);
double estimate_process(const struct plan_cell *cell, double min_time_s, int cpus);
double estimate_plan(const struct plan *plan, int cpus);

/* Whether a cell is so long that one call is a sample, without a calibration. */
bool estimate_is_long(const struct plan_cell *cell, double min_time_s, int cpus);

#endif
