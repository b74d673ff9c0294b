/* SPDX-License-Identifier: MIT
 *
 * A lock among the threads of one process, for a few instructions at a time: two locked operations in line, where a
 * pthread_mutex_t takes two and some sixty instructions. Whoever dies or is stopped with it keeps the others waiting:
 * never between processes.
 */
#ifndef GRAIN_LOCK_H
#define GRAIN_LOCK_H

#include "futex.h"

enum { LOCK_FREE, LOCK_HELD, LOCK_WAITED_FOR };

struct lock {
    _Atomic uint32_t word; /* one of these; all 0: free. A futex */
};

void lock_take_slowly(struct lock *lock);

/* acquire: pairs with lock_drop. */
static inline void lock_take(struct lock *lock)
{
    uint32_t is_free = LOCK_FREE;
    if (!atomic_compare_exchange_strong_explicit(&lock->word, &is_free, LOCK_HELD, memory_order_acquire,
                                                 memory_order_relaxed))
        lock_take_slowly(lock);
}

/* A read-modify-write: FENCE_AFTER_RMW may follow. */
static inline void lock_drop(struct lock *lock)
{
    if (atomic_exchange_explicit(&lock->word, LOCK_FREE, memory_order_release) == LOCK_WAITED_FOR)
        wait_wake(&lock->word, 1, false);
}

#endif
