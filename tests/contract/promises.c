/* SPDX-License-Identifier: MIT
 *
 * Contract: what a function hands back when it refuses: out parameters that say so, and a text that names the argument
 * or the option. And which names of backends are taken from where.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"

#define SOMETHING ((void *)(uintptr_t)64) /* what an out parameter held before */

static int star(const void *const args[], void *result, struct grain_context *ctx)
{
    (void)args;
    (void)result;
    (void)ctx;
    return 0;
}

static int chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    (void)items;
    (void)results;
    (void)count;
    (void)ctx;
    return 0;
}

static int nothing(void *source, void *item)
{
    (void)source;
    (void)item;
    return 0;
}

static struct grain_future *future;
static const struct grain_in in_of_null = {NULL, 3, sizeof(int)};
static const struct grain_out no_out = {NULL, 0};

/* Every refusal writes NULL: as told by the argument that is wrong. */
static void future_is_null(int status, int expected)
{
    assert_int_equal(status, expected);
    assert_null(future);
    future = SOMETHING;
}

static void futures_check(struct grain_pool *pool, int expected, const struct grain_call_options *options)
{
    struct grain_column column = {"abc", 1, 1};
    struct grain_in in = {"abc", 3, 1};
    future = SOMETHING;
    future_is_null(grain_apply_async(pool, twice, "a", 1, NULL, 0, options, &future), expected);
    future_is_null(grain_map_async(pool, twice, in, no_out, options, &future), expected);
    future_is_null(grain_map_chunks_async(pool, chunk, in, no_out, options, &future), expected);
    future_is_null(grain_starmap_async(pool, star, &column, 1, 3, no_out, options, &future), expected);
}

