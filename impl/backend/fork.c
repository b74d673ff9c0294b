/* SPDX-License-Identifier: MIT
 *
 * Workers that are processes: a team in an arena that caller, supervisor and workers share. Arguments
 * that do not lie in the arena are copied in, results are copied out. Next: team.h (how work flows, what
 * a kill leaves), supervisor.h (who watches whom), transport/arena.h (the memory).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/builtin.h"
#include "backend/supervisor.h"
#include "backend/team.h"
#include "machine/machine.h"
#include "transport/arena.h"

struct fork_state {
    struct team_front front;
    struct supervisor supervisor;
    struct arena arena;
    struct crew *crew;
};

/* ------------------------------------------------------------------------------------ open and close */

static bool is_alive(void *user)
{
    const struct fork_state *state = user;
    return supervisor_is_alive(&state->supervisor);
}

static int crew_make(struct backend_pool *pool, struct fork_state *state)
{
    size_t count = (size_t)pool->workers;
    size_t team_bytes = team_size(pool->workers), crew_bytes = (sizeof(struct crew) + 63) / 64 * 64;
    void *memory;
    int status = arena_alloc(&state->arena, team_bytes + crew_bytes + 2 * count * sizeof(int), &memory);
    if (status)
        return status;
    /* Fresh pages of the arena read as zero. */
    struct team *team = memory;
    struct crew *crew = (struct crew *)((char *)memory + team_bytes);
    int *numbers = (int *)((char *)crew + crew_bytes);
    team_init(team, pool->workers, machine_cpu_count(), pool->wait, true);
    crew->team = team;
    crew->mark = pool;
    crew->grace_ns = pool->grace_ns;
    crew->pids = numbers;
    if (pool->bind != GRAIN_BIND_NONE) {
        crew->cpus = numbers + count;
        status = machine_place(pool->workers, crew->cpus);
    }
    state->crew = crew;
    return status;
}

static int fork_open(struct backend_pool *pool)
{
    struct fork_state *state = pool->state;
    int status = arena_open(&state->arena, pool->memory_limit);
    if (status)
        return status;
    status = crew_make(pool, state);
    if (status == 0) {
        team_front_init(&state->front, state->crew->team);
        state->front.is_alive = is_alive;
        state->front.user = state;
        status = supervisor_start(&state->supervisor, state->crew);
        if (status)
            team_front_drop(&state->front);
    }
    if (status) {
        arena_close(&state->arena);
        return status;
    }
    pool->worker_pids = state->crew->pids;
    pool->replaced = &state->crew->replaced;
    return 0;
}

static void fork_cancel(struct backend_pool *pool)
{
    struct fork_state *state = pool->state;
    team_set_phase(state->crew->team, TEAM_STOP);
    supervisor_notify(&state->supervisor);
}

static void fork_close(struct backend_pool *pool)
{
    struct fork_state *state = pool->state;
    team_set_phase(state->crew->team, TEAM_QUIT);
    supervisor_notify(&state->supervisor);
    supervisor_join(&state->supervisor);
    pool->worker_pids = NULL;
    pool->replaced = NULL;
    team_front_drop(&state->front);
    arena_close(&state->arena);
}

/* ------------------------------------------------------------------------------ moving a call's data */

/* The blocks of one call that had to be taken from the arena; small ones travel in the descriptor. */
struct cargo {
    struct arena *arena;
    unsigned char *small;
    size_t small_used;
    void *blocks[5];
    int count;
};

static int cargo_take(struct cargo *cargo, size_t size, void **memory)
{
    size_t rounded = (size + 15) / 16 * 16;
    if (rounded <= TEAM_INLINE - cargo->small_used) {
        *memory = cargo->small + cargo->small_used;
        cargo->small_used += rounded;
        return 0;
    }
    int status = arena_alloc(cargo->arena, size, memory);
    if (status == 0)
        cargo->blocks[cargo->count++] = *memory;
    return status;
}

static int cargo_copy_in(struct cargo *cargo, const void *data, size_t size, const void **inside)
{
    if (size == 0 || arena_contains(cargo->arena, data, size)) {
        *inside = data;
        return 0;
    }
    void *memory;
    int status = cargo_take(cargo, size, &memory);
    if (status)
        return status;
    memcpy(memory, data, size);
    *inside = memory;
    return 0;
}

static int cargo_load(struct cargo *cargo, struct team_job *place, const struct job *job, int workers)
{
    struct job *inside = &place->job;
    void *memory;
    *inside = *job;
    team_fit(inside);
    size_t results = job->count * job->result_size, units = team_units(inside, workers);
    int status = cargo_copy_in(cargo, job->items, job->count * job->item_size, &inside->items);
    if (status == 0)
        status = cargo_copy_in(cargo, job->params, job->params_size, &inside->params);
    if (status == 0 && results && !arena_contains(cargo->arena, job->results, results)) {
        status = cargo_take(cargo, results, &memory);
        inside->results = memory;
    }
    if (status == 0 && job->codes) {
        status = cargo_take(cargo, job->count * sizeof *job->codes, &memory);
        inside->codes = memory;
        if (status == 0)
            memset(memory, 0, job->count * sizeof *job->codes);
    }
    if (status == 0) {
        status = cargo_take(cargo, units, &memory);
        place->units = memory;
        if (status == 0)
            memset(memory, 0, units);
    }
    return status;
}

static void cargo_unload(const struct team_job *place, struct job *job)
{
    size_t results = job->count * job->result_size;
    if (results && place->job.results != job->results)
        memcpy(job->results, place->job.results, results);
    if (job->codes)
        memcpy(job->codes, place->job.codes, job->count * sizeof *job->codes);
    job->outcome = place->job.outcome;
    job->handovers = place->job.handovers;
    job->steals = place->job.steals;
}

static int fork_run(struct backend_pool *pool, struct job *job)
{
    struct fork_state *state = pool->state;
    struct team_job *place = team_job_take(&state->front);
    struct cargo cargo = {.arena = &state->arena, .small = place->small};
    int status = cargo_load(&cargo, place, job, pool->workers);
    if (status == 0) {
        team_submit(&state->front, place);
        status = team_wait(&state->front, place);
        if (status == -ENOTRECOVERABLE || status == -ECANCELED)
            return status; /* workers may still be in it: its memory goes with the pool */
        cargo_unload(place, job);
    }
    for (int i = 0; i < cargo.count; i++)
        arena_release(&state->arena, cargo.blocks[i]);
    team_job_return(&state->front, place);
    return status;
}

static int fork_alloc(struct backend_pool *pool, size_t size, void **memory)
{
    struct fork_state *state = pool->state;
    if (size == 0) {
        arena_release(&state->arena, *memory);
        return 0;
    }
    int status = arena_alloc(&state->arena, size, memory);
    if (status == 0)
        memset(*memory, 0, size);
    return status;
}

const struct grain_backend backend_fork = {
    .name = "fork",
    .summary = "processes under a supervisor; a killed worker is replaced, its task reported",
    .schedules =
        BACKEND_SCHEDULE(STATIC) | BACKEND_SCHEDULE(DYNAMIC) | BACKEND_SCHEDULE(GUIDED) | BACKEND_SCHEDULE(STEAL),
    .default_schedule = GRAIN_SCHEDULE_STEAL,
    .capabilities = BACKEND_RUNS_TASKS | BACKEND_IS_PARALLEL | BACKEND_BINDS,
    .state_size = sizeof(struct fork_state),
    .open = fork_open,
    .run = fork_run,
    .cancel = fork_cancel,
    .close = fork_close,
    .alloc = fork_alloc,
};
