/* SPDX-License-Identifier: MIT
 *
 * See ring.h for who writes what, and in which order.
 */
#include "transport/ring.h"

#include "inject.h"

static _Atomic uint64_t *cell_at(struct ring *ring, uint64_t position)
{
    return &ring->cells[position & (RING_CELLS - 1)];
}

bool ring_push(struct ring *ring, uint64_t ticket)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (tail - ring->head_seen >= RING_CELLS) {
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (tail - ring->head_seen >= RING_CELLS)
            return false;
    }
    atomic_store_explicit(cell_at(ring, tail), ticket, memory_order_release);
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    return true;
}

/* The cell first: while a ticket is there the tail, which every push writes, is none of the consumer's business. A
 * cell that reads 0 is looked at again once the tail is known: below the tail it was filled, so it was emptied. */
uint64_t ring_peek(struct ring *ring, uint64_t *position)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    bool is_below_tail = false;
    for (;;) {
        uint64_t ticket = atomic_load_explicit(cell_at(ring, head), memory_order_acquire);
        if (ticket) {
            *position = head;
            return ticket;
        }
        if (!is_below_tail) {
            if (head >= atomic_load_explicit(&ring->tail, memory_order_acquire))
                return 0;
            is_below_tail = true;
            continue;
        }
        INJECT(head_seen);
        /* Taken already: whoever took it has not moved head on, or died before it could. */
        if (atomic_compare_exchange_strong_explicit(&ring->head, &head, head + 1, memory_order_acq_rel,
                                                    memory_order_acquire))
            head++;
        is_below_tail = false;
    }
}

bool ring_take(struct ring *ring, uint64_t position, uint64_t ticket)
{
    if (!atomic_compare_exchange_strong_explicit(cell_at(ring, position), &ticket, 0, memory_order_acq_rel,
                                                 memory_order_relaxed))
        return false;
    INJECT(cell_taken);
    atomic_compare_exchange_strong_explicit(&ring->head, &position, position + 1, memory_order_acq_rel,
                                            memory_order_relaxed);
    return true;
}

void ring_take_alone(struct ring *ring, uint64_t position)
{
    atomic_store_explicit(cell_at(ring, position), 0, memory_order_release);
    INJECT(cell_taken);
    atomic_store_explicit(&ring->head, position + 1, memory_order_release);
}

bool ring_has_next(const struct ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    return atomic_load_explicit(cell_at((struct ring *)ring, head), memory_order_relaxed) != 0;
}

bool ring_holds(const struct ring *ring, uint64_t ticket)
{
    for (unsigned i = 0; i < RING_CELLS; i++)
        if (atomic_load_explicit(&ring->cells[i], memory_order_acquire) == ticket)
            return true;
    return false;
}
