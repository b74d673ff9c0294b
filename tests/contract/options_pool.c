/* SPDX-License-Identifier: MIT
 *
 * Contract: the second of the two tables of options in grain.h, option by backend, as far as it is about the options
 * of a pool: it is read from there, and every cell of this backend's column is tried. The options of calls: options.c.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "table.h"

/* Seen by forked workers too. */
static struct board {
    int initialized, running;
    int nested_refused, nested_opened;
} * board;

static struct grain_pool_options plain(void)
{
    struct grain_pool_options options = options_with(2);
    memset(board, 0, sizeof *board);
    return options;
}

static void opened(struct grain_pool **pool, const struct grain_pool_options *options)
{
    assert_int_equal(grain_pool_open(pool, options), 0);
}

/* ------------------------------------------------------------------------- one try an option */

static char try_workers(void)
{
    struct grain_pool *pool;
    struct grain_pool_options options = plain();
    struct grain_pool_stats stats;
    options.workers = 3;
    opened(&pool, &options);
    assert_int_equal(grain_pool_stats(pool, &stats), 0);
    grain_pool_free(pool);
    return stats.workers == 3 ? 'u' : '-';
}

static bool is_expected; /* the table says `u' of what is tried */

static uint64_t cpu_ns(struct grain_pool *pool)
{
    struct timespec own;
    struct grain_pool_stats stats;
    assert_int_equal(grain_pool_stats(pool, &stats), 0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    return (uint64_t)own.tv_sec * 1000000000u + (uint64_t)own.tv_nsec + stats.cpu_ns;
}

/* An idle pool that spins uses CPU time, however busy the machine. One of which that is expected is given long enough
 * to get its turn. */
static char try_wait(void)
{
    uint64_t patience_ns = is_expected ? 20000000000u : 300000000u;
    struct grain_pool *pool;
    struct grain_pool_options options = plain();
    options.wait = GRAIN_WAIT_SPIN;
    opened(&pool, &options);
    apply_twice(pool, 1);
    uint64_t start = now_ns(), before = cpu_ns(pool), used = 0;
    while (used < 20000000u && now_ns() - start < patience_ns) {
        sleep_ms(20);
        used = cpu_ns(pool) - before;
    }
    grain_pool_free(pool);
    return used >= 20000000u ? 'u' : '-';
}

static int may_run_on(const void *arg, void *result, struct grain_context *ctx)
{
    cpu_set_t set;
    (void)arg;
    (void)ctx;
    *(int *)result = sched_getaffinity(0, sizeof set, &set) ? -1 : CPU_COUNT(&set);
    return 0;
}

static int cpus_of_a_worker(const struct grain_pool_options *options)
{
    struct grain_pool *pool;
    int count = 0;
    opened(&pool, options);
    assert_int_equal(grain_apply(pool, may_run_on, NULL, 0, &count, sizeof count, NULL), 0);
    grain_pool_free(pool);
    return count;
}

/* With a worker for every CPU each is bound to one, unless none is to be bound. */
static char try_bind(void)
{
    struct grain_pool_options options = plain();
    options.workers = 0;
    int bound = cpus_of_a_worker(&options);
    options.bind = GRAIN_BIND_NONE;
    int loose = cpus_of_a_worker(&options);
    if (loose == 1)
        return '\0'; /* there is one CPU: nothing can be seen */
    return bound == 1 && loose > 1 ? 'u' : '-';
}

static char try_cpus(void)
{
    cpu_set_t set;
    char list[16];
    struct grain_pool *pool;
    struct grain_pool_options options = plain();
    int last = 0;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        last = CPU_ISSET((size_t)cpu, &set) ? cpu : last;
    snprintf(list, sizeof list, "%d", last);
    options.cpus = list;
    int status = grain_pool_open(&pool, &options);
    if (status == -ENOTSUP)
        return 'x';
    assert_int_equal(status, 0);
    grain_pool_free(pool);
    return cpus_of_a_worker(&options) == 1 ? 'u' : '-';
}

static char try_memory_limit(void)
{
    struct grain_pool *pool;
    struct grain_pool_options options = plain();
    void *memory;
    options.memory_limit = (size_t)16 << 20;
    opened(&pool, &options);
    int status = grain_alloc(pool, (size_t)64 << 20, &memory);
    grain_pool_free(pool);
    assert_true(status == 0 || status == -ENOMEM);
    return status ? 'u' : '-';
}

/* A task that SIGTERM cannot end. Where it cannot be killed either, it is over soon. */
static int holds_out(const void *arg, void *result, struct grain_context *ctx)
{
    sigset_t term;
    (void)arg;
    (void)result;
    (void)ctx;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, NULL);
    __atomic_store_n(&board->running, 1, __ATOMIC_RELEASE); /* pairs with the acquire in try_grace() */
    sleep_ms(is_fork() ? 20000 : 50);
    pthread_sigmask(SIG_UNBLOCK, &term, NULL);
    return 0;
}

