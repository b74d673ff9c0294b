/* SPDX-License-Identifier: MIT
 *
 * The memory of a team, and the job descriptors in it: what a caller takes, describes its job in, and returns.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "front.h"

#include "sys/machine.h"
#include "sys/page.h"
#include "ticket.h"

size_t team_size(int workers)
{
    size_t count = (size_t)workers;
    return line_round_up(sizeof(struct team)) + count * sizeof(struct team_slot) +
           line_round_up(TEAM_JOBS * count * sizeof(struct team_part));
}

void team_init(struct team *team, int workers, int usable_cpus, enum grain_wait wait, bool is_shared)
{
    char *at = (char *)team + line_round_up(sizeof *team);
    team->workers = workers;
    team->usable_cpus = usable_cpus;
    team->wait = wait;
    atomic_store_explicit(&team->caller_cpu, -1, memory_order_relaxed);
    atomic_store_explicit(&team->caller_home, -1, memory_order_relaxed);
    team->is_shared = is_shared;
    team->slots = (struct team_slot *)at;
    team->parts = (struct team_part *)(at + (size_t)workers * sizeof(struct team_slot));
    for (int i = 0; i < workers; i++) {
        atomic_store_explicit(&team->slots[i].begin, NO_PIECE, memory_order_relaxed);
        atomic_store_explicit(&team->slots[i].cpu, -1, memory_order_relaxed);
        team->slots[i].spare_cpu = -1;
    }
}

/* The places behind the workers' own are spare ones, as far as there are CPUs; then they come round again. */
void team_place(struct team *team, const struct machine_mask *mask, const int *cpus, int cpu_count)
{
    int workers = team->workers;
    team->mask = mask;
    for (int i = 0; cpus && i < workers; i++) {
        int spare = (workers + i) % cpu_count;
        bool is_spare = true;
        for (int k = 0; k < workers; k++)
            is_spare = is_spare && k % cpu_count != spare;
        atomic_store_explicit(&team->slots[i].cpu, cpus[i % cpu_count], memory_order_relaxed);
        team->slots[i].spare_cpu = is_spare ? cpus[spare] : -1;
    }
}

int team_front_init(struct team_front *front, struct team *team)
{
    memset(front, 0, sizeof *front);
    front->team = team;
    atomic_store_explicit(&front->free_jobs, UINT64_MAX, memory_order_relaxed);
    return 0;
}

void team_front_drop(struct team_front *front)
{
    free(front->left);
}

/* ------------------------------------------------------------------------------------------------------ descriptors */

void team_make_room(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
}

/* Threads finish every job, be it by dropping its tasks; processes may be killed instead. */
int team_abort_reason(struct team_front *front)
{
    struct team *team = front->team;
    /* acquire: as every reader of the phase */
    uint32_t phase = atomic_load_explicit(&team->phase, memory_order_acquire);
    if (phase == TEAM_BROKEN)
        return -ENOTRECOVERABLE;
    return team->is_shared && phase == TEAM_STOP ? -ECANCELED : 0;
}

/* Workers drop tasks when the team stops, and those that are left when it breaks. relaxed: the job has ended. */
int team_job_status(struct team_front *front, struct team_job *job)
{
    if (!atomic_load_explicit(&job->dropped, memory_order_relaxed))
        return 0;
    int status = team_abort_reason(front);
    return status ? status : -ECANCELED;
}

/* The lowest free descriptor: the one that was used last is the one whose lines are where they are needed. acquire:
 * pairs with team_job_return. */
struct team_job *team_job_take(struct team_front *front)
{
    uint64_t free_jobs = atomic_load_explicit(&front->free_jobs, memory_order_relaxed);
    for (;;) {
        if (free_jobs == 0) {
            if (team_abort_reason(front)) /* those in use do not come back: workers may still be in them */
                return NULL;
            team_make_room();
            free_jobs = atomic_load_explicit(&front->free_jobs, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(&front->free_jobs, &free_jobs, free_jobs & (free_jobs - 1),
                                                         memory_order_acquire, memory_order_relaxed)) {
            break;
        }
    }
    struct team_job *job = &front->team->jobs[__builtin_ctzll(free_jobs)];
    job->parts = 0;
    job->lent = 0; /* of a map before: a single task borrows none */
    return job;
}

struct team_job *team_job_try(struct team_front *front)
{
    uint64_t free_jobs = atomic_load_explicit(&front->free_jobs, memory_order_relaxed);
    return __builtin_popcountll(free_jobs) > TEAM_JOBS / 4 ? team_job_take(front) : NULL;
}

void team_job_return(struct team_front *front, struct team_job *job)
{
    /* A worker that has just reported may still look at the descriptor; the next generation voids what
     * it could mistake. */
    uint32_t generation = atomic_load_explicit(&job->generation, memory_order_relaxed);
    atomic_store_explicit(&job->generation, (generation + 1) & TICKET_GENERATION, memory_order_release);
    atomic_store_explicit(&front->places[job - front->team->jobs], 0, memory_order_relaxed);
    atomic_fetch_or_explicit(&front->free_jobs, UINT64_C(1) << (job - front->team->jobs), memory_order_release);
}

/* ----------------------------------------------------------------------------------------------- the shape of a job */

uint32_t team_parts(const struct job *job, int workers)
{
    size_t chunks = job->chunk ? (job->count + job->chunk - 1) / job->chunk : job->count;
    return chunks < (size_t)workers ? (uint32_t)chunks : (uint32_t)workers;
}

void team_fit(struct job *job)
{
    if (job->schedule != GRAIN_SCHEDULE_STEAL)
        return;
    size_t least = job->count / STEAL_CHUNKS_MAX + 1;
    if (job->chunk < least)
        job->chunk = least;
}

size_t team_chunks(const struct job *job, int workers)
{
    return job->chunk ? (job->count + job->chunk - 1) / job->chunk : team_parts(job, workers);
}
