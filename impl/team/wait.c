/* SPDX-License-Identifier: MIT
 *
 * The caller waits for a job: it spins where a CPU is left over for it, then sleeps on the job's `finished`.
 */
#include <errno.h>

#include "front.h"

#include "sys/clock.h"
#include "sys/futex.h"
#include "ticket.h"
#include "wake.h"

/* How often a sleeping caller looks whether the workers can still come back. */
#define ALIVE_TICK_NS 100000000u

/* How long a job with more parts than CPUs is given before the workers that still sleep are woken too: about a slice of
 * the scheduler. */
#define WAKE_REST_NS 4000000u

static bool is_finished(struct team_job *job, uint32_t done)
{
    return atomic_load_explicit(&job->finished, memory_order_acquire) == done;
}

/* A caller spins only where a CPU is left over for it: the workers it waits for come first. */
static bool caller_spin(struct team *team, struct team_job *job, uint32_t done, int streams)
{
    bool is_endless = team->wait == GRAIN_WAIT_SPIN;
    if (team->wait == GRAIN_WAIT_PARK || (!is_endless && streams + 1 > team->usable_cpus))
        return is_finished(job, done);
    uint64_t until = 0;
    for (unsigned turn = 0; !is_finished(job, done); turn++) {
        if ((turn & 63) == 63) {
            uint64_t now = clock_ns();
            if (atomic_load_explicit(&team->phase, memory_order_relaxed) >= TEAM_STOP)
                return false;
            if (until == 0)
                until = now + WAIT_SPIN_NS;
            else if (now > until + (is_endless ? ALIVE_TICK_NS : 0))
                return false; /* endless: let the sleeping loop look whether anybody is left */
        }
        wait_breathe(turn);
    }
    return true;
}

static int caller_sleep(struct team_front *front, struct team_job *job, uint32_t done)
{
    struct team *team = front->team;
    bool has_woken = job->parts <= (uint32_t)team->usable_cpus;
    int status = 0;
    /* No fence of ours: FUTEX_WAIT is one. The kernel counts a sleeper with a full barrier before it looks at
     * `finished` (source: Linux, kernel/futex, "implies smp_mb(); (A)"), so it pairs with F2: either the worker sees
     * this, or the kernel sees that it is done. A phase that is missed (F10) is seen at the next tick; threads finish
     * every job. */
    atomic_store_explicit(&job->is_awaited, 1, memory_order_relaxed);
    for (;;) {
        uint32_t state = atomic_load_explicit(&job->finished, memory_order_acquire);
        if (state == done)
            break;
        status = team_abort_reason(front);
        if (status)
            break;
        uint64_t tick_ns = !has_woken ? WAKE_REST_NS : team->is_shared ? ALIVE_TICK_NS : UINT64_MAX;
        int woken = wait_sleep(&job->finished, state, tick_ns, team->is_shared);
        if (woken == -ETIMEDOUT && !has_woken)
            has_woken = team_wake_rest(front, job);
        else if (woken == -ETIMEDOUT && front->is_alive && !front->is_alive(front->user))
            team_set_phase(team, TEAM_BROKEN);
    }
    atomic_store_explicit(&job->is_awaited, 0, memory_order_relaxed);
    team_note_cpu(team);
    return status;
}

int team_await(struct team_front *front, struct team_job *job, int streams)
{
    uint32_t done = state_make(team_job_generation(job), STATE_DONE);
    return caller_spin(front->team, job, done, streams) ? 0 : caller_sleep(front, job, done);
}

void team_outcome(struct team_front *front, struct team_job *job)
{
    struct team *team = front->team;
    job->job.outcome = (struct job_outcome){0};
    job->job.handovers = 0;
    job->job.steals = 0;
    for (uint32_t i = 0; i < job->parts; i++) {
        const struct team_part *part = team_part(team, (uint32_t)(job - team->jobs), i);
        job_outcome_merge(&job->job.outcome, &part->outcome);
        job->job.handovers += part->handovers;
        job->job.steals += part->steals;
    }
}

int team_wait(struct team_front *front, struct team_job *job)
{
    int status = team_await(front, job, (int)job->parts);
    if (status)
        return status;
    team_outcome(front, job);
    return team_job_status(front, job);
}

int team_wait_single(struct team_front *front, struct team_job *job)
{
    /* On the worker's own CPU spinning would keep it from its work. Asleep, the caller is woken where a CPU is idle. */
    int status = team_await(front, job, is_on_my_cpu(front->team, job->slot) ? front->team->usable_cpus : 1);
    if (status)
        return status;
    const struct job_outcome *outcome = &team_part(front->team, (uint32_t)(job - front->team->jobs), 0)->outcome;
    job->job.outcome.failed = outcome->failed;
    if (outcome->failed)
        job->job.outcome.first = outcome->first;
    job->job.handovers = 0; /* counted in front->singles */
    job->job.steals = 0;
    return team_job_status(front, job);
}
