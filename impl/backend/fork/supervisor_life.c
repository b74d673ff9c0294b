/* SPDX-License-Identifier: MIT
 *
 * A forked worker's life, from its initializer to its finalizer, and how far all of them have come: what the supervisor
 * (supervisor.c) and the opener (supervisor_start.c) know of it.
 */
#include <limits.h>
#include <unistd.h>

#include "supervisor.h"
#include "sys/child.h"
#include "sys/futex.h"

/* release: pairs with supervisor_start */
void crew_start_tell(struct crew *crew, uint32_t word)
{
    uint32_t starting = CREW_STARTING;
    if (atomic_compare_exchange_strong_explicit(&crew->start, &starting, word, memory_order_release,
                                                memory_order_relaxed))
        wait_wake(&crew->start, INT_MAX, true);
}

/* seq_cst: of two workers that become ready at once, one sees the other. */
uint32_t crew_stage_of(const struct crew *crew, int id)
{
    return atomic_load_explicit(&crew->stages[id], memory_order_seq_cst);
}

void crew_stage_set(struct crew *crew, int id, enum crew_stage stage)
{
    atomic_store_explicit(&crew->stages[id], (uint32_t)stage, memory_order_seq_cst);
}

/* Where there is an initializer, the open returns when it has run in every worker. */
void crew_ready_tell(struct crew *crew)
{
    for (int i = 0; i < crew->team->workers && crew->pool->initializer; i++)
        if (crew_stage_of(crew, i) < CREW_READY)
            return;
    crew_start_tell(crew, CREW_STARTED);
}

/* A whole life, but for its end. Where the pool is being stopped workers are killed, and no finalizer runs. */
static enum crew_stage worker_live(struct crew *crew, int id, bool is_replacement)
{
    void *state;
    if (backend_initialize(crew->pool, id, getpid(), 1, &state))
        return CREW_REFUSED;
    child_depend_again(); /* it may have changed credentials */
    child_flush();
    crew_stage_set(crew, id, CREW_READY);
    if (crew->pool->initializer)
        crew_ready_tell(crew);
    supervisor_follow(crew, &crew->team->slots[id].ctx);
    bool is_retired = team_work(crew->team, id, getpid(), state, is_replacement);
    state = crew->team->slots[id].ctx.state; /* a task may have put another one there */
    enum crew_stage end = is_retired ? CREW_SPENT : CREW_LEFT;
    crew_stage_set(crew, id, end);
    if (atomic_load_explicit(&crew->team->phase, memory_order_acquire) < TEAM_STOP)
        backend_finalize(crew->pool, id, getpid(), &state);
    return end;
}

void supervisor_life(void *argument)
{
    struct supervisor_life *life = argument;
    life->stage = worker_live(life->crew, life->id, life->is_replacement);
}
