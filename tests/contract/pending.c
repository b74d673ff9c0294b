/* SPDX-License-Identifier: MIT
 *
 * Contract: many calls at once that nobody has asked for yet. What they cost in memory, that they leak nothing, and
 * that they come to an end whatever becomes of the pool.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"

#define PENDING      200000
#define BYTES_EACH   128 /* at most, beside argument and result */
#define WORKERS      2
#define ROUNDS       1000
#define ROUND        2000
#define ROUNDS_FIRST 50   /* until everything that is kept is there */
#define LEAK_PAGES   2048 /* 4 bytes a future; less is what a pool keeps for the next calls */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_OWN_ALLOCATOR 1 /* of which every byte costs several */
#else
#define HAS_OWN_ALLOCATOR 0
#endif

struct row {
    int values[5];
};

static struct row rows[PENDING];
static int sums[PENDING];
static struct grain_future *futures[PENDING];

static int add_up(const void *arg, void *result, struct grain_context *ctx)
{
    const struct row *row = arg;
    (void)ctx;
    int sum = 0;
    for (size_t i = 0; i < sizeof row->values / sizeof row->values[0]; i++)
        sum += row->values[i];
    *(int *)result = sum;
    return 0;
}

static void rows_fill(void)
{
    for (int i = 0; i < PENDING; i++)
        for (int k = 0; k < 5; k++)
            rows[i].values[k] = i + k;
    memset(sums, 0xff, sizeof sums);
    memset(futures, 0xff, sizeof futures);
}

/* alternates: every other call has other options. */
static void rows_submit(struct grain_pool *pool, int count, bool alternates)
{
    struct grain_call_options other = {.retries = 1, .task_timeout_ns = 3600 * UINT64_C(1000000000)};
    for (int i = 0; i < count; i++)
        assert_int_equal(grain_apply_async(pool, add_up, &rows[i], sizeof rows[i], &sums[i], sizeof sums[i],
                                           alternates && i % 2 ? &other : NULL, &futures[i]),
                         0);
}

static void rows_collect(int count)
{
    for (int i = 0; i < count; i++) {
        assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), 0);
        assert_int_equal(sums[i], 5 * i + 10);
        grain_future_free(futures[i]);
    }
}

/* ------------------------------------------------------------------------------------------ memory */

static long pss_of(const char *pid)
{
    char path[64];
    long kb = 0;
    snprintf(path, sizeof path, "/proc/%s/smaps_rollup", pid);
    FILE *file = fopen(path, "r");
    char line[256];
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Pss: %ld", &kb) == 1)
            break;
    if (file)
        fclose(file);
    return kb;
}

/* Proportional set size, in KiB, of a process and of everything it has forked. */
static long pss_of_tree(const char *pid)
{
    long sum = pss_of(pid);
    char path[96], child[16];
    snprintf(path, sizeof path, "/proc/%s/task/%s/children", pid, pid);
    FILE *file = fopen(path, "r");
    while (file && fscanf(file, "%15s", child) == 1)
        sum += pss_of_tree(child);
    if (file)
        fclose(file);
    return sum;
}

static long pss_kb(void)
{
    char self[16];
    snprintf(self, sizeof self, "%d", (int)getpid());
    return pss_of_tree(self);
}

struct gate {
    _Atomic int is_open, inside;
};

static int wait_at_the_gate(const void *arg, void *result, struct grain_context *ctx)
{
    struct gate *gate = *(struct gate *const *)arg;
    (void)result;
    (void)ctx;
    atomic_fetch_add(&gate->inside, 1);
    while (!atomic_load(&gate->is_open))
        sleep_ms(1);
    return 0;
}

/* Every worker stands at the gate: what is submitted now stays where it is. */
static struct grain_future *workers_hold(struct grain_pool *pool, struct gate *gate)
{
    static struct gate *gates[WORKERS];
    struct grain_pool_stats stats;
    struct grain_future *held;
    assert_int_equal(grain_pool_stats(pool, &stats), 0);
    for (int i = 0; i < stats.workers; i++)
        gates[i] = gate;
    struct grain_in in = {gates, (size_t)stats.workers, sizeof gates[0]};
    struct grain_call_options options = {.chunk = 1};
    assert_int_equal(grain_map_async(pool, wait_at_the_gate, in, (struct grain_out){NULL, 0}, &options, &held), 0);
    while (atomic_load(&gate->inside) < stats.workers)
        sleep_ms(1);
    return held;
}

static void pending_futures_cost_little(bool alternates)
{
    needs("runs tasks");
    if (HAS_OWN_ALLOCATOR)
        skip();
    struct grain_pool *pool = pool_with(WORKERS);
    void *memory;
    assert_int_equal(grain_alloc(pool, sizeof(struct gate), &memory), 0);
    struct gate *gate = memory;
    rows_fill();
    struct grain_future *held = workers_hold(pool, gate);
    long before = pss_kb();
    rows_submit(pool, PENDING, alternates);
    double bytes = (double)(pss_kb() - before) * 1024 / PENDING - (double)(sizeof rows[0] + sizeof sums[0]);
    print_message("%s: %.1f bytes a pending future beside argument and result\n", backend, bytes);
    atomic_store(&gate->is_open, 1);
    assert_int_equal(grain_future_get(held, GRAIN_FOREVER), 0);
    grain_future_free(held);
    rows_collect(PENDING);
    grain_pool_free(pool);
    assert_true(bytes <= BYTES_EACH);
}

