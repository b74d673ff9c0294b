/* SPDX-License-Identifier: MIT
 *
 * Contract: what a report says when the pool is terminated in the middle of a call: each task that ended has its own
 * code, 0 or its failure's, and its result is there; every other one has -ECANCELED; `failed` and `first` say the
 * same.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "contract.h"

#define COUNT   160
#define WORKERS 2
#define FAILURE 9
#define UNSET   77

/* In the pool's memory. */
struct board {
    _Atomic int ended;
    _Atomic unsigned char begun[COUNT], returned[COUNT];
};

static int visit(struct board *board, size_t index, int *result)
{
    atomic_store(&board->begun[index], 1);
    *result = 3 * (int)index + 1;
    sleep_ms(index % 4 == 0);
    atomic_store(&board->returned[index], 1);
    atomic_fetch_add(&board->ended, 1);
    return index % 7 == 3 ? FAILURE : 0;
}

static struct board *board_seen(const struct grain_context *ctx)
{
    return *(struct board *const *)grain_context_params(ctx);
}

static int task(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    return visit(board_seen(ctx), grain_context_index(ctx), result);
}

static int star_task(const void *const args[], void *result, struct grain_context *ctx)
{
    return task(args[0], result, ctx);
}

static int chunk_task(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    size_t first = grain_context_index(ctx);
    (void)items;
    for (size_t i = 0; i < count; i++)
        if (visit(board_seen(ctx), first + i, (int *)results + i))
            grain_context_fail_at(ctx, first + i, FAILURE, "as told");
    return 0;
}

enum form { MAP, MAP_ASYNC, STARMAP, CHUNKS, FORMS };

struct caller {
    struct grain_pool *pool;
    struct board *board;
    enum form form;
    struct grain_call_options options;
    struct grain_report report;
    int codes[COUNT], results[COUNT], status;
};

static int future_of(struct caller *caller, struct grain_in in, struct grain_out out)
{
    struct grain_future *future;
    int status = grain_map_async(caller->pool, task, in, out, &caller->options, &future);
    if (status)
        return status;
    status = grain_future_get(future, GRAIN_FOREVER);
    grain_future_free(future);
    return status;
}

static void *call(void *argument)
{
    struct caller *caller = argument;
    static int columns[COUNT];
    struct grain_in in = {NULL, COUNT, 0};
    struct grain_out out = {caller->results, sizeof caller->results[0]};
    struct grain_column column = {columns, sizeof columns[0], sizeof columns[0]};
    struct grain_pool *pool = caller->pool;
    caller->status = caller->form == MAP         ? grain_map(pool, task, in, out, &caller->options)
                     : caller->form == MAP_ASYNC ? future_of(caller, in, out)
                     : caller->form == STARMAP
                         ? grain_starmap(pool, star_task, &column, 1, COUNT, out, &caller->options)
                         : grain_map_chunks(pool, chunk_task, in, out, &caller->options);
    return NULL;
}

static void caller_open(struct caller *caller, enum form form, int64_t chunk, enum grain_schedule schedule)
{
    void *memory;
    memset(caller, 0, sizeof *caller);
    caller->pool = pool_with(WORKERS);
    caller->form = form;
    assert_int_equal(grain_alloc(caller->pool, sizeof(struct board), &memory), 0);
    caller->board = memory;
    caller->report.codes = caller->codes;
    caller->options = (struct grain_call_options){.chunk = chunk,
                                                  .schedule = schedule,
                                                  .params = &caller->board,
                                                  .params_size = sizeof caller->board,
                                                  .report = &caller->report};
    for (int i = 0; i < COUNT; i++)
        caller->codes[i] = UNSET;
}

/* How many tasks may have returned without having ended in the pool's eyes: where a worker was killed in between,
 * its last one. */
static int unseen_most(const struct caller *caller)
{
    if (!is_fork())
        return 0;
    if (caller->form != CHUNKS && !cannot("steal"))
        return WORKERS;
    bool is_even = caller->options.chunk > 0 && caller->options.schedule != GRAIN_SCHEDULE_GUIDED;
    return is_even ? WORKERS * (int)caller->options.chunk : COUNT;
}

static void report_checked(const struct caller *caller, int code)
{
    size_t failed = 0, first = COUNT;
    int unseen = 0;
    for (size_t i = 0; i < COUNT; i++) {
        bool has_returned = atomic_load(&caller->board->returned[i]);
        int own = i % 7 == 3 ? FAILURE : 0;
        if (!has_returned)
            assert_int_equal(caller->codes[i], code);
        else if (caller->codes[i] != own)
            assert_int_equal(caller->codes[i], code);
        if (caller->codes[i] == 0)
            assert_int_equal(caller->results[i], 3 * (int)i + 1);
        unseen += has_returned && caller->codes[i] != own;
        failed += caller->codes[i] != 0;
        first = caller->codes[i] && first == COUNT ? i : first;
    }
    assert_in_range(unseen, 0, unseen_most(caller));
    assert_int_equal(caller->report.failed, failed);
    if (failed) {
        assert_int_equal(caller->report.first.index, first);
        assert_int_equal(caller->report.first.code, caller->codes[first]);
    }
}

