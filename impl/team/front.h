/* SPDX-License-Identifier: MIT
 *
 * What the files of the caller's side share: team/desc.c (descriptors), team/submit.c (pushing), team/submit_one.c
 * (jobs of one task) and team/wait.c. Functions that take a front want its lock held.
 */
#ifndef GRAIN_TEAM_FRONT_H
#define GRAIN_TEAM_FRONT_H

#include "wake.h"

/* The job's generation: what its tickets carry. */
static inline uint32_t team_job_generation(struct team_job *job)
{
    uint32_t generation = atomic_load_explicit(&job->generation, memory_order_relaxed);
    if (generation == 0) /* a ticket is never 0 */
        atomic_store_explicit(&job->generation, ++generation, memory_order_relaxed);
    return generation;
}

/* Waits a moment for other callers to make room: only when hundreds of calls are in progress. */
void team_make_room(void);

/* How many parts a job has: one a worker, fewer when there are fewer chunks. */
uint32_t team_parts(const struct job *job, int workers);

/* Whether the slot's worker is bound to the CPU that the caller is on. */
static inline bool is_on_my_cpu(const struct team *team, int slot)
{
    int cpu = atomic_load_explicit(&team->slots[slot].cpu, memory_order_relaxed);
    return cpu >= 0 && cpu == atomic_load_explicit(&team->caller_cpu, memory_order_relaxed);
}

/* Borrows the slot of a worker that sleeps, better one whose CPU the caller is on: its number; -1: none sleeps. */
int slot_lend(struct team *team);

/* The part of the slot that the caller has borrowed: it goes into no ring. None: UINT32_MAX. */
static inline uint32_t part_own(const struct team *team, const struct team_job *job)
{
    uint32_t count = (uint32_t)team->workers;
    return job->lent ? (job->lent - 1u + count - job->slot) % count : UINT32_MAX;
}

/* Puts a ticket into a slot's ring, waiting for room where it is full; payload as in ring_push. */
void ticket_push(struct team_front *front, int slot, uint64_t ticket, const uint64_t *payload);

/* Where a job's tickets go, before the first is pushed: part k into the ring of slot + k. */
static inline void job_place(struct team_front *front, struct team_job *job, uint16_t slot)
{
    job->slot = slot;
    atomic_store_explicit(&front->places[job - front->team->jobs], (uint32_t)slot << 16 | (job->alone ? 1 : job->parts),
                          memory_order_relaxed);
}

/* For a caller that has watched a small call for long enough: the other parts may begin, and their workers are woken.
 * Not where the one worker has just ended it. */
void parts_release(struct team_front *front, struct team_job *job);

/* Jobs that are not returned and have a ticket for this slot. */
int slot_tickets(const struct team_front *front, int slot);

/* Whether what is given to this slot begins at once, as far as the caller knows. mine: its descriptor's bit, the
 * only one in use most of the time. */
static inline bool is_free(const struct team_front *front, int slot, uint64_t mine)
{
    return !is_engaged(atomic_load_explicit(&front->team->slots[slot].state, memory_order_relaxed)) &&
           ((atomic_load_explicit(&front->free_jobs, memory_order_relaxed) | mine) == UINT64_MAX ||
            slot_tickets(front, slot) == 0);
}

/* Where one ticket goes: to the worker that spins; to one that is free, better not on the caller's CPU; to the next one
 * when all are busy (is_occupied). mine: as above. */
int slot_choose(const struct team_front *front, uint64_t mine, bool *is_occupied);

/* Wakes the workers that parts_push() left asleep, from that part on, for tickets that may still lie in their rings:
 * the job takes so long that its tasks may be waiting for something. */
void parts_rouse(struct team_front *front, const struct team_job *job, uint32_t first);

/* What has become of a job that has ended: 0, or why tasks of it were dropped: -ECANCELED, -ENOTRECOVERABLE. */
int team_job_status(struct team_front *front, struct team_job *job);

/* Merges what the parts have to tell into job->job. */
void team_outcome(struct team_front *front, struct team_job *job);

#endif
