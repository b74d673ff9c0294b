/* SPDX-License-Identifier: MIT
 *
 * grain-bench: runs cells under Google Benchmark. `grain sweep` starts it once for every cell and round; by
 * hand it measures a small set of cells, or those that are named. This file reads the flags and gives the
 * exit status. Next: cells.c.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "gbench.h"
#include "peers/peers.h"
#include "sweep/program.h"
#include "sweep/text.h"

#define EXIT_FINE    0
#define EXIT_RUNTIME 1
#define EXIT_USAGE   2
#define EXIT_WRONG   3

#define CELLS_MAX 1024
#define TURNS_MAX 1000000

/* ------------------------------------------------------------------------------------------- flags */

enum key {
    KEY_CELL = 0x100,
    KEY_COLUMNS,
    KEY_SEED,
    KEY_MINIMUM,
    KEY_MAXIMUM,
    KEY_INPUT,
    KEY_ITERATIONS,
    KEY_TASKS,
    KEY_RIVAL,
    KEY_RIVAL_ITERATIONS,
    KEY_TURNS,
    KEY_ORDER
};

struct flags {
    struct settings settings;
    const char *cells[CELLS_MAX];
    size_t cell_count;
    const char *input;
    const char *rival;
    bool has_columns, has_iterations;
    uint64_t turns, order_seed;
    struct cells_iterations iterations;
};

static const struct argp_option options[] = {
    {"grain_cell", KEY_CELL, "NAME", 0,
     "Measure this cell and, beside it, its baselines serial/loop and serial/callback and its floor; may be given "
     "again",
     0},
    {"grain_columns", KEY_COLUMNS, "N", 0, "Values in a row (5)", 0},
    {"grain_seed", KEY_SEED, "N", 0, "Seed of the data, as numpy's RandomState takes it (100)", 0},
    {"grain_minimum", KEY_MINIMUM, "N", 0, "howmany counts the values that are not below N (4)", 0},
    {"grain_maximum", KEY_MAXIMUM, "N", 0, "howmany counts the values that are not above N (8)", 0},
    {"grain_input", KEY_INPUT, "FILE", 0, "Read the rows from FILE.npy or FILE.csv", 0},
    {"grain_iterations", KEY_ITERATIONS, "CELL,LOOP,CALLBACK,FLOOR", 0,
     "Iterations of the cell, its baselines and its floor, 0: Google Benchmark chooses; with exactly one --grain_cell",
     0},
    {"grain_tasks", KEY_TASKS, "N", 0,
     "Most tasks that an apply cell runs one after the other in a call (2000; at most 100 with start:cold)", 0},
    {"grain_rival", KEY_RIVAL, "NAME", 0,
     "Another cell that takes turns with the one --grain_cell, without baselines and floor of its own", 0},
    {"grain_turns", KEY_TURNS, "N", 0,
     "Times of each cell, in place of --benchmark_repetitions: cells take turns, in an order that is drawn and back "
     "again",
     0},
    {"grain_order", KEY_ORDER, "SEED", 0, "What draws that order (1); stands in the context of every output", 0},
    {"grain_rival_iterations", KEY_RIVAL_ITERATIONS, "N", 0, "Its iterations, 0: Google Benchmark chooses", 0},
    {0},
};

static const char doc[] =
    "Measure cells of grain under Google Benchmark: wall time, results checked after each repetition.\v"
    "A cell is named KERNEL/BACKEND/CALL/SCHEDULE/chunk:N/workers:P/rows:N/data:shared|copy/start:warm|cold, and may "
    "end "
    "with /wait:spin|park and with /gap:TIME, the time between two calls, for example "
    "howmany/fork/map/dynamic/chunk:64/workers:2/rows:200000/data:shared/start:warm; --benchmark_list_tests "
    "prints the names of those that are measured when none is given.\n\n"
    "Google Benchmark's own flags work too, all of them: --benchmark_filter, --benchmark_repetitions, "
    "--benchmark_format, --benchmark_out and so on.\n\n"
    "Exit status: 0 all is well, 1 a call failed or is not supported, 2 bad flags, cell names or input, 3 a result "
    "was wrong.";

