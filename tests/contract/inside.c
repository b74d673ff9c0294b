/* SPDX-License-Identifier: MIT
 *
 * Contract: what a worker asks of its own pool. Whatever would wait for that pool is -EDEADLK, at once: also for a call
 * that is queued behind, also in a pool that was opened in the worker of another one.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "contract.h"

static struct board {
    struct grain_pool *pool;
    struct grain_future *call, *map, *done;
    struct grain_iter *iter;
    int get, get_short, wait, get_map, get_done, next, imap, join, alloc;
    void *memory;
} board;

static int numbers[4] = {1, 2, 3, 4}, results[4], mapped[4];

/* Runs in a worker of board.pool; call and map are queued behind it. */
static int asks_its_own_pool(const void *arg, void *result, struct grain_context *ctx)
{
    struct grain_iter *iter;
    (void)arg;
    (void)result;
    (void)ctx;
    while (!__atomic_load_n(&board.map, __ATOMIC_ACQUIRE))
        sleep_ms(1);
    board.get = grain_future_get(board.call, GRAIN_FOREVER);
    board.get_short = grain_future_get(board.call, 1000000);
    board.wait = grain_future_wait(board.call, GRAIN_FOREVER);
    board.get_map = grain_future_get(board.map, GRAIN_FOREVER);
    grain_future_free(board.map); /* does nothing: its results are still to be written */
    board.get_done = grain_future_get(board.done, GRAIN_FOREVER);
    board.next = grain_iter_next(board.iter, &results[3], NULL, GRAIN_FOREVER);
    board.imap = grain_imap(board.pool, twice, NULL, NULL, 0, 0, NULL, &iter);
    board.join = grain_pool_join(board.pool);
    board.alloc = grain_alloc(board.pool, 8, &board.memory);
    grain_pool_free(board.pool);
    return 0;
}

static int one_number(void *source, void *item)
{
    int *left = source;
    if (*left == 0)
        return 0;
    memcpy(item, &numbers[--*left], sizeof(int));
    return 1;
}

static void answers_check(void)
{
    assert_int_equal(board.get, -EDEADLK);
    assert_int_equal(board.get_short, -EDEADLK);
    assert_int_equal(board.wait, -EDEADLK);
    assert_int_equal(board.get_map, -EDEADLK);
    assert_int_equal(board.get_done, 0);
    assert_int_equal(board.next, -EDEADLK);
    assert_int_equal(board.imap, -EDEADLK);
    assert_int_equal(board.join, -EDEADLK);
    assert_int_equal(board.alloc, -EDEADLK);
}

static void a_worker_waits_for_no_call_of_its_own_pool(void **state)
{
    (void)state;
    needs("runs tasks");
    if (is_fork())
        skip(); /* a forked worker has no handle of what was queued after the open */
    int left = 4, value;
    struct grain_future *asking;
    memset(&board, 0, sizeof board);
    board.pool = pool_with(1);
    assert_int_equal(
        grain_apply_async(board.pool, twice, &numbers[1], sizeof(int), &results[1], sizeof(int), NULL, &board.done), 0);
    assert_int_equal(grain_future_get(board.done, GRAIN_FOREVER), 0);
    assert_int_equal(grain_apply_async(board.pool, asks_its_own_pool, NULL, 0, NULL, 0, NULL, &asking), 0);
    assert_int_equal(grain_imap(board.pool, twice, one_number, &left, sizeof(int), sizeof(int), NULL, &board.iter), 0);
    assert_int_equal(
        grain_apply_async(board.pool, twice, &numbers[0], sizeof(int), &results[0], sizeof(int), NULL, &board.call), 0);
    struct grain_future *map;
    assert_int_equal(grain_map_async(board.pool, twice, (struct grain_in){numbers, 4, sizeof(int)},
                                     (struct grain_out){mapped, sizeof(int)}, NULL, &map),
                     0);
    __atomic_store_n(&board.map, map, __ATOMIC_RELEASE); /* pairs with the acquire in the task */
    assert_int_equal(grain_future_get(asking, GRAIN_FOREVER), 0);
    answers_check();
    /* And nothing was harmed by asking. */
    assert_int_equal(grain_future_get(board.call, GRAIN_FOREVER), 0);
    assert_int_equal(grain_future_get(board.map, GRAIN_FOREVER), 0);
    assert_int_equal(mapped[3], 8);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(grain_iter_next(board.iter, &value, NULL, GRAIN_FOREVER), 1);
        assert_int_equal(value, 8 - 2 * i);
    }
    assert_int_equal(grain_iter_next(board.iter, &value, NULL, GRAIN_FOREVER), 0);
    grain_iter_free(board.iter);
    grain_future_free(board.map);
    grain_future_free(board.call);
    grain_future_free(board.done);
    grain_future_free(asking);
    grain_pool_free(board.pool);
}

/* ------------------------------------------------------------------------------------ nested pools */

static int asks_the_outer_pool(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(int *)result = apply_twice(board.pool, 1);
    return 0;
}

