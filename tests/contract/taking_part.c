/* SPDX-License-Identifier: MIT
 *
 * Contract: on pthread the thread that calls map, map_chunks or starmap takes part in its call. Its tasks find its own
 * signal mask and thread-local data, and never more tasks run at once than there are workers. Everywhere else, and in
 * every other call, a caller runs no task (but on serial, where it is the worker). What may happen meanwhile:
 * taking_part_ends.c.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"

#define WORKERS  2
#define COUNT    8
#define ATTEMPTS 3000 /* of calls in which the caller has to be seen */
#define FEW      40   /* calls in which it must not be seen */

static __thread int thread_local_data;

static struct {
    _Atomic int caller, running, most, on_caller, wrong;
    struct grain_pool *pool;
} board;

static int items[COUNT], results[COUNT];

static void board_clear(void)
{
    board.caller = gettid();
    board.running = board.most = board.on_caller = board.wrong = 0;
    for (int i = 0; i < COUNT; i++)
        items[i] = i;
}

static bool is_pthread(void)
{
    return strcmp(backend, "pthread") == 0;
}

static bool is_blocked(void)
{
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    return sigismember(&mask, SIGUSR1);
}

/* In the thread that opens pools: from now on it has a mask, and data, that no worker has. */
static void caller_become(bool is_caller)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    pthread_sigmask(is_caller ? SIG_BLOCK : SIG_UNBLOCK, &mask, NULL);
    thread_local_data = is_caller ? 77 : 0;
}

static struct grain_pool *pool_of(const struct grain_pool_options *options)
{
    struct grain_pool *pool;
    caller_become(false);
    assert_int_equal(grain_pool_open(&pool, options), 0);
    caller_become(true);
    board_clear();
    return pool;
}

static int task(const void *arg, void *result, struct grain_context *ctx)
{
    int now = ++board.running, most = board.most, worker = grain_context_worker(ctx);
    while (now > most && !atomic_compare_exchange_weak(&board.most, &most, now))
        ;
    board.wrong += worker < 0 || worker >= WORKERS;
    *(int *)result = 2 * *(const int *)arg;
    if (gettid() == board.caller) {
        board.on_caller++;
        board.wrong += !is_blocked() || thread_local_data != 77;
    } else {
        board.wrong += is_blocked() || thread_local_data != 0;
        sleep_ms(1);
    }
    board.running--;
    return 0;
}

static int chunk_task(const void *in, void *out, size_t count, struct grain_context *ctx)
{
    for (size_t i = 0; i < count; i++)
        task((const int *)in + i, (int *)out + i, ctx);
    return 0;
}

static int star_task(const void *const args[], void *result, struct grain_context *ctx)
{
    return task(args[0], result, ctx);
}

/* ----------------------------------------------------------------------------------------- the calls */

static const struct grain_in in = {items, COUNT, sizeof items[0]};
static const struct grain_out out = {results, sizeof results[0]};
static const struct grain_column column = {items, sizeof items[0], sizeof items[0]};

static int call_map(struct grain_pool *pool)
{
    return grain_map(pool, task, in, out, NULL);
}

static int call_map_chunks(struct grain_pool *pool)
{
    return grain_map_chunks(pool, chunk_task, in, out, NULL);
}

static int call_starmap(struct grain_pool *pool)
{
    return grain_starmap(pool, star_task, &column, 1, COUNT, out, NULL);
}

static int call_apply(struct grain_pool *pool)
{
    int status = 0;
    for (int i = 0; i < COUNT && status == 0; i++)
        status = grain_apply(pool, task, &items[i], sizeof items[i], &results[i], sizeof results[i], NULL);
    return status;
}

static int call_apply_async(struct grain_pool *pool)
{
    struct grain_future *futures[COUNT];
    int status = 0;
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(grain_apply_async(pool, task, &items[i], sizeof items[i], &results[i], sizeof results[i], NULL,
                                           &futures[i]),
                         0);
    for (int i = 0; i < COUNT; i++) {
        int own = i % 2 ? grain_future_wait(futures[i], GRAIN_FOREVER) : grain_future_get(futures[i], GRAIN_FOREVER);
        status = own ? own : status;
        grain_future_free(futures[i]);
    }
    return status;
}

static int call_map_async(struct grain_pool *pool)
{
    struct grain_future *future;
    assert_int_equal(grain_map_async(pool, task, in, out, NULL, &future), 0);
    int status = grain_future_get(future, GRAIN_FOREVER);
    grain_future_free(future);
    return status;
}

