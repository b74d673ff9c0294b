/* SPDX-License-Identifier: MIT
 *
 * The tables of RESULTS.md: one chapter a backend, the floor and the serial baselines, the overhead model, the claims.
 * They print what summary, model and claims hold and compute only what is a change of unit.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "report/parts.h"
#include "report/table.h"

/* Core time of one claim beyond the work. `guided` has fewer claims than tasks / chunk: its hand-overs are counted. */
static double overhead_per_chunk(const struct summary_row *row)
{
    double tasks = (double)row->tasks, chunks = NAN;

    if (strcmp(row->cell.call, "apply") == 0)
        return row->overhead_ns_per_task;
    if (strcmp(row->cell.schedule, "guided") == 0)
        chunks = row->handovers > 0 ? row->handovers : NAN;
    else if (row->cell.chunk > 0)
        chunks = ceil(tasks / (double)row->cell.chunk);
    return row->overhead_ns_per_task * tasks / chunks;
}

static void row_name(struct table *table, const struct summary_row *row)
{
    const struct cell *cell = &row->cell;

    table_cell(table, "%s%s%s%s%s%s", strcmp(cell->backend, "openmp-as-shipped") == 0 ? "as shipped: " : "", cell->call,
               strcmp(cell->schedule, "-") != 0 ? " " : "", strcmp(cell->schedule, "-") != 0 ? cell->schedule : "",
               cell->data == CELL_DATA_COPY ? ", copied" : "", cell->start == CELL_START_COLD ? ", cold" : "");
}

static void backend_row(struct table *table, const struct summary_row *row)
{
    double tasks = row->tasks > 0 ? (double)row->tasks : NAN;
    char interval[2 * TABLE_NUMBER_MAX];

    row_name(table, row);
    if (row->cell.chunk > 0)
        table_cell(table, "%llu", (unsigned long long)row->cell.chunk);
    else
        table_cell(table, "-");
    table_cell(table, "%d", row->cell.workers);
    table_figure(table, row->ns_per_row);
    table_cell(table, "%s", table_interval(row->ci_low_ns / tasks, row->ci_high_ns / tasks, interval));
    table_figure(table, row->overhead_ns_per_task);
    table_figure(table, overhead_per_chunk(row));
    table_figure(table, row->speedup_loop);
    table_figure(table, row->speedup_callback);
    table_figure(table, row->efficiency);
    table_figure(table, row->efficiency_peak);
    table_figure(table, row->handovers);
    table_cell(table, "%s", row->quality);
}

/* The row belongs in the chapter of backend; OpenMP's holds what is shipped as well. */
static bool in_chapter(const struct summary_row *row, const char *backend)
{
    bool shipped = strcmp(backend, "openmp") == 0 && strcmp(row->cell.backend, "openmp-as-shipped") == 0;

    return (strcmp(row->cell.backend, backend) == 0 || shipped) && strcmp(row->cell.call, "open") != 0 &&
           strcmp(row->cell.call, "idle") != 0 && strcmp(row->cell.kernel, "empty") != 0;
}

static bool same_group(const struct summary_row *a, const struct summary_row *b)
{
    return strcmp(a->cell.kernel, b->cell.kernel) == 0 && a->cell.rows == b->cell.rows;
}

