/* SPDX-License-Identifier: MIT
 *
 * Reads a table out of the comments of grain.h: a heading of words, the first of which names the table; then rows of
 * one or more names, with commas between them, and a letter for each of the heading's other words; up to an empty line.
 */
#ifndef GRAIN_TESTS_TABLE_H
#define GRAIN_TESTS_TABLE_H

#include <stdio.h>
#include <string.h>

#include "contract.h"

#define TABLE_COLUMNS 8
#define TABLE_ROWS    40

struct table {
    char columns[TABLE_COLUMNS][32];
    size_t column_count, row_count;
    struct {
        char name[32];
        char cells[TABLE_COLUMNS];
    } rows[TABLE_ROWS];
};

/* The words of a line, which is changed; without those of a comment. */
static inline size_t table_words(char *line, char *words[TABLE_ROWS])
{
    size_t count = 0;
    for (char *word = strtok(line, " ,\n"); word && count < TABLE_ROWS; word = strtok(NULL, " ,\n"))
        if (strcmp(word, "*") != 0 && strcmp(word, "*/") != 0)
            words[count++] = word;
    return count;
}

static inline void table_read(struct table *table, const char *title)
{
    char line[256], *words[TABLE_ROWS] = {NULL};
    bool is_inside = false;
    FILE *header = fopen(GRAIN_HEADER, "r");
    assert_non_null(header);
    memset(table, 0, sizeof *table);
    while (fgets(line, sizeof line, header)) {
        bool is_indented = strncmp(line, " *   ", 5) == 0;
        size_t count = is_indented ? table_words(line, words) : 0;
        if (is_inside && count == 0)
            break;
        if (!is_inside && count > 1 && strcmp(words[0], title) == 0) {
            is_inside = true;
            table->column_count = count - 1;
            for (size_t c = 1; c < count; c++)
                snprintf(table->columns[c - 1], sizeof table->columns[0], "%s", words[c]);
        } else if (is_inside) {
            size_t names = count - table->column_count;
            assert_true(count > table->column_count);
            for (size_t n = 0; n < names; n++, table->row_count++) {
                snprintf(table->rows[table->row_count].name, sizeof table->rows[0].name, "%s", words[n]);
                for (size_t c = 0; c < table->column_count; c++)
                    table->rows[table->row_count].cells[c] = words[names + c][0];
            }
        }
    }
    fclose(header);
    assert_true(table->row_count > 0);
}

static inline char table_cell(const struct table *table, const char *row, const char *column)
{
    for (size_t r = 0; r < table->row_count; r++)
        for (size_t c = 0; c < table->column_count && strcmp(table->rows[r].name, row) == 0; c++)
            if (strcmp(table->columns[c], column) == 0)
                return table->rows[r].cells[c];
    fail_msg("grain.h has no cell for %s and %s", row, column);
    return '?';
}

#endif
