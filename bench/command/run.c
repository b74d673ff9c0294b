/* SPDX-License-Identifier: MIT
 *
 * `grain run`: what the tutorial's notebook does in one cell. Counts how many values of each row lie in a
 * range, on one backend, once; checks every count; shows what each phase took. One run is a look, not a
 * measurement: `grain sweep` measures. Next: run_options.c
 * (what can be asked for), run_print.c (how it is shown).
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "command.h"
#include "kernels/kernel.h"
#include "probe.h"
#include "run.h"

#define PROGRAM "grain run"

/* ------------------------------------------------------------------------------------------ calls */

struct run_input {
    const struct kernel *kernel;
    const struct kernel_params *params;
    struct matrix *data;
    /* In memory that the workers see, from submit to close. */
    void *items;
    int32_t *counts;
    struct grain_call_options options;
};

static struct grain_in items_of(const struct run_input *input)
{
    return (struct grain_in){input->items, input->data->rows, kernel_item_size(input->kernel, input->params)};
}

static int run_apply(struct grain_pool *pool, const struct run_input *input)
{
    struct grain_in items = items_of(input);
    for (size_t i = 0; i < items.count; i++) {
        int status = grain_apply(pool, input->kernel->task, (const char *)items.data + i * items.size, items.size,
                                 &input->counts[i], sizeof *input->counts, &input->options);
        if (status)
            return status;
    }
    return 0;
}

static int run_map(struct grain_pool *pool, const struct run_input *input)
{
    struct grain_out out = {input->counts, sizeof *input->counts};
    return grain_map(pool, input->kernel->task, items_of(input), out, &input->options);
}

static int run_map_chunks(struct grain_pool *pool, const struct run_input *input)
{
    struct grain_out out = {input->counts, sizeof *input->counts};
    return grain_map_chunks(pool, input->kernel->chunk, items_of(input), out, &input->options);
}

static const struct run_call calls[] = {
    {"apply", run_apply, false},
    {"map", run_map, true},
    {"map_chunks", run_map_chunks, true},
};
#define CALL_COUNT (sizeof calls / sizeof calls[0])

const struct run_call *run_call_at(size_t index)
{
    return index < CALL_COUNT ? &calls[index] : NULL;
}

/* -------------------------------------------------------------------------------------- measuring */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct run_cpu cpu_of(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return (struct run_cpu){
        (uint64_t)usage.ru_utime.tv_sec * 1000000u + (uint64_t)usage.ru_utime.tv_usec,
        (uint64_t)usage.ru_stime.tv_sec * 1000000u + (uint64_t)usage.ru_stime.tv_usec,
    };
}

static struct run_cpu cpu_since(struct run_cpu then, int who)
{
    struct run_cpu now = cpu_of(who);
    return (struct run_cpu){now.user_us - then.user_us, now.sys_us - then.sys_us};
}

/* Hands the data over: it moves into memory that the workers see. Of the matrix only what is printed stays:
 * two whole copies would be twice the memory for nothing. */
static int submit(struct grain_pool *pool, struct run_input *input)
{
    struct grain_in items = items_of(input);
    int status = grain_alloc(pool, items.count * items.size, &input->items);
    if (status)
        return status;
    memcpy(input->items, input->data->values, items.count * items.size);
    matrix_shrink(input->data, RUN_FIRST_ROWS);
    status = grain_alloc(pool, items.count * sizeof *input->counts, (void **)&input->counts);
    if (status)
        return status;
    /* No count is negative: what no worker wrote cannot pass for right. */
    memset(input->counts, 0xff, items.count * sizeof *input->counts);
    return 0;
}

/* Keeps the counts and finds the first wrong one, before the pool takes its memory with it. */
static int inspect(const struct run_input *input, struct run_measured *measured)
{
    size_t bytes = input->data->rows * sizeof *input->counts;
    measured->counts = malloc(bytes);
    if (!measured->counts)
        return -ENOMEM;
    memcpy(measured->counts, input->counts, bytes);
    measured->wrong_row = input->kernel->check(input->items, input->counts, input->data->rows, input->params);
    return 0;
}

/* From submit to collect on an open pool; notes when each ended. Returns 0 or what the library said; `phase`
 * names where. */
static int measure_calls(const struct run_asked *asked, struct grain_pool *pool, struct run_input *input,
                         struct run_measured *measured, const char **phase)
{
    uint64_t opened = now_ns();
    *phase = "handing over the data";
    int status = submit(pool, input);
    uint64_t submitted = now_ns();
    if (status)
        return status;
    *phase = asked->call->name;
    status = asked->call->run(pool, input);
    measured->phase_ns[RUN_SUBMIT] = submitted - opened;
    measured->phase_ns[RUN_COLLECT] = now_ns() - submitted;
    if (status)
        return status;
    *phase = "keeping the counts";
    return inspect(input, measured);
}

