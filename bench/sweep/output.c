/* SPDX-License-Identifier: MIT
 *
 * Reads Google Benchmark's JSON. Its names carry suffixes ("/iterations:5/real_time") that are not ours.
 */
#include "output.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "text.h"

/* How long the word is at text, if it is one that Google Benchmark writes though JSON has no such number: in
 * aggregates of counters that are all 0. */
static size_t no_number(const char *text, size_t size)
{
    static const char *const words[] = {"-NaN", "NaN", "-Infinity", "Infinity"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (size >= strlen(words[i]) && memcmp(text, words[i], strlen(words[i])) == 0)
            return strlen(words[i]);
    return 0;
}

/* Whether the byte at `at` belongs to a character of UTF-8. */
static bool character(const char *text, size_t size, size_t at)
{
    for (size_t back = 0; back < 4 && back <= at; back++)
        if (text_character(text + at - back, size - at + back) > back)
            return true;
    return false;
}

/* Reads JSON, with null for every such word outside strings. */
static json_t *load(const char *text, size_t size)
{
    char *plain = malloc(2 * size + 1); /* null is longer than NaN */
    size_t used = 0;
    bool is_string = false;
    for (size_t at = 0; plain != NULL && at < size;) {
        size_t length = is_string ? 0 : no_number(text + at, size - at);
        if (length > 0) {
            used = (size_t)(stpcpy(plain + used, "null") - plain); /* what comes next goes over its end */
            at += length;
            continue;
        }
        if (text[at] == '\\' && is_string && at + 1 < size)
            plain[used++] = text[at++];
        else if (text[at] == '"')
            is_string = !is_string;
        /* A program's own path need not be UTF-8, JSON must be: nothing of ours stands in such a text. */
        plain[used++] = (unsigned char)text[at] < 0x80 || character(text, size, at) ? text[at] : '?';
        at++;
    }
    json_t *root = plain != NULL ? json_loadb(plain, used, 0, NULL) : NULL;
    free(plain);
    return root;
}

static const char *text_of(const json_t *run, const char *key)
{
    const char *text = json_string_value(json_object_get(run, key));
    return text != NULL ? text : "";
}

static bool is_run_of(const json_t *run, const char *name)
{
    static const char *const suffixes[] = {"iterations:", "repeats:", "real_time", "manual_time", "process_time"};
    const char *full = text_of(run, "name");
    size_t length = strlen(name);
    if (length == 0 || strncmp(full, name, length) != 0 || strcmp(text_of(run, "run_type"), "aggregate") == 0)
        return false;
    if (full[length] == '\0')
        return true;
    for (size_t i = 0; full[length] == '/' && i < sizeof suffixes / sizeof *suffixes; i++)
        if (strncmp(full + length + 1, suffixes[i], strlen(suffixes[i])) == 0)
            return true;
    return false;
}

static double unit_of(const json_t *run)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(text_of(run, "time_unit"), units[i].name) == 0)
            return units[i].ns;
    return 1;
}

/* Stores a run's time under its repetition; false when it has none, or one out of range. */
static bool take_time(const json_t *run, double times[JOURNAL_TIMES_MAX], int *count)
{
    const json_t *time = json_object_get(run, "real_time");
    json_int_t index = json_integer_value(json_object_get(run, "repetition_index"));
    if (!json_is_number(time) || !(json_number_value(time) >= 0) || index < 0 || index >= JOURNAL_TIMES_MAX)
        return false;
    times[index] = json_number_value(time) * unit_of(run);
    if (index >= *count)
        *count = (int)index + 1;
    return true;
}

/* The mean of a counter over the cell's repetitions, NAN when one lacks it. */
static double counter(const json_t *runs, const char *name, const char *key)
{
    double sum = 0;
    int count = 0;
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        if (!is_run_of(run, name))
            continue;
        const json_t *value = json_object_get(run, key);
        if (!json_is_number(value))
            return (double)NAN;
        sum += json_number_value(value);
        count++;
    }
    return count > 0 ? sum / count : (double)NAN;
}

