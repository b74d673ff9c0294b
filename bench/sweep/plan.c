/* SPDX-License-Identifier: MIT
 *
 * From a profile's rows and the lists of the command line to the list of cells. The serial baselines of
 * every kernel and number of rows are always in (but for cells that name their partners), whatever the lists say. How a
 * row becomes cells: grid.c.
 */
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataset.h"
#include "grain.h"
#include "grid.h"
#include "kernels/kernel.h"
#include "list.h"

/* The baselines in front: loop and callback of every kernel and number of rows that occurs, but for cells that name
 * their partners. */
static int add_serial(struct plan *plan, const struct grid *grid)
{
    struct plan whole = {.profile = plan->profile, .rounds = plan->rounds};
    static const char *const baselines[] = {"loop", "callback"};
    for (size_t i = 0; i < plan->count * 2; i++) {
        const struct plan_cell *of = &plan->cells[i / 2];
        struct plan_cell cell = {.repetitions = of->repetitions};
        cell_baseline(&of->cell, baselines[i % 2], &cell.cell);
        bool is_wanted = of->cell.rows > 0 && of->beside == NULL && !cell_is_trip(of->cell.call);
        bool is_new = is_wanted && cell_name(&cell.cell, cell.name) == 0;
        for (size_t j = 0; j < whole.count && is_new; j++)
            is_new = strcmp(whole.cells[j].name, cell.name) != 0;
        struct plan_cell *added = is_new ? grid_append(&whole) : NULL;
        if (is_new && added == NULL)
            goto no_memory;
        if (is_new)
            *added = cell;
    }
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_cell *added = grid_append(&whole);
        if (added == NULL)
            goto no_memory;
        *added = plan->cells[i];
    }
    free(plan->cells);
    *plan = whole;
    if (plan->count > 0)
        return 0;
    snprintf(grid->problem, PLAN_PROBLEM_MAX, "no cell is left: nothing in the plan matches what was asked for");
    return -EINVAL;
no_memory:
    plan_free(&whole);
    return -ENOMEM;
}

static bool is_schedule(const char *word)
{
    enum grain_schedule schedule;
    return grain_schedule_parse(word, &schedule) == 0 && schedule != GRAIN_SCHEDULE_DEFAULT;
}

static bool is_kernel(const char *word)
{
    return kernel_find(word) != NULL;
}

/* What is wrong with a kernel's number, which may be left out; NULL: nothing. It must come back from a cell's name as
 * it
 * was: 007 would not. */
static const char *number_problem(const char *word)
{
    struct kernel_params params;
    struct cell cell;
    char name[CELL_NAME_MAX];
    if (strchr(word, ':') == NULL && plan_usual_find(word) != NULL)
        return NULL;
    const char *wrong = kernel_configure(kernel_find(word), word, &params);
    snprintf(name, sizeof name, "%s/serial/loop/-/chunk:0/workers:1/rows:1/data:shared/start:warm", word);
    return wrong == NULL && cell_parse(name, &cell, NULL) != 0 ? "its number is not written as a cell's name has it"
                                                               : wrong;
}

/* Whether some cell has this word in the field that the list chooses by. */
static bool occurs(const struct plan *plan, char field, const char *word)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct cell *cell = &plan->cells[i].cell;
        const char *value = field == 'b' ? cell->backend : field == 'c' ? cell->call : cell->schedule;
        if (field == 'k' ? grid_chooses_kernel(word, cell->kernel) : strcmp(value, word) == 0)
            return true;
    }
    return false;
}

/* Checks the words of the lists; *all_occur becomes false when a list names what the profile has not. */
static int check_words(const struct plan *plan, const struct plan_options *options, bool *all_occur, char *problem)
{
    const struct {
        const char *option, *list;
        char field;
        bool (*is)(const char *);
    } lists[] = {{"kernels", options->kernels, 'k', is_kernel},
                 {"backends", options->backends, 'b', grid_is_backend},
                 {"calls", options->calls, 'c', grid_is_call},
                 {"schedules", options->schedules, 's', is_schedule}};
    char word[LIST_WORD_MAX];
    *all_occur = true;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const char *text = lists[i].list;
        while (text != NULL && list_next(&text, word)) {
            if (!lists[i].is(word)) {
                snprintf(problem, PLAN_PROBLEM_MAX, "--%s: there is no `%s` (see grain list)", lists[i].option, word);
                return -EINVAL;
            }
            const char *wrong = lists[i].field == 'k' ? number_problem(word) : NULL;
            if (wrong != NULL) {
                snprintf(problem, PLAN_PROBLEM_MAX, "--kernels: `%s': %s", word, wrong);
                return -EINVAL;
            }
            if (!occurs(plan, lists[i].field, word) && strcmp(word, "serial") != 0 && strcmp(word, "callback") != 0)
                *all_occur = false;
        }
    }
    return 0;
}

