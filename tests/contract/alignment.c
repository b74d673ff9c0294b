/* SPDX-License-Identifier: MIT
 *
 * What a task gets is as aligned as grain.h says: in every call, for sizes that promise nothing, and for memory of the
 * caller's that is more or less aligned than its size asks for. Types that are loaded with aligned instructions:
 * vectors.c.
 */
#include <errno.h>
#include <string.h>

#include "contract.h"

#define LARGEST 4096
#define COUNT   5 /* items of a map; not a power of two, and more than workers */

/* What a task is to look at, by the addresses that it gets; its params begin with this. */
struct wanted {
    size_t arg, result, params;   /* of the first item and result, and of params */
    size_t arg_size, result_size; /* of an item */
};

static size_t power(size_t number)
{
    number |= LARGEST;
    return number & (~number + 1);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The promise: of a copy of items of that size, where the caller's lie at a multiple of `own` and of nothing more. */
static size_t promised(size_t own, size_t size)
{
    size_t by_size = most(16, least(power(size), 64));
    return size < 16 ? 16 : most(by_size, least(own, most(64, power(size))));
}

/* Fails when one of the three is less aligned than promised. */
static int look(const void *arg, void *result, struct grain_context *ctx)
{
    const struct wanted *wanted = grain_context_params(ctx);
    size_t i = grain_context_index(ctx);
    if (wanted->arg_size && (uintptr_t)arg % least(wanted->arg, power(i * wanted->arg_size)))
        return grain_context_fail(ctx, 1, "the item");
    if (wanted->result_size && (uintptr_t)result % least(wanted->result, power(i * wanted->result_size)))
        return grain_context_fail(ctx, 2, "the result");
    return (uintptr_t)wanted % wanted->params ? grain_context_fail(ctx, 3, "the params") : 0;
}

static int look_at_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    (void)count;
    return look(items, results, ctx);
}

static int look_at_column(const void *const args[], void *result, struct grain_context *ctx)
{
    return look(args[0], result, ctx);
}

/* Memory of the caller's at a multiple of `own` and of nothing more. */
struct room {
    _Alignas(2 * LARGEST) unsigned char bytes[4 * LARGEST];
};

static void *place(struct room *room, size_t own)
{
    return room->bytes + (own == 2 * LARGEST ? 0 : own);
}

struct setting {
    struct grain_pool *pool;
    void *in, *out;
    struct wanted *wanted;
    struct grain_call_options options;
};

static void check(const struct setting *setting, int status, const char *call)
{
    const struct wanted *wanted = setting->wanted;
    if (status)
        fail_msg("%s on %s: %s of %zu and %zu bytes, promised %zu, %zu, params %zu: %s", call, backend,
                 setting->options.report ? setting->options.report->first.message : "?", wanted->arg_size,
                 wanted->result_size, wanted->arg, wanted->result, wanted->params, grain_strerror(status));
}

static void check_future(const struct setting *setting, int status, struct grain_future **future, const char *call)
{
    check(setting, status, call);
    status = grain_future_get(*future, GRAIN_FOREVER);
    if (status == GRAIN_TASK_FAILED)
        fail_msg("%s", grain_future_error(*future)->message);
    check(setting, status, call);
    grain_future_free(*future);
}

static void maps_are_checked(struct setting *setting, size_t count)
{
    const struct wanted *wanted = setting->wanted;
    struct grain_future *future;
    struct grain_in in = {setting->in, count, wanted->arg_size};
    struct grain_out out = {setting->out, wanted->result_size};
    struct grain_column column = {setting->in, in.size, in.size};
    const struct grain_call_options *options = &setting->options;
    check(setting, grain_map(setting->pool, look, in, out, options), "map");
    check(setting, grain_map_chunks(setting->pool, look_at_chunk, in, out, options), "map_chunks");
    check(setting, grain_starmap(setting->pool, look_at_column, &column, 1, count, out, options), "starmap");
    check_future(setting, grain_map_async(setting->pool, look, in, out, options, &future), &future, "map_async");
    int status = grain_map_chunks_async(setting->pool, look_at_chunk, in, out, options, &future);
    check_future(setting, status, &future, "map_chunks_async");
    if (cannot("limits"))
        return;
    struct grain_call_options limited = *options;
    limited.retries = 1;
    check(setting, grain_map(setting->pool, look, in, out, &limited), "map with retries");
}

