/* SPDX-License-Identifier: MIT
 *
 * summary.csv: the columns stand in one table that both the writer and the reader follow. NAN is an empty field.
 * Ten significant digits: more than a clock gives, and the same bytes for the same samples.
 */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/aside.h"
#include "analysis/summary.h"

enum field_type { FIELD_TEXT, FIELD_COUNT, FIELD_INT, FIELD_FIGURE, FIELD_DATA, FIELD_WAIT, FIELD_START };

struct field {
    const char *name;
    enum field_type type;
    size_t offset, size;
};

#define FIELD(text, kind, member)                                                                                      \
    {                                                                                                                  \
        .name = (text), .type = (kind), .offset = offsetof(struct summary_row, member),                                \
        .size = sizeof(((struct summary_row *)NULL)->member)                                                           \
    }

static const struct field fields[] = {
    FIELD("kernel", FIELD_TEXT, cell.kernel),
    FIELD("backend", FIELD_TEXT, cell.backend),
    FIELD("call", FIELD_TEXT, cell.call),
    FIELD("schedule", FIELD_TEXT, cell.schedule),
    FIELD("chunk", FIELD_COUNT, cell.chunk),
    FIELD("workers", FIELD_INT, cell.workers),
    FIELD("rows", FIELD_COUNT, cell.rows),
    FIELD("tasks", FIELD_COUNT, tasks),
    FIELD("data", FIELD_DATA, cell.data),
    FIELD("wait", FIELD_WAIT, cell.wait),
    FIELD("start", FIELD_START, cell.start),
    FIELD("samples", FIELD_INT, samples),
    FIELD("median_ns", FIELD_FIGURE, median_ns),
    FIELD("ci_low_ns", FIELD_FIGURE, ci_low_ns),
    FIELD("ci_high_ns", FIELD_FIGURE, ci_high_ns),
    FIELD("ns_per_row", FIELD_FIGURE, ns_per_row),
    FIELD("overhead_ns_per_task", FIELD_FIGURE, overhead_ns_per_task),
    FIELD("speedup_loop", FIELD_FIGURE, speedup_loop),
    FIELD("speedup_callback", FIELD_FIGURE, speedup_callback),
    FIELD("efficiency", FIELD_FIGURE, efficiency),
    FIELD("efficiency_peak", FIELD_FIGURE, efficiency_peak),
    FIELD("handovers", FIELD_FIGURE, handovers),
    FIELD("steals", FIELD_FIGURE, steals),
    FIELD("quality", FIELD_TEXT, quality),
};

#define FIELDS (sizeof fields / sizeof fields[0])

static void write_field(FILE *out, const struct summary_row *row, const struct field *field)
{
    const void *at = (const char *)row + field->offset;

    switch (field->type) {
    case FIELD_TEXT:
        fputs(at, out);
        break;
    case FIELD_COUNT:
        fprintf(out, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case FIELD_INT:
        fprintf(out, "%d", *(const int *)at);
        break;
    case FIELD_FIGURE:
        if (isfinite(*(const double *)at))
            fprintf(out, "%.10g", *(const double *)at);
        break;
    case FIELD_DATA:
        fputs(cell_data_name(*(const enum cell_data *)at), out);
        break;
    case FIELD_WAIT:
        fputs(cell_wait_name(*(const enum cell_wait *)at), out);
        break;
    case FIELD_START:
        fputs(cell_start_name(*(const enum cell_start *)at), out);
        break;
    }
}

int summary_write(const struct summary *summary, const char *dir)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    int status;

    if (out == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < FIELDS; i++)
        fprintf(out, "%s%c", fields[i].name, i + 1 < FIELDS ? ',' : '\n');
    for (size_t row = 0; row < summary->count; row++)
        for (size_t i = 0; i < FIELDS; i++) {
            write_field(out, &summary->rows[row], &fields[i]);
            fputc(i + 1 < FIELDS ? ',' : '\n', out);
        }
    status = fclose(out) == 0 ? aside_replace(dir, "summary.csv", text, size) : -ENOMEM;
    free(text);
    return status;
}

static int read_data(const char *text, enum cell_data *data)
{
    for (*data = CELL_DATA_SHARED; *data <= CELL_DATA_COPY; (*data)++)
        if (strcmp(cell_data_name(*data), text) == 0)
            return 0;
    return -EBADMSG;
}

static int read_wait(const char *text, enum cell_wait *wait)
{
    for (*wait = CELL_WAIT_ADAPTIVE; *wait <= CELL_WAIT_PARK; (*wait)++)
        if (strcmp(cell_wait_name(*wait), text) == 0)
            return 0;
    return -EBADMSG;
}

static int read_start(const char *text, enum cell_start *start)
{
    for (*start = CELL_START_WARM; *start <= CELL_START_COLD; (*start)++)
        if (strcmp(cell_start_name(*start), text) == 0)
            return 0;
    return -EBADMSG;
}

static int read_field(struct summary_row *row, const struct field *field, const char *text)
{
    void *at = (char *)row + field->offset;
    char *end = NULL;

    errno = 0;
    switch (field->type) {
    case FIELD_TEXT:
        if (strlen(text) >= field->size)
            return -EBADMSG;
        strcpy(at, text);
        return 0;
    case FIELD_COUNT:
        *(uint64_t *)at = strtoull(text, &end, 10);
        break;
    case FIELD_INT:
        *(int *)at = (int)strtol(text, &end, 10);
        break;
    case FIELD_FIGURE:
        *(double *)at = *text != '\0' ? strtod(text, &end) : NAN;
        return (*text != '\0' && (end == text || *end != '\0')) ? -EBADMSG : 0;
    case FIELD_DATA:
        return read_data(text, at);
    case FIELD_WAIT:
        return read_wait(text, at);
    case FIELD_START:
        return read_start(text, at);
    }
    return end == text || *end != '\0' || errno != 0 ? -EBADMSG : 0;
}

static int read_header(char *line)
{
    for (size_t i = 0; i < FIELDS; i++) {
        const char *name = strsep(&line, ",");

        if (name == NULL || strcmp(name, fields[i].name) != 0)
            return -EBADMSG;
    }
    return line == NULL ? 0 : -EBADMSG;
}

static int read_row(struct summary_row *row, char *line)
{
    *row = (struct summary_row){0};
    for (size_t i = 0; i < FIELDS; i++) {
        const char *text = strsep(&line, ",");

        if (text == NULL || read_field(row, &fields[i], text) != 0)
            return -EBADMSG;
    }
    return line == NULL ? 0 : -EBADMSG;
}

int summary_read(struct summary *summary, const char *dir)
{
    char *text, *rest, *line;
    size_t size, lines = 0;
    int status = aside_read(dir, "summary.csv", &text, &size);

    *summary = (struct summary){0};
    if (status != 0)
        return status;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    rest = text;
    line = strsep(&rest, "\n");
    status = read_header(line);
    summary->rows = calloc(lines + 1, sizeof *summary->rows);
    if (summary->rows == NULL)
        status = -ENOMEM;
    while (status == 0 && (line = strsep(&rest, "\n")) != NULL)
        if (*line != '\0')
            status = read_row(&summary->rows[summary->count++], line);
    if (status != 0)
        summary_free(summary);
    free(text);
    return status;
}
