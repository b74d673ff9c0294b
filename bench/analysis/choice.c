/* SPDX-License-Identifier: MIT
 *
 * See choice.h.
 */
#include "analysis/choice.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_same_but_for_chunk(const struct cell *a, const struct cell *b)
{
    char name_a[CELL_NAME_MAX], name_b[CELL_NAME_MAX];
    struct cell as_a = *b;

    as_a.chunk = a->chunk;
    return cell_name(a, name_a) == 0 && cell_name(&as_a, name_b) == 0 && strcmp(name_a, name_b) == 0;
}

uint64_t choice_winner(const struct summary *summary, const struct cell *cell, size_t *tried)
{
    const struct summary_row *best = NULL;

    *tried = 0;
    for (size_t i = 0; i < summary->count; i++) {
        const struct summary_row *row = &summary->rows[i];

        if (row->cell.chunk == 0 || !(row->median_ns > 0) || !is_same_but_for_chunk(cell, &row->cell))
            continue;
        ++*tried;
        if (best == NULL || row->median_ns < best->median_ns)
            best = row;
    }
    return best != NULL ? best->cell.chunk : 0;
}

/* The chunk that was beside a cell; 0: none. */
static uint64_t winner_of(const struct series *series)
{
    for (size_t i = 0; i < series->count; i++)
        if (series_good(series->rounds[i]) && series->rounds[i]->rival_chunk >= 1)
            return (uint64_t)series->rounds[i]->rival_chunk;
    return 0;
}

static enum choice_outcome judge(const struct choice_row *row, size_t tried)
{
    const struct estimate *ratio = &row->ratio;

    if (strcmp(row->series->cell.backend, "openmp-as-shipped") == 0)
        return CHOICE_REPORTED;
    if (ratio->values < CHOICE_ROUNDS_MIN || tried < CHOICE_CHUNKS_MIN)
        return CHOICE_NOT_SHOWN;
    return ratio->median <= CHOICE_MEDIAN_MAX && ratio->high <= CHOICE_HIGH_MAX ? CHOICE_HOLDS : CHOICE_FAILS;
}

static int row_make(struct choice_row *row, const struct series *series, uint64_t winner, size_t tried)
{
    double *values = malloc(series->count * sizeof *values);
    int status = -ENOMEM;

    *row = (struct choice_row){.series = series, .winner = winner};
    if (values != NULL) {
        for (size_t i = 0; i < series->count; i++)
            values[i] = series_over_rival(series, series->rounds[i]);
        status = statistics_estimate(values, series->count, &row->ratio);
    }
    free(values);
    row->outcome = judge(row, tried);
    return status;
}

int choice_make(struct choice *choice, const struct study *study, size_t tried)
{
    size_t room = study->set.count > 0 ? study->set.count : 1;
    int status = 0;

    *choice = (struct choice){.rows = calloc(room, sizeof *choice->rows)};
    if (choice->rows == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < study->set.count && status == 0; i++) {
        const struct series *series = &study->set.series[i];
        uint64_t winner = winner_of(series);

        if (series->cell.chunk == 0 && winner > 0)
            status = row_make(&choice->rows[choice->count++], series, winner, tried);
    }
    if (status != 0)
        choice_free(choice);
    return status;
}

void choice_free(struct choice *choice)
{
    free(choice->rows);
    *choice = (struct choice){0};
}
