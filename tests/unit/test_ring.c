/* SPDX-License-Identifier: MIT
 *
 * The ticket ring: order, fullness, wrap-around, payload, and many takers at once.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "team/ring.h"

static struct ring *ring_new(void)
{
    struct ring *ring = aligned_alloc(64, sizeof *ring);
    assert_non_null(ring);
    for (size_t i = 0; i < sizeof *ring; i++)
        ((unsigned char *)ring)[i] = 0;
    return ring;
}

static uint64_t take_one(struct ring *ring)
{
    uint64_t position, ticket;
    while ((ticket = ring_peek(ring, &position)))
        if (ring_take(ring, position))
            return ticket;
    return 0;
}

static void tickets_come_out_in_order_for_ever(void **state)
{
    (void)state;
    struct ring *ring = ring_new();
    uint64_t in = 1, out = 1;
    unsigned seed = 3;
    assert_int_equal(take_one(ring), 0);
    while (out < 20000) {
        for (int n = rand_r(&seed) % 300; n > 0 && ring_push(ring, in, NULL); n--)
            in++;
        assert_true(in - out <= RING_CELLS);
        for (int n = rand_r(&seed) % 300; n > 0; n--) {
            uint64_t ticket = take_one(ring);
            assert_int_equal(ticket, out < in ? out : 0);
            out += ticket != 0;
        }
    }
    free(ring);
}

static void a_full_ring_refuses(void **state)
{
    (void)state;
    struct ring *ring = ring_new();
    for (uint64_t i = 1; i <= RING_CELLS; i++)
        assert_true(ring_push(ring, i, NULL));
    assert_false(ring_push(ring, 99, NULL));
    assert_true(ring_holds(ring, 1));
    assert_int_equal(take_one(ring), 1);
    assert_false(ring_holds(ring, 1));
    assert_true(ring_push(ring, 99, NULL));
    free(ring);
}

static void a_ticket_is_taken_once(void **state)
{
    (void)state;
    struct ring *ring = ring_new();
    uint64_t one, two;
    ring_push(ring, 5, NULL);
    assert_int_equal(ring_peek(ring, &one), 5);
    assert_int_equal(ring_peek(ring, &two), 5);
    assert_true(ring_take(ring, one));
    assert_false(ring_take(ring, two));
    free(ring);
}

static void a_payload_comes_with_its_ticket_lap_after_lap(void **state)
{
    (void)state;
    struct ring *ring = ring_new();
    uint64_t position, got[RING_PAYLOAD];
    for (uint64_t ticket = 1; ticket < 5 * RING_CELLS; ticket++) {
        uint64_t payload[RING_PAYLOAD];
        for (unsigned i = 0; i < RING_PAYLOAD; i++)
            payload[i] = ticket * 10 + i;
        assert_false(ring_has_next(ring));
        assert_true(ring_push(ring, ticket, payload));
        assert_true(ring_has_next(ring));
        assert_int_equal(ring_peek(ring, &position), ticket);
        ring_payload(ring, position, got);
        assert_memory_equal(got, payload, sizeof got);
        if (ticket % 2)
            assert_true(ring_take(ring, position));
        else
            ring_take_alone(ring, position);
        assert_false(ring_holds(ring, ticket));
    }
    free(ring);
}

#define TICKETS 200000u
static unsigned char taken[TICKETS + 1];
static _Atomic int is_over;

static void *taker(void *argument)
{
    for (;;) {
        int was_over = is_over;
        uint64_t ticket = take_one(argument);
        if (ticket)
            taken[ticket]++; /* a race, seen by TSan and as a wrong count, if two takers got it */
        else if (was_over)
            return NULL;
    }
}

static void four_takers_share_without_loss(void **state)
{
    (void)state;
    struct ring *ring = ring_new();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, taker, ring), 0);
    for (uint64_t i = 1; i <= TICKETS; i++)
        while (!ring_push(ring, i, NULL))
            ;
    is_over = 1;
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (uint64_t i = 1; i <= TICKETS; i++)
        assert_int_equal(taken[i], 1);
    free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tickets_come_out_in_order_for_ever),
        cmocka_unit_test(a_full_ring_refuses),
        cmocka_unit_test(a_ticket_is_taken_once),
        cmocka_unit_test(a_payload_comes_with_its_ticket_lap_after_lap),
        cmocka_unit_test(four_takers_share_without_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
