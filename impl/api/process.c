/* SPDX-License-Identifier: MIT
 *
 * A process of its own for one task: an ordinary child of the caller, with the caller's state as it is at that moment.
 * It is waited for by its number alone, through a pidfd where the kernel has them; no handler is installed.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "job/job.h"
#include "options.h"
#include "sys/child.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/signals.h"

#define LOOK_NS 2000000u /* without a pidfd: how often join looks */
#define SECOND  1000000000u

enum life { LIFE_RUNS, LIFE_ENDED, LIFE_LOST /* the host took the status */ };

struct grain_process {
    pid_t pid;
    int pidfd;            /* -1: the kernel has none */
    pthread_mutex_t lock; /* guards life and code */
    enum life life;
    int code;
};

/* ------------------------------------------------------------------------------------------- start */

static void task_run(void *argument)
{
    struct grain_context *ctx = argument;
    job_run(ctx->job, 0, 1, ctx);
}

/* A task that ends the only thread ends the process, with 0; what the host pushed to clean up is none of this one's. */
__attribute__((noinline)) static _Noreturn void child_main(grain_task_fn task, const void *arg, size_t arg_size,
                                                           const sigset_t *mask)
{
    JOB_STACK_ENDS();
    signals_process(mask);
    struct job job;
    job_clear(&job);
    job.task = task;
    job.items = arg;
    job.item_size = arg_size;
    job.count = 1;
    struct grain_context ctx = {.job = &job, .outcome = &job.outcome, .pid = getpid()};
    job_enter(NULL); /* the child of a worker is no worker */
    if (job_guard(task_run, &ctx))
        exit(0);
    child_flush();
    /* Exit statuses have 8 bits: a code that would come out as 0 becomes 255. */
    int code = job.outcome.failed ? job.outcome.first.code : 0;
    _exit(code != 0 && (code & 0xff) == 0 ? 0xff : code & 0xff);
}

int grain_process_start_sized(struct grain_process **out, const struct grain_process_options *options,
                              grain_task_fn task, const void *arg, size_t arg_size, size_t size)
{
    if (!out)
        return refuse(-EINVAL, "process: NULL");
    *out = NULL;
    if (!task)
        return refuse(-EINVAL, "task: NULL");
    if (arg_size && !arg)
        return refuse(-EINVAL, "arg: NULL with a size of %zu", arg_size);
    int status = options_take_process(options, size);
    if (status)
        return status;
    struct grain_process *process = calloc(1, sizeof *process);
    if (!process)
        return -ENOMEM;
    /* So that what was printed before the start comes before what the child prints. */
    fflush(stdout);
    fflush(stderr);
    /* No handler of the host may run in the child: blocked until it has reset them. */
    sigset_t blocked, own, before;
    signals_service_mask(&blocked);
    signals_own_mask(&own);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    process->pid = child_fork();
    if (process->pid == 0)
        child_main(task, arg, arg_size, &own);
    status = process->pid < 0 ? -errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status) {
        free(process);
        return status;
    }
    process->pidfd = fd_of_process(process->pid);
    pthread_mutex_init(&process->lock, NULL);
    *out = process;
    return 0;
}

/* --------------------------------------------------------------------------------------------- end */

/* Takes the status if it is there. With the lock held. */
static enum life life_look(struct grain_process *process)
{
    int status;
    if (process->life != LIFE_RUNS)
        return process->life;
    pid_t pid;
    do
        pid = waitpid(process->pid, &status, WNOHANG);
    while (pid < 0 && errno == EINTR);
    if (pid == process->pid) {
        process->code = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
        process->life = LIFE_ENDED;
    } else if (pid < 0) {
        process->life = LIFE_LOST;
    }
    return process->life;
}

static enum life life_of(struct grain_process *process)
{
    pthread_mutex_lock(&process->lock);
    enum life life = life_look(process);
    pthread_mutex_unlock(&process->lock);
    return life;
}

/* Waits for the end for so long, or for a while only; the caller looks again. */
static void end_await(const struct grain_process *process, uint64_t left_ns)
{
    bool has_pidfd = process->pidfd >= 0;
    uint64_t time_ns = has_pidfd || left_ns < LOOK_NS ? left_ns : LOOK_NS;
    struct timespec time = {.tv_sec = (time_t)(time_ns / SECOND), .tv_nsec = (long)(time_ns % SECOND)};
    struct pollfd end = {.fd = process->pidfd, .events = POLLIN};
    ppoll(&end, has_pidfd, &time, NULL);
}

int grain_process_join(struct grain_process *process, uint64_t timeout_ns)
{
    if (!process)
        return refuse(-EINVAL, "process: NULL");
    uint64_t now, until = clock_until_ns(timeout_ns);
    enum life life;
    while ((life = life_of(process)) == LIFE_RUNS && (now = clock_ns()) < until)
        end_await(process, until - now);
    return life == LIFE_RUNS ? -ETIMEDOUT : life == LIFE_LOST ? -ECHILD : 0;
}

int grain_process_exitcode(struct grain_process *process, int *code)
{
    if (!process || !code)
        return refuse(-EINVAL, "%s: NULL", process ? "code" : "process");
    enum life life = life_of(process);
    if (life != LIFE_ENDED)
        return life == LIFE_LOST ? -ECHILD : -EAGAIN;
    *code = process->code;
    return 0;
}

bool grain_process_is_alive(struct grain_process *process)
{
    return process && life_of(process) == LIFE_RUNS;
}

int grain_process_pid(const struct grain_process *process)
{
    return process ? process->pid : -EINVAL;
}

int grain_process_sentinel(const struct grain_process *process)
{
    return !process ? -EINVAL : process->pidfd >= 0 ? process->pidfd : -ENOTSUP;
}

/* Under the lock the number cannot have become another process's: nobody has taken the status. */
static int process_signal(struct grain_process *process, int signo)
{
    if (!process)
        return refuse(-EINVAL, "process: NULL");
    pthread_mutex_lock(&process->lock);
    int status = 0;
    if (life_look(process) == LIFE_RUNS && kill(process->pid, signo))
        status = -errno;
    pthread_mutex_unlock(&process->lock);
    return status;
}

int grain_process_terminate(struct grain_process *process)
{
    return process_signal(process, SIGTERM);
}

int grain_process_kill(struct grain_process *process)
{
    return process_signal(process, SIGKILL);
}

void grain_process_free(struct grain_process *process)
{
    if (!process)
        return;
    life_of(process);
    if (process->pidfd >= 0)
        close(process->pidfd);
    pthread_mutex_destroy(&process->lock);
    free(process);
}