static void terminated_in_the_middle(enum form form, int64_t chunk, enum grain_schedule schedule)
{
    static struct caller caller;
    pthread_t thread;
    caller_open(&caller, form, chunk, schedule);
    assert_int_equal(pthread_create(&thread, NULL, call, &caller), 0);
    while (atomic_load(&caller.board->ended) < 20)
        sleep_ms(1);
    assert_int_equal(grain_pool_terminate(caller.pool), 0);
    pthread_join(thread, NULL);
    assert_int_equal(caller.status, -ECANCELED);
    report_checked(&caller, -ECANCELED);
    grain_pool_free(caller.pool);
}

static void a_terminate_leaves_a_code_for_every_task(void **state)
{
    (void)state;
    needs("cancel");
    static const int64_t chunks[] = {1, 7, 0};
    for (int schedule = 0; schedule < GRAIN_SCHEDULE_COUNT; schedule++)
        for (int c = 0; c < 3 && has_schedule((enum grain_schedule)schedule); c++)
            terminated_in_the_middle(MAP, chunks[c], (enum grain_schedule)schedule);
    for (int form = MAP_ASYNC; form < FORMS; form++)
        for (int c = 0; c < 2; c++)
            terminated_in_the_middle((enum form)form, chunks[c], GRAIN_SCHEDULE_DEFAULT);
}

static int holds(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    while (!atomic_load(&board_seen(ctx)->begun[1]) && !grain_context_cancelled(ctx)) {
        atomic_store(&board_seen(ctx)->begun[0], 1);
        sleep_ms(1);
    }
    return 0;
}

/* Maps and queued calls behind one that takes long: none of their tasks is begun. */
static void what_was_queued_has_codes_too(void **state)
{
    (void)state;
    needs("runs tasks");
    enum { CALLS = 40 };
    static struct caller caller, behind;
    struct grain_future *holder, *map, *calls[CALLS];
    struct grain_report reports[CALLS];
    int codes[CALLS];
    caller_open(&caller, MAP_ASYNC, 1, GRAIN_SCHEDULE_DEFAULT);
    struct grain_in in = {NULL, WORKERS, 0}, in_map = {NULL, COUNT, 0};
    assert_int_equal(grain_map_async(caller.pool, holds, in, (struct grain_out){NULL, 0},
                                     &(struct grain_call_options){
                                         .chunk = 1, .params = &caller.board, .params_size = sizeof caller.board},
                                     &holder),
                     0);
    while (!atomic_load(&caller.board->begun[0]))
        sleep_ms(1);
    memcpy(behind.codes, caller.codes, sizeof behind.codes);
    behind.report.codes = behind.codes;
    caller.options.report = &behind.report;
    assert_int_equal(grain_map_async(caller.pool, task, in_map, (struct grain_out){behind.results, sizeof(int)},
                                     &caller.options, &map),
                     0);
    for (int i = 0; i < CALLS; i++) {
        codes[i] = UNSET;
        reports[i] = (struct grain_report){.codes = &codes[i], .failed = UNSET};
        caller.options.report = &reports[i];
        assert_int_equal(grain_apply_async(caller.pool, holds, NULL, 0, NULL, 0, &caller.options, &calls[i]), 0);
    }
    assert_int_equal(grain_future_cancel(calls[CALLS - 1]), 0);
    assert_int_equal(grain_pool_terminate(caller.pool), 0);
    atomic_store(&caller.board->begun[1], 1);
    assert_int_equal(grain_future_get(map, GRAIN_FOREVER), -ECANCELED);
    assert_int_equal(behind.report.failed, COUNT);
    assert_int_equal(behind.report.first.index, 0);
    assert_int_equal(behind.report.first.code, -ECANCELED);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(behind.codes[i], -ECANCELED);
    for (int i = 0; i < CALLS; i++) {
        int status = grain_future_get(calls[i], GRAIN_FOREVER);
        assert_true(status == 0 || status == -ECANCELED);
        assert_int_equal(codes[i], status);
        assert_int_equal(reports[i].failed, status != 0);
        if (status)
            assert_int_equal(reports[i].first.code, status);
    }
    assert_int_equal(codes[CALLS - 1], -ECANCELED);
    grain_pool_free(caller.pool);
    grain_future_free(holder);
    grain_future_free(map);
    for (int i = 0; i < CALLS; i++)
        grain_future_free(calls[i]);
}

