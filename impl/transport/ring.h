/* SPDX-License-Identifier: MIT
 *
 * A bounded queue of tickets (non-zero 64-bit words): one producer at a time (the caller holds a mutex
 * of its own), any number of consumers in any process, no lock.
 *
 * Words and writers: `tail` is written by the producer alone. A cell is filled by the producer, which
 * finds it 0, and emptied by the one consumer whose compare-and-swap ticket -> 0 succeeds: that swap *is*
 * the removal. `head` only says where to look first; whoever finds the cell under it empty pushes it on.
 *
 * A death at any point: before the swap nothing has happened; after it the ticket is gone from the ring
 * (the taker announced it beforehand, see team.c); a head that was not moved on is moved by the next.
 *
 * Pairs: tail (release) with tail (acquire) in ring_peek; cell swap acq_rel with the producer's release.
 */
#ifndef GRAIN_TRANSPORT_RING_H
#define GRAIN_TRANSPORT_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RING_CELLS 256u /* a power of two */

struct ring {
    _Alignas(64) _Atomic uint64_t tail;
    _Alignas(64) _Atomic uint64_t head;
    _Alignas(64) _Atomic uint64_t cells[RING_CELLS];
};

/* Producer: appends a ticket. False when the ring is full. */
bool ring_push(struct ring *ring, uint64_t ticket);

/* Consumer: the oldest ticket that is there, and where; 0 when the ring is empty. */
uint64_t ring_peek(struct ring *ring, uint64_t *position);

/* Consumer: takes what ring_peek showed. False when somebody else was quicker. */
bool ring_take(struct ring *ring, uint64_t position, uint64_t ticket);

/* Whether a ticket lies in the ring: for recovery. */
bool ring_holds(const struct ring *ring, uint64_t ticket);

#endif
