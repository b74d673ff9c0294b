/* SPDX-License-Identifier: MIT
 *
 * Named points in the code that hands work over, where a test build can make a worker yield, sleep or
 * die (the library variant grain_inject), and where the model test steps. In every other build a point is
 * nothing at all. The points stand between any two accesses to words that others write or read: where an
 * order matters.
 */
#ifndef GRAIN_INJECT_H
#define GRAIN_INJECT_H

#include <stdatomic.h>
#include <stdbool.h>

/* The sequentially consistent fences of the team's code, by number. Each stands between a store and a load of another
 * word; its partner stores what this one loads and loads what this one stores. So at least one of the two sees the
 * other. The table: where it stands, what is stored before, what is loaded after, its partners.
 *
 *   F1  team_submit_single  a ticket in the ring  | the slot's state     F3, F4, F13, F14
 *   F2  finished_say        finished              | is_awaited           the kernel's in FUTEX_WAIT: caller_lie_down
 *   F3  idle_lie_down       the slot's ASLEEP     | the rings            F1, F7
 *   F4  busy_become         the slot's BUSY       | its own ring         F1, F7
 *   F5  piece_interrupted   a range given back    | thieves              F8
 *   F6  piece_interrupted   interrupt cleared     | the phase            F10
 *   F7  parts_push          tickets in the rings  | the slots' states    F3, F4, F13, F14; and thieves: F8
 *   F8  thief_lie_down      thieves               | ranges, done, rings  F5, F7, F9
 *   F9  part_work           the part's bit        | thieves              F8
 *   F10 team_set_phase      the phase             | stores interrupt     F6, F14; and sleepers: F11
 *   F11 a sleeper (event.h) who is to tell it     | what it waits for    F2, F10, F12
 *   F12 job_call_tell       the call's state      | who waits, sleepers  F11
 *   F13 slot_borrow         the slot's LENT       | its ring             F1, F7
 *   F14 slot_give_back      the slot's ASLEEP     | all rings, the phase F1, F7, F10
 *
 * F1, F8 to F10, F12 between two calls, and F13 stand behind an atomic read-modify-write, which on x86 is a full
 * barrier already: there they only keep the compiler from moving things (FENCE_AFTER_RMW). Where none is needed
 * although it looks so, the code says why.
 *
 * -DGRAIN_NO_FENCE=n leaves Fn out, so that a test can show that it is needed: tests/faults/mutants.sh. */
#ifndef GRAIN_NO_FENCE
#define GRAIN_NO_FENCE 0
#endif

#define FENCE(n) fence((n) == GRAIN_NO_FENCE)

/* Left out for the CPU, not for the compiler: so a mutant shows what the CPU does. */
static inline void fence(bool is_left_out)
{
    if (is_left_out)
        atomic_signal_fence(memory_order_seq_cst);
    else
        atomic_thread_fence(memory_order_seq_cst);
}

#if defined(__x86_64__)
#define FENCE_AFTER_RMW(n) atomic_signal_fence(memory_order_seq_cst)
#else
#define FENCE_AFTER_RMW(n) FENCE(n)
#endif

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
    X(piece_marked)                                                                                                    \
    X(piece_cleared)                                                                                                   \
    X(claim_made)                                                                                                      \
    X(thief_waits)                                                                                                     \
    X(give_shrunk)                                                                                                     \
    X(give_published)                                                                                                  \
    X(give_told)                                                                                                       \
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
    X(recover_begun)                                                                                                   \
    X(recover_marked)                                                                                                  \
    X(recover_moved_on)

#ifdef GRAIN_INJECT
#define INJECT(point) inject_at(#point)
void inject_at(const char *point);
#else
#define INJECT(point) ((void)0)
#endif

#endif
