/* SPDX-License-Identifier: MIT
 *
 * Samples to JSON and back. The reader trusts nothing: a line with a missing key, a wrong type, too many
 * times or a negative count is no record.
 */
#include "record.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static const struct {
    const char *name;
    bool is_final;
} statuses[] = {
    [SAMPLE_OK] = {"ok", true},
    [SAMPLE_FAILED] = {"failed", false},   /* killed, no memory, no process: by somebody, or by the hour */
    [SAMPLE_TIMEOUT] = {"timeout", false}, /* the machine may have been busy, or paused */
    [SAMPLE_WRONG] = {"wrong", true},      /* no right result afterwards makes up for a wrong one */
    [SAMPLE_MISSING] = {"missing", false}, /* the program may have been installed since */
};
#define DIGITS       8    /* of a number: a nanosecond of a tenth of a second, which no clock keeps to */
#define WHOLE_MAX    1e15 /* a double has them all */
#define STATUS_COUNT (sizeof statuses / sizeof *statuses)

/* The figures that are one number each. */
static const struct {
    const char *key;
    size_t offset;
    bool is_late; /* left out where it is not known: older records lack it */
} figures[] = {
    {"cpu_ns", offsetof(struct sample, cpu_ns), false},
    {"workers_cpu_ns", offsetof(struct sample, workers_cpu_ns), false},
    {"handovers", offsetof(struct sample, handovers), false},
    {"steals", offsetof(struct sample, steals), false},
    {"steal_pct", offsetof(struct sample, steal_pct), false},
    {"involuntary", offsetof(struct sample, involuntary), false},
    {"load", offsetof(struct sample, load), false},
    {"call_bytes", offsetof(struct sample, call_bytes), true},
    {"submit_ns", offsetof(struct sample, submit_ns), true},
    {"collect_ns", offsetof(struct sample, collect_ns), true},
    {"out_of_order", offsetof(struct sample, out_of_order), true},
    {"rival_chunk", offsetof(struct sample, rival_chunk), true},
};
#define FIGURE_COUNT (sizeof figures / sizeof *figures)

/* The figures that are one number a repetition. */
static const struct {
    const char *key;
    size_t offset;
} series[] = {
    {"times_ns", offsetof(struct sample, times_ns)},
    {"loop_ns", offsetof(struct sample, loop_ns)}, /* this and those below are left out where nothing is known */
    {"callback_ns", offsetof(struct sample, callback_ns)},
    {"floor_ns", offsetof(struct sample, floor_ns)},
    {"rival_ns", offsetof(struct sample, rival_ns)},
};
#define SERIES_COUNT (sizeof series / sizeof *series)

static double *figure_of(struct sample *sample, size_t i)
{
    return (double *)(void *)((char *)sample + figures[i].offset);
}

static double *series_of(struct sample *sample, size_t i)
{
    return (double *)(void *)((char *)sample + series[i].offset);
}

const char *record_status_name(enum sample_status status)
{
    return (size_t)status < STATUS_COUNT ? statuses[status].name : "?";
}

bool record_is_final(enum sample_status status)
{
    return (size_t)status >= STATUS_COUNT || statuses[status].is_final;
}

void record_blank(struct sample *sample, const char *cell, int round)
{
    memset(sample, 0, sizeof *sample);
    strncpy(sample->cell, cell, sizeof sample->cell - 1);
    sample->round = round;
    for (size_t i = 0; i < FIGURE_COUNT; i++)
        *figure_of(sample, i) = (double)NAN;
    for (size_t s = 0; s < SERIES_COUNT; s++)
        for (int i = 0; i < JOURNAL_TIMES_MAX; i++)
            series_of(sample, s)[i] = (double)NAN;
}

/* Rounded first, so that what is read is written as the same. A whole number as one: "24823752" is shorter than
 * "24823752.0", and the same to every reader. */
static json_t *number(double value)
{
    char text[32];
    if (!isfinite(value))
        return json_null();
    snprintf(text, sizeof text, "%.*g", DIGITS, value);
    value = strtod(text, NULL);
    return fabs(value) < WHOLE_MAX && value == floor(value) ? json_integer((json_int_t)value) : json_real(value);
}

static json_t *numbers(const double *values, int count)
{
    json_t *array = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(array, number(values[i]));
    return array;
}

static bool is_known(const double *values, int count)
{
    for (int i = 0; i < count; i++)
        if (isfinite(values[i]))
            return true;
    return false;
}

