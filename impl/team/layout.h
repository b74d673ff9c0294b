/* SPDX-License-Identifier: MIT
 *
 * A team: the workers of a pool and the queue they live on, the same code for processes (fork.c) and
 * threads (pthread.c). The memory of a team is one block that all its workers see.
 *
 * Glossary: the words of all files of a team.
 *   task        one index of a job                     chunk        what one claim takes, and the unit of recovery
 *   part        one worker's share of a job            ticket       "take part in this job", for one part
 *   range       chunks that a part owns, in one word   piece        chunks in a worker's hands: its slot names them
 *   ring        a worker's queue of tickets            payload      a single task, beside its ticket in the ring
 *   slot        what a worker shows of itself          desc         a job's descriptor: struct team_job
 *   thief       a worker without chunks of its own     orphan       a chunk whose worker died before it said so
 *   replacement the worker that comes after a dead,    recover      what a replacement does first: it ends what the one
 *               or a retired, one, in the same slot                 before it held
 *   wake_word   a sleeping worker's futex              steal_wake   the futex of thieves
 *   interrupt   a request to a running worker, which answers between two tasks: on_interrupt
 *   retired     has run as many chunks as it may       starving     a thief that waits for somebody to give
 *
 * A job becomes tickets, one a part (as many parts as workers, fewer when there are fewer chunks). A
 * ticket says "take part in this job until no claim is left". Ticket k goes into the ring of worker k;
 * an idle worker takes tickets from any ring, so that a long task blocks nothing queued behind it. The
 * job is complete when every ticket has been worked off: each worker reports once a ticket, not once a
 * chunk.
 *
 * How a map of 200000 rows flows:
 *
 *   caller                      rings          workers                        job
 *   ------                      -----          -------                        ---
 *   fill a team_job --------->  ticket 0 ----> worker 0: take a piece, run    range 0 <--+ halves are
 *   wake who sleeps             ticket 1 ----> worker 1: take a piece, run    range 1 <--+ stolen
 *   copy more items in          (the ring of a busy worker:                   each chunk that was run is marked
 *   sleep on `finished`          anybody takes the ticket)
 *   merge outcomes  <-----------------------   part done: its bit in `done`; the last bit: finished
 *
 * On threads the calling thread works on a part itself, in the slot of a worker that sleeps: team/lend.c, join.c. On
 * processes a small call begins with one worker, the other parts when the caller has watched in vain: team/submit.c.
 * Whoever enters a task while others could take tickets has seen that somebody is awake to do so, or has woken one.
 * A single task (apply) takes a shorter way through the same rings: team/single.c.
 *
 * The kill rule (processes only; a thread is never killed): every hand-over takes work away from the
 * giver before the taker records it, so a kill at any instruction may orphan tasks but never runs one
 * twice. What a worker holds stands in its slot: the ticket (announced as tentative before it is taken
 * from the ring), the piece [begin, end) it runs, and the task it is in. The replacement has the same slot and
 * calls team_recover() first:
 *   killed before the swap in the ring    the ticket is still there; nothing to do
 *   after the swap, before recording it   tentative, in no ring, held by nobody: adopted by one replacement, which
 *                                         waits for whoever else announced it, however long (team/recover.c)
 *   between two pieces                    goes on claiming
 *   after a claim, before the cursor      the chunks are nobody's: found when all parts are done (their
 *                                         bytes in `done_marks` lack the mark) and run by whoever completes the job
 *   giving back, between shrinking the    the same: the piece no longer says that they are its own, the
 *     piece and filling the range         range does not say so yet
 *   inside a task                         that task fails with -EOWNERDEAD, or with `retries` left is run again; the
 *                                         rest of the piece is run
 *   after the last task, before the bytes the same: that task is reported dead although it had finished
 *   after the last bit, before `finished` sees that all bits are set, completes the job; a caller that wanted the other
 *                                         parts to begin finds all bits set, and leaves them
 * A worker that has run max_chunks leaves between two pieces, or between two tickets, and what it holds stays in its
 * slot: its replacement goes on as after a death at that point. So threads are replaced in the same way.
 * The cursor of the running task costs nothing: it is the index that job_run() keeps in the context, and
 * the context lies in the slot.
 */
#ifndef GRAIN_TEAM_LAYOUT_H
#define GRAIN_TEAM_LAYOUT_H

#include <stdatomic.h>

