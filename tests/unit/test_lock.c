/* SPDX-License-Identifier: MIT
 *
 * The lock among threads: one holder at a time, and every waiter gets it in the end, those that sleep too.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "sys/lock.h"

enum { THREADS = 6, TURNS = 20000 };

static struct lock lock;
static unsigned count, holders;

static void *turns_main(void *argument)
{
    (void)argument;
    for (int i = 0; i < TURNS; i++) {
        lock_take(&lock);
        count += ++holders == 1; /* plain: the lock orders them */
        holders--;
        lock_drop(&lock);
    }
    return NULL;
}

static void test_one_holder_at_a_time(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, turns_main, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count, THREADS * TURNS);
    assert_int_equal(atomic_load(&lock.word), LOCK_FREE);
}

static void *once_main(void *argument)
{
    (void)argument;
    lock_take(&lock);
    count++;
    lock_drop(&lock);
    return NULL;
}

/* Held for long: all of them are asleep, or about to be, when it is dropped, and each wakes the next. */
static void test_sleepers_are_woken(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    count = 0;
    lock_take(&lock);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, once_main, NULL), 0);
    while (atomic_load(&lock.word) != LOCK_WAITED_FOR)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    assert_int_equal(count, 0);
    lock_drop(&lock);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count, THREADS);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_holder_at_a_time),
        cmocka_unit_test(test_sleepers_are_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
