/* SPDX-License-Identifier: MIT
 *
 * The command line of `grain sweep`: what can be asked for, and what cannot be asked for together.
 */
#include "sweep_options.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "grain.h"
#include "sweep/text.h"

enum key {
    KEY_PROFILE = 0x100,
    KEY_KERNELS,
    KEY_BACKENDS,
    KEY_CALLS,
    KEY_SCHEDULES,
    KEY_CHUNKS,
    KEY_WORKERS,
    KEY_FILTER,
    KEY_ROUNDS,
    KEY_BUDGET,
    KEY_TIMEOUT,
    KEY_ROWS,
    KEY_COLS,
    KEY_SEED,
    KEY_INPUT,
    KEY_MIN,
    KEY_MAX,
    KEY_OUT,
    KEY_WINNERS,
    KEY_RESUME,
    KEY_DRY_RUN,
    KEY_JSON
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "What to measure:", 1},
    {"profile", KEY_PROFILE, "NAME", 0,
     "quick (seconds), core (a minute), growth, default (minutes) or full (as long as it takes)", 1},
    {"kernels", KEY_KERNELS, "LIST", 0, "Only these kernels (see grain list); their N may be left out", 1},
    {"backends", KEY_BACKENDS, "LIST", 0,
     "Only these: fork, fork-pipe, pthread, openmp, openmp-as-shipped, null, floor, cpython", 1},
    {"calls", KEY_CALLS, "LIST", 0,
     "Only these calls: apply, map, map_chunks, open, peak, cacheline, mailbox, futex, pipe, fork", 1},
    {"schedules", KEY_SCHEDULES, "LIST", 0, "Only these: static, dynamic, guided, steal, taskloop", 1},
    {"chunks", KEY_CHUNKS, "LIST", 0, "Instead of the profile's: numbers, 2^0..2^17, python, share, auto", 1},
    {"workers", KEY_WORKERS, "LIST", 0, "Instead of the profile's: numbers, 1..8, P, 2P", 1},
    {"filter", KEY_FILTER, "RE", 0, "Only cells whose name matches this extended regular expression", 1},
    {"rounds", KEY_ROUNDS, "N", 0, "How often each cell is measured, each time in a process of its own", 1},
    {"budget", KEY_BUDGET, "SECONDS", 0, "Cells that were disturbed are measured once more while this lasts; 0: never",
     1},
    {"timeout", KEY_TIMEOUT, "SECONDS", 0, "Stop a process that takes this much longer than it should (default 60)", 1},
    {NULL, 0, NULL, 0, "The data:", 2},
    {"rows", KEY_ROWS, "LIST", 0, "Rows to make up (default 200000)", 2},
    {"cols", KEY_COLS, "K", 0, "Values in a row (default 5)", 2},
    {"seed", KEY_SEED, "S", 0, "Seed of numpy's RandomState(S).randint(0, 10) (default 100)", 2},
    {"input", KEY_INPUT, "FILE", 0, "Read the rows from a .npy or .csv file instead", 2},
    {"min", KEY_MIN, "A", 0, "The smallest value that counts (default 4)", 2},
    {"max", KEY_MAX, "B", 0, "The largest value that counts (default 8)", 2},
    {NULL, 0, NULL, 0, "How to run it:", 3},
    {"out", KEY_OUT, "DIR", 0, "Where samples go (default results/DATE-PROFILE)", 3},
    {"winners", KEY_WINNERS, "DIR", 0,
     "With --profile choice-check: the finished sweep whose quickest chunks are measured again beside the pool's own",
     3},
    {"resume", KEY_RESUME, NULL, 0,
     "Go on with the sweep in DIR, which must have the same plan and build; what failed, took too long or was missing "
     "is measured again",
     3},
    {"dry-run", KEY_DRY_RUN, NULL, 0, "Show the cells and how long it would take, write nothing", 3},
    {"json", KEY_JSON, NULL, 0, "With --dry-run: print one JSON object", 3},
    {0},
};

static void check_together(const struct argp_state *state, const struct sweep_asked *asked)
{
    if (asked->data.input != NULL && asked->is_data_given)
        argp_error(state, "--input brings its own rows: leave out --rows, --cols and --seed");
    if (asked->data.minimum > asked->data.maximum)
        argp_error(state, "--min %" PRId32 " is greater than --max %" PRId32, asked->data.minimum, asked->data.maximum);
    if (asked->is_json && !asked->is_dry_run)
        argp_error(state, "--json goes with --dry-run; the samples themselves are in DIR/samples.jsonl");
    if (asked->is_resume && asked->is_dry_run)
        argp_error(state, "--resume and --dry-run exclude each other");
}