static int opens_a_pool_that_asks(const void *arg, void *result, struct grain_context *ctx)
{
    struct grain_pool *inner;
    struct grain_pool_options options = {.backend = arg, .workers = 1, .allow_nested = true};
    (void)ctx;
    int status = grain_pool_open(&inner, &options);
    if (status == 0)
        status = grain_apply(inner, asks_the_outer_pool, NULL, 0, result, sizeof(int), NULL);
    grain_pool_free(inner);
    return status;
}

static void a_pool_inside_a_worker_cannot_wait_for_the_outer_one(void **state)
{
    (void)state;
    needs("runs tasks");
    if (is_fork())
        skip(); /* there the outer pool's handle is another process's */
    static const char *const inner[] = {"serial", "pthread"};
    for (int i = 0; i < 2; i++) {
        int answer = 0;
        char name[8] = "";
        strncpy(name, inner[i], sizeof name - 1);
        board.pool = pool_with(1);
        assert_int_equal(
            grain_apply(board.pool, opens_a_pool_that_asks, name, sizeof name, &answer, sizeof answer, NULL), 0);
        assert_int_equal(answer, -EDEADLK);
        assert_int_equal(apply_twice(board.pool, 3), 6);
        grain_pool_free(board.pool);
    }
}

static struct grain_pool *serial_pool;

static int runs_serially(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    return grain_apply(serial_pool, asks_the_outer_pool, NULL, 0, result, sizeof(int), NULL);
}

/* The serial pool was there before: its tasks run on a thread that is a worker of the other one. */
static void a_serial_call_in_a_worker_is_still_in_that_worker(void **state)
{
    (void)state;
    needs("runs tasks");
    if (is_fork())
        skip();
    int answer = 0;
    struct grain_pool_options options = {.backend = "serial"};
    assert_int_equal(grain_pool_open(&serial_pool, &options), 0);
    board.pool = pool_with(1);
    assert_int_equal(grain_apply(board.pool, runs_serially, NULL, 0, &answer, sizeof answer, NULL), 0);
    assert_int_equal(answer, -EDEADLK);
    grain_pool_free(board.pool);
    grain_pool_free(serial_pool);
}

/* ----------------------------------------------------------------------------------- serial's turns */

static struct turn {
    int running, most, runs;
} the_turn;

static int counts_who_is_inside(const void *arg, void *result, struct grain_context *ctx)
{
    struct turn *turn = &the_turn;
    (void)arg;
    int now = __atomic_add_fetch(&turn->running, 1, __ATOMIC_RELAXED);
    (void)result;
    if (now > turn->most)
        turn->most = now;
    int *count = *grain_context_state(ctx);
    if (!count)
        *grain_context_state(ctx) = count = &turn->runs;
    ++*count;
    sleep_ms(1);
    __atomic_sub_fetch(&turn->running, 1, __ATOMIC_RELAXED);
    return 0;
}

static void *calls_in_turn(void *pool)
{
    intptr_t wrong = 0;
    for (int i = 0; i < 20; i++)
        wrong += grain_apply(pool, counts_who_is_inside, NULL, 0, NULL, 0, NULL) != 0;
    return (void *)wrong;
}

/* One worker, one state: whoever calls, one task at a time. */
static void callers_of_a_pool_of_one_take_turns(void **state)
{
    (void)state;
    needs("runs tasks");
    if (is_fork())
        skip(); /* tasks of a forked worker count in its own memory */
    struct grain_pool *pool = pool_with(1);
    pthread_t callers[4];
    the_turn = (struct turn){0};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&callers[i], NULL, calls_in_turn, pool), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(callers[i], &wrong);
        assert_null(wrong);
    }
    assert_int_equal(the_turn.most, 1);
    assert_int_equal(the_turn.runs, 80);
    grain_pool_free(pool);
}

static int ends_its_thread(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    pthread_exit(NULL);
}

static void *maps_and_is_gone(void *pool)
{
    grain_map(pool, ends_its_thread, (struct grain_in){NULL, 3, 0}, (struct grain_out){NULL, 0}, NULL);
    return pool; /* not reached */
}

/* On serial the task's thread is the caller's own: it ends, and gives its turn and its place in the pool back. */
static void a_caller_that_ends_in_a_task_leaves_the_pool_usable(void **state)
{
    (void)state;
    if (strcmp(backend, "serial") != 0)
        skip();
    struct grain_pool *pool = pool_with(1);
    pthread_t caller;
    void *value = pool;
    assert_int_equal(pthread_create(&caller, NULL, maps_and_is_gone, pool), 0);
    pthread_join(caller, &value);
    assert_ptr_not_equal(value, pool);
    assert_int_equal(apply_twice(pool, 4), 8);
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0); /* no call is left */
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_waits_for_no_call_of_its_own_pool),
        cmocka_unit_test(a_pool_inside_a_worker_cannot_wait_for_the_outer_one),
        cmocka_unit_test(a_serial_call_in_a_worker_is_still_in_that_worker),
        cmocka_unit_test(callers_of_a_pool_of_one_take_turns),
        cmocka_unit_test(a_caller_that_ends_in_a_task_leaves_the_pool_usable),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