static void every_refused_call_leaves_no_future(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_with(2);
    struct grain_column columns[GRAIN_COLUMNS_MAX + 1] = {{0}};
    static const struct grain_call_options wrong[] = {
        {.struct_size = 3}, {.chunk = -7}, {.retries = -1}, {.schedule = (enum grain_schedule)77}, {.params_size = 9},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        futures_check(pool, -EINVAL, &wrong[i]);
    if (!has_schedule(GRAIN_SCHEDULE_TASKLOOP))
        futures_check(pool, -ENOTSUP, &(struct grain_call_options){.schedule = GRAIN_SCHEDULE_TASKLOOP});
    futures_check(NULL, -EINVAL, NULL);
    future = SOMETHING;
    future_is_null(grain_apply_async(pool, NULL, NULL, 0, NULL, 0, NULL, &future), -EINVAL);
    future_is_null(grain_apply_async(pool, twice, NULL, 8, NULL, 0, NULL, &future), -EINVAL);
    future_is_null(grain_apply_async(pool, twice, NULL, 0, &pool, (size_t)1 << 33, NULL, &future), -EOVERFLOW);
    future_is_null(grain_map_async(pool, NULL, (struct grain_in){0}, no_out, NULL, &future), -EINVAL);
    future_is_null(grain_map_async(pool, twice, in_of_null, no_out, NULL, &future), -EINVAL);
    future_is_null(grain_map_async(pool, twice, (struct grain_in){"a", SIZE_MAX, 2}, no_out, NULL, &future),
                   -EOVERFLOW);
    future_is_null(grain_map_chunks_async(pool, NULL, (struct grain_in){0}, no_out, NULL, &future), -EINVAL);
    future_is_null(grain_starmap_async(pool, NULL, columns, 1, 3, no_out, NULL, &future), -EINVAL);
    future_is_null(grain_starmap_async(pool, star, NULL, 1, 3, no_out, NULL, &future), -EINVAL);
    future_is_null(grain_starmap_async(pool, star, columns, 0, 3, no_out, NULL, &future), -EINVAL);
    future_is_null(grain_starmap_async(pool, star, columns, GRAIN_COLUMNS_MAX + 1, 3, no_out, NULL, &future), -EINVAL);
    grain_pool_close(pool);
    futures_check(pool, -ESHUTDOWN, NULL);
    grain_pool_terminate(pool);
    futures_check(pool, -ECANCELED, NULL);
    grain_pool_free(pool);
}

/* A report is an out parameter too: no task has failed, and no code is written. */
static void a_refused_call_reports_no_failure(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_with(1);
    int code = 77;
    struct grain_report report = {.codes = &code};
    struct grain_call_options options = {.report = &report, .retries = -1}, right = {.report = &report};
    struct grain_column column = {"abc", 1, 1};
    struct grain_in in = {"abc", 1, 1};
    int statuses[8];
    for (int i = 0; i < 8; i++) {
        report.failed = 5;
        const struct grain_call_options *given = i < 7 ? &options : &right;
        statuses[i] = i == 0   ? grain_apply(pool, twice, "a", 1, NULL, 0, given)
                      : i == 1 ? grain_map(pool, twice, in, no_out, given)
                      : i == 2 ? grain_map_chunks(pool, chunk, in, no_out, given)
                      : i == 3 ? grain_starmap(pool, star, &column, 1, 1, no_out, given)
                      : i == 4 ? grain_apply_async(pool, twice, "a", 1, NULL, 0, given, NULL)
                      : i == 5 ? grain_map_async(pool, twice, in, no_out, given, NULL)
                      : i == 6 ? grain_starmap(pool, star, &column, 0, 1, no_out, given)
                               : grain_map(NULL, twice, in, no_out, given);
        assert_int_equal(statuses[i], -EINVAL);
        assert_int_equal(report.failed, 0);
        assert_int_equal(code, 77);
    }
    grain_pool_free(pool);
}

static void what_else_is_refused_leaves_nothing_either(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_with(1), *other = SOMETHING;
    struct grain_pool_options options = options_with(-3);
    struct grain_iter *iter = SOMETHING;
    void *memory = SOMETHING;
    struct grain_process *process = SOMETHING;
    struct grain_pool_stats stats;
    enum grain_schedule schedule = GRAIN_SCHEDULE_STEAL;
    assert_int_equal(grain_pool_open(&other, &options), -EINVAL);
    assert_null(other);
    assert_int_equal(grain_imap(pool, twice, NULL, NULL, 0, 0, NULL, &iter), -EINVAL);
    assert_null(iter);
    iter = SOMETHING;
    assert_int_equal(grain_imap_unordered(NULL, twice, nothing, NULL, 0, 0, NULL, &iter), -EINVAL);
    assert_null(iter);
    iter = SOMETHING;
    assert_int_equal(grain_imap(pool, twice, nothing, NULL, 0, SIZE_MAX / 2, NULL, &iter), -EOVERFLOW);
    assert_null(iter);
    assert_int_equal(grain_alloc(pool, 0, &memory), -EINVAL);
    assert_null(memory);
    memory = SOMETHING;
    assert_int_equal(grain_alloc(NULL, 8, &memory), -EINVAL);
    assert_null(memory);
    memory = SOMETHING;
    assert_int_equal(grain_alloc(pool, SIZE_MAX / 2, &memory), -EINVAL);
    assert_null(memory);
    assert_int_equal(grain_process_start(&process, NULL, NULL, NULL, 0), -EINVAL);
    assert_null(process);
    process = SOMETHING;
    assert_int_equal(grain_process_start(&process, NULL, twice, NULL, 4), -EINVAL);
    assert_null(process);
    memset(&stats, 0x55, sizeof stats);
    assert_int_equal(grain_pool_stats(NULL, &stats), -EINVAL);
    assert_int_equal(stats.workers, 0);
    assert_int_equal(stats.handovers, 0);
    assert_int_equal(grain_schedule_parse("no such schedule", &schedule), -EINVAL);
    assert_int_equal(schedule, GRAIN_SCHEDULE_STEAL);
    grain_pool_close(pool);
    memory = SOMETHING;
    assert_int_equal(grain_alloc(pool, 8, &memory), -ESHUTDOWN);
    assert_null(memory);
    iter = SOMETHING;
    assert_int_equal(grain_imap(pool, twice, nothing, NULL, 0, 0, NULL, &iter), -ESHUTDOWN);
    assert_null(iter);
    grain_pool_free(pool);
}

/* ------------------------------------------------------------------------------------------ names */

static int opened(const char *name, const char *environment)
{
    struct grain_pool *pool;
    struct grain_pool_options options = {.backend = name, .workers = 1};
    if (environment)
        setenv("GRAIN_BACKEND", environment, 1);
    else
        unsetenv("GRAIN_BACKEND");
    int status = grain_pool_open(&pool, &options);
    unsetenv("GRAIN_BACKEND");
    if (status == 0)
        assert_int_equal(apply_twice(pool, 4), 8); /* whatever was chosen runs tasks */
    grain_pool_free(pool);
    return status;
}

static void a_backend_is_named_or_the_default(void **state)
{
    (void)state;
    assert_int_equal(opened(NULL, NULL), 0);
    assert_int_equal(opened(NULL, ""), 0);
    assert_int_equal(opened(NULL, "serial"), 0);
    assert_int_equal(opened("pthread", "no such backend"), 0);
    assert_int_equal(opened("", NULL), -EINVAL);
    assert_non_null(strstr(grain_last_message(), "grain_pool_options.backend: \"\""));
    assert_int_equal(opened("", "serial"), -EINVAL);
    assert_int_equal(opened(NULL, "no such backend"), -EINVAL);
    assert_non_null(strstr(grain_last_message(), "$GRAIN_BACKEND: \"no such backend\""));
}

/* --------------------------------------------------------------------------------------- messages */

static void a_wrong_option_is_named(void **state)
{
    (void)state;
    struct grain_pool *pool;
    struct grain_pool_options usual = options_with(1);
    static const struct {
        const char *name;
        struct grain_pool_options options;
    } pools[] = {
        {"grain_pool_options.struct_size: 5", {.struct_size = 5}},
        {"grain_pool_options.workers: -1", {.workers = -1}},
        {"grain_pool_options.workers: 100000", {.workers = 100000}},
        {"grain_pool_options.wait: 9", {.wait = (enum grain_wait)9}},
        {"grain_pool_options.bind: 9", {.bind = (enum grain_bind)9}},
    };
    for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++) {
        struct grain_pool_options options = pools[i].options;
        options.backend = usual.backend;
        assert_int_equal(grain_pool_open(&pool, &options), -EINVAL);
        assert_non_null(strstr(grain_last_message(), pools[i].name));
    }
    usual.cpus = "1-0";
    assert_true(grain_pool_open(&pool, &usual) < 0);
    assert_non_null(strstr(grain_last_message(), "grain_pool_options.cpus: \"1-0\""));
    static const struct {
        const char *name;
        struct grain_call_options options;
    } calls[] = {
        {"grain_call_options.struct_size: 5", {.struct_size = 5}},
        {"grain_call_options.chunk: -3", {.chunk = -3}},
        {"grain_call_options.schedule: 99", {.schedule = (enum grain_schedule)99}},
        {"grain_call_options.params: NULL", {.params_size = 4}},
        {"grain_call_options.retries: -2", {.retries = -2}},
    };
    pool = pool_with(1);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        int value = 1, result;
        assert_int_equal(grain_apply(pool, twice, &value, sizeof value, &result, sizeof result, &calls[i].options),
                         -EINVAL);
        assert_non_null(strstr(grain_last_message(), calls[i].name));
    }
    if (!has_schedule(GRAIN_SCHEDULE_TASKLOOP)) {
        struct grain_call_options options = {.schedule = GRAIN_SCHEDULE_TASKLOOP};
        assert_int_equal(grain_map(pool, twice, (struct grain_in){0}, no_out, &options), -ENOTSUP);
        assert_non_null(strstr(grain_last_message(), "grain_call_options.schedule: taskloop"));
        assert_non_null(strstr(grain_last_message(), usual.backend));
    }
    grain_pool_free(pool);
}

