/* SPDX-License-Identifier: MIT
 *
 * What the figures share: the table of backends, how rows of the summary are picked, and the writer of sheets.
 */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "figure.h"

const struct figure_backend figure_backends[FIGURE_BACKENDS] = {
    {.name = "fork", .label = "fork"},
    {.name = "pthread", .label = "pthread"},
    {.name = "openmp", .label = "openmp"},
    {.name = "openmp-as-shipped", .label = "openmp as shipped"},
    {.name = "cpython", .label = "CPython", .peer = true},
};

const struct figure_backend *figure_find_backend(const char *name)
{
    for (size_t i = 0; i < FIGURE_BACKENDS; i++) {
        if (strcmp(figure_backends[i].name, name) == 0) {
            return &figure_backends[i];
        }
    }
    return NULL;
}

static bool chunk_fits(uint64_t chunk, const struct cell *cell)
{
    switch (chunk) {
    case 0:
        return cell->chunk > 0 || strcmp(cell->call, "map") != 0;
    case FIGURE_CHUNK_AUTO:
        return cell->chunk == 0;
    case FIGURE_CHUNK_RULE:
        return cell->chunk == cell_python_chunk(cell->rows, cell->workers);
    default:
        return cell->chunk == chunk;
    }
}

static bool line_has(const struct figure_line *line, const struct summary_row *row)
{
    const struct cell *cell = &row->cell;
    bool usual = cell->data == CELL_DATA_SHARED && cell->start == CELL_START_WARM && cell->wait == CELL_WAIT_ADAPTIVE;
    bool peer = line->backend->peer;

    return (usual || peer) && isfinite(row->median_ns) && isfinite(row->ns_per_row) &&
           strcmp(cell->kernel, line->kernel) == 0 && strcmp(cell->call, line->call) == 0 &&
           strcmp(cell->backend, line->backend->name) == 0 &&
           (peer || !line->schedule || strcmp(cell->schedule, line->schedule) == 0) && chunk_fits(line->chunk, cell) &&
           (!line->workers || cell->workers == line->workers) && (!line->rows || cell->rows == line->rows);
}

const struct summary_row *figure_next(const struct figure_source *source, const struct figure_line *line, size_t *at)
{
    while (*at < source->summary->count) {
        const struct summary_row *row = &source->summary->rows[(*at)++];
        if (line_has(line, row)) {
            return row;
        }
    }
    return NULL;
}

double figure_baseline(const struct figure_source *source, const char *call)
{
    static const struct figure_backend serial = {.name = "serial", .label = "serial", .peer = true};
    struct figure_line line = {.kernel = "howmany", .call = call, .backend = &serial, .rows = source->rows};
    size_t at = 0;
    const struct summary_row *row = figure_next(source, &line, &at);

    return row ? row->ns_per_row : NAN;
}

int figure_used(const struct figure_source *source, const struct summary_row *row)
{
    return cell_workers_used(&row->cell, source->usable_cpus ? source->usable_cpus : row->cell.workers);
}

/* A text as a quoted field. gnuplot knows no doubled quote there, its strcol() stops at a comma even inside quotes,
 * and a backslash starts an escape: only our own line breaks are written as one. */
static void put_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (const char *c = text; *c; c++) {
        switch (*c) {
        case '\n':
            fputs("\\n", file);
            break;
        case '"':
            fputc('\'', file);
            break;
        case ',':
            fputc(';', file);
            break;
        case '>': /* gnuplot leaves it as it is: "]]>" would be no XML */
            fputc(' ', file);
            break;
        case '\\':
            fputc('/', file);
            break;
        default:
            fputc(iscntrl((unsigned char)*c) ? ' ' : *c, file);
        }
    }
    fputc('"', file);
}

static void put_number(FILE *file, double value)
{
    if (isfinite(value)) {
        fprintf(file, "%.9g", value);
    }
    fputc(',', file);
}

void sheet_put(struct sheet *sheet, const struct sheet_mark *mark)
{
    FILE *file = sheet->file;

    fprintf(file, "%s,%d,%d,%s,%d,", mark->kind, mark->panel, mark->series, mark->backend ? mark->backend->name : "",
            mark->backend ? (int)(mark->backend - figure_backends) + 1 : 0);
    put_number(file, mark->x);
    put_number(file, mark->y);
    put_number(file, mark->low);
    put_number(file, mark->high);
    put_text(file, mark->text ? mark->text : "");
    fputc('\n', file);
    if (strcmp(mark->kind, "point") == 0 || strcmp(mark->kind, "bar") == 0 || strcmp(mark->kind, "open") == 0) {
        sheet->points++;
        sheet->noisy += mark->text && strcmp(mark->text, "noisy") == 0;
    }
}

void sheet_text(struct sheet *sheet, const char *kind, int panel, const char *format, ...)
{
    char text[2 * FIGURE_TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sheet_put(sheet, &(struct sheet_mark){
                         .kind = kind, .panel = panel, .x = NAN, .y = NAN, .low = NAN, .high = NAN, .text = text});
}

void sheet_range(struct sheet *sheet, const char *kind, int panel, double low, double high)
{
    sheet_put(sheet, &(struct sheet_mark){.kind = kind, .panel = panel, .x = NAN, .y = NAN, .low = low, .high = high});
}

void sheet_series(struct sheet *sheet, const char *kind, int panel, int series, const struct figure_backend *backend,
                  const char *text)
{
    sheet_put(sheet, &(struct sheet_mark){.kind = kind,
                                          .panel = panel,
                                          .series = series,
                                          .backend = backend,
                                          .x = NAN,
                                          .y = NAN,
                                          .low = NAN,
                                          .high = NAN,
                                          .text = text});
}

void span_add(struct span *span, double value)
{
    if (isfinite(value)) {
        span->low = isnan(span->low) ? value : fmin(span->low, value);
        span->high = isnan(span->high) ? value : fmax(span->high, value);
    }
}

void span_text(const struct span *span, char text[32])
{
    char low[16], high[16];

    snprintf(low, sizeof low, "%.2g", span->low);
    snprintf(high, sizeof high, "%.2g", span->high);
    snprintf(text, 32, strcmp(low, high) == 0 ? "%s" : "%s to %s", low, high);
}

void figure_time(double time_ns, char text[32])
{
    static const struct {
        double unit_ns;
        const char *name;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}};
    size_t unit = 0;

    while (unit < 3 && fabs(time_ns) < units[unit].unit_ns * 0.9995) {
        unit++;
    }
    double value = time_ns / units[unit].unit_ns;
    int digits = fabs(value) >= 100 ? 0 : fabs(value) >= 10 ? 1 : 2;
    snprintf(text, 32, "%.*f %s", digits, value, units[unit].name);
}