/* Expands the profile's rows, and, for what they lack of the words asked for, one grid of those. */
static int expand_all(struct grid *grid)
{
    struct plan *plan = grid->plan;
    const struct plan_options *options = grid->options;
    bool all_occur;
    int status = check_words(plan, options, &all_occur, grid->problem);
    for (size_t i = 0; i < plan->profile->row_count && status == 0; i++) {
        grid->row = &plan->profile->rows[i];
        status = grid_expand(grid);
    }
    if (status == 0)
        status = check_words(plan, options, &all_occur, grid->problem);
    if (status != 0 || all_occur)
        return status;
    const struct plan_row asked = {.kernels = options->kernels,
                                   .backends = options->backends,
                                   .calls = options->calls,
                                   .schedules = options->schedules,
                                   .chunks = plan->profile->rows[0].chunks,
                                   .tasks = 20000};
    grid->row = &asked;
    return grid_expand(grid);
}

int plan_make(struct plan *plan, const struct plan_options *options, char problem[PLAN_PROBLEM_MAX])
{
    regex_t filter;
    memset(plan, 0, sizeof *plan);
    plan->profile = plan_profile_find(options->profile);
    if (plan->profile == NULL) {
        snprintf(problem, PLAN_PROBLEM_MAX, "there is no profile `%.100s` (see grain list)", options->profile);
        return -EINVAL;
    }
    plan->rounds = options->rounds > 0 ? options->rounds : plan->profile->rounds;
    int error = options->filter != NULL ? regcomp(&filter, options->filter, REG_EXTENDED | REG_NOSUB) : 0;
    if (error != 0) {
        int used = snprintf(problem, PLAN_PROBLEM_MAX, "--filter: ");
        regerror(error, &filter, problem + used, PLAN_PROBLEM_MAX - (size_t)used);
        return -EINVAL;
    }
    struct grid grid = {
        .plan = plan,
        .options = options,
        .meaning = {.cpus = options->cpus, .rows = options->input_rows > 0 ? options->input_rows : PLAN_ROWS},
        .filter = options->filter != NULL ? &filter : NULL,
        .problem = problem};
    int status = expand_all(&grid);
    if (status == 0)
        status = add_serial(plan, &grid);
    if (options->filter != NULL)
        regfree(&filter);
    if (status != 0)
        plan_free(plan);
    return status;
}

void plan_free(struct plan *plan)
{
    free(plan->cells);
    plan->cells = NULL;
    plan->count = plan->capacity = 0;
}

bool plan_wants_winner(const struct plan_cell *planned)
{
    return planned->beside != NULL && list_has(planned->beside, "winner");
}

bool plan_partner(const struct plan_cell *planned, enum cell_turn turn, int cpus, struct cell *partner)
{
    static const char *const words[CELL_TURNS] = {[CELL_TURN_LOOP] = "loop",
                                                  [CELL_TURN_CALLBACK] = "callback",
                                                  [CELL_TURN_FLOOR] = "floor",
                                                  [CELL_TURN_RIVAL] = "winner"};
    if (turn != CELL_TURN_CELL && planned->beside != NULL && !list_has(planned->beside, words[turn]))
        return false;
    if (turn == CELL_TURN_RIVAL) {
        *partner = planned->cell;
        partner->chunk = planned->rival_chunk;
        return planned->rival_chunk > 0;
    }
    return cell_partner(&planned->cell, turn, cpus, partner);
}

uint64_t plan_hash(const struct plan *plan)
{
    uint64_t hash = dataset_hash(DATASET_HASH_START, &plan->rounds, sizeof plan->rounds);
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_cell *cell = &plan->cells[i];
        hash = dataset_hash(hash, cell->name, strlen(cell->name) + 1);
        hash = dataset_hash(hash, &cell->repetitions, sizeof cell->repetitions);
        hash = dataset_hash(hash, &cell->tasks, sizeof cell->tasks);
        const char *beside = cell->beside != NULL ? cell->beside : "all";
        hash = dataset_hash(hash, beside, strlen(beside) + 1);
        hash = dataset_hash(hash, &cell->rival_chunk, sizeof cell->rival_chunk);
    }
    return hash;
}
