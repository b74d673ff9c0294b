/* SPDX-License-Identifier: MIT
 *
 * Named points in the code that hands work over, where a test build can make a worker yield, sleep or
 * die (the library variant grain_inject), and where the model test steps. In every other build a point is
 * nothing at all. The points stand between any two accesses to words that others write or read: where an
 * order matters.
 */
#ifndef GRAIN_INJECT_H
#define GRAIN_INJECT_H

/* Taking a ticket; a range; a piece; giving back; reporting a part, completing a job; a single task; a replacement that
 * looks for an announced ticket; inheriting. */
#define INJECT_POINTS(X)                                                                                               \
    X(ticket_seen)                                                                                                     \
    X(ticket_announced)                                                                                                \
    X(ticket_swapped)                                                                                                  \
    X(ticket_recorded)                                                                                                 \
    X(range_front_seen)                                                                                                \
    X(range_half_seen)                                                                                                 \
    X(range_taken)                                                                                                     \
    X(range_stolen)                                                                                                    \
    X(range_refilled)                                                                                                  \
    X(piece_no_task)                                                                                                   \
    X(piece_end_stored)                                                                                                \
    X(piece_begun)                                                                                                     \
    X(piece_run)                                                                                                       \
    X(piece_settled)                                                                                                   \
    X(piece_cleared)                                                                                                   \
    X(claim_made)                                                                                                      \
    X(thief_waits)                                                                                                     \
    X(give_shrunk)                                                                                                     \
    X(give_published)                                                                                                  \
    X(part_bit_set)                                                                                                    \
    X(word_seen)                                                                                                       \
    X(part_reported)                                                                                                   \
    X(job_mine)                                                                                                        \
    X(job_finished)                                                                                                    \
    X(ticket_done)                                                                                                     \
    X(single_begun)                                                                                                    \
    X(single_run)                                                                                                      \
    X(single_finished)                                                                                                 \
    X(look_marked)                                                                                                     \
    X(look_waits)                                                                                                      \
    X(look_over)                                                                                                       \
    X(look_adopted)                                                                                                    \
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
