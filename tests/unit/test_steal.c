/* SPDX-License-Identifier: MIT
 *
 * Stealing: pieces from the front, halves from the back, every chunk once under real threads, and a pace
 * that follows the work.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched/steal.h"

static void owner_takes_the_front_thief_the_back_half(void **state)
{
    (void)state;
    struct steal_range range = {0};
    struct steal_piece piece;
    assert_false(steal_take_front(&range, 4, &piece));
    assert_false(steal_take_half(&range, &piece));
    steal_put(&range, (struct steal_piece){10, 21});
    assert_true(steal_take_front(&range, 4, &piece));
    assert_int_equal(piece.begin, 10);
    assert_int_equal(piece.end, 14);
    assert_true(steal_take_half(&range, &piece)); /* 14..21: seven left, the thief gets four */
    assert_int_equal(piece.begin, 17);
    assert_int_equal(piece.end, 21);
    assert_true(steal_take_front(&range, 100, &piece));
    assert_int_equal(piece.begin, 14);
    assert_int_equal(piece.end, 17);
    assert_false(steal_take_half(&range, &piece));
}

static void the_last_chunk_can_be_stolen(void **state)
{
    (void)state;
    struct steal_range range = {0};
    struct steal_piece piece;
    steal_put(&range, (struct steal_piece){UINT32_MAX - 1, UINT32_MAX});
    assert_true(steal_take_half(&range, &piece));
    assert_int_equal(piece.begin, UINT32_MAX - 1);
    assert_int_equal(piece.end, UINT32_MAX);
}

static void the_pace_follows_the_work(void **state)
{
    (void)state;
    struct steal_pace pace = {.chunks = 1};
    for (int i = 0; i < 14; i++)
        steal_pace_learn(&pace, pace.chunks, pace.chunks * 5); /* 5 ns a chunk */
    assert_int_equal(pace.chunks, STEAL_PIECE_NS / 5);
    steal_pace_learn(&pace, pace.chunks, 400000000); /* a long task */
    assert_int_equal(pace.chunks, 1);
    steal_pace_learn(&pace, 1, 0); /* too quick to measure */
    assert_int_equal(pace.chunks, 4);
    pace.chunks = UINT32_MAX;
    steal_pace_learn(&pace, UINT32_MAX, 1);
    assert_int_equal(pace.chunks, UINT32_MAX);
}

#define CHUNKS  400000u
#define WORKERS 4
static struct steal_range ranges[WORKERS];
static unsigned char taken[CHUNKS];

/* Small pieces and no work: as much contention as there can be. */
static void *work(void *argument)
{
    unsigned own = (unsigned)(uintptr_t)argument, seed = own;
    struct steal_piece piece;
    for (int idle = 0; idle < 1000;) {
        while (steal_take_front(&ranges[own], 1 + (uint32_t)rand_r(&seed) % 3, &piece)) {
            for (uint32_t i = piece.begin; i < piece.end; i++)
                taken[i]++;
            idle = 0;
        }
        if (steal_take_half(&ranges[(own + 1 + (unsigned)rand_r(&seed) % (WORKERS - 1)) % WORKERS], &piece))
            steal_put(&ranges[own], piece);
        else
            idle++;
    }
    return NULL;
}

static void every_chunk_is_taken_once(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        pthread_t threads[WORKERS];
        memset(taken, 0, sizeof taken);
        steal_put(&ranges[round % WORKERS], (struct steal_piece){0, CHUNKS}); /* all with one: much stealing */
        for (uintptr_t i = 0; i < WORKERS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
        for (int i = 0; i < WORKERS; i++)
            pthread_join(threads[i], NULL);
        for (uint32_t i = 0; i < CHUNKS; i++)
            assert_int_equal(taken[i], 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owner_takes_the_front_thief_the_back_half),
        cmocka_unit_test(the_last_chunk_can_be_stolen),
        cmocka_unit_test(the_pace_follows_the_work),
        cmocka_unit_test(every_chunk_is_taken_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
