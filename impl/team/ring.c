/* SPDX-License-Identifier: MIT
 *
 * See ring.h for who writes what, and in which order.
 */
#include "ring.h"

uint64_t ring_peek(struct ring *ring, uint64_t *position)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    for (;;) {
        uint64_t word = atomic_load_explicit(&ring_cell(ring, head)->ticket, memory_order_acquire);
        *position = head;
        if ((word & RING_LAP) == ring_lap(head))
            return word & ~RING_LAP;
        /* Of another lap: the last one, unless head has moved on since. */
        head = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (head == *position)
            return 0;
    }
}

void ring_payload(struct ring *ring, uint64_t position, uint64_t payload[RING_PAYLOAD])
{
    const struct ring_cell *cell = ring_cell(ring, position);
    for (unsigned i = 0; i < RING_PAYLOAD; i++)
        payload[i] = atomic_load_explicit(&cell->payload[i], memory_order_relaxed);
}

/* release: pairs with ring_push, whose next write to the cell comes after our reads of it; acquire: head may have been
 * moved here by another consumer. */
bool ring_take(struct ring *ring, uint64_t position)
{
    return atomic_compare_exchange_strong_explicit(&ring->head, &position, position + 1, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

void ring_take_alone(struct ring *ring, uint64_t position)
{
    atomic_store_explicit(&ring->head, position + 1, memory_order_release);
}

bool ring_has_next(const struct ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint64_t word = atomic_load_explicit(&ring->cells[head & (RING_CELLS - 1)].ticket, memory_order_relaxed);
    return (word & RING_LAP) == ring_lap(head);
}

bool ring_holds(const struct ring *ring, uint64_t ticket)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    for (uint64_t at = head; at < head + RING_CELLS; at++) {
        uint64_t word = atomic_load_explicit(&ring->cells[at & (RING_CELLS - 1)].ticket, memory_order_acquire);
        if (word == (ticket | ring_lap(at)))
            return true;
    }
    return false;
}
