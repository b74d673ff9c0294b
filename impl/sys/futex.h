/* SPDX-License-Identifier: MIT
 *
 * Waiting: spin briefly, then sleep on a futex. A futex word lives in memory that waiter and waker
 * share (shared = true: also between processes). No wake-up is ever counted on: every waiter re-reads
 * its condition, and whoever is killed asleep leaves nothing behind but a superfluous wake.
 *
 * Who sleeps on what, and which pair of store and load keeps a wake-up from being lost (each side stores, then a
 * fence, then loads what the other stored; the fences have numbers: inject.h):
 *   an idle worker  slot.wake_word   stores slot.state = ASLEEP, looks for tickets | pushes, looks at slot.state
 *   a thief         team.steal_wake  stores team.thieves, looks at the ranges      | fills one, looks at thieves
 *   a caller        job.finished     stores is_awaited, looks at finished          | finishes, looks at is_awaited
 * The caller also looks ten times a second whether the supervisor is there, a thief a hundred times whether its job
 * has changed: whom they wait for may be killed between its store and its look.
 *
 * At most min(workers, usable CPUs) run or spin at once: of idle workers one spins, for WAIT_SPIN_NS; thieves do where
 * there is a CPU a worker; a caller where the workers it waits for leave it one. wait = spin lifts all of that,
 * wait = park lets nobody spin.
 */
#ifndef GRAIN_TRANSPORT_WAIT_H
#define GRAIN_TRANSPORT_WAIT_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How long a waiter spins before it sleeps. A wake-up across CPUs of a virtual machine costs 25-65 us:
 * spinning about as long is at most twice as dear as knowing the future (the ski-rental bound). */
#define WAIT_SPIN_NS 50000u

/* Sleeps while *word == expected, at most timeout_ns (UINT64_MAX: for ever). Returns 0 when woken or
 * when the value differs, -ETIMEDOUT, -EINTR. */
int wait_sleep(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns, bool shared);

/* Wakes up to count sleepers. */
void wait_wake(_Atomic uint32_t *word, int count, bool shared);

/* One breath of a spinning loop. The pause also keeps the spinner from taking a cache line back while the other side is
 * still writing into it: without it a single task took 2.1 us here instead of 0.9. Every 64th yields the CPU, so that
 * a waiter never starves the very thread it waits for when both were put on one CPU. */
static inline void wait_breathe(unsigned turn)
{
    if ((turn & 63) == 63) {
        sched_yield();
        return;
    }
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

#endif
