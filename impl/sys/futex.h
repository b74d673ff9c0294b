/* SPDX-License-Identifier: MIT
 *
 * Waiting: spin briefly, then sleep on a futex. This is the only such loop: who waits says what for (struct wait_kind)
 * and for how long (struct wait_limits). A futex word lives in memory that waiter and waker share. No wake-up is ever
 * counted on: every waiter looks at its condition again, and who is killed asleep leaves nothing but a superfluous
 * wake.
 *
 * Who sleeps on what, and which stores and loads keep a wake-up from being lost (each side stores, then a fence, then
 * loads what the other side stored; the fences have numbers: inject.h):
 *   an idle worker  slot.wake_word   stores slot.state = ASLEEP, looks for tickets | pushes, looks at slot.state
 *   a thief         team.steal_wake  stores team.thieves, looks at the ranges      | fills one, looks at thieves
 *   a caller        job.finished     stores is_awaited, looks at finished          | finishes, looks at is_awaited
 * The caller also looks ten times a second whether the supervisor is there, a thief a hundred times whether its job
 * has changed: whom they wait for may be killed between its store and its look.
 *
 * At most min(workers, usable CPUs) run or spin at once: one of the idle workers spins, for WAIT_SPIN_NS; thieves do
 * where each worker has a CPU; a caller where the workers it waits for leave it one. Whoever finds that it keeps the
 * other side from a CPU leaves that CPU or sleeps, at the latest after WAIT_LOOK turns. wait = spin: who has a CPU of
 * its own does not sleep. wait = park: nobody spins.
 */
#ifndef GRAIN_FUTEX_H
#define GRAIN_FUTEX_H

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"

/* How long a waiter spins before it sleeps. A wake-up across CPUs of a virtual machine costs 25-65 us: spinning about
 * as long is at most twice as dear as knowing the future (the ski-rental bound). */
#define WAIT_SPIN_NS 50000u

/* Turns of the loop between two looks at the clock, and at who else needs the CPU. */
#define WAIT_LOOK 64u

/* Sleeps while *word == expected, at most timeout_ns (UINT64_MAX: for ever). Returns 0 when woken or when the value
 * differs, -ETIMEDOUT, -EINTR. */
int wait_sleep(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns, bool shared);

/* Wakes up to count sleepers. */
void wait_wake(_Atomic uint32_t *word, int count, bool shared);

/* One turn of a spinning loop. The pause also keeps the spinner from taking a cache line back while the other side is
 * still writing into it. Now and then it yields the CPU: the other side may be queued behind it. */
#ifndef cpu_relax /* the model test has its own */
static inline void cpu_relax(unsigned turn)
{
    if (turn % WAIT_LOOK == 0) {
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

/* A delay of so many turns: for less than a look at the clock takes. */
static inline void wait_pause(unsigned turns)
{
    for (unsigned turn = 1; turn <= turns; turn++)
        cpu_relax(turn);
}

/* What somebody waits for. `who` is the waiter. */
struct wait_kind {
    /* Required: whether the wait is over. acquire, where the waiter then reads what the other side wrote before. */
    bool (*is_over)(void *who);
    /* NULL: yes. Asked every WAIT_LOOK turns: whether the waiter may go on spinning; else it sleeps. */
    bool (*may_spin)(void *who);
    /* Required with a word. Announces the sleeper, then looks again; between the two stands the waiter's fence. False:
     * it is over. */
    bool (*lie_down)(void *who);
    /* With a word: takes the announcement back. NULL: nothing to do. */
    void (*get_up)(void *who);
};

struct wait_limits {
    _Atomic uint32_t *word; /* futex: moved on by who ends the wait. NULL: the waiter never sleeps */
    uint64_t spin_ns;       /* 0: it does not spin */
    bool is_endless;        /* after spin_ns it returns instead of sleeping: its caller comes again */
    uint64_t sleep_ns;      /* asleep it returns after so long; UINT64_MAX: only when it is woken */
    bool is_shared;         /* the word: between processes */
};

enum wait_end {
    WAIT_OVER,    /* is_over said so while it spun */
    WAIT_TIME_UP, /* spin_ns of an endless wait, or sleep_ns */
    WAIT_WOKEN,   /* it was woken, or did not have to sleep */
    WAIT_CROWDED  /* may_spin said no, and it cannot sleep */
};

/* The functions of `kind` are known where this is inlined, so that a turn costs no call. */
__attribute__((always_inline)) static inline enum wait_end wait_spin(const struct wait_kind *kind, uint64_t spin_ns,
                                                                     void *who)
{
    uint64_t until = 0;
    for (unsigned turn = 1; !kind->is_over(who); turn++) {
        if (turn % WAIT_LOOK == 0) {
            if (kind->may_spin && !kind->may_spin(who))
                return WAIT_CROWDED;
            uint64_t now = clock_ns();
            if (until == 0)
                until = now + spin_ns;
            else if (now >= until)
                return WAIT_TIME_UP;
        }
        cpu_relax(turn);
    }
    return WAIT_OVER;
}

/* Spins as the limits allow, then sleeps once. Whoever has to wait for longer calls it again. */
__attribute__((always_inline)) static inline enum wait_end wait_once(const struct wait_kind *kind,
                                                                     const struct wait_limits *limits, void *who)
{
    if (limits->spin_ns) {
        enum wait_end end = wait_spin(kind, limits->spin_ns, who);
        if (end == WAIT_OVER || !limits->word || (end == WAIT_TIME_UP && limits->is_endless))
            return end;
    }
    if (!limits->word)
        return WAIT_TIME_UP;
    /* acquire: the word is read before the announcement; who moves it on after our look has changed it */
    uint32_t seen = atomic_load_explicit(limits->word, memory_order_acquire);
    int status = 0;
    if (kind->lie_down(who))
        status = wait_sleep(limits->word, seen, limits->sleep_ns, limits->is_shared);
    if (kind->get_up)
        kind->get_up(who);
    return status == -ETIMEDOUT ? WAIT_TIME_UP : WAIT_WOKEN;
}

/* The same for who waits for nothing but the word: until it is another than `seen`. */
enum wait_end wait_change(const struct wait_limits *limits, uint32_t seen);

#endif
