/* SPDX-License-Identifier: MIT
 *
 * Contract: the first of the two tables of options in grain.h, call by option, is read from there, and every cell is
 * tried on the backend: whether the option has its effect, has none, or is refused. The options of a pool:
 * options_pool.c.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "table.h"

#define COUNT   64
#define WORKERS 2

/* Seen by forked workers too. */
static struct board {
    int chunk_calls, tries, callbacks, asked;
} * board;

enum kind { PLAIN, SLOW, DIES_ONCE };

static int items[COUNT], results[COUNT];

/* The item says what it does; the result is what the params are. */
static int task(const void *arg, void *result, struct grain_context *ctx)
{
    const int *params = grain_context_params(ctx);
    int kind = *(const int *)arg;
    *(int *)result = params ? *params : -1;
    if (kind == SLOW)
        sleep_ms(40);
    if (kind == DIES_ONCE && __atomic_fetch_add(&board->tries, 1, __ATOMIC_RELAXED) == 0) {
        if (is_fork())
            _exit(3);
        return 5; /* no thread dies: this is a failure as any other */
    }
    return 0;
}

static int star(const void *const args[], void *result, struct grain_context *ctx)
{
    return task(args[0], result, ctx);
}

static int chunk_task(const void *in, void *out, size_t count, struct grain_context *ctx)
{
    int code = 0;
    __atomic_fetch_add(&board->chunk_calls, 1, __ATOMIC_RELAXED);
    for (size_t i = 0; i < count && !code; i++)
        code = task((const int *)in + i, (int *)out + i, ctx);
    return code;
}

static int source(void *user, void *item)
{
    int *left = user;
    if (*left == 0)
        return 0;
    memcpy(item, &items[--*left], sizeof items[0]);
    board->asked++;
    return 1;
}

static void on_result(void *user, const void *values, size_t count)
{
    (void)values;
    (void)count;
    __atomic_fetch_add((int *)user, 1, __ATOMIC_RELAXED);
}

