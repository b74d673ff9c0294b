/* SPDX-License-Identifier: MIT
 *
 * How `grain run` shows a run: a report for an 80-column terminal, or one JSON object.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "run.h"
#include "run_calls.h"
#include "sweep/text.h"

#define COUNTS_SHOWN 10
#define INDENT       22
#define WIDTH        79

static const char *const phase_names[RUN_PHASES] = {
    [RUN_OPEN] = "open", [RUN_SUBMIT] = "submit", [RUN_COLLECT] = "collect", [RUN_CLOSE] = "close"};

/* What a phase includes depends on the kind of call. */
#define START "start the workers"
#define MOVE  "move the data to where the workers see it"
#define STOP  "stop the workers"
static const char *const phase_notes[RUN_KINDS][RUN_PHASES] = {
    [RUN_BLOCKING] = {START, MOVE, "the call, until every result is there", STOP},
    [RUN_QUEUED] = {START, "move the data; queue every call", "get every result", STOP},
    [RUN_ITERATOR] = {START, "move the data; open the iterator", "take every result from it", STOP},
    [RUN_SPAWNING] = {"nothing: there is no pool", MOVE, "start and wait for every process", "give the memory back"},
};

/* --------------------------------------------------------------------------------- what was found */

static int64_t total_of(const struct run_measured *measured)
{
    int64_t total = 0;
    for (uint64_t i = 0; i < measured->data.rows; i++)
        total += measured->counts[i];
    return total;
}

