/* SPDX-License-Identifier: MIT
 *
 * From the records of a journal to one row a cell. Each figure is a median over the rounds; a ratio is the median
 * of paired ratios, never the ratio of two medians. How a row is graded stands in one place: summary_grade().
 * The file format is in summary_file.c.
 */
#include "analysis/summary.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/series.h"
#include "analysis/statistics.h"

/* A round counts as bad from here on; a cell is noisy when most of its rounds are bad. */
#define STEAL_PCT_BAD       5.0   /* the host took more than a twentieth: larger than the differences we report */
#define INVOLUNTARY_ALLOWED 5.0   /* switches a round: the clock tick and the kernel's own threads cause a few */
#define INVOLUNTARY_PER_S   100.0 /* somebody else's process that takes turns causes 250 and more */
#define INVOLUNTARY_A_CALL                                                                                             \
    2.0 /* a worker: one that is woken may push the caller off its CPU, and the other way round */

/* The clock speed itself wanders by half, but cell and baseline wander together: what is left of a paired ratio is
 * the cell's own scatter, and a median of 5 to 15 rounds stays useful up to about a quarter. */
#define VARIATION_NOISY 0.25

typedef double (*round_value_fn)(const struct series *series, const struct sample *sample, int workers_used);

static double round_time(const struct series *series, const struct sample *sample, int workers_used)
{
    (void)workers_used;
    return series_time(series, sample);
}

static double round_loop(const struct series *series, const struct sample *sample, int workers_used)
{
    (void)workers_used;
    return series_speedup(series, sample, SERIES_LOOP);
}

static double round_callback(const struct series *series, const struct sample *sample, int workers_used)
{
    (void)workers_used;
    return series_speedup(series, sample, SERIES_CALLBACK);
}

static double round_efficiency(const struct series *series, const struct sample *sample, int workers_used)
{
    return series_speedup(series, sample, SERIES_WORK) / workers_used;
}

/* Only the floor of a map is the peak; that of map_chunks may be another one. */
static double round_share_of_peak(const struct series *series, const struct sample *sample, int workers_used)
{
    struct cell floor;
    bool is_peak = cell_floor(&series->cell, workers_used, &floor) && strcmp(floor.call, "peak") == 0;

    return is_peak && strncmp(series->cell.call, "map", 3) == 0 ? 1 / series_over_floor(series, sample) : NAN;
}

static double round_handovers(const struct series *series, const struct sample *sample, int workers_used)
{
    (void)series, (void)workers_used;
    return series_good(sample) ? sample->handovers : NAN;
}

static double round_steals(const struct series *series, const struct sample *sample, int workers_used)
{
    (void)series, (void)workers_used;
    return series_good(sample) ? sample->steals : NAN;
}

/* Median over the rounds of one value per round. room: series->count doubles. */
static double median_of(const struct series *series, round_value_fn value, int workers_used, double *room)
{
    for (size_t i = 0; i < series->count; i++)
        room[i] = value(series, series->rounds[i], workers_used);
    return statistics_median(room, series->count);
}

/* Calls that hand over task by task: each may switch, as a whole map may. */
static bool is_by_task(const struct cell *cell)
{
    static const char *const calls[] = {"apply", "spawn", "apply_async", "apply_callback", "imap", "imap_unordered"};

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (strcmp(cell->call, calls[i]) == 0)
            return true;
    return false;
}

/* Whether something outside the cell disturbed a round. More workers than CPUs take turns by themselves, so there
 * switches say nothing. */
static bool round_disturbed(const struct series *series, const struct sample *sample, int usable_cpus)
{
    double iterations = (double)sample->iterations; /* the switches are those of one repetition */
    double measured_s = series_time(series, sample) * iterations * 1e-9;
    double calls = is_by_task(&series->cell) ? iterations * (double)sample->tasks : iterations;
    double allowed = INVOLUNTARY_ALLOWED + INVOLUNTARY_A_CALL * calls * series->cell.workers;

    if (sample->steal_pct > STEAL_PCT_BAD)
        return true;
    return series->cell.workers <= usable_cpus && sample->involuntary > allowed + INVOLUNTARY_PER_S * measured_s;
}