static void on_error(void *user, const struct grain_error *error)
{
    (void)error;
    __atomic_fetch_add((int *)user, 1, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------------------- any call, to its end */

static int waited(int status, struct grain_future *future)
{
    if (status)
        return status;
    status = grain_future_get(future, GRAIN_FOREVER);
    grain_future_free(future);
    return status;
}

static int iterated(struct grain_pool *pool, bool is_ordered, const struct grain_call_options *options)
{
    struct grain_iter *iter = NULL;
    int left = COUNT, failed = 0, next, value;
    size_t index;
    int status = (is_ordered ? grain_imap_sized : grain_imap_unordered_sized)(
        pool, task, source, &left, sizeof(int), sizeof(int), options, &iter, sizeof *options);
    if (status)
        return status;
    int asked = board->asked;
    while ((next = grain_iter_next(iter, &value, &index, GRAIN_FOREVER)) != 0) {
        if (next == 1)
            results[index] = value;
        else
            failed = next;
    }
    board->asked = asked; /* before the first result was taken */
    grain_iter_free(iter);
    return failed;
}

/* `count` tasks; the calls of apply have one. */
static int call(struct grain_pool *pool, const char *name, size_t count, const struct grain_call_options *options)
{
    struct grain_in in = {items, count, sizeof items[0]};
    struct grain_out out = {results, sizeof results[0]};
    struct grain_column column = {items, sizeof items[0], sizeof items[0]};
    struct grain_future *future = NULL;
    int status;
    if (strcmp(name, "apply") == 0)
        return grain_apply(pool, task, items, sizeof items[0], results, sizeof results[0], options);
    if (strcmp(name, "map") == 0)
        return grain_map(pool, task, in, out, options);
    if (strcmp(name, "starmap") == 0)
        return grain_starmap(pool, star, &column, 1, count, out, options);
    if (strcmp(name, "map_chunks") == 0)
        return grain_map_chunks(pool, chunk_task, in, out, options);
    if (strcmp(name, "apply_async") == 0) {
        status = grain_apply_async(pool, task, items, sizeof items[0], results, sizeof results[0], options, &future);
        return waited(status, future);
    }
    if (strcmp(name, "map_async") == 0) {
        status = grain_map_async(pool, task, in, out, options, &future);
        return waited(status, future);
    }
    if (strcmp(name, "starmap_async") == 0) {
        status = grain_starmap_async(pool, star, &column, 1, count, out, options, &future);
        return waited(status, future);
    }
    if (strcmp(name, "map_chunks_async") == 0) {
        status = grain_map_chunks_async(pool, chunk_task, in, out, options, &future);
        return waited(status, future);
    }
    assert_true(strcmp(name, "imap") == 0 || strcmp(name, "imap_unordered") == 0);
    return iterated(pool, strcmp(name, "imap") == 0, options);
}

static bool is_of_one(const char *name)
{
    return strncmp(name, "apply", 5) == 0 || strncmp(name, "imap", 4) == 0;
}

static void reset(enum kind kind)
{
    memset(board, 0, sizeof *board);
    for (int i = 0; i < COUNT; i++) {
        items[i] = i == 0 ? (int)kind : PLAIN;
        results[i] = -7;
    }
}

/* ------------------------------------------------------------------------------------ one try a field */

static char refusal_of(int status)
{
    return status == -EINVAL || status == -ENOTSUP ? 'x' : '\0';
}

static uint64_t handovers_of(struct grain_pool *pool)
{
    struct grain_pool_stats stats;
    assert_int_equal(grain_pool_stats(pool, &stats), 0);
    return stats.handovers;
}

/* How often work was handed over. */
static int claims(struct grain_pool *pool, const char *name, int64_t chunk, enum grain_schedule schedule)
{
    struct grain_call_options options = {.chunk = chunk, .schedule = schedule};
    uint64_t before = handovers_of(pool);
    reset(PLAIN);
    int status = call(pool, name, COUNT, &options);
    if (status)
        return status;
    if (strncmp(name, "imap", 4) == 0)
        return board->asked;
    return strncmp(name, "map_chunks", 10) == 0 && chunk > 1 ? board->chunk_calls : (int)(handovers_of(pool) - before);
}

static char try_chunk(struct grain_pool *pool, const char *name)
{
    int few = claims(pool, name, 16, GRAIN_SCHEDULE_DYNAMIC), many = claims(pool, name, 4, GRAIN_SCHEDULE_DYNAMIC);
    if (few < 0)
        return refusal_of(few);
    if (strncmp(name, "imap", 4) == 0) /* both ask for a window, of two chunks a worker */
        return few > many ? 'w' : '-';
    if (is_of_one(name))
        return '-'; /* there is one task: it was not refused */
    return many - few >= 8 ? 'u' : '-';
}

/* static deals the tasks out beforehand, guided hands out more at a time: one of them is seen on every backend. */
static char try_schedule(struct grain_pool *pool, const char *name)
{
    int dealt = claims(pool, name, 1, GRAIN_SCHEDULE_STATIC), claimed = claims(pool, name, 1, GRAIN_SCHEDULE_DYNAMIC);
    int guided = claims(pool, name, 1, GRAIN_SCHEDULE_GUIDED);
    if (dealt < 0)
        return refusal_of(dealt);
    return !is_of_one(name) && (claimed - dealt >= COUNT / 2 || claimed - guided >= COUNT / 2) ? 'u' : '-';
}

static char try_params(struct grain_pool *pool, const char *name)
{
    int seven = 7;
    struct grain_call_options options = {.params = &seven, .params_size = sizeof seven};
    reset(PLAIN);
    int status = call(pool, name, COUNT, &options);
    return status ? refusal_of(status) : results[0] == 7 ? 'u' : '-';
}

static char try_report(struct grain_pool *pool, const char *name)
{
    int codes[COUNT];
    struct grain_report report = {.codes = codes, .failed = 77};
    struct grain_call_options options = {.report = &report};
    reset(PLAIN);
    codes[0] = 0x5555;
    int status = call(pool, name, COUNT, &options);
    return status ? refusal_of(status) : report.failed == 0 && codes[0] == 0 ? 'u' : '-';
}

static char try_callbacks(struct grain_pool *pool, const char *name)
{
    int called = 0;
    struct grain_call_options options = {.callback = on_result, .error_callback = on_error, .user = &called};
    reset(PLAIN);
    int status = call(pool, name, COUNT, &options);
    return status ? refusal_of(status) : called == 1 ? 'u' : '-';
}

static char try_retries(struct grain_pool *pool, const char *name)
{
    struct grain_call_options options = {.retries = 1, .chunk = is_of_one(name) ? 0 : 1};
    reset(DIES_ONCE);
    int status = call(pool, name, COUNT, &options);
    return refusal_of(status) ? refusal_of(status) : status == 0 && board->tries == 2 ? 'u' : '-';
}

static char try_timeout(struct grain_pool *pool, const char *name)
{
    struct grain_call_options options = {.task_timeout_ns = 4000000, .chunk = is_of_one(name) ? 0 : 1};
    reset(SLOW);
    int status = call(pool, name, 1, &options);
    return refusal_of(status) ? refusal_of(status) : status == GRAIN_TASK_FAILED ? 'u' : '-';
}

static const struct {
    const char *name;
    char (*try)(struct grain_pool *, const char *);
} fields[] = {
    {"chunk", try_chunk},         {"schedule", try_schedule}, {"params", try_params},           {"report", try_report},
    {"callbacks", try_callbacks}, {"retries", try_retries},   {"task_timeout_ns", try_timeout},
};

/* ----------------------------------------------------------------------------------------- the tables */

/* What the two tables say together of a call and an option on this backend. */
static char expected(const struct table *calls, const struct table *backends, const char *name, const char *field)
{
    char by_call = table_cell(calls, name, field), by_backend = table_cell(backends, field, backend);
    if (by_call != 'u')
        return by_call;
    if (by_backend == 'c')
        return strncmp(name, "map_chunks", 10) == 0 ? 'u' : '-';
    return by_backend;
}

static void every_call_heeds_what_the_table_says(void **state)
{
    (void)state;
    struct table calls, backends;
    table_read(&calls, "call");
    table_read(&backends, "option");
    assert_int_equal(calls.column_count, sizeof fields / sizeof fields[0]);
    assert_int_equal(calls.row_count, 10);
    struct grain_pool *pool = pool_with(WORKERS);
    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++)
        for (size_t i = 0; i < calls.row_count; i++) {
            const char *name = calls.rows[i].name;
            char is = fields[f].try(pool, name), should = expected(&calls, &backends, name, fields[f].name);
            if (is != should)
                print_error("%s: %s of %s: '%c', and the table says '%c'\n", backend, fields[f].name, name, is, should);
            assert_int_equal(is, should);
        }
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_heeds_what_the_table_says),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
