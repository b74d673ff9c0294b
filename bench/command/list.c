/* SPDX-License-Identifier: MIT
 *
 * `grain list`: what there is to choose from. Names come from where they are defined; what a backend can do is
 * found by asking it (probe.h), so that the list cannot promise more than the build keeps.
 */
#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "grain.h"
#include "kernels/kernel.h"
#include "peers/peers.h"
#include "probe.h"
#include "run_calls.h"
#include "sweep/peer.h"

#define PROGRAM  "grain list"
#define KEY_JSON 0x100

struct entry {
    const char *name, *summary;
};

/* Beside those of `grain run`. */
static const struct entry sweep_calls[] = {
    {"open", "no tasks: start a pool and end it (sweep only)"},
    {"idle", "no tasks: an open pool, the CPU time it takes in half a second (sweep only)"},
    {"loop", "backend serial: the best serial code, no call a row (sweep only)"},
    {"callback", "backend serial: one call per row, as workers do it (sweep only)"},
    {NULL, NULL},
};

static const struct entry schedules[GRAIN_SCHEDULE_COUNT] = {
    [GRAIN_SCHEDULE_DEFAULT] = {"default", "the backend's own choice"},
    [GRAIN_SCHEDULE_STATIC] = {"static", "chunks are dealt out beforehand"},
    [GRAIN_SCHEDULE_DYNAMIC] = {"dynamic", "one shared counter, one chunk a claim"},
    [GRAIN_SCHEDULE_GUIDED] = {"guided", "claims shrink towards the chunk"},
    [GRAIN_SCHEDULE_STEAL] = {"steal", "own range first, then halves of others'"},
    [GRAIN_SCHEDULE_TASKLOOP] = {"taskloop", "OpenMP's taskloop, grainsize = chunk"},
};

static const struct entry profiles[] = {
    {"quick", "a look in seconds; never to be published"},
    {"default", "the whole picture in minutes"},
    {"core", "what the pool itself must reach, in less than a minute"},
    {"overhead", "the pool beside libgomp and oneTBB: what a task costs, in less than a minute"},
    {"choice", "a dozen chunks for short, long and uneven tasks: which is quickest"},
    {"choice-check", "the pool's own chunk beside the winners of choice (sweep --winners)"},
    {"ladder", "one call over pipes, futexes and spinning, each beside its raw round trip"},
    {"metg", "tasks of 1 ns to 10 ms: how short they may be while the CPUs still do half of what they could"},
    {"growth", "10^3 to 10^8 rows, 1 to 32 workers, and the memory a call takes"},
    {"floor", "what the machine itself takes for all that a pool is made of, and the pools beside it"},
    {"peers", "other libraries on the same rows: OpenMP's runtimes, oneTBB, GLib, pthreadpool, CPython"},
    {"full", "every chunk size, more rounds, more rows; as long as it takes"},
    {NULL, NULL},
};

static const struct entry floors[] = {
    {"peak", "independent copies of the kernel: what the CPUs can really do"},
    {"cacheline", "a cache line, from one CPU to another and back: what handing over a task costs at least"},
    {"mailbox", "two lines, 20 bytes there and 4 back: what a call of apply costs at least"},
    {"futex", "the same as cacheline where both sleep in the kernel until the other one wakes them"},
    {"pipe", "the same through two pipes, with the bytes of a task's argument and result"},
    {"fork", "fork, exit and wait, once for each process of a pool: what opening one costs at least"},
    {"thread", "create and join, once for each thread of a pool"},
    {"atomic", "one word that all CPUs add to at once: what a claim costs at least"},
    {"bandwidth", "the rows read, each CPU its share: what handing over rows by the chunk takes at least"},
    {NULL, NULL},
};

/* Some backend of this build offers it. */
static bool is_offered(enum grain_schedule schedule)
{
    const char *name;
    for (size_t i = 0; (name = grain_backend_name(i)); i++)
        if (grain_backend_has_schedule(name, schedule))
            return true;
    return false;
}

