/* SPDX-License-Identifier: MIT
 *
 * The supervisor's signals to its workers, and the limits of tasks.
 *
 * Signals: a task may have made its worker another user's, out of the reach of the supervisor, which has the caller's
 * credentials as they were at the open. Nothing waits for such a worker for ever: it leaves when its task has returned.
 *
 * Limits (task_timeout_ns): the supervisor kills a worker whose task has had its time. The rest is that of any death:
 * the replacement fails the task (team/recover.c) and goes on.
 *
 *   caller      stores the shortest limit of all running calls in shared->limit_ns, wakes the supervisor
 *   worker      stores the task's deadline when it begins, 0 when it has returned (job/limit.c)
 *   supervisor  sees a deadline that has passed: SIGSTOP; the worker stands; the deadline is still the same: SIGKILL.
 *               Else the task has just ended: SIGCONT
 *               It sleeps until the next deadline, but no longer than the shortest limit: so it sees each in time
 *
 * Deadlines are times of a clock that stands still while the pool is stopped (by Ctrl-Z, for example): CLOCK_MONOTONIC
 * without shared->stopped_ns. When the supervisor goes on it adds the time since it looked last, at most some 100 ms
 * more than the stop. It knows of a stop by SIGCONT, or because it slept far longer than it wanted to (a frozen control
 * group sends no signal). A worker may go on first: one that finds its task late has the supervisor look twice, for the
 * first look may have begun before the stop, and then reads the clock again.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor.h"
#include "sys/clock.h"

#define BURY_LOOK_US 1000
#define STOP_LOOKS   40 /* how often, and how long apart, for a worker to stand still; not at all while it is in the */
#define STOP_LOOK_US 50 /* middle of a long system call that cannot be interrupted: the next look tries again */
#define AGAIN_NS     1000000u
#define FROZEN_NS    1500000000u /* far more than the 100 ms after which it looks again */
#define SETTLE_TRIES 5000        /* about a second */
#define SETTLE_US    200

/* -------------------------------------------------------------------------------------------- signals */

static bool worker_signal(struct supervisor_worker *worker, int signo)
{
    uid_t real, effective, saved;
    bool is_sent = kill(worker->pid, signo) == 0 || errno == ESRCH;
    /* With the user id that a privileged program keeps for such occasions. */
    if (!is_sent && getresuid(&real, &effective, &saved) == 0 && setresuid((uid_t)-1, saved, (uid_t)-1) == 0) {
        is_sent = kill(worker->pid, signo) == 0;
        if (setresuid((uid_t)-1, effective, (uid_t)-1))
            _exit(1); /* never go on with more than it had; the workers go with it */
    }
    worker->is_out_of_reach = !is_sent;
    return is_sent;
}

void supervisor_kill_all(struct supervisor_state *state, int signo)
{
    for (int i = 0; i < state->count; i++)
        if (state->workers[i].pid > 0)
            worker_signal(&state->workers[i], signo);
}

bool supervisor_is_left_alone(const struct supervisor_state *state)
{
    bool has_reach = false;
    for (int i = 0; i < state->count; i++)
        has_reach |= state->workers[i].pid > 0 && !state->workers[i].is_out_of_reach;
    return !has_reach;
}

bool supervisor_bury(const struct supervisor_worker *worker)
{
    uint64_t until = clock_ns() + SUPERVISOR_END_NS;
    pid_t pid = waitpid(worker->pid, NULL, worker->is_out_of_reach ? WNOHANG : 0);
    while (pid == 0 && clock_ns() < until) {
        usleep(BURY_LOOK_US);
        pid = waitpid(worker->pid, NULL, WNOHANG);
    }
    return pid == worker->pid;
}

/* --------------------------------------------------------------------------------------------- limits */

/* WEXITED is not asked for: how a worker ended is left to workers_reap(). */
static bool is_stopped(pid_t pid)
{
    for (int i = 0; i < STOP_LOOKS; i++) {
        siginfo_t info = {0};
        if (waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG))
            return false; /* it is dead */
        if (info.si_pid == pid)
            return true;
        usleep(STOP_LOOK_US);
    }
    return false;
}

/* Deadlines are times, so the next task's is another one. */
static void overdue_end(struct team_slot *slot, struct supervisor_worker *worker, uint64_t deadline_ns)
{
    if (!worker_signal(worker, SIGSTOP))
        return; /* its task fails when it returns */
    if (!is_stopped(worker->pid) || job_deadline_ns(&slot->ctx) != deadline_ns) {
        worker_signal(worker, SIGCONT);
        return;
    }
    slot->overdue_pid = worker->pid;
    worker_signal(worker, SIGKILL);
}

/* Adds what has been stopped since the last look, as far as calls with a limit were there. */
static void stops_add(struct supervisor_state *state, uint64_t now)
{
    struct supervisor_shared *shared = state->shared;
    uint64_t since = atomic_load_explicit(&shared->limited_since_ns, memory_order_relaxed);
    since = since > state->looked_ns ? since : state->looked_ns;
    bool was_asleep_for_long = state->look_in_ns != UINT64_MAX && now - state->looked_ns > FROZEN_NS;
    if (since < now && (state->was_continued || was_asleep_for_long))
        atomic_fetch_add_explicit(&shared->stopped_ns, now - since, memory_order_relaxed);
}

/* The time of one look is taken once: what is stopped later is found by the next. */
void supervisor_watch(struct supervisor_state *state)
{
    struct supervisor_shared *shared = state->shared;
    /* acquire: pairs with supervisor_limit; whoever lowers it wakes the supervisor afterwards, through a descriptor */
    uint64_t wait_ns = atomic_load_explicit(&shared->limit_ns, memory_order_acquire), now = clock_ns();
    if (wait_ns)
        stops_add(state, now);
    state->looked_ns = now;
    state->look_in_ns = wait_ns ? wait_ns : UINT64_MAX;
    state->was_continued = false;
    /* release: pairs with stopped_settle */
    atomic_fetch_add_explicit(&shared->looks, 1, memory_order_release);
    if (wait_ns == 0)
        return;
    now -= atomic_load_explicit(&shared->stopped_ns, memory_order_relaxed);
    for (int i = 0; i < state->count; i++) {
        struct team_slot *slot = &shared->team->slots[i];
        uint64_t deadline = job_deadline_ns(&slot->ctx), left = AGAIN_NS;
        if (deadline == 0 || state->workers[i].pid == 0)
            continue;
        if (now <= deadline)
            left = deadline - now + 1;
        else
            overdue_end(slot, &state->workers[i], deadline);
        state->look_in_ns = left < state->look_in_ns ? left : state->look_in_ns;
    }
}

/* ---------------------------------------------------------------------------------------- in a worker */

static struct supervisor_shared *followed; /* its pool's */
static pid_t followed_pid;

/* Any signal that it waits for makes the supervisor look. Without it, where it may not be sent, it looks ten times a
 * second. acquire: pairs with supervisor_watch. */
static void stopped_settle(void)
{
    uint32_t seen = atomic_load_explicit(&followed->looks, memory_order_acquire);
    for (int i = 0; i < SETTLE_TRIES; i++) {
        if (atomic_load_explicit(&followed->looks, memory_order_acquire) - seen >= 2 || getppid() != followed_pid)
            return;
        kill(followed_pid, SIGCHLD);
        usleep(SETTLE_US);
    }
}

void supervisor_follow(struct supervisor_shared *shared, struct grain_context *ctx)
{
    followed = shared;
    followed_pid = getppid();
    ctx->stopped_ns = (const uint64_t *)&shared->stopped_ns;
    ctx->stopped_settle = stopped_settle;
}
