/* SPDX-License-Identifier: MIT
 *
 * Answers the claims of claims_table.c from a study. claim_judge() is the one place where a ratio becomes a verdict.
 */
#include "analysis/claims.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/metg.h"

/* Two rounds can be far apart by chance; statistics.h says from how many on there is an interval. */
static void claim_not_shown(struct claim *claim, const char *reason)
{
    claim->outcome = CLAIM_NOT_SHOWN;
    snprintf(claim->verdict, sizeof claim->verdict, "not shown: %s", reason);
}

/* The whole interval lies on the claimed side of the limit; on the other side. */
static bool is_within(const struct claim_kind *kind, const struct estimate *ratio, double limit)
{
    if (kind->sense == CLAIM_AT_MOST)
        return ratio->high <= limit;
    return kind->sense == CLAIM_AT_LEAST ? ratio->low >= limit : ratio->low > limit;
}

static bool is_beyond(const struct claim_kind *kind, const struct estimate *ratio)
{
    if (kind->sense == CLAIM_AT_MOST)
        return ratio->low > kind->limit;
    return kind->sense == CLAIM_AT_LEAST ? ratio->high < kind->limit : ratio->high <= kind->limit;
}

static void claim_judge(struct claim *claim, const struct claim_kind *kind)
{
    const struct estimate *ratio = &claim->ratio;
    char reason[80];

    if (isnan(ratio->median)) {
        claim_not_shown(claim, "not measured");
    } else if (isnan(ratio->low)) {
        snprintf(reason, sizeof reason, "%zu %s, an interval needs %d", ratio->values,
                 ratio->values == 1 ? "round" : "rounds", STATISTICS_VALUES_MIN);
        claim_not_shown(claim, reason);
    } else if (kind->sense == CLAIM_REPORTED) {
        claim->outcome = CLAIM_NOT_SHOWN;
        strcpy(claim->verdict, "reported");
    } else if (is_within(kind, ratio, kind->limit)) {
        claim->outcome = CLAIM_HOLDS;
        strcpy(claim->verdict, "holds");
        claim->reaches_goal = kind->goal > 0 && is_within(kind, ratio, kind->goal);
    } else if (is_beyond(kind, ratio)) {
        claim->outcome = CLAIM_FAILS;
        strcpy(claim->verdict, "does not hold");
    } else {
        snprintf(reason, sizeof reason, "the interval spans %g", kind->limit);
        claim_not_shown(claim, reason);
    }
}

/* Names the cells a claim rests on, and says so when one of them is noisy. */
static void claim_rest(struct claim *claim, const struct study *study, const struct series *series,
                       const struct series *other)
{
    const struct series *cells[2] = {series, other};

    for (size_t i = 0; i < 2; i++) {
        if (cells[i] == NULL)
            continue;
        strcpy(claim->cells[i], cells[i]->name);
        if (strcmp(study_row(study, cells[i])->quality, "noisy") == 0)
            strcpy(claim->note, "rests on a noisy cell");
    }
}

/* The figure of the cell's own pairs that a form is; CLAIM_OVER_CELL has none. */
static enum study_figure figure_of(enum claim_form form)
{
    static const enum study_figure figures[] = {
        [CLAIM_OVER_LOOP] = STUDY_OVER_LOOP,
        [CLAIM_OVER_CALLBACK] = STUDY_OVER_CALLBACK,
        [CLAIM_SHARE_OF_PEAK] = STUDY_SHARE_OF_FLOOR,
        [CLAIM_SPEEDUP] = STUDY_TIMES_CALLBACK,
        [CLAIM_OVER_FLOOR] = STUDY_OVER_FLOOR,
        [CLAIM_OVER_BEST] = STUDY_OVER_BEST,
        [CLAIM_OUT_OF_ORDER] = STUDY_OUT_OF_ORDER,
        [CLAIM_BREAK_EVEN_LOOP] = STUDY_OVER_LOOP,
        [CLAIM_BREAK_EVEN_CALLBACK] = STUDY_OVER_CALLBACK,
    };

    return figures[form];
}

static int claim_ratio(struct claim *claim, const struct claim_kind *kind, const struct study *study,
                       const char *backend)
{
    const struct series *series = study_pick(study, backend, &kind->cell), *other = NULL;
    bool is_share = kind->form == CLAIM_SHARE_OF_PEAK;
    int status = 0;

    if (kind->form != CLAIM_OVER_CELL && series != NULL)
        status = study_figure(study, series, figure_of(kind->form), &claim->ratio);
    if (kind->form == CLAIM_SPEEDUP && series != NULL && status == 0)
        status = study_figure(study, series, STUDY_TIMES_LOOP, &claim->over_loop);
    if (kind->form == CLAIM_OVER_CELL)
        other = study_pick(study, backend, &kind->other);
    else if (is_share && series != NULL && isnan(claim->ratio.median)) /* no pairs */
        other = study_peak(study, series);
    if (series != NULL && other != NULL && status == 0)
        status = is_share ? study_compare(other, series, &claim->ratio) : study_compare(series, other, &claim->ratio);
    if (series != NULL && (other != NULL || claim->ratio.values > 0)) {
        claim->chunk = other != NULL ? other->cell.chunk : 0;
        claim_rest(claim, study, series, other);
    }
    claim_judge(claim, kind);
    return status;
}

/* Chunks from large to small, from CPython's rule on, for as long as the whole interval is below 1. The ratio shown
 * is that of the break-even chunk; without one, that of the largest chunk, which did not win. */
