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

static struct measure_counts known(const struct calibration *calibration, const char *name, const char *loop,
                                   const char *callback)
{
    struct measure_counts counts = {.cell = count_of(calibration, name),
                                    .loop = loop[0] != '\0' ? count_of(calibration, loop) : 1,
                                    .callback = callback[0] != '\0' ? count_of(calibration, callback) : 1};
    return counts;
}

bool calibrate_is_needed(const struct calibration *calibration, const struct measure *measure,
                         const struct plan_cell *cell)
{
    return count_of(calibration, cell->name) == 0 && !estimate_is_long(cell, measure->min_time_s, measure->cpus);
}

int calibrate_cell(struct calibration *calibration, const struct measure *measure, const struct plan_cell *cell)
{
    char loop[CELL_NAME_MAX], callback[CELL_NAME_MAX];
    measure_baselines(&cell->cell, loop, callback);
    struct measure_counts counts = known(calibration, cell->name, loop, callback);
    int status = measure_calibrate(measure, cell, &counts);
    if (status != 0)
        return status;
    json_object_set_new(calibration->counts, cell->name, json_integer((json_int_t)counts.cell));
    if (loop[0] != '\0')
        json_object_set_new(calibration->counts, loop, json_integer((json_int_t)counts.loop));
    if (callback[0] != '\0')
        json_object_set_new(calibration->counts, callback, json_integer((json_int_t)counts.callback));
    return 0;
}

struct measure_counts calibrate_counts(const struct calibration *calibration, const struct cell *cell)
{
    char name[CELL_NAME_MAX] = "", loop[CELL_NAME_MAX], callback[CELL_NAME_MAX];
    cell_name(cell, name);
    measure_baselines(cell, loop, callback);
    struct measure_counts counts = known(calibration, name, loop, callback);
    counts.cell = counts.cell > 0 ? counts.cell : 1;
    counts.loop = counts.loop > 0 ? counts.loop : 1;
    counts.callback = counts.callback > 0 ? counts.callback : 1;
    return counts;
}
