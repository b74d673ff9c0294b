/* SPDX-License-Identifier: MIT
 *
 * The part "All calls": every call of a pool on the same rows, a table a backend, CPython's call beside each. And the
 * part "What the tutorial says": its statements, each with what was measured here.
 */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "report/parts.h"
#include "report/table.h"

#define MAIN_KERNEL     "howmany"
#define NOTEBOOK_CELL_S 0.049 /* what the notebook's apply_async cell printed */

/* What has a row, and whether its chunk can be chosen. */
static const struct call {
    const char *name;
    bool chunked;
} calls[] = {
    {"open", false},           {"spawn", false},          {"apply", false},
    {"apply_async", false},    {"apply_callback", false}, {"map", true},
    {"map_async", true},       {"map_chunks", true},      {"map_chunks_async", true},
    {"starmap", true},         {"starmap_async", true},   {"imap", false},
    {"imap_unordered", false},
};

static const struct call *call_of(const struct series *series)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (strcmp(calls[i].name, series->cell.call) == 0)
            return &calls[i];
    return NULL;
}

/* Whether a cell belongs in the table of a backend. */
static bool is_row(const struct study *study, const struct series *series, const char *backend)
{
    const struct cell *cell = &series->cell;
    bool is_peer = strcmp(backend, "cpython") == 0;
    bool is_life = strcmp(cell->call, "open") == 0 || strcmp(cell->call, "spawn") == 0;

    return series->good > 0 && strcmp(cell->backend, backend) == 0 && strcmp(cell->kernel, MAIN_KERNEL) == 0 &&
           call_of(series) != NULL && cell->start == CELL_START_WARM && cell->wait == CELL_WAIT_ADAPTIVE &&
           (is_peer || cell->data == CELL_DATA_SHARED) && (is_life || cell->workers == study->workers) &&
           (cell->rows == study->rows || cell->rows == 0);
}

/* CPython's same call: at the same chunk, at its own choice where the pool chooses or there is no chunk. */
static const struct series *same_of_cpython(const struct study *study, const struct series *series)
{
    const struct call *call = call_of(series);
    bool is_rule = series->cell.chunk == 0 || series->cell.chunk == study_python_chunk(study);
    const struct pick pick = {.backend = "cpython",
                              .call = call->name,
                              .chunk = !call->chunked ? PICK_CHUNK_ANY
                                       : is_rule      ? PICK_CHUNK_PYTHON
                                                      : PICK_CHUNK_FIXED,
                              .fixed_chunk = series->cell.chunk};

    return study_pick(study, "cpython", &pick);
}

/* A time in ms; `~` where fewer tasks were run and the time is scaled to all rows. */
static void time_cell(struct table *table, double time_ns, bool scaled)
{
    char number[TABLE_NUMBER_MAX];

    table_cell(table, "%s%s", scaled && isfinite(time_ns) ? "~" : "", table_number(time_ns / 1e6, number));
}

/* Submit, collect and total, of all rows. */
static void time_cells(struct table *table, const struct series *series, const struct summary_row *row)
{
    bool scaled = row->tasks > 0 && row->tasks < row->cell.rows;
    double share = row->tasks > 0 ? (double)row->cell.rows / (double)row->tasks : 1;
    double submit_ns = series_median(series, offsetof(struct sample, submit_ns));
    double collect_ns = series_median(series, offsetof(struct sample, collect_ns));

    time_cell(table, submit_ns > 0 ? submit_ns * share : NAN, scaled);
    time_cell(table, submit_ns > 0 ? collect_ns * share : NAN, scaled);
    time_cell(table, row->median_ns * share, scaled);
}

/* A speedup; one of less than a tenth as a fraction, "1/410": what it costs is read off at once. */
static void speedup_cell(struct table *table, double speedup)
{
    char number[TABLE_NUMBER_MAX];
    bool is_small = speedup > 0 && speedup < 0.1;

    table_cell(table, "%s%s", is_small ? "1/" : "", table_number(is_small ? 1 / speedup : speedup, number));
}

static double cold_ns(const struct study *study, const struct series *series)
{
    struct cell cold = series->cell;
    const struct series *found;

    cold.start = CELL_START_COLD;
    found = series_find(&study->set, &cold);
    return found != NULL && found->good > 0 ? study_row(study, found)->ns_per_row : NAN;
}

