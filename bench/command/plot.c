/* SPDX-License-Identifier: MIT
 *
 * grain plot DIR: draws the figures of a run into DIR/figures/. A figure for which nothing was measured is named and
 * left out.
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "report/figures.h"

#define PROGRAM "grain plot"

struct plot_arguments {
    const char *dir;
    struct figures_options options;
};

enum { KEY_WIDTH = 'w', KEY_FORMAT = 'f' };

static const struct argp_option options[] = {
    {.name = "width", .key = KEY_WIDTH, .arg = "MM", .doc = "85 (a column; NAME-85.svg) or 170 (a page; the default)"},
    {.name = "format", .key = KEY_FORMAT, .arg = "FORMAT", .doc = "svg, png or both (the default)"},
    {.name = "quiet", .key = 'q', .doc = "Only errors on standard error"},
    {.name = "verbose", .key = 'v', .doc = "More narration"},
    {0}};

static error_t plot_option(int key, char *arg, struct argp_state *state)
{
    struct plot_arguments *arguments = state->input;

    switch (key) {
    case KEY_WIDTH:
        if (strcmp(arg, "85") != 0 && strcmp(arg, "170") != 0) {
            argp_error(state, "--width is 85 or 170, not '%s'", arg);
        }
        arguments->options.width_mm = strcmp(arg, "85") == 0 ? 85 : 170;
        return 0;
    case KEY_FORMAT:
        arguments->options.svg = strcmp(arg, "png") != 0;
        arguments->options.png = strcmp(arg, "svg") != 0;
        if (arguments->options.svg && arguments->options.png && strcmp(arg, "both") != 0) {
            argp_error(state, "--format is svg, png or both, not '%s'", arg);
        }
        return 0;
    case 'q':
        say_verbosity = -1;
        return 0;
    case 'v':
        say_verbosity = 1;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->dir) {
            argp_error(state, "one folder at a time");
        }
        arguments->dir = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "the folder of a run is missing, e.g. %s results/latest", PROGRAM);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Names on standard output what was drawn. */
static void plot_say(const struct plot_arguments *arguments, const char *name)
{
    static const char *const endings[] = {"svg", "png"};

    for (int i = 0; i < 2; i++) {
        if (i ? arguments->options.png : arguments->options.svg) {
            printf("%s/figures/%s%s.%s\n", arguments->dir, name, arguments->options.width_mm == 85 ? "-85" : "",
                   endings[i]);
        }
    }
}

int command_plot(int argc, char **argv)
{
    static const struct argp parser = {.options = options,
                                       .parser = plot_option,
                                       .args_doc = "DIR",
                                       .doc = "Draws the figures of the run in DIR into DIR/figures/."};
    struct plot_arguments arguments = {.options = {.width_mm = 170, .svg = true, .png = true}};
    char error[FIGURES_ERROR_MAX];
    const char *name;
    int drawn = 0, empty = 0;

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&parser, argc, argv, 0, NULL, &arguments);
    for (size_t i = 0; (name = figures_name(i)); i++) {
        int status = figures_draw(arguments.dir, name, &arguments.options, error);
        if (status == -ENODATA && figures_is_optional(i)) {
            continue;
        }
        if (status == 0) {
            plot_say(&arguments, name);
            drawn++;
            continue;
        }
        say_error(PROGRAM, "%s", error);
        if (status != -ENODATA) {
            return status == -ENOPKG ? EXIT_MISSING : status == -ENOENT ? EXIT_USAGE : EXIT_RUNTIME;
        }
        empty++;
    }
    return empty == 0 ? EXIT_FINE : drawn == 0 ? EXIT_RUNTIME : EXIT_INCOMPLETE;
}
