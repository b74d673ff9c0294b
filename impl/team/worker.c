/* SPDX-License-Identifier: MIT
 *
 * What every part of the worker's side may ask: is there work, does the team end; and how it spins. team/worker.h has
 * the order of the files.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>

#include "worker.h"

#include "sys/futex.h"
#include "sys/inject.h"
#include "sys/machine.h"
#include "wake.h"

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

bool worker_is_called(const struct worker *worker)
{
    return ring_has_next(&worker->slot->ring) ||
           atomic_load_explicit(&worker->team->pushed, memory_order_acquire) != worker->pushed ||
           team_is_leaving(worker->team);
}

/* Moves to the spare CPU, where there is one, or, bound to none, to any other: the scheduler would leave a caller and a
 * worker that take turns on one CPU there for ever. */
static bool step_aside(struct worker *worker, int cpu)
{
    struct team_slot *slot = worker->slot;
    if (atomic_load_explicit(&slot->cpu, memory_order_relaxed) < 0)
        return machine_leave_cpu(cpu) == 0;
    if (slot->spare_cpu < 0 || machine_bind_self(slot->spare_cpu))
        return false;
    atomic_store_explicit(&slot->cpu, slot->spare_cpu, memory_order_relaxed);
    slot->spare_cpu = cpu;
    return true;
}

void worker_make_room(struct worker *worker)
{
    struct team_slot *slot = worker->slot;
    if (__builtin_expect(!atomic_load_explicit(&slot->is_crowded, memory_order_relaxed), 1))
        return;
    atomic_store_explicit(&slot->is_crowded, 0, memory_order_relaxed);
    step_aside(worker, atomic_load_explicit(&slot->cpu, memory_order_relaxed));
}

bool worker_may_spin(void *who)
{
    struct worker *worker = who;
    int cpu = atomic_load_explicit(&worker->slot->cpu, memory_order_relaxed);
    if (cpu < 0)
        cpu = sched_getcpu();
    return worker->is_caller || atomic_load_explicit(&worker->team->caller_cpu, memory_order_relaxed) != cpu ||
           step_aside(worker, cpu);
}

/* At most one idle worker spins; the others sleep. A dead spinner's replacement has the same id and may go on in its
 * place. */
static bool spinner_become(struct worker *worker)
{
    uint32_t mine = 1 + (uint32_t)worker->id, seen = 0;
    worker->is_spinner = atomic_compare_exchange_strong_explicit(&worker->team->spinner, &seen, mine,
                                                                 memory_order_relaxed, memory_order_relaxed) ||
                         seen == mine;
    return worker->is_spinner;
}

void spinner_end(struct worker *worker)
{
    if (worker->is_spinner)
        atomic_store_explicit(&worker->team->spinner, 0, memory_order_relaxed);
    worker->is_spinner = false;
}

bool is_beside_caller(const struct worker *worker)
{
    int cpu = atomic_load_explicit(&worker->slot->cpu, memory_order_relaxed);
    return worker->team->workers > 1 && !worker->is_caller && cpu >= 0 &&
           cpu == atomic_load_explicit(&worker->team->caller_home, memory_order_relaxed);
}

/* The worker that the caller leaves its CPU to is there soon after a wake-up, one on an idle CPU is not: so the former
 * sleeps, and the latter spins. A thief is not idle: in a team with a CPU a worker all of them spin. */
struct wait_limits worker_limits(struct worker *worker, bool is_thief)
{
    const struct team *team = worker->team;
    struct wait_limits limits = {.sleep_ns = UINT64_MAX, .is_shared = team->is_shared};
    if (team->wait == GRAIN_WAIT_PARK)
        return limits;
    limits.is_endless = team->wait == GRAIN_WAIT_SPIN;
    if (limits.is_endless || (is_thief && team->workers <= team->usable_cpus) ||
        (team->usable_cpus > 1 && !is_beside_caller(worker) && spinner_become(worker)))
        limits.spin_ns = WAIT_SPIN_NS;
    return limits;
}

/* ---------------------------------------------------------------------------------------------------------- tickets */

static bool is_same_job(uint64_t ticket, uint64_t other)
{
    return (ticket & ~TICKET_PATIENT) >> 16 == (other & ~TICKET_PATIENT) >> 16;
}

/* A caller that takes part in a small call may be through with it before this worker begins: taking the ticket would
 * only make it wait. So the worker lets it lie for 0.5 or 2 us; and it is awake, should the tasks turn out long. */
