/* SPDX-License-Identifier: MIT
 *
 * The floors that check themselves: words are all read, whatever their number and place; a run that did not do what it
 * should is found out.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gbench/echo.h"
#include "gbench/kind.h"
#include "gbench/order.h"
#include "gbench/quiet.h"
#include "gbench/read_words.h"
#include "gbench/subject.h"

#define PLAIN "/data:shared/start:warm"

/* Each pair of turns is an order and its reverse; orders differ, also between seeds; the same seed gives the same. */
static void test_order(void **state)
{
    (void)state;
    enum { CELLS = 7, TURNS = 41 };
    size_t order[TURNS * CELLS], again[TURNS * CELLS], other[TURNS * CELLS], different = 0, firsts[CELLS] = {0};
    order_draw(5, CELLS, TURNS, order);
    order_draw(5, CELLS, TURNS, again);
    order_draw(6, CELLS, TURNS, other);
    assert_memory_equal(order, again, sizeof order);
    assert_memory_not_equal(order, other, sizeof order);
    for (size_t turn = 0; turn < TURNS; turn++) {
        bool seen[CELLS] = {false};
        const size_t *now = order + turn * CELLS, *before = now - CELLS;
        for (size_t i = 0; i < CELLS; i++) {
            assert_in_range(now[i], 0, CELLS - 1);
            assert_false(seen[now[i]]);
            seen[now[i]] = true;
            if (turn % 2 == 1)
                assert_int_equal(now[i], before[CELLS - 1 - i]);
        }
        firsts[now[0]]++;
        different += turn > 1 && turn % 2 == 0 && memcmp(now, before - CELLS, CELLS * sizeof *now) != 0;
    }
    assert_in_range(different, 18, 20); /* 5040 orders: two alike in a row are rare */
    for (size_t i = 0; i < CELLS; i++)
        assert_in_range(firsts[i], 1, TURNS / 2);
    order_draw(1, 1, 3, order);
    assert_int_equal(order[0] + order[1] + order[2], 0);
}

/* Every number of words up to a few steps, at every place: the same as one word after the other; none behind the
 * end. */
static void test_every_word_is_read(void **state)
{
    (void)state;
    enum { WORDS = 300 };
    unsigned char bytes[4 * (WORDS + 2)];
    uint32_t seed = 1, ways = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)((seed = seed * 1664525 + 1013904223) >> 24);
    for (const struct read_words *way; (way = read_words_at(ways)) != NULL; ways++)
        for (size_t offset = 0; offset < 4; offset++) {
            uint32_t sum = 0, word;
            for (size_t count = 0; count <= WORDS; count++) {
                if (way->sum(bytes + offset, count) != sum)
                    fail_msg("%s: %zu words from byte %zu on", way->name, count, offset);
                memcpy(&word, bytes + offset + 4 * count, sizeof word);
                sum += word;
            }
        }
    assert_true(ways >= 1);
}

/* A cell's subject, made, and one run of it behind it. */
static void begin(struct subject *subject, const char *call, const char *end)
{
    static const struct settings settings = {.columns = 5, .minimum = 4, .maximum = 8, .seed = 100, .tasks = 50};
    static struct verdict verdict;
    char name[CELL_NAME_MAX];
    struct cell cell;
    snprintf(name, sizeof name, "howmany/floor/%s/-/chunk:0/%s" PLAIN, call, end);
    assert_int_equal(cell_parse(name, &cell, NULL), 0);
    assert_null(subject_init(subject, &cell, &settings, &verdict));
    assert_int_equal(subject_make(subject), 0);
    if (subject->kind->enter)
        subject->kind->enter(subject);
    assert_int_equal(subject->kind->run(subject, NULL), 0);
    assert_true(subject_check(subject));
}

static void end(struct subject *subject)
{
    if (subject->kind->leave)
        subject->kind->leave(subject);
    subject_drop(subject);
}

static void assert_wrong(struct subject *subject, const char *start)
{
    assert_false(subject_check(subject));
    assert_memory_equal(subject->problem, start, strlen(start));
}

static int workers_here(void)
{
    return grain_cpu_count() < 2 ? 1 : 2;
}

/* Every answer is the sum of what was sent (echo_run() looks), in one series and in the next, and between two the other
 * process sleeps. */
static void test_mail_is_answered(void **state)
{
    (void)state;
    struct echo *echo;
    if (workers_here() < 2)
        skip();
    assert_int_equal(echo_open(&echo, ECHO_MAILBOX, 0, 0), 0);
    for (int series = 0; series < 3; series++) {
        echo_begin(echo);
        assert_int_equal(echo_run(echo, 1000), 0);
        assert_int_equal(echo_run(echo, 1), 0);
        echo_end(echo);
    }
    echo_close(echo);
}

static pthread_barrier_t all_in;

static int meets_others(const void *item, void *result, struct grain_context *ctx)
{
    (void)item;
    (void)result;
    (void)ctx;
    pthread_barrier_wait(&all_in);
    return 0;
}

