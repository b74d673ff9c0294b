/* SPDX-License-Identifier: MIT
 *
 * Claims: whatever the schedule, count, chunk, number of parts and order of claiming, every task is
 * claimed exactly once, in claims of the promised sizes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched/claim.h"

#define MOST 400

static unsigned char claimed[MOST];

/* Parts take turns in an order that depends on seed. Returns how many claims there were. */
static int claim_all(enum grain_schedule schedule, uint64_t count, uint64_t chunk, uint64_t parts, unsigned seed)
{
    struct claim_shared shared = {0};
    struct claim_part share[8];
    bool is_done[8] = {false};
    uint64_t left = parts, begin, end, last_size = UINT64_MAX;
    int claims = 0;
    memset(claimed, 0, sizeof claimed);
    for (uint64_t i = 0; i < parts; i++)
        claim_start(&share[i], &shared, schedule, count, chunk, i, parts);
    while (left > 0) {
        uint64_t who = (uint64_t)rand_r(&seed) % parts;
        if (is_done[who])
            continue;
        if (!claim_next(&share[who], &begin, &end)) {
            is_done[who] = true;
            left--;
            continue;
        }
        claims++;
        assert_true(begin < end && end <= count);
        if (chunk && schedule != GRAIN_SCHEDULE_GUIDED)
            assert_true(end - begin == chunk || end == count);
        if (schedule == GRAIN_SCHEDULE_GUIDED) {
            assert_true(end - begin >= chunk || end == count);
            assert_int_equal(begin % chunk, 0); /* whole units */
            assert_true(end - begin <= last_size);
            last_size = end - begin;
        }
        for (uint64_t i = begin; i < end; i++)
            claimed[i]++;
    }
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(claimed[i], 1);
    return claims;
}

static void every_task_is_claimed_once(void **state)
{
    (void)state;
    static const enum grain_schedule schedules[] = {GRAIN_SCHEDULE_STATIC, GRAIN_SCHEDULE_DYNAMIC,
                                                    GRAIN_SCHEDULE_GUIDED};
    static const uint64_t counts[] = {1, 2, 3, 7, 97, 128, 399};
    static const uint64_t chunks[] = {1, 2, 3, 10, 64, 400};
    unsigned seed = 1;
    for (size_t s = 0; s < 3; s++)
        for (size_t n = 0; n < 7; n++)
            for (size_t c = 0; c < 6; c++)
                for (uint64_t parts = 1; parts <= 8; parts++) {
                    int claims = claim_all(schedules[s], counts[n], chunks[c], parts, seed++);
                    if (schedules[s] != GRAIN_SCHEDULE_GUIDED)
                        assert_int_equal(claims, (counts[n] + chunks[c] - 1) / chunks[c]);
                }
}

static void static_without_a_chunk_is_one_fair_share_each(void **state)
{
    (void)state;
    for (uint64_t count = 1; count < 50; count++)
        for (uint64_t parts = 1; parts <= 8; parts++) {
            claim_all(GRAIN_SCHEDULE_STATIC, count, 0, parts, 7);
            uint64_t least = UINT64_MAX, most = 0, begin, end;
            for (uint64_t i = 0; i < parts; i++) {
                struct claim_part share;
                claim_start(&share, NULL, GRAIN_SCHEDULE_STATIC, count, 0, i, parts);
                uint64_t size = claim_next(&share, &begin, &end) ? end - begin : 0;
                assert_false(claim_next(&share, &begin, &end));
                least = size < least ? size : least;
                most = size > most ? size : most;
            }
            assert_true(most - least <= 1);
        }
}

static void guided_starts_with_a_share_and_shrinks(void **state)
{
    (void)state;
    struct claim_shared shared = {0};
    struct claim_part share;
    uint64_t begin, end;
    claim_start(&share, &shared, GRAIN_SCHEDULE_GUIDED, 100, 1, 0, 4);
    assert_true(claim_next(&share, &begin, &end));
    assert_int_equal(end - begin, 25); /* ceil(100 / 4) */
    assert_true(claim_next(&share, &begin, &end));
    assert_int_equal(end - begin, 19); /* ceil(75 / 4) */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_is_claimed_once),
        cmocka_unit_test(static_without_a_chunk_is_one_fair_share_each),
        cmocka_unit_test(guided_starts_with_a_share_and_shrinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
