/* SPDX-License-Identifier: MIT
 *
 * The worker's side of a team: take a ticket, claim and run until nothing is left, report, wait. The
 * order of the stores is the kill rule of team.h. Callers: team_front.c.
 */
#include "backend/team.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "backend/ticket.h"
#include "transport/wait.h"

/* The worker as it runs: private to it. */
struct worker {
    struct team *team;
    struct team_slot *slot;
    struct grain_context ctx;
    int id;
};

/* --------------------------------------------------------------------------------- completing a job */

/* All bits of a word of `done`. */
static uint64_t full_word(uint32_t parts, uint32_t word)
{
    uint32_t rest = parts - word * 64;
    return rest >= 64 ? UINT64_MAX : (UINT64_C(1) << rest) - 1;
}

/* Sets the bit of a full word; true when it was the last one. The generation in the same word keeps a
 * replacement that comes late from marking the job that took this one's place. */
static bool word_finish(struct team_job *job, uint32_t generation, uint32_t parts, uint32_t word)
{
    uint32_t all = (UINT32_C(1) << (parts + 63) / 64) - 1;
    uint64_t now = atomic_load_explicit(&job->words_done, memory_order_acquire), next;
    do {
        if (now >> 32 != generation)
            return false;
        next = now | UINT64_C(1) << word;
    } while (!atomic_compare_exchange_weak_explicit(&job->words_done, &now, next, memory_order_acq_rel,
                                                    memory_order_acquire));
    return (uint32_t)next == all;
}

/* Sets the bit of a part; true when it was the last one of the job. acq_rel: the last setter sees what
 * all parts wrote. Once the bit is set the job may end and its descriptor change hands: whatever is
 * needed of it is read before. */
static bool part_finish(struct team_job *job, uint64_t ticket)
{
    uint32_t parts = job->parts;
    uint32_t part = ticket_part_index(ticket), word = part / 64;
    uint64_t bit = UINT64_C(1) << (part % 64);
    uint64_t bits = atomic_fetch_or_explicit(&job->done[word], bit, memory_order_acq_rel) | bit;
    return bits == full_word(parts, word) && word_finish(job, ticket_generation(ticket), parts, word);
}

/* The cursor comes before the run, the unit's byte after it: between the two the unit counts as running.
 * relaxed: read only after this worker is dead, by a process forked later. */
