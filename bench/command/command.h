/* SPDX-License-Identifier: MIT
 *
 * What the subcommands of `grain` share: exit codes, the one way to say an error, verbosity, colour.
 * Results go to standard output, narration and progress to standard error.
 */
#ifndef GRAIN_BENCH_COMMAND_H
#define GRAIN_BENCH_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

enum exit_code {
    EXIT_FINE = 0,
    EXIT_RUNTIME = 1, /* run-time error */
    EXIT_USAGE = 2,   /* bad flag, bad input */
    EXIT_WRONG = 3,   /* some backend gave a wrong result */
    EXIT_REGRESSION = 4,
    EXIT_INCOMPLETE = 5, /* cells failed or timed out */
    EXIT_MISSING = 77,   /* something needed is missing */
    EXIT_INTERRUPTED = 130
};

struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is "grain NAME"; returns an exit_code */
};

int command_run(int argc, char **argv);
int command_sweep(int argc, char **argv);
int command_report(int argc, char **argv);
int command_plot(int argc, char **argv);
int command_list(int argc, char **argv);
int command_doctor(int argc, char **argv);

/* One line on standard error: "grain sweep: TEXT". */
void say_error(const char *program, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints a JSON value, which it takes, on standard output; NULL: there was no memory for it. Returns EXIT_FINE or
 * EXIT_RUNTIME; that something could not be written is said at the end, as for all that is printed. */
struct json_t;
int say_json(const char *program, struct json_t *value);

/* Narration on standard error; nothing under -q, extra under -v (level 1). */
extern int say_verbosity; /* -1 quiet, 0 normal, 1 verbose */
void say_note(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether to colour standard output: --color=auto|always|never, NO_COLOR, TERM=dumb, a terminal. */
enum say_color { SAY_COLOR_AUTO, SAY_COLOR_ALWAYS, SAY_COLOR_NEVER };
extern enum say_color say_color;
bool say_coloured(void);

/* The options that every subcommand has: -q, -v, --color. A child parser:
 *     static const struct argp_child children[] = {{&say_argp, 0, NULL, 0}, {0}}; */
struct argp;
extern const struct argp say_argp;

/* A whole decimal number in [low, high] from an option's text, or a usage error that names the option. */
struct argp_state;
int64_t option_number(const struct argp_state *state, const char *option, const char *text, int64_t low, int64_t high);

/* A piece of standard output in a colour, plain where colour is off. */
enum say_paint { SAY_BOLD, SAY_DIM, SAY_GREEN, SAY_YELLOW, SAY_RED };
void say_painted(enum say_paint paint, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text on standard output, broken between words at 79 columns; the line stands at column `indent`, and so do the
 * lines that follow. Ends the line. */
void say_wrapped(int indent, const char *text);

/* The whole command: global options, `help`, and the subcommand of the table (ended by a NULL name). Returns an
 * exit_code. */
int command_dispatch(const struct command *table, int argc, char **argv);

#endif
