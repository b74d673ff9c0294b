/* SPDX-License-Identifier: MIT
 *
 * `grain run`: what the tutorial's notebook does in one cell. Counts how many values of each row lie in a
 * range, on one backend, once; checks every count; shows what each phase took. One run is a look, not a
 * measurement: `grain sweep` measures. Next: run_calls.c (the calls), run_all.c (all of them), run_options.c
 * (what can be asked for), run_print.c (how it is shown).
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "command.h"
#include "kernels/kernel.h"
#include "probe.h"
#include "run.h"
#include "run_calls.h"

#define PROGRAM      "grain run"
#define ROWS_DEFAULT 200000u

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

/* Memory that the workers see: the pool's, or without a pool what children share with their parent. */
static int room(struct grain_pool *pool, size_t bytes, void **memory)
{
    if (pool)
        return grain_alloc(pool, bytes, memory);
    void *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *memory = shared == MAP_FAILED ? NULL : shared;
    return shared == MAP_FAILED ? -errno : 0;
}

/* What room() gave without a pool; the pool's goes with the pool. */
static void leave_room(struct run_input *input)
{
    if (input->items.data)
        munmap((void *)input->items.data, input->items.count * input->items.size);
    if (input->counts)
        munmap(input->counts, input->items.count * sizeof *input->counts);
}

/* Hands the data over: it moves into memory that the workers see. Of the matrix only what is printed stays:
 * two whole copies would be twice the memory for nothing. */
static int hand_over(struct grain_pool *pool, struct run_input *input, struct matrix *data)
{
    struct grain_in *items = &input->items;
    void *memory;
    int status = room(pool, items->count * items->size, &memory);
    if (status)
        return status;
    items->data = memcpy(memory, data->values, items->count * items->size);
    matrix_shrink(data, RUN_FIRST_ROWS);
    status = room(pool, items->count * sizeof *input->counts, &memory);
    if (status)
        return status;
    /* No count is negative: what no worker wrote cannot pass for right. */
    input->counts = memset(memory, 0xff, items->count * sizeof *input->counts);
    return 0;
}

/* Keeps the counts and finds the first wrong one, before the pool takes its memory with it. */
static int inspect(const struct run_input *input, struct run_measured *measured)
{
    size_t bytes = input->items.count * sizeof *input->counts;
    measured->counts = malloc(bytes);
    if (!measured->counts)
        return -ENOMEM;
    memcpy(measured->counts, input->counts, bytes);
    measured->wrong_row =
        input->params.kernel->check(input->items.data, input->counts, input->items.count, &input->params.base);
    measured->out_of_order = input->out_of_order;
    return 0;
}

/* From submit to collect on an open pool; notes when each ended. Returns 0 or what the library said; `phase`
 * names where. */
static int measure_calls(const struct run_call *call, struct grain_pool *pool, struct run_input *input,
                         struct run_measured *measured, const char **phase)
{
    uint64_t opened = now_ns();
    *phase = "handing over the data";
    int status = hand_over(pool, input, &measured->data);
    if (status)
        return status;
    *phase = call->name;
    if (call->start)
        status = call->start(pool, input);
    uint64_t submitted = now_ns();
    if (status == 0)
        status = call->finish(pool, input);
    measured->phase_ns[RUN_SUBMIT] = submitted - opened;
    measured->phase_ns[RUN_COLLECT] = now_ns() - submitted;
    if (status)
        return status;
    *phase = "keeping the counts";
    return inspect(input, measured);
}