static void a_wrong_argument_is_named(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_with(1);
    struct grain_column column = {NULL, 4, 4};
    assert_int_equal(grain_apply(NULL, twice, NULL, 0, NULL, 0, NULL), -EINVAL);
    assert_non_null(strstr(grain_last_message(), "pool"));
    assert_int_equal(grain_apply(pool, NULL, NULL, 0, NULL, 0, NULL), -EINVAL);
    assert_non_null(strstr(grain_last_message(), "task"));
    assert_int_equal(grain_map(pool, twice, in_of_null, no_out, NULL), -EINVAL);
    assert_non_null(strstr(grain_last_message(), "input"));
    assert_int_equal(grain_map(pool, twice, (struct grain_in){NULL, 3, 0}, (struct grain_out){NULL, 8}, NULL), -EINVAL);
    assert_non_null(strstr(grain_last_message(), "output"));
    assert_int_equal(grain_map(pool, twice, (struct grain_in){"", (size_t)1 << 50, 0}, no_out, NULL), -EOVERFLOW);
    assert_non_null(strstr(grain_last_message(), "count"));
    assert_int_equal(grain_starmap(pool, star, &column, 1, 3, no_out, NULL), -EINVAL);
    assert_non_null(strstr(grain_last_message(), "columns[0]"));
    assert_int_equal(grain_pool_join(pool), -EINVAL);
    assert_non_null(strstr(grain_last_message(), "closed"));
    grain_pool_free(pool);
}

static void every_code_has_words_of_its_own(void **state)
{
    (void)state;
    static const int codes[] = {
        -E2BIG,  0,       GRAIN_TASK_FAILED, -EAGAIN,  -EBUSY,     -ECANCELED,  -ECHILD, -EDEADLK,   -EINVAL,   -EMFILE,
        -ENFILE, -ENOMEM, -ENOTRECOVERABLE,  -ENOTSUP, -EOVERFLOW, -EOWNERDEAD, -EPERM,  -ESHUTDOWN, -ETIMEDOUT};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const char *text = grain_strerror(codes[i]);
        assert_string_not_equal(text, "unknown status");
        assert_string_not_equal(text, codes[i] > -10000 ? strerror(-codes[i]) : "");
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(text, grain_strerror(codes[k]));
    }
    assert_string_equal(grain_strerror(-99999), "unknown status");
    assert_string_equal(grain_strerror(7), "unknown status");
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refused_call_leaves_no_future),
        cmocka_unit_test(a_refused_call_reports_no_failure),
        cmocka_unit_test(what_else_is_refused_leaves_nothing_either),
        cmocka_unit_test(a_backend_is_named_or_the_default),
        cmocka_unit_test(a_wrong_option_is_named),
        cmocka_unit_test(a_wrong_argument_is_named),
        cmocka_unit_test(every_code_has_words_of_its_own),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