#ifndef PATIENCE_TURNS
#define PATIENCE_TURNS 16u
#endif

static bool is_still_there(struct ring *ring, uint64_t position, uint64_t ticket)
{
    uint64_t now;
    unsigned turns = ticket & TICKET_A_WHILE ? 4 * PATIENCE_TURNS : PATIENCE_TURNS;
    wait_pause(turns - 1);
    return ring_peek(ring, &now) == ticket && now == position;
}

/* What the worker is about to read of a part lies with the caller: its lines come together, not one after the other. */
static void job_prefetch(struct team *team, uint64_t ticket)
{
    if (ticket_is_single(ticket))
        return;
    const char *job = (const char *)ticket_job(team, ticket), *part = (const char *)ticket_part(team, ticket);
    for (size_t at = 0; at < offsetof(struct team_job, claims); at += 64)
        __builtin_prefetch(job + at);
    __builtin_prefetch(part);
    __builtin_prefetch(part + 64, 1);
}

/* Takes a ticket from a ring. The tentative announcement is visible before the ticket can be missing from the ring:
 * the swap in ring_take is a release. The cursor is cleared before: an old one must not pass for that
 * of the new ticket. */
uint64_t ticket_from_ring(struct worker *worker, struct ring *ring, uint64_t of)
{
    struct team_slot *slot = worker->slot;
    uint64_t position, ticket;
    while ((ticket = ring_peek(ring, &position)) && (of == 0 || is_same_job(ticket, of))) {
        INJECT(ticket_seen);
        if (ticket & TICKET_PATIENT && of == 0 && !is_still_there(ring, position, ticket))
            continue;
        ticket &= ~TICKET_PATIENT;
        job_prefetch(worker->team, ticket);
        bool is_mine = true;
        if (ticket_is_single(ticket))
            ring_payload(ring, position, worker->payload);
        job_set_index(&slot->ctx, NO_TASK);
        atomic_store_explicit(&slot->ticket, ticket | TICKET_TENTATIVE, memory_order_release);
        INJECT(ticket_announced);
        if (worker->team->workers == 1)
            ring_take_alone(ring, position);
        else
            is_mine = ring_take(ring, position);
        INJECT(ticket_swapped);
        atomic_store_explicit(&slot->ticket, is_mine ? ticket : 0, memory_order_release);
        INJECT(ticket_recorded);
        if (is_mine)
            return ticket;
    }
    return 0;
}

/* The ring of part k, counted from the first. */
static struct ring *ring_of_part(const struct worker *worker, uint64_t of, uint32_t part)
{
    uint32_t slot = ticket_job(worker->team, of)->slot + part;
    return &worker->team->slots[slot % (uint32_t)worker->team->workers].ring;
}

uint64_t ticket_of_job(struct worker *worker, uint64_t of)
{
    uint64_t ticket = 0;
    for (uint32_t part = 0; part < ticket_job(worker->team, of)->parts && !ticket; part++)
        ticket = ticket_from_ring(worker, ring_of_part(worker, of, part), of);
    return ticket;
}

/* Whether the ticket of a part is the next one of its ring. */
static bool is_part_queued(const struct worker *worker, uint64_t ticket)
{
    uint64_t position;
    return (ring_peek(ring_of_part(worker, ticket, ticket_part_index(ticket)), &position) & ~TICKET_PATIENT) == ticket;
}

bool is_rest_idle(const struct worker *worker, const struct team_job *job)
{
    uint32_t index = (uint32_t)(job - worker->team->jobs);
    uint32_t generation = atomic_load_explicit(&job->generation, memory_order_relaxed);
    for (uint32_t part = 0; part < job->parts; part++)
        if (part != worker->part && !is_part_done(job, part) &&
            !is_part_queued(worker, ticket_make(generation, index, part)))
            return false;
    return true;
}

/* A worker that spins has seen them, or sees them when it looks once more before it sleeps (F3): they were queued, and
 * told of, before. Not of processes: it may have been killed. */
void wake_next(struct worker *worker)
{
    struct team *team = worker->team;
    if (atomic_load_explicit(&team->sleepers, memory_order_relaxed) == 0 || !team_is_anything_queued(team))
        return;
    uint32_t spinner = team->is_shared ? 0 : atomic_load_explicit(&team->spinner, memory_order_relaxed);
    if (spinner == 0 || atomic_load_explicit(&team->slots[spinner - 1].state, memory_order_relaxed) != SLOT_AWAKE)
        slot_wake(team, worker->id, true);
}
