/* SPDX-License-Identifier: MIT
 *
 * What the files of the worker's side share, in their order: team/worker.c (is there work, does the team end,
 * spinning), team/piece.c (running a piece), team/complete.c (reporting), team/steal.c (a part under `steal`),
 * team/single.c (a job of one task), team/part.c (what a ticket makes a worker do), team/recover.c (what a replacement
 * does first), team/loop.c.
 */
#ifndef GRAIN_TEAM_WORKER_H
#define GRAIN_TEAM_WORKER_H

#include "sys/child.h"
#include "sys/futex.h"
#include "sys/inject.h"
#include "team.h"
#include "ticket.h"
#include "wake.h"

/* The worker as it runs: private to it. */
struct worker {
    struct team *team;
    struct team_slot *slot;
    int id;
    uint32_t state;       /* what slot->state said last, as far as the worker set it */
    bool was_woken;       /* since its last ticket */
    bool is_spinner;      /* it has put itself into team->spinner */
    uint32_t pushed;      /* team->pushed before it looked for a ticket */
    bool is_caller;       /* a calling thread in a borrowed slot: takes tickets of its own call only */
    uint64_t chunks_left; /* until it leaves; UINT64_MAX: no limit */
    /* The part it works on; not of a single task. */
    struct team_job *job; /* NULL: none */
    uint32_t part;
    bool may_give; /* under `steal`, as long as the part's range is its own to fill: not while it runs orphans */
    struct steal_pace pace;
    /* As a thief: how often it looked, and where it saw another worker last. */
    unsigned looks;
    const struct team_slot *stuck_slot;
    size_t stuck_index;
    /* The single task it took, as the ring brought it, and as job_run() wants it; a small argument lies in payload,
     * from word PAYLOAD_INLINE on, and thus at a multiple of 64. */
    _Alignas(64) uint64_t payload_lead[8 - PAYLOAD_INLINE];
    uint64_t payload[RING_PAYLOAD];
    struct job single;
};

/* ctx.index while no task of the piece has begun. */
#define NO_TASK SIZE_MAX

/* Whether it has run as many chunks as it may. It then takes no more, and leaves before its next piece or ticket. */
static inline bool worker_is_retired(const struct worker *worker)
{
    return worker->chunks_left == 0;
}

/* Counts chunks that it has run. A replacement may run more than its own: what its predecessor had in hand. */
static inline void worker_count_chunks(struct worker *worker, uint64_t chunks)
{
    if (worker->chunks_left != UINT64_MAX)
        worker->chunks_left = worker->chunks_left > chunks ? worker->chunks_left - chunks : 0;
}

/* Whether work is to be dropped; then says so in the job. */
bool worker_is_stopped(struct worker *worker, struct team_job *job);

/* What finished tasks have printed is out before anybody is told that they are done, whatever becomes of this
 * process. */
static inline void worker_flush(const struct worker *worker)
{
    if (worker->team->is_shared && child_has_output())
        child_flush();
}

/* The worker is ready, or recovery has done something: a death after this does not count as one that comes to
 * nothing. relaxed: the supervisor looks when this worker is dead. */
static inline void slot_progress(struct team_slot *slot)
{
    uint64_t progress = atomic_load_explicit(&slot->progress, memory_order_relaxed);
    atomic_store_explicit(&slot->progress, progress + 1, memory_order_relaxed);
}

/* Threads: tells of tasks that are left out because of that. Processes leave no word: their caller accounts for what
 * they did not run, team/account.c. */
void part_drop(struct worker *worker, struct team_job *job, uint64_t begin, uint64_t end);

/* How long this worker may spin now, and that it then sleeps without end; the word is the waiter's to fill in. Where it
 * becomes the team's spinner, spinner_end() is due before it sleeps and when it has waited. */
struct wait_limits worker_limits(struct worker *worker, bool is_thief);
void spinner_end(struct worker *worker);

/* Leaves its CPU, if it can, when the caller has found itself there. Such a caller sleeps at once: so each of the two
 * would be asleep whenever the other one looks, and stay. */
void worker_make_room(struct worker *worker);

/* For wait_kind.may_spin: whether it is in nobody's way. On the caller's CPU it moves to another one, or may not. */
bool worker_may_spin(void *worker);

