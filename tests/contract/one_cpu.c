/* SPDX-License-Identifier: MIT
 *
 * Contract: a caller and the worker it waits for do not stay on one CPU, however they wait. Where there is another CPU
 * the worker leaves; where there is none the caller sleeps, so that the worker can work.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "contract.h"

static int cpus[2];
static cpu_set_t whole;
static bool has_two;

static void cpus_read(void)
{
    int count = 0;
    assert_int_equal(sched_getaffinity(0, sizeof whole, &whole), 0);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++)
        if (CPU_ISSET(cpu, &whole))
            cpus[count++] = (int)cpu;
    has_two = count == 2;
}

static void caller_bind(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    assert_int_equal(sched_setaffinity(0, sizeof set, &set), 0);
}

static int caller_free(void **state)
{
    (void)state;
    return sched_setaffinity(0, sizeof whole, &whole);
}

static const enum grain_wait ways[] = {GRAIN_WAIT_ADAPTIVE, GRAIN_WAIT_SPIN, GRAIN_WAIT_PARK};
enum { WAYS = sizeof ways / sizeof *ways };

/* OpenMP's threads are where its runtime puts them. */
static void needs_workers_of_ours(void)
{
    needs("bind");
    if (strcmp(backend, "openmp") == 0)
        skip();
}

static struct grain_pool *pool_of_one(enum grain_wait way, enum grain_bind bind, const char *list)
{
    struct grain_pool_options options = options_with(1);
    struct grain_pool *pool;
    options.wait = way;
    options.bind = bind;
    options.cpus = list;
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    return pool;
}

static int where(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(int *)result = sched_getcpu();
    return 0;
}

/* Calls until the task runs elsewhere than the caller, which stays where it is: half a minute at most. Returns how many
 * calls that took. */
static int calls_until_it_leaves(struct grain_pool *pool, int cpu)
{
    uint64_t start_ns = now_ns();
    int calls = 0;
    for (int seen = cpu; seen == cpu; calls++) {
        assert_true(is_within(start_ns, 30000));
        assert_int_equal(grain_apply(pool, where, NULL, 0, &seen, sizeof seen, NULL), 0);
    }
    return calls;
}

/* The caller goes to and fro. A worker that is bound has one other CPU to go to, and leaves as soon as it has done what
 * the caller slept for: never do the two take turns. One that is not bound finds out while it spins. */
static void a_worker_leaves_its_callers_cpu(void **state)
{
    (void)state;
    static const enum grain_bind binds[] = {GRAIN_BIND_DEFAULT, GRAIN_BIND_NONE};
    needs_workers_of_ours();
    if (!has_two)
        skip();
    char list[32];
    snprintf(list, sizeof list, "%d,%d", cpus[0], cpus[1]);
    for (int way = 0; way < WAYS; way++)
        for (int bind = 0; bind < 2; bind++) {
            bool is_bound = binds[bind] == GRAIN_BIND_DEFAULT;
            if (!is_bound && ways[way] == GRAIN_WAIT_PARK) /* it is woken where the kernel likes */
                continue;
            struct grain_pool *pool = pool_of_one(ways[way], binds[bind], list);
            for (int turn = 0; turn < 6; turn++) {
                caller_bind(cpus[turn % 2]);
                int calls = calls_until_it_leaves(pool, cpus[turn % 2]);
                assert_true(!is_bound || calls <= 3);
            }
            caller_free(NULL);
            grain_pool_free(pool);
        }
}

static uint64_t thread_ns(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * 1000000000u + (uint64_t)spent.tv_nsec;
}

/* Takes thirty milliseconds of a CPU. */
static int work(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    for (uint64_t end_ns = thread_ns() + 30000000; thread_ns() < end_ns;)
        ;
    *(int *)result = *(const int *)arg + 1;
    return 0;
}

/* A caller that spun, yielding now and then, would be switched to each time that the worker's slice is over: 25 times in
 * such a task here. One that sleeps is switched to when the task has ended, and when others want the CPU. */
static void on_one_cpu_the_caller_sleeps(void **state)
{
    (void)state;
    enum { CALLS = 15, SWITCHES = 10 };
    needs_workers_of_ours();
    char list[16];
    snprintf(list, sizeof list, "%d", cpus[0]);
    for (int way = 0; way < WAYS; way++) {
        struct grain_pool *pool = pool_of_one(ways[way], GRAIN_BIND_DEFAULT, list);
        struct rusage before, after;
        caller_bind(cpus[0]);
        getrusage(RUSAGE_THREAD, &before);
        for (int i = 0, got; i < CALLS; i++) {
            assert_int_equal(grain_apply(pool, work, &i, sizeof i, &got, sizeof got, NULL), 0);
            assert_int_equal(got, i + 1);
        }
        getrusage(RUSAGE_THREAD, &after);
        long switches = after.ru_nvcsw - before.ru_nvcsw + after.ru_nivcsw - before.ru_nivcsw;
        print_message("waiting %d: %ld switches of the caller for %d calls\n", (int)ways[way], switches, CALLS);
        assert_true(switches <= SWITCHES * CALLS);
        caller_free(NULL);
        grain_pool_free(pool);
    }
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_worker_leaves_its_callers_cpu, caller_free),
        cmocka_unit_test_teardown(on_one_cpu_the_caller_sleeps, caller_free),
    };
    contract_start(argc, argv);
    cpus_read();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
