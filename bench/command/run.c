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
    const struct matrix *data;
    int32_t *counts;
    struct grain_call_options options;
};

static struct grain_in items_of(const struct run_input *input)
{
    return (struct grain_in){input->data->values, input->data->rows, kernel_item_size(input->kernel, input->params)};
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

/* Opens, calls, closes. Returns 0 or what the library said; `phase` names where. */
static int measure(const struct run_asked *asked, const struct run_input *input, struct run_measured *measured,
                   const char **phase)
{
    struct grain_pool *pool;
    struct grain_pool_stats stats = {0};
    struct run_cpu self = cpu_of(RUSAGE_SELF), children_before = cpu_of(RUSAGE_CHILDREN);
    uint64_t begin = now_ns();

    *phase = "opening the pool";
    int status =
        grain_pool_open(&pool, &(struct grain_pool_options){.backend = asked->backend, .workers = asked->workers});
    uint64_t opened = now_ns();
    if (status)
        return status;
    *phase = asked->call->name;
    status = asked->call->run(pool, input);
    uint64_t collected = now_ns();
    grain_pool_stats(pool, &stats);
    grain_pool_close(pool);
    grain_pool_join(pool);
    grain_pool_free(pool);
    uint64_t closed = now_ns();

    /* The calls block until the results are there: handing over cannot be told from collecting. */
    measured->phase_ns[RUN_OPEN] = opened - begin;
    measured->phase_ns[RUN_SUBMIT] = 0;
    measured->phase_ns[RUN_COLLECT] = collected - opened;
    measured->phase_ns[RUN_CLOSE] = closed - collected;
    measured->wall_ns = closed - begin;
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

static int wrong(const struct run_asked *asked, const struct run_input *input, size_t row)
{
    struct probe probe;
    probe_backend(asked->backend, &probe);
    if (probe.status == 0 && !probe.runs_tasks) {
        say_error(PROGRAM, "backend `%s' runs no tasks (it shows the cost of a call itself): there is nothing to count",
                  asked->backend);
        return EXIT_USAGE;
    }
    say_error(PROGRAM, "wrong result from backend `%s', call %s: row %zu was counted as %" PRId32, asked->backend,
              asked->call->name, row, input->counts[row]);
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
    const struct matrix *data = &measured->data;
    measured->counts = malloc(data->rows * sizeof *measured->counts);
    if (!measured->counts) {
        say_error(PROGRAM, "out of memory: no room for %" PRIu64 " counts", data->rows);
        return EXIT_RUNTIME;
    }
    /* No count is negative: what no worker wrote cannot pass for right. */
    memset(measured->counts, 0xff, data->rows * sizeof *measured->counts);
    const struct kernel_params params = {
        .columns = data->columns, .minimum = asked->minimum, .maximum = asked->maximum};
    const struct run_input input = {
        .kernel = kernel_find("howmany"),
        .params = &params,
        .data = data,
        .counts = measured->counts,
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
    size_t row = input.kernel->check(data->values, measured->counts, data->rows, &params);
    return row < data->rows ? wrong(asked, &input, row) : show(asked, measured);
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
