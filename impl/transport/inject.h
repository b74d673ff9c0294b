/* SPDX-License-Identifier: MIT
 *
 * Named points in the code that hands work over, where a test build can make a worker yield, sleep or
 * die (the library variant grain_inject). In every other build a point is nothing at all. The points
 * stand between two stores, or a store and a swap: where an order matters.
 */
#ifndef GRAIN_TRANSPORT_INJECT_H
#define GRAIN_TRANSPORT_INJECT_H

/* Taking a ticket; a piece; claims; stealing; reporting a part; completing a job; inheriting. */
#define INJECT_POINTS(X)                                                                                               \
    X(ticket_announced)                                                                                                \
    X(ticket_swapped)                                                                                                  \
    X(ticket_recorded)                                                                                                 \
    X(piece_no_task)                                                                                                   \
    X(piece_end_stored)                                                                                                \
    X(piece_begun)                                                                                                     \
    X(piece_run)                                                                                                       \
    X(piece_settled)                                                                                                   \
    X(piece_cleared)                                                                                                   \
    X(claim_made)                                                                                                      \
    X(range_taken)                                                                                                     \
    X(range_stolen)                                                                                                    \
    X(range_refilled)                                                                                                  \
    X(part_bit_set)                                                                                                    \
    X(part_reported)                                                                                                   \
    X(job_mine)                                                                                                        \
    X(job_finished)                                                                                                    \
    X(ticket_done)                                                                                                     \
    X(heir_adopts)                                                                                                     \
    X(heir_settled)                                                                                                    \
    X(heir_moved_on)

#ifdef GRAIN_INJECT
#define INJECT(point) inject_at(#point)
void inject_at(const char *point);
#else
#define INJECT(point) ((void)0)
#endif

#endif
