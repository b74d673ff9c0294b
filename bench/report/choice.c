/* SPDX-License-Identifier: MIT
 *
 * The part "The pool's own choice": how far chunk 0 is from the best chunk of a sweep, for short, long and uneven tasks
 * on every backend. What is compared, and when it holds: analysis/choice.h.
 */
#include "analysis/choice.h"

#include <errno.h>
#include <string.h>

#include "report/parts.h"
#include "report/table.h"

static bool is_noisy(const struct study *study, const struct choice_row *row)
{
    return strcmp(study_row(study, row->series)->quality, "noisy") == 0;
}

static void choice_row(struct table *table, const struct study *study, const struct choice_row *row)
{
    static const char *const outcomes[CHOICE_OUTCOMES] = {
        [CHOICE_HOLDS] = "yes", [CHOICE_FAILS] = "no", [CHOICE_NOT_SHOWN] = "-", [CHOICE_REPORTED] = "-"};
    bool is_shipped = row->outcome == CHOICE_REPORTED;
    char interval[2 * TABLE_NUMBER_MAX], number[TABLE_NUMBER_MAX];

    table_cell(table, "%s", row->series->cell.kernel);
    table_cell(table, "%s", is_shipped ? "openmp *" : row->series->cell.backend);
    table_cell(table, "%llu", (unsigned long long)row->winner);
    table_cell(table, "%s (%s)", table_number(row->ratio.median, number),
               table_interval(row->ratio.low, row->ratio.high, interval));
    table_cell(table, "%s%s", outcomes[row->outcome], is_noisy(study, row) ? " ~" : "");
}

static const struct choice_row *worst_of(const struct choice *choice)
{
    const struct choice_row *worst = NULL;

    for (size_t i = 0; i < choice->count; i++) {
        const struct choice_row *row = &choice->rows[i];

        if ((row->outcome == CHOICE_HOLDS || row->outcome == CHOICE_FAILS) &&
            (worst == NULL || row->ratio.median > worst->ratio.median))
            worst = row;
    }
    return worst;
}

/* How many of those that are judged hold, and which one is furthest from the best. */
static void sentence(const struct study *study, const struct choice *choice, FILE *out)
{
    const struct choice_row *worst = worst_of(choice);
    size_t counts[CHOICE_OUTCOMES] = {0}, noisy = 0;
    char number[TABLE_NUMBER_MAX];

    for (size_t i = 0; i < choice->count; i++) {
        counts[choice->rows[i].outcome]++;
        noisy += choice->rows[i].outcome == CHOICE_HOLDS && is_noisy(study, &choice->rows[i]);
    }
    fprintf(out, "\nWithin the limits: %zu of %zu.", counts[CHOICE_HOLDS],
            counts[CHOICE_HOLDS] + counts[CHOICE_FAILS] + counts[CHOICE_NOT_SHOWN]);
    if (noisy > 0)
        fprintf(out, " Of those, %zu rest%s on a noisy cell.", noisy, noisy == 1 ? "s" : "");
    if (counts[CHOICE_NOT_SHOWN] > 0)
        fprintf(out, " Not shown, for want of %d rounds or of %d chunks tried: %zu.", CHOICE_ROUNDS_MIN,
                CHOICE_CHUNKS_MIN, counts[CHOICE_NOT_SHOWN]);
    if (worst != NULL)
        fprintf(out, "\nFurthest from its winner: `%s` on %s, %s x its time.", worst->series->cell.kernel,
                worst->series->cell.backend, table_number(worst->ratio.median, number));
    fputc('\n', out);
}

static int choice_write(const struct report *report, const struct report *inside, const struct choice *choice,
                        size_t tried, FILE *out)
{
    static const struct table_column columns[] = {
        {"kernel", false}, {"backend", false}, {"winner", true}, {"auto/winner (95 %)", true}, {"holds", false}};
    struct table *table = table_open(columns, sizeof columns / sizeof columns[0]);
    int status;

    if (table == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < choice->count; i++)
        choice_row(table, &inside->study, &choice->rows[i]);
    fputs("## The pool's own choice\n\n", out);
    part_source(report, inside, out);
    fprintf(
        out,
        "`map` with chunk 0, which leaves the chunk to the pool, beside the winner of a sweep of chunks (the least\n"
        "median of %zu or more; where several are as good, one of them), measured again turn by turn with it in one\n"
        "process: its time over the winner's, one value a round.\n"
        "It holds when the median is at most %.2f and the upper end of the interval at most %.2f. Schedule `steal` on\n"
        "fork and pthread, `dynamic` on OpenMP. * OpenMP as shipped: reported, not judged. ~ a noisy cell.\n\n",
        tried, CHOICE_MEDIAN_MAX, CHOICE_HIGH_MAX);
    status = table_write(table, out);
    table_free(table);
    sentence(&inside->study, choice, out);
    return status;
}

int part_choice(const struct report *report, FILE *out)
{
    const struct report *inside = report_inside(report, REPORT_CHOICE);
    size_t tried = (size_t)env_number(&inside->env, "winners_tried", 0);
    struct choice choice;
    int status = choice_make(&choice, &inside->study, tried);

    if (status != 0)
        return status;
    if (choice.count > 0)
        status = choice_write(report, inside, &choice, tried, out);
    choice_free(&choice);
    return status;
}
