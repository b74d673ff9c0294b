/* SPDX-License-Identifier: MIT
 *
 * The caller hands a job of one task over; what becomes of it: team/single.c.
 *
 * The budget of a call of apply on `fork`, one worker, gcc -O2, x86-64, counted step by step (docs/decisions.md):
 *   cache lines that move   2: the ring's cell there, `finished` and the result back; as many as the bare exchange
 *   locked operations       caller 6: into the pool and out, a descriptor taken and returned, the lock and its release,
 *                           which is F1; worker 1, F2, and with more workers than one the swap in the ring
 *   instructions            caller 970, of which 330 check, 300 stage the data, 230 hand over, 110 wait and clear up;
 *                           worker 560, of which 360 stand before `finished`
 */
#include <string.h>

#include "front.h"

#include "sys/inject.h"
#include "ticket.h"
#include "wake.h"

/* The worker that had the last single task, and still looks for the next, unless the caller now sits on its CPU. */
static inline bool is_favourite_good(const struct team_front *front, uint64_t mine)
{
    const struct team_slot *slot = &front->team->slots[front->favourite];
    return atomic_load_explicit(&slot->state, memory_order_relaxed) == SLOT_AWAKE &&
           !is_on_my_cpu(front->team, front->favourite) && is_free(front, front->favourite, mine);
}

#define INLINE_BYTES ((RING_PAYLOAD - PAYLOAD_INLINE) * sizeof(uint64_t))
_Static_assert(offsetof(struct team_job, reply) % JOB_ALIGN_FIRM == 0,
               "a small result is as aligned as every other copy");

/* Whether the argument is a copy, in the descriptor: threads see the caller's own, and so do processes what lies in
 * memory of grain_alloc. That is passed as it is. */
static bool is_copied(const struct team_job *job)
{
    uintptr_t items = (uintptr_t)job->job.items, small = (uintptr_t)job->small;
    return items >= small && items - small < TEAM_INLINE;
}

/* Of a small argument all words are passed, whatever its size: the descriptor has a line of its own for it. */
static inline void payload_fill(uint64_t payload[RING_PAYLOAD], const struct team_job *place)
{
    const struct job *job = &place->job;
    bool is_inline = is_copied(place) && job->item_size <= INLINE_BYTES;
    payload[PAYLOAD_TASK] = (uintptr_t)job->task;
    payload[PAYLOAD_RESULT] = (uintptr_t)job->results;
    payload[PAYLOAD_PARAMS] = (uintptr_t)job->params;
    payload[PAYLOAD_ITEM] = is_inline ? 0 : (uintptr_t)job->items;
    if (is_inline)
        memcpy(payload + PAYLOAD_INLINE, job->items, INLINE_BYTES);
    else
        memset(payload + PAYLOAD_INLINE, 0, INLINE_BYTES);
}

void team_submit_single(struct team_front *front, struct team_job *job)
{
    struct team *team = front->team;
    uint64_t payload[RING_PAYLOAD];
    uint32_t index = (uint32_t)(job - team->jobs);
    uint64_t ticket = ticket_make(team_job_generation(job), index, TICKET_SINGLE);
    bool is_occupied = false;
    job_outcome_clear(&team_part(team, index, 0)->outcome);
    atomic_store_explicit(&job->dropped, 0, memory_order_relaxed);
    job->parts = 1;
    payload_fill(payload, job);
    team_note_cpu(team);
    lock_take(&front->lock);
    atomic_store_explicit(&front->singles, atomic_load_explicit(&front->singles, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    if (!is_favourite_good(front, UINT64_C(1) << index))
        front->favourite = slot_choose(front, UINT64_C(1) << index, &is_occupied);
    int slot = front->favourite;
    if (is_on_my_cpu(team, slot))
        atomic_store_explicit(&team->slots[slot].is_crowded, 1, memory_order_relaxed);
    job_place(front, job, (uint16_t)slot);
    ticket_push(front, slot, ticket, payload);
    if (is_occupied)
        team_say_pushed(team);
    lock_drop(&front->lock);
    /* F1 pairs with F3 and F4: either the worker sees the ticket, or we see that it sleeps, or has taken something long
     * from another ring since it was chosen. The read-modify-write before it is that of the lock. */
    FENCE_AFTER_RMW(1);
    uint32_t state = atomic_load_explicit(&team->slots[slot].state, memory_order_relaxed);
    if (!is_occupied && state == SLOT_AWAKE)
        return;
    if (!is_occupied && is_engaged(state)) {
        is_occupied = true;
        team_say_pushed(team);
    }
    slot_wake(team, slot, is_occupied);
    if (is_occupied)
        thieves_wake(team);
}