/* A whole number from minimum to maximum, and nothing else. `end`: what it ends at. */
static bool read_number(const char *text, char end, long long minimum, long long maximum, long long *number,
                        const char **rest)
{
    char *stop;
    errno = 0;
    *number = strtoll(text, &stop, 10);
    if (rest)
        *rest = stop + 1;
    bool has_digits = stop > text && text[0] != ' ' && text[0] != '\t' && text[0] != '\n' && text[0] != '+';
    return has_digits && *stop == end && errno == 0 && *number >= minimum && *number <= maximum;
}

static bool read_iterations(const char *text, struct cells_iterations *iterations)
{
    const long long most = 1000000000; /* Google Benchmark's own limit */
    for (int turn = 0; turn <= CELL_TURN_FLOOR; turn++) {
        long long number;
        if (!read_number(text, turn < CELL_TURN_FLOOR ? ',' : '\0', 0, most, &number, &text))
            return false;
        iterations->of[turn] = (uint64_t)number;
    }
    return true;
}

static long long number_or_exit(struct argp_state *state, const char *flag, const char *text, long long minimum,
                                long long maximum)
{
    long long number;
    if (!read_number(text, '\0', minimum, maximum, &number, NULL))
        argp_failure(state, EXIT_USAGE, 0, "%s is a whole number from %lld to %lld, not `%s'", flag, minimum, maximum,
                     text);
    return number;
}

