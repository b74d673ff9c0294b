/* SPDX-License-Identifier: MIT
 *
 * The part "Peers": other libraries on the same rows, the same kernel and as many bound workers, each way of theirs at
 * small and large chunks, beside the pools of ours. Sentences only say what the medians of the table say.
 */
#include "sweep/peer.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "report/parts.h"
#include "report/table.h"

#define OWN_CHOICE  UINT64_MAX /* no chunk was asked for */
#define CHUNK_COUNT (sizeof chunks / sizeof chunks[0])

static const struct {
    uint64_t tasks;
    const char *title;
} chunks[] = {{1, "ns, x at 1"}, {16, "at 16"}, {256, "at 256"}, {4096, "at 4096"}, {OWN_CHOICE, "own"}};

/* Who is measured, in the order of the table. */
static const struct way {
    const char *name, *backend, *schedule;
    bool is_later; /* not missed in runs of before it was a peer */
} ways[] = {
    {"fork steal", "fork", "steal", false},         {"pthread steal", "pthread", "steal", false},
    {"openmp dynamic", "openmp", "dynamic", false}, {"openmp shipped", "openmp-as-shipped", "dynamic", false},
    {"gomp static", "gomp", "static", false},       {"gomp dynamic", "gomp", "dynamic", false},
    {"gomp guided", "gomp", "guided", false},       {"gomp-task", "gomp-task", NULL, false},
    {"libomp static", "libomp", "static", false},   {"libomp dynamic", "libomp", "dynamic", false},
    {"libomp guided", "libomp", "guided", false},   {"libomp-task", "libomp-task", NULL, false},
    {"tbb-simple", "tbb-simple", NULL, false},      {"tbb-auto", "tbb-auto", NULL, false},
    {"tbb-task", "tbb-task", NULL, false},          {"glib", "glib", NULL, false},
    {"pthreadpool", "pthreadpool", NULL, true},     {"cpython", "cpython", NULL, false},
};
#define WAY_COUNT (sizeof ways / sizeof ways[0])

/* One figure of the table; NAN where it was not measured. */
struct figure {
    double row_ns, times; /* times: over `pthread steal` at chunk 1 */
};

struct peers {
    const struct study *study;
    struct figure figures[WAY_COUNT][CHUNK_COUNT];
    size_t cells, noisy;
};

static const struct series *find(const struct study *study, const struct way *way, uint64_t tasks)
{
    bool is_own = tasks == OWN_CHOICE, is_cpython = strcmp(way->backend, "cpython") == 0;
    const struct pick pick = {.backend = way->backend,
                              .call = "map",
                              .schedule = way->schedule,
                              .chunk = is_own && is_cpython ? PICK_CHUNK_PYTHON : PICK_CHUNK_FIXED,
                              .fixed_chunk = is_own ? 0 : tasks};

    return study_pick(study, way->backend, &pick);
}

/* Whether there is another library's cell at all: CPython alone has parts of its own. */
static bool is_there(const struct study *study)
{
    for (size_t i = 0; i < WAY_COUNT; i++)
        for (size_t k = 0; k < CHUNK_COUNT && peer_is(ways[i].backend); k++)
            if (find(study, &ways[i], chunks[k].tasks) != NULL)
                return true;
    return false;
}

static int measure(struct peers *peers, const struct study *study)
{
    static const struct way ours = {"pthread steal", "pthread", "steal", false};
    const struct series *base = find(study, &ours, 1);
    int status = 0;

    *peers = (struct peers){.study = study};
    for (size_t i = 0; i < WAY_COUNT * CHUNK_COUNT && status == 0; i++) {
        const struct series *series = find(study, &ways[i / CHUNK_COUNT], chunks[i % CHUNK_COUNT].tasks);
        struct figure *figure = &peers->figures[i / CHUNK_COUNT][i % CHUNK_COUNT];
        struct estimate times = {.median = NAN};

        *figure = (struct figure){NAN, NAN};
        if (series == NULL)
            continue;
        peers->cells++;
        peers->noisy += strcmp(study_row(study, series)->quality, "noisy") == 0;
        if (base != NULL)
            status = study_compare(series, base, &times);
        *figure = (struct figure){study_row(study, series)->ns_per_row, times.median};
    }
    return status;
}

