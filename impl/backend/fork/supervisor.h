/* SPDX-License-Identifier: MIT
 *
 * The supervisor of a fork pool: the one child that the host sees. Single-threaded; it forks the workers,
 * reaps them by their own pids and replaces those that die. It never allocates and never prints: after
 * the fork it touches only memory that was mapped before, then _exit().
 *
 * Who notices whose death:
 *   worker      the supervisor is its parent (SIGCHLD on a signalfd, waitpid on its pid)
 *   supervisor  its workers get SIGKILL (PR_SET_PDEATHSIG); a caller that sleeps looks ten times a second
 *   caller      a pidfd opened before the fork; where the kernel has none, getppid() ten times a second; and the
 *               end of the socket that they share, which an exec closes as well. (Children that the host forks have
 *               copies of it, so has the supervisor of a pool that is opened at the same moment: then an exec is seen
 *               when they have ended.)
 * Tasks with a limit (task_timeout_ns): supervisor_watch.c.
 */
#ifndef GRAIN_BACKEND_SUPERVISOR_H
#define GRAIN_BACKEND_SUPERVISOR_H

#include <signal.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "backend/backend.h"
#include "team/team.h"

/* Where the worker of a slot is in its life: what its end means. The supervisor says STAGE_NEW before it forks one, the
 * worker the rest. */
enum worker_stage {
    STAGE_NEW,     /* its initializer runs: a death is one like any other */
    STAGE_REFUSED, /* the initializer failed: it is tried again a few times, then the pool is given up */
    STAGE_READY,   /* its tasks run */
    STAGE_RETIRED, /* max_tasks_per_worker: replaced as planned; perhaps in its finalizer still */
    STAGE_LEFT     /* the team ends: it holds nothing any more; perhaps in its finalizer still */
};

/* What `start` says; the first word stays. */
#define SUPERVISOR_STARTING 0u
#define SUPERVISOR_STARTED  1u /* SUPERVISOR_STARTED + errno: the open fails */

/* Shared between caller, supervisor and workers: lies in the arena. */
struct supervisor_shared {
    _Atomic uint32_t start;     /* futex; the supervisor, or the last worker to become ready */
    volatile uint64_t replaced; /* supervisor: without those that were retired */
    volatile int *pids;         /* supervisor, for the stats alone: one per worker */
    _Atomic uint32_t *stages;   /* enum worker_stage, one a worker */
    struct team *team;
    /* Supervisor: for how long all of the pool was stopped while calls had a limit; how often it has looked for
     * that. */
    _Atomic uint64_t stopped_ns;
    _Atomic uint32_t looks;
    _Atomic uint64_t limited_since_ns; /* caller: when limit_ns was 0 last; before limit_ns */
    _Atomic uint64_t limit_ns;         /* caller: the shortest task_timeout_ns of the calls that run; 0: none has any */
    const struct backend_pool *pool;   /* as it was when the supervisor was forked */
};

/* What the supervisor keeps of the worker of a slot, in memory of its own: a task that overwrites whatever it
 * likes cannot make it kill other processes. */
struct supervisor_worker {
    pid_t pid;            /* 0: none */
    bool is_out_of_reach; /* a signal was refused: its task has made it another user's */
    int unready;          /* how many in a row ended before they were ready */
    uint64_t progress;    /* the slot's when this one was forked */
    bool is_missing;      /* a replacement could not be forked yet */
    uint64_t counted;     /* 1: it then counts as one */
};

/* How long the end of workers is waited for that no signal reaches, or that the kernel holds. */
#define SUPERVISOR_END_NS UINT64_C(1000000000)

/* The supervisor's: signals one worker, false when it may not; all of them. Then whether all that are left are out
 * of reach; and, after SIGKILL, the end of one: false when that one is. */
bool supervisor_kill(struct supervisor_worker *worker, int signo);
void supervisor_kill_all(struct supervisor_worker *workers, int count, int signo);
bool supervisor_is_left_alone(const struct supervisor_worker *workers, int count);
bool supervisor_bury(const struct supervisor_worker *worker);

