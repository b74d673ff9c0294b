/* SPDX-License-Identifier: MIT
 *
 * Keeps the cells until all are known, then writes each column as wide as its widest cell.
 */
#include "report/table.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct table {
    const struct table_column *columns;
    size_t column_count;
    char **cells;
    size_t cell_count, room;
    int status;
};

struct table *table_open(const struct table_column *columns, size_t count)
{
    struct table *table = calloc(1, sizeof *table);

    if (table != NULL) {
        table->columns = columns;
        table->column_count = count;
    }
    return table;
}

void table_free(struct table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table);
}

/* Characters of UTF-8 text: every byte but the continuations. */
static size_t text_width(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

/* A copy in which control characters are blanks and bars are escaped. */
static char *text_harmless(const char *text)
{
    char *copy = malloc(2 * strlen(text) + 1), *at = copy;

    if (copy == NULL)
        return NULL;
    for (; *text != '\0'; text++) {
        if (*text == '|')
            *at++ = '\\';
        *at++ = (unsigned char)*text < 0x20 || *text == 0x7F ? ' ' : *text;
    }
    *at = '\0';
    return copy;
}

static void table_add(struct table *table, const char *text)
{
    char *cell = text != NULL ? text_harmless(text) : NULL;

    if (cell != NULL && table->cell_count == table->room) {
        size_t room = table->room > 0 ? 2 * table->room : 64;
        char **cells = realloc(table->cells, room * sizeof *cells);

        if (cells == NULL) {
            free(cell);
            cell = NULL;
        } else {
            table->cells = cells;
            table->room = room;
        }
    }
    if (cell == NULL)
        table->status = -ENOMEM;
    else
        table->cells[table->cell_count++] = cell;
}

void table_cell(struct table *table, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    table_add(table, text);
    free(text);
}

void table_figure(struct table *table, double value)
{
    char text[TABLE_NUMBER_MAX];

    table_add(table, table_number(value, text));
}

size_t table_rows(const struct table *table)
{
    return (table->cell_count + table->column_count - 1) / table->column_count;
}

static void write_cell(FILE *out, const char *text, size_t width, bool right)
{
    int blanks = (int)(width - text_width(text));

    if (right)
        fprintf(out, "| %*s%s ", blanks, "", text);
    else
        fprintf(out, "| %s%*s ", text, blanks, "");
}

/* The line under the titles; "---:" aligns a column to the right. */
static void write_rule(FILE *out, size_t width, bool right)
{
    fputs("| ", out);
    for (size_t i = 0; i + 1 < width; i++)
        fputc('-', out);
    fputs(right ? ": " : "- ", out);
}

int table_write(struct table *table, FILE *out)
{
    size_t columns = table->column_count;
    size_t *widths = calloc(columns, sizeof *widths);

    while (table->status == 0 && table->cell_count % columns != 0)
        table_add(table, "");
    if (widths == NULL || table->status != 0) {
        free(widths);
        return -ENOMEM;
    }
    for (size_t i = 0; i < columns; i++) {
        size_t title = text_width(table->columns[i].title);

        widths[i] = title > 3 ? title : 3; /* Markdown wants three dashes */
    }
    for (size_t i = 0; i < table->cell_count; i++)
        if (text_width(table->cells[i]) > widths[i % columns])
            widths[i % columns] = text_width(table->cells[i]);
    for (size_t i = 0; i < columns; i++)
        write_cell(out, table->columns[i].title, widths[i], table->columns[i].right);
    fputs("|\n", out);
    for (size_t i = 0; i < columns; i++)
        write_rule(out, widths[i], table->columns[i].right);
    fputs("|\n", out);
    for (size_t i = 0; i < table->cell_count; i++) {
        write_cell(out, table->cells[i], widths[i % columns], table->columns[i % columns].right);
        if (i % columns == columns - 1)
            fputs("|\n", out);
    }
    free(widths);
    return 0;
}

const char *table_number(double value, char text[TABLE_NUMBER_MAX])
{
    static const double from[] = {99.95, 9.995, 0.9995, 0.09995, 0.009995}; /* a digit more below each */
    const int steps = sizeof from / sizeof from[0];
    double size = fabs(value);
    int decimals = 0;

    if (!isfinite(value))
        return strcpy(text, "-");
    if (size == 0)
        return strcpy(text, "0");
    while (decimals < steps && size < from[decimals])
        decimals++;
    snprintf(text, TABLE_NUMBER_MAX, size < 1e15 && size >= 1e-4 ? "%.*f" : "%.*e", decimals, value);
    return text;
}

const char *table_time(double time_ns, char text[TABLE_NUMBER_MAX])
{
    bool is_long = time_ns >= 1000;
    char number[TABLE_NUMBER_MAX];

    table_number(is_long ? time_ns / 1000 : time_ns, number);
    snprintf(text, TABLE_NUMBER_MAX, "%.30s %s", number, is_long ? "us" : "ns");
    return text;
}

const char *table_interval(double low, double high, char text[2 * TABLE_NUMBER_MAX])
{
    char from[TABLE_NUMBER_MAX], to[TABLE_NUMBER_MAX];

    if (!isfinite(low) || !isfinite(high))
        return strcpy(text, "-");
    snprintf(text, (size_t)2 * TABLE_NUMBER_MAX, "%s to %s", table_number(low, from), table_number(high, to));
    return text;
}