static int call_row(struct table *table, const struct study *study, const struct series *series, bool is_peer)
{
    const struct summary_row *row = study_row(study, series);
    const struct series *same = is_peer ? NULL : same_of_cpython(study, series);
    struct estimate cheaper = {.median = NAN}, floor = {.median = NAN};
    int status = same != NULL ? study_compare(same, series, &cheaper) : 0;

    if (status == 0 && !is_peer)
        status = study_figure(study, series, STUDY_OVER_FLOOR, &floor);
    table_cell(table, "%s%s", series->cell.call, strcmp(row->quality, "noisy") == 0 ? " *" : "");
    if (!call_of(series)->chunked && series->cell.chunk == 0)
        table_cell(table, "-");
    else if (series->cell.chunk == 0)
        table_cell(table, "auto");
    else
        table_cell(table, "%llu", (unsigned long long)series->cell.chunk);
    time_cells(table, series, row);
    table_figure(table, row->ns_per_row);
    speedup_cell(table, row->speedup_loop);
    if (!is_peer) {
        speedup_cell(table, row->speedup_callback);
        table_figure(table, floor.median);
        table_figure(table, cheaper.median);
        table_figure(table, cold_ns(study, series));
    }
    return status;
}

/* "Out of order, a call: apply_callback 12 of 200000." Nothing where it is not known of any call. */
static void order_sentence(const struct study *study, const char *backend, FILE *out)
{
    bool any = false;

    for (size_t i = 0; i < study->set.count; i++) {
        const struct series *series = &study->set.series[i];
        double count = series_median(series, offsetof(struct sample, out_of_order));
        bool one_by_one =
            strcmp(series->cell.call, "apply_callback") == 0 || strcmp(series->cell.call, "imap_unordered") == 0;

        if (!one_by_one || !isfinite(count) || !is_row(study, series, backend))
            continue;
        fprintf(out, "%s`%s` %.0f of %llu", any ? ", " : "\nArrived out of order, a call: ", series->cell.call, count,
                (unsigned long long)series_tasks(series));
        any = true;
    }
    if (any)
        fputs(".\n", out);
}

static int backend_table(const struct study *study, const char *backend, const char *title, FILE *out)
{
    static const struct table_column columns[] = {
        {"call", false},  {"chunk", true},  {"submit", true},  {"collect", true},   {"total", true}, {"ns/task", true},
        {"x loop", true}, {"x call", true}, {"x floor", true}, {"x CPython", true}, {"cold", true}};
    bool is_peer = strcmp(backend, "cpython") == 0;
    struct table *table = table_open(columns, is_peer ? 7 : sizeof columns / sizeof columns[0]);
    int status = 0;

    if (table == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < study->set.count && status == 0; i++)
        if (is_row(study, &study->set.series[i], backend))
            status = call_row(table, study, &study->set.series[i], is_peer);
    fprintf(out, "\n### %s\n\n", title);
    if (status == 0 && table_rows(table) > 0) {
        status = table_write(table, out);
        order_sentence(study, backend, out);
    } else if (status == 0) {
        fputs("Not measured.\n", out);
    }
    table_free(table);
    return status;
}

/* ns a row of a serial baseline, as text; "?" where it was not measured. */
static const char *serial_ns(const struct study *study, const char *backend, const char *call,
                             char text[TABLE_NUMBER_MAX])
{
    strcpy(text, "?");
    for (size_t i = 0; i < study->set.count; i++) {
        const struct series *series = &study->set.series[i];

        if (series->good > 0 && strcmp(series->cell.kernel, MAIN_KERNEL) == 0 &&
            strcmp(series->cell.backend, backend) == 0 && strcmp(series->cell.call, call) == 0 &&
            series->cell.rows == study->rows)
            table_number(study_row(study, series)->ns_per_row, text);
    }
    return text;
}

int part_calls(const struct report *report, FILE *out)
{
    static const struct {
        const char *backend, *title;
    } tables[] = {
        {"fork", "Calls on fork"},
        {"pthread", "Calls on pthread"},
        {"openmp", "Calls on openmp"},
        {"cpython", "Calls of CPython"},
    };
    const struct report *inside = report_inside(report, REPORT_CALLS);
    const struct study *study = &inside->study;
    char loop[TABLE_NUMBER_MAX], callback[TABLE_NUMBER_MAX], own[TABLE_NUMBER_MAX];
    int status = 0;

    if (!study_measured(study, "apply_async"))
        return 0;
    fputs("## All calls\n\n", out);
    part_source(report, inside, out);
    fprintf(
        out,
        "Every call on the same %llu rows, %d %s. submit, collect and total are ms for all rows; `~`: fewer tasks\n"
        "were run, and their time is scaled. ns/task is total over tasks, cold the same with workers that sleep.\n"
        "x loop, x call: speedup over the serial loop (%s ns a row) and over the serial callback (%s ns);\n"
        "CPython's is over its own serial loop (%s ns). x floor: time over the best that the machine can do in its\n"
        "place, turn by turn: for apply a round trip, for open raw processes or threads, for `map_chunks` reading\n"
        "the rows, else copies of the kernel. x CPython: time of its same call over this one, of the same chunk\n"
        "(auto: of its own choice). `*`: a noisy cell.\n",
        (unsigned long long)study->rows, study->workers, study->workers == 1 ? "worker" : "workers",
        serial_ns(study, "serial", "loop", loop), serial_ns(study, "serial", "callback", callback),
        serial_ns(study, "cpython", "loop", own));
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && status == 0; i++)
        status = backend_table(study, tables[i].backend, tables[i].title, out);
    return status;
}

