/* SPDX-License-Identifier: MIT
 *
 * The caller's side of a team: job descriptors, pushing tickets, waiting for the end. The mutex here is
 * private to the calling process; no lock is shared with a worker.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include "backend/team.h"
#include "backend/ticket.h"
#include "transport/wait.h"

/* How often a sleeping caller looks whether the workers can still come back. */
#define ALIVE_TICK_NS 100000000u

static size_t round_up(size_t size)
{
    return (size + 63) / 64 * 64;
}

size_t team_size(int workers)
{
    size_t count = (size_t)workers;
    return round_up(sizeof(struct team)) + count * sizeof(struct team_slot) +
           round_up(TEAM_JOBS * count * sizeof(struct team_part));
}

void team_init(struct team *team, int workers, int usable_cpus, enum grain_wait wait, bool is_shared)
{
    char *at = (char *)team + round_up(sizeof *team);
    team->workers = workers;
    team->usable_cpus = usable_cpus;
    team->wait = wait;
    team->is_shared = is_shared;
    team->slots = (struct team_slot *)at;
    team->parts = (struct team_part *)(at + (size_t)workers * sizeof(struct team_slot));
    for (int i = 0; i < workers; i++)
        atomic_store_explicit(&team->slots[i].begin, NO_PIECE, memory_order_relaxed);
}

void team_front_init(struct team_front *front, struct team *team)
{
    memset(front, 0, sizeof *front);
    front->team = team;
    pthread_mutex_init(&front->lock, NULL);
    while (front->free_count < TEAM_JOBS) {
        front->free_jobs[front->free_count] = (uint16_t)(TEAM_JOBS - 1 - front->free_count);
        front->free_count++;
    }
}

void team_front_drop(struct team_front *front)
{
    pthread_mutex_destroy(&front->lock);
}

void team_set_phase(struct team *team, enum team_phase phase)
{
    uint32_t now = atomic_load_explicit(&team->phase, memory_order_relaxed);
    while (now < (uint32_t)phase && !atomic_compare_exchange_weak_explicit(&team->phase, &now, (uint32_t)phase,
                                                                           memory_order_seq_cst, memory_order_relaxed))
        ;
    atomic_fetch_add_explicit(&team->bell, 1, memory_order_seq_cst);
    wait_wake(&team->bell, INT_MAX, team->is_shared);
    for (size_t i = 0; i < TEAM_JOBS; i++)
        if (atomic_load_explicit(&team->jobs[i].is_awaited, memory_order_seq_cst))
            wait_wake(&team->jobs[i].finished, INT_MAX, team->is_shared);
}

/* Waits a moment for other callers to make room: only when hundreds of calls are in progress. */
static void make_room(struct team_front *front)
{
    pthread_mutex_unlock(&front->lock);
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    pthread_mutex_lock(&front->lock);
}

struct team_job *team_job_take(struct team_front *front)
{
    pthread_mutex_lock(&front->lock);
    while (front->free_count == 0)
        make_room(front);
    struct team_job *job = &front->team->jobs[front->free_jobs[--front->free_count]];
    pthread_mutex_unlock(&front->lock);
    return job;
}

void team_job_return(struct team_front *front, struct team_job *job)
{
    /* A worker that has just reported may still look at the descriptor; the next generation voids what
     * it could mistake. */
    uint32_t generation = atomic_load_explicit(&job->generation, memory_order_relaxed);
    atomic_store_explicit(&job->generation, (generation + 1) & TICKET_GENERATION, memory_order_release);
    pthread_mutex_lock(&front->lock);
    front->free_jobs[front->free_count++] = (uint16_t)(job - front->team->jobs);
    pthread_mutex_unlock(&front->lock);
}

static uint32_t parts_of(const struct job *job, int workers)
{
    size_t chunks = job->chunk ? (job->count + job->chunk - 1) / job->chunk : job->count;
    return chunks < (size_t)workers ? (uint32_t)chunks : (uint32_t)workers;
}

void team_fit(struct job *job)
{
    if (job->schedule != GRAIN_SCHEDULE_STEAL)
        return;
    size_t least = job->count / STEAL_UNITS_MAX + 1;
    if (job->chunk < least)
        job->chunk = least;
}

size_t team_units(const struct job *job, int workers)
{
    return job->chunk ? (job->count + job->chunk - 1) / job->chunk : parts_of(job, workers);
}

/* Every part gets an equal run of units. */
static void ranges_deal(struct team *team, struct team_job *job, uint32_t index)
{
    uint64_t units = team_units(&job->job, team->workers);
    for (uint32_t i = 0; i < job->parts; i++)
        steal_put(&team_part(team, index, i)->range,
                  (struct steal_piece){(uint32_t)(units * i / job->parts), (uint32_t)(units * (i + 1) / job->parts)});
}