static bool is_measured(const struct figure figures[CHUNK_COUNT])
{
    for (size_t k = 0; k < CHUNK_COUNT; k++)
        if (isfinite(figures[k].row_ns))
            return true;
    return false;
}

/* ------------------------------------------------------------------------------------------ the table */

/* Narrower than table_number(): five pairs of them stand in a line of 80 characters. */
static const char *times_text(double times, char text[TABLE_NUMBER_MAX])
{
    snprintf(text, TABLE_NUMBER_MAX, times < 9.95 ? "%.1f" : "%.0f", times);
    return isfinite(times) ? text : "";
}

static void figure_cell(struct table *table, const struct figure *figure)
{
    char times[TABLE_NUMBER_MAX];
    int digits = figure->row_ns < 10 ? 2 : figure->row_ns < 100 ? 1 : 0;

    if (!isfinite(figure->row_ns))
        table_cell(table, "-");
    else
        table_cell(table, "%.*f %3s", digits, figure->row_ns, times_text(figure->times, times));
}

static int write_table(const struct peers *peers, FILE *out)
{
    struct table_column columns[1 + CHUNK_COUNT] = {{"way", false}};
    struct table *table;
    int status;

    for (size_t k = 0; k < CHUNK_COUNT; k++)
        columns[1 + k] = (struct table_column){chunks[k].title, true};
    table = table_open(columns, 1 + CHUNK_COUNT);
    if (table == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < WAY_COUNT; i++) {
        if (!is_measured(peers->figures[i]))
            continue;
        table_cell(table, "%s", ways[i].name);
        for (size_t k = 0; k < CHUNK_COUNT; k++)
            figure_cell(table, &peers->figures[i][k]);
    }
    status = table_write(table, out);
    table_free(table);
    return status;
}

/* -------------------------------------------------------------------------------------- the sentences */

/* Of the other libraries' ways, the quickest (sign 1) or the slowest (-1) at a chunk; WAY_COUNT: none. */
static size_t extreme(const struct peers *peers, size_t chunk, double sign)
{
    size_t found = WAY_COUNT;

    for (size_t i = 0; i < WAY_COUNT; i++) {
        double row_ns = peers->figures[i][chunk].row_ns;

        if (!peer_is(ways[i].backend) || !isfinite(row_ns))
            continue;
        if (found == WAY_COUNT || sign * row_ns < sign * peers->figures[found][chunk].row_ns)
            found = i;
    }
    return found;
}

/* "`tbb-simple`, 41.0 ns a row (12 x)". */
static void name(const struct peers *peers, size_t way, size_t chunk, FILE *out)
{
    const struct figure *figure = &peers->figures[way][chunk];
    char row[TABLE_NUMBER_MAX], times[TABLE_NUMBER_MAX];

    fprintf(out, "`%s` with %s ns a row", ways[way].name, table_number(figure->row_ns, row));
    if (isfinite(figure->times))
        fprintf(out, " (%s x)", times_text(figure->times, times));
}

static void sentence_chunk(const struct peers *peers, size_t chunk, const char *start, FILE *out)
{
    size_t quickest = extreme(peers, chunk, 1), slowest = extreme(peers, chunk, -1);

    if (quickest == WAY_COUNT)
        return;
    fprintf(out, "%s the quickest of the other libraries is\n", start);
    name(peers, quickest, chunk, out);
    if (slowest != quickest) {
        fputs(", the slowest\n", out);
        name(peers, slowest, chunk, out);
    }
    fputs(".\n", out);
}