/* "a, b, c": a backend's schedules, by number or by name. */
static void schedules_text(const char *backend, char *text, size_t size)
{
    FILE *stream = fmemopen(text, size, "w");
    const char *separator = "";
    for (int s = GRAIN_SCHEDULE_DEFAULT + 1; stream && s < GRAIN_SCHEDULE_COUNT; s++)
        if (grain_backend_has_schedule(backend, (enum grain_schedule)s)) {
            fprintf(stream, "%s%s", separator, grain_schedule_name((enum grain_schedule)s));
            separator = ", ";
        }
    if (stream)
        fclose(stream);
}

/* ------------------------------------------------------------------------------------------- text */

static void heading(const char *text)
{
    say_painted(SAY_BOLD, "%s", text);
    putchar('\n');
}

static void print_entry(const char *name, const char *summary)
{
    say_wrapped(printf("  %-16s ", name), summary);
}

static void print_entries(const char *title, const struct entry *entries)
{
    if (title) {
        putchar('\n');
        heading(title);
    }
    for (; entries->name; entries++)
        print_entry(entries->name, entries->summary);
}

/* Why a backend cannot be opened in this process. */
static void print_closed(const char *name, int status)
{
    const char *preload = peer_preload(name);
    char text[512];
    if (preload && *preload)
        snprintf(text, sizeof text, "opens behind LD_PRELOAD=%s; `grain sweep' sets that itself", preload);
    else if (preload)
        snprintf(text, sizeof text,
                 "not measured: there is no libomp.so.5; apt-get install libomp5-14, or name the "
                 "file in GRAIN_LIBOMP");
    else
        snprintf(text, sizeof text, "cannot be opened here: %s", grain_strerror(status));
    say_wrapped(printf("  %-16s   ", ""), text);
}

static void print_backend(const char *name)
{
    char text[96] = "";
    struct probe probe;
    print_entry(name, grain_backend_summary(name));
    schedules_text(name, text, sizeof text);
    printf("  %-16s   schedules: %s\n", "", *text ? text : "its own");
    probe_backend(name, &probe);
    if (probe.status)
        print_closed(name, probe.status);
    else if (!probe.runs_tasks)
        printf("  %-16s   runs no tasks\n", "");
    else {
        snprintf(text, sizeof text, "workers: %s, %s; changes after open: %s", probe.workers,
                 probe.binds ? "bound" : "not bound", probe.sees_later_changes ? "seen" : "not seen");
        say_wrapped(printf("  %-16s   ", ""), text);
    }
}

/* Other libraries, and those that this build lacks. */
static void print_peers(void)
{
    const char *name;
    struct peer_library library;
    char text[256];
    putchar('\n');
    heading("Peers: other libraries, measured beside (--backend)");
    for (size_t i = 0; (name = grain_backend_name(i)); i++)
        if (peers_has(name))
            print_backend(name);
    for (size_t i = 0; peers_library_at(i, &library); i++) {
        snprintf(text, sizeof text, "not in this build, so there is no %s: %s", library.backends, library.remedy);
        if (!library.is_built_in)
            print_entry(library.name, text);
    }
}

static void print_all(void)
{
    const char *name;
    const struct kernel *kernel;
    const struct run_call *call;
    heading("Backends (--backend)");
    for (size_t i = 0; (name = grain_backend_name(i)); i++)
        if (!peers_has(name))
            print_backend(name);
    print_peers();
    putchar('\n');
    heading("Calls (--call)");
    for (size_t i = 0; (call = run_call_at(i)); i++)
        print_entry(call->name, call->summary);
    print_entries(NULL, sweep_calls);
    putchar('\n');
    heading("Schedules (--schedule)");
    for (int s = 0; s < GRAIN_SCHEDULE_COUNT; s++)
        if (is_offered((enum grain_schedule)s))
            print_entry(schedules[s].name, schedules[s].summary);
    putchar('\n');
    heading("Kernels (sweep --kernels)");
    for (size_t i = 0; (kernel = kernel_at(i)); i++) {
        char shown[48];
        snprintf(shown, sizeof shown, kernel->parameter ? "%s:N" : "%s", kernel->name);
        print_entry(shown, kernel->summary);
        if (kernel->parameter)
            printf("  %-16s   N: %s\n", "", kernel->parameter);
    }
    print_entries("Profiles (sweep --profile)", profiles);
    print_entries("Floor: the machine's own limits (sweep)", floors);
}