/* Opens, hands over, calls, closes. */
static int measure(const struct run_asked *asked, struct run_input *input, struct run_measured *measured,
                   const char **phase)
{
    struct grain_pool *pool;
    struct grain_pool_stats stats = {0};
    struct run_cpu self = cpu_of(RUSAGE_SELF), children_before = cpu_of(RUSAGE_CHILDREN);
    uint64_t begin = now_ns();

    *phase = "opening the pool";
    int status =
        grain_pool_open(&pool, &(struct grain_pool_options){.backend = asked->backend, .workers = asked->workers});
    measured->phase_ns[RUN_OPEN] = now_ns() - begin;
    if (status)
        return status;
    status = measure_calls(asked, pool, input, measured, phase);
    grain_pool_stats(pool, &stats);
    begin = now_ns();
    grain_pool_close(pool);
    grain_pool_join(pool);
    grain_pool_free(pool);
    measured->phase_ns[RUN_CLOSE] = now_ns() - begin;

    for (int i = 0; i < RUN_PHASES; i++)
        measured->wall_ns += measured->phase_ns[i];
    measured->workers = stats.workers;
    measured->caller = cpu_since(self, RUSAGE_SELF);
    /* Workers that were processes are counted once they have been waited for: after close. */
    struct run_cpu workers = cpu_since(children_before, RUSAGE_CHILDREN);
    measured->everyone.user_us = measured->caller.user_us + workers.user_us;
    measured->everyone.sys_us = measured->caller.sys_us + workers.sys_us;
    return status;
}

/* ---------------------------------------------------------------------------------- the subcommand */

static int exit_code_of(int status)
{
    return status == -ENOMEM ? EXIT_RUNTIME : EXIT_USAGE;
}

static int load(const struct run_asked *asked, struct matrix *data)
{
    char error[MATRIX_ERROR_MAX] = "";
    int status = asked->input ? matrix_read(data, asked->input, error)
                              : matrix_random(data, asked->rows, asked->columns, asked->seed, error);
    if (status == 0)
        return EXIT_FINE;
    say_error(PROGRAM, "%s", error);
    return exit_code_of(status);
}

static int wrong(const struct run_asked *asked, const struct run_measured *measured)
{
    size_t row = measured->wrong_row;
    struct probe probe;
    probe_backend(asked->backend, &probe);
    if (probe.status == 0 && !probe.runs_tasks) {
        say_error(PROGRAM, "backend `%s' runs no tasks (it shows the cost of a call itself): there is nothing to count",
                  asked->backend);
        return EXIT_USAGE;
    }
    say_error(PROGRAM, "wrong result from backend `%s', call %s: row %zu was counted as %" PRId32, asked->backend,
              asked->call->name, row, measured->counts[row]);
    return EXIT_WRONG;
}

static int show(const struct run_asked *asked, const struct run_measured *measured)
{
    if (!asked->json) {
        run_print_text(asked, measured);
        return EXIT_FINE;
    }
    if (run_print_json(asked, measured) == 0)
        return EXIT_FINE;
    say_error(PROGRAM, "cannot write the JSON object");
    return EXIT_RUNTIME;
}

static int run(const struct run_asked *asked, struct run_measured *measured)
{
    int code = load(asked, &measured->data);
    if (code)
        return code;
    struct matrix *data = &measured->data;
    const struct kernel_params params = {
        .columns = data->columns, .minimum = asked->minimum, .maximum = asked->maximum};
    struct run_input input = {
        .kernel = kernel_find("howmany"),
        .params = &params,
        .data = data,
        .options = {.chunk = asked->chunk,
                    .schedule = asked->schedule,
                    .params = &params,
                    .params_size = sizeof params},
    };
    if (!asked->call->claims_chunks)
        say_note(1, "%" PRIu64 " calls, one after the other: each waits for its result", data->rows);

    const char *phase;
    int status = measure(asked, &input, measured, &phase);
    if (status) {
        say_error(PROGRAM, "%s on backend `%s': %s", phase, asked->backend, grain_strerror(status));
        return EXIT_RUNTIME;
    }
    return measured->wrong_row < data->rows ? wrong(asked, measured) : show(asked, measured);
}

int command_run(int argc, char **argv)
{
    struct run_asked asked = {.call = &calls[1], .rows = 200000, .columns = 5, .seed = 100, .minimum = 4, .maximum = 8};
    argp_parse(&run_argp, argc, argv, 0, NULL, &asked);
    struct run_measured measured = {0};
    int code = run(&asked, &measured);
    free(measured.counts);
    matrix_free(&measured.data);
    return code;
}