static void unit_run(struct worker *worker, struct team_job *job, uint64_t unit, uint64_t begin, uint64_t end)
{
    struct team_slot *slot = worker->slot;
    atomic_store_explicit(&slot->end, end, memory_order_relaxed);
    atomic_store_explicit(&slot->begin, begin, memory_order_relaxed);
    job_run(&job->job, begin, end, &worker->ctx);
    if (job->units)
        atomic_store_explicit(&job->units[unit], 1, memory_order_relaxed);
    atomic_store_explicit(&slot->begin, end, memory_order_relaxed);
    atomic_store_explicit(&slot->units_run, atomic_load_explicit(&slot->units_run, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static bool is_stopped(const struct team *team)
{
    return atomic_load_explicit(&team->phase, memory_order_relaxed) >= TEAM_STOP;
}

/* Runs the units that were claimed by a worker which died before it could say so. Only the one worker
 * whose id stands in the job's state is here, and every part is done: nobody else runs tasks of this job. */
static void orphans_run(struct worker *worker, struct team_job *job)
{
    uint64_t count = job->job.count, chunk = job->job.chunk;
    if (!job->units || chunk == 0)
        return;
    for (uint64_t unit = 0; unit * chunk < count && !is_stopped(worker->team); unit++) {
        if (atomic_load_explicit(&job->units[unit], memory_order_relaxed))
            continue;
        uint64_t begin = unit * chunk;
        unit_run(worker, job, unit, begin, count - begin > chunk ? begin + chunk : count);
    }
}

static void job_complete(struct worker *worker, struct team_job *job, uint32_t generation)
{
    uint32_t mine = state_make(generation, 2 + (uint32_t)worker->id), seen = state_make(generation, STATE_RUNNING);
    /* A second completer exists only when a replacement repeats its predecessor's last step. */
    if (!atomic_compare_exchange_strong_explicit(&job->finished, &seen, mine, memory_order_acq_rel,
                                                 memory_order_acquire) &&
        seen != mine)
        return;
    if (atomic_load_explicit(&job->deaths, memory_order_acquire))
        orphans_run(worker, job);
    /* seq_cst: pairs with is_awaited in team_wait: either it sees this, or we see that it sleeps */
    atomic_store_explicit(&job->finished, state_make(generation, STATE_DONE), memory_order_seq_cst);
    if (atomic_load_explicit(&job->is_awaited, memory_order_seq_cst))
        wait_wake(&job->finished, INT_MAX, worker->team->is_shared);
}

/* -------------------------------------------------------------------------------- working on a ticket */

/* One claim, unit by unit where units are kept (a guided claim covers several). */
static void claim_run(struct worker *worker, struct team_job *job, uint32_t part, uint64_t begin, uint64_t end)
{
    uint64_t chunk = job->job.chunk;
    if (!job->units || chunk == 0) {
        if (!job->units || !atomic_load_explicit(&job->units[part], memory_order_relaxed))
            unit_run(worker, job, part, begin, end);
        return;
    }
    for (uint64_t at = begin; at < end; at += chunk) {
        /* Already settled: a replacement goes over its predecessor's static share again. */
        if (atomic_load_explicit(&job->units[at / chunk], memory_order_relaxed))
            continue;
        unit_run(worker, job, at / chunk, at, end - at > chunk ? at + chunk : end);
    }
}

static void ticket_work(struct worker *worker, uint64_t ticket)
{
    struct team *team = worker->team;
    struct team_job *job = ticket_job(team, ticket);
    struct team_part *part = ticket_part(team, ticket);
    const struct job *plain = &job->job;
    struct claim_share share;
    uint64_t begin, end, claims = 1;

    worker->ctx.outcome = &part->outcome;
    claim_start(&share, &job->claims, plain->schedule, plain->count, plain->chunk, ticket_part_index(ticket),
                job->parts);
    while (claim_next(&share, &begin, &end)) {
        if (__builtin_expect(is_stopped(team), 0)) {
            atomic_store_explicit(&job->dropped, 1, memory_order_relaxed);
            break;
        }
        claim_run(worker, job, ticket_part_index(ticket), begin, end);
        claims++;
    }
    part->handovers += plain->schedule == GRAIN_SCHEDULE_STATIC ? 1 : claims;
    if (part_finish(job, ticket))
        job_complete(worker, job, ticket_generation(ticket));
    atomic_store_explicit(&worker->slot->ticket, 0, memory_order_release);
}

/* Takes a ticket from any ring, its own first. The tentative announcement is visible before the ticket
 * can be missing from the ring: the swap in ring_take is acq_rel. */
static uint64_t ticket_take(struct worker *worker)
{
    struct team *team = worker->team;
    for (int i = 0; i < team->workers; i++) {
        struct ring *ring = &team->slots[(worker->id + i) % team->workers].ring;
        uint64_t position, ticket;
        while ((ticket = ring_peek(ring, &position))) {
            atomic_store_explicit(&worker->slot->ticket, ticket | TICKET_TENTATIVE, memory_order_release);
            bool is_mine = ring_take(ring, position, ticket);
            atomic_store_explicit(&worker->slot->ticket, is_mine ? ticket : 0, memory_order_release);
            if (is_mine)
                return ticket;
        }
    }
    return 0;
}

/* -------------------------------------------------------------------------------------------- waiting */

/* At most one idle worker spins; the others sleep. A dead spinner's replacement has the same id and may
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

/* Spins until something is pushed or the phase changes; false when it has spun long enough. */
static bool worker_spin(struct worker *worker, uint32_t pushed)
{
    struct team *team = worker->team;
    if (!spinner_become(worker))
        return false;
    bool is_news = false;
    uint64_t until = 0;
    for (unsigned turn = 0; !is_news; turn++) {
        is_news = atomic_load_explicit(&team->pushed, memory_order_acquire) != pushed ||
                  atomic_load_explicit(&team->phase, memory_order_acquire) != TEAM_RUN;
        if ((turn & 63) == 63 && team->wait != GRAIN_WAIT_SPIN) {
            uint64_t now = wait_now_ns();
            if (until == 0)
                until = now + WAIT_SPIN_NS;
            else if (now > until)
                break;
        }
        wait_breathe(turn);
    }
    if (team->wait != GRAIN_WAIT_SPIN)
        atomic_store_explicit(&team->spinner, 0, memory_order_relaxed);
    return is_news;
}

/* Sleeps unless something was pushed meanwhile. The fence pairs with the one in team_submit: either the
 * producer sees this sleeper, or the sleeper sees what was pushed. A worker killed in its sleep leaves
 * `sleepers` too high: that costs a system call a push, nothing else. */
static void worker_sleep(struct team *team, uint32_t pushed)
{
    atomic_fetch_add_explicit(&team->sleepers, 1, memory_order_relaxed);
    uint32_t bell = atomic_load_explicit(&team->bell, memory_order_acquire);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&team->pushed, memory_order_relaxed) == pushed &&
        atomic_load_explicit(&team->phase, memory_order_relaxed) == TEAM_RUN)
        wait_sleep(&team->bell, bell, UINT64_MAX, team->is_shared);
    atomic_fetch_sub_explicit(&team->sleepers, 1, memory_order_relaxed);
}

/* The next ticket; 0 when the team ends and nothing is queued. */
static uint64_t ticket_await(struct worker *worker)
{
    struct team *team = worker->team;
    for (;;) {
        uint32_t pushed = atomic_load_explicit(&team->pushed, memory_order_acquire);
        uint64_t ticket = ticket_take(worker);
        if (ticket)
            return ticket;
        if (atomic_load_explicit(&team->phase, memory_order_acquire) != TEAM_RUN)
            return 0;
        if (!worker_spin(worker, pushed))
            worker_sleep(team, pushed);
    }
}

static struct worker worker_make(struct team *team, int id, int pid)
{
    return (struct worker){
        .team = team,
        .slot = &team->slots[id],
        .ctx = {.worker = id, .pid = pid},
        .id = id,
    };
}

void team_work(struct team *team, int id, int pid)
{
    struct worker worker = worker_make(team, id, pid);
    uint64_t ticket;
    while ((ticket = ticket_await(&worker)))
        ticket_work(&worker, ticket);
}

/* ---------------------------------------------------------------------------- after a worker has died */

static bool is_in_a_ring(const struct team *team, uint64_t ticket)
{
    for (int i = 0; i < team->workers; i++)
        if (ring_holds(&team->slots[i].ring, ticket))
            return true;
    return false;
}

/* Whether another worker holds a ticket. One that is just about to take it is waited for: it takes a
 * few instructions, or dies and is settled by its own replacement, which is forked after this one. */
static bool is_held(const struct team *team, int but, uint64_t ticket)
{
    for (int i = 0; i < team->workers; i++) {
        if (i == but)
            continue;
        const _Atomic uint64_t *held = &team->slots[i].ticket;
        for (unsigned turn = 0; turn < 1000000; turn++) {
            if (atomic_load_explicit(held, memory_order_acquire) != (ticket | TICKET_TENTATIVE))
                break;
            wait_breathe(turn);
        }
        if (atomic_load_explicit(held, memory_order_acquire) == ticket)
            return true;
    }
    return false;
}

static bool is_part_done(const struct team_job *job, uint32_t part)
{
    return atomic_load_explicit(&job->done[part / 64], memory_order_acquire) >> (part % 64) & 1;
}

/* Whether the dead worker had taken the ticket that it had announced. */
static bool was_taken(struct team *team, int id, uint64_t ticket)
{
    return !is_in_a_ring(team, ticket) && !is_held(team, id, ticket) &&
           !is_part_done(ticket_job(team, ticket), ticket_part_index(ticket));
}

/* The tasks of the unit it died in fail; nothing else does. */
static void cursor_settle(struct worker *worker, struct team_job *job, uint64_t ticket)
{
    struct team_slot *slot = worker->slot;
    uint64_t begin = atomic_load_explicit(&slot->begin, memory_order_relaxed);
    uint64_t end = atomic_load_explicit(&slot->end, memory_order_relaxed);
    uint64_t chunk = job->job.chunk, unit = chunk ? begin / chunk : ticket_part_index(ticket);
    if (begin >= end || atomic_load_explicit(&job->units[unit], memory_order_relaxed))
        return;
    struct grain_error error = {
        .code = -EOWNERDEAD, .pid = slot->dead_pid, .signo = slot->dead_signo, .exit_status = slot->dead_status};
    if (error.signo)
        snprintf(error.message, sizeof error.message, "the worker (process %d) was killed by signal %d", error.pid,
                 error.signo);
    else
        snprintf(error.message, sizeof error.message, "the worker (process %d) exited with status %d", error.pid,
                 error.exit_status);
    for (uint64_t i = begin; i < end; i++) {
        error.index = i;
        job_fail(&job->job, &ticket_part(worker->team, ticket)->outcome, &error);
    }
    atomic_store_explicit(&job->units[unit], 1, memory_order_relaxed);
    atomic_store_explicit(&slot->begin, end, memory_order_relaxed);
}

/* The dead worker had reported its part, but perhaps not yet what follows from it. */
static void report_settle(struct worker *worker, struct team_job *job, uint64_t ticket)
{
    uint32_t word = ticket_part_index(ticket) / 64, parts = job->parts;
    bool is_full = atomic_load_explicit(&job->done[word], memory_order_acquire) == full_word(parts, word);
    if (is_full && word_finish(job, ticket_generation(ticket), parts, word))
        job_complete(worker, job, ticket_generation(ticket));
}

static void ticket_settle(struct worker *worker, uint64_t ticket)
{
    struct team_job *job = ticket_job(worker->team, ticket);
    atomic_store_explicit(&worker->slot->ticket, ticket, memory_order_release);
    if (is_part_done(job, ticket_part_index(ticket))) {
        uint32_t mine = state_make(ticket_generation(ticket), 2 + (uint32_t)worker->id);
        if (atomic_load_explicit(&job->finished, memory_order_acquire) == mine)
            cursor_settle(worker, job, ticket); /* it died while it ran orphans */
        report_settle(worker, job, ticket);
        return;
    }
    /* The part is not reported: the job cannot end, and its descriptor not change hands, before we do. */
    atomic_fetch_add_explicit(&job->deaths, 1, memory_order_acq_rel);
    cursor_settle(worker, job, ticket);
    ticket_work(worker, ticket);
}

void team_inherit(struct team *team, int id, int pid)
{
    struct worker worker = worker_make(team, id, pid);
    struct team_slot *slot = worker.slot;
    uint64_t ticket = atomic_load_explicit(&slot->ticket, memory_order_acquire);
    if (ticket & TICKET_TENTATIVE) {
        ticket &= ~TICKET_TENTATIVE;
        if (!ticket_is_current(team, ticket) || !was_taken(team, id, ticket))
            ticket = 0;
    }
    if (ticket && ticket_is_current(team, ticket))
        ticket_settle(&worker, ticket);
    atomic_store_explicit(&slot->begin, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->end, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->ticket, 0, memory_order_release);
}
