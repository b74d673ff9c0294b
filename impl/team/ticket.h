/* SPDX-License-Identifier: MIT
 *
 * A ticket is one word: which job, which part of it, and the job's generation, so that a ticket of a job
 * that has ended never passes for one of the job that took its place.
 *
 *   bit 63: tentative (in a slot only) | 62..32: generation | 31: looking (in a slot only) | 30..29: patience |
 *   28..16: job | 15..0: part, or TICKET_SINGLE
 *
 * The state of a job is one word too, and carries the generation for the same reason:
 *
 *   31..12: generation, low bits | 11..0: 0 running, 1 done, 2 + id (STATE_FIRST_WORKER): that worker is completing it
 */
#ifndef GRAIN_TEAM_TICKET_H
#define GRAIN_TEAM_TICKET_H

#include "layout.h"

#define TICKET_TENTATIVE  (UINT64_C(1) << 63)
#define TICKET_LOOKING    (UINT64_C(1) << 31) /* a replacement finds out whether its predecessor had taken it */
#define TICKET_PATIENT    (UINT64_C(3) << 29) /* in a ring only: how long a worker lets it lie */
#define TICKET_A_MOMENT   (UINT64_C(1) << 29)
#define TICKET_A_WHILE    (UINT64_C(2) << 29)
#define TICKET_GENERATION UINT32_C(0x7fffffff)
#define TICKET_SINGLE     UINT32_C(0xffff) /* the job is one task and has no parts */

static inline uint64_t ticket_make(uint32_t generation, uint32_t job, uint32_t part)
{
    return (uint64_t)generation << 32 | job << 16 | part;
}

static inline uint32_t ticket_part_index(uint64_t ticket)
{
    return (uint32_t)ticket & 0xffff;
}

static inline bool ticket_is_single(uint64_t ticket)
{
    return ticket_part_index(ticket) == TICKET_SINGLE;
}

static inline uint32_t ticket_job_index(uint64_t ticket)
{
    return (uint32_t)ticket >> 16 & 0x1fff;
}

static inline uint32_t ticket_generation(uint64_t ticket)
{
    return (uint32_t)(ticket >> 32) & TICKET_GENERATION;
}

/* Words of a single task's payload; from the last one on a small argument. */
enum { PAYLOAD_TASK, PAYLOAD_RESULT, PAYLOAD_PARAMS, PAYLOAD_ITEM, PAYLOAD_INLINE };

#define STATE_RUNNING      0u
#define STATE_DONE         1u
#define STATE_FIRST_WORKER 2u
#define STATE_BITS         12

static inline uint32_t state_make(uint32_t generation, uint32_t state)
{
    return generation << STATE_BITS | state;
}

static inline struct team_job *ticket_job(struct team *team, uint64_t ticket)
{
    return &team->jobs[ticket_job_index(ticket)];
}

static inline struct team_part *team_part(struct team *team, uint32_t job, uint32_t part)
{
    return &team->parts[(size_t)job * (size_t)team->workers + part];
}

static inline struct team_part *ticket_part(struct team *team, uint64_t ticket)
{
    return team_part(team, ticket_job_index(ticket), ticket_part_index(ticket));
}

static inline bool ticket_is_current(struct team *team, uint64_t ticket)
{
    return atomic_load_explicit(&ticket_job(team, ticket)->generation, memory_order_acquire) ==
           ticket_generation(ticket);
}

#endif
