/* SPDX-License-Identifier: MIT
 *
 * See event.h.
 */
#include "event.h"

#include <limits.h>
#include <stddef.h>

#include "clock.h"
#include "futex.h"

/* seq_cst: the count is there before the word is read, and before what is waited for is looked at. */
uint32_t event_begin(struct events *events, enum event event)
{
    __atomic_fetch_add(&events->of[event].sleepers, 1, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&events->of[event].word, __ATOMIC_ACQUIRE);
}

void event_sleep(struct events *events, enum event event, uint32_t seen, uint64_t until_ns)
{
    uint64_t now = until_ns == UINT64_MAX ? 0 : clock_ns();
    if (now < until_ns)
        wait_sleep((_Atomic uint32_t *)&events->of[event].word, seen,
                   until_ns == UINT64_MAX ? until_ns : until_ns - now, events->is_shared);
}

void event_end(struct events *events, enum event event)
{
    __atomic_fetch_sub(&events->of[event].sleepers, 1, __ATOMIC_RELAXED);
}

void events_tell(struct events *events, unsigned bits)
{
    for (int event = 0; events && event < EVENT_KINDS; event++) {
        if (!(bits & EVENT_BIT(event)) || __atomic_load_n(&events->of[event].sleepers, __ATOMIC_RELAXED) == 0)
            continue;
        __atomic_fetch_add(&events->of[event].word, 1, __ATOMIC_RELEASE);
        wait_wake((_Atomic uint32_t *)&events->of[event].word, INT_MAX, events->is_shared);
    }
}
