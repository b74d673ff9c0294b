/* SPDX-License-Identifier: MIT
 *
 * See event.h.
 */
#include "event.h"

#include <limits.h>
#include <stddef.h>

#include "futex.h"
#include "inject.h"

struct sleeper {
    uint32_t *sleepers;
    bool (*is_there)(void *who);
    void *who;
};

static bool lie_down(void *argument)
{
    struct sleeper *sleeper = argument;
    __atomic_fetch_add(sleeper->sleepers, 1, __ATOMIC_SEQ_CST);
    FENCE_AFTER_RMW(11); /* of what is_there stores it has its own */
    return !sleeper->is_there(sleeper->who);
}

static void get_up(void *argument)
{
    struct sleeper *sleeper = argument;
    __atomic_fetch_sub(sleeper->sleepers, 1, __ATOMIC_RELAXED);
}

static bool is_over(void *argument)
{
    (void)argument; /* nobody spins here */
    return false;
}

void event_wait(struct events *events, enum event event, bool (*is_there)(void *who), void *who, uint64_t sleep_ns)
{
    static const struct wait_kind kind = {.is_over = is_over, .lie_down = lie_down, .get_up = get_up};
    struct sleeper sleeper = {&events->of[event].sleepers, is_there, who};
    struct wait_limits limits = {
        .word = (_Atomic uint32_t *)&events->of[event].word, .sleep_ns = sleep_ns, .is_shared = events->is_shared};
    wait_once(&kind, &limits, &sleeper);
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
