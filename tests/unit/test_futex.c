/* SPDX-License-Identifier: MIT
 *
 * The loop that waits, with a clock and a sleep of the test's own: when it spins, when it sleeps, what it asks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static unsigned relaxed, first_turn;

static void relax(unsigned turn)
{
    if (relaxed++ == 0)
        first_turn = turn;
}

#define cpu_relax(turn) relax(turn)
#include "sys/futex.h"

static struct waiter {
    uint64_t now_ns, step_ns; /* the clock moves on by a step each time it is looked at */
    unsigned looks, over_at, asks, crowded_at, sleeps;
    bool is_seen_lying; /* lie_down finds that it is over */
    char order[8];      /* l: lie_down, s: sleep, g: get_up */
    int sleep_status;
    uint64_t slept_ns;
    uint32_t slept_on;
    bool is_slept_shared;
} waiter;

uint64_t clock_ns(void)
{
    return waiter.now_ns += waiter.step_ns;
}

static void note(char what)
{
    size_t length = strlen(waiter.order);
    assert_true(length + 1 < sizeof waiter.order);
    waiter.order[length] = what;
}

int wait_sleep(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns, bool shared)
{
    (void)word;
    note('s');
    waiter.slept_on = expected;
    waiter.slept_ns = timeout_ns;
    waiter.is_slept_shared = shared;
    return waiter.sleep_status;
}

static bool is_over(void *who)
{
    struct waiter *self = who;
    return ++self->looks == self->over_at;
}

static bool may_spin(void *who)
{
    struct waiter *self = who;
    return ++self->asks != self->crowded_at;
}

static _Atomic uint32_t word = 7;

/* The word moves on between the look at it and the sleep: wait_sleep() is told what it was before. */
static bool lie_down(void *who)
{
    struct waiter *self = who;
    note('l');
    word++;
    return !self->is_seen_lying;
}

static void get_up(void *who)
{
    (void)who;
    note('g');
}

static const struct wait_kind kind = {.is_over = is_over, .may_spin = may_spin, .lie_down = lie_down, .get_up = get_up};

static enum wait_end wait_with(struct wait_limits limits, struct waiter begin)
{
    waiter = begin;
    relaxed = 0;
    word = 7;
    return wait_once(&kind, &limits, &waiter);
}

#define SLEEPS .word = &word, .sleep_ns = 5000, .is_shared = true

static void test_it_ends_while_it_spins(void **state)
{
    (void)state;
    static const unsigned ends[] = {1, 2, WAIT_LOOK - 1, WAIT_LOOK + 1, 10 * WAIT_LOOK};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct wait_limits limits = {SLEEPS, .spin_ns = 50};
        assert_int_equal(wait_with(limits, (struct waiter){.step_ns = 1, .over_at = ends[i]}), WAIT_OVER);
        assert_int_equal(waiter.looks, ends[i]);
        assert_int_equal(relaxed, ends[i] - 1);
        assert_int_equal(waiter.asks, (ends[i] - 1) / WAIT_LOOK);
        assert_string_equal(waiter.order, "");
    }
    assert_int_equal(first_turn, 1); /* the first turns are pauses: nobody yields at once */
}

/* The time begins with the first look at the clock. */
static void test_it_spins_for_a_time_then_sleeps(void **state)
{
    (void)state;
    struct wait_limits limits = {SLEEPS, .spin_ns = 50};
    assert_int_equal(wait_with(limits, (struct waiter){.step_ns = 10}), WAIT_WOKEN);
    assert_int_equal(waiter.looks, WAIT_LOOK * 6);
    assert_string_equal(waiter.order, "lsg");
    assert_int_equal(waiter.slept_on, 7);
    assert_int_equal(waiter.slept_ns, 5000);
    assert_true(waiter.is_slept_shared);
}

static void test_it_sleeps_at_once(void **state)
{
    (void)state;
    struct wait_limits limits = {SLEEPS};
    assert_int_equal(wait_with(limits, (struct waiter){.sleep_status = -ETIMEDOUT}), WAIT_TIME_UP);
    assert_int_equal(waiter.looks, 0);
    assert_string_equal(waiter.order, "lsg");
    assert_int_equal(wait_with(limits, (struct waiter){.sleep_status = -EINTR}), WAIT_WOKEN);
    assert_int_equal(wait_with(limits, (struct waiter){.is_seen_lying = true}), WAIT_WOKEN);
    assert_string_equal(waiter.order, "lg");
}

/* Whoever does not sleep returns when its time is up, for its caller to look at what is rarely looked at. */
static void test_it_spins_without_end(void **state)
{
    (void)state;
    struct wait_limits limits = {SLEEPS, .spin_ns = 50, .is_endless = true};
    assert_int_equal(wait_with(limits, (struct waiter){.step_ns = 10}), WAIT_TIME_UP);
    assert_string_equal(waiter.order, "");
    limits = (struct wait_limits){.spin_ns = 50};
    assert_int_equal(wait_with(limits, (struct waiter){.step_ns = 10}), WAIT_TIME_UP);
    assert_string_equal(waiter.order, "");
}

/* Nobody spins on where it is in somebody's way, endless or not: it sleeps, if it can. */
static void test_it_gives_way(void **state)
{
    (void)state;
    for (int is_endless = 0; is_endless < 2; is_endless++) {
        struct wait_limits limits = {SLEEPS, .spin_ns = 50, .is_endless = is_endless};
        assert_int_equal(wait_with(limits, (struct waiter){.step_ns = 1, .crowded_at = 3}), WAIT_WOKEN);
        assert_int_equal(waiter.looks, 3 * WAIT_LOOK);
        assert_string_equal(waiter.order, "lsg");
        limits.word = NULL;
        assert_int_equal(wait_with(limits, (struct waiter){.step_ns = 1, .crowded_at = 3}), WAIT_CROWDED);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_ends_while_it_spins), cmocka_unit_test(test_it_spins_for_a_time_then_sleeps),
        cmocka_unit_test(test_it_sleeps_at_once),      cmocka_unit_test(test_it_spins_without_end),
        cmocka_unit_test(test_it_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
