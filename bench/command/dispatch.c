/* SPDX-License-Identifier: MIT
 *
 * From `grain NAME ...` to the subcommand: global options, `grain help [NAME]`, and the nearest name when the
 * one given does not exist. argp's own errors end with exit code 2.
 */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "grain.h"
#include "sweep/program.h"

#define NAME_MAX_LENGTH 32
#define PROGRAM         "grain"

struct dispatch {
    const struct command *table;
    int first; /* index of the subcommand's name in argv, 0 for none */
};

static void print_version(FILE *stream, struct argp_state *state)
{
    (void)state;
    fprintf(stream, "grain %s\n", grain_version());
}

static const struct command *find(const struct command *table, const char *name)
{
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

/* ------------------------------------------------------------------------------- the nearest name */

static int smallest(int a, int b, int c)
{
    int least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein's distance; names are short, so one row of the table is enough. */
static int distance(const char *a, const char *b)
{
    int row[NAME_MAX_LENGTH + 1];
    int length = (int)strlen(b);
    if (length > NAME_MAX_LENGTH)
        return length;
    for (int j = 0; j <= length; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= length; j++) {
            int substitute = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = smallest(row[j] + 1, row[j - 1] + 1, substitute);
        }
    }
    return row[length];
}

static int unknown(const struct command *table, const char *name)
{
    const char *nearest = table->name;
    for (const struct command *c = table; c->name; c++)
        if (distance(name, c->name) < distance(name, nearest))
            nearest = c->name;
    if (distance(name, nearest) <= 2)
        say_error(PROGRAM, "there is no command `%s'; did you mean `%s'? `grain help' lists them", name, nearest);
    else
        say_error(PROGRAM, "there is no command `%s'; `grain help' lists them", name);
    return EXIT_USAGE;
}

/* ---------------------------------------------------------------------------------- the top parser */

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct dispatch *dispatch = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_ARG:
        /* All that follows belongs to the subcommand. */
        dispatch->first = state->next - 1;
        state->next = state->argc;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The list of commands in --help comes from the table. */
static char *help_filter(int key, const char *text, void *input)
{
    const struct dispatch *dispatch = input;
    if (key != ARGP_KEY_HELP_POST_DOC || !dispatch)
        return (char *)text;
    char *out = NULL;
    size_t size;
    FILE *stream = open_memstream(&out, &size);
    if (!stream)
        return (char *)text;
    fputs("Commands:\n", stream);
    for (const struct command *c = dispatch->table; c->name; c++)
        fprintf(stream, "  %-8s  %s\n", c->name, c->summary);
    fprintf(stream, "  %-8s  %s\n", "help", "this text, or `grain help COMMAND': that command's options");
    fprintf(stream, "\n%s", text);
    fclose(stream);
    return out;
}

static const struct argp_child children[] = {{&say_argp, 0, NULL, 0}, {0}};
static const struct argp top = {
    NULL,
    parse,
    "COMMAND [OPTION...]",
    "How small may a task be before going parallel stops paying? grain runs the same work on processes (fork), "
    "POSIX threads and OpenMP, measures what handing over a task costs, and shows where it starts to pay."
    "\v"
    "Start with `grain run', then `grain sweep --profile quick'.\n\n"
    "Exit codes: 0 fine, 1 run-time error, 2 usage or bad input, 3 wrong result from some backend, 5 incomplete, "
    "77 something needed is missing, 130 interrupted.",
    children,
    help_filter,
    NULL,
};

static int call(const struct command *command, int argc, char **argv)
{
    char name[NAME_MAX_LENGTH];
    snprintf(name, sizeof name, PROGRAM " %s", command->name);
    argv[0] = name;
    int code = command->run(argc, argv);
    /* A full disk or a closed pipe behind standard output must not look like success. */
    return !program_flush(name) && code == EXIT_FINE ? EXIT_RUNTIME : code;
}

static int help(const struct command *table, int argc, char **argv)
{
    if (argc > 2) {
        say_error(PROGRAM " help", "name one command, not %d", argc - 1);
        return EXIT_USAGE;
    }
    static char option[] = "--help";
    char *help_argv[] = {argv[0], option, NULL};
    if (argc == 2) {
        const struct command *command = find(table, argv[1]);
        return command ? call(command, 2, help_argv) : unknown(table, argv[1]);
    }
    static char name[] = PROGRAM;
    help_argv[0] = name;
    struct dispatch dispatch = {.table = table};
    argp_parse(&top, 2, help_argv, ARGP_IN_ORDER, NULL, &dispatch);
    return EXIT_FINE;
}

int command_dispatch(const struct command *table, int argc, char **argv)
{
    argp_err_exit_status = EXIT_USAGE;
    argp_program_version_hook = print_version;
    struct dispatch dispatch = {.table = table};
    if (argp_parse(&top, argc, argv, ARGP_IN_ORDER, NULL, &dispatch))
        return EXIT_USAGE;
    if (dispatch.first == 0) {
        say_error(PROGRAM, "name a command; `grain help' lists them");
        return EXIT_USAGE;
    }
    argc -= dispatch.first;
    argv += dispatch.first;
    if (strcmp(argv[0], "help") == 0)
        return help(table, argc, argv);
    const struct command *command = find(table, argv[0]);
    return command ? call(command, argc, argv) : unknown(table, argv[0]);
}