static int five(void *source, void *item)
{
    (void)item;
    return (*(int *)source)++ < COUNT;
}

static void iterator_is_checked(struct setting *setting)
{
    struct grain_iter *iter;
    struct grain_call_options options = setting->options;
    const struct wanted *wanted = setting->wanted;
    int given = 0, status;
    options.report = NULL;
    check(setting,
          grain_imap(setting->pool, look, five, &given, wanted->arg_size, wanted->result_size, &options, &iter),
          "imap");
    while ((status = grain_iter_next(iter, setting->out, NULL, GRAIN_FOREVER)) == 1)
        ;
    if (status)
        fail_msg("imap on %s: %s of %zu bytes", backend,
                 grain_iter_error(iter) ? grain_iter_error(iter)->message : grain_strerror(status), wanted->arg_size);
    grain_iter_free(iter);
}

/* Where nothing is copied, what arrives is the caller's own. */
static size_t as_it_lies(size_t own, size_t size, bool is_copied)
{
    return is_copied ? promised(own, size) : own;
}

static void size_is_checked(struct setting *setting, size_t own, size_t size)
{
    struct wanted *wanted = setting->wanted;
    bool is_copied = is_fork();
    struct grain_report report = {0};
    struct grain_future *future;
    setting->options.report = &report;
    setting->options.params_size = sizeof *wanted;
    *wanted =
        (struct wanted){.arg = as_it_lies(own, size, is_copied),
                        .result = as_it_lies(own, size, is_copied),
                        .params = is_copied ? promised(own, sizeof *wanted) : least(own, promised(own, sizeof *wanted)),
                        .arg_size = size,
                        .result_size = size};
    check(setting, grain_apply(setting->pool, look, setting->in, size, setting->out, size, &setting->options), "apply");
    maps_are_checked(setting, 1);
    maps_are_checked(setting, COUNT);
    *wanted = (struct wanted){.arg = promised(own, size),
                              .result = promised(own, size),
                              .params = promised(own, sizeof *wanted),
                              .arg_size = size,
                              .result_size = size};
    int status =
        grain_apply_async(setting->pool, look, setting->in, size, setting->out, size, &setting->options, &future);
    check_future(setting, status, &future, "apply_async");
    wanted->arg = wanted->result = promised(1, size); /* the caller has no address of its own here */
    iterator_is_checked(setting);
}

static void every_call_keeps_the_promise(void **state)
{
    (void)state;
    needs("runs tasks");
    static struct room in, out, params;
    static const size_t sizes[] = {1, 8, 12, 16, 24, 32, 40, 48, 64, 96, 128, 200, 256, 1000};
    static const size_t owns[] = {8, 16, 64, 128, 1024, LARGEST};
    struct setting setting = {.pool = pool_with(2)};
    for (size_t o = 0; o < sizeof owns / sizeof owns[0]; o++) {
        setting.in = place(&in, owns[o]);
        setting.out = place(&out, owns[o]);
        setting.wanted = place(&params, owns[o]);
        setting.options.params = setting.wanted;
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            size_is_checked(&setting, owns[o], sizes[s]);
    }
    grain_pool_free(setting.pool);
}

/* Many queued calls of several sizes share a batch. */
static void queued_calls_keep_it_side_by_side(void **state)
{
    (void)state;
    needs("runs tasks");
    enum { CALLS = 600 };
    static struct room in, out;
    static struct wanted wanted[CALLS];
    static struct grain_future *futures[CALLS];
    struct grain_pool *pool = pool_with(2);
    for (int i = 0; i < CALLS; i++) {
        size_t own = (size_t)1 << i % 9, size = (size_t)1 + (size_t)i * 7 % 130;
        wanted[i] = (struct wanted){promised(own, size), promised(own, size), 16, size, size};
        struct grain_call_options options = {.params = &wanted[i], .params_size = sizeof wanted[i]};
        void *result = place(&out, own);
        assert_int_equal(grain_apply_async(pool, look, place(&in, own), size, result, size, &options, &futures[i]), 0);
    }
    for (int i = 0; i < CALLS; i++) {
        int status = grain_future_get(futures[i], GRAIN_FOREVER);
        if (status)
            fail_msg("call %d on %s: %s", i, backend, grain_strerror(status));
        grain_future_free(futures[i]);
    }
    grain_pool_free(pool);
}

