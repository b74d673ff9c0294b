/* SPDX-License-Identifier: MIT
 *
 * The caller waits for a job: it spins where a CPU is left over for it, then sleeps on the job's `finished`.
 */
#include <errno.h>

#include "front.h"

#include "sys/futex.h"
#include "sys/inject.h"
#include "ticket.h"
#include "wake.h"

/* How often a sleeping caller looks whether the workers can still come back. */
#define ALIVE_TICK_NS 100000000u

/* How long a job with more parts than CPUs is given before the workers that still sleep are woken too: shorter
 * than a slice of the scheduler, long enough for most jobs to end. */
#define WAKE_REST_NS 500000u

struct caller {
    struct team_front *front;
    struct team_job *job;
    uint32_t done; /* what `finished` then says */
};

static bool caller_is_over(void *who)
{
    const struct caller *caller = who;
    return atomic_load_explicit(&caller->job->finished, memory_order_acquire) == caller->done;
}

/* Not on the CPU of a worker that it waits for, wherever the scheduler may have moved it meanwhile: asleep it is woken
 * where a CPU is idle. Yielding is not enough: the two would take turns there. */
static bool caller_may_spin(void *who)
{
    const struct caller *caller = who;
    const struct team *team = caller->front->team;
    uint32_t count = (uint32_t)team->workers, own = part_own(team, caller->job);
    team_note_cpu(caller->front->team);
    for (uint32_t part = 0; part < (caller->job->alone ? 1 : caller->job->parts); part++)
        if (part != own && is_on_my_cpu(team, (int)((caller->job->slot + part) % count)))
            return false;
    return atomic_load_explicit(&team->phase, memory_order_relaxed) < TEAM_STOP;
}

/* No fence of ours: FUTEX_WAIT is one. The kernel counts a sleeper with a full barrier before it looks at `finished`
 * (source: Linux, kernel/futex, "implies smp_mb(); (A)"), so it pairs with F2: either the worker sees this, or the
 * kernel sees that it is done. A phase that is missed (F10) is seen at the next tick, or told again by who guards
 * them; threads finish every job. */
static bool caller_lie_down(void *who)
{
    const struct caller *caller = who;
    atomic_store_explicit(&caller->job->is_awaited, AWAITED, memory_order_relaxed);
    atomic_store_explicit(&caller->front->team->caller_cpu, -1, memory_order_relaxed); /* in nobody's way any more */
    /* Either we see the phase, or who stores it sees that we are about to sleep: team_has_sleepers. */
    atomic_thread_fence(memory_order_seq_cst);
    return !caller_is_over(who) && team_abort_reason(caller->front) == 0;
}

static void caller_get_up(void *who)
{
    const struct caller *caller = who;
    atomic_store_explicit(&caller->job->is_awaited, 0, memory_order_relaxed);
    team_note_cpu(caller->front->team);
}

static const struct wait_kind caller_kind = {
    .is_over = caller_is_over, .may_spin = caller_may_spin, .lie_down = caller_lie_down, .get_up = caller_get_up};

/* When the spin was in vain. spin_ns: of a caller that does not sleep while it has a CPU of its own; else 0. */
__attribute__((noinline)) static int caller_wait(struct caller *caller, uint64_t spin_ns)
{
    struct team_front *front = caller->front;
    struct team_job *job = caller->job;
    bool is_shared = front->team->is_shared;
    bool has_woken = job->is_chained || job->parts <= (uint32_t)front->team->usable_cpus;
    struct wait_limits limits = {
        .word = &job->finished, .spin_ns = spin_ns, .is_endless = spin_ns > 0, .is_shared = is_shared};
    while (!caller_is_over(caller)) {
        int status = team_abort_reason(front);
        if (status)
            return status;
        bool ticks = is_shared && !atomic_load_explicit(&front->is_guarded, memory_order_acquire);
        limits.sleep_ns = !has_woken ? WAKE_REST_NS : ticks ? ALIVE_TICK_NS : UINT64_MAX;
        enum wait_end end = wait_once(&caller_kind, &limits, caller);
        if (end == WAIT_TIME_UP && !has_woken)
            parts_rouse(front, job, (uint32_t)front->team->usable_cpus);
        else if (end == WAIT_TIME_UP && front->is_alive && !front->is_alive(front->user))
            team_set_phase(front->team, TEAM_BROKEN);
        has_woken = has_woken || end == WAIT_TIME_UP;
    }
    return 0;
}

