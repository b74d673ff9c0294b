/* SPDX-License-Identifier: MIT
 *
 * The command line of `grain run`: what can be asked for, and what cannot be asked for together.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "run.h"
#include "run_calls.h"

enum key {
    KEY_BACKEND = 0x100,
    KEY_CALL,
    KEY_SCHEDULE,
    KEY_CHUNK,
    KEY_WORKERS,
    KEY_ROWS,
    KEY_COLS,
    KEY_SEED,
    KEY_INPUT,
    KEY_MIN,
    KEY_MAX,
    KEY_JSON
};
#define GIVEN(key)   (1u << ((key)-KEY_BACKEND))
#define ALL          "all"
#define CALL_DEFAULT 1 /* map */

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Who does the work:", 1},
    {"backend", KEY_BACKEND, "NAME", 0,
     "serial, fork, pthread, openmp, ... or all (default: $GRAIN_BACKEND, else pthread)", 1},
    {"workers", KEY_WORKERS, "P", 0, "How many workers (default: the usable CPUs)", 1},
    {NULL, 0, NULL, 0, "How the work is handed over:", 2},
    {"call", KEY_CALL, "CALL", 0,
     "map: all rows at once (default); map_chunks, starmap; apply: one row per call; their twins that do not wait: "
     "apply_async, apply_callback, map_async, map_chunks_async, starmap_async; imap, imap_unordered; spawn: a process "
     "a "
     "row; or all: a table of them",
     2},
    {"chunk", KEY_CHUNK, "N", 0,
     "Rows a worker claims at a time: a number, auto (default: the pool chooses) or python (CPython's rule, "
     "rows / 4P rounded up); of imap: half of the rows under way, a worker",
     2},
    {"schedule", KEY_SCHEDULE, "NAME", 0,
     "How chunks are claimed: static, dynamic, guided, steal, taskloop: as the backend offers", 2},
    {NULL, 0, NULL, 0, "The data, and what is counted:", 3},
    {"rows", KEY_ROWS, "N", 0, "Rows to make up (default 200000, of which spawn gets the first 500)", 3},
    {"cols", KEY_COLS, "K", 0, "Values in a row (default 5)", 3},
    {"seed", KEY_SEED, "S", 0, "Seed of numpy's RandomState(S).randint(0, 10) (default 100)", 3},
    {"input", KEY_INPUT, "FILE", 0, "Read the rows from a .npy or .csv file instead", 3},
    {"min", KEY_MIN, "A", 0, "The smallest value that counts (default 4)", 3},
    {"max", KEY_MAX, "B", 0, "The largest value that counts (default 8)", 3},
    {NULL, 0, NULL, 0, "How it is shown:", 4},
    {"json", KEY_JSON, NULL, 0, "Print one JSON object; with all, an array of them", 4},
    {0},
};

static int64_t chunk_of(const struct argp_state *state, const char *text)
{
    if (strcmp(text, "auto") == 0)
        return 0;
    if (strcmp(text, "python") == 0)
        return GRAIN_CHUNK_PYTHON;
    return option_number(state, "--chunk (besides auto and python)", text, 1, INT64_MAX);
}

static const char *backend_of(const struct argp_state *state, const char *text)
{
    if (strcmp(text, ALL) != 0 && !grain_backend_summary(text))
        argp_error(state, "there is no backend `%s' in this build; `grain list' shows them", text);
    return text;
}

static const struct run_call *call_of(const struct argp_state *state, const char *text)
{
    const struct run_call *call = run_call_at(CALL_DEFAULT);
    if (strcmp(text, ALL) == 0)
        return call;
    for (size_t i = 0; (call = run_call_at(i)); i++)
        if (strcmp(call->name, text) == 0)
            return call;
    argp_error(state, "there is no call `%s'; `grain list' shows them", text);
    return NULL;
}

static enum grain_schedule schedule_of(const struct argp_state *state, const char *text)
{
    enum grain_schedule schedule = GRAIN_SCHEDULE_DEFAULT;
    if (grain_schedule_parse(text, &schedule))
        argp_error(state, "there is no schedule `%s'; `grain list' shows them", text);
    return schedule;
}