/* ------------------------------------------------------------------------------------------- JSON */

static json_t *json_entries(const struct entry *entries)
{
    json_t *out = json_array();
    for (; entries->name; entries++)
        json_array_append_new(out, json_pack("{s:s, s:s}", "name", entries->name, "summary", entries->summary));
    return out;
}

static json_t *json_calls(void)
{
    const struct run_call *call;
    json_t *out = json_array(), *rest = json_entries(sweep_calls);
    for (size_t i = 0; (call = run_call_at(i)); i++)
        json_array_append_new(out, json_pack("{s:s, s:s}", "name", call->name, "summary", call->summary));
    json_array_extend(out, rest);
    json_decref(rest);
    return out;
}

static json_t *json_backend(const char *name)
{
    struct probe probe;
    json_t *offered = json_array();
    for (int s = GRAIN_SCHEDULE_DEFAULT + 1; s < GRAIN_SCHEDULE_COUNT; s++)
        if (grain_backend_has_schedule(name, (enum grain_schedule)s))
            json_array_append_new(offered, json_string(grain_schedule_name((enum grain_schedule)s)));
    probe_backend(name, &probe);
    return json_pack("{s:s, s:s, s:b, s:o, s:b, s:b, s:s, s:b, s:b}", "name", name, "summary",
                     grain_backend_summary(name), "peer", (int)peers_has(name), "schedules", offered, "opens",
                     probe.status == 0, "runs_tasks", (int)probe.runs_tasks, "workers", probe.workers,
                     "sees_later_changes", (int)probe.sees_later_changes, "binds", (int)probe.binds);
}

static json_t *json_peers(void)
{
    struct peer_library library;
    json_t *out = json_array();
    for (size_t i = 0; peers_library_at(i, &library); i++)
        json_array_append_new(out,
                              json_pack("{s:s, s:s, s:b, s:s}", "library", library.name, "backends", library.backends,
                                        "built_in", (int)library.is_built_in, "remedy", library.remedy));
    return out;
}

static json_t *json_all(void)
{
    const char *name;
    const struct kernel *kernel;
    json_t *backends = json_array(), *kernels = json_array(), *offered = json_array();
    for (size_t i = 0; (name = grain_backend_name(i)); i++)
        json_array_append_new(backends, json_backend(name));
    for (size_t i = 0; (kernel = kernel_at(i)); i++)
        json_array_append_new(kernels, json_pack("{s:s, s:s, s:s?}", "name", kernel->name, "summary", kernel->summary,
                                                 "parameter", kernel->parameter));
    for (int s = 0; s < GRAIN_SCHEDULE_COUNT; s++)
        if (is_offered((enum grain_schedule)s))
            json_array_append_new(offered,
                                  json_pack("{s:s, s:s}", "name", schedules[s].name, "summary", schedules[s].summary));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "backends", backends, "peers", json_peers(), "calls",
                     json_calls(), "schedules", offered, "kernels", kernels, "profiles", json_entries(profiles),
                     "floor", json_entries(floors));
}

/* ---------------------------------------------------------------------------------- the subcommand */

static const struct argp_option options[] = {
    {"json", KEY_JSON, NULL, 0, "Print one JSON object", 1},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case KEY_JSON:
        *(bool *)state->input = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "`%s' is one word too many", arg);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&say_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    options,
    parse,
    NULL,
    "List what there is to choose from: backends and what they can do, calls, schedules, kernels, profiles."
    "\v"
    "What a backend can do is found by opening a pool of one worker and asking it.",
    children,
    NULL,
    NULL,
};

int command_list(int argc, char **argv)
{
    bool json = false;
    argp_parse(&parser, argc, argv, 0, NULL, &json);
    if (!json) {
        print_all();
        return EXIT_FINE;
    }
    return say_json(PROGRAM, json_all());
}
