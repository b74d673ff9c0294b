/* SPDX-License-Identifier: MIT
 *
 * Contract: where workers run, as tasks see it by their own affinity masks. Each worker on a CPU of its own when there
 * is one for every usable CPU, or a list says so; anywhere otherwise; and the same in a program whose first thread
 * OpenMP has bound, which is this one, started again with OMP_PROC_BIND=true.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

struct sight {
    int worker, count, first; /* which worker, how many CPUs it may run on, the lowest of them */
};

static struct sight sight_now(int worker)
{
    cpu_set_t set;
    struct sight sight = {worker, -1, -1};
    if (sched_getaffinity(0, sizeof set, &set))
        return sight;
    sight.count = CPU_COUNT(&set);
    for (size_t cpu = CPU_SETSIZE; cpu-- > 0;)
        if (CPU_ISSET(cpu, &set))
            sight.first = (int)cpu;
    return sight;
}

static int look(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    *(struct sight *)result = sight_now(grain_context_worker(ctx));
    return 0;
}

/* Long enough that no worker takes all tasks. */
static int look_slowly(const void *arg, void *result, struct grain_context *ctx)
{
    sleep_ms(20);
    return look(arg, result, ctx);
}

static struct sight sight_of(struct grain_pool *pool)
{
    struct sight sight = {0};
    assert_int_equal(grain_apply(pool, look, NULL, 0, &sight, sizeof sight, NULL), 0);
    return sight;
}

/* What one worker of a pool sees; or why the pool does not open. */
static int open_and_look(const struct grain_pool_options *options, struct sight *sight)
{
    struct grain_pool *pool;
    int status = grain_pool_open(&pool, options);
    if (status == 0)
        *sight = sight_of(pool);
    grain_pool_free(pool);
    return status;
}

static int usable[CPU_SETSIZE], usable_count;

static void usable_read(void)
{
    cpu_set_t set;
    usable_count = 0;
    if (sched_getaffinity(0, sizeof set, &set))
        return;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set))
            usable[usable_count++] = (int)cpu;
}

static void needs_cpus(void)
{
    needs("bind");
    if (usable_count < 2)
        skip();
}

/* Each worker has one CPU, and no two have the same. */
static void expect_one_each(int workers)
{
    enum { TASKS = 256 };
    static struct sight seen[TASKS];
    struct grain_pool *pool = NULL;
    struct grain_pool_options options = options_with(workers);
    options.caller_waits = true; /* which is bound to nothing */
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    size_t count = workers < TASKS / 8 ? 8 * (size_t)workers : TASKS;
    struct grain_call_options call = {.chunk = 1, .schedule = GRAIN_SCHEDULE_DYNAMIC};
    assert_int_equal(
        grain_map(pool, look_slowly, (struct grain_in){NULL, count, 0}, (struct grain_out){seen, sizeof *seen}, &call),
        0);
    size_t others = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(seen[i].count, 1);
        others += seen[i].worker != seen[0].worker;
        for (size_t k = 0; k < i; k++)
            assert_int_equal(seen[i].worker == seen[k].worker, seen[i].first == seen[k].first);
    }
    assert_true(others > 0);
    grain_pool_free(pool);
}

static void a_worker_for_every_cpu_is_bound_to_one(void **state)
{
    (void)state;
    needs_cpus();
    if (usable_count > 64)
        skip();
    expect_one_each(usable_count);
}

static void fewer_workers_run_anywhere_and_two_pools_share_no_cpu(void **state)
{
    (void)state;
    needs_cpus();
    struct grain_pool *pools[2] = {pool_with(1), pool_with(1)};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sight_of(pools[i]).count, usable_count);
        grain_pool_free(pools[i]);
    }
}

static void a_list_binds_fewer_workers_too(void **state)
{
    (void)state;
    needs_cpus();
    char list[32];
    struct sight sight;
    struct grain_pool_options options = options_with(1);
    options.cpus = list;
    for (int i = 0; i < usable_count && i < 4; i++) {
        snprintf(list, sizeof list, "%d", usable[i]);
        assert_int_equal(open_and_look(&options, &sight), 0);
        assert_int_equal(sight.count, 1);
        assert_int_equal(sight.first, usable[i]);
    }
    /* In its own order; its caller must not sit there, for then the worker leaves. */
    struct grain_pool *pool;
    cpu_set_t whole, one;
    CPU_ZERO(&one);
    CPU_SET((size_t)usable[0], &one);
    snprintf(list, sizeof list, "%d,%d", usable[1], usable[0]);
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    assert_int_equal(sched_getaffinity(0, sizeof whole, &whole), 0);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    sight = sight_of(pool);
    assert_int_equal(sched_setaffinity(0, sizeof whole, &whole), 0);
    grain_pool_free(pool);
    assert_int_equal(sight.count, 1);
    assert_int_equal(sight.first, usable[1]);
}

static void where_nobody_is_bound_a_list_says_where_workers_may_run(void **state)
{
    (void)state;
    needs_cpus();
    char list[32];
    struct sight sight;
    struct grain_pool_options options = options_with(1);
    options.cpus = list;
    options.bind = GRAIN_BIND_NONE;
    snprintf(list, sizeof list, "%d", usable[1]);
    assert_int_equal(open_and_look(&options, &sight), 0);
    assert_int_equal(sight.count, 1);
    assert_int_equal(sight.first, usable[1]);
    snprintf(list, sizeof list, "%d,%d", usable[1], usable[0]);
    assert_int_equal(open_and_look(&options, &sight), 0);
    assert_int_equal(sight.count, 2);
}

