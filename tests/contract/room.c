/* SPDX-License-Identifier: MIT
 *
 * What limits of the process on memory and on files do to a pool: -ENOMEM at most, a pool that stays usable, and a
 * program that keeps most of what there is.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

#define MIB ((size_t)1 << 20)

static int adds_one(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    *(unsigned char *)result = (unsigned char)(*(const unsigned char *)arg + 1);
    return 0;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* Runs a check in a process of its own, for limits stay: 0, or the number of what went wrong. */
static void child_succeeds(int (*check)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(check());
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static volatile sig_atomic_t signals;

static void count_signal(int signo)
{
    (void)signo;
    signals++;
}

static int map_of(struct grain_pool *pool, size_t count)
{
    unsigned char *in = malloc(count), *out = calloc(1, count);
    if (!in || !out)
        return -ENODATA;
    memset(in, 1, count);
    int status = grain_map(pool, adds_one, (struct grain_in){in, count, 1}, (struct grain_out){out, 1},
                           &(struct grain_call_options){.chunk = 4096});
    if (status == 0 && (out[0] != 2 || out[count - 1] != 2))
        status = -EBADMSG;
    free(in);
    free(out);
    return status;
}

static int file_size_check(void)
{
    struct grain_pool *before, *after;
    struct grain_pool_options options = options_with(2);
    signal(SIGXFSZ, count_signal);
    if (grain_pool_open(&before, &options) || map_of(before, 1000))
        return 1;
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){100000, RLIM_INFINITY});
    if (grain_pool_open(&after, &options))
        return 2;
    if (map_of(after, 8 * MIB) || map_of(after, 16))
        return 3;
    int status = map_of(before, 8 * MIB); /* its file may not grow any more */
    if (status && status != -ENOMEM)
        return 4;
    if (map_of(before, 1000))
        return 5;
    grain_pool_free(before);
    grain_pool_free(after);
    return signals ? 6 : 0;
}

static void a_limit_on_files_stops_no_call_and_no_program(void **state)
{
    (void)state;
    needs("runs tasks");
    child_succeeds(file_size_check);
}

static size_t address_bytes(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%zu", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int address_space_check(void)
{
    struct grain_pool *pool;
    struct grain_pool_options options = options_with(2);
    setrlimit(RLIMIT_AS, &(struct rlimit){address_bytes() + 512 * MIB, RLIM_INFINITY});
    if (grain_pool_open(&pool, &options) || map_of(pool, MIB))
        return 1;
    for (size_t size = MIB; size <= 64 * MIB; size *= 2) {
        int status = map_of(pool, size);
        if (status && status != -ENOMEM)
            return 2;
    }
    if (is_fork() && !cannot("no copy") &&
        map_of(pool, 64 * MIB) != -ENOMEM) /* an eighth, of which the pool has some */
        return 3;
    if (map_of(pool, MIB))
        return 4;
    void *rest = malloc(256 * MIB); /* most of what was left is the program's */
    if (!rest)
        return 5;
    free(rest);
    grain_pool_free(pool);
    return 0;
}

static void a_small_address_space_is_shared_with_the_program(void **state)
{
    (void)state;
    needs("runs tasks");
#ifdef SANITIZED
    skip(); /* a sanitizer's own memory does not fit */
#endif
    child_succeeds(address_space_check);
}

/* Too little for a pool, or just enough: it opens and works, or says why not, and nothing is left of it. */
static int scarcity_check(void)
{
    struct grain_pool_options options = options_with(2);
    struct rlimit limit;
    int opened = 0, refused = 0;
    for (size_t left = MIB / 4; left <= 256 * MIB; left += left / 3) {
        struct grain_pool *pool;
        getrlimit(RLIMIT_AS, &limit);
        setrlimit(RLIMIT_AS, &(struct rlimit){address_bytes() + left, limit.rlim_max});
        int status = grain_pool_open(&pool, &options);
        if (status == 0) {
            unsigned char one = 1, two = 0;
            status = grain_apply(pool, adds_one, &one, 1, &two, 1, NULL);
            if (status && status != -ENOMEM)
                return 1;
            if (status == 0 && two != 2)
                return 2;
            opened++;
        } else if (status != -ENOMEM && status != -EAGAIN) {
            return 3;
        } else {
            refused++;
        }
        grain_pool_free(pool);
        setrlimit(RLIMIT_AS, &limit);
    }
    return opened && (refused || cannot("parallel")) ? 0 : 4;
}

static void scarce_address_space_is_an_error_at_most(void **state)
{
    (void)state;
    needs("runs tasks");
#ifdef SANITIZED
    skip();
#endif
    child_succeeds(scarcity_check);
}

static void a_pool_without_room_names_the_limit(void **state)
{
    (void)state;
    struct grain_pool *pool;
    struct grain_pool_options options = options_with(2);
    options.memory_limit = 4096;
    int status = grain_pool_open(&pool, &options);
    if (is_fork()) {
        assert_int_equal(status, -ENOMEM);
        assert_non_null(strstr(grain_last_message(), "memory_limit"));
    } else {
        assert_int_equal(status, 0);
    }
    grain_pool_free(pool);
}

static void a_limited_pool_reserves_what_it_may_use(void **state)
{
    (void)state;
    struct grain_pool *pool;
    struct grain_pool_options options = options_with(2);
    options.memory_limit = 8 * MIB;
    options.bind = GRAIN_BIND_NONE;
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps)) {
        size_t from, to;
        if (strstr(line, "memfd:grain") && sscanf(line, "%zx-%zx", &from, &to) == 2)
            assert_true(to - from <= 8 * MIB);
    }
    fclose(maps);
    grain_pool_free(pool);
}