static const char *summary_grade(const struct series *series, size_t planned, int usable_cpus, double *room)
{
    size_t disturbed = 0, missing = 0;
    bool cpython = strcmp(series->cell.backend, "cpython") == 0;
    bool is_work = strcmp(series->cell.call, cpython ? "loop" : "callback") == 0;
    bool paired;

    for (size_t i = 0; i < series->count; i++) {
        missing += series->rounds[i]->status == SAMPLE_MISSING;
        disturbed += series_good(series->rounds[i]) && round_disturbed(series, series->rounds[i], usable_cpus);
        room[i] = series_speedup(series, series->rounds[i], SERIES_WORK);
    }
    if (series->good == 0 && missing > 0)
        return "missing";
    if (series->good < planned)
        return "incomplete";
    /* Where there is no partner, or the cell is its own, the times themselves are all there is; a rival is a partner
     * too. */
    paired = !is_work && isfinite(statistics_median(room, series->count));
    for (size_t i = 0; i < series->count && !paired; i++) {
        double over_rival = series_over_rival(series, series->rounds[i]);

        room[i] = isfinite(over_rival) ? over_rival : series_time(series, series->rounds[i]);
    }
    if (2 * disturbed > series->good || statistics_variation(room, series->count) > VARIATION_NOISY)
        return "noisy";
    return series_tasks(series) < series->cell.rows ? "scaled" : "ok";
}

static int summary_row_make(struct summary_row *row, const struct series *series, size_t planned, int usable_cpus)
{
    int used = cell_workers_used(&series->cell, usable_cpus);
    double *room = malloc(series->count * sizeof *room);
    struct estimate time;
    int status;

    if (room == NULL)
        return -ENOMEM;
    *row = (struct summary_row){.cell = series->cell, .tasks = series_tasks(series), .samples = (int)series->good};
    median_of(series, round_time, used, room);
    status = statistics_estimate(room, series->count, &time);
    row->median_ns = time.median;
    row->ci_low_ns = time.low;
    row->ci_high_ns = time.high;
    row->ns_per_row = row->tasks > 0 ? time.median / (double)row->tasks : NAN;
    row->overhead_ns_per_task = median_of(series, series_overhead, used, room);
    row->speedup_loop = median_of(series, round_loop, used, room);
    row->speedup_callback = median_of(series, round_callback, used, room);
    row->efficiency = median_of(series, round_efficiency, used, room);
    row->efficiency_peak = median_of(series, round_share_of_peak, used, room);
    row->handovers = median_of(series, round_handovers, used, room);
    row->steals = median_of(series, round_steals, used, room);
    strcpy(row->quality, summary_grade(series, planned, usable_cpus, room));
    free(room);
    return status;
}

/* The efficiency of floor/peak with as many workers as the row could use; CPython's function is not that kernel. */
static double summary_peak(const struct summary *summary, const struct summary_row *row, int usable_cpus)
{
    int used = cell_workers_used(&row->cell, usable_cpus);

    if (strcmp(row->cell.backend, "cpython") == 0)
        return NAN;
    for (size_t i = 0; i < summary->count; i++) {
        const struct summary_row *peak = &summary->rows[i];

        if (strcmp(peak->cell.call, "peak") == 0 && strcmp(peak->cell.kernel, row->cell.kernel) == 0 &&
            peak->cell.rows == row->cell.rows && peak->cell.workers == used)
            return peak->efficiency;
    }
    return NAN;
}