/* Whose run it is; CELL_TURNS: nobody's. */
static int turn_of(const json_t *run, const struct output_names *names)
{
    int turn = 0;
    while (turn < CELL_TURNS && !is_run_of(run, names->of[turn]))
        turn++;
    return turn;
}

static int read_runs(const json_t *runs, const struct output_names *names, struct sample *sample)
{
    double *const times[CELL_TURNS] = {sample->times_ns, sample->loop_ns, sample->callback_ns, sample->floor_ns,
                                       sample->rival_ns};
    int counts[CELL_TURNS] = {0};
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        int turn = turn_of(run, names);
        if (turn == CELL_TURNS)
            continue;
        if (json_is_true(json_object_get(run, "error_occurred"))) {
            snprintf(sample->message, sizeof sample->message, "%.150s", text_of(run, "error_message"));
            return -EREMOTEIO;
        }
        /* A baseline is its own partner: one run is then taken twice. */
        for (int k = turn; k < CELL_TURNS; k++)
            if (is_run_of(run, names->of[k]) && !take_time(run, times[k], &counts[k]))
                return -EBADMSG;
        if (turn == CELL_TURN_CELL)
            sample->iterations = (uint64_t)json_integer_value(json_object_get(run, "iterations"));
    }
    sample->times = counts[CELL_TURN_CELL];
    for (int i = 0; i < sample->times; i++) /* a repetition that is missing in the middle */
        if (!isfinite(sample->times_ns[i]))
            return -EBADMSG;
    return sample->times > 0 ? 0 : -EBADMSG;
}

/* A cell may run fewer tasks a call than its floor (`apply` from cold): the floor's time is that of as many. */
static void scale_floor(const json_t *runs, const struct output_names *names, struct sample *sample)
{
    double tasks = counter(runs, names->of[CELL_TURN_FLOOR], "tasks");
    for (int i = 0; i < sample->times && tasks > 0 && sample->tasks > 0; i++)
        sample->floor_ns[i] *= (double)sample->tasks / tasks;
}

/* Two phases are there where collecting took time; a call that blocks gives 0 for both. */
static void read_phases(const json_t *runs, const char *cell, struct sample *sample)
{
    double collect_ns = counter(runs, cell, "collect_ns");
    if (!(collect_ns > 0))
        return;
    sample->submit_ns = counter(runs, cell, "submit_ns");
    sample->collect_ns = collect_ns;
    sample->out_of_order = counter(runs, cell, "out_of_order");
}

int output_read(const char *text, size_t size, const struct output_names *names, struct sample *sample)
{
    json_t *root = load(text, size);
    const json_t *runs = json_object_get(root, "benchmarks");
    int status = json_is_array(runs) ? read_runs(runs, names, sample) : -EBADMSG;
    if (status == 0) {
        const char *cell = names->of[CELL_TURN_CELL];
        double tasks = counter(runs, cell, "tasks");
        sample->tasks = tasks > 0 && tasks < 1e15 ? (uint64_t)(tasks + 0.5) : 0;
        sample->cpu_ns = counter(runs, cell, "cpu_ns");
        sample->workers_cpu_ns = counter(runs, cell, "workers_cpu_ns");
        sample->handovers = counter(runs, cell, "handovers");
        sample->steals = counter(runs, cell, "steals");
        sample->involuntary = counter(runs, cell, "involuntary");
        sample->call_bytes = counter(runs, cell, "call_bytes");
        read_phases(runs, cell, sample);
        scale_floor(runs, names, sample);
    }
    json_decref(root);
    return status;
}

uint64_t output_iterations(const char *text, size_t size, const char *name)
{
    json_t *root = load(text, size);
    const json_t *runs = json_object_get(root, "benchmarks");
    json_int_t iterations = 0;
    for (size_t i = 0; i < json_array_size(runs); i++)
        if (is_run_of(json_array_get(runs, i), name) &&
            !json_is_true(json_object_get(json_array_get(runs, i), "error_occurred")))
            iterations = json_integer_value(json_object_get(json_array_get(runs, i), "iterations"));
    json_decref(root);
    return iterations > 0 ? (uint64_t)iterations : 0;
}
