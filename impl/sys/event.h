/* SPDX-License-Identifier: MIT
 *
 * Event counts: who waits for one of many things sleeps on one word, and whoever does such a thing moves the word on,
 * but only where somebody sleeps. So nobody has to look again and again. A pool has three (enum event), in memory that
 * its workers share. No _Atomic types, so that C++ can include this; atomics use GCC builtins.
 *
 *   sleeper  reads the word; counts itself; says what it waits for; F11; looks: is it there? no: sleeps while the word
 *            is as it was
 *   teller   makes it true; F12; looks whether it is waited for, and whether anybody sleeps: moves the word on, wakes
 *
 * F11 and F12 pair: either the sleeper finds it true, or the teller finds a sleeper. Told once too often is no harm:
 * sleepers look again.
 */
#ifndef GRAIN_EVENT_H
#define GRAIN_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum event { EVENT_FUTURES, EVENT_CALLBACKS, EVENT_SERVICE, EVENT_KINDS };

/* One bit each, for those who are told. */
#define EVENT_BIT(event) (1u << (event))
#define EVENT_ALL        (EVENT_BIT(EVENT_KINDS) - 1)
#define EVENT_NOBODY     EVENT_BIT(EVENT_KINDS)

struct events {
    struct {
        uint32_t word, sleepers;
    } of[EVENT_KINDS];
    bool is_shared; /* between processes */
};

/* The sleeper's: sleeps once, at most sleep_ns (UINT64_MAX: until it is told), unless is_there(who), which also says
 * what is waited for. May return for no reason. */
void event_wait(struct events *events, enum event event, bool (*is_there)(void *who), void *who, uint64_t sleep_ns);

/* The teller's, after F12: moves on those words of `bits` that somebody sleeps on. Async-signal-safe. NULL: nobody can
 * sleep. */
void events_tell(struct events *events, unsigned bits);

#ifdef __cplusplus
}
#endif

#endif