/* One table: the chapter's rows from index first on that share kernel and rows; *next is where they end. */
static int group_write(const struct report *report, const char *backend, size_t first, size_t *next, FILE *out)
{
    static const struct table_column columns[] = {
        {"call", false},   {"chunk", true},   {"P", true},       {"ns/row", true}, {"95 %", true},
        {"o/task", true},  {"o/chunk", true}, {"x loop", true},  {"x call", true}, {"eff", true},
        {"of peak", true}, {"given", true},   {"quality", false}};
    const struct summary *summary = &report->study.summary;
    const struct summary_row *head = &summary->rows[first];
    struct table *table = table_open(columns, sizeof columns / sizeof columns[0]);
    bool shipped = false, is_main = strcmp(head->cell.kernel, "howmany") == 0 && head->cell.rows == report->study.rows;
    int status;

    if (table == NULL)
        return -ENOMEM;
    fprintf(out, "\nKernel `%s`, %llu rows:\n\n", head->cell.kernel, (unsigned long long)head->cell.rows);
    for (*next = first; *next < summary->count && same_group(&summary->rows[*next], head); ++*next)
        if (in_chapter(&summary->rows[*next], backend)) {
            backend_row(table, &summary->rows[*next]);
            shipped = shipped || strcmp(summary->rows[*next].cell.backend, "openmp-as-shipped") == 0;
        }
    if (strcmp(backend, "openmp") == 0 && !shipped && is_main) {
        table_cell(table, "as shipped: not measured");
        for (size_t i = 1; i < sizeof columns / sizeof columns[0]; i++)
            table_cell(table, "-");
    }
    status = table_write(table, out);
    table_free(table);
    return status;
}

int part_backends(const struct report *report, FILE *out)
{
    static const char *const chapters[] = {"fork", "pthread", "openmp", "cpython"};
    static const char *const titles[] = {"fork: processes", "pthread: threads", "openmp", "CPython"};
    const struct summary *summary = &report->study.summary;
    int status = 0;

    fputs("## Every backend\n\nWhat the columns say stands under \"How to read it\".\n", out);
    for (size_t i = 0; i < sizeof chapters / sizeof chapters[0] && status == 0; i++) {
        bool any = false;

        fprintf(out, "\n### %s\n", titles[i]);
        for (size_t k = 0; k < summary->count && status == 0;) {
            size_t next = k + 1;

            if (in_chapter(&summary->rows[k], chapters[i])) {
                status = group_write(report, chapters[i], k, &next, out);
                any = true;
            }
            k = next;
        }
        if (!any)
            fputs("\nNot measured.\n", out);
    }
    return status;
}

/* What belongs to the floor: the baselines, the peak, calls that run nothing, tasks that are empty, pools. */
static bool is_floor(const struct summary_row *row)
{
    static const char *const backends[] = {"serial", "floor", "null"};

    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++)
        if (strcmp(row->cell.backend, backends[i]) == 0)
            return true;
    return strcmp(row->cell.kernel, "empty") == 0 || strcmp(row->cell.call, "open") == 0;
}

int part_floor(const struct report *report, FILE *out)
{
    static const struct table_column columns[] = {
        {"cell", false}, {"chunk", true},  {"P", true},      {"rows", true}, {"us a call", true},
        {"95 %", true},  {"ns/row", true}, {"x call", true}, {"eff", true},  {"quality", false}};
    const struct summary *summary = &report->study.summary;
    struct table *table = table_open(columns, sizeof columns / sizeof columns[0]);
    char interval[2 * TABLE_NUMBER_MAX];
    int status;

    if (table == NULL)
        return -ENOMEM;
    fputs(
        "## The floor\n\n"
        "What this machine can do at best: the serial baselines, `floor peak` (P independent copies of the kernel),\n"
        "`floor cacheline` (a round trip between two CPUs) and `floor fork` (the processes of a pool, raw), `null` (a\n"
        "call that runs nothing), the kernel `empty` (nothing but hand-overs), and opening a pool.\n\n",
        out);
    for (size_t i = 0; i < summary->count; i++) {
        const struct summary_row *row = &summary->rows[i];

        bool pool = strcmp(row->cell.call, "open") == 0;

        if (!is_floor(row))
            continue;
        table_cell(table, "%s%s%s %s%s%s", pool ? "" : row->cell.kernel, pool ? "" : " ", row->cell.backend,
                   row->cell.call, strcmp(row->cell.schedule, "-") != 0 ? " " : "",
                   strcmp(row->cell.schedule, "-") != 0 ? row->cell.schedule : "");
        if (row->cell.chunk > 0)
            table_cell(table, "%llu", (unsigned long long)row->cell.chunk);
        else
            table_cell(table, "-");
        table_cell(table, "%d", row->cell.workers);
        table_cell(table, "%llu", (unsigned long long)row->cell.rows);
        table_figure(table, row->median_ns / 1e3);
        table_cell(table, "%s", table_interval(row->ci_low_ns / 1e3, row->ci_high_ns / 1e3, interval));
        table_figure(table, row->cell.rows > 0 ? row->ns_per_row : NAN);
        table_figure(table, row->speedup_callback);
        table_figure(table, row->efficiency);
        table_cell(table, "%s", row->quality);
    }
    status = table_write(table, out);
    table_free(table);
    return status;
}

