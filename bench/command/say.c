/* SPDX-License-Identifier: MIT
 *
 * How the subcommands speak: errors and narration on standard error, results on standard output, colour only
 * where the reader wants it. Also the parser of the options that all of them share.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

#define SAY_WIDTH 79

int say_verbosity = 0;
enum say_color say_color = SAY_COLOR_AUTO;

void say_error(const char *program, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: ", program);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

int say_json(const char *program, json_t *value)
{
    if (value == NULL) {
        say_error(program, "%s", strerror(ENOMEM));
        return EXIT_RUNTIME;
    }
    int status = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    putchar('\n');
    json_decref(value);
    if (status != 0 && !ferror(stdout))
        say_error(program, "%s", strerror(ENOMEM));
    return status != 0 ? EXIT_RUNTIME : EXIT_FINE;
}

void say_note(int level, const char *format, ...)
{
    if (say_verbosity < level)
        return;
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* https://no-color.org: set and not empty, whatever the value; an explicit --color=always wins. */
bool say_coloured(void)
{
    if (say_color != SAY_COLOR_AUTO)
        return say_color == SAY_COLOR_ALWAYS;
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (no_color && *no_color)
        return false;
    if (!term || strcmp(term, "dumb") == 0)
        return false;
    return isatty(STDOUT_FILENO);
}

void say_painted(enum say_paint paint, const char *format, ...)
{
    static const char *const codes[] = {
        [SAY_BOLD] = "1", [SAY_DIM] = "2", [SAY_GREEN] = "32", [SAY_YELLOW] = "33", [SAY_RED] = "31",
    };
    bool coloured = say_coloured();
    va_list args;
    va_start(args, format);
    if (coloured)
        printf("\033[%sm", codes[paint]);
    vprintf(format, args);
    if (coloured)
        printf("\033[0m");
    va_end(args);
}

void say_wrapped(int indent, const char *text)
{
    int column = indent;
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > SAY_WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        if (column > indent)
            column += printf(" ");
        column += printf("%.*s", length, text);
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

/* ------------------------------------------------------------------------------ the shared options */

#define KEY_COLOR 0x7001

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Everywhere:", 90},
    {"quiet", 'q', NULL, 0, "Say nothing but results and errors", 90},
    {"verbose", 'v', NULL, 0, "Say more about what is done", 90},
    {"color", KEY_COLOR, "WHEN", 0, "Colour: auto (default: on a terminal without NO_COLOR), always, never", 90},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    static const char *const whens[] = {
        [SAY_COLOR_AUTO] = "auto", [SAY_COLOR_ALWAYS] = "always", [SAY_COLOR_NEVER] = "never"};
    switch (key) {
    case 'q':
        say_verbosity = -1;
        return 0;
    case 'v':
        say_verbosity = 1;
        return 0;
    case KEY_COLOR:
        for (size_t i = 0; i < sizeof whens / sizeof *whens; i++)
            if (strcmp(arg, whens[i]) == 0) {
                say_color = (enum say_color)i;
                return 0;
            }
        argp_error(state, "--color is auto, always or never, not `%s'", arg);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp say_argp = {options, parse, NULL, NULL, NULL, NULL, NULL};

int64_t option_number(const struct argp_state *state, const char *option, const char *text, int64_t low, int64_t high)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < low || value > high)
        argp_error(state, "%s takes a whole number from %" PRId64 " to %" PRId64 ", not `%s'", option, low, high, text);
    return value;
}
