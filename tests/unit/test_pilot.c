/* SPDX-License-Identifier: MIT
 *
 * The pilot: every task once, whoever ends it; and the chunk that it finds for tasks of a known length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched/pilot.h"

#define MOST  20000
#define PARTS 8

static unsigned char claimed[MOST];

/* Nanoseconds of the tasks [begin, end). */
typedef uint64_t (*time_fn)(uint64_t begin, uint64_t end);

/* Parts take turns, at random; the rest is claimed in order. */
static struct pilot_rest fly(uint64_t count, uint64_t parts, unsigned seed, time_fn time)
{
    struct pilot pilot;
    struct pilot_part share[PARTS];
    bool is_through[PARTS] = {false};
    struct pilot_rest rest = {0, 0};
    uint64_t left = parts, begin, end;
    memset(claimed, 0, sizeof claimed);
    pilot_start(&pilot, count, parts);
    for (uint64_t i = 0; i < parts; i++)
        pilot_join(&share[i]);
    while (left > 0) {
        uint64_t who = (uint64_t)rand_r(&seed) % parts;
        if (is_through[who])
            continue;
        if (pilot_claim(&pilot, &share[who], &begin, &end)) {
            assert_true(begin < end && end <= count);
            for (uint64_t i = begin; i < end; i++)
                claimed[i]++;
            pilot_note(&pilot, &share[who], end - begin, time(begin, end));
            continue;
        }
        struct pilot_rest now = pilot_rest(&pilot);
        assert_true(left == parts || (now.begin == rest.begin && now.chunk == rest.chunk)); /* as all others found it */
        rest = now;
        is_through[who] = true;
        left--;
    }
    assert_true(rest.chunk >= 1);
    for (uint64_t i = rest.begin; i < count; i++)
        claimed[i]++;
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(claimed[i], 1);
    return rest;
}

static uint64_t quick(uint64_t begin, uint64_t end)
{
    return (end - begin) * 5 + 40;
}

static uint64_t brisk(uint64_t begin, uint64_t end)
{
    return (end - begin) * 20 + 40;
}

static uint64_t fair(uint64_t begin, uint64_t end)
{
    return (end - begin) * 100 + 40;
}

static uint64_t slow(uint64_t begin, uint64_t end)
{
    return (end - begin) * 1000000;
}

static uint64_t rising(uint64_t begin, uint64_t end)
{
    return (end * end - begin * begin) / 2;
}

static uint64_t no_time(uint64_t begin, uint64_t end)
{
    (void)begin;
    (void)end;
    return 0;
}

/* The first batch that is long enough was interrupted. */
static uint64_t disturbed(uint64_t begin, uint64_t end)
{
    return begin <= 3 && 3 < end ? 50000 : quick(begin, end);
}

static uint64_t middling(uint64_t begin, uint64_t end)
{
    return 1000 * (end - begin);
}

static void every_task_is_claimed_once(void **state)
{
    (void)state;
    static const time_fn times[] = {quick, brisk, fair, slow, rising, no_time, disturbed};
    static const uint64_t counts[] = {1, 2, 31, 200, 1000, MOST};
    for (size_t t = 0; t < sizeof times / sizeof times[0]; t++)
        for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++)
            for (uint64_t parts = 1; parts <= PARTS; parts++)
                for (unsigned seed = 0; seed < 5; seed++)
                    fly(counts[n], parts, seed, times[t]);
}

static void the_chunk_suits_the_tasks(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 20; seed++) {
        assert_int_equal(fly(MOST, 2, seed, fair).chunk, 256);    /* 100 ns: 25.6 us */
        assert_int_equal(fly(MOST, 2, seed, slow).chunk, 1);      /* 1 ms */
        assert_int_equal(fly(MOST, 2, seed, quick).chunk, 256);   /* 512 would leave fewer than 32 claims a worker */
        assert_int_equal(fly(MOST, 1, seed, quick).chunk, 512);   /* the same for one worker */
        assert_int_equal(fly(MOST, 2, seed, middling).chunk, 16); /* 1 us: 16 us */
        assert_int_equal(fly(2000, 8, seed, quick).chunk, 4);     /* as many as leave 32 claims a worker */
        assert_int_equal(fly(MOST, 2, seed, disturbed).chunk, 256);
        assert_int_equal(fly(MOST, 2, seed, brisk).chunk, 512);    /* even: as many as leave 16 claims a worker */
        assert_in_range(fly(MOST, 2, seed, rising).chunk, 1, 256); /* not even: 32 */
    }
}

static void long_tasks_are_not_held_up(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 20; seed++)
        assert_in_range(fly(MOST, 2, seed, slow).begin, 2, 4); /* two of one worker, and what the other had begun */
}

static void few_tasks_have_none(void **state)
{
    (void)state;
    assert_false(pilot_is_worth(1, 1));
    assert_false(pilot_is_worth(128, 2));
    assert_true(pilot_is_worth(129, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_is_claimed_once),
        cmocka_unit_test(the_chunk_suits_the_tasks),
        cmocka_unit_test(long_tasks_are_not_held_up),
        cmocka_unit_test(few_tasks_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