/* A map that is taken back before it began. */
static void what_was_taken_back_has_codes_too(void **state)
{
    (void)state;
    needs("runs tasks");
    static struct caller caller;
    struct grain_future *holders[WORKERS + 2], *map;
    caller_open(&caller, MAP, 1, GRAIN_SCHEDULE_DEFAULT);
    struct grain_call_options options = caller.options;
    options.report = NULL;
    for (int i = 0; i < WORKERS + 2; i++) /* as many as are run at once, and one more */
        assert_int_equal(grain_map_async(caller.pool, holds, (struct grain_in){NULL, WORKERS, 0},
                                         (struct grain_out){NULL, 0}, &options, &holders[i]),
                         0);
    assert_int_equal(grain_map_async(caller.pool, task, (struct grain_in){NULL, COUNT, 0},
                                     (struct grain_out){caller.results, sizeof(int)}, &caller.options, &map),
                     0);
    int status = grain_future_cancel(map);
    atomic_store(&caller.board->begun[1], 1);
    assert_int_equal(status, 0);
    assert_int_equal(grain_future_get(map, GRAIN_FOREVER), -ECANCELED);
    assert_int_equal(caller.report.failed, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(caller.codes[i], -ECANCELED);
    grain_future_free(map);
    for (int i = 0; i < WORKERS + 2; i++) {
        assert_int_equal(grain_future_get(holders[i], GRAIN_FOREVER), 0);
        grain_future_free(holders[i]);
    }
    grain_pool_free(caller.pool);
}

/* In memory that all processes share. */
static _Atomic int *births;
static int births_most;

static int is_born(void *argument, struct grain_context *ctx)
{
    (void)argument;
    (void)ctx;
    return atomic_fetch_add(births, 1) >= births_most;
}

/* Workers are replaced after five chunks, and none of the replacements comes to be; on openmp, where that is not
 * done, one of the first does not. */
static void workers_that_do_not_come_to_be_leave_codes(void **state)
{
    (void)state;
    needs("parallel");
    if (!is_fork() && cannot("replaces") && strcmp(backend, "openmp") != 0)
        skip();
    for (int round = 0; round < 4; round++) {
        static struct caller caller;
        caller_open(&caller, round % 2 ? MAP : CHUNKS, 1 + 2 * (round / 2), GRAIN_SCHEDULE_DEFAULT);
        grain_pool_free(caller.pool);
        struct grain_pool_options options = options_with(WORKERS);
        void *memory;
        bool is_replaced = !cannot("replaces");
        options.initializer = is_born;
        options.max_tasks_per_worker = is_replaced ? 5 : 0;
        births_most = is_replaced ? WORKERS : WORKERS - 1;
        atomic_store(births, 0);
        int status = grain_pool_open(&caller.pool, &options);
        if (status == -ENOTRECOVERABLE && !is_replaced)
            continue;
        assert_int_equal(status, 0);
        assert_int_equal(grain_alloc(caller.pool, sizeof(struct board), &memory), 0);
        caller.board = memory;
        call(&caller);
        assert_int_equal(caller.status, -ENOTRECOVERABLE);
        report_checked(&caller, -ENOTRECOVERABLE);
        assert_true(caller.report.failed > 0);
        grain_pool_free(caller.pool);
    }
}

static void late_checked(struct caller *caller, int status, int expected)
{
    assert_int_equal(status, expected);
    assert_int_equal(caller->report.failed, COUNT);
    assert_int_equal(caller->report.first.code, expected);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(caller->codes[i], expected);
        caller->codes[i] = UNSET;
    }
    caller->report.failed = 0;
}

static void a_call_that_comes_too_late_has_codes_too(void **state)
{
    (void)state;
    static struct caller caller;
    struct grain_future *future;
    struct grain_in in = {NULL, COUNT, 0};
    struct grain_out out = {NULL, 0};
    caller_open(&caller, MAP, 1, GRAIN_SCHEDULE_DEFAULT);
    for (int round = 0; round < 2; round++) {
        int expected = round ? -ECANCELED : -ESHUTDOWN;
        assert_int_equal(round ? grain_pool_terminate(caller.pool) : grain_pool_close(caller.pool), 0);
        late_checked(&caller, grain_map(caller.pool, task, in, out, &caller.options), expected);
        late_checked(&caller, grain_map_async(caller.pool, task, in, out, &caller.options, &future), expected);
        assert_int_equal(grain_apply_async(caller.pool, task, NULL, 0, NULL, 0, &caller.options, &future), expected);
        assert_int_equal(caller.report.failed, 1);
        assert_int_equal(caller.codes[0], expected);
        caller.codes[0] = UNSET;
    }
    grain_pool_free(caller.pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    births = mmap(NULL, sizeof *births, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (births == MAP_FAILED)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_terminate_leaves_a_code_for_every_task),
        cmocka_unit_test(workers_that_do_not_come_to_be_leave_codes),
        cmocka_unit_test(what_was_queued_has_codes_too),
        cmocka_unit_test(what_was_taken_back_has_codes_too),
        cmocka_unit_test(a_call_that_comes_too_late_has_codes_too),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
