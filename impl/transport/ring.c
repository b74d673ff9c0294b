/* SPDX-License-Identifier: MIT
 *
 * See ring.h for who writes what, and in which order.
 */
#include "transport/ring.h"

static _Atomic uint64_t *cell_at(struct ring *ring, uint64_t position)
{
    return &ring->cells[position & (RING_CELLS - 1)];
}

bool ring_push(struct ring *ring, uint64_t ticket)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    _Atomic uint64_t *cell = cell_at(ring, tail);
    if (tail - head >= RING_CELLS || atomic_load_explicit(cell, memory_order_acquire) != 0)
        return false;
    atomic_store_explicit(cell, ticket, memory_order_release);
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    return true;
}

uint64_t ring_peek(struct ring *ring, uint64_t *position)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    while (head < atomic_load_explicit(&ring->tail, memory_order_acquire)) {
        uint64_t ticket = atomic_load_explicit(cell_at(ring, head), memory_order_acquire);
        if (ticket) {
            *position = head;
            return ticket;
        }
        /* Taken already: whoever took it has not moved head on, or died before it could. */
        if (atomic_compare_exchange_strong_explicit(&ring->head, &head, head + 1, memory_order_acq_rel,
                                                    memory_order_acquire))
            head++;
    }
    return 0;
}

bool ring_take(struct ring *ring, uint64_t position, uint64_t ticket)
{
    if (!atomic_compare_exchange_strong_explicit(cell_at(ring, position), &ticket, 0, memory_order_acq_rel,
                                                 memory_order_relaxed))
        return false;
    atomic_compare_exchange_strong_explicit(&ring->head, &position, position + 1, memory_order_acq_rel,
                                            memory_order_relaxed);
    return true;
}

bool ring_holds(const struct ring *ring, uint64_t ticket)
{
    for (unsigned i = 0; i < RING_CELLS; i++)
        if (atomic_load_explicit(&ring->cells[i], memory_order_acquire) == ticket)
            return true;
    return false;
}
