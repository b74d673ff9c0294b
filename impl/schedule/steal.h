/* SPDX-License-Identifier: MIT
 *
 * Stealing: every part of a job has a range of claim units of its own. Its worker takes pieces from the
 * front and runs them without touching anything shared; a thief takes the back half of what is left.
 * Pure: knows no backend and runs no task.
 *
 * One word holds the whole range (begin and end, 32 bits each), and every change that takes units away
 * is one compare-and-swap on it. So a unit is taken once, whoever tries, and a stale view can never
 * win: the word says all there is to know. Who writes it:
 *   before the job is handed over   the caller (steal_put)
 *   taking from the front, the back  anyone, by compare-and-swap
 *   filling an empty range          only the worker that holds the part (steal_put): thieves leave
 *                                   empty ranges alone
 * A taker that dies after its swap and before it has noted what it took leaves units that nobody has:
 * the job's `units` bytes show them (see team.h).
 *
 * acq_rel on every swap: what a unit stands for was published with the ticket; the order matters between
 * the thief that fills its own range and the one that takes from it.
 */
#ifndef GRAIN_SCHEDULE_STEAL_H
#define GRAIN_SCHEDULE_STEAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define STEAL_UNITS_MAX UINT32_MAX

struct steal_range {
    _Alignas(64) _Atomic uint64_t word; /* begin << 32 | end; begin == end: empty */
};

struct steal_piece {
    uint32_t begin, end;
};

/* Sets an empty range. */
void steal_put(struct steal_range *range, struct steal_piece piece);

/* Takes up to `most` units from the front; false when the range is empty. */
bool steal_take_front(struct steal_range *range, uint32_t most, struct steal_piece *piece);

/* Takes the back half, rounded up; false when the range is empty. */
bool steal_take_half(struct steal_range *range, struct steal_piece *piece);

/* How many units a worker takes at a time: as many as it will run in about STEAL_PIECE_NS, learnt from
 * the last piece. More would keep thieves waiting, fewer cost more swaps than needed. */
#define STEAL_PIECE_NS 20000u

struct steal_pace {
    uint32_t units; /* of the next piece, >= 1 */
};

/* A piece of `units` units took elapsed_ns: adapts the pace, at most doubling it. */
void steal_pace_learn(struct steal_pace *pace, uint32_t units, uint64_t elapsed_ns);

#endif
