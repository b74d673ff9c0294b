/* SPDX-License-Identifier: MIT
 *
 * Stealing: every part of a job has a range of chunks of its own. Its worker takes pieces of about
 * 20 us from the front and runs them touching nothing that is shared; a thief takes the back half of what
 * is left. When every range is empty and a piece turns out longer than it was thought, a thief requests
 * an interrupt, and the owner gives half of the rest of its piece back (team/piece.c).
 * Pure: knows no backend and runs no task.
 *
 * One word holds the whole range (begin and end, 32 bits each), and every change that takes chunks away
 * is one compare-and-swap on it. So a chunk is taken once, whoever tries, and a stale view can never
 * win: the word says all there is to know. Who writes it:
 *   before the job is handed over   the caller (steal_put)
 *   taking from the front, the back  anyone, by compare-and-swap
 *   filling an empty range          only the worker that holds the part (steal_put): thieves leave
 *                                   empty ranges alone. What it fills in was taken off before: from
 *                                   another range by the swap, or from its own hands by shrinking what
 *                                   its slot says, which comes first
 * A taker that dies after its swap and before it has noted what it took, and an owner that dies after it
 * shrank and before it put, leave chunks that nobody has: the job's `done_marks` bytes show them (team/layout.h).
 *
 * acq_rel on every swap: what a chunk stands for was published with the ticket; the order matters between
 * the thief that fills its own range and the one that takes from it. steal_put is release: it pairs with
 * the acquire of the next taker.
 */
#ifndef GRAIN_STEAL_H
#define GRAIN_STEAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define STEAL_CHUNKS_MAX UINT32_MAX

struct steal_range {
    _Alignas(64) _Atomic uint64_t word; /* begin << 32 | end; begin == end: empty */
};

struct steal_piece {
    uint32_t begin, end;
};

/* Whether there is nothing in it: a hint for who does not hold the part, certain for who does, because only
 * the holder fills it. */
bool steal_is_empty(const struct steal_range *range);

/* Sets an empty range. */
void steal_put(struct steal_range *range, struct steal_piece piece);

/* Takes up to `most` chunks from the front; false when the range is empty. */
bool steal_take_front(struct steal_range *range, uint32_t most, struct steal_piece *piece);

/* Takes the back half, rounded up; false when the range is empty. */
bool steal_take_half(struct steal_range *range, struct steal_piece *piece);

/* How many chunks a worker takes at a time: as many as it will run in about STEAL_PIECE_NS, learnt from
 * the last piece. More would keep thieves waiting, fewer cost more swaps than needed. */
#define STEAL_PIECE_NS 20000u

/* Chunks of the first piece, of which nothing is known yet. */
#ifndef STEAL_PACE_FIRST
#define STEAL_PACE_FIRST 1u
#endif

/* Asking for less than this is not worth it: giving and taking cost about as much. */
#define STEAL_WORTH_NS 1000u

struct steal_pace {
    uint32_t chunks; /* of the next piece, >= 1 */
};

/* A piece of so many chunks took elapsed_ns: adapts the pace, at most doubling it; a piece that cost no more
 * than the reading of the clock may be followed by one of four times as many. */
void steal_pace_learn(struct steal_pace *pace, uint32_t chunks, uint64_t elapsed_ns);

/* How many chunks the worker that found nothing to steal should at least see in somebody's hands to ask for them, as
 * far as its own pace tells. */
uint32_t steal_pace_worth(const struct steal_pace *pace);

/* Of `left` chunks that have not begun, how many the owner gives away when it is asked: half. The rest it keeps; at
 * least one when it has none in progress. */
uint64_t steal_give(uint64_t left, bool has_one_in_progress);

#endif