/* The parts of the peak run at the same time: each of these tasks waits for the other's, as long as it takes. */
static void test_parts_run_together(void **state)
{
    (void)state;
    struct subject subject;
    if (workers_here() < 2)
        skip();
    begin(&subject, "peak", "workers:2/rows:2");
    struct kernel kernel = *subject.kernel;
    kernel.task = meets_others;
    subject.kernel = &kernel;
    assert_int_equal(pthread_barrier_init(&all_in, NULL, 2), 0);
    assert_int_equal(subject.kind->run(&subject, NULL), 0);
    pthread_barrier_destroy(&all_in);
    end(&subject);
}

/* The shared word lies in front of the scratch: an add too many, one too few. */
static void test_an_add_that_is_missing(void **state)
{
    (void)state;
    for (int workers = 1; workers <= workers_here(); workers++) {
        struct subject subject;
        char of[64];
        snprintf(of, sizeof of, "workers:%d/rows:2000", workers);
        begin(&subject, "atomic", of);
        assert_int_equal(subject.tasks, 50);
        uint64_t *word = subject.scratch;
        assert_int_equal(*word, 50 * workers);
        ++*word;
        assert_wrong(&subject, "wrong result: the shared word is ");
        --*word;
        assert_true(subject_check(&subject));
        assert_int_equal(subject.kind->run(&subject, NULL), 0);
        assert_true(subject_check(&subject));
        --*word; /* a number is given out twice */
        assert_int_equal(subject.kind->run(&subject, NULL), 0);
        ++*word;
        assert_wrong(&subject, "wrong result: the values given out add up to ");
        end(&subject);
    }
}

/* An item that one run read differently; then the same again from a new start. 1999 rows: shares that differ. */
static void test_a_row_that_is_not_read(void **state)
{
    (void)state;
    for (int workers = 1; workers <= workers_here(); workers++) {
        struct subject subject;
        char of[64];
        snprintf(of, sizeof of, "workers:%d/rows:1999", workers);
        begin(&subject, "bandwidth", of);
        int32_t *last = (int32_t *)subject.items + 5 * 1999 - 1;
        ++*last;
        assert_int_equal(subject.kind->run(&subject, NULL), 0);
        --*last;
        assert_wrong(&subject, "wrong result: what was read adds up to ");
        subject.kind->leave(&subject);
        subject.kind->enter(&subject);
        for (int i = 0; i < 3; i++)
            assert_int_equal(subject.kind->run(&subject, NULL), 0);
        assert_true(subject_check(&subject));
        end(&subject);
    }
}

static void test_a_thread_that_does_not_run(void **state)
{
    (void)state;
    struct subject subject;
    begin(&subject, "thread", "workers:3/rows:0");
    uint64_t *ran = subject.scratch;
    assert_int_equal(subject.tasks, 3);
    assert_int_equal(*ran, 3);
    --*ran;
    assert_wrong(&subject, "wrong result: threads that ran: 2 instead of 3");
    end(&subject);
}

/* What runs at once needs a CPU each. */
static void test_more_than_there_are_cpus(void **state)
{
    (void)state;
    static const char *const calls[] = {"atomic", "bandwidth"};
    static const struct settings settings = {.columns = 5, .tasks = 50};
    static struct verdict verdict;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct cell cell = {.kernel = "howmany", .backend = "floor", .schedule = "-", .rows = 20};
        struct subject subject;
        snprintf(cell.call, sizeof cell.call, "%s", calls[i]);
        cell.workers = grain_cpu_count() + 1;
        assert_null(subject_init(&subject, &cell, &settings, &verdict));
        assert_int_not_equal(subject_make(&subject), 0);
        assert_string_equal(subject.problem, "not supported");
        subject_drop(&subject);
    }
}

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static atomic_bool is_spinning;

static void *spin(void *until_ns)
{
    is_spinning = true;
    while (now_ns() < *(const double *)until_ns)
        ;
    return NULL;
}

static void test_waiting_for_threads_that_spin(void **state)
{
    (void)state;
    double until_ns, start_ns = now_ns();
    pthread_t thread;
    quiet_wait(); /* none spins */
    assert_true(now_ns() - start_ns < 400e6);
    for (int i = 0; i < 5; i++) {
        is_spinning = false;
        until_ns = now_ns() + 20e6;
        assert_int_equal(pthread_create(&thread, NULL, spin, &until_ns), 0);
        while (!is_spinning)
            sched_yield();
        quiet_wait();
        assert_true(now_ns() >= until_ns);
        pthread_join(thread, NULL);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_every_word_is_read),
        cmocka_unit_test(test_mail_is_answered),
        cmocka_unit_test(test_parts_run_together),
        cmocka_unit_test(test_an_add_that_is_missing),
        cmocka_unit_test(test_a_row_that_is_not_read),
        cmocka_unit_test(test_a_thread_that_does_not_run),
        cmocka_unit_test(test_more_than_there_are_cpus),
        cmocka_unit_test(test_waiting_for_threads_that_spin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