/* What the 49 ms of the notebook's apply_async cell can have been spent on, by what CPython needs here. */
static void notebook_sentence(const struct study *study, FILE *out)
{
    const struct series *open = study_pick(study, "cpython", &(struct pick){.call = "open"});
    const struct series *async = study_pick(study, "cpython", &(struct pick){.call = "apply_async"});
    char open_ms[TABLE_NUMBER_MAX], all_ms[TABLE_NUMBER_MAX], rest[TABLE_NUMBER_MAX];
    double open_ns, task_ns;

    if (open == NULL || async == NULL)
        return;
    open_ns = study_row(study, open)->median_ns;
    task_ns = study_row(study, async)->ns_per_row;
    fprintf(out,
            "The notebook's `apply_async` cell, which opens its pool too, printed 49 ms. Here CPython needs %s ms to "
            "open\n"
            "and close a pool and %s ms for `apply_async` and `get` of %llu rows",
            table_number(open_ns / 1e6, open_ms), table_number(task_ns * (double)study->rows / 1e6, all_ms),
            (unsigned long long)study->rows);
    if (open_ns < NOTEBOOK_CELL_S * 1e9)
        fprintf(out, ": after opening, 49 ms leave time for %s rows.\n\n",
                table_number(floor((NOTEBOOK_CELL_S * 1e9 - open_ns) / task_ns), rest));
    else
        fputs(": opening alone takes longer than 49 ms.\n\n", out);
}

/* A claim's text is "WHO: STATEMENT"; the statement is printed once for all who follow each other. */
static void statement_row(struct table *table, const struct claim *claim, const struct claim *before)
{
    const char *statement = strstr(claim->text, ": ") + 2;
    const char *last = before != NULL ? strstr(before->text, ": ") + 2 : "";
    char interval[2 * TABLE_NUMBER_MAX];

    table_cell(table, "%s", strcmp(statement, last) == 0 ? "" : statement);
    table_cell(table, "%.*s", (int)(statement - 2 - claim->text), claim->text);
    table_figure(table, claim->ratio.median);
    table_cell(table, "%s", table_interval(claim->ratio.low, claim->ratio.high, interval));
    table_cell(table, "%s %g", claim->relation, claim->limit);
    table_cell(table, "%s%s%s%s", claim->verdict, claim->note[0] != '\0' ? " (" : "", claim->note,
               claim->note[0] != '\0' ? ")" : "");
}

int part_tutorial(const struct report *report, FILE *out)
{
    static const struct table_column columns[] = {{"statement", false}, {"who", false},  {"ratio", true},
                                                  {"95 %", true},       {"limit", true}, {"verdict", false}};
    const struct report *inside = report_inside(report, REPORT_CALLS);
    const struct claim *before = NULL;
    struct table *table = table_open(columns, sizeof columns / sizeof columns[0]);
    int status = 0;

    if (table == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < inside->claims.count; i++)
        if (inside->claims.claims[i].is_tutorial) {
            statement_row(table, &inside->claims.claims[i], before);
            before = &inside->claims.claims[i];
        }
    if (table_rows(table) > 0) {
        fputs("## What the tutorial says\n\n", out);
        part_source(report, inside, out);
        fprintf(
            out,
            "Its statements, and whether they hold here; `map`, `map_async` and `starmap` at CPython's chunk, %llu.\n"
            "\"Faster\" and \"slower\": the time of the slower over that of the faster, above 1 with its whole\n"
            "95 %% interval. Cells of CPython and of a backend are compared by their plain times, round by round.\n\n",
            (unsigned long long)study_python_chunk(&inside->study));
        notebook_sentence(&inside->study, out);
        status = table_write(table, out);
    }
    table_free(table);
    return status;
}