static void pending_futures_cost_at_most_128_bytes_each(void **state)
{
    (void)state;
    pending_futures_cost_little(false);
}

/* They share what they are queued in. */
static void nor_do_those_whose_options_alternate(void **state)
{
    (void)state;
    if (cannot("limits"))
        skip();
    pending_futures_cost_little(true);
}

static int number_of_rounds(void)
{
    const char *text = getenv("GRAIN_TEST_ROUNDS");
    int rounds = text ? atoi(text) : HAS_OWN_ALLOCATOR ? ROUNDS / 10 : ROUNDS;
    return rounds > 2 * ROUNDS_FIRST ? rounds : 2 * ROUNDS_FIRST;
}

static void rounds_of_pending_futures_leak_nothing(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(WORKERS);
    int rounds = number_of_rounds(), count = getenv("GRAIN_TEST_ROUNDS") ? PENDING : ROUND;
    long before = 0;
    rows_fill();
    for (int round = 0; round < rounds; round++) {
        if (round == ROUNDS_FIRST)
            before = pss_kb();
        rows_submit(pool, count, false);
        rows_collect(count);
    }
    long grown = (pss_kb() - before) / 4;
    print_message("%s: %d rounds of %d futures: %ld pages more\n", backend, rounds, count, grown);
    grain_pool_free(pool);
    if (!HAS_OWN_ALLOCATOR)
        assert_true(grown < LEAK_PAGES);
}

/* --------------------------------------------------------------------------------------- the ending */

static void futures_are_ready_when_the_pool_is_gone(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(WORKERS);
    rows_fill();
    rows_submit(pool, 5000, false);
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    grain_pool_free(pool);
    for (int i = 0; i < 5000; i++)
        assert_true(grain_future_ready(futures[i]));
    rows_collect(5000);
}

static int count_up(const void *arg, void *result, struct grain_context *ctx)
{
    (void)result;
    (void)ctx;
    atomic_fetch_add(*(_Atomic int *const *)arg, 1);
    return 0;
}

static void calls_run_though_nobody_asks_for_them(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(WORKERS);
    void *memory;
    assert_int_equal(grain_alloc(pool, sizeof(_Atomic int), &memory), 0);
    _Atomic int *count = memory;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(grain_apply_async(pool, count_up, &count, sizeof count, NULL, 0, NULL, NULL), 0);
    for (int waited = 0; waited < 5000 && atomic_load(count) < 1000; waited++)
        sleep_ms(1);
    assert_int_equal(atomic_load(count), 1000);
    grain_pool_free(pool);
}

static void results_without_a_handle_are_there_after_join(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(WORKERS);
    rows_fill();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(
            grain_apply_async(pool, add_up, &rows[i], sizeof rows[i], &sums[i], sizeof sums[i], NULL, NULL), 0);
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(sums[i], 5 * i + 10);
    grain_pool_free(pool);
}

#define WATCHERS 3
#define WATCHED  20000

/* What becomes of a future while others look at it too, and the pool goes. Each is freed by one watcher. */
static void *watch(void *argument)
{
    size_t self = *(const size_t *)argument;
    for (size_t i = 0; i < WATCHED; i++) {
        int status = i % 7 == self ? grain_future_cancel(futures[i]) : grain_future_get(futures[i], 0);
        if (status != 0 && status != -ETIMEDOUT && status != -EBUSY && status != -ECANCELED)
            return "a status that no future has here";
    }
    for (size_t i = self; i < WATCHED; i += WATCHERS) {
        int status = grain_future_get(futures[i], GRAIN_FOREVER);
        if (status != -ECANCELED && (status != 0 || sums[i] != 5 * (int)i + 10))
            return "a future that is neither right nor cancelled";
    }
    return NULL;
}

static void looking_races_with_the_end_of_the_pool(void **state)
{
    (void)state;
    needs("runs tasks");
    for (int round = 0; round < 5; round++) {
        struct grain_pool *pool = pool_with(WORKERS);
        pthread_t watchers[WATCHERS];
        size_t numbers[WATCHERS];
        rows_fill();
        rows_submit(pool, WATCHED, false);
        for (size_t i = 0; i < WATCHERS; i++) {
            numbers[i] = i;
            assert_int_equal(pthread_create(&watchers[i], NULL, watch, &numbers[i]), 0);
        }
        sleep_ms(round);
        if (round % 2)
            assert_int_equal(grain_pool_terminate(pool), 0);
        else
            assert_int_equal(grain_pool_close(pool), 0);
        assert_int_equal(grain_pool_join(pool), 0);
        grain_pool_free(pool);
        for (size_t i = 0; i < WATCHERS; i++) {
            void *problem;
            assert_int_equal(pthread_join(watchers[i], &problem), 0);
            if (problem)
                fail_msg("%s", (const char *)problem);
        }
        for (size_t i = 0; i < WATCHED; i++)
            grain_future_free(futures[i]);
    }
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pending_futures_cost_at_most_128_bytes_each),
        cmocka_unit_test(nor_do_those_whose_options_alternate),
        cmocka_unit_test(rounds_of_pending_futures_leak_nothing),
        cmocka_unit_test(futures_are_ready_when_the_pool_is_gone),
        cmocka_unit_test(calls_run_though_nobody_asks_for_them),
        cmocka_unit_test(results_without_a_handle_are_there_after_join),
        cmocka_unit_test(looking_races_with_the_end_of_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