/* Opens, hands over, calls, closes; a call that spawns its workers has no pool. */
static int measure(const struct run_asked *asked, struct run_input *input, struct run_measured *measured,
                   const char **phase)
{
    struct grain_pool *pool = NULL;
    struct grain_pool_options options = {.backend = asked->backend, .workers = asked->workers};
    struct grain_pool_stats stats = {.workers = input->workers};
    struct run_cpu self = cpu_of(RUSAGE_SELF), children_before = cpu_of(RUSAGE_CHILDREN);
    uint64_t begin = now_ns();

    *phase = "opening the pool";
    int status = asked->call->kind == RUN_SPAWNING ? 0 : grain_pool_open(&pool, &options);
    measured->phase_ns[RUN_OPEN] = now_ns() - begin;
    if (status)
        return status;
    status = measure_calls(asked->call, pool, input, measured, phase);
    run_call_clean(input);
    begin = now_ns();
    if (pool) {
        grain_pool_stats(pool, &stats);
        grain_pool_close(pool);
        grain_pool_join(pool);
        grain_pool_free(pool);
    } else {
        leave_room(input);
    }
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

/* ---------------------------------------------------------------------------------------- one run */

static int exit_code_of(int status)
{
    return status == -ENOMEM ? EXIT_RUNTIME : EXIT_USAGE;
}

static int load(const struct run_asked *asked, struct run_measured *measured)
{
    char error[MATRIX_ERROR_MAX] = "";
    struct matrix *data = &measured->data;
    uint64_t offered = asked->rows ? asked->rows : ROWS_DEFAULT;
    bool is_limited = asked->call->kind == RUN_SPAWNING && (!asked->rows || asked->all_calls);
    uint64_t most = is_limited ? RUN_SPAWN_ROWS : UINT64_MAX;
    int status = asked->input
                     ? matrix_read(data, asked->input, error)
                     : matrix_random(data, offered < most ? offered : most, asked->columns, asked->seed, error);
    if (status) {
        say_error(PROGRAM, "%s", error);
        return exit_code_of(status);
    }
    measured->rows_offered = asked->input ? data->rows : offered;
    matrix_shrink(data, most);
    if (data->rows > most)
        data->rows = most;
    return EXIT_FINE;
}

void run_forget(struct run_measured *measured)
{
    free(measured->counts);
    matrix_free(&measured->data);
}

int run_check_input(const struct run_asked *asked)
{
    struct run_measured measured = {0};
    int code = load(asked, &measured);
    run_forget(&measured);
    return code;
}

bool run_counts_nothing(const char *backend)
{
    struct probe probe;
    probe_backend(backend, &probe);
    if (probe.status != 0 || probe.runs_tasks)
        return false;
    say_error(PROGRAM, "backend `%s' runs no tasks (it shows the cost of a call itself): there is nothing to count",
              backend);
    return true;
}

/* "on backend `fork'", for messages. */
static const char *where(const struct run_asked *asked, char text[64])
{
    if (asked->call->kind == RUN_SPAWNING)
        return "without a pool";
    snprintf(text, 64, "on backend `%s'", asked->backend);
    return text;
}

static int wrong(const struct run_asked *asked, const struct run_measured *measured)
{
    size_t row = measured->wrong_row;
    char text[64];
    if (run_counts_nothing(asked->backend))
        return EXIT_USAGE;
    say_error(PROGRAM, "wrong result of call %s %s: row %zu was counted as %" PRId32, asked->call->name,
              where(asked, text), row, measured->counts[row]);
    return EXIT_WRONG;
}

int run_once(const struct run_asked *asked, struct run_measured *measured)
{
    const struct run_call *call = asked->call;
    int code = load(asked, measured);
    if (code)
        return code;
    const struct matrix *data = &measured->data;
    struct run_input input = {
        .params = {{.columns = data->columns, .minimum = asked->minimum, .maximum = asked->maximum},
                   kernel_find("howmany")},
        .options = {.chunk = call->takes & RUN_TAKES_CHUNK ? asked->chunk : 0,
                    .schedule = call->takes & RUN_TAKES_SCHEDULE ? asked->schedule : GRAIN_SCHEDULE_DEFAULT,
                    .params = &input.params.base,
                    .params_size = sizeof input.params.base},
        .workers = asked->workers ? asked->workers : grain_cpu_count(),
    };
    input.items = (struct grain_in){NULL, data->rows, kernel_item_size(input.params.kernel, &input.params.base)};

    if (call->kind == RUN_BLOCKING && !call->takes)
        say_note(1, "%" PRIu64 " calls, one after the other: each waits for its result", data->rows);

    char text[64];
    const char *phase;
    int status = measure(asked, &input, measured, &phase);
    if (status) {
        say_error(PROGRAM, "%s %s: %s", phase, where(asked, text), grain_strerror(status));
        return EXIT_RUNTIME;
    }
    return measured->wrong_row < data->rows ? wrong(asked, measured) : EXIT_FINE;
}

/* ---------------------------------------------------------------------------------- the subcommand */

static int show(const struct run_asked *asked, const struct run_measured *measured)
{
    if (!asked->json) {
        run_print_text(asked, measured);
        return EXIT_FINE;
    }
    return say_json(PROGRAM, run_json(asked, measured));
}

int command_run(int argc, char **argv)
{
    struct run_asked asked = run_defaults();
    argp_parse(&run_argp, argc, argv, 0, NULL, &asked);
    if (asked.all_calls || asked.all_backends)
        return run_all(&asked);
    /* Without a pool nothing else would find out. */
    if (asked.call->kind == RUN_SPAWNING && run_counts_nothing(asked.backend))
        return EXIT_USAGE;
    struct run_measured measured = {0};
    int code = run_once(&asked, &measured);
    if (code == EXIT_FINE)
        code = show(&asked, &measured);
    run_forget(&measured);
    return code;
}
