/* SPDX-License-Identifier: MIT
 *
 * The rounds. Rounds are outermost, so that all cells advance together and a slow minute of the machine
 * hits all of them; the order within a round is shuffled by GSL from a recorded seed.
 */
#include "run.h"

#include <errno.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_statistics_double.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate.h"
#include "clock.h"
#include "estimate.h"
#include "progress.h"
#include "record.h"

#define STEAL_LARGEST_PCT 5.0  /* of CPU time taken by the host: the sample is bad */
#define SPREAD_LARGEST    0.25 /* coefficient of variation within one process: likewise */

/* What is known of a cell while the sweep runs. */
struct cell_state {
    bool is_given_up; /* timed out or missing: not tried again */
    bool is_bad;      /* one of its samples was taken in bad conditions */
    enum sample_status worst;
    double process_s; /* what its process takes: first an estimate, then as it was */
};

struct rounds {
    struct run *run;
    struct cell_state *states;
    struct calibration *calibration;
    struct progress progress;
    size_t *order;
    double started_s;
};

/* From good to bad. */
static int severity(enum sample_status status)
{
    static const int severities[] = {
        [SAMPLE_OK] = 0, [SAMPLE_MISSING] = 1, [SAMPLE_TIMEOUT] = 2, [SAMPLE_FAILED] = 3, [SAMPLE_WRONG] = 4};
    return severities[status];
}

static bool is_bad(const struct sample *sample)
{
    if (sample->status != SAMPLE_OK)
        return false;
    size_t times = (size_t)sample->times;
    return sample->steal_pct > STEAL_LARGEST_PCT ||
           (times >= 3 &&
            gsl_stats_sd(sample->times_ns, 1, times) > SPREAD_LARGEST * gsl_stats_mean(sample->times_ns, 1, times));
}

static void note_sample(struct cell_state *state, const struct sample *sample)
{
    if (severity(sample->status) > severity(state->worst))
        state->worst = sample->status;
    if (sample->status == SAMPLE_TIMEOUT || sample->status == SAMPLE_MISSING)
        state->is_given_up = true;
    state->is_bad = state->is_bad || is_bad(sample);
}

/* What an earlier, stopped sweep left in the journal; what failed then is due again. */
static int note_journal(struct rounds *rounds)
{
    struct sample *samples;
    size_t count, cut;
    journal_forget_failures(rounds->run->journal);
    int status = journal_read(rounds->run->dir, &samples, &count, &cut);
    const struct plan *plan = rounds->run->plan;
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < plan->count; c++)
            if (record_is_final(samples[i].status) && strcmp(samples[i].cell, plan->cells[c].name) == 0)
                note_sample(&rounds->states[c], &samples[i]);
    free(samples);
    return status;
}

static bool is_due(const struct rounds *rounds, size_t cell, int round)
{
    return !rounds->states[cell].is_given_up &&
           !journal_has(rounds->run->journal, rounds->run->plan->cells[cell].name, round);
}

/* Seconds to the end: this round's cells from position `from` on, and the rounds after it. */
static double time_left(const struct rounds *rounds, size_t from, int round)
{
    const struct plan *plan = rounds->run->plan;
    double left = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct cell_state *state = &rounds->states[rounds->order[i]];
        if (!state->is_given_up)
            left += state->process_s * ((i >= from ? 1 : 0) + plan->rounds - 1 - round);
    }
    return left;
}

static bool is_stopped(const struct run *run)
{
    return run->measure->stop != NULL && *run->measure->stop != 0;
}

static int calibrate(struct rounds *rounds)
{
    const struct run *run = rounds->run;
    int status = 0;
    bool is_changed = false;
    for (size_t i = 0; i < run->plan->count && status == 0; i++) {
        const struct plan_cell *cell = &run->plan->cells[i];
        if (!is_due(rounds, i, run->plan->rounds - 1) || !calibrate_is_needed(rounds->calibration, run->measure, cell))
            continue;
        progress_cell(&rounds->progress, "calibrating", cell->name, time_left(rounds, 0, 0));
        status = is_stopped(run) ? -EINTR : calibrate_cell(rounds->calibration, run->measure, cell);
        is_changed = is_changed || status == 0;
    }
    int saved = is_changed ? calibrate_save(rounds->calibration, run->dir) : 0;
    return status != 0 ? status : saved;
}

/* Another order of turns for each cell and round, the same after --resume. */
static uint64_t order_seed(const struct run *run, size_t index, int round)
{
    return run->shuffle_seed % UINT32_MAX + (uint64_t)round * run->plan->count + index;
}

