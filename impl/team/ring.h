/* SPDX-License-Identifier: MIT
 *
 * A bounded queue of tickets (non-zero words of 63 bits): one producer at a time (the caller holds a lock
 * of its own), any number of consumers in any process, no lock. A ticket may bring a few words of payload in the
 * same cache line.
 *
 * Words and writers: `tail` and `head_seen` are the producer's alone. A cell is written by the producer only, which
 * marks it with the parity of its lap around the ring: at the position where head stands a cell of this lap's parity
 * is full, one of the other parity is what the last lap left there. `head` is moved on by consumers: the
 * compare-and-swap of head *is* the removal. So a consumer writes nothing into the lines that the producer fills, and
 * the producer looks at head only when the ring seems full.
 *
 * Payload is written before its ticket and read before head is moved on: as long as head stands there the producer
 * cannot come round. A consumer that was overtaken may have read words that do not belong together: its swap fails.
 *
 * A death at any point: before the swap nothing has happened; after it the ticket is gone from the ring
 * (the taker announced it beforehand, see team/loop.c).
 *
 * Pairs: a cell (release) with the cell (acquire) in ring_peek: what a ticket stands for is written before
 * it; head (release) with head (acquire) in ring_push: the cell was read before it is written again.
 */
#ifndef GRAIN_RING_H
#define GRAIN_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RING_CELLS   256u                /* a power of two */
#define RING_PAYLOAD 7u                  /* words */
#define RING_LAP     (UINT64_C(1) << 63) /* the parity of the lap, in a cell: tickets are smaller */

_Static_assert((RING_CELLS & (RING_CELLS - 1)) == 0, "a position becomes a cell by its lower bits");

struct ring_cell {
    _Alignas(64) _Atomic uint64_t ticket;   /* bit 63: the parity of the lap */
    _Atomic uint64_t payload[RING_PAYLOAD]; /* relaxed: ordered by the ticket */
};

struct ring {
    _Alignas(64) uint64_t tail;
    uint64_t head_seen; /* the producer's copy */
    _Alignas(64) _Atomic uint64_t head;
    struct ring_cell cells[RING_CELLS];
};

/* A ring begins with zeroed cells: the first lap's parity is 1. */
static inline uint64_t ring_lap(uint64_t position)
{
    return position / RING_CELLS & 1 ? 0 : RING_LAP;
}

static inline struct ring_cell *ring_cell(struct ring *ring, uint64_t position)
{
    return &ring->cells[position & (RING_CELLS - 1)];
}

/* Producer: appends a ticket; payload: RING_PAYLOAD words, or NULL. False when the ring is full. */
static inline bool ring_push(struct ring *ring, uint64_t ticket, const uint64_t *payload)
{
    uint64_t tail = ring->tail;
    if (tail - ring->head_seen >= RING_CELLS) {
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (tail - ring->head_seen >= RING_CELLS)
            return false;
    }
    struct ring_cell *cell = ring_cell(ring, tail);
    if (payload)
        for (unsigned i = 0; i < RING_PAYLOAD; i++)
            atomic_store_explicit(&cell->payload[i], payload[i], memory_order_relaxed);
    atomic_store_explicit(&cell->ticket, ticket | ring_lap(tail), memory_order_release);
    ring->tail = tail + 1;
    return true;
}

/* Consumer: the oldest ticket that is there, and where; 0 when the ring is empty. */
uint64_t ring_peek(struct ring *ring, uint64_t *position);

/* Consumer: the payload of what ring_peek showed; it counts if the ticket is then taken. */
void ring_payload(struct ring *ring, uint64_t position, uint64_t payload[RING_PAYLOAD]);

/* Consumer: takes what ring_peek showed. False when somebody else was quicker. */
bool ring_take(struct ring *ring, uint64_t position);

/* The same for a ring with a single consumer: a plain store suffices. */
void ring_take_alone(struct ring *ring, uint64_t position);

/* Whether there is a ticket: what a spinning consumer reads, two words that do not change until one comes. */
bool ring_has_next(const struct ring *ring);

/* Whether a ticket lies in the ring: for recovery. */
bool ring_holds(const struct ring *ring, uint64_t ticket);

#endif
