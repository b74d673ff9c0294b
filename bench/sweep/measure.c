/* SPDX-License-Identifier: MIT
 *
 * Command lines of the benchmark processes, and what their end means.
 */
#include "measure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "estimate.h"
#include "facts.h"
#include "kernels/kernel.h"
#include "output.h"
#include "peer.h"
#include "program.h"
#include "record.h"

#define ARGUMENTS_MAX 24
#define WRONG_RESULT  3 /* grain-bench's exit status */
#define ATTEMPTS_MAX  3 /* at a sample in which everything was stopped for a while */

struct arguments {
    const char *argv[ARGUMENTS_MAX + 1];
    char *owned[ARGUMENTS_MAX];
    int count;
    int status; /* not 0: the data could not be written, which is no cell's fault */
};

__attribute__((format(printf, 2, 3))) static void argument(struct arguments *arguments, const char *format, ...)
{
    va_list values;
    char *text;
    va_start(values, format);
    if (vasprintf(&text, format, values) < 0)
        text = NULL;
    va_end(values);
    arguments->owned[arguments->count] = text;
    arguments->argv[arguments->count++] = text != NULL ? text : "";
}

static void free_arguments(struct arguments *arguments)
{
    for (int i = 0; i < arguments->count; i++)
        free(arguments->owned[i]);
}

