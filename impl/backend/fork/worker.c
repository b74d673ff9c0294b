/* SPDX-License-Identifier: MIT
 *
 * A forked worker's life, from its initializer to its finalizer. And how far all of them have come: the supervisor and
 * the opener want to know.
 */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "supervisor.h"
#include "sys/child.h"
#include "sys/futex.h"
#include "sys/signals.h"

/* release: pairs with supervisor_start */
void start_tell(struct supervisor_shared *shared, uint32_t word)
{
    uint32_t starting = SUPERVISOR_STARTING;
    if (atomic_compare_exchange_strong_explicit(&shared->start, &starting, word, memory_order_release,
                                                memory_order_relaxed))
        wait_wake(&shared->start, INT_MAX, true);
}

/* seq_cst, as in stage_set: of two workers that become ready at once, one sees the other. */
uint32_t stage_of(const struct supervisor_shared *shared, int id)
{
    return atomic_load_explicit(&shared->stages[id], memory_order_seq_cst);
}

void stage_set(struct supervisor_shared *shared, int id, enum worker_stage stage)
{
    atomic_store_explicit(&shared->stages[id], (uint32_t)stage, memory_order_seq_cst);
}

/* Where there is an initializer, the open returns when it has run in every worker. */
void ready_tell(struct supervisor_shared *shared)
{
    for (int i = 0; i < shared->team->workers && shared->pool->options.initializer; i++)
        if (stage_of(shared, i) < STAGE_READY)
            return;
    start_tell(shared, SUPERVISOR_STARTED);
}

struct life {
    struct supervisor_shared *shared;
    int id;
    bool is_replacement;
    enum worker_stage stage; /* at its end */
};

/* Where the pool is being stopped workers are killed, and no finalizer runs. */
static void live(void *argument)
{
    struct life *life = argument;
    struct supervisor_shared *shared = life->shared;
    struct grain_context *ctx = &shared->team->slots[life->id].ctx;
    int id = life->id, pid = getpid();
    void *state;
    life->stage = STAGE_REFUSED;
    if (backend_initialize(shared->pool, id, pid, 1, &state))
        return;
    child_depend_again(); /* it may have changed credentials */
    child_flush();
    stage_set(shared, id, STAGE_READY);
    if (shared->pool->options.initializer)
        ready_tell(shared);
    supervisor_follow(shared, ctx);
    life->stage = team_work(shared->team, id, pid, state, life->is_replacement) ? STAGE_RETIRED : STAGE_LEFT;
    state = ctx->state; /* a task may have put another one there */
    stage_set(shared, id, life->stage);
    if (phase_of(shared) < TEAM_STOP)
        backend_finalize(shared->pool, id, pid, &state);
}

/* A task that ends the only thread ends the process, with 0; what the host pushed to clean up is none of this one's. */
__attribute__((noinline)) void worker_main(const struct supervisor_state *state, int id, bool is_replacement)
{
    JOB_STACK_ENDS();
    struct supervisor_shared *shared = state->shared;
    struct life life = {.shared = shared, .id = id, .is_replacement = is_replacement};
    child_depend(state->self);
    child_streams(); /* again: the host's pthread_atfork() handlers may print in the supervisor */
    signals_worker(&shared->pool->signals, &shared->team->phase, TEAM_STOP);
    if (phase_of(shared) >= TEAM_STOP) /* SIGTERM may have come before the line above: then it was ignored */
        _exit(0);
    close(state->command_fd);
    close(state->child_fd);
    close(state->caller_fd);
    job_enter(shared->pool);
    if (job_guard(live, &life))
        exit(0);
    child_flush();
    stage_set(shared, id, life.stage);
    _exit(life.stage == STAGE_REFUSED);
}
