/* SPDX-License-Identifier: MIT
 *
 * Reads a matrix of integers from text: one row per line, cells separated by commas, spaces around a cell
 * allowed, lines ended by \n or \r\n. Nothing is guessed: what is not an integer is an error with its
 * line and column. The file is read as a stream: lines may be of any length.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "csv_advice.h"
#include "reader.h"

#define CELL_KEPT_MAX 64

struct csv {
    const struct source *source;
    struct matrix *matrix;
    size_t used, capacity;   /* values in the matrix */
    unsigned long long line; /* from 1 */
    uint64_t column;         /* from 1; the cell read last */
    char cell[CELL_KEPT_MAX];
    size_t length; /* of the cell without the spaces round it; what exceeds the array is not kept */
    int end;       /* what ended the cell: ',', '\n' or EOF */
};

/* The next byte; \r\n, and \r at the end of the file, count as \n. */
static int byte_next(FILE *file)
{
    int byte = getc_unlocked(file);
    if (byte != '\r')
        return byte;
    int after = getc_unlocked(file);
    if (after == '\n' || after == EOF)
        return '\n';
    ungetc(after, file);
    return '\r';
}

static size_t cell_kept(const struct csv *csv)
{
    return csv->length < CELL_KEPT_MAX ? csv->length : CELL_KEPT_MAX;
}

static void cell_append(struct csv *csv, int byte)
{
    if (csv->length < CELL_KEPT_MAX)
        csv->cell[csv->length] = (char)byte;
    csv->length++;
}

static void cell_read(struct csv *csv)
{
    char spaces[CELL_KEPT_MAX];
    size_t waiting = 0; /* spaces that belong to the cell only when something follows */
    csv->length = 0;
    csv->column++;
    for (;;) {
        int byte = byte_next(csv->source->file);
        if (byte == ',' || byte == '\n' || byte == EOF) {
            csv->end = byte;
            return;
        }
        if (byte == ' ' || byte == '\t') {
            if (csv->length > 0 && waiting < sizeof spaces)
                spaces[waiting++] = (char)byte;
            continue;
        }
        for (size_t i = 0; i < waiting; i++)
            cell_append(csv, spaces[i]);
        waiting = 0;
        cell_append(csv, byte);
    }
}

static int cell_fail(const struct csv *csv, const char *reason, const char *advice)
{
    char quoted[QUOTE_MAX];
    size_t kept = cell_kept(csv);
    matrix_quote(quoted, sizeof quoted, csv->cell, kept);
    return matrix_fail(csv->source->error, csv->source->path, -EINVAL, "line %llu, column %llu: `%s%s` %s%s", csv->line,
                       (unsigned long long)csv->column, quoted, csv->length > kept ? "..." : "", reason, advice);
}

/* Names stand in the first line, or in the first column: what comes after the first of them tells. */
static int cell_not_integer(const struct csv *csv)
{
    struct csv_cell cell = {.text = csv->cell,
                            .length = cell_kept(csv),
                            .is_first = csv->line == 1 && csv->column == 1,
                            .is_cut = csv->length > cell_kept(csv)};
    const char *advice = csv_advice(&cell);
    if (strcmp(advice, CSV_ADVICE_NAMES) == 0 && csv->end == ',') {
        struct csv ahead = *csv;
        cell_read(&ahead);
        struct csv_cell next = {.text = ahead.cell, .length = cell_kept(&ahead)};
        if (csv_is_whole(&next))
            advice = CSV_ADVICE_LABELS;
    }
    return cell_fail(csv, "is not an integer", advice);
}

/* A first line that begins with an empty cell may be one of names: programs that number the rows write it so. */
static int cell_empty(struct csv *csv)
{
    unsigned long long line = csv->line, column = csv->column;
    bool is_last = csv->end != ',', is_first_row = csv->matrix->rows == 0;
    const char *advice = is_last && is_first_row ? "; fill it in, or take away the comma at the end of each line"
                                                 : "; fill it in, or leave the row out";
    if (line == 1 && column == 1 && !is_last) {
        cell_read(csv);
        struct csv_cell next = {.text = csv->cell, .length = cell_kept(csv), .is_first = true};
        if (csv_is_name(&next))
            advice = CSV_ADVICE_NAMES;
    }
    return matrix_fail(csv->source->error, csv->source->path, -EINVAL, "line %llu, column %llu: the cell is empty%s",
                       line, column, advice);
}

