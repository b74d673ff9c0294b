/* SPDX-License-Identifier: MIT
 *
 * `grain run --call all`, `--backend all`: one run after the other, as run.c makes it, one line each; with --json an
 * array of the objects that single runs print. What went wrong with one is said, and the others go on.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "command.h"
#include "peers/peers.h"
#include "probe.h"
#include "run.h"
#include "run_calls.h"

#define PROGRAM "grain run"
#define FORMAT  "%-16s %8s %8s %9s %9s %8s %7s"

/* A table under way. */
struct table {
    const struct run_asked *asked;
    json_t *list; /* with --json */
    int code;     /* the worst so far */
};

static const struct {
    const char *word;
    enum say_paint paint;
} verdicts[] = {[EXIT_FINE] = {"right", SAY_GREEN},
                [EXIT_RUNTIME] = {"failed", SAY_RED},
                [EXIT_USAGE] = {"failed", SAY_RED},
                [EXIT_WRONG] = {"wrong", SAY_RED}};

/* ------------------------------------------------------------------------------------------- lines */

static const char *ms(char text[16], uint64_t ns)
{
    snprintf(text, 16, "%.3f", (double)ns / 1e6);
    return text;
}

/* Who ran what; over the lines of one backend, or of the calls that need none. */
static void print_group(const struct run_asked *asked, const struct run_measured *measured)
{
    if (asked->call->kind == RUN_SPAWNING)
        say_painted(SAY_BOLD, "no pool, %d process%s at a time", measured->workers, measured->workers == 1 ? "" : "es");
    else if (measured->workers > 0)
        say_painted(SAY_BOLD, "%s, %d worker%s", asked->backend, measured->workers, measured->workers == 1 ? "" : "s");
    else
        say_painted(SAY_BOLD, "%s, not opened", asked->backend);
    if (measured->rows_offered > measured->data.rows)
        printf(", the first %" PRIu64 " of %" PRIu64 " rows\n", measured->data.rows, measured->rows_offered);
    else
        printf(", %" PRIu64 " rows x %" PRId32 "\n", measured->data.rows, measured->data.columns);
}

static void print_line(const struct run_asked *asked, const struct run_measured *measured, int code)
{
    char open[16] = "-", submit[16] = "-", collect[16] = "-", total[16] = "-", task[16] = "-", order[24] = "";
    const uint64_t *phase_ns = measured->phase_ns;
    if (code == EXIT_FINE) {
        double task_ns = (double)(phase_ns[RUN_SUBMIT] + phase_ns[RUN_COLLECT]) / (double)measured->data.rows;
        ms(open, phase_ns[RUN_OPEN]);
        ms(submit, phase_ns[RUN_SUBMIT]);
        ms(collect, phase_ns[RUN_COLLECT]);
        ms(total, measured->wall_ns);
        snprintf(task, sizeof task, "%.*f", task_ns < 1e5 ? 1 : 0, task_ns);
    }
    if (code == EXIT_FINE && asked->call->is_unordered)
        snprintf(order, sizeof order, "%" PRIu64, measured->out_of_order);
    printf(FORMAT, asked->call->name, open, submit, collect, total, task, order);
    say_painted(verdicts[code].paint, "  %s", verdicts[code].word);
    putchar('\n');
    fflush(stdout); /* each line as soon as it is known: some calls take their time */
}

/* ------------------------------------------------------------------------------------------- runs */

/* One run, one line or one object. */
static void add(struct table *table, const char *backend, const struct run_call *call, bool *has_heading)
{
    struct run_asked asked = *table->asked;
    struct run_measured measured = {0};
    asked.backend = backend;
    asked.call = call;
    if (call->kind == RUN_ITERATOR && asked.chunk == GRAIN_CHUNK_PYTHON)
        asked.chunk = 0; /* a rule for maps */
    int code = run_once(&asked, &measured);
    table->code = code > table->code ? code : table->code;
    if (table->list) {
        json_t *run = code == EXIT_FINE ? run_json(&asked, &measured)
                                        : json_pack("{s:s, s:s, s:s}", "backend", backend, "call", call->name,
                                                    "verdict", verdicts[code].word);
        json_array_append_new(table->list, run);
    } else {
        if (!*has_heading)
            print_group(&asked, &measured);
        *has_heading = true;
        print_line(&asked, &measured, code);
    }
    run_forget(&measured);
}

/* The calls that were asked for and go through a pool, or those that do not: a line of theirs is no backend's. */
static void add_group(struct table *table, const char *backend, bool is_spawning)
{
    const struct run_call *call;
    bool has_heading = false;
    for (size_t i = 0; (call = run_call_at(i)); i++)
        if ((call->kind == RUN_SPAWNING) == is_spawning && (table->asked->all_calls || call == table->asked->call))
            add(table, backend, call, &has_heading);
}

/* Of all backends, those that run tasks; one that was named is there for its own sake. */
static bool takes_part(const struct run_asked *asked, const char *backend)
{
    struct probe probe;
    if (!asked->all_backends)
        return true;
    if (!grain_backend_has_schedule(backend, asked->schedule)) {
        say_note(0, "backend `%s' has no schedule `%s': left out", backend, grain_schedule_name(asked->schedule));
        return false;
    }
    probe_backend(backend, &probe);
    if (probe.status != 0 && peers_has(backend)) {
        say_note(1, "backend `%s' cannot be opened here: left out (see grain list)", backend);
        return false;
    }
    return probe.status != 0 || probe.runs_tasks;
}

int run_all(const struct run_asked *asked)
{
    struct table table = {.asked = asked, .list = asked->json ? json_array() : NULL};
    const char *backend, *last = asked->backend;
    if (!asked->all_backends && run_counts_nothing(asked->backend))
        return EXIT_USAGE;
    int unusable = run_check_input(asked);
    if (unusable)
        return unusable;
    if (!asked->json) {
        printf(FORMAT "\n", "ms", "", "", "", "", "", "out of");
        printf(FORMAT "  verdict\n", "call", "open", "submit", "collect", "total", "ns/task", "order");
    }
    /* First, while this process is small: a fork costs what its caller has in memory. */
    add_group(&table, asked->all_backends ? grain_backend_name(0) : last, true);
    for (size_t i = 0; (backend = asked->all_backends ? grain_backend_name(i) : i == 0 ? last : NULL); i++)
        if (takes_part(asked, backend))
            add_group(&table, backend, false);
    if (!asked->json) {
        puts("\nsubmit: the data is moved, asynchronous calls are queued; total: with close;\n"
             "ns/task: submit and collect; out of order: after a result of a later row;\n"
             "spawn: at most 500 rows, each costs a fork");
        return table.code;
    }
    int code = say_json(PROGRAM, table.list);
    return code ? code : table.code;
}