/* ----------------------------------------------------------------------------------- what is not copied */

static int says_where(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    *(const void **)result = arg;
    return 0;
}

static void shared_memory_is_passed_as_it_lies(void **state)
{
    (void)state;
    needs("runs tasks");
    needs("no copy");
    struct grain_pool *pool = pool_with(2);
    unsigned char *shared;
    assert_int_equal(grain_alloc(pool, LARGEST, (void **)&shared), 0);
    static const size_t sizes[] = {1, 8, 24, 25, 64, 1000};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (size_t offset = 0; offset <= 40; offset += 8) {
            const void *seen = NULL;
            assert_int_equal(grain_apply(pool, says_where, shared + offset, sizes[s], &seen, sizeof seen, NULL), 0);
            assert_ptr_equal(seen, shared + offset);
            struct grain_in in = {shared + offset, 1, sizes[s]};
            assert_int_equal(grain_map(pool, says_where, in, (struct grain_out){&seen, sizeof seen}, NULL), 0);
            assert_ptr_equal(seen, shared + offset);
        }
    grain_pool_free(pool);
}

/* ------------------------------------------------------------------------------------ columns of structs */

struct record {
    _Alignas(64) double wide[8];
    char tag;
    double value;
    _Alignas(16) char narrow[16];
};

static int sums_members(const void *const args[], void *result, struct grain_context *ctx)
{
    const double *wide = args[0], *value = args[2];
    if ((uintptr_t)wide % 64 || (uintptr_t)value % sizeof(double) || (uintptr_t)args[3] % 16)
        return grain_context_fail(ctx, 1, "a member is less aligned than in the caller's struct");
    *(double *)result = wide[7] + *(const char *)args[1] + *value + *(const char *)args[3] + *(const double *)args[4];
    return 0;
}

static void members_keep_the_alignment_of_their_struct(void **state)
{
    (void)state;
    needs("runs tasks");
    enum { RECORDS = 300 };
    static struct record records[RECORDS];
    static double sums[RECORDS], offset = 1000;
    for (int i = 0; i < RECORDS; i++) {
        records[i] = (struct record){.tag = (char)(i % 100), .value = i};
        records[i].wide[7] = 3 * i;
        records[i].narrow[0] = (char)(i % 50);
    }
    struct grain_column columns[] = {{records[0].wide, sizeof records[0].wide, sizeof records[0]},
                                     {&records[0].tag, 1, sizeof records[0]},
                                     {&records[0].value, sizeof(double), sizeof records[0]},
                                     {records[0].narrow, 16, sizeof records[0]},
                                     {&offset, sizeof offset, 0}};
    struct grain_pool *pool = pool_with(2);
    for (size_t count = 1; count <= RECORDS; count += RECORDS - 1)
        for (int64_t chunk = 0; chunk <= 7; chunk += 7) {
            struct grain_report report = {0};
            struct grain_call_options options = {.report = &report, .chunk = chunk};
            memset(sums, 0xff, sizeof sums);
            int status = grain_starmap(pool, sums_members, columns, 5, count, (struct grain_out){sums, sizeof sums[0]},
                                       &options);
            if (status)
                fail_msg("%s: %s", backend, report.first.message);
            for (size_t i = 0; i < count; i++)
                assert_true(sums[i] == 4. * (double)i + (double)(i % 100) + (double)(i % 50) + 1000);
        }
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_keeps_the_promise),
        cmocka_unit_test(queued_calls_keep_it_side_by_side),
        cmocka_unit_test(shared_memory_is_passed_as_it_lies),
        cmocka_unit_test(members_keep_the_alignment_of_their_struct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