/* How many of them beat `pthread steal` at chunk 1, where both give tasks out one by one. */
static void sentence_count(const struct peers *peers, FILE *out)
{
    size_t all = 0, quicker = 0;

    for (size_t i = 0; i < WAY_COUNT; i++)
        if (peer_is(ways[i].backend) && isfinite(peers->figures[i][0].times)) {
            all++;
            quicker += peers->figures[i][0].times < 1;
        }
    if (all > 0)
        fprintf(out, "Of their %zu ways %zu %s quicker at chunk 1 than `pthread steal`.\n", all, quicker,
                quicker == 1 ? "is" : "are");
}

/* One code on two runtimes. */
static void sentence_runtimes(const struct peers *peers, FILE *out)
{
    static const char *const pairs[][2] = {{"gomp dynamic", "libomp dynamic"}, {"gomp-task", "libomp-task"}};
    char first[TABLE_NUMBER_MAX], second[TABLE_NUMBER_MAX];

    for (size_t p = 0; p < sizeof pairs / sizeof pairs[0]; p++) {
        double row_ns[2] = {NAN, NAN};

        for (size_t i = 0; i < WAY_COUNT; i++)
            for (size_t side = 0; side < 2; side++)
                if (strcmp(ways[i].name, pairs[p][side]) == 0)
                    row_ns[side] = peers->figures[i][0].row_ns;
        if (isfinite(row_ns[0]) && isfinite(row_ns[1]))
            fprintf(out, "The same code at chunk 1, `%s`: %s ns a row on libgomp, %s on LLVM's runtime.\n",
                    pairs[p][0] + strlen("gomp") + 1, table_number(row_ns[0], first), table_number(row_ns[1], second));
    }
}

static void sentence_missing(const struct peers *peers, FILE *out)
{
    bool any = false;

    for (size_t i = 0; i < WAY_COUNT; i++)
        if (!is_measured(peers->figures[i]) && !ways[i].is_later) {
            fprintf(out, "%s`%s`", any ? ", " : "Not measured: ", ways[i].name);
            any = true;
        }
    if (any)
        fputs(".\n", out);
    if (peers->noisy > 0)
        fprintf(out, "%zu of these %zu cells %s noisy: disturbed from outside, or scattered.\n", peers->noisy,
                peers->cells, peers->noisy == 1 ? "is" : "are");
}

int part_peers(const struct report *report, FILE *out)
{
    const struct report *inside = report_inside(report, REPORT_PEERS);
    const struct study *study = &inside->study;
    struct peers peers;
    int status;

    if (!is_there(study))
        return 0;
    status = measure(&peers, study);
    if (status != 0)
        return status;
    fputs("## Peers\n\n", out);
    part_source(report, inside, out);
    fprintf(out,
            "Other libraries on the same %llu rows: `map` of the same kernel object, %d %s. ns a row, and\n"
            "how many times that of `pthread steal` at chunk 1, round by round. All are bound alike, but for\n"
            "`openmp shipped`, which is OpenMP when nobody tells it anything, and `cpython`. own: no chunk was asked\n"
            "for: `static` deals out a share a worker, `tbb-auto` divides as it finds right, `steal` and\n"
            "`tbb-simple` take 1, `openmp dynamic` measures its first tasks, `cpython` has its rule; the others,\n"
            "which have none, are given 32 chunks a worker. All pay the same for running a task, one call of a\n"
            "function by its address: what differs is how tasks are handed out.\n\n",
            (unsigned long long)study->rows, study->workers, study->workers == 1 ? "worker" : "workers");
    status = write_table(&peers, out);
    fputc('\n', out);
    sentence_chunk(&peers, 0, "At chunk 1", out);
    sentence_count(&peers, out);
    sentence_chunk(&peers, CHUNK_COUNT - 1, "At a chunk of their own choice", out);
    sentence_runtimes(&peers, out);
    sentence_missing(&peers, out);
    return status;
}