/* What the caller keeps of it. */
struct supervisor {
    struct supervisor_shared *shared;
    pid_t pid;
    int command_fd; /* socket: a byte makes the supervisor look at the team's phase; its end, that the caller is gone */
    pthread_mutex_t lock; /* guards limited, with shared->limit_ns */
    unsigned limited;     /* calls with a limit that run */
};

/* Forks the supervisor and waits until it has forked the workers. 0 or -errno; then nothing is left. */
int supervisor_start(struct supervisor *supervisor, struct supervisor_shared *shared);

/* Makes it end the workers as the team's phase says (TEAM_QUIT: they leave by themselves; TEAM_STOP:
 * SIGTERM, after the grace SIGKILL). Does not wait. */
void supervisor_notify(const struct supervisor *supervisor);

/* It may have been stopped when the caller was not, by Ctrl-Z for example, which the caller handles by now. */
void supervisor_continue(const struct supervisor *supervisor);

/* Waits until it is gone, and all workers with it; others may notify it meanwhile. Then gives back what it takes
 * here. */
void supervisor_await(const struct supervisor *supervisor);
void supervisor_drop(struct supervisor *supervisor);

/* Caller, when the team is stopped or broken: waits until no worker is left that could change what lies in shared
 * memory, but not for ever: SIGKILL does not reach one that the kernel holds. */
void supervisor_await_workers(const struct supervisor *supervisor);

/* Caller: around a call whose tasks may take limit_ns each: meanwhile the supervisor watches them. */
void supervisor_limit(struct supervisor *supervisor, uint64_t limit_ns);
void supervisor_unlimit(struct supervisor *supervisor);

/* The supervisor's looks at limits. */
struct supervisor_looks {
    uint64_t last_ns,
        wait_ns;        /* when it looked last, and after which time it wants to look again; UINT64_MAX: no need */
    bool was_continued; /* since then it got SIGCONT */
};

/* The supervisor's: kills the workers whose tasks have had their time, and says in `looks` when it wants to look
 * again. */
void supervisor_watch(struct supervisor_shared *shared, struct supervisor_worker *workers, int count,
                      struct supervisor_looks *looks);

/* A worker's: its tasks' limits are measured by the clock that the supervisor keeps. */
void supervisor_follow(struct supervisor_shared *shared, struct grain_context *ctx);

/* Whether it still runs. */
bool supervisor_is_alive(const struct supervisor *supervisor);

/* How the supervisor begins: what supervisor_start hands to its child. */
struct supervisor_birth {
    struct supervisor_shared *shared;
    struct supervisor_worker *workers; /* zeroed; the child's copy is its own */
    int *kept;                         /* the option keep_descriptors, in memory that has room for supervisor_close() */
    int command_fd, caller_fd;         /* its end of the socket; a pidfd, or -1 */
    pid_t caller;
};

/* In the supervisor, and in the worker of a slot: closes what it has no use for, when the pool has close_descriptors.
 * Without that workers keep what the caller had, and the supervisor too: replacements are copies of it. */
#define SUPERVISOR_ITSELF (-1)
size_t supervisor_kept_most(const struct supervisor_shared *shared);
void supervisor_close(const struct supervisor_birth *birth, int worker);

/* How far the workers have come: what the open waits for, said once; the stage of one, and a new one; that all are
 * ready, once they are. */
void start_tell(struct supervisor_shared *shared, uint32_t word);
uint32_t stage_of(const struct supervisor_shared *shared, int id);
void stage_set(struct supervisor_shared *shared, int id, enum worker_stage stage);
void ready_tell(struct supervisor_shared *shared);

/* In a worker: its life; `stage` is its end. As job_guard() calls it. */
struct supervisor_life {
    struct supervisor_shared *shared;
    int id;
    bool is_replacement;
    enum worker_stage stage;
};
void supervisor_life(void *life);

/* The supervisor's life; does not return. Called in the child by supervisor_start. */
_Noreturn void supervisor_main(const struct supervisor_birth *birth);

#endif