#include "job/job.h"
#include "ring.h"
#include "sched/claim.h"
#include "sched/steal.h"
#include "sys/lock.h"

#define TEAM_JOBS   64  /* calls in progress at once, a bit of a word each; more wait for a free place */
#define TEAM_INLINE 512 /* bytes of a small call's data that travel inside the job */
#define TEAM_REPLY  48  /* bytes of a single task's result that travel beside `finished` */
#define TEAM_WORDS  16  /* 64 parts each */

#define NO_PIECE UINT64_MAX

enum team_phase {
    TEAM_RUN,
    TEAM_QUIT,  /* finish what is queued, then leave */
    TEAM_STOP,  /* drop what is queued; threads stay until TEAM_BROKEN, to drop what a late caller pushes */
    TEAM_BROKEN /* the workers are gone, or to go, and will not come back */
};

/* One part of a job: written by the worker that holds its ticket, read by the caller afterwards. */
struct team_part {
    struct steal_range range;             /* under `steal`: the chunks that are this part's own */
    _Alignas(64) _Atomic uint32_t holder; /* 1 + the slot that holds the ticket; thieves look there whom to ask */
    _Atomic uint32_t is_starving;         /* its worker waits for somebody to give: not one to wait for */
    /* Replacements, by compare-and-swap: generation << 32 | 1 + the slot whose worker went on with the ticket of this
     * part (of part 0: of a single task) that a dead one had taken and not recorded: ticket_adopt() in recover.c. */
    _Atomic uint64_t adopter;
    uint64_t resume; /* `static`: where its worker stopped in the middle, and of threads the next claim; 0: nowhere */
    uint64_t handovers, steals;
    struct job_outcome outcome;
};

#define AWAITED          1u
#define AWAITED_BY(bits) ((uint32_t)(bits) << 1) /* bits of enum event */

struct team_job {
    _Alignas(64) struct job job; /* caller, before the tickets are pushed */
    uint32_t parts;              /* caller */
    uint16_t slot;               /* caller, its own: where the first ticket went */
    uint16_t lent;               /* caller, its own: 1 + the slot that it has borrowed; 0: none */
    uint64_t alone; /* caller, its own: the bits in `done` of parts that wait while one worker has it all; 0: none do */
    bool has_joined;             /* caller, its own: it has taken part */
    bool has_rest;               /* caller: one worker was woken; the others when somebody asks whether it has ended */
    bool is_chained;             /* caller: who takes a ticket wakes the next sleeper while more are queued */
    _Atomic uint32_t generation; /* caller: tickets of an older one are void */
    _Atomic uint8_t *done_marks; /* a byte a chunk, done_mark = done; NULL for threads */
    uint8_t done_mark;           /* caller: another one for each job, so that nothing is cleared */
    size_t marks_room;           /* caller, its own: bytes at `done_marks` */
    _Alignas(64) _Atomic uint64_t loaded;           /* caller: tasks below this have their items; grows */
    struct claim_shared claims;                     /* workers */
    _Alignas(64) _Atomic uint64_t done[TEAM_WORDS]; /* workers: a bit a part */
    _Atomic uint64_t words_done;                    /* workers: generation << 32, and a bit a full word of done */
    _Atomic uint32_t deaths;                        /* replacements: how many workers died in this job */
    _Atomic uint32_t dropped;                       /* workers: tasks were left out because of TEAM_STOP */
    _Alignas(64) unsigned char reply[TEAM_REPLY];   /* the worker of a single task: its result */
    _Atomic uint32_t finished;                      /* futex; see ticket.h: running, done, or who completes it */
    _Atomic uint32_t is_awaited; /* caller: AWAITED: about to sleep on finished; and whom of team->events to tell */
    _Alignas(64) unsigned char small[TEAM_INLINE]; /* caller */
};

/* What the caller may expect of a worker; see slot_wake() in team/wake.c. */
enum slot_state {
    SLOT_AWAKE,  /* looks into its own ring before it does anything long */
    SLOT_BUSY,   /* works on a map, or on a ticket from another ring: for how long, nobody knows */
    SLOT_ASLEEP, /* on `wake_word` */
    SLOT_LENT    /* so is its worker, but a calling thread works in the slot: as busy as any (team/lend.c) */
};

