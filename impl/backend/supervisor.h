/* SPDX-License-Identifier: MIT
 *
 * The supervisor of a fork pool: the one child that the host sees. Single-threaded; it forks the workers,
 * reaps them by their own pids and replaces those that die. It never allocates and never prints: after
 * the fork it touches only memory that was mapped before, then _exit().
 *
 * Who notices whose death:
 *   worker      the supervisor is its parent (SIGCHLD on a signalfd, waitpid on its pid)
 *   supervisor  its workers get SIGKILL (PR_SET_PDEATHSIG); a caller that sleeps looks ten times a second
 *   caller      a pidfd opened before the fork; where the kernel has none, getppid() ten times a second
 */
#ifndef GRAIN_BACKEND_SUPERVISOR_H
#define GRAIN_BACKEND_SUPERVISOR_H

#include <signal.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "backend/team.h"

struct pipes;

/* Shared between caller, supervisor and workers: lies in the arena. */
struct crew {
    _Atomic uint32_t is_ready;  /* futex; supervisor: 1 when the first workers are forked */
    int start_status;           /* supervisor, before is_ready: 0 or -errno */
    volatile uint64_t replaced; /* supervisor */
    volatile int *pids;         /* supervisor: one a worker */
    struct team *team;
    const void *mark; /* what job_current_pool() says in the workers */
    uint64_t grace_ns;
    struct pipes *pipes; /* caller, in memory that is copied at the fork; NULL: workers live on the team's rings */
};

/* What the caller keeps of it. */
struct supervisor {
    struct crew *crew;
    pid_t pid;
    int command_fd; /* eventfd: a write makes the supervisor look at the team's phase */
    bool is_reaped;
};

/* Forks the supervisor and waits until it has forked the workers. 0 or -errno; then nothing is left. */
int supervisor_start(struct supervisor *supervisor, struct crew *crew);

/* Makes it end the workers as the team's phase says (TEAM_QUIT: they leave by themselves; TEAM_STOP:
 * SIGTERM, after the grace SIGKILL). Does not wait. */
void supervisor_notify(const struct supervisor *supervisor);

/* Waits until it is gone, and all workers with it. */
void supervisor_join(struct supervisor *supervisor);

/* Whether it still runs. */
bool supervisor_is_alive(const struct supervisor *supervisor);

/* The supervisor's life; does not return. Called in the child by supervisor_start. */
_Noreturn void supervisor_main(struct crew *crew, int command_fd, int caller_fd, pid_t caller, const sigset_t *mask);

#endif