/* Whether workers go. Threads that left at TEAM_STOP would leave a caller that was let in before alone with what it
 * pushes after. */
bool team_is_leaving(const struct team *team);

/* Whether there is a ticket that was not there when worker->pushed was read, or the team ends. */
bool worker_is_called(const struct worker *worker);

/* Takes a ticket from a ring, the oldest, where `of` is 0 or a ticket of the same job. 0: none. */
uint64_t ticket_from_ring(struct worker *worker, struct ring *ring, uint64_t of);

/* For a caller that takes part: a ticket of the same job that nobody has taken yet, or 0; whether all other parts are
 * done, or in rings. */
uint64_t ticket_of_job(struct worker *worker, uint64_t of);
bool is_rest_idle(const struct worker *worker, const struct team_job *job);

/* Before a task is entered: while tickets are queued and no spinner sees them, wakes a sleeper. */
void wake_next(struct worker *worker);

/* Whether the worker has the CPU that the caller had when it last looked, and is not the only one. relaxed: a hint. */
bool is_beside_caller(const struct worker *worker);

/* Makes the ticket's part the one it works on. */
void worker_begin(struct worker *worker, uint64_t ticket);

/* A part of the job that it works on. */
static inline struct team_part *part_at(const struct worker *worker, uint32_t part)
{
    return team_part(worker->team, (uint32_t)(worker->job - worker->team->jobs), part);
}

/* The part is over: reports it, and, as the last one, completes the job. */
void part_report(struct worker *worker, struct team_job *job, uint64_t ticket);

/* Takes part in the ticket's job until no claim is left, then reports. False: the worker is retired before
 * that, and the ticket stays in its slot. */
bool ticket_work(struct worker *worker, uint64_t ticket);

/* Runs [begin, end), whole chunks of the part's job, with the cursor set; marks the chunks. Returns the end of what it
 * ran: less than `end` where it gave some away or had to stop. */
uint64_t piece_run(struct worker *worker, struct team_job *job, uint32_t part, uint64_t begin, uint64_t end);

/* The `on_interrupt` of every worker's context: gives half of the rest of the piece back when a thief asked, drops the
 * rest when the team stops. */
size_t piece_interrupted(struct grain_context *ctx, size_t next, size_t end);

/* Under `steal`: runs pieces of the part's own range, then of what it can steal or is given. False: it is retired, and
 * the range is not empty. */
bool steal_run(struct worker *worker, struct team_job *job, uint64_t ticket);

/* The job has ended: the owner may look at it. Then F2, which pairs with the kernel's fence in FUTEX_WAIT
 * (caller_lie_down): either the caller sees this, or we see that it sleeps, when we look at is_awaited afterwards. A
 * store and a fence, not a sequentially consistent store: on x86 that is an exchange, which holds the line up while the
 * caller asks for it; a call of apply took half as long again. */
static inline void finished_say(struct team_job *job, uint32_t state)
{
    atomic_store_explicit(&job->finished, state, memory_order_release);
    FENCE(2);
}

/* After F2, or by a replacement: who waits for the end of the job is told. */
static inline void waiter_tell(const struct worker *worker, struct team_job *job)
{
    uint32_t whom = atomic_load_explicit(&job->is_awaited, memory_order_relaxed);
    if (whom)
        job_tell(worker->team, job, whom);
}

/* A job of a single task that came with payload; that a dead worker left: team/single.c. */
void single_work(struct worker *worker, uint64_t ticket);
void single_recover(struct worker *worker, uint64_t ticket);
bool single_is_done(struct team *team, uint64_t ticket);

/* Marks the chunks of [begin, end) as done. */
void chunks_mark_done(struct team_job *job, uint32_t part, uint64_t begin, uint64_t end);

/* Whether the part was reported. */
static inline bool is_part_done(const struct team_job *job, uint32_t part)
{
    return atomic_load_explicit(&job->done[part / 64], memory_order_acquire) >> (part % 64) & 1;
}

/* For a replacement: does again what follows from the last part's report, if it is due. */
void report_repeat(struct worker *worker, struct team_job *job, uint64_t ticket);

/* A replacement: ends what its predecessor held. Before it takes a ticket. */
void team_recover(struct worker *worker);

/* How the dead worker of this slot ended. */
void worker_end_describe(struct grain_error *error, const struct team_slot *slot);

#endif
