/* SPDX-License-Identifier: MIT
 *
 * See event.h.
 */
#include "event.h"

#include <limits.h>
#include <stddef.h>

#include "futex.h"

void events_tell(struct events *events, unsigned bits)
{
    for (int event = 0; events && event < EVENT_KINDS; event++) {
        if (!(bits & EVENT_BIT(event)) || __atomic_load_n(&events->of[event].sleepers, __ATOMIC_RELAXED) == 0)
            continue;
        __atomic_fetch_add(&events->of[event].word, 1, __ATOMIC_RELEASE);
        wait_wake((_Atomic uint32_t *)&events->of[event].word, INT_MAX, events->is_shared);
    }
}