/* Queues calls until there is no memory for more, at least so many. */
static int queue_fills(struct grain_pool *pool)
{
    enum { LEAST = 600, MOST = 2000 };
    static struct grain_future *futures[MOST];
    static const char argument[4000];
    char result;
    size_t count = 0;
    while (count < MOST &&
           grain_apply_async(pool, adds_one, argument, sizeof argument, &result, 1, NULL, &futures[count]) == 0)
        count++;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), 0);
        grain_future_free(futures[i]);
    }
    return count < LEAST ? -ENOMEM : 0;
}

/* A call is settled a moment before its memory is back. */
static int soon(int (*call)(struct grain_pool *pool), struct grain_pool *pool)
{
    int status = call(pool);
    for (int turn = 0; status == -ENOMEM && turn < 400; turn++) {
        sleep_ms(5);
        status = call(pool);
    }
    return status;
}

static int takes_a_quarter(struct grain_pool *pool)
{
    void *memory;
    int status = grain_alloc(pool, MIB, &memory);
    grain_release(pool, memory);
    return status;
}

static int sends_a_quarter(struct grain_pool *pool)
{
    static const char argument[MIB];
    char result = 0;
    return grain_apply(pool, adds_one, argument, sizeof argument, &result, 1, NULL);
}

static void what_queued_calls_have_left_is_there_for_all_others(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool;
    struct grain_pool_options options = options_with(2);
    options.memory_limit = 4 * MIB;
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    for (int round = 0; round < 4; round++) {
        assert_int_equal(soon(queue_fills, pool), 0);
        assert_int_equal(soon(takes_a_quarter, pool), 0);
        assert_int_equal(soon(sends_a_quarter, pool), 0);
    }
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_on_files_stops_no_call_and_no_program),
        cmocka_unit_test(a_small_address_space_is_shared_with_the_program),
        cmocka_unit_test(scarce_address_space_is_an_error_at_most),
        cmocka_unit_test(a_pool_without_room_names_the_limit),
        cmocka_unit_test(a_limited_pool_reserves_what_it_may_use),
        cmocka_unit_test(what_queued_calls_have_left_is_there_for_all_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