static error_t flag_parse(int key, char *text, struct argp_state *state)
{
    struct flags *flags = state->input;
    struct settings *settings = &flags->settings;
    switch (key) {
    case KEY_CELL:
        if (flags->cell_count == CELLS_MAX)
            argp_failure(state, EXIT_USAGE, 0, "more than %d cells are too many", CELLS_MAX);
        flags->cells[flags->cell_count++] = text;
        return 0;
    case KEY_COLUMNS:
        settings->columns = (int32_t)number_or_exit(state, "--grain_columns", text, 1, INT32_MAX);
        flags->has_columns = true;
        return 0;
    case KEY_SEED:
        settings->seed = (uint32_t)number_or_exit(state, "--grain_seed", text, 0, UINT32_MAX);
        return 0;
    case KEY_MINIMUM:
        settings->minimum = (int32_t)number_or_exit(state, "--grain_minimum", text, INT32_MIN, INT32_MAX);
        return 0;
    case KEY_MAXIMUM:
        settings->maximum = (int32_t)number_or_exit(state, "--grain_maximum", text, INT32_MIN, INT32_MAX);
        return 0;
    case KEY_TASKS:
        settings->tasks = (uint64_t)number_or_exit(state, "--grain_tasks", text, 1, INT64_MAX);
        return 0;
    case KEY_RIVAL:
        flags->rival = text;
        return 0;
    case KEY_RIVAL_ITERATIONS:
        flags->iterations.of[CELL_TURN_RIVAL] =
            (uint64_t)number_or_exit(state, "--grain_rival_iterations", text, 0, 1000000000);
        return 0;
    case KEY_TURNS:
        flags->turns = (uint64_t)number_or_exit(state, "--grain_turns", text, 1, TURNS_MAX);
        return 0;
    case KEY_ORDER:
        flags->order_seed = (uint64_t)number_or_exit(state, "--grain_order", text, 0, INT64_MAX);
        return 0;
    case KEY_INPUT:
        flags->input = text;
        return 0;
    case KEY_ITERATIONS:
        if (!read_iterations(text, &flags->iterations))
            argp_failure(state, EXIT_USAGE, 0,
                         "--grain_iterations is four numbers from 0 to 1000000000, as in 7,20,20,12, not `%s'", text);
        flags->has_iterations = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_failure(state, EXIT_USAGE, 0, "what is `%s'? A cell is given as --grain_cell=NAME", text);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {options, flag_parse, NULL, doc, NULL, NULL, NULL};

static void help_print(void)
{
    argp_help(&argp, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_DOC | ARGP_HELP_LONG, "grain-bench");
    fputs("\nGoogle Benchmark:\n", stdout);
    fflush(stdout);
}

static void version_print(FILE *stream, struct argp_state *state)
{
    (void)state;
    fprintf(stream, "grain-bench %s\n", grain_version());
}

/* --------------------------------------------------------------------------------------- the program */

static int usage_error(const char *what, const char *text, const char *problem)
{
    fprintf(stderr, "grain-bench: %s%s%s%s\n", what, text, *text ? ": " : "", problem);
    return EXIT_USAGE;
}

static int input_read(struct flags *flags)
{
    struct settings *settings = &flags->settings;
    char error[MATRIX_ERROR_MAX] = "";
    if (!flags->input)
        return EXIT_FINE;
    int status = matrix_read(&settings->input, flags->input, error);
    if (status) {
        usage_error("", "", error);
        return status == -ENOMEM ? EXIT_RUNTIME : EXIT_USAGE;
    }
    settings->has_input = true;
    if (flags->has_columns && settings->columns != settings->input.columns)
        return usage_error("--grain_columns does not fit ", flags->input, "it has another number of columns");
    settings->columns = settings->input.columns;
    return EXIT_FINE;
}

static int cells_choose(struct cells *cells, const struct flags *flags)
{
    if (flags->has_iterations && flags->cell_count != 1)
        return usage_error("", "", "--grain_iterations needs exactly one --grain_cell");
    if (flags->rival && flags->cell_count != 1)
        return usage_error("", "", "--grain_rival needs exactly one --grain_cell");
    const char *problem = flags->cell_count ? NULL : cells_add_default(cells);
    if (problem)
        return usage_error("", "", problem);
    for (size_t i = 0; i < flags->cell_count; i++) {
        problem = cells_add(cells, flags->cells[i], &flags->iterations);
        if (problem)
            return usage_error("bad cell ", flags->cells[i], problem);
    }
    if (flags->rival)
        problem = cells_add_rival(cells, flags->rival, flags->iterations.of[CELL_TURN_RIVAL]);
    return problem ? usage_error("bad cell ", flags->rival, problem) : EXIT_FINE;
}

static int context_add(const struct cells *cells)
{
    char seed[24];
    static const struct {
        const char *key, *value;
    } lines[] = {
        {"compiler", GRAIN_COMPILER},
        {"flags", GRAIN_BUILD_FLAGS},
        {"note", "\"library was built as DEBUG\" (library_build_type) can be ignored: Debian builds Google Benchmark "
                 "optimised, but without -DNDEBUG, which is all that this line is about"},
    };
    int status = gbench_context("grain_version", grain_version());
    snprintf(seed, sizeof seed, "%" PRIu64, cells->order_seed);
    if (status == 0 && cells->turns > 0)
        status = gbench_context("order_seed", seed);
    for (size_t i = 0; i < sizeof lines / sizeof *lines && status == 0; i++)
        status = gbench_context(lines[i].key, lines[i].value);
    return status;
}

static int run(struct cells *cells, const struct verdict *verdict)
{
    if (context_add(cells) != 0 || cells_register(cells) != 0)
        return EXIT_RUNTIME;
    int64_t count = gbench_run();
    if (count == 0 || count == -EINVAL) /* the filter selects nothing, or is none: said already */
        return EXIT_USAGE;
    if (count < 0)
        return EXIT_RUNTIME;
    if (verdict->wrong)
        return EXIT_WRONG;
    return verdict->failed ? EXIT_RUNTIME : EXIT_FINE;
}

int main(int argc, char **argv)
{
    static struct flags flags = {.settings = {.columns = 5, .seed = 100, .minimum = 4, .maximum = 8, .tasks = 2000},
                                 .order_seed = 1};
    struct verdict verdict = {0};
    struct cells cells = {.settings = &flags.settings, .verdict = &verdict};
    program_start("grain-bench");
    /* Google Benchmark prints the name into its JSON, which must be UTF-8. */
    json_t *name = argc > 0 ? text_json(argv[0]) : NULL;
    if (name)
        argv[0] = (char *)(uintptr_t)json_string_value(name);
    peers_register();
    argp_err_exit_status = EXIT_USAGE;
    argp_program_version_hook = version_print;
    if (gbench_init(&argc, argv, help_print) != 0)
        return EXIT_RUNTIME;
    argp_parse(&argp, argc, argv, 0, NULL, &flags);
    cells.turns = flags.turns;
    cells.order_seed = flags.order_seed;
    int status = input_read(&flags);
    if (status == EXIT_FINE)
        status = cells_choose(&cells, &flags);
    if (status == EXIT_FINE)
        status = run(&cells, &verdict);
    cells_free(&cells);
    gbench_shutdown();
    matrix_free(&flags.settings.input);
    if (name)
        argv[0] = NULL;
    json_decref(name);
    return status;
}