static int source(void *left, void *item)
{
    int index = COUNT - *(int *)left;
    memcpy(item, &items[index % COUNT], sizeof items[0]);
    return (*(int *)left)-- > 0;
}

static int call_imap(struct grain_pool *pool)
{
    struct grain_iter *iter;
    int left = COUNT, status = 1;
    assert_int_equal(grain_imap(pool, task, source, &left, sizeof items[0], sizeof results[0], NULL, &iter), 0);
    for (int i = 0; i < COUNT && status == 1; i++)
        status = grain_iter_next(iter, &results[i], NULL, GRAIN_FOREVER);
    grain_iter_free(iter);
    return status == 1 ? 0 : status;
}

typedef int (*call_fn)(struct grain_pool *pool);
static const call_fn joined[] = {call_map, call_map_chunks, call_starmap};
static const call_fn waited[] = {call_apply, call_apply_async, call_map_async, call_imap};

/* Calls until the calling thread has run a task, where it takes part; `few` times where it must not. */
static void call_until_seen(struct grain_pool *pool, call_fn call, bool is_seen)
{
    for (int i = 0; i < (is_seen ? ATTEMPTS : FEW) && board.on_caller == 0; i++) {
        assert_int_equal(call(pool), 0);
        for (int k = 0; k < COUNT; k++)
            assert_int_equal(results[k], 2 * k);
    }
    assert_int_equal(board.on_caller > 0, is_seen);
    assert_int_equal(board.wrong, 0);
}

/* ------------------------------------------------------------------------------------------ whose thread */

static void it_takes_part_in_three_calls_and_in_no_other(void **state)
{
    (void)state;
    struct grain_pool_options options = options_with(WORKERS);
    struct grain_pool *pool = pool_of(&options);
    for (size_t i = 0; i < sizeof joined / sizeof joined[0]; i++) {
        board_clear();
        call_until_seen(pool, joined[i], is_pthread());
    }
    for (size_t i = 0; i < sizeof waited / sizeof waited[0]; i++) {
        board_clear();
        call_until_seen(pool, waited[i], false);
    }
    grain_pool_free(pool);
}

static int ready(void *argument, struct grain_context *ctx)
{
    (void)argument;
    (void)ctx;
    return 0;
}

static void over(void *argument, struct grain_context *ctx)
{
    (void)argument;
    (void)ctx;
}

static void a_pool_that_needs_its_own_threads_has_its_caller_wait(void **state)
{
    (void)state;
    struct grain_pool_options options[4];
    for (int i = 0; i < 4; i++)
        options[i] = options_with(WORKERS);
    options[0].initializer = ready;
    options[1].finalizer = over;
    options[2].caller_waits = true;
    options[3].max_tasks_per_worker = 1000;
    for (int i = 0; i < (cannot("replaces") ? 3 : 4); i++) {
        struct grain_pool *pool = pool_of(&options[i]);
        call_until_seen(pool, call_map, false);
        grain_pool_free(pool);
    }
}

/* As a task of another pool. */
static int maps(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    board.caller = gettid();
    call_until_seen(board.pool, call_map, false);
    return 0;
}

static void a_worker_of_another_pool_waits(void **state)
{
    (void)state;
    struct grain_pool_options options = options_with(WORKERS);
    if (is_fork()) /* its pools are its own */
        skip();
    struct grain_pool *outer = pool_with(1);
    board.pool = pool_of(&options);
    assert_int_equal(grain_apply(outer, maps, NULL, 0, NULL, 0, NULL), 0);
    grain_pool_free(outer);
    grain_pool_free(board.pool);
}

static void *maps_beside(void *pool)
{
    int own[COUNT];
    for (int i = 0; i < 100; i++)
        board.wrong += grain_map(pool, task, in, (struct grain_out){own, sizeof own[0]}, NULL) != 0;
    return NULL;
}

static void never_more_tasks_run_at_once_than_there_are_workers(void **state)
{
    (void)state;
    pthread_t threads[3];
    struct grain_pool *pool = pool_with(WORKERS);
    board_clear();
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, maps_beside, pool), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_true(board.most <= WORKERS);
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    if (strcmp(backend, "serial") == 0)
        return 77; /* the caller is the worker */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_takes_part_in_three_calls_and_in_no_other),
        cmocka_unit_test(a_pool_that_needs_its_own_threads_has_its_caller_wait),
        cmocka_unit_test(a_worker_of_another_pool_waits),
        cmocka_unit_test(never_more_tasks_run_at_once_than_there_are_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