/* Options that are kept as text, and where. */
static const char **text_of(struct sweep_asked *asked, int key)
{
    const struct {
        int key;
        const char **text;
    } texts[] = {{KEY_PROFILE, &asked->plan.profile},
                 {KEY_KERNELS, &asked->plan.kernels},
                 {KEY_BACKENDS, &asked->plan.backends},
                 {KEY_CALLS, &asked->plan.calls},
                 {KEY_SCHEDULES, &asked->plan.schedules},
                 {KEY_CHUNKS, &asked->plan.chunks},
                 {KEY_WORKERS, &asked->plan.workers},
                 {KEY_FILTER, &asked->plan.filter},
                 {KEY_ROWS, &asked->plan.rows},
                 {KEY_INPUT, &asked->data.input},
                 {KEY_OUT, &asked->out},
                 {KEY_WINNERS, &asked->winners}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].key == key)
            return texts[i].text;
    return NULL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct sweep_asked *asked = state->input;
    const char **text = text_of(asked, key);
    if (key == KEY_ROWS || key == KEY_COLS || key == KEY_SEED)
        asked->is_data_given = true;
    if (key == KEY_OUT)
        asked->is_out_given = true;
    if (text != NULL) {
        *text = arg;
        return 0;
    }
    switch (key) {
    case KEY_ROUNDS:
        asked->plan.rounds = (int)option_number(state, "--rounds", arg, 1, 1000);
        return 0;
    case KEY_BUDGET:
        asked->budget_s = (double)option_number(state, "--budget", arg, 0, 10000000);
        return 0;
    case KEY_TIMEOUT:
        asked->timeout_s = (double)option_number(state, "--timeout", arg, 1, 1000000);
        return 0;
    case KEY_COLS:
        asked->data.columns = (int32_t)option_number(state, "--cols", arg, 1, 4096);
        return 0;
    case KEY_SEED:
        asked->data.seed = (uint32_t)option_number(state, "--seed", arg, 0, UINT32_MAX);
        return 0;
    case KEY_MIN:
        asked->data.minimum = (int32_t)option_number(state, "--min", arg, INT32_MIN, INT32_MAX);
        return 0;
    case KEY_MAX:
        asked->data.maximum = (int32_t)option_number(state, "--max", arg, INT32_MIN, INT32_MAX);
        return 0;
    case KEY_RESUME:
        asked->is_resume = true;
        return 0;
    case KEY_DRY_RUN:
        asked->is_dry_run = true;
        return 0;
    case KEY_JSON:
        asked->is_json = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "`%s' is one word too many", arg);
        return EINVAL;
    case ARGP_KEY_END:
        check_together(state, asked);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&say_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    options,
    parse,
    NULL,
    "Measure a plan of cells, each sample in a fresh process, round by round, into a directory."
    "\v"
    "The serial baselines are in every plan. `grain report DIR' and `grain plot DIR' turn the samples into tables "
    "and figures. Ctrl-C keeps what is finished and prints the command that goes on.\n\n"
    "Try:  grain sweep --profile quick\n"
    "      grain sweep --dry-run --backends fork,pthread --chunks 2^0..2^17,python\n"
    "      grain sweep --filter '/chunk:1/' --rounds 21",
    children,
    NULL,
    NULL,
};

void sweep_quote(FILE *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=./,:^@%";
    if (text[0] != '\0' && text[strspn(text, plain)] == '\0') {
        fputs(text, out);
        return;
    }
    if (!text_is_utf8(text)) { /* so that the command is text, which JSON and terminals can show */
        fputs("$'", out);
        for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
            fprintf(out, *at < ' ' || *at > '~' || *at == '\'' || *at == '\\' ? "\\%03o" : "%c", *at);
        fputc('\'', out);
        return;
    }
    fputc('\'', out);
    for (const char *at = text; *at != '\0'; at++)
        fputs(*at == '\'' ? "'\\''" : (const char[]){*at, '\0'}, out);
    fputc('\'', out);
}

/* The command line as a shell would read it back. */
static char *quoted(int argc, char **argv)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    fputs(argv[0], out);
    for (int i = 1; i < argc; i++) {
        fputc(' ', out);
        sweep_quote(out, argv[i]);
    }
    return fclose(out) == 0 ? text : NULL;
}

bool sweep_options(struct sweep_asked *asked, int argc, char **argv)
{
    *asked = (struct sweep_asked){.plan = {.profile = "default", .cpus = grain_cpu_count()},
                                  .data = {.rows = PLAN_ROWS, .columns = 5, .seed = 100, .minimum = 4, .maximum = 8},
                                  .budget_s = -1,
                                  .timeout_s = 60,
                                  .command = quoted(argc, argv)};
    argp_parse(&parser, argc, argv, 0, NULL, asked);
    return asked->command != NULL;
}