/* Options that would mean nothing to the one call that was asked for. */
static void check_call(const struct argp_state *state, const struct run_asked *asked)
{
    const struct run_call *call = asked->call;
    bool chunk = (asked->given & GIVEN(KEY_CHUNK)) && !(call->takes & RUN_TAKES_CHUNK);
    bool schedule = (asked->given & GIVEN(KEY_SCHEDULE)) && !(call->takes & RUN_TAKES_SCHEDULE);
    if (chunk || schedule)
        argp_error(state, "--call %s hands over one row per call: leave out %s", call->name,
                   !schedule ? "--chunk"
                   : chunk   ? "--chunk and --schedule"
                             : "--schedule");
    if (call->kind == RUN_ITERATOR && asked->chunk == GRAIN_CHUNK_PYTHON)
        argp_error(state, "--chunk python is a rule for map: --call %s takes a number or auto", call->name);
}

/* What only shows once all options are known. */
static void check_together(const struct argp_state *state, struct run_asked *asked)
{
    if (!asked->backend) {
        const char *named = getenv("GRAIN_BACKEND");
        asked->backend = backend_of(state, named && *named ? named : "pthread");
    }
    asked->all_backends = strcmp(asked->backend, ALL) == 0;
    if (asked->input && (asked->given & (GIVEN(KEY_ROWS) | GIVEN(KEY_COLS) | GIVEN(KEY_SEED))))
        argp_error(state, "--input brings its own rows: leave out --rows, --cols and --seed");
    if (asked->minimum > asked->maximum)
        argp_error(state, "--min %" PRId32 " is greater than --max %" PRId32, asked->minimum, asked->maximum);
    if (!asked->all_calls)
        check_call(state, asked);
    if (!asked->all_backends && !grain_backend_has_schedule(asked->backend, asked->schedule))
        argp_error(state, "backend `%s' has no schedule `%s'; `grain list' shows them", asked->backend,
                   grain_schedule_name(asked->schedule));
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct run_asked *asked = state->input;
    if (key >= KEY_BACKEND && key <= KEY_JSON)
        asked->given |= GIVEN(key);
    switch (key) {
    case KEY_BACKEND:
        asked->backend = backend_of(state, arg);
        return 0;
    case KEY_CALL:
        asked->call = call_of(state, arg);
        asked->all_calls = strcmp(arg, ALL) == 0;
        return 0;
    case KEY_SCHEDULE:
        asked->schedule = schedule_of(state, arg);
        return 0;
    case KEY_CHUNK:
        asked->chunk = chunk_of(state, arg);
        return 0;
    case KEY_WORKERS:
        asked->workers = (int)option_number(state, "--workers", arg, 1, 1024);
        return 0;
    case KEY_ROWS:
        asked->rows = (uint64_t)option_number(state, "--rows", arg, 1, INT64_MAX);
        return 0;
    case KEY_COLS:
        asked->columns = (int32_t)option_number(state, "--cols", arg, 1, 4096);
        return 0;
    case KEY_SEED:
        asked->seed = (uint32_t)option_number(state, "--seed", arg, 0, UINT32_MAX);
        return 0;
    case KEY_INPUT:
        asked->input = arg;
        return 0;
    case KEY_MIN:
        asked->minimum = (int32_t)option_number(state, "--min", arg, INT32_MIN, INT32_MAX);
        return 0;
    case KEY_MAX:
        asked->maximum = (int32_t)option_number(state, "--max", arg, INT32_MIN, INT32_MAX);
        return 0;
    case KEY_JSON:
        asked->json = true;
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
const struct argp run_argp = {
    options,
    parse,
    NULL,
    "Count, for each row, the values in a range: once, on one backend, every count checked."
    "\v"
    "Shows the number of processors, the first rows and counts, the total, and what opening the pool, submitting, "
    "collecting and closing took; with `all', one line a run. `grain list' explains the calls. One run is a look, not "
    "a measurement: `grain sweep' measures.\n\n"
    "Try:  grain run --backend fork --call map --chunk 1\n"
    "      grain run --backend fork --call apply --rows 20000\n"
    "      grain run --backend all --call all --rows 20000",
    children,
    NULL,
    NULL,
};

struct run_asked run_defaults(void)
{
    return (struct run_asked){.call = run_call_at(CALL_DEFAULT), .columns = 5, .seed = 100, .minimum = 4, .maximum = 8};
}
