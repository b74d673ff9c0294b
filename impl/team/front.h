/* SPDX-License-Identifier: MIT
 *
 * What the files of the caller's side share: team/submit.c (descriptors, pushing, waking), team/wait.c (waiting)
 * and team/single.c (jobs of one task). Functions that take a front want its lock held.
 */
#ifndef GRAIN_BACKEND_TEAM_FRONT_H
#define GRAIN_BACKEND_TEAM_FRONT_H

#include "layout.h"

/* The job's generation: what its tickets carry. */
uint32_t team_job_generation(struct team_job *job);

/* Puts a ticket into a slot's ring, waiting for room where it is full; cargo as in ring_push. */
void ticket_push(struct team_front *front, int slot, uint64_t ticket, const uint64_t *cargo);

/* Where a job's tickets go, before the first is pushed: part k into the ring of slot + k. */
void job_place(struct team_front *front, struct team_job *job, uint16_t slot);

/* Jobs that are not returned and have a ticket for this slot. */
int slot_tickets(const struct team_front *front, int slot);

/* Tells idle workers that some ring has something, not only their own. Any process. */
void team_say_pushed(struct team *team);

/* After a push and a seq_cst fence: wakes the slot's worker if it sleeps; else, where that one has more to do than
 * this (is_occupied), another one that sleeps. Any process. */
void slot_wake(struct team *team, int slot, bool is_occupied);

/* Wakes thieves that sleep: something was given back or pushed. After a seq_cst fence. Any process. */
void team_feed(struct team *team);

/* Wakes the workers that parts_push() left asleep, for tickets that may still lie in their rings: the job is taking so
 * long that its tasks may be waiting for something. False: it left none. */
bool team_wake_rest(struct team_front *front, struct team_job *job);

/* Notes on which CPU the caller is, for workers that are bound there; returns it. */
int team_note_cpu(struct team *team);

/* Why a call need not wait any longer although its job is not finished: 0 while it must; -ECANCELED,
 * -ENOTRECOVERABLE. */
int team_wait_is_vain(struct team_front *front);

/* What has become of a job that has ended: 0, or why tasks of it were dropped: -ECANCELED, -ENOTRECOVERABLE. */
int team_job_status(struct team_front *front, struct team_job *job);

/* Waits until the job's `finished` says done in this generation; spinning first where `streams` running workers leave
 * a CPU for the caller. 0 or as team_wait_is_vain(). */
int team_await(struct team_front *front, struct team_job *job, int streams);

/* Merges what the parts have to tell into job->job. */
void team_outcome(struct team_front *front, struct team_job *job);

#endif
