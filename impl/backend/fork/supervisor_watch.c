/* SPDX-License-Identifier: MIT
 *
 * Calls with a task_timeout_ns: the supervisor looks now and then whether some worker's task has had its time, and
 * kills that worker. Everything else is that of any death: the replacement fails the task (team/recover.c) and runs the
 * rest.
 *
 *   caller      stores the shortest limit of all running calls in shared->limit_ns, wakes the supervisor
 *   worker      stores the task's deadline when it begins, 0 when it has returned (job.c)
 *   supervisor  sees a deadline that has passed: SIGSTOP; the worker stands; the deadline is still the same: SIGKILL.
 *               Else the task has just ended: SIGCONT
 *
 * It sleeps until the next deadline, and never longer than the shortest limit: a task that begins right after a look
 * has its deadline seen by the next one.
 *
 * Deadlines are times of a clock that stands still while the pool is stopped, by Ctrl-Z for example: CLOCK_MONOTONIC
 * without shared->stopped_ns. The supervisor is stopped with the others; when it goes on it adds the time since it
 * looked last, some 100 ms more than the stop at most. It knows of a stop by SIGCONT, or because it slept far longer
 * than it wanted to (a frozen control group sends no signal). A worker may go on before it: one that finds its task
 * late has it look twice, for the first of the two may have begun before the stop, and then looks at its clock again.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor.h"
#include "sys/clock.h"
#include "sys/futex.h"

#define STOP_LOOKS   40 /* how often, and how long apart, for a worker to stand still; not at all while it is in the */
#define STOP_LOOK_US 50 /* middle of a long system call that cannot be interrupted: the next round tries again */
#define AGAIN_NS     1000000u
#define FROZEN_NS    1500000000u /* far more than the 100 ms after which it looks again */
#define SETTLE_TRIES 5000        /* about a second */
#define SETTLE_US    200

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
    if (!supervisor_kill(worker, SIGSTOP))
        return; /* its task fails when it returns */
    if (!is_stopped(worker->pid) || job_deadline_ns(&slot->ctx) != deadline_ns) {
        supervisor_kill(worker, SIGCONT);
        return;
    }
    slot->overdue_pid = worker->pid;
    supervisor_kill(worker, SIGKILL);
}

/* What has been stopped since the last look, as far as calls with a limit were there. */
static void stops_add(struct supervisor_shared *shared, const struct supervisor_looks *looks, uint64_t now)
{
    uint64_t since = atomic_load_explicit(&shared->limited_since_ns, memory_order_relaxed);
    since = since > looks->last_ns ? since : looks->last_ns;
    bool is_asleep_for_long = looks->wait_ns != UINT64_MAX && now - looks->last_ns > FROZEN_NS;
    if (since < now && (looks->was_continued || is_asleep_for_long))
        atomic_fetch_add_explicit(&shared->stopped_ns, now - since, memory_order_relaxed);
}

/* The time of one look is taken once: what is stopped later is found by the next. */
void supervisor_watch(struct supervisor_shared *shared, struct supervisor_worker *workers, int count,
                      struct supervisor_looks *looks)
{
    /* acquire: pairs with supervisor_limit; whoever lowers it wakes the supervisor afterwards, through a descriptor */
    uint64_t wait_ns = atomic_load_explicit(&shared->limit_ns, memory_order_acquire), now = clock_ns();
    if (wait_ns)
        stops_add(shared, looks, now);
    *looks = (struct supervisor_looks){.last_ns = now, .wait_ns = UINT64_MAX};
    /* release: pairs with stopped_settle */
    atomic_fetch_add_explicit(&shared->looks, 1, memory_order_release);
    if (wait_ns == 0)
        return;
    now -= atomic_load_explicit(&shared->stopped_ns, memory_order_relaxed);
    for (int i = 0; i < count; i++) {
        struct team_slot *slot = &shared->team->slots[i];
        uint64_t deadline = job_deadline_ns(&slot->ctx), left = AGAIN_NS;
        if (deadline == 0 || workers[i].pid == 0)
            continue;
        if (now <= deadline)
            left = deadline - now + 1;
        else
            overdue_end(slot, &workers[i], deadline);
        wait_ns = left < wait_ns ? left : wait_ns;
    }
    looks->wait_ns = wait_ns;
}

/* ----------------------------------------------------------------------------------------- a worker */

static struct supervisor_shared *followed; /* in a worker: its pool's */
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