static int claim_break_even(struct claim *claim, const struct claim_kind *kind, const struct study *study,
                            const char *backend)
{
    const struct series *series = study_pick_below(study, backend, &kind->cell, study_python_chunk(study) + 1);

    for (; series != NULL; series = study_pick_below(study, backend, &kind->cell, series->cell.chunk)) {
        struct estimate ratio;

        if (study_figure(study, series, figure_of(kind->form), &ratio) != 0)
            return -ENOMEM;
        if (claim->chunk > 0 && !(ratio.high < kind->limit))
            break;
        claim->ratio = ratio;
        claim_rest(claim, study, series, NULL);
        if (!(ratio.high < kind->limit))
            break;
        claim->chunk = series->cell.chunk;
    }
    if (claim->chunk > 0) {
        claim->outcome = CLAIM_HOLDS;
        strcpy(claim->verdict, "holds");
        snprintf(claim->answer, sizeof claim->answer, "from chunk %llu on", (unsigned long long)claim->chunk);
    } else if (claim->ratio.low >= kind->limit) {
        claim->outcome = CLAIM_FAILS;
        strcpy(claim->verdict, "does not hold");
        strcpy(claim->answer, "none measured");
    } else {
        claim_judge(claim, kind); /* not measured, too few rounds, or an interval that spans the limit */
    }
    return 0;
}

/* The two points around the crossing are what it rests on. */
static void claim_metg(struct claim *claim, const struct claim_kind *kind, const struct study *study,
                       const struct metg *metg, const char *backend)
{
    const struct metg_curve *curve = metg_find(metg, backend, kind->cell.call, kind->cell.schedule);

    if (curve != NULL) {
        const struct metg_value *value = &curve->values[METG_OF_PEAK][METG_50];

        claim->ratio = (struct estimate){value->ns, value->low_ns, value->high_ns, value->rounds};
        if (value->censored != METG_UNKNOWN)
            claim_rest(claim, study, curve->points[value->below].series,
                       value->at != value->below ? curve->points[value->at].series : NULL);
        if (value->censored == METG_BELOW)
            strcpy(claim->answer, "less than the smallest tested");
        if (value->censored == METG_ABOVE)
            strcpy(claim->answer, "not reached");
    }
    claim_judge(claim, kind);
}

static const char *const relations[] = {
    [CLAIM_ABOVE] = ">", [CLAIM_AT_LEAST] = ">=", [CLAIM_AT_MOST] = "<=", [CLAIM_REPORTED] = ""};

static int claim_make(struct claim *claim, const struct claim_kind *kind, const struct study *study,
                      const struct metg *metg, const char *backend)
{
    bool break_even = kind->form == CLAIM_BREAK_EVEN_LOOP || kind->form == CLAIM_BREAK_EVEN_CALLBACK;
    const char *name = strcmp(backend, "cpython") == 0 ? "CPython" : backend;
    int status = 0;

    *claim = (struct claim){.limit = kind->limit,
                            .goal = kind->goal,
                            .is_core = kind->is_core,
                            .is_tutorial = kind->is_tutorial,
                            .is_metg = kind->form == CLAIM_METG,
                            .relation = break_even ? "<" : relations[kind->sense],
                            .ratio = {.median = NAN, .low = NAN, .high = NAN},
                            .over_loop = {.median = NAN, .low = NAN, .high = NAN}};
    snprintf(claim->id, sizeof claim->id, "%s-%s", backend, kind->id);
    snprintf(claim->text, sizeof claim->text, kind->text, name);
    if (kind->form == CLAIM_METG)
        claim_metg(claim, kind, study, metg, backend);
    else
        status = break_even ? claim_break_even(claim, kind, study, backend) : claim_ratio(claim, kind, study, backend);
    if (kind->needs_cpus && study->usable_cpus == 1) {
        claim_not_shown(claim, "1 usable CPU");
        claim->answer[0] = '\0';
        claim->chunk = 0;
    }
    return status;
}

/* Whether a claim stands in the list: where what it is about was not measured at all, it does not. */
static bool is_listed(const struct claim *claim, const struct study *study)
{
    return !((claim->is_core || claim->is_metg) && claim->cells[0][0] == '\0') &&
           !(claim->is_tutorial && !study_measured(study, "apply_async"));
}

int claims_make(struct claims *claims, const struct study *study)
{
    struct metg metg;
    int status = metg_make(&metg, study);

    *claims = (struct claims){.claims = calloc(claim_kind_count * CLAIM_BACKENDS_MAX, sizeof *claims->claims)};
    if (claims->claims == NULL)
        status = -ENOMEM;
    for (size_t i = 0; i < claim_kind_count && status == 0; i++)
        for (size_t k = 0; k < CLAIM_BACKENDS_MAX && claim_kinds[i].backends[k] != NULL && status == 0; k++) {
            struct claim *claim = &claims->claims[claims->count];

            status = claim_make(claim, &claim_kinds[i], study, &metg, claim_kinds[i].backends[k]);
            claims->count += is_listed(claim, study);
        }
    metg_free(&metg);
    if (status != 0)
        claims_free(claims);
    return status;
}

void claims_free(struct claims *claims)
{
    free(claims->claims);
    *claims = (struct claims){0};
}

const struct claim *claims_find(const struct claims *claims, const char *id)
{
    for (size_t i = 0; i < claims->count; i++)
        if (strcmp(claims->claims[i].id, id) == 0)
            return &claims->claims[i];
    return NULL;
}