static char try_grace(void)
{
    struct grain_pool *pool;
    struct grain_pool_options options = plain();
    struct grain_future *future;
    if (cannot("runs tasks"))
        return '-';
    options.grace_ns = 700000000u;
    opened(&pool, &options);
    assert_int_equal(grain_apply_async(pool, holds_out, NULL, 0, NULL, 0, NULL, &future), 0);
    while (!__atomic_load_n(&board->running, __ATOMIC_ACQUIRE))
        sleep_ms(1);
    uint64_t start = now_ns();
    assert_int_equal(grain_pool_terminate(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    uint64_t took = now_ns() - start;
    grain_future_free(future);
    grain_pool_free(pool);
    assert_true(took < 15000000000u);
    return is_fork() && took >= 600000000u ? 'u' : '-';
}

/* An initializer is in a worker on every backend, also where no task is run. */
static int opens_another(void *argument, struct grain_context *ctx)
{
    struct grain_pool *pool;
    struct grain_pool_options options = {.backend = argument, .workers = 1};
    (void)ctx;
    if (grain_pool_open(&pool, &options) == -EDEADLK)
        board->nested_refused = 1;
    options.allow_nested = true;
    if (grain_pool_open(&pool, &options) == 0)
        board->nested_opened = 1;
    grain_pool_free(pool);
    board->initialized++;
    return 0;
}

static char try_nested(void)
{
    struct grain_pool *pool;
    struct grain_pool_options options = plain();
    char name[16];
    snprintf(name, sizeof name, "%s", options.backend);
    options.workers = 1;
    options.initializer = opens_another;
    options.argument = name;
    opened(&pool, &options);
    apply_twice(pool, 1); /* on openmp a thread is a worker from its first call on */
    grain_pool_free(pool);
    return board->nested_refused && board->nested_opened ? 'u' : '-';
}

static int counts(void *argument, struct grain_context *ctx)
{
    (void)ctx;
    (void)argument;
    board->initialized++;
    return 0;
}

static char try_initializer(void)
{
    struct grain_pool *pool;
    struct grain_pool_options options = plain();
    options.initializer = counts;
    options.workers = 1;
    int status = grain_pool_open(&pool, &options);
    if (status == -ENOTSUP)
        return 'x';
    apply_twice(pool, 1);
    grain_pool_free(pool);
    return board->initialized == 1 ? 'u' : '-';
}

static int own_thread(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(int *)result = gettid();
    return 0;
}

static char try_max_tasks(void)
{
    struct grain_pool *pool;
    struct grain_pool_options options = plain();
    int first, second;
    options.workers = 1;
    options.max_tasks_per_worker = 1;
    int status = grain_pool_open(&pool, &options);
    if (status == -ENOTSUP)
        return 'x';
    assert_int_equal(status, 0);
    assert_int_equal(grain_apply(pool, own_thread, NULL, 0, &first, sizeof first, NULL), 0);
    assert_int_equal(grain_apply(pool, own_thread, NULL, 0, &second, sizeof second, NULL), 0);
    grain_pool_free(pool);
    return first != second ? 'u' : '-';
}

static int is_open_there(const void *arg, void *result, struct grain_context *ctx)
{
    char byte;
    (void)ctx;
    *(int *)result = read(*(const int *)arg, &byte, 0) == 0;
    return 0;
}

static char try_close(void)
{
    struct grain_pool *pool;
    struct grain_pool_options options = plain();
    int ends[2], is_open = 1;
    assert_int_equal(pipe(ends), 0);
    options.close_descriptors = true;
    opened(&pool, &options);
    assert_int_equal(grain_apply(pool, is_open_there, &ends[0], sizeof ends[0], &is_open, sizeof is_open, NULL), 0);
    grain_pool_free(pool);
    close(ends[0]);
    close(ends[1]);
    return is_open ? '-' : 'u';
}

static int own_thread_slowly(const void *arg, void *result, struct grain_context *ctx)
{
    sleep_ms(1);
    return own_thread(arg, result, ctx);
}

/* Whether the calling thread ran a task of one of some calls: of many, where that is expected. */
static bool takes_part(bool caller_waits)
{
    int attempts = is_expected && !caller_waits ? 2000 : 5, threads[8];
    bool is_seen = false;
    struct grain_pool *pool;
    struct grain_pool_options options = plain();
    options.caller_waits = caller_waits;
    opened(&pool, &options);
    for (int i = 0; i < attempts && !is_seen; i++) {
        memset(threads, 0, sizeof threads);
        assert_int_equal(grain_map(pool, own_thread_slowly, (struct grain_in){NULL, 8, 0},
                                   (struct grain_out){threads, sizeof threads[0]}, NULL),
                         0);
        for (int k = 0; k < 8; k++)
            is_seen = is_seen || threads[k] == gettid();
    }
    grain_pool_free(pool);
    return is_seen;
}

static char try_caller_waits(void)
{
    return takes_part(false) && !takes_part(true) ? 'u' : '-';
}

static const struct {
    const char *name;
    char (*try)(void);
} fields[] = {
    {"workers", try_workers},
    {"wait", try_wait},
    {"bind", try_bind},
    {"memory_limit", try_memory_limit},
    {"grace_ns", try_grace},
    {"allow_nested", try_nested},
    {"initializer", try_initializer},
    {"max_tasks_per_worker", try_max_tasks},
    {"cpus", try_cpus},
    {"close_descriptors", try_close},
    {"caller_waits", try_caller_waits},
};
#define FIELDS       (sizeof fields / sizeof fields[0])
#define CALL_OPTIONS 7 /* rows that options.c tries */

static void every_option_is_heeded_as_the_table_says(void **state)
{
    (void)state;
    struct table table;
    table_read(&table, "option");
    assert_int_equal(table.column_count, 4);
    assert_int_equal(table.row_count, CALL_OPTIONS + FIELDS);
    unsetenv("GRAIN_CPUS");
    for (size_t f = 0; f < FIELDS; f++) {
        char should = table_cell(&table, fields[f].name, backend);
        is_expected = should == 'u';
        char is = fields[f].try();
        if (is == '\0')
            continue;
        if (is != should)
            print_error("%s: %s: '%c', and the table says '%c'\n", backend, fields[f].name, is, should);
        assert_int_equal(is, should);
    }
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_is_heeded_as_the_table_says),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