/* How many rows have 0, 1, ... `columns` values in the range; every count was checked before. The caller frees. */
static int64_t *histogram_of(const struct run_measured *measured)
{
    int64_t *histogram = calloc((size_t)measured->data.columns + 1, sizeof *histogram);
    for (uint64_t i = 0; histogram && i < measured->data.rows; i++)
        histogram[measured->counts[i]]++;
    return histogram;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ------------------------------------------------------------------------------------------- text */

static void label(const char *text)
{
    say_painted(SAY_BOLD, "%-*s", INDENT, text);
}

/* The next number of a list that is wrapped under its label; column is where the line stands. */
static int wrapped(int column, int64_t number)
{
    char text[24];
    int length = snprintf(text, sizeof text, "%" PRId64, number);
    if (column > INDENT && column + 1 + length > WIDTH) {
        printf("\n%*s", INDENT, "");
        column = INDENT;
    }
    printf("%s%s", column > INDENT ? " " : "", text);
    return column + length + (column > INDENT);
}

static void print_asked(const struct run_asked *asked, const struct run_measured *measured)
{
    label("Backend");
    if (asked->call->kind == RUN_SPAWNING)
        printf("none: every row is a process of its own, %d at a time\n", measured->workers);
    else
        printf("%s, %d worker%s\n", asked->backend, measured->workers, measured->workers == 1 ? "" : "s");
    label("Call");
    printf("%s", asked->call->name);
    if (!(asked->call->takes & RUN_TAKES_CHUNK))
        printf(", one row per call");
    else if (asked->chunk == GRAIN_CHUNK_PYTHON)
        printf(", chunk python");
    else if (asked->chunk == 0)
        printf(", chunk auto");
    else
        printf(", chunk %" PRId64, asked->chunk);
    if (asked->schedule != GRAIN_SCHEDULE_DEFAULT)
        printf(", schedule %s", grain_schedule_name(asked->schedule));
    putchar('\n');
    label("Data");
    printf("%" PRIu64 " rows x %" PRId32 ", ", measured->data.rows, measured->data.columns);
    if (asked->input)
        printf("from %s\n", asked->input);
    else
        printf("RandomState(%" PRIu32 ").randint(0, 10)\n", asked->seed);
    if (measured->rows_offered > measured->data.rows)
        printf("%*s(the first of %" PRIu64 ": each costs a fork)\n", INDENT, "", measured->rows_offered);
    if (measured->rows_offered > measured->data.rows && !asked->input)
        printf("%*s(--rows N for another number)\n", INDENT, "");
}

static void print_found(const struct run_asked *asked, const struct run_measured *measured)
{
    const struct matrix *data = &measured->data;
    for (uint64_t i = 0; i < least(data->rows, RUN_FIRST_ROWS); i++) {
        label(i ? "" : data->rows < RUN_FIRST_ROWS ? "All rows" : "First five rows");
        int column = INDENT;
        for (int32_t k = 0; k < data->columns; k++)
            column = wrapped(column, data->values[i * (uint64_t)data->columns + (uint64_t)k]);
        putchar('\n');
    }
    label(data->rows < COUNTS_SHOWN ? "All counts" : "First ten counts");
    int column = INDENT;
    for (uint64_t i = 0; i < least(data->rows, COUNTS_SHOWN); i++)
        column = wrapped(column, measured->counts[i]);
    putchar('\n');
    label("Total");
    printf("%" PRId64 " values from %" PRId32 " to %" PRId32 "\n", total_of(measured), asked->minimum, asked->maximum);
    label("Histogram");
    int64_t *histogram = histogram_of(measured);
    column = INDENT;
    for (int32_t k = 0; histogram && k <= data->columns; k++)
        column = wrapped(column, histogram[k]);
    putchar('\n');
    free(histogram);
    printf("%*s(rows with 0, 1, ... %" PRId32 " such values)\n", INDENT, "", data->columns);
    label("Checked");
    say_painted(SAY_GREEN, "all %" PRIu64 " counts are right", data->rows);
    putchar('\n');
    if (!asked->call->is_unordered)
        return;
    label("Out of order");
    printf("%" PRIu64 " of %" PRIu64 " results, ", measured->out_of_order, data->rows);
    say_painted(SAY_DIM, "each after one of a later row");
    putchar('\n');
}

static void print_cpu(const struct run_cpu *cpu, const char *whose)
{
    char text[80];
    snprintf(text, sizeof text, "user %.2f ms, sys: %.2f ms, total: %.2f ms", (double)cpu->user_us / 1e3,
             (double)cpu->sys_us / 1e3, (double)(cpu->user_us + cpu->sys_us) / 1e3);
    printf("CPU times: %-50s  ", text);
    say_painted(SAY_DIM, "%s", whose);
    putchar('\n');
}

void run_print_text(const struct run_asked *asked, const struct run_measured *measured)
{
    label("Number of processors");
    printf("%d\n", grain_cpu_count());
    print_asked(asked, measured);
    putchar('\n');
    print_found(asked, measured);
    putchar('\n');
    for (int i = 0; i < RUN_PHASES; i++) {
        label(phase_names[i]);
        printf("%10.3f ms   ", (double)measured->phase_ns[i] / 1e6);
        say_painted(SAY_DIM, "%s", phase_notes[asked->call->kind][i]);
        putchar('\n');
    }
    label("total");
    printf("%10.3f ms\n\n", (double)measured->wall_ns / 1e6);
    print_cpu(&measured->caller, "caller");
    print_cpu(&measured->everyone, "caller + workers");
    printf("Wall time: %.2f ms\n", (double)measured->wall_ns / 1e6);
}

/* ------------------------------------------------------------------------------------------- JSON */

static json_t *json_rows(const struct matrix *data)
{
    json_t *rows = json_array();
    for (uint64_t i = 0; i < least(data->rows, RUN_FIRST_ROWS); i++) {
        json_t *row = json_array();
        for (int32_t k = 0; k < data->columns; k++)
            json_array_append_new(row, json_integer(data->values[i * (uint64_t)data->columns + (uint64_t)k]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *json_found(const struct run_measured *measured)
{
    json_t *first = json_array(), *buckets = json_array();
    int64_t *histogram = histogram_of(measured);
    for (uint64_t i = 0; i < least(measured->data.rows, COUNTS_SHOWN); i++)
        json_array_append_new(first, json_integer(measured->counts[i]));
    for (int32_t k = 0; histogram && k <= measured->data.columns; k++)
        json_array_append_new(buckets, json_integer(histogram[k]));
    free(histogram);
    return json_pack("{s:o, s:o, s:I, s:o, s:b}", "first_rows", json_rows(&measured->data), "first_counts", first,
                     "total", (json_int_t)total_of(measured), "histogram", buckets, "correct", 1);
}

static json_t *json_phases(const struct run_asked *asked, const struct run_measured *measured)
{
    json_t *out = json_object();
    for (int i = 0; i < RUN_PHASES; i++) {
        char key[16];
        snprintf(key, sizeof key, "%s_ns", phase_names[i]);
        json_object_set_new(out, key, json_integer((json_int_t)measured->phase_ns[i]));
    }
    json_object_set_new(out, "total_ns", json_integer((json_int_t)measured->wall_ns));
    json_object_set_new(out, "blocking", json_boolean(asked->call->start == NULL));
    return out;
}

static json_t *json_cpu(const struct run_cpu *cpu)
{
    return json_pack("{s:I, s:I, s:I}", "user_us", (json_int_t)cpu->user_us, "sys_us", (json_int_t)cpu->sys_us,
                     "total_us", (json_int_t)cpu->user_us + (json_int_t)cpu->sys_us);
}

static json_t *json_source(const struct run_asked *asked)
{
    if (!asked->input)
        return json_pack("{s:I}", "seed", (json_int_t)asked->seed);
    return text_json(asked->input);
}

static json_t *json_chunk(const struct run_asked *asked)
{
    if (!(asked->call->takes & RUN_TAKES_CHUNK))
        return json_null();
    if (asked->chunk > 0)
        return json_integer(asked->chunk);
    return json_string(asked->chunk == 0 ? "auto" : "python");
}

json_t *run_json(const struct run_asked *asked, const struct run_measured *measured)
{
    const struct matrix *data = &measured->data;
    const struct run_call *call = asked->call;
    const char *backend = call->kind == RUN_SPAWNING ? NULL : asked->backend;
    enum grain_schedule schedule = call->takes & RUN_TAKES_SCHEDULE ? asked->schedule : GRAIN_SCHEDULE_DEFAULT;
    json_t *all = json_pack("{s:i, s:s?, s:i, s:s, s:o, s:s, s:I, s:I, s:i, s:o, s:i, s:i, s:o, s:o, s:o, s:o}",
                            "processors", grain_cpu_count(), "backend", backend, "workers", measured->workers, "call",
                            call->name, "chunk", json_chunk(asked), "schedule", grain_schedule_name(schedule), "rows",
                            (json_int_t)data->rows, "rows_offered", (json_int_t)measured->rows_offered, "columns",
                            data->columns, "source", json_source(asked), "min", asked->minimum, "max", asked->maximum,
                            "found", json_found(measured), "phases", json_phases(asked, measured), "cpu_caller",
                            json_cpu(&measured->caller), "cpu_everyone", json_cpu(&measured->everyone));
    if (all && call->is_unordered)
        json_object_set_new(all, "out_of_order", json_integer((json_int_t)measured->out_of_order));
    return all;
}
