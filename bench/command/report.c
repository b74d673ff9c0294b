/* SPDX-License-Identifier: MIT
 *
 * grain report DIR: analyses a sweep and writes DIR/summary.csv, DIR/claims.json and DIR/RESULTS.md. The finding goes
 * to standard output. What is said is computed in bench/report.
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>

#include "analysis/statistics.h"
#include "command/command.h"
#include "report/results.h"
#include "sweep/program.h"

#define PROGRAM "grain report"

struct report_arguments {
    const char *dir;
    bool finding, json;
};

enum { KEY_FINDING = 'f', KEY_JSON = 'j' };

static const struct argp_option options[] = {
    {.name = "finding", .key = KEY_FINDING, .doc = "Print the finding in three lines and nothing else"},
    {.name = "json", .key = KEY_JSON, .doc = "Print the claims as JSON and nothing else"},
    {.name = "quiet", .key = 'q', .doc = "Only errors on standard error"},
    {.name = "verbose", .key = 'v', .doc = "More narration"},
    {0}};

static error_t report_option(int key, char *arg, struct argp_state *state)
{
    struct report_arguments *arguments = state->input;

    switch (key) {
    case KEY_FINDING:
        arguments->finding = true;
        return 0;
    case KEY_JSON:
        arguments->json = true;
        return 0;
    case 'q':
        say_verbosity = -1;
        return 0;
    case 'v':
        say_verbosity = 1;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->dir != NULL)
            argp_error(state, "one folder at a time");
        arguments->dir = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "the folder of a sweep is missing, e.g. %s results/2026-01-31-quick", PROGRAM);
        return 0;
    case ARGP_KEY_END:
        if (arguments->finding && arguments->json)
            argp_error(state, "--finding and --json exclude each other");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int report_print(const struct report *report, const struct report_arguments *arguments)
{
    int status;

    if (arguments->json)
        return report_claims(report, stdout);
    status = report_finding(report, stdout);
    if (status == 0 && !arguments->finding) {
        fputc('\n', stdout);
        status = report_comparison(report, stdout);
    }
    return status;
}

int command_report(int argc, char **argv)
{
    static const struct argp parser = {
        .options = options,
        .parser = report_option,
        .args_doc = "DIR",
        .doc = "Analyses the sweep in DIR and writes DIR/summary.csv, DIR/claims.json and DIR/RESULTS.md, and "
               "DIR/metg.csv where "
               "task lengths were swept."
               "\vPrints the finding and a comparison of all backends. Run it again whenever DIR has grown."};
    struct report_arguments arguments = {0};
    struct report *report;
    char error[REPORT_ERROR_MAX];
    int status;

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&parser, argc, argv, 0, NULL, &arguments);
    status = report_open(&report, arguments.dir, error);
    if (status != 0) {
        say_error(PROGRAM, "%s", error);
        bool is_short = status == -ENOMEM || status == -EMFILE || status == -ENFILE || status == -EIO;
        return is_short ? EXIT_RUNTIME : EXIT_USAGE;
    }
    status = report_write(report, error);
    if (status == 0 && (report_print(report, &arguments) != 0 || statistics_ran_out())) {
        status = -ENOMEM;
        snprintf(error, sizeof error, "out of memory");
    }
    bool is_printed = status != 0 || program_flush(PROGRAM);
    report_close(report);
    if (status != 0) {
        say_error(PROGRAM, "%s", error);
        return EXIT_RUNTIME;
    }
    if (!is_printed)
        return EXIT_RUNTIME;
    say_note(0, "wrote %s/summary.csv, claims.json and RESULTS.md", arguments.dir);
    return EXIT_FINE;
}
