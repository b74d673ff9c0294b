/* SPDX-License-Identifier: MIT
 *
 * A JSON object from names to iteration counts. A baseline is calibrated with the first cell that has it,
 * which is the baseline itself: it stands first in the plan.
 */
#include "calibrate.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "estimate.h"
#include "provenance.h"

struct calibration {
    json_t *counts;
};

struct calibration *calibrate_load(const char *dir)
{
    char *path = NULL;
    struct calibration *calibration = calloc(1, sizeof *calibration);
    if (calibration == NULL || asprintf(&path, "%s/calibration.json", dir) < 0) {
        free(calibration);
        return NULL;
    }
    calibration->counts = json_load_file(path, 0, NULL);
    if (!json_is_object(calibration->counts)) {
        json_decref(calibration->counts);
        calibration->counts = json_object();
    }
    free(path);
    return calibration;
}

void calibrate_free(struct calibration *calibration)
{
    if (calibration == NULL)
        return;
    json_decref(calibration->counts);
    free(calibration);
}

int calibrate_save(const struct calibration *calibration, const char *dir)
{
    return provenance_write(calibration->counts, dir, "calibration.json");
}

void calibrate_forget(const char *dir)
{
    char *path;
    if (asprintf(&path, "%s/calibration.json", dir) < 0)
        return;
    unlink(path);
    free(path);
}

static uint64_t count_of(const struct calibration *calibration, const char *name)
{
    json_int_t count = json_integer_value(json_object_get(calibration->counts, name));
    return count > 0 ? (uint64_t)count : 0;
}

/* What is known of each; 1 where there is no such partner, so that nobody looks for it. */
static struct measure_counts known(const struct calibration *calibration, const struct measure_names *names)
{
    struct measure_counts counts;
    for (int i = 0; i < CELL_TURNS; i++)
        counts.of[i] = names->of[i][0] != '\0' ? count_of(calibration, names->of[i]) : 1;
    return counts;
}

bool calibrate_is_needed(const struct calibration *calibration, const struct measure *measure,
                         const struct plan_cell *cell)
{
    return count_of(calibration, cell->name) == 0 && !estimate_is_long(cell, measure->min_time_s, measure->cpus);
}

int calibrate_cell(struct calibration *calibration, const struct measure *measure, const struct plan_cell *cell)
{
    struct measure_names names = measure_names(measure, cell);
    struct measure_counts counts = known(calibration, &names);
    int status = measure_calibrate(measure, cell, &counts);
    for (int i = 0; i < CELL_TURNS && status == 0; i++)
        if (names.of[i][0] != '\0' &&
            counts.of[i] > 0) /* else it failed, and is tried again when the sweep is resumed */
            json_object_set_new(calibration->counts, names.of[i], json_integer((json_int_t)counts.of[i]));
    return status;
}

struct measure_counts calibrate_counts(const struct calibration *calibration, const struct measure *measure,
                                       const struct plan_cell *cell)
{
    struct measure_names names = measure_names(measure, cell);
    struct measure_counts counts = known(calibration, &names);
    uint64_t *cell_count = &counts.of[CELL_TURN_CELL], *rival_count = &counts.of[CELL_TURN_RIVAL];
    for (int i = 0; i < CELL_TURNS; i++)
        counts.of[i] = counts.of[i] > 0 ? counts.of[i] : 1;
    /* Equal numbers: the first call of a turn finds the caches full of the other one's data. */
    if (names.of[CELL_TURN_RIVAL][0] != '\0')
        *cell_count = *rival_count = *cell_count > *rival_count ? *cell_count : *rival_count;
    return counts;
}
