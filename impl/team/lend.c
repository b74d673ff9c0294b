/* SPDX-License-Identifier: MIT
 *
 * Lending: a calling thread borrows the slot of a worker that sleeps, and is that worker until it gives the slot back
 * (team/join.c). So there are never more streams than workers, thieves ask the caller as they ask anybody, and a
 * failure, an interrupt or a thread that a task ends are what they are in a worker. Threads only.
 *
 * Who writes `state`, each time by compare-and-swap but for the giving back, which only the borrower does:
 *   ASLEEP -> LENT   a borrower. acquire: pairs with the release of who stored ASLEEP: the slot is as it was left
 *   LENT -> ASLEEP   the borrower (release)
 *   ASLEEP -> AWAKE  whoever wakes the worker, or the worker. One that wakes and finds LENT sleeps on
 *
 * No ticket is forgotten. One for this slot: F13 stands between LENT and a look into the slot's ring; its partners F1
 * and F7 stand between a push and a look at the state: either the producer sees LENT, and has another worker take it as
 * if this one were busy, or the borrower sees the ticket and does the same. One that nobody was there for meanwhile:
 * F14 stands between ASLEEP and a look into all rings, and at the phase (partners F1, F7, F10).
 */
#include <sched.h>

#include "front.h"

#include "sys/inject.h"
#include "ticket.h"
#include "wake.h"

static bool slot_borrow(struct team *team, int slot)
{
    _Atomic uint32_t *state = &team->slots[slot].state;
    uint32_t asleep = SLOT_ASLEEP;
    if (atomic_load_explicit(state, memory_order_relaxed) != SLOT_ASLEEP ||
        !atomic_compare_exchange_strong_explicit(state, &asleep, SLOT_LENT, memory_order_acquire, memory_order_relaxed))
        return false;
    FENCE_AFTER_RMW(13);
    if (ring_has_next(&team->slots[slot].ring)) {
        team_say_pushed(team); /* for those that spin */
        slot_wake(team, slot, true);
    }
    return true;
}

static int slot_find(struct team *team, bool on_my_cpu)
{
    for (int i = 0; i < team->workers; i++)
        if (is_on_my_cpu(team, i) == on_my_cpu && slot_borrow(team, i))
            return i;
    return -1;
}

/* A worker that this thread keeps from its CPU, with nothing to do but to go to sleep: as long as it does not, the
 * caller and the only worker that is awake would share one CPU. relaxed: hints. */
static bool is_in_my_way(struct team *team)
{
    for (int i = 0; i < team->workers; i++) {
        uint64_t ticket = atomic_load_explicit(&team->slots[i].ticket, memory_order_relaxed);
        if (is_on_my_cpu(team, i) && (ticket == 0 || !ticket_is_current(team, ticket & ~TICKET_TENTATIVE)))
            return true;
    }
    return false;
}

int slot_lend(struct team *team)
{
    int found = slot_find(team, true);
    if (found < 0 && is_in_my_way(team)) {
        sched_yield();
        found = slot_find(team, true);
    }
    return found < 0 ? slot_find(team, false) : found;
}

void slot_give_back(struct team *team, int slot)
{
    atomic_store_explicit(&team->slots[slot].state, SLOT_ASLEEP, memory_order_release);
    FENCE(14);
    if (team_is_anything_queued(team) || atomic_load_explicit(&team->phase, memory_order_acquire) != TEAM_RUN)
        slot_wake(team, slot, false);
}