/* The file, if it can be read; else NULL, and its name is freed. */
static char *file_that_is_there(char *path)
{
    if (path != NULL && access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}

int measure_find_programs(struct measure *measure)
{
    const char *named = getenv("GRAIN_BENCH");
    measure->bench =
        named != NULL && *named != '\0' ? strdup(named) : file_that_is_there(program_beside("grain-bench"));
    measure->script = file_that_is_there(program_beside(GRAIN_DATA_FROM_BIN "/cpython.py"));
    if (measure->script == NULL)
        measure->script = file_that_is_there(strdup(GRAIN_SOURCE_DIR "/bench/peers/cpython.py"));
    return measure->bench != NULL && access(measure->bench, X_OK) == 0 ? 0 : -ENOENT;
}

void measure_free(struct measure *measure)
{
    free(measure->bench);
    free(measure->script);
}

static bool is_cpython(const struct cell *cell)
{
    return strcmp(cell->backend, "cpython") == 0;
}

struct measure_names measure_names(const struct measure *measure, const struct plan_cell *cell)
{
    struct measure_names names = {0};
    for (int turn = 0; turn < CELL_TURNS; turn++) {
        struct cell partner;
        if (plan_partner(cell, (enum cell_turn)turn, measure->cpus, &partner))
            cell_name(&partner, names.of[turn]);
    }
    return names;
}

/* Appends a name to a regular expression, with what is special in it escaped. */
static void add_escaped(FILE *expression, const char *name)
{
    for (; *name != '\0'; name++) {
        if (strchr(".[]{}()*+?^$|\\", *name) != NULL)
            fputc('\\', expression);
        fputc(*name, expression);
    }
}

/* ^(NAME|NAME|NAME)$, where Google Benchmark may have put its own suffixes behind the names. */
static char *filter(const struct measure_names *names)
{
    char *text = NULL;
    size_t size;
    FILE *expression = open_memstream(&text, &size);
    if (expression == NULL)
        return NULL;
    fputs("^(", expression);
    for (int i = 0, any = 0; i < CELL_TURNS; i++) {
        if (names->of[i][0] == '\0')
            continue;
        fputs(any++ > 0 ? "|" : "", expression);
        add_escaped(expression, names->of[i]);
    }
    fputs(")(/iterations:[0-9]+)?(/real_time|/manual_time)?$", expression);
    if (fclose(expression) == 0)
        return text;
    free(text);
    return NULL;
}

/* The data of a cell as a file: for kernels that read the data set, and for CPython. False: the reason is in
 * sample->message; what other cells would meet as well, as a full disk, is in arguments->status too. */
static bool add_data(const struct measure *measure, const struct plan_cell *cell, const char *option,
                     struct arguments *arguments, struct sample *sample)
{
    char error[MATRIX_ERROR_MAX], *path;
    if (cell->cell.rows == 0 || kernel_find(cell->cell.kernel)->items != KERNEL_ITEMS_ROWS)
        return true;
    int status = dataset_npy(measure->dataset, cell->cell.rows, &path, error);
    if (status != 0) {
        sample->status = SAMPLE_FAILED;
        snprintf(sample->message, sizeof sample->message, "%.150s", error);
        arguments->status = status == -ENOMEM ? 0 : status;
        return false;
    }
    argument(arguments, "%s=%s", option, path);
    free(path);
    return true;
}

static bool bench_arguments(const struct measure *measure, const struct plan_cell *cell,
                            const struct measure_counts *counts, const struct measure_names *names,
                            const char *expression, struct arguments *arguments, struct sample *sample)
{
    const struct dataset *dataset = measure->dataset;
    argument(arguments, "%s", measure->bench);
    argument(arguments, "--grain_cell=%s", cell->name);
    argument(arguments, "--benchmark_filter=%s", expression);
    argument(arguments, "--benchmark_format=json");
    argument(arguments, "--grain_iterations=%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, counts->of[CELL_TURN_CELL],
             counts->of[CELL_TURN_LOOP], counts->of[CELL_TURN_CALLBACK], counts->of[CELL_TURN_FLOOR]);
    argument(arguments, "--grain_columns=%" PRId32, dataset->columns);
    argument(arguments, "--grain_seed=%" PRIu32, dataset->seed);
    argument(arguments, "--grain_minimum=%" PRId32, dataset->minimum);
    argument(arguments, "--grain_maximum=%" PRId32, dataset->maximum);
    if (cell->tasks > 0)
        argument(arguments, "--grain_tasks=%" PRIu64, cell->tasks);
    if (names->of[CELL_TURN_RIVAL][0] != '\0') {
        argument(arguments, "--grain_rival=%s", names->of[CELL_TURN_RIVAL]);
        argument(arguments, "--grain_rival_iterations=%" PRIu64, counts->of[CELL_TURN_RIVAL]);
    }
    return add_data(measure, cell, "--grain_input", arguments, sample);
}

/* python3 cpython.py ...; false when it cannot be made, the reason is then in sample->message. */
static bool python_arguments(const struct measure *measure, const struct plan_cell *cell, struct arguments *arguments,
                             struct sample *sample)
{
    const struct dataset *dataset = measure->dataset;
    if (measure->script == NULL) {
        sample->status = SAMPLE_MISSING;
        snprintf(sample->message, sizeof sample->message, "cpython.py was not found");
        return false;
    }
    argument(arguments, "python3");
    argument(arguments, "%s", measure->script);
    argument(arguments, "--cell=%s", cell->name);
    argument(arguments, "--minimum=%" PRId32, dataset->minimum);
    argument(arguments, "--maximum=%" PRId32, dataset->maximum);
    argument(arguments, "--repetitions=%d", cell->repetitions);
    if (cell->tasks > 0)
        argument(arguments, "--tasks=%" PRIu64, cell->tasks);
    return add_data(measure, cell, "--data", arguments, sample);
}

/* The last line that a program said on standard error, without what cannot be shown. */
static void last_words(const struct child *child, char *message, size_t size)
{
    size_t end = child->errors_size;
    while (end > 0 && (child->errors[end - 1] == '\n' || child->errors[end - 1] == ' '))
        end--;
    size_t start = end;
    while (start > 0 && child->errors[start - 1] != '\n')
        start--;
    size_t used = strlen(message);
    for (size_t i = start; i < end && used + 1 < size; i++) {
        unsigned char byte = (unsigned char)child->errors[i];
        message[used++] = byte >= ' ' && byte < 127 ? (char)byte : '?';
    }
    message[used] = '\0';
}

/* What the end of the process means for the sample. */
static void judge(const struct child *child, const struct plan_cell *cell, const struct output_names *names,
                  struct sample *sample)
{
    int status = output_read(child->output, child->output_size, names, sample);
    bool is_wrong = child->exit_status == WRONG_RESULT || strncmp(sample->message, "wrong result", 12) == 0;
    size_t size = sizeof sample->message;
    sample->status = is_wrong ? SAMPLE_WRONG : SAMPLE_FAILED;
    if (child->timed_out) {
        sample->status = SAMPLE_TIMEOUT;
        snprintf(sample->message, size, "stopped after %.0f s", child->limit_s);
    } else if (child->signo != 0) {
        snprintf(sample->message, size, "killed by signal %d (%s)", child->signo, strsignal(child->signo));
    } else if (child->exit_status != 0 && sample->message[0] == '\0') {
        snprintf(sample->message, size, "exit %d: ", child->exit_status);
        last_words(child, sample->message, size);
    } else if (child->exit_status == 0 && status == 0 && sample->times == cell->repetitions) {
        sample->status = SAMPLE_OK;
    } else if (sample->message[0] == '\0') {
        snprintf(sample->message, size, "its output is not what a benchmark prints: %d of %d times", sample->times,
                 cell->repetitions);
    }
    if (sample->status != SAMPLE_OK)
        sample->times = 0;
}

static int run_child(struct child *child, const struct plan_cell *cell, const struct output_names *names,
                     struct sample *sample)
{
    struct facts_steal before, after;
    sample->load = facts_load();
    facts_steal(&before);
    int status = child_run(child);
    if (status == -ENOENT || status == -EACCES) {
        sample->status = is_cpython(&cell->cell) ? SAMPLE_MISSING : SAMPLE_FAILED;
        snprintf(sample->message, sizeof sample->message, "%.100s: %s", child->argv[0], strerror(-status));
        return 0;
    }
    if (status != 0)
        return status;
    facts_steal(&after);
    sample->steal_pct = facts_steal_percent(&before, &after);
    if (child->stopped)
        status = -EINTR;
    else
        judge(child, cell, names, sample);
    child_free(child);
    return status;
}

/* A sample in which somebody stopped the process, or all of this, is taken again: its times mean nothing, or it was cut
 * short. A wrong result stays one. */
static int run_undisturbed(struct child *child, const struct plan_cell *cell, const struct output_names *names,
                           struct sample *sample)
{
    const struct sample blank = *sample;
    int status = run_child(child, cell, names, sample);
    for (int attempt = 1; attempt < ATTEMPTS_MAX && status == 0 && child->was_suspended; attempt++) {
        if (sample->status == SAMPLE_WRONG)
            return status;
        *sample = blank;
        status = run_child(child, cell, names, sample);
    }
    if (status == 0 && child->was_suspended && sample->status != SAMPLE_WRONG) {
        sample->status = SAMPLE_FAILED;
        sample->times = 0;
        snprintf(sample->message, sizeof sample->message, "stopped and continued while it ran, %d times", ATTEMPTS_MAX);
    }
    return status;
}

int measure_sample(const struct measure *measure, const struct plan_cell *cell, const struct measure_counts *counts,
                   int round, uint64_t order_seed, struct sample *sample)
{
    struct arguments arguments = {.count = 0};
    struct child child = {.argv = arguments.argv, .preload = peer_preload(cell->cell.backend), .stop = measure->stop};
    struct measure_names names = measure_names(measure, cell);
    record_blank(sample, cell->name, round);
    if (names.of[CELL_TURN_RIVAL][0] != '\0')
        sample->rival_chunk = (double)cell->rival_chunk;
    char *expression = filter(&names);
    int status = expression == NULL ? -ENOMEM : 0;
    bool is_ready = status == 0;
    if (is_ready && is_cpython(&cell->cell)) {
        is_ready = python_arguments(measure, cell, &arguments, sample);
    } else if (is_ready) {
        is_ready = bench_arguments(measure, cell, counts, &names, expression, &arguments, sample);
        argument(&arguments, "--grain_turns=%d", cell->repetitions);
        argument(&arguments, "--grain_order=%" PRIu64, order_seed);
    }
    if (status == 0)
        status = arguments.status;
    child.limit_s = measure->limit_s + 10 * estimate_process(cell, measure->min_time_s, measure->cpus);
    if (is_ready) {
        struct output_names wanted;
        for (int i = 0; i < CELL_TURNS; i++)
            wanted.of[i] = names.of[i];
        status = run_undisturbed(&child, cell, &wanted, sample);
    }
    free_arguments(&arguments);
    free(expression);
    return status;
}

int measure_calibrate(const struct measure *measure, const struct plan_cell *cell, struct measure_counts *counts)
{
    struct arguments arguments = {.count = 0};
    struct child child = {.argv = arguments.argv, .preload = peer_preload(cell->cell.backend), .stop = measure->stop};
    struct sample unused; /* what goes wrong here goes wrong again where it is recorded */
    struct measure_names names = measure_names(measure, cell);
    for (int i = 0; i < CELL_TURNS; i++)
        if (counts->of[i] != 0)
            names.of[i][0] = '\0';
    char *expression = filter(&names);
    if (expression == NULL)
        return -ENOMEM;
    bool is_ready = bench_arguments(measure, cell, counts, &names, expression, &arguments, &unused);
    argument(&arguments, "--benchmark_min_time=%g", measure->min_time_s);
    child.limit_s = measure->limit_s + 10 * estimate_process(cell, measure->min_time_s, measure->cpus);
    int status = is_ready ? child_run(&child) : arguments.status != 0 ? arguments.status : -ENOENT;
    for (int attempt = 1; attempt < ATTEMPTS_MAX && status == 0 && child.was_suspended && !child.stopped; attempt++) {
        child_free(&child);
        status = child_run(&child);
    }
    for (int i = 0; i < CELL_TURNS && status == 0; i++)
        if (counts->of[i] == 0)
            counts->of[i] = output_iterations(child.output, child.output_size, names.of[i]);
    if (status == 0) {
        status = child.stopped ? -EINTR : 0;
        child_free(&child);
    }
    free_arguments(&arguments);
    free(expression);
    return status == -ENOENT || status == -EACCES ? 0 : status;
}