/* Waits until `finished` says done in this generation. A caller spins only where `streams` running workers leave it a
 * CPU: they come first. 0 or as team_abort_reason(). */
static inline int await_job(struct team_front *front, struct team_job *job, int streams)
{
    const struct team *team = front->team;
    struct caller caller = {front, job, state_make(team_job_generation(job), STATE_DONE)};
    bool may_spin = team->wait != GRAIN_WAIT_PARK && streams < team->usable_cpus;
    if (may_spin && wait_spin(&caller_kind, WAIT_SPIN_NS, &caller) == WAIT_OVER)
        return 0;
    return caller_wait(&caller, may_spin && team->wait == GRAIN_WAIT_SPIN ? ALIVE_TICK_NS : 0);
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

/* For how long a caller watches a small call that one worker has alone. */
#define WATCH_NS 3000u

/* Whether it has ended in that time; else the others begin too. The caller that watches is awake: so nobody need be
 * woken before, whatever a task may wait for. */
static bool has_watched(struct team_front *front, struct team_job *job)
{
    struct caller caller = {front, job, state_make(team_job_generation(job), STATE_DONE)};
    if (!job->alone)
        return false;
    if (wait_spin(&caller_kind, WATCH_NS, &caller) == WAIT_OVER)
        return true;
    parts_release(front, job);
    return false;
}

/* How many workers may be at it, besides the caller. */
static int streams_of(const struct team_job *job)
{
    return job->alone ? 1 : (int)job->parts - job->has_joined;
}

int team_wait(struct team_front *front, struct team_job *job)
{
    int status = has_watched(front, job) ? 0 : await_job(front, job, streams_of(job));
    if (status)
        return status;
    team_outcome(front, job);
    return team_job_status(front, job);
}

int team_wait_single(struct team_front *front, struct team_job *job)
{
    /* On the worker's own CPU spinning would keep it from its work. Asleep, the caller is woken where a CPU is idle. */
    int status = await_job(front, job, is_on_my_cpu(front->team, job->slot) ? front->team->usable_cpus : 1);
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

bool team_is_done(struct team_front *front, struct team_job *job, unsigned watch)
{
    if (watch) {
        uint32_t whom = atomic_load_explicit(&job->is_awaited, memory_order_relaxed);
        atomic_store_explicit(&job->is_awaited, whom | AWAITED_BY(watch), memory_order_relaxed);
        if (job->has_rest && atomic_load_explicit(&job->finished, memory_order_relaxed) !=
                                 state_make(team_job_generation(job), STATE_DONE)) {
            job->has_rest = false; /* those that were left asleep because somebody would ask */
            parts_rouse(front, job, 0);
        }
        /* F11 pairs with F2, and for the phase with F10: either we see the end, or who brings it sees that it is
         * watched, and by a sleeper (event_wait). */
        FENCE(11);
    }
    return atomic_load_explicit(&job->finished, memory_order_acquire) ==
               state_make(team_job_generation(job), STATE_DONE) ||
           team_abort_reason(front);
}

bool team_has_sleepers(struct team_front *front)
{
    atomic_thread_fence(memory_order_seq_cst);
    for (size_t i = 0; i < TEAM_JOBS; i++)
        if (atomic_load_explicit(&front->team->jobs[i].is_awaited, memory_order_relaxed) & AWAITED)
            return true;
    return false;
}

void team_unwatch(struct team_job *job)
{
    atomic_store_explicit(&job->is_awaited, 0, memory_order_relaxed);
}