char *record_write(const struct sample *sample)
{
    struct sample copy = *sample;
    if (copy.times < 0 || copy.times > JOURNAL_TIMES_MAX || (size_t)copy.status >= STATUS_COUNT)
        return NULL;
    json_t *record = json_pack("{s:s, s:i, s:s, s:I, s:I}", "cell", copy.cell, "round", copy.round, "status",
                               statuses[copy.status].name, "iterations", (json_int_t)copy.iterations, "tasks",
                               (json_int_t)copy.tasks);
    for (size_t s = 0; s < SERIES_COUNT; s++)
        if (s == 0 || is_known(series_of(&copy, s), copy.times))
            json_object_set_new(record, series[s].key, numbers(series_of(&copy, s), copy.times));
    for (size_t i = 0; i < FIGURE_COUNT; i++)
        if (!figures[i].is_late || isfinite(*figure_of(&copy, i)))
            json_object_set_new(record, figures[i].key, number(*figure_of(&copy, i)));
    /* A message comes from another program, or names a file: what is not UTF-8 in it must not lose the record. In its
     * place stands one byte, because a message that grows may no longer be read back. */
    for (char *at = copy.message; *at != '\0';) {
        size_t length = text_character(at, strlen(at));
        *at = length > 0 ? *at : '?';
        at += length > 0 ? length : 1;
    }
    if (copy.message[0] != '\0')
        json_object_set_new(record, "message", json_string(copy.message));

    char *text = json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));
    json_decref(record);
    char *line = NULL;
    if (text != NULL && asprintf(&line, "%s\n", text) < 0)
        line = NULL;
    free(text);
    return line;
}

/* A number, or null for a figure that is not there. */
static bool read_figure(const json_t *value, double *figure)
{
    *figure = json_is_number(value) ? json_number_value(value) : (double)NAN;
    return json_is_number(value) || json_is_null(value);
}

static bool read_series(const json_t *array, struct sample *sample, size_t which)
{
    size_t count = json_array_size(array);
    if (array == NULL && which > 0)
        return true;
    if (!json_is_array(array) || count > JOURNAL_TIMES_MAX)
        return false;
    if (which == 0)
        sample->times = (int)count;
    if (count != (size_t)sample->times)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!read_figure(json_array_get(array, i), &series_of(sample, which)[i]))
            return false;
    return true;
}

static bool read_text(const json_t *value, char *text, size_t size)
{
    const char *string = json_string_value(value);
    if (string == NULL || strlen(string) >= size)
        return false;
    strcpy(text, string);
    return true;
}

/* There is none where all went well. */
static bool read_message(const json_t *value, struct sample *sample)
{
    return value == NULL || read_text(value, sample->message, sizeof sample->message);
}

static bool read_count(const json_t *value, uint64_t *count)
{
    *count = (uint64_t)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool read_status(const json_t *value, enum sample_status *status)
{
    const char *name = json_string_value(value);
    for (size_t i = 0; name != NULL && i < STATUS_COUNT; i++)
        if (strcmp(name, statuses[i].name) == 0) {
            *status = (enum sample_status)i;
            return true;
        }
    return false;
}

static bool read_record(const json_t *record, struct sample *sample)
{
    json_int_t round = json_integer_value(json_object_get(record, "round"));
    record_blank(sample, "", 0);
    bool whole = read_text(json_object_get(record, "cell"), sample->cell, sizeof sample->cell) &&
                 sample->cell[0] != '\0' && json_is_integer(json_object_get(record, "round")) && round >= 0 &&
                 round < 1000000 && read_status(json_object_get(record, "status"), &sample->status) &&
                 read_count(json_object_get(record, "iterations"), &sample->iterations) &&
                 read_count(json_object_get(record, "tasks"), &sample->tasks) &&
                 read_message(json_object_get(record, "message"), sample);
    sample->round = (int)round;
    for (size_t s = 0; s < SERIES_COUNT && whole; s++)
        whole = read_series(json_object_get(record, series[s].key), sample, s);
    for (size_t i = 0; i < FIGURE_COUNT && whole; i++) {
        const json_t *figure = json_object_get(record, figures[i].key);
        whole = (figure == NULL && figures[i].is_late) || read_figure(figure, figure_of(sample, i));
    }
    return whole;
}

bool record_read(const char *line, size_t length, struct sample *sample)
{
    json_t *record = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
    bool whole = json_is_object(record) && read_record(record, sample);
    json_decref(record);
    return whole;
}