static int cell_parse(struct csv *csv, int32_t *value)
{
    size_t kept = cell_kept(csv);
    size_t sign = kept > 0 && (csv->cell[0] == '-' || csv->cell[0] == '+');
    int64_t number = 0;
    if (kept == 0)
        return cell_empty(csv);
    if (kept == sign)
        return cell_not_integer(csv);
    for (size_t i = sign; i < kept; i++) {
        if (csv->cell[i] < '0' || csv->cell[i] > '9')
            return cell_not_integer(csv);
        if (number <= INT32_MAX)
            number = number * 10 + (csv->cell[i] - '0');
    }
    if (csv->cell[0] == '-')
        number = -number;
    if (number < INT32_MIN || number > INT32_MAX || kept < csv->length)
        return cell_fail(csv, "does not fit in 32 bits (-2147483648 to 2147483647)", "");
    *value = (int32_t)number;
    return 0;
}

static int value_add(struct csv *csv, int32_t value)
{
    if (csv->used == csv->capacity) {
        size_t capacity = csv->capacity ? 2 * csv->capacity : 4096;
        int32_t *values = realloc(csv->matrix->values, capacity * sizeof *values);
        if (!values)
            return matrix_fail(csv->source->error, csv->source->path, -ENOMEM, "not enough memory after line %llu",
                               csv->line);
        csv->matrix->values = values;
        csv->capacity = capacity;
    }
    csv->matrix->values[csv->used++] = value;
    return 0;
}

/* The rest of a row whose first cell has been read. The first row decides on the number of columns. */
static int row_read(struct csv *csv)
{
    struct matrix *matrix = csv->matrix;
    char *error = csv->source->error;
    const char *path = csv->source->path;
    uint64_t most = matrix->rows ? (uint64_t)matrix->columns : MATRIX_COLUMNS_MAX;
    for (;;) {
        int32_t value = 0;
        int status = cell_parse(csv, &value);
        if (status == 0)
            status = value_add(csv, value);
        if (status)
            return status;
        if (csv->end != ',')
            break;
        if (csv->column == most && matrix->rows)
            return matrix_fail(error, path, -EINVAL, "line %llu: more cells than the first row, which has %llu",
                               csv->line, (unsigned long long)most);
        if (csv->column == most)
            return matrix_fail(error, path, -EINVAL, "line %llu: more than %llu columns", csv->line,
                               (unsigned long long)most);
        cell_read(csv);
    }
    if (matrix->rows && csv->column < most)
        return matrix_fail(error, path, -EINVAL, "line %llu: %llu cell%s, but the first row has %llu", csv->line,
                           (unsigned long long)csv->column, csv->column == 1 ? "" : "s", (unsigned long long)most);
    matrix->columns = (int32_t)csv->column;
    matrix->rows++;
    return 0;
}

/* Programs that write Unicode may put a mark before the first line. */
static void mark_skip(FILE *file)
{
    char start[3];
    if (fread(start, 1, sizeof start, file) != sizeof start || memcmp(start, "\xef\xbb\xbf", sizeof start) != 0)
        rewind(file);
}

static int rows_read(struct csv *csv)
{
    unsigned long long empty = 0; /* the first of the empty lines just passed */
    do {
        csv->line++;
        csv->column = 0;
        cell_read(csv);
        if (csv->length == 0 && csv->end != ',') {
            if (!empty)
                empty = csv->line;
            continue;
        }
        if (empty)
            return matrix_fail(csv->source->error, csv->source->path, -EINVAL,
                               "line %llu: an empty line before the end of the data", empty);
        int status = row_read(csv);
        if (status)
            return status;
    } while (csv->end != EOF);
    return 0;
}

int csv_read(struct matrix *matrix, const struct source *source)
{
    struct csv csv = {.source = source, .matrix = matrix};
    mark_skip(source->file);
    int status = rows_read(&csv);
    if (ferror(source->file))
        return matrix_fail_errno(source->error, source->path, errno, "read");
    if (status == 0 && matrix->rows == 0)
        status = matrix_fail(source->error, source->path, -EINVAL, "no rows: the file has nothing but empty lines");
    return status;
}
