/* SPDX-License-Identifier: MIT
 *
 * Masks and dispositions, as signals.h and docs/reliability.md say.
 */
#include "signals.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

/* What the host had set for a signal when the pool was opened. */
enum set_by_host { SET_DEFAULT, SET_IGNORED, SET_HANDLED };

/* The supervisor's, which its workers inherit. */
static struct {
    enum set_by_host of[NSIG];
    int flags[NSIG]; /* of SIGCHLD, what becomes of children */
} host;

/* The worker's, for its handler. */
static const _Atomic uint32_t *worker_phase;
static uint32_t worker_stop_at;
static pid_t worker_pid;

static bool is_fault(int signo)
{
    return signo == SIGSEGV || signo == SIGBUS || signo == SIGFPE || signo == SIGILL || signo == SIGTRAP ||
           signo == SIGSYS;
}

/* By default it ends a process, and is sent to end it: by a terminal, or whoever manages jobs. Whether it does is the
 * caller's business, who may begin to handle it when the pool is open. */
static bool is_to_end(int signo)
{
    return signo == SIGINT || signo == SIGQUIT || signo == SIGHUP || signo == SIGTERM;
}

/* --------------------------------------------------------------------------------------------- threads */

static void faults_unblock(sigset_t *mask)
{
    for (int signo = 1; signo < NSIG; signo++)
        if (is_fault(signo))
            sigdelset(mask, signo);
}

void signals_service_mask(sigset_t *mask)
{
    sigfillset(mask);
    faults_unblock(mask);
}

void signals_own_mask(sigset_t *mask)
{
    pthread_sigmask(SIG_SETMASK, NULL, mask);
    faults_unblock(mask);
}

int signals_thread(pthread_t *thread, const sigset_t *mask, void *(*main)(void *), void *argument)
{
    pthread_attr_t attributes;
    sigset_t service;
    signals_service_mask(&service);
    int status = pthread_attr_init(&attributes);
    if (status)
        return -status;
    status = pthread_attr_setsigmask_np(&attributes, mask ? mask : &service);
    if (status == 0)
        status = pthread_create(thread, &attributes, main, argument);
    pthread_attr_destroy(&attributes);
    return -status;
}

/* ------------------------------------------------------------------------------------------- processes */

/* Fails for the few that the C library keeps for itself, which is as well. */
static void set(int signo, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_flags = flags};
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    sigaction(signo, &action, NULL);
}

/* A worker's, for what the host handles, and for what is to end it. In a child that a task has forked it gives way to
 * the default where that is what the host had. */
static void on_caught(int signo)
{
    int error = errno;
    if (getpid() != worker_pid) {
        if (host.of[signo] == SET_DEFAULT) {
            set(signo, SIG_DFL, 0);
            raise(signo); /* comes when this handler returns */
        }
    } else if (signo == SIGTERM && atomic_load_explicit(worker_phase, memory_order_acquire) >= worker_stop_at) {
        _exit(0); /* acquire: as every reader of the phase; the supervisor has seen it before it sent this */
    }
    errno = error;
}

static enum set_by_host set_in(const struct sigaction *action)
{
    if (action->sa_flags & SA_SIGINFO)
        return SET_HANDLED;
    return action->sa_handler == SIG_DFL ? SET_DEFAULT : action->sa_handler == SIG_IGN ? SET_IGNORED : SET_HANDLED;
}

/* One call for each signal, where its handler becomes known and is replaced: an open waits for that. */
static void supervisor_set(int signo)
{
    bool is_default = signo == SIGCHLD || signo == SIGCONT || signo == SIGTSTP;
    struct sigaction action = {.sa_flags = 0}, before = {.sa_flags = 0};
    action.sa_handler = is_default ? SIG_DFL : SIG_IGN; /* a fault of its own ends it nevertheless */
    if (sigaction(signo, &action, &before) && sigaction(signo, NULL, &before))
        return;
    host.flags[signo] = before.sa_flags;
    enum set_by_host now = set_in(&before);
    /* The opener may be a worker: what counts is what it was given. */
    if (now != SET_HANDLED || before.sa_handler != on_caught)
        host.of[signo] = now;
    if (signo == SIGTSTP && host.of[signo] != SET_DEFAULT)
        set(signo, SIG_IGN, 0);
}

void signals_supervisor(const sigset_t *mask, sigset_t *awaited)
{
    for (int signo = 1; signo < NSIG; signo++)
        supervisor_set(signo);
    sigemptyset(awaited);
    sigaddset(awaited, SIGCHLD);
    sigaddset(awaited, SIGCONT);
    sigset_t own = *awaited;
    if (sigismember(mask, SIGTSTP) == 1)
        sigaddset(&own, SIGTSTP);
    sigprocmask(SIG_SETMASK, &own, NULL);
}

/* What a child of the host's would find is kept for children of the worker's. */
static void worker_set(int signo)
{
    int flags = signo == SIGCHLD ? host.flags[signo] & (SA_NOCLDWAIT | SA_NOCLDSTOP) : 0;
    if (is_fault(signo))
        set(signo, SIG_DFL, 0);
    else if (host.of[signo] == SET_IGNORED)
        set(signo, SIG_IGN, flags);
    else if (host.of[signo] == SET_HANDLED || is_to_end(signo))
        set(signo, on_caught, flags | SA_RESTART);
    else
        set(signo, SIG_DFL, flags);
}

void signals_worker(const sigset_t *mask, const _Atomic uint32_t *phase, uint32_t stop_at)
{
    worker_phase = phase;
    worker_stop_at = stop_at;
    worker_pid = getpid();
    for (int signo = 1; signo < NSIG; signo++)
        worker_set(signo);
    sigprocmask(SIG_SETMASK, mask, NULL);
}

void signals_process(const sigset_t *mask)
{
    struct sigaction action;
    for (int signo = 1; signo < NSIG; signo++)
        if (sigaction(signo, NULL, &action) == 0 && set_in(&action) == SET_HANDLED)
            set(signo, SIG_DFL, 0);
    sigprocmask(SIG_SETMASK, mask, NULL);
}
