/* SPDX-License-Identifier: MIT
 *
 * The one table writer: Markdown whose columns are also aligned in a terminal. Widths count characters, not bytes.
 * Cells are added from left to right, row by row; what would break the table (a bar, a line break) is made harmless.
 */
#ifndef GRAIN_BENCH_TABLE_H
#define GRAIN_BENCH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct table_column {
    const char *title;
    bool right; /* numbers: aligned to the right */
};

struct table;

/* columns must outlive the table. NULL: out of memory. */
struct table *table_open(const struct table_column *columns, size_t count);
void table_free(struct table *table);

/* Adds the next cell. After a failure table_write() says so. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds a number as table_number() writes it. */
void table_figure(struct table *table, double value);

/* Writes the table; a last row that is not full is filled up. 0 or -ENOMEM. */
int table_write(struct table *table, FILE *out);

/* Rows so far. */
size_t table_rows(const struct table *table);

#define TABLE_NUMBER_MAX 40

/* A figure with three significant digits, whole above 100, "-" when it is not known. Returns text. */
const char *table_number(double value, char text[TABLE_NUMBER_MAX]);

/* "94.0 us", "870 ns". Returns text. */
const char *table_time(double time_ns, char text[TABLE_NUMBER_MAX]);

/* "22.9 to 23.4", or "-". */
const char *table_interval(double low, double high, char text[2 * TABLE_NUMBER_MAX]);

#endif
