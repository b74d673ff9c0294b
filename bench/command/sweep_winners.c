/* SPDX-License-Identifier: MIT
 *
 * See sweep_winners.h. What it finds becomes part of the plan, of its hash and of env.json: a sweep cannot go on with
 * other winners than it began with.
 */
#include "sweep_winners.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/choice.h"
#include "grain.h"
#include "sweep/journal.h"
#include "sweep/provenance.h"

static bool is_finished(const char *dir)
{
    json_t *env = provenance_read(dir);
    bool finished = json_is_true(json_object_get(env, "finished"));
    json_decref(env);
    return finished;
}

static int choose(struct plan *plan, const struct summary *summary, const char *dir, char *problem)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_cell *cell = &plan->cells[i];
        size_t tried;
        if (!plan_wants_winner(cell))
            continue;
        cell->rival_chunk = choice_winner(summary, &cell->cell, &tried);
        if (cell->rival_chunk == 0) {
            snprintf(problem, PLAN_PROBLEM_MAX, "--winners=%.60s: no chunk was measured there for %.150s", dir,
                     cell->name);
            return -EINVAL;
        }
        if (plan->winners_tried == 0 || tried < plan->winners_tried)
            plan->winners_tried = tried;
    }
    return 0;
}

static int read_and_choose(struct plan *plan, const char *dir, char *problem)
{
    struct sample *samples = NULL;
    struct summary summary = {0};
    size_t count, cut;
    if (!is_finished(dir)) {
        snprintf(problem, PLAN_PROBLEM_MAX, "--winners=%.150s: no finished sweep is there (see --profile choice)", dir);
        return -EINVAL;
    }
    int status = journal_read(dir, &samples, &count, &cut);
    if (status == 0)
        status = summary_make(&summary, samples, count, grain_cpu_count());
    if (status == 0)
        status = choose(plan, &summary, dir, problem);
    summary_free(&summary);
    free(samples);
    return status;
}

int winners_take(struct plan *plan, const char *dir, char problem[PLAN_PROBLEM_MAX])
{
    size_t wanted = 0;
    for (size_t i = 0; i < plan->count; i++)
        wanted += plan_wants_winner(&plan->cells[i]);
    if (wanted == 0 && dir == NULL)
        return 0;
    if (wanted > 0 && dir != NULL)
        return read_and_choose(plan, dir, problem);
    snprintf(problem, PLAN_PROBLEM_MAX,
             wanted > 0 ? "profile %s needs --winners=DIR, a finished sweep of the profile choice"
                        : "--winners: profile %s has no cell beside which a winner is measured",
             plan->profile->name);
    return -EINVAL;
}
