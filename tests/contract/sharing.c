/* SPDX-License-Identifier: MIT
 *
 * Work is shared as it should be: whoever waits, however long a task turns out, and whatever else is queued.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "contract.h"

#define SHORT 400
#define LONG  40

#define PATIENCE_MS 20000

/* Short tasks, then as many long ones as nobody expects; the result says who ran it. */
static int long_at_the_end(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    if (grain_context_index(ctx) >= SHORT)
        sleep_ms(10);
    *(signed char *)result = (signed char)grain_context_worker(ctx);
    return 0;
}

static void a_piece_that_turns_out_long_is_shared(void **state)
{
    (void)state;
    needs("steal");
    for (int workers = 2; workers <= 4; workers += 2) {
        struct grain_pool *pool = pool_with(workers);
        struct grain_call_options options = {.chunk = 1, .schedule = GRAIN_SCHEDULE_STEAL};
        for (int round = 0; round < 3; round++) {
            signed char who[SHORT + LONG];
            memset(who, -1, sizeof who);
            struct grain_in in = {NULL, SHORT + LONG, 0};
            assert_int_equal(grain_map(pool, long_at_the_end, in, (struct grain_out){who, 1}, &options), 0);
            int ran[4] = {0}, most = 0;
            for (int i = 0; i < SHORT + LONG; i++)
                assert_in_range(who[i], 0, workers - 1);
            for (int i = SHORT; i < SHORT + LONG; i++)
                ran[who[i]]++;
            for (int i = 0; i < workers; i++)
                most = ran[i] > most ? ran[i] : most;
            assert_in_range(most, LONG / workers, LONG * 3 / 4); /* half each, but for what is already begun */
        }
        grain_pool_free(pool);
    }
}

static int naps(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    sleep_ms(*(const int *)arg);
    *(int *)result = *(const int *)arg;
    return 0;
}

/* Seen by all workers: the long task has begun; it may end. */
static struct board {
    atomic_int has_begun, may_end;
} * board;

static int lasts_until_told(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    board->has_begun = 1;
    for (int ms = 0; !board->may_end && ms < PATIENCE_MS; ms++)
        sleep_ms(1);
    *(int *)result = board->may_end;
    return 0;
}

static void *apply_of_a_long_task(void *pool)
{
    int was_told = 0, status = grain_apply(pool, lasts_until_told, NULL, 0, &was_told, sizeof was_told, NULL);
    return (void *)(intptr_t)(status == 0 && was_told ? 0 : -1);
}

static void a_short_task_does_not_wait_behind_a_long_one(void **state)
{
    (void)state;
    needs("overlap");
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true((void *)board != MAP_FAILED);
    struct grain_pool *pool = pool_with(2);
    pthread_t caller;
    assert_int_equal(pthread_create(&caller, NULL, apply_of_a_long_task, pool), 0);
    for (int ms = 0; !board->has_begun && ms < PATIENCE_MS; ms++)
        sleep_ms(1);
    for (int i = 0; i < 100; i++)
        assert_int_equal(apply_twice(pool, i), 2 * i);
    board->may_end = 1; /* one that waited behind it would have waited until its patience was over */
    void *status;
    pthread_join(caller, &status);
    assert_null(status);
    grain_pool_free(pool);
}

static void *map_of_one_chunk(void *argument)
{
    static int ms[10000], out[10000];
    struct grain_call_options options = {.chunk = 10000, .schedule = GRAIN_SCHEDULE_DYNAMIC};
    for (int i = 0; i < 10000; i++)
        ms[i] = 10;
    struct grain_in in = {ms, 10000, sizeof ms[0]};
    return (void *)(intptr_t)grain_map(argument, naps, in, (struct grain_out){out, sizeof out[0]}, &options);
}

static void terminate_is_prompt_inside_a_chunk(void **state)
{
    (void)state;
    needs("cancel");
    needs("stop in a chunk");
    struct grain_pool *pool = pool_with(2);
    pthread_t caller;
    assert_int_equal(pthread_create(&caller, NULL, map_of_one_chunk, pool), 0);
    sleep_ms(50);
    uint64_t start = now_ns();
    assert_int_equal(grain_pool_terminate(pool), 0);
    void *status;
    pthread_join(caller, &status);
    assert_int_equal((intptr_t)status, -ECANCELED);
    assert_true(now_ns() - start < 30000000000u); /* the chunk would take 100 s */
    grain_pool_free(pool);
}

static void every_way_of_waiting_gives_the_same_results(void **state)
{
    (void)state;
    needs("runs tasks");
    static int in[5000], out[5000];
    for (int i = 0; i < 5000; i++)
        in[i] = i;
    for (enum grain_wait wait = GRAIN_WAIT_ADAPTIVE; wait <= GRAIN_WAIT_PARK; wait++) {
        struct grain_pool *pool;
        struct grain_pool_options options = options_with(3);
        options.wait = wait;
        if (wait == GRAIN_WAIT_SPIN && cannot("spin")) {
            assert_int_equal(grain_pool_open(&pool, &options), -ENOTSUP);
            continue;
        }
        assert_int_equal(grain_pool_open(&pool, &options), 0);
        for (int round = 0; round < 20; round++) {
            memset(out, 0xff, sizeof out);
            assert_int_equal(apply_twice(pool, round), 2 * round);
            assert_int_equal(grain_map(pool, twice, (struct grain_in){in, 5000, sizeof in[0]},
                                       (struct grain_out){out, sizeof out[0]}, NULL),
                             0);
            for (int i = 0; i < 5000; i++)
                assert_int_equal(out[i], 2 * i);
            if (round % 7 == 0)
                sleep_ms(1); /* asleep by now */
        }
        grain_pool_free(pool);
    }
}

static void items_copied_in_while_workers_run_arrive_whole(void **state)
{
    (void)state;
    needs("runs tasks");
    const int count = cannot("no copy") ? 50000 : 400000; /* through pipes each task is two system calls and more */
    size_t size = (size_t)count * sizeof(int);
    int *in = malloc(size), *out = malloc(size);
    assert_true(in && out);
    struct grain_pool *pool = pool_with(3);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < count; i++)
            in[i] = i + round;
        memset(out, 0xff, size);
        struct grain_call_options options = {.chunk = round % 2 ? 1 : 1000};
        assert_int_equal(grain_map(pool, twice, (struct grain_in){in, (size_t)count, sizeof *in},
                                   (struct grain_out){out, sizeof *out}, &options),
                         0);
        for (int i = 0; i < count; i++)
            if (out[i] != 2 * (i + round))
                fail_msg("round %d: result %d is %d", round, i, out[i]);
    }
    grain_pool_free(pool);
    free(in);
    free(out);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_piece_that_turns_out_long_is_shared),
        cmocka_unit_test(a_short_task_does_not_wait_behind_a_long_one),
        cmocka_unit_test(terminate_is_prompt_inside_a_chunk),
        cmocka_unit_test(every_way_of_waiting_gives_the_same_results),
        cmocka_unit_test(items_copied_in_while_workers_run_arrive_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