struct team_slot {
    /* Written by the slot's worker alone, ctx.interrupt by whoever asks. */
    _Alignas(64) _Atomic uint64_t ticket; /* what it holds; 0: nothing */
    _Atomic uint64_t begin, end;          /* the piece it runs; begin is NO_PIECE: none */
    /* Moved on when a worker first looks for work, and by recovery when it has done something: for the supervisor's
     * patience. */
    _Atomic uint64_t progress;
    struct grain_context ctx;            /* ctx.index: the task it is in */
    _Alignas(64) _Atomic uint32_t state; /* enum slot_state: worker; who wakes it or borrows the slot: team/lend.c */
    _Atomic uint32_t wake_word;          /* futex: moved on by whoever wakes it */
    _Atomic int cpu;                     /* where it is bound, -1: nowhere; set before it starts, then by the worker */
    int spare_cpu;                       /* worker: no worker's CPU, to step aside to when the caller is on its own */
    /* Caller: it is on this worker's CPU, and asleep until its task has ended; worker: it has seen that. A hint. */
    _Atomic uint32_t is_crowded;
    /* Written by the supervisor before it forks a replacement; overdue_pid before it kills a worker whose task has had
     * its time. */
    int dead_pid, dead_signo, dead_status, overdue_pid;
    /* Replacement: the tasks of the piece below `retry_end` are run again, one at a time; 0: none. `tried` is the one
     * that was last begun again, for the `tries`-th time. */
    _Atomic uint64_t retry_end, tried;
    _Atomic int tries;
    struct ring ring;
};

struct team {
    int workers, usable_cpus;
    enum grain_wait wait;
    bool is_shared;                  /* workers are processes */
    uint64_t max_chunks;             /* a worker leaves after so many; 0: never */
    const struct machine_mask *mask; /* where workers that are bound to no CPU may run; NULL: where the opener may */
    struct team_slot *slots;
    struct team_part *parts; /* TEAM_JOBS rows of `workers` */
    struct events *events;   /* who waits for one of many jobs; NULL: nobody */

    _Alignas(64) _Atomic uint32_t phase;
    _Atomic uint32_t is_lost;                 /* threads: an initializer failed; said before TEAM_STOP is */
    _Atomic uint32_t sleepers;                /* workers: how many sleep or are about to; may stay too high */
    _Atomic uint32_t thieves;                 /* the same for thieves that sleep on `steal_wake` */
    _Alignas(64) _Atomic uint32_t steal_wake; /* futex: moved on when something was given back, or pushed */
    _Alignas(64) _Atomic uint32_t pushed;     /* moved on after a push that its own slot may not see */
    _Atomic int32_t caller_cpu;               /* caller: where it runs, -1: asleep; a hint */
    _Atomic int32_t caller_home;              /* the same, but that sleep leaves it as it is */
    _Alignas(64) _Atomic uint32_t spinner;    /* 1 + id of the one idle worker that may spin, or 0 */
    struct team_job jobs[TEAM_JOBS];
};

/* The caller's side: private to the process that opened the pool. */
struct team_front {
    struct team *team;
    _Atomic uint64_t free_jobs; /* a bit a descriptor */
    /* A descriptor: first slot << 16 | parts, as long as its tickets may lie in rings; 0: none. Written by who has
     * taken the descriptor; relaxed: who chooses a slot takes it as a hint. */
    _Atomic uint32_t places[TEAM_JOBS];
    struct lock lock;         /* serialises producers; guards the rings' tails, team.pushed, favourite, singles */
    _Atomic uint64_t singles; /* single tasks handed over; relaxed, never by a locked instruction: a figure */
    int favourite;            /* the slot that got the last single task */
    /* For team_account(), under the lock: a place per worker. Not on the stack of a caller, which may be small. */
    struct team_left *left;
    bool
        is_lending; /* calling threads may take part: threads, without anything that belongs to a worker's own thread */
    /* Whether the workers can still come back: asked now and then by a caller that sleeps. NULL: yes. */
    bool (*is_alive)(void *user);
    _Atomic bool is_guarded; /* nobody need ask any more: a phase will be told */
    void *user;
};

/* Whether a chunk is done. relaxed: the last setter of the job's bits in `done` sees what all parts wrote before. */
static inline bool chunk_is_done(const struct team_job *job, uint64_t chunk)
{
    return atomic_load_explicit(&job->done_marks[chunk], memory_order_relaxed) == job->done_mark;
}

#endif