int summary_make(struct summary *summary, const struct sample *samples, size_t count, int usable_cpus)
{
    struct series_set set;
    int status = series_collect(&set, samples, count);

    *summary = (struct summary){0};
    if (status != 0)
        return status;
    summary->rows = calloc(set.count > 0 ? set.count : 1, sizeof *summary->rows);
    status = summary->rows == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < set.count && status == 0; i++) {
        status = summary_row_make(&summary->rows[i], &set.series[i], set.planned, usable_cpus);
        summary->count = i + 1;
    }
    for (size_t i = 0; i < summary->count; i++) {
        struct summary_row *row = &summary->rows[i];

        if (isnan(row->efficiency_peak)) /* no pairs: from the cell of the peak, measured in other processes */
            row->efficiency_peak = row->efficiency / summary_peak(summary, row, usable_cpus);
    }
    if (status != 0)
        summary_free(summary);
    series_free(&set);
    return status;
}

void summary_free(struct summary *summary)
{
    free(summary->rows);
    *summary = (struct summary){0};
}

const struct summary_row *summary_find(const struct summary *summary, const struct cell *cell)
{
    char wanted[CELL_NAME_MAX], name[CELL_NAME_MAX];

    if (cell_name(cell, wanted) != 0)
        return NULL;
    for (size_t i = 0; i < summary->count; i++)
        if (cell_name(&summary->rows[i].cell, name) == 0 && strcmp(name, wanted) == 0)
            return &summary->rows[i];
    return NULL;
}

/* Whether a row belongs to the comparison that summary_best_schedule() makes. */
static bool schedule_candidate(const struct summary_row *row, const char *kernel, const char *backend, int workers,
                               uint64_t rows)
{
    const struct cell *cell = &row->cell;

    return strcmp(cell->call, "map") == 0 && strcmp(cell->kernel, kernel) == 0 && strcmp(cell->backend, backend) == 0 &&
           cell->workers == workers && cell->rows == rows && cell->start == CELL_START_WARM &&
           cell->wait == CELL_WAIT_ADAPTIVE && cell->data == CELL_DATA_SHARED && row->ns_per_row > 0;
}

/* Whether `other` was measured with another schedule at the chunk of `row`. */
static bool schedule_partner(const struct summary *summary, const struct summary_row *row, const char *other)
{
    struct cell cell = row->cell;
    const struct summary_row *partner;

    memcpy(cell.schedule, other, sizeof cell.schedule);
    partner = summary_find(summary, &cell);
    return partner != NULL && partner->ns_per_row > 0;
}

/* Geometric mean of ns_per_row of one schedule over the chunks that every candidate schedule has; NAN: none. */
static double schedule_mean(const struct summary *summary, const struct summary_row *first, const char *schedule)
{
    const struct cell *key = &first->cell;
    double logs = 0;
    size_t chunks = 0;

    for (size_t i = 0; i < summary->count; i++) {
        const struct summary_row *row = &summary->rows[i];
        bool common = strcmp(row->cell.schedule, schedule) == 0 &&
                      schedule_candidate(row, key->kernel, key->backend, key->workers, key->rows);

        for (size_t k = 0; k < summary->count && common; k++) {
            const struct summary_row *other = &summary->rows[k];

            if (schedule_candidate(other, key->kernel, key->backend, key->workers, key->rows))
                common = schedule_partner(summary, row, other->cell.schedule);
        }
        if (common) {
            logs += log(row->ns_per_row);
            chunks++;
        }
    }
    return chunks > 0 ? exp(logs / (double)chunks) : NAN;
}

const char *summary_best_schedule(const struct summary *summary, const char *kernel, const char *backend, int workers,
                                  uint64_t rows)
{
    const struct summary_row *best = NULL;
    double best_ns = NAN;

    for (size_t i = 0; i < summary->count; i++) {
        const struct summary_row *row = &summary->rows[i];
        double mean_ns;

        if (!schedule_candidate(row, kernel, backend, workers, rows))
            continue;
        mean_ns = schedule_mean(summary, row, row->cell.schedule);
        if (best == NULL || mean_ns < best_ns || (isnan(best_ns) && !isnan(mean_ns))) {
            best = row;
            best_ns = mean_ns;
        }
    }
    return best != NULL ? best->cell.schedule : "";
}