static void a_list_says_how_many_workers_there_are(void **state)
{
    (void)state;
    needs_cpus();
    char list[32];
    struct grain_pool_options options = options_with(0);
    struct grain_pool_stats stats;
    struct grain_pool *pool;
    snprintf(list, sizeof list, "%d", usable[1]);
    options.cpus = list;
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    assert_int_equal(grain_pool_stats(pool, &stats), 0);
    assert_int_equal(stats.workers, 1);
    grain_pool_free(pool);
}

static void bad_lists_are_refused(void **state)
{
    (void)state;
    needs_cpus();
    static const char *const bad[] = {"",    "a",   "-",    "0-",        "-1",           "0,",  ",0",
                                      " 0",  "0 ",  "0,,1", "1-0",       "0;",           "0,0", "0-1,1",
                                      "0x0", "0:1", "+0",   "999999999", "0-99999999999"};
    char unusable[32];
    struct sight sight;
    struct grain_pool_options options = options_with(1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        options.cpus = bad[i];
        assert_int_equal(open_and_look(&options, &sight), -EINVAL);
    }
    snprintf(unusable, sizeof unusable, "%d,%d", usable[0], usable[usable_count - 1] + 1);
    options.cpus = unusable;
    assert_int_equal(open_and_look(&options, &sight), -EINVAL);
}

static void the_variable_speaks_where_the_option_does_not(void **state)
{
    (void)state;
    char list[32];
    struct sight sight;
    struct grain_pool_options options = options_with(1);
    snprintf(list, sizeof list, "%d", usable[usable_count - 1]);
    setenv("GRAIN_CPUS", "nonsense", 1);
    if (cannot("bind")) {
        assert_int_equal(open_and_look(&options, &sight), 0);
        options.cpus = list;
        assert_int_equal(open_and_look(&options, &sight), -ENOTSUP);
        unsetenv("GRAIN_CPUS");
        return;
    }
    assert_int_equal(open_and_look(&options, &sight), -EINVAL);
    options.cpus = list;
    assert_int_equal(open_and_look(&options, &sight), 0);
    options.cpus = NULL;
    setenv("GRAIN_CPUS", list, 1);
    assert_int_equal(open_and_look(&options, &sight), 0);
    assert_int_equal(sight.count, 1);
    assert_int_equal(sight.first, usable[usable_count - 1]);
    setenv("GRAIN_CPUS", "", 1);
    assert_int_equal(open_and_look(&options, &sight), 0);
    assert_true(sight.count >= usable_count);
    unsetenv("GRAIN_CPUS");
}

/* ------------------------------------------------------------------------- where OpenMP binds this thread */

/* The program that bound_run() starts: `cpus` is how many it may use, `counted` what grain_cpu_count() shall say. Exit
 * code: which check failed. */
static int bound_main(int cpus, int counted)
{
    struct sight sight;
    struct grain_pool_options options = options_with(1);
    if (grain_cpu_count() != counted)
        return 1;
    if (cannot("bind"))
        return 0;
    if (open_and_look(&options, &sight) || sight.count != cpus)
        return 2;
    options.bind = GRAIN_BIND_NONE;
    if (open_and_look(&options, &sight) || sight.count != cpus)
        return 3;
    if (cpus > 1 && cpus <= 64)
        expect_one_each(cpus); /* outside of a test, a check that fails ends the program */
    return 0;
}

/* Runs this program with OMP_PROC_BIND=true on its first `cpus` usable CPUs. */
static void bound_run(const char *places, int cpus)
{
    char count[16], counted[16];
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < cpus; i++)
        CPU_SET((size_t)usable[i], &set);
    snprintf(count, sizeof count, "%d", cpus);
    snprintf(counted, sizeof counted, "%d", cpus == 1 ? 1 : grain_cpu_count()); /* a quota may make it less */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("OMP_PROC_BIND", "true", 1);
        if (places)
            setenv("OMP_PLACES", places, 1);
        if (sched_setaffinity(0, sizeof set, &set))
            _exit(101);
        execl("/proc/self/exe", "binding", backend, count, counted, (char *)NULL);
        _exit(102);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void openmp_binding_the_first_thread_leaves_all_cpus_to_workers(void **state)
{
    (void)state;
    bound_run(NULL, usable_count);
    bound_run("threads", usable_count);
    bound_run(NULL, 1); /* as under taskset */
}

int main(int argc, char **argv)
{
    if (argc > 3) {
        backend = argv[1];
        return bound_main(atoi(argv[2]), atoi(argv[3]));
    }
    contract_start(argc, argv);
    usable_read();
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_for_every_cpu_is_bound_to_one),
        cmocka_unit_test(fewer_workers_run_anywhere_and_two_pools_share_no_cpu),
        cmocka_unit_test(a_list_binds_fewer_workers_too),
        cmocka_unit_test(where_nobody_is_bound_a_list_says_where_workers_may_run),
        cmocka_unit_test(a_list_says_how_many_workers_there_are),
        cmocka_unit_test(bad_lists_are_refused),
        cmocka_unit_test(the_variable_speaks_where_the_option_does_not),
        cmocka_unit_test(openmp_binding_the_first_thread_leaves_all_cpus_to_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
