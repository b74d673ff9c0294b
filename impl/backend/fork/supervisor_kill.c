/* SPDX-License-Identifier: MIT
 *
 * Signals from the supervisor to its workers. A task may have made its worker another user's: then they reach it as
 * long as the supervisor, which has the caller's credentials as they were at open, is allowed to. Where it is not,
 * nothing waits for such a worker for ever; it leaves by itself when its task has returned, as a thread would.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor.h"
#include "sys/clock.h"
#include "sys/futex.h"

#define LOOK_US 1000

bool supervisor_kill(struct supervisor_worker *worker, int signo)
{
    uid_t real, effective, saved;
    bool is_sent = kill(worker->pid, signo) == 0 || errno == ESRCH;
    /* With the one that a privileged program keeps for such occasions. */
    if (!is_sent && getresuid(&real, &effective, &saved) == 0 && setresuid((uid_t)-1, saved, (uid_t)-1) == 0) {
        is_sent = kill(worker->pid, signo) == 0;
        if (setresuid((uid_t)-1, effective, (uid_t)-1))
            _exit(1); /* never go on with more than it had; the workers go with it */
    }
    worker->is_out_of_reach = !is_sent;
    return is_sent;
}

void supervisor_kill_all(struct supervisor_worker *workers, int count, int signo)
{
    for (int i = 0; i < count; i++)
        if (workers[i].pid > 0)
            supervisor_kill(&workers[i], signo);
}

bool supervisor_is_left_alone(const struct supervisor_worker *workers, int count)
{
    bool has_workers = false, has_reach = false;
    for (int i = 0; i < count; i++) {
        has_workers |= workers[i].pid > 0;
        has_reach |= workers[i].pid > 0 && !workers[i].is_out_of_reach;
    }
    return has_workers && !has_reach;
}

bool supervisor_bury(const struct supervisor_worker *worker)
{
    uint64_t until = clock_ns() + SUPERVISOR_END_NS;
    pid_t pid = waitpid(worker->pid, NULL, worker->is_out_of_reach ? WNOHANG : 0);
    while (pid == 0 && clock_ns() < until) {
        usleep(LOOK_US);
        pid = waitpid(worker->pid, NULL, WNOHANG);
    }
    return pid == worker->pid;
}
