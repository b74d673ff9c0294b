/* SPDX-License-Identifier: MIT
 *
 * Iteration counts: chosen once by Google Benchmark before the first round, kept in DIR/calibration.json,
 * the same in every round and after --resume.
 */
#ifndef GRAIN_BENCH_CALIBRATE_H
#define GRAIN_BENCH_CALIBRATE_H

#include "measure.h"
#include "plan.h"

struct calibration;

/* Reads DIR/calibration.json; one that is not there or broken is an empty one. NULL: no memory. */
struct calibration *calibrate_load(const char *dir);
void calibrate_free(struct calibration *calibration);

/* Whether a cell still needs a process of its own to be calibrated. */
bool calibrate_is_needed(const struct calibration *calibration, const struct measure *measure,
                         const struct plan_cell *cell);

/* Runs that process. Returns 0, -EINTR, -ENOMEM. */
int calibrate_cell(struct calibration *calibration, const struct measure *measure, const struct plan_cell *cell);

/* Removes what a sweep that never took a sample left in DIR. */
void calibrate_forget(const char *dir);

/* Writes DIR/calibration.json aside and renames it. Returns 0 or -errno. */
int calibrate_save(const struct calibration *calibration, const char *dir);

/* The counts of a cell and its partners; 1 for what was never calibrated. */
struct measure_counts calibrate_counts(const struct calibration *calibration, const struct measure *measure,
                                       const struct plan_cell *cell);

#endif
