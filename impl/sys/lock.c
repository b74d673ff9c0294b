/* SPDX-License-Identifier: MIT
 *
 * Waiting for a lock (source: U. Drepper, "Futexes Are Tricky", the second mutex): a moment of spinning, then asleep.
 * Whoever has slept takes it as one that is waited for: others may still sleep, and a wake-up too many does no harm.
 */
#include "lock.h"

#define LOCK_SPIN_NS 1000u /* it is held for less */

static bool lock_is_free(void *who)
{
    const struct lock *lock = who;
    return atomic_load_explicit(&lock->word, memory_order_relaxed) == LOCK_FREE;
}

/* The kernel compares the word once more under a lock of its own: a lock_drop() meanwhile is not missed. */
static bool lock_lie_down(void *who)
{
    const struct lock *lock = who;
    return atomic_load_explicit(&lock->word, memory_order_relaxed) == LOCK_WAITED_FOR;
}

void lock_take_slowly(struct lock *lock)
{
    static const struct wait_kind kind = {.is_over = lock_is_free, .lie_down = lock_lie_down};
    const struct wait_limits limits = {.word = &lock->word, .sleep_ns = UINT64_MAX};
    uint32_t is_free = LOCK_FREE;
    wait_spin(&kind, LOCK_SPIN_NS, lock);
    if (atomic_compare_exchange_strong_explicit(&lock->word, &is_free, LOCK_HELD, memory_order_acquire,
                                                memory_order_relaxed))
        return;
    while (atomic_exchange_explicit(&lock->word, LOCK_WAITED_FOR, memory_order_acquire) != LOCK_FREE)
        wait_once(&kind, &limits, lock);
}
