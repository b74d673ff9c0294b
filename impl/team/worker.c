/* SPDX-License-Identifier: MIT
 *
 * What every part of the worker's side may ask: is there work, does the team end; and how it spins. team/worker.h has
 * the order of the files.
 */
#include <errno.h>
#include <stdio.h>

#include "worker.h"

#include "sys/clock.h"
#include "sys/futex.h"
#include "sys/machine.h"

bool worker_is_stopped(struct worker *worker, struct team_job *job)
{
    if (__builtin_expect(atomic_load_explicit(&worker->team->phase, memory_order_relaxed) < TEAM_STOP, 1))
        return false;
    atomic_store_explicit(&job->dropped, 1, memory_order_relaxed);
    return true;
}

void worker_begin(struct worker *worker, uint64_t ticket)
{
    struct team_part *part = ticket_part(worker->team, ticket);
    worker->job = ticket_job(worker->team, ticket);
    worker->part = ticket_part_index(ticket);
    worker->may_give = worker->job->job.schedule == GRAIN_SCHEDULE_STEAL;
    worker->slot->ctx.outcome = &part->outcome;
}

void worker_end_describe(struct grain_error *error, const struct team_slot *slot)
{
    *error = (struct grain_error){
        .code = -EOWNERDEAD, .pid = slot->dead_pid, .signo = slot->dead_signo, .exit_status = slot->dead_status};
    if (!slot->dead_pid) /* a thread: only its own task can have ended it */
        snprintf(error->message, sizeof error->message, "%s", JOB_LEFT_TEXT);
    else if (error->signo)
        snprintf(error->message, sizeof error->message, "the worker (process %d) was killed by signal %d", error->pid,
                 error->signo);
    else
        snprintf(error->message, sizeof error->message, "the worker (process %d) exited with status %d", error->pid,
                 error->exit_status);
}

/* ---------------------------------------------------------------------------------------------------------- waiting */

bool team_is_leaving(const struct team *team)
{
    uint32_t phase = atomic_load_explicit(&team->phase, memory_order_acquire);
    return phase != TEAM_RUN && (phase != TEAM_STOP || team->is_shared);
}

bool worker_is_called(const struct worker *worker, uint32_t pushed)
{
    return ring_has_next(&worker->slot->ring) ||
           atomic_load_explicit(&worker->team->pushed, memory_order_acquire) != pushed || team_is_leaving(worker->team);
}

/* The caller needs the CPU that this worker is bound to. */
static bool is_in_the_way(const struct worker *worker)
{
    int cpu = atomic_load_explicit(&worker->slot->cpu, memory_order_relaxed);
    return cpu >= 0 && atomic_load_explicit(&worker->team->caller_cpu, memory_order_relaxed) == cpu;
}

/* Moves to the spare CPU, where there is one: the scheduler would leave a caller and a worker that take turns on one
 * CPU there for ever. */
static bool step_aside(struct worker *worker)
{
    struct team_slot *slot = worker->slot;
    int cpu = atomic_load_explicit(&slot->cpu, memory_order_relaxed);
    if (slot->spare_cpu < 0 || machine_bind_self(slot->spare_cpu))
        return false;
    atomic_store_explicit(&slot->cpu, slot->spare_cpu, memory_order_relaxed);
    slot->spare_cpu = cpu;
    return true;
}

/* At most one idle worker spins; the others sleep. (A thief is not idle: in a team with a CPU a worker all of them
 * spin.) A dead spinner's replacement has the same id and may
 * go on in its place. */
static bool spinner_become(struct worker *worker)
{
    struct team *team = worker->team;
    uint32_t mine = 1 + (uint32_t)worker->id, seen = 0;
    if (team->wait == GRAIN_WAIT_SPIN)
        return true;
    if (team->wait == GRAIN_WAIT_PARK || team->usable_cpus < 2)
        return false;
    return atomic_compare_exchange_strong_explicit(&team->spinner, &seen, mine, memory_order_relaxed,
                                                   memory_order_relaxed) ||
           seen == mine;
}

bool worker_spin(struct worker *worker, uint32_t pushed, worker_news news)
{
    struct team *team = worker->team;
    bool is_thief = news && team->workers <= team->usable_cpus && team->wait != GRAIN_WAIT_PARK;
    bool is_news = false, is_endless = team->wait == GRAIN_WAIT_SPIN;
    if (!is_thief && !spinner_become(worker))
        return false;
    uint64_t until = 0;
    for (unsigned turn = 0; !is_news; turn++) {
        is_news = worker_is_called(worker, pushed) || (news && news(worker));
        if ((turn & 63) == 63 && !is_endless) {
            uint64_t now = clock_ns();
            if (until == 0)
                until = now + WAIT_SPIN_NS;
            if (now > until || (!news && is_in_the_way(worker) && !step_aside(worker)))
                break;
        }
        wait_breathe(turn);
    }
    if (!is_thief && !is_endless)
        atomic_store_explicit(&team->spinner, 0, memory_order_relaxed);
    return is_news;
}

bool team_is_anything_queued(struct team *team)
{
    uint64_t position;
    for (int i = 0; i < team->workers; i++)
        if (ring_peek(&team->slots[i].ring, &position))
            return true;
    return false;
}
