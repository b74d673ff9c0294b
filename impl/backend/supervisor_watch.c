/* SPDX-License-Identifier: MIT
 *
 * Calls with a task_timeout_ns: the supervisor looks now and then whether some worker's task has had its time, and kills
 * that worker. Everything else is that of any death: the replacement fails the task (team_heir.c) and runs the rest.
 *
 *   caller      stores the shortest limit of all running calls in crew->limit_ns, wakes the supervisor
 *   worker      stores the task's deadline when it begins, 0 when it has returned (job.c)
 *   supervisor  sees a deadline that has passed: SIGSTOP; the worker stands; the deadline is still the same: SIGKILL.
 *               Else the task has just ended: SIGCONT
 *
 * It sleeps until the next deadline, and never longer than the shortest limit: a task that begins right after a look has
 * its deadline seen by the next one.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "backend/supervisor.h"
#include "transport/wait.h"

#define STOP_LOOKS   40 /* how often, and how long apart, for a worker to stand still; not at all while it is in the */
#define STOP_LOOK_US 50 /* middle of a long system call that cannot be interrupted: the next round tries again */
#define AGAIN_NS     1000000u

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
static void overdue_end(struct team_slot *slot, pid_t pid, uint64_t deadline_ns)
{
    kill(pid, SIGSTOP);
    if (!is_stopped(pid) || job_deadline_ns(&slot->ctx) != deadline_ns) {
        kill(pid, SIGCONT);
        return;
    }
    slot->overdue_pid = pid;
    kill(pid, SIGKILL);
}

uint64_t supervisor_watch(struct crew *crew, const struct supervisor_worker *workers, int count)
{
    /* relaxed: whoever lowers it wakes the supervisor afterwards, through a descriptor */
    uint64_t wait_ns = atomic_load_explicit(&crew->limit_ns, memory_order_relaxed);
    if (wait_ns == 0)
        return UINT64_MAX;
    for (int i = 0; i < count; i++) {
        struct team_slot *slot = &crew->team->slots[i];
        uint64_t deadline = job_deadline_ns(&slot->ctx), now = wait_now_ns(), left = AGAIN_NS;
        if (deadline == 0 || workers[i].pid == 0)
            continue;
        if (now <= deadline)
            left = deadline - now + 1;
        else
            overdue_end(slot, workers[i].pid, deadline);
        wait_ns = left < wait_ns ? left : wait_ns;
    }
    return wait_ns;
}