/* Everything that workers read is written before the first ticket is pushed (release in ring_push). */
static void job_reset(struct team *team, struct team_job *job)
{
    uint32_t index = (uint32_t)(job - team->jobs);
    job->parts = parts_of(&job->job, team->workers);
    uint32_t generation = atomic_load_explicit(&job->generation, memory_order_relaxed);
    if (generation == 0) /* a ticket is never 0 */
        atomic_store_explicit(&job->generation, ++generation, memory_order_relaxed);
    for (uint32_t i = 0; i < (job->parts + 63) / 64; i++)
        atomic_store_explicit(&job->done[i], 0, memory_order_relaxed);
    for (uint32_t i = 0; i < job->parts; i++) {
        struct team_part *part = team_part(team, index, i);
        part->outcome.failed = 0;
        part->handovers = 0;
        part->steals = 0;
    }
    if (job->job.schedule == GRAIN_SCHEDULE_STEAL)
        ranges_deal(team, job, index);
    atomic_store_explicit(&job->claims.next, 0, memory_order_relaxed);
    atomic_store_explicit(&job->words_done, (uint64_t)generation << 32, memory_order_relaxed);
    atomic_store_explicit(&job->deaths, 0, memory_order_relaxed);
    atomic_store_explicit(&job->dropped, 0, memory_order_relaxed);
    atomic_store_explicit(&job->is_awaited, 0, memory_order_relaxed);
    atomic_store_explicit(&job->finished, state_make(generation, STATE_RUNNING), memory_order_relaxed);
}

void team_submit(struct team_front *front, struct team_job *job)
{
    struct team *team = front->team;
    job_reset(team, job);
    uint32_t generation = atomic_load_explicit(&job->generation, memory_order_relaxed);
    pthread_mutex_lock(&front->lock);
    uint32_t first = job->parts == 1 ? front->turn++ : 0;
    for (uint32_t part = 0; part < job->parts; part++) {
        struct team_slot *slot = &team->slots[(first + part) % (uint32_t)team->workers];
        uint64_t ticket = ticket_make(generation, (uint32_t)(job - team->jobs), part);
        while (!ring_push(&slot->ring, ticket) &&
               atomic_load_explicit(&team->phase, memory_order_acquire) != TEAM_BROKEN)
            make_room(front);
    }
    atomic_store_explicit(&team->pushed, atomic_load_explicit(&team->pushed, memory_order_relaxed) + 1,
                          memory_order_release);
    /* Pairs with the fence in worker_sleep. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&team->sleepers, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&team->bell, 1, memory_order_release);
        wait_wake(&team->bell, (int)job->parts, team->is_shared);
    }
    pthread_mutex_unlock(&front->lock);
}

/* -------------------------------------------------------------------------------------------- waiting */

static bool is_finished(struct team_job *job)
{
    return state_is_done(atomic_load_explicit(&job->finished, memory_order_acquire));
}

/* A caller spins only where a CPU is left over for it: the workers it waits for come first. */
static void caller_spin(struct team *team, struct team_job *job)
{
    bool is_endless = team->wait == GRAIN_WAIT_SPIN;
    if (team->wait == GRAIN_WAIT_PARK || (!is_endless && (int)job->parts + 1 > team->usable_cpus))
        return;
    uint64_t until = 0;
    for (unsigned turn = 0; !is_finished(job); turn++) {
        if ((turn & 63) == 63) {
            uint64_t now = wait_now_ns();
            if (atomic_load_explicit(&team->phase, memory_order_relaxed) >= TEAM_STOP)
                return;
            if (until == 0)
                until = now + WAIT_SPIN_NS;
            else if (now > until && !is_endless)
                return;
            else if (now > until + ALIVE_TICK_NS)
                return; /* let the sleeping loop look whether anybody is left */
        }
        wait_breathe(turn);
    }
}

/* Why a call need not wait any longer although its job is not finished: 0 while it must. Threads finish
 * every job, be it by dropping its tasks; processes may be killed instead. */
static int wait_is_vain(struct team_front *front)
{
    struct team *team = front->team;
    uint32_t phase = atomic_load_explicit(&team->phase, memory_order_seq_cst);
    if (phase == TEAM_BROKEN)
        return -ENOTRECOVERABLE;
    return team->is_shared && phase == TEAM_STOP ? -ECANCELED : 0;
}

static int caller_sleep(struct team_front *front, struct team_job *job)
{
    struct team *team = front->team;
    /* seq_cst: pairs with job_complete */
    atomic_store_explicit(&job->is_awaited, 1, memory_order_seq_cst);
    for (;;) {
        uint32_t state = atomic_load_explicit(&job->finished, memory_order_seq_cst);
        if (state_is_done(state))
            return 0;
        int status = wait_is_vain(front);
        if (status)
            return status;
        int woken = wait_sleep(&job->finished, state, team->is_shared ? ALIVE_TICK_NS : UINT64_MAX, team->is_shared);
        if (woken == -ETIMEDOUT && front->is_alive && !front->is_alive(front->user))
            team_set_phase(team, TEAM_BROKEN);
    }
}

int team_wait(struct team_front *front, struct team_job *job)
{
    struct team *team = front->team;
    caller_spin(team, job);
    int status = is_finished(job) ? 0 : caller_sleep(front, job);
    if (status)
        return status;
    job->job.outcome = (struct job_outcome){0};
    job->job.handovers = 0;
    job->job.steals = 0;
    for (uint32_t i = 0; i < job->parts; i++) {
        const struct team_part *part = team_part(team, (uint32_t)(job - team->jobs), i);
        job_outcome_merge(&job->job.outcome, &part->outcome);
        job->job.handovers += part->handovers;
        job->job.steals += part->steals;
    }
    return atomic_load_explicit(&job->dropped, memory_order_relaxed) ? -ECANCELED : 0;
}
