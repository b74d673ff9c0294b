/* SPDX-License-Identifier: MIT
 *
 * Whether this process is the one that made something, or a child that was forked since. A page that the kernel wipes
 * in forked children costs a load per question, where getpid() is a system call.
 */
#ifndef GRAIN_OWNER_H
#define GRAIN_OWNER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#define OWNER_IS_PID ((uint64_t)1 << 63) /* where there is no such page, the number is that of the process */

/* Reads 0 in a forked child until it asks for a number of its own; NULL: nobody has asked yet. */
extern _Atomic uint64_t *_Atomic owner_page;

/* The number of this process, which no ancestor and no descendant of it has. Thread-safe. */
uint64_t owner_self(void);

/* Whether a number that owner_self() gave, here or before a fork, is this process's. relaxed: whoever has the number
 * has it from a thread that had made the page. */
static inline bool owner_is_self(uint64_t owner)
{
    if (owner & OWNER_IS_PID)
        return owner == (OWNER_IS_PID | (uint64_t)getpid());
    return atomic_load_explicit(atomic_load_explicit(&owner_page, memory_order_relaxed), memory_order_relaxed) == owner;
}

#endif
