/* SPDX-License-Identifier: MIT
 *
 * The supervisor of a fork pool: the one child that the host sees. It has one thread, forks the workers, reaps them by
 * their own pids and replaces those that die. It never allocates and never prints: after the fork it touches only
 * memory that was mapped before, and ends with _exit().
 *
 * Who notices whose death:
 *   worker      the supervisor is its parent (SIGCHLD on a signalfd, waitpid on its pid)
 *   supervisor  its workers get SIGKILL (PR_SET_PDEATHSIG); callers that sleep have a guard (fork.c)
 *   caller      a pidfd opened before the fork (where the kernel has none: getppid() ten times a second), and the end
 *               of the socket that they share, which an exec closes as well. (Children that the host forks have copies
 *               of it: then an exec is seen when they have ended.)
 */
#ifndef GRAIN_BACKEND_SUPERVISOR_H
#define GRAIN_BACKEND_SUPERVISOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "backend/backend.h"
#include "team/team.h"

/* ------------------------------------------------------------------------------------- shared memory */

/* Where a slot's worker is in its life, so what its end means. The supervisor says the first, the worker the rest. */
enum worker_stage {
    STAGE_NEW,     /* its initializer runs: a death is one like any other */
    STAGE_REFUSED, /* the initializer failed: it is tried again a few times, then the pool is given up */
    STAGE_READY,   /* its tasks run */
    STAGE_RETIRED, /* max_tasks_per_worker: replaced as planned; it may still be in its finalizer */
    STAGE_LEFT     /* the team ends: it holds nothing any more; it may still be in its finalizer */
};

/* What `start` says; it changes once. */
#define SUPERVISOR_STARTING 0u
#define SUPERVISOR_STARTED  1u /* SUPERVISOR_STARTED + errno: the open fails */

/* Shared between caller, supervisor and workers; lies in the arena. Who writes: */
struct supervisor_shared {
    _Atomic uint32_t start;     /* futex; the supervisor, or the last worker to become ready */
    volatile uint64_t replaced; /* supervisor: workers that died, without those that retired */
    struct team *team;
    _Atomic uint64_t stopped_ns;       /* supervisor: for how long the whole pool was stopped while calls had a limit */
    _Atomic uint32_t looks;            /* supervisor: how often it has looked for that */
    _Atomic uint64_t limited_since_ns; /* caller, before limit_ns: when limit_ns was 0 last */
    _Atomic uint64_t limit_ns;         /* caller: the shortest task_timeout_ns of the calls that run; 0: none has any */
    const struct backend_pool *pool;   /* as it was when the supervisor was forked */
    volatile int pids[BACKEND_WORKERS_MAX];       /* supervisor, for the stats alone */
    _Atomic uint32_t stages[BACKEND_WORKERS_MAX]; /* enum worker_stage */
};

/* ------------------------------------------------------------------------------- the supervisor's own */

/* What it keeps of the worker of a slot. */
struct supervisor_worker {
    pid_t pid;            /* 0: none */
    bool is_out_of_reach; /* a signal was refused: its task has made it another user's */
    int unready;          /* how many in a row ended before they were ready */
    uint64_t progress;    /* the slot's when this one was forked */
    bool is_missing;      /* a replacement could not be forked yet */
    uint64_t counted;     /* 1: it then counts as one */
};

/* In memory of its own: a task that overwrites whatever it likes cannot make it kill other processes. */
struct supervisor_state {
    /* Filled by supervisor_start() before the fork. */
    struct supervisor_shared *shared;
    const struct backend_pool *pool;
    struct supervisor_worker *workers; /* `count` of them, one per slot */
    int count;
    int command_fd, caller_fd; /* its end of the socket; a pidfd, or -1 */
    pid_t caller;
    int *kept; /* descriptors that stay open where the pool has close_descriptors */
    size_t kept_count;
    /* Its own. */
    pid_t self;
    int child_fd; /* signalfd, or -1 */
    int alive;
    int missing;              /* workers that could not be replaced yet */
    uint64_t alone_ns;        /* when there was last a worker beside them */
    uint64_t ending_since_ns; /* 0: it does not end its workers yet */
    bool was_killed;          /* they got SIGKILL */
    int unready;              /* how many workers in a row ended before they were ready */
    uint64_t progress;        /* of all slots when the last of these ended */
    /* Looks at limits: when it looked last, and after which time it wants to look again (UINT64_MAX: no need); whether
     * it got SIGCONT since. */
    uint64_t looked_ns, look_in_ns;
    bool was_continued;
};

/* How long the end of workers is waited for that no signal reaches, or that the kernel holds. */
#define SUPERVISOR_END_NS UINT64_C(1000000000)

/* watchdog.c: signals to workers, limits of tasks. */
void supervisor_kill_all(struct supervisor_state *state, int signo);
/* Whether no worker is left within reach; after SIGKILL, the end of one: false when that one is out of it. */
bool supervisor_is_left_alone(const struct supervisor_state *state);
bool supervisor_bury(const struct supervisor_worker *worker);
/* Kills the workers whose tasks have had their time, and says when to look again. */
void supervisor_watch(struct supervisor_state *state);
/* In a worker: its tasks' limits are measured by the clock that the supervisor keeps. */
void supervisor_follow(struct supervisor_shared *shared, struct grain_context *ctx);

/* worker.c. acquire: as every reader of the phase. */
static inline uint32_t phase_of(const struct supervisor_shared *shared)
{
    return atomic_load_explicit(&shared->team->phase, memory_order_acquire);
}

/* What the open waits for; only the first word counts. That all workers are ready, once they are. */
void start_tell(struct supervisor_shared *shared, uint32_t word);
void ready_tell(struct supervisor_shared *shared);
uint32_t stage_of(const struct supervisor_shared *shared, int id);
void stage_set(struct supervisor_shared *shared, int id, enum worker_stage stage);

/* In forked children: a worker's life, and the supervisor's (supervisor.c). */
_Noreturn void worker_main(const struct supervisor_state *state, int id, bool is_replacement);
_Noreturn void supervisor_main(const struct supervisor_state *given);

/* --------------------------------------------------------------------------------- supervisor_start.c */

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

bool supervisor_is_alive(const struct supervisor *supervisor);

/* Makes it end the workers as the team's phase says (TEAM_QUIT: they leave by themselves; TEAM_STOP: SIGTERM, after the
 * grace SIGKILL), also where it was stopped and the caller was not. Does not wait. */
void supervisor_notify(const struct supervisor *supervisor);

/* Waits until it is gone, and all workers with it; others may notify it meanwhile. Then gives back what it took. */
void supervisor_await(const struct supervisor *supervisor);
void supervisor_drop(struct supervisor *supervisor);

/* When the team is stopped or broken: waits until no worker is left that could change what lies in shared memory, but
 * not for ever: SIGKILL does not reach one that the kernel holds. */
void supervisor_await_workers(const struct supervisor *supervisor);

/* Around a call whose tasks may take limit_ns each: meanwhile the supervisor watches them. */
void supervisor_limit(struct supervisor *supervisor, uint64_t limit_ns);
void supervisor_unlimit(struct supervisor *supervisor);

#endif
