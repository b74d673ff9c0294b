/* SPDX-License-Identifier: MIT
 *
 * Waking workers and thieves: for both sides of a team, any process.
 */
#ifndef GRAIN_TEAM_WAKE_H
#define GRAIN_TEAM_WAKE_H

#include <sched.h>

#include "team.h"

/* Tells idle workers that some ring has something, not only their own. Any process. */
void team_say_pushed(struct team *team);

/* Whether any ring has a ticket. */
bool team_is_anything_queued(struct team *team);

/* Whether a worker in that state works on something: for how long, nobody knows. */
static inline bool is_engaged(uint32_t state)
{
    return state == SLOT_BUSY || state == SLOT_LENT;
}

/* After a push and a seq_cst fence: wakes the slot's worker if it sleeps; else, where that one has more to do than
 * this (is_occupied), another one that sleeps. Any process. */
void slot_wake(struct team *team, int slot, bool is_occupied);

/* When the job has ended: tells those whom `whom`, its is_awaited, names. Any process. */
void job_tell(struct team *team, struct team_job *job, uint32_t whom);

/* Wakes thieves that sleep: something was given back or pushed. After a seq_cst fence. Any process. */
void thieves_wake(struct team *team);

/* The ticket of the part that a caller which has borrowed a slot begins itself. */
uint64_t team_own_ticket(struct team *team, struct team_job *job);

/* Gives a borrowed slot back, with nothing in it. */
void slot_give_back(struct team *team, int slot);

/* Notes on which CPU the caller is, for workers that are bound there; returns it. */
static inline int team_note_cpu(struct team *team)
{
    int cpu = sched_getcpu();
    if (atomic_load_explicit(&team->caller_cpu, memory_order_relaxed) != cpu)
        atomic_store_explicit(&team->caller_cpu, cpu, memory_order_relaxed);
    if (atomic_load_explicit(&team->caller_home, memory_order_relaxed) != cpu)
        atomic_store_explicit(&team->caller_home, cpu, memory_order_relaxed);
    return cpu;
}

#endif