int part_model(const struct report *report, FILE *out)
{
    static const struct table_column columns[] = {
        {"backend", false},      {"o, ns a chunk", true},   {"+-", true}, {"s, us a call", true}, {"+-", true},
        {"chunks fitted", true}, {"apply, ns a task", true}};
    struct table *table = table_open(columns, sizeof columns / sizeof columns[0]);
    int status;

    if (table == NULL)
        return -ENOMEM;
    fputs(
        "## The overhead model\n\n"
        "`T(c) = s + (W + o * ceil(n / c)) / P_used`, fitted to `dynamic` over the chunks up to CPython's rule:\n"
        "o is what one chunk costs in core time, s what a call costs before the first chunk; +- is a standard error.\n"
        "The notebook's two figures give (53.7 s - 0.213 s) / 200000 for each call of apply.\n\n",
        out);
    for (size_t i = 0; i < REPORT_BACKENDS; i++) {
        const struct model *model = &report->models[i];

        table_cell(table, "%s", model->backend);
        table_figure(table, model->chunk_ns);
        table_figure(table, model->chunk_error_ns);
        table_figure(table, model->start_ns / 1e3);
        table_figure(table, model->start_error_ns / 1e3);
        table_cell(table, "%zu", model->chunks);
        table_figure(table, model->apply_ns);
    }
    table_cell(table, "the notebook");
    for (int i = 0; i < 5; i++)
        table_cell(table, "-");
    table_figure(table, model_notebook_ns());
    status = table_write(table, out);
    table_free(table);
    return status;
}

int part_claims(const struct report *report, FILE *out)
{
    static const struct table_column columns[] = {{"claim", false}, {"ratio", true}, {"95 %", true},
                                                  {"limit", true},  {"n", true},     {"verdict", false}};
    struct table *table = table_open(columns, sizeof columns / sizeof columns[0]);
    char interval[2 * TABLE_NUMBER_MAX];
    int status;

    if (table == NULL)
        return -ENOMEM;
    fputs("## The claims\n\n"
          "A claim holds when the whole 95 % interval lies on its side of the limit, and does not hold when the whole\n"
          "interval lies on the other side. n is the number of rounds. The same list is in `claims.json`.\n\n",
          out);
    for (size_t i = 0; i < report->claims.count; i++) {
        const struct claim *claim = &report->claims.claims[i];

        table_cell(table, "%s", claim->text);
        table_figure(table, claim->ratio.median);
        table_cell(table, "%s", table_interval(claim->ratio.low, claim->ratio.high, interval));
        if (claim->relation[0] != '\0')
            table_cell(table, "%s %g", claim->relation, claim->limit);
        else
            table_cell(table, "-");
        table_cell(table, "%zu", claim->ratio.values);
        table_cell(table, "%s%s%s%s%s%s", claim->verdict, claim->answer[0] != '\0' ? ": " : "", claim->answer,
                   claim->note[0] != '\0' ? " (" : "", claim->note, claim->note[0] != '\0' ? ")" : "");
    }
    status = table_write(table, out);
    table_free(table);
    return status;
}
