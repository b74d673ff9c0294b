/* SPDX-License-Identifier: MIT
 *
 * Waking workers and thieves: for both sides of a team, any process.
 */
#ifndef GRAIN_TEAM_WAKE_H
#define GRAIN_TEAM_WAKE_H

#include "team.h"

/* Tells idle workers that some ring has something, not only their own. Any process. */
void team_say_pushed(struct team *team);

/* After a push and a seq_cst fence: wakes the slot's worker if it sleeps; else, where that one has more to do than
 * this (is_occupied), another one that sleeps. Any process. */
void slot_wake(struct team *team, int slot, bool is_occupied);

/* When the job has ended: tells those whom `whom`, its is_awaited, names. Any process. */
void job_tell(struct team *team, struct team_job *job, uint32_t whom);

/* Wakes thieves that sleep: something was given back or pushed. After a seq_cst fence. Any process. */
void thieves_wake(struct team *team);

/* Notes on which CPU the caller is, for workers that are bound there; returns it. */
int team_note_cpu(struct team *team);

#endif
