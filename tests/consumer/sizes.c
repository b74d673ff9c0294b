/* SPDX-License-Identifier: MIT
 *
 * A program of another version than the library's. NEWER: its grain.h has a field `later` at the end of each struct
 * that may grow; OLDER: its structs lack their last fields. consumer.bats makes those headers from the installed one.
 * Exit code: the line of the check that failed, or 0.
 */
#include <errno.h>
#include <grain.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) exit(__LINE__ % 255 + 1);                                                                    \
    } while (0)

static int twice(const void *arg, void *result, struct grain_context *ctx) {
    (void)ctx;
    *(int *)result = 2 * *(const int *)arg;
    return 0;
}

static int star(const void *const args[], void *result, struct grain_context *ctx) {
    return twice(args[0], result, ctx);
}

static int chunk(const void *items, void *results, size_t count, struct grain_context *ctx) {
    int status = 0;
    for (size_t i = 0; i < count; i++) status |= twice((const int *)items + i, (int *)results + i, ctx);
    return status;
}

static int next(void *source, void *item) {
    int *left = source;
    *(int *)item = 21;
    return (*left)-- > 0;
}

/* Behind each struct of an older program there is something else: neither read nor written. */
struct guarded_options {
    struct grain_pool_options options;
    unsigned char behind[64];
};
struct guarded_call {
    struct grain_call_options options;
    unsigned char behind[64];
};
struct guarded_stats {
    struct grain_pool_stats stats;
    unsigned char behind[64];
};

static int item = 21, result, count;
static struct grain_pool *pool;
static struct grain_future *future;
static struct grain_iter *iter;
static const struct grain_column column = {&item, sizeof item, 0};

/* A call waits for its twin without waiting, if there is one. */
static int future_end(int status) {
    if (status) return status;
    status = grain_future_get(future, GRAIN_FOREVER);
    grain_future_free(future);
    return status;
}

static int iter_end(int status) {
    if (status) return status;
    status = grain_iter_next(iter, &result, NULL, GRAIN_FOREVER) == 1 ? 0 : -EIO;
    grain_iter_free(iter);
    return status;
}

#define IN                                                                                                             \
    (struct grain_in) { &item, 1, sizeof item }
#define OUT                                                                                                            \
    (struct grain_out) { &result, sizeof result }

/* Every call that takes options. */
static int call_by_number(int number, const struct grain_call_options *options) {
    future = NULL;
    iter = NULL;
    count = 1;
    result = 0;
    switch (number) {
    case 0:
        return grain_apply(pool, twice, &item, sizeof item, &result, sizeof result, options);
    case 1:
        return grain_map(pool, twice, IN, OUT, options);
    case 2:
        return grain_map_chunks(pool, chunk, IN, OUT, options);
    case 3:
        return grain_starmap(pool, star, &column, 1, 1, OUT, options);
    case 4:
        return future_end(grain_apply_async(pool, twice, &item, sizeof item, &result, sizeof result, options, &future));
    case 5:
        return future_end(grain_map_async(pool, twice, IN, OUT, options, &future));
    case 6:
        return future_end(grain_map_chunks_async(pool, chunk, IN, OUT, options, &future));
    case 7:
        return future_end(grain_starmap_async(pool, star, &column, 1, 1, OUT, options, &future));
    case 8:
        return iter_end(grain_imap(pool, twice, next, &count, sizeof item, sizeof result, options, &iter));
    default:
        return iter_end(grain_imap_unordered(pool, twice, next, &count, sizeof item, sizeof result, options, &iter));
    }
}
#define CALLS 10

static void stats_and_calls_work(void) {
    struct guarded_call call;
    struct guarded_stats stats;
    memset(&call, 0xff, sizeof call);
    memset(&call.options, 0, sizeof call.options);
    for (int number = 0; number < CALLS; number++) {
        CHECK(call_by_number(number, &call.options) == 0);
        CHECK(result == 42);
        CHECK(call_by_number(number, NULL) == 0);
    }
    memset(&stats, 0xff, sizeof stats);
    CHECK(grain_pool_stats(pool, &stats.stats) == 0);
    CHECK(stats.stats.workers == 2);
    for (size_t i = 0; i < sizeof stats.behind; i++) CHECK(stats.behind[i] == 0xff);
#ifdef NEWER
    CHECK(stats.stats.later == 0);
#endif
}

#ifdef NEWER
static int end(const void *arg, void *result, struct grain_context *ctx) {
    (void)arg;
    (void)result;
    (void)ctx;
    return 0;
}

static void what_the_library_does_not_know_is_refused(void) {
    struct grain_pool *other = pool;
    struct grain_process *process;
    CHECK(grain_pool_open(&other, &(struct grain_pool_options){.workers = 2, .later = 1}) == -E2BIG);
    CHECK(!other);
    struct grain_call_options call = {.later = 1};
    for (int number = 0; number < CALLS; number++) {
        CHECK(call_by_number(number, &call) == -E2BIG);
        CHECK(!future && !iter && result == 0);
    }
    CHECK(grain_process_start(&process, &(struct grain_process_options){.later = 1}, end, NULL, 0) == -E2BIG);
    CHECK(!process);
    CHECK(grain_process_start(&process, &(struct grain_process_options){.later = 0}, end, NULL, 0) == 0);
    CHECK(grain_process_join(process, GRAIN_FOREVER) == 0);
    grain_process_free(process);
    /* The functions themselves go by struct_size. */
    int (*open)(struct grain_pool **, const struct grain_pool_options *) = grain_pool_open;
    struct grain_pool_options options = {.struct_size = sizeof options, .workers = 2, .later = 1};
    CHECK(open(&other, &options) == -E2BIG);
    CHECK((grain_pool_open)(&other, &options) == -E2BIG);
    options.later = 0;
    CHECK((grain_pool_open)(&other, &options) == 0);
    grain_pool_free(other);
}
#endif

static void sizes_that_make_no_sense_are_refused(void) {
    struct grain_pool *other;
    static const size_t bad[] = {1, sizeof(struct grain_pool_options) - 1, sizeof(struct grain_pool_options) + 8,
                                 SIZE_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(grain_pool_open(&other, &(struct grain_pool_options){.struct_size = bad[i], .workers = 1}) == -EINVAL);
        struct grain_call_options call = {.struct_size = bad[i]};
        for (int number = 0; number < CALLS; number++) CHECK(call_by_number(number, &call) == -EINVAL);
    }
    CHECK(grain_pool_open_sized(&other, &(struct grain_pool_options){.workers = 1}, 3) == -EINVAL);
    CHECK(grain_pool_open_sized(&other, &(struct grain_pool_options){.workers = 1}, SIZE_MAX) == -EINVAL);
}

int main(void) {
    struct guarded_options open;
    memset(&open, 0xff, sizeof open);
    memset(&open.options, 0, sizeof open.options);
    open.options.workers = 2;
    CHECK(grain_pool_open(&pool, &open.options) == 0);
    stats_and_calls_work();
    sizes_that_make_no_sense_are_refused();
#ifdef NEWER
    what_the_library_does_not_know_is_refused();
#endif
    grain_pool_free(pool);
    open.options.struct_size = sizeof open.options;
    CHECK(grain_pool_open(&pool, &open.options) == 0);
    grain_pool_free(pool);
    return 0;
}
