/* SPDX-License-Identifier: MIT
 *
 * Waking those who sleep, from either side: a worker for a ticket, thieves for a range, everybody for the end.
 * Who sleeps on what: sys/futex.h.
 */
#include <limits.h>

#include "wake.h"

#include "sys/event.h"
#include "sys/futex.h"
#include "sys/inject.h"

static void slot_signal(struct team *team, struct team_slot *slot)
{
    atomic_fetch_add_explicit(&slot->wake_word, 1, memory_order_release);
    wait_wake(&slot->wake_word, 1, team->is_shared);
}

/* Wakes the slot's worker if it sleeps. The swap makes each sleep end once, so that several pushes wake several. */
static bool slot_wake_sleeper(struct team *team, struct team_slot *slot)
{
    uint32_t asleep = SLOT_ASLEEP;
    if (atomic_load_explicit(&slot->state, memory_order_relaxed) != SLOT_ASLEEP ||
        !atomic_compare_exchange_strong_explicit(&slot->state, &asleep, SLOT_AWAKE, memory_order_relaxed,
                                                 memory_order_relaxed))
        return false;
    slot_signal(team, slot);
    return true;
}

void slot_wake(struct team *team, int slot, bool is_occupied)
{
    if (slot_wake_sleeper(team, &team->slots[slot]) || !is_occupied ||
        atomic_load_explicit(&team->sleepers, memory_order_relaxed) == 0)
        return;
    for (int i = 1; i < team->workers; i++)
        if (slot_wake_sleeper(team, &team->slots[(slot + i) % team->workers]))
            return;
}

void thieves_wake(struct team *team)
{
    if (atomic_load_explicit(&team->thieves, memory_order_relaxed) == 0)
        return;
    atomic_fetch_add_explicit(&team->steal_wake, 1, memory_order_release);
    wait_wake(&team->steal_wake, INT_MAX, team->is_shared);
}

void team_say_pushed(struct team *team)
{
    atomic_fetch_add_explicit(&team->pushed, 1, memory_order_release);
}

void team_set_phase(struct team *team, enum team_phase phase)
{
    uint32_t now = atomic_load_explicit(&team->phase, memory_order_relaxed);
    while (now < (uint32_t)phase && !atomic_compare_exchange_weak_explicit(&team->phase, &now, (uint32_t)phase,
                                                                           memory_order_acq_rel, memory_order_relaxed))
        ;
    atomic_fetch_add_explicit(&team->steal_wake, 1, memory_order_release);
    /* F10 pairs with F6: either a worker that clears its `interrupt` sees the phase, or what we store there comes after
     * that. A caller that is about to sleep may miss both the phase and the wake: it looks again at its next tick. */
    FENCE_AFTER_RMW(10);
    wait_wake(&team->steal_wake, INT_MAX, team->is_shared);
    for (int i = 0; i < team->workers; i++) {
        slot_signal(team, &team->slots[i]);
        if (phase >= TEAM_STOP) /* what runs is told between two tasks */
            job_request_interrupt(&team->slots[i].ctx);
    }
    for (size_t i = 0; i < TEAM_JOBS; i++)
        if (atomic_load_explicit(&team->jobs[i].is_awaited, memory_order_relaxed))
            wait_wake(&team->jobs[i].finished, INT_MAX, team->is_shared);
    events_tell(team->events, EVENT_ALL);
}

void job_tell(struct team *team, struct team_job *job, uint32_t whom)
{
    if (whom & AWAITED)
        wait_wake(&job->finished, INT_MAX, team->is_shared);
    if (whom > AWAITED)
        events_tell(team->events, whom >> 1);
}

bool team_is_anything_queued(struct team *team)
{
    uint64_t position;
    for (int i = 0; i < team->workers; i++)
        if (ring_peek(&team->slots[i].ring, &position))
            return true;
    return false;
}
