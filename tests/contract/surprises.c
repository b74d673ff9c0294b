/* SPDX-License-Identifier: MIT
 *
 * Contract: what grain.h names as surprising on fork is so there, and not so where workers share the caller's memory.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

static int table = 1;

static int reads_a_pointer(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    *(int *)result = **(int *const *)arg;
    return 0;
}

static int by_pointer(struct grain_pool *pool, const int *what, struct grain_report *report)
{
    int value = -1;
    struct grain_call_options options = {.report = report};
    int status = grain_apply(pool, reads_a_pointer, &what, sizeof what, &value, sizeof value, &options);
    return status ? status : value;
}

static void a_pointer_in_an_item_leads_into_the_workers_memory(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_report report = {0};
    table = 1;
    /* A place that is taken, so that nothing of a worker's own lies there by chance. */
    int *later = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true((void *)later != MAP_FAILED);
    struct grain_pool *pool = pool_with(1);
    void *memory;
    table = 2;
    assert_int_equal(by_pointer(pool, &table, &report), is_fork() ? 1 : 2);
    /* What was not there at the open. */
    assert_int_equal(mprotect(later, 4096, PROT_READ | PROT_WRITE), 0);
    *later = 3;
    int got = by_pointer(pool, later, &report);
    if (is_fork()) {
        assert_int_equal(got, GRAIN_TASK_FAILED);
        assert_int_equal(report.first.code, -EOWNERDEAD);
        assert_int_equal(report.first.signo, SIGSEGV);
    } else {
        assert_int_equal(got, 3);
    }
    munmap(later, 4096);
    /* What is there for all, by a pointer too. */
    assert_int_equal(grain_alloc(pool, sizeof(int), &memory), 0);
    *(int *)memory = 4;
    assert_int_equal(by_pointer(pool, memory, &report), 4);
    grain_pool_free(pool);
}

static int changes_the_table(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    table = *(const int *)arg;
    *(int *)result = table;
    return 0;
}

static void what_tasks_change_comes_back_as_results_alone(void **state)
{
    (void)state;
    needs("runs tasks");
    int seven = 7, result = 0;
    table = 1;
    struct grain_pool *pool = pool_with(1);
    assert_int_equal(grain_apply(pool, changes_the_table, &seven, sizeof seven, &result, sizeof result, NULL), 0);
    assert_int_equal(result, 7);
    assert_int_equal(table, is_fork() ? 1 : 7);
    grain_pool_free(pool);
}

static void the_supervisor_is_a_child_of_the_caller(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_with(2);
    errno = 0;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), is_fork() ? 0 : -1);
    if (!is_fork())
        assert_int_equal(errno, ECHILD);
    apply_twice(pool, 1);
    grain_pool_free(pool);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void *waits_for_children(void *seen)
{
    int status;
    *(pid_t *)seen = waitpid(-1, &status, 0);
    return NULL;
}

/* A host that waits for whatever ends gets the supervisor when the pool ends: no harm. */
static void its_status_may_be_taken(void **state)
{
    (void)state;
    if (!is_fork())
        skip();
    struct grain_pool *pool = pool_with(2);
    pthread_t host;
    pid_t seen = 0;
    assert_int_equal(pthread_create(&host, NULL, waits_for_children, &seen), 0);
    assert_int_equal(apply_twice(pool, 4), 8);
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    pthread_join(host, NULL);
    assert_true(seen > 0 || seen == -1); /* it, or the join, was first */
    grain_pool_free(pool);
}

static int draws(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    sleep_ms(50); /* so that both workers have one */
    *(long *)result = random();
    return 0;
}

static void every_worker_draws_the_same_random_numbers(void **state)
{
    (void)state;
    needs("parallel");
    if (!is_fork())
        skip();
    long drawn[2] = {0, 0};
    struct grain_call_options options = {.chunk = 1, .schedule = GRAIN_SCHEDULE_STATIC};
    srandom(1);
    struct grain_pool *pool = pool_with(2);
    assert_int_equal(
        grain_map(pool, draws, (struct grain_in){NULL, 2, 0}, (struct grain_out){drawn, sizeof drawn[0]}, &options), 0);
    assert_int_equal(drawn[0], drawn[1]);
    grain_pool_free(pool);
}

/* In memory that all processes share. */
static struct shared {
    struct grain_pool *pool;
} * shared;

static int asks_with_the_handle(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(int *)result = apply_twice(shared->pool, 1);
    return 0;
}

static void a_handle_is_refused_in_a_worker(void **state)
{
    (void)state;
    needs("runs tasks");
    int status = 0;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true((void *)shared != MAP_FAILED);
    struct grain_pool *pool = pool_with(1);
    shared->pool = pool;
    assert_int_equal(grain_apply(pool, asks_with_the_handle, NULL, 0, &status, sizeof status, NULL), 0);
    assert_int_equal(status, is_fork() ? -EPERM : -EDEADLK);
    grain_pool_free(pool);
    munmap(shared, sizeof *shared);
}

static int one(void *source, void *item)
{
    int *left = source;
    *(int *)item = *left;
    return (*left)-- > 0;
}

static int fails_or_sleeps(const void *arg, void *result, struct grain_context *ctx)
{
    (void)result;
    sleep_ms(20);
    return grain_context_fail(ctx, *(const int *)arg, "as told");
}

/* An out parameter that is not a handle: written when there is something to tell. */
static void next_writes_the_index_of_what_it_tells(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(1);
    struct grain_iter *iter;
    int left = 2;
    size_t index = 99;
    assert_int_equal(grain_imap(pool, fails_or_sleeps, one, &left, sizeof(int), 0, NULL, &iter), 0);
    assert_int_equal(grain_iter_next(NULL, NULL, &index, 0), -EINVAL);
    assert_int_equal(index, 99);
    for (size_t i = 0; i < 2; i++) {
        int status;
        index = 99;
        while ((status = grain_iter_next(iter, NULL, &index, 0)) == -ETIMEDOUT)
            assert_int_equal(index, 99);
        assert_int_equal(status, GRAIN_TASK_FAILED);
        assert_int_equal(index, i);
        assert_int_equal(grain_iter_error(iter)->index, i);
        assert_int_equal(grain_iter_error(iter)->code, 2 - (int)i);
    }
    index = 99;
    assert_int_equal(grain_iter_next(iter, NULL, &index, GRAIN_FOREVER), 0);
    assert_int_equal(index, 99);
    grain_iter_free(iter);
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pointer_in_an_item_leads_into_the_workers_memory),
        cmocka_unit_test(what_tasks_change_comes_back_as_results_alone),
        cmocka_unit_test(the_supervisor_is_a_child_of_the_caller),
        cmocka_unit_test(its_status_may_be_taken),
        cmocka_unit_test(every_worker_draws_the_same_random_numbers),
        cmocka_unit_test(a_handle_is_refused_in_a_worker),
        cmocka_unit_test(next_writes_the_index_of_what_it_tells),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
