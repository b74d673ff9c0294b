/* SPDX-License-Identifier: MIT
 *
 * A bounded queue of tickets (non-zero 64-bit words): one producer at a time (the caller holds a mutex
 * of its own), any number of consumers in any process, no lock.
 *
 * Words and writers: `tail` and `head_seen` are written by the producer alone. A cell is filled by the
 * producer, which knows it to be 0 because head has passed it, and emptied by the one consumer whose
 * compare-and-swap ticket -> 0 succeeds: that swap *is* the removal. `head` only says where to look first;
 * it moves past empty cells alone, and whoever finds the cell under it empty pushes it on.
 *
 * A death at any point: before the swap nothing has happened; after it the ticket is gone from the ring
 * (the taker announced it beforehand, see team.c); a head that was not moved on is moved by the next.
 *
 * Pairs: a cell (release) with the cell (acquire) in ring_peek: what a ticket stands for is written before
 * it; tail (release) with tail (acquire) in ring_peek: a cell below the tail that reads 0 was emptied;
 * head (release) with head (acquire) in ring_push: a cell that head has passed is empty.
 */
#ifndef GRAIN_TRANSPORT_RING_H
#define GRAIN_TRANSPORT_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RING_CELLS 256u /* a power of two */

struct ring {
    _Alignas(64) _Atomic uint64_t tail;
    uint64_t head_seen; /* the producer's copy: it looks at head only when the ring seems full */
    _Alignas(64) _Atomic uint64_t head;
    _Alignas(64) _Atomic uint64_t cells[RING_CELLS];
};

/* Producer: appends a ticket. False when the ring is full. */
bool ring_push(struct ring *ring, uint64_t ticket);

/* Consumer: the oldest ticket that is there, and where; 0 when the ring is empty. */
uint64_t ring_peek(struct ring *ring, uint64_t *position);

/* Consumer: takes what ring_peek showed. False when somebody else was quicker. */
bool ring_take(struct ring *ring, uint64_t position, uint64_t ticket);

/* The same for a ring that has but one consumer: nobody can be quicker, and no swap has to be waited for. */
void ring_take_alone(struct ring *ring, uint64_t position);

/* Whether there is a ticket where the next consumer looks first: what a spinning consumer reads, two words that
 * do not change until a ticket comes. False when unsure. */
bool ring_has_next(const struct ring *ring);

/* Whether a ticket lies in the ring: for recovery. */
bool ring_holds(const struct ring *ring, uint64_t ticket);

#endif