/* Takes one sample of a cell and stores it. */
static int run_cell(struct rounds *rounds, size_t index, int round)
{
    const struct run *run = rounds->run;
    const struct plan_cell *cell = &run->plan->cells[index];
    struct measure_counts counts = calibrate_counts(rounds->calibration, run->measure, cell);
    struct sample sample;
    double before_s = clock_seconds();
    int status = measure_sample(run->measure, cell, &counts, round, order_seed(run, index, round), &sample);
    if (status == 0)
        status = journal_append(run->journal, &sample);
    if (status != 0)
        return status;
    rounds->states[index].process_s = clock_seconds() - before_s;
    note_sample(&rounds->states[index], &sample);
    progress_sample(&rounds->progress, &sample);
    return 0;
}

/* The same seed and round give the same order, also after --resume. */
static void shuffle(struct rounds *rounds, int round)
{
    size_t count = rounds->run->plan->count;
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    for (size_t i = 0; i < count; i++)
        rounds->order[i] = i;
    if (random == NULL)
        return;
    gsl_rng_set(random, (unsigned long)(rounds->run->shuffle_seed + (uint64_t)round));
    gsl_ran_shuffle(random, rounds->order, count, sizeof *rounds->order);
    gsl_rng_free(random);
}

static int run_round(struct rounds *rounds, int round)
{
    const struct run *run = rounds->run;
    char what[48];
    int status = 0;
    snprintf(what, sizeof what, "round %d/%d", round + 1, run->plan->rounds);
    shuffle(rounds, round);
    for (size_t i = 0; i < run->plan->count && status == 0; i++) {
        size_t cell = rounds->order[i];
        if (!is_due(rounds, cell, round))
            continue;
        progress_cell(&rounds->progress, what, run->plan->cells[cell].name, time_left(rounds, i, round));
        status = is_stopped(run) ? -EINTR : run_cell(rounds, cell, round);
    }
    if (status == 0)
        progress_round(&rounds->progress, round, time_left(rounds, run->plan->count, round));
    return status;
}

/* One round more for the cells with bad samples, while the budget lasts. */
static int repeat_bad(struct rounds *rounds)
{
    const struct run *run = rounds->run;
    int status = 0, round = run->plan->rounds;
    for (size_t i = 0; i < run->plan->count && status == 0; i++) {
        size_t cell = rounds->order[i];
        double ends_s = clock_seconds() - rounds->started_s + rounds->states[cell].process_s;
        if (!rounds->states[cell].is_bad || !is_due(rounds, cell, round) || ends_s > run->budget_s)
            continue;
        progress_cell(&rounds->progress, "again", run->plan->cells[cell].name, 0);
        rounds->progress.total++;
        status = is_stopped(run) ? -EINTR : run_cell(rounds, cell, round);
    }
    return status;
}

static void count_cells(const struct rounds *rounds)
{
    struct run *run = rounds->run;
    size_t *const counts[] = {[SAMPLE_OK] = &run->ok,
                              [SAMPLE_FAILED] = &run->failed,
                              [SAMPLE_TIMEOUT] = &run->timed_out,
                              [SAMPLE_WRONG] = &run->wrong,
                              [SAMPLE_MISSING] = &run->missing};
    for (size_t i = 0; i < run->plan->count; i++)
        ++*counts[rounds->states[i].worst];
}

static int run_rounds(struct rounds *rounds)
{
    const struct run *run = rounds->run;
    size_t due = 0;
    for (size_t i = 0; i < run->plan->count; i++) {
        rounds->order[i] = i;
        rounds->states[i].process_s =
            estimate_process(&run->plan->cells[i], run->measure->min_time_s, run->measure->cpus);
    }
    int status = note_journal(rounds);
    for (int round = 0; round < run->plan->rounds; round++)
        for (size_t i = 0; i < run->plan->count; i++)
            due += is_due(rounds, i, round) ? 1 : 0;
    progress_start(&rounds->progress, run->verbosity, due, run->plan->rounds);
    if (status == 0)
        status = calibrate(rounds);
    for (int round = 0; round < run->plan->rounds && status == 0; round++)
        status = run_round(rounds, round);
    if (status == 0)
        status = repeat_bad(rounds);
    progress_end(&rounds->progress);
    count_cells(rounds);
    return status;
}

int run_plan(struct run *run)
{
    struct rounds rounds = {.run = run, .started_s = clock_seconds()};
    int status = -ENOMEM;
    rounds.states = calloc(run->plan->count, sizeof *rounds.states);
    rounds.order = calloc(run->plan->count, sizeof *rounds.order);
    rounds.calibration = calibrate_load(run->dir);
    if (rounds.states != NULL && rounds.order != NULL && rounds.calibration != NULL)
        status = run_rounds(&rounds);
    calibrate_free(rounds.calibration);
    free(rounds.order);
    free(rounds.states);
    return status;
}
