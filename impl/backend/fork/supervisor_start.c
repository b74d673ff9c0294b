/* SPDX-License-Identifier: MIT
 *
 * The caller's side of the supervisor. A short-lived thread that blocks signals forks it: no handler of the host runs
 * in the child, and the caller's own thread keeps nothing of it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "supervisor.h"
#include "sys/child.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/futex.h"
#include "sys/signals.h"

#define LOOK_NS  200000 /* until workers that were killed are gone */
#define START_NS 100000000u

struct start {
    struct supervisor *supervisor;
    struct supervisor_state state; /* the child's copy is its own */
};

static void *start_main(void *argument)
{
    struct start *start = argument;
    pid_t pid = child_fork();
    if (pid == 0) {
        close(start->supervisor->command_fd);
        supervisor_main(&start->state);
    }
    start->supervisor->pid = pid < 0 ? -errno : pid;
    return NULL;
}

static int start_in_thread(struct start *start)
{
    pthread_t thread;
    int status = signals_thread(&thread, NULL, start_main, start);
    if (status == 0)
        pthread_join(thread, NULL);
    return status == 0 && start->supervisor->pid < 0 ? start->supervisor->pid : status;
}

/* The caller's end and the supervisor's. */
static int ends_open(int ends[2])
{
    ends[0] = ends[1] = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
        return -errno;
    int first = fd_above_stdio(&ends[0]), second = fd_above_stdio(&ends[1]);
    return first ? first : second;
}

/* What the supervisor has in memory of its own: all that it needs is taken before the fork. 0 or -errno. */
static int state_make(struct supervisor_state *state, struct supervisor_shared *shared, int ends[2])
{
    const struct backend_pool *pool = shared->pool;
    size_t count = pool->options.keep_count;
    *state = (struct supervisor_state){.shared = shared, .pool = pool, .count = shared->team->workers};
    state->caller = getpid();
    state->child_fd = -1;
    int status = ends_open(ends);
    state->command_fd = ends[1];
    state->caller_fd = fd_of_process(state->caller);
    state->workers = calloc((size_t)state->count, sizeof *state->workers);
    state->kept = calloc(count + 2, sizeof *state->kept);
    if (!state->workers || !state->kept)
        return -ENOMEM;
    if (count)
        memcpy(state->kept, pool->options.keep_descriptors, count * sizeof *state->kept);
    state->kept[count] = state->command_fd;
    state->kept[count + 1] = state->caller_fd;
    state->kept_count = count + 2;
    return status;
}

static void state_drop(struct supervisor_state *state)
{
    close(state->command_fd); /* a negative one: nothing happens */
    close(state->caller_fd);
    free(state->workers);
    free(state->kept);
}

/* What the supervisor, or the last worker to become ready, has said: 0 or -errno. */
static int start_await(struct supervisor *supervisor)
{
    _Atomic uint32_t *start = &supervisor->shared->start;
    uint32_t word; /* acquire: pairs with start_tell */
    while ((word = atomic_load_explicit(start, memory_order_acquire)) == SUPERVISOR_STARTING &&
           supervisor_is_alive(supervisor))
        wait_sleep(start, SUPERVISOR_STARTING, START_NS, true);
    if (word == SUPERVISOR_STARTING) /* it may have said it and died since */
        word = atomic_load_explicit(start, memory_order_acquire);
    return word == SUPERVISOR_STARTING ? -EAGAIN : -(int)(word - SUPERVISOR_STARTED);
}

int supervisor_start(struct supervisor *supervisor, struct supervisor_shared *shared)
{
    /* So that what was printed before the open comes before what tasks print. All other streams are left alone:
     * flushing one that another thread reads from blocks for ever. */
    fflush(stdout);
    fflush(stderr);
    int ends[2];
    struct start start = {.supervisor = supervisor};
    int status = state_make(&start.state, shared, ends);
    *supervisor = (struct supervisor){.shared = shared, .command_fd = ends[0]};
    if (status == 0)
        status = start_in_thread(&start);
    state_drop(&start.state);
    if (status) {
        close(ends[0]);
        return status;
    }
    pthread_mutex_init(&supervisor->lock, NULL);
    status = start_await(supervisor);
    if (status) {
        supervisor_await(supervisor);
        supervisor_drop(supervisor);
    }
    return status;
}

/* -------------------------------------------------------------------------------------- while it runs */

static void wake(const struct supervisor *supervisor)
{
    send(supervisor->command_fd, "", 1, MSG_NOSIGNAL); /* where it fails: it is awake already, or gone */
}

/* Only a child that is there and not reaped has this number for sure. */
void supervisor_notify(const struct supervisor *supervisor)
{
    wake(supervisor);
    if (supervisor_is_alive(supervisor))
        kill(supervisor->pid, SIGCONT);
}

/* waitid() with WNOWAIT leaves the status to whoever reaps. ECHILD: the host has reaped it, or ignores SIGCHLD; either
 * way it is gone. */
bool supervisor_is_alive(const struct supervisor *supervisor)
{
    siginfo_t info = {0};
    int status = waitid(P_PID, (id_t)supervisor->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    return status == 0 && info.si_pid == 0;
}

/* The shortest limit stays until no call with a limit runs: a look too many costs little. */
void supervisor_limit(struct supervisor *supervisor, uint64_t limit_ns)
{
    struct supervisor_shared *shared = supervisor->shared;
    pthread_mutex_lock(&supervisor->lock);
    bool is_first = supervisor->limited++ == 0;
    if (is_first) /* what is stopped before this is nobody's time */
        atomic_store_explicit(&shared->limited_since_ns, clock_ns(), memory_order_relaxed);
    bool is_news = is_first || limit_ns < atomic_load_explicit(&shared->limit_ns, memory_order_relaxed);
    if (is_news)
        atomic_store_explicit(&shared->limit_ns, limit_ns, memory_order_release); /* pairs with supervisor_watch */
    pthread_mutex_unlock(&supervisor->lock);
    if (is_news)
        wake(supervisor);
}

void supervisor_unlimit(struct supervisor *supervisor)
{
    pthread_mutex_lock(&supervisor->lock);
    if (--supervisor->limited == 0)
        atomic_store_explicit(&supervisor->shared->limit_ns, 0, memory_order_relaxed);
    pthread_mutex_unlock(&supervisor->lock);
}

/* -------------------------------------------------------------------------------------------- the end */

void supervisor_await(const struct supervisor *supervisor)
{
    while (waitpid(supervisor->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* Until it has ended, or the time has come. Its number may be another process's by now: that costs a wait, no more. */
static void process_await(pid_t pid, uint64_t until_ns)
{
    int fd = fd_of_process(pid);
    struct pollfd end = {.fd = fd, .events = POLLIN};
    while ((fd < 0 ? kill(pid, 0) == 0 || errno == EPERM : poll(&end, 1, 0) == 0) && clock_ns() < until_ns)
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    close(fd);
}

/* The supervisor ends after its workers; when it was killed the kernel kills them. */
void supervisor_await_workers(const struct supervisor *supervisor)
{
    const struct supervisor_shared *shared = supervisor->shared;
    uint64_t until = clock_ns() + shared->pool->options.grace_ns + 2 * SUPERVISOR_END_NS;
    while (supervisor_is_alive(supervisor) && clock_ns() < until)
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    for (int i = 0; i < shared->team->workers; i++)
        if (shared->pids[i] > 0)
            process_await(shared->pids[i], until);
}

void supervisor_drop(struct supervisor *supervisor)
{
    close(supervisor->command_fd);
    pthread_mutex_destroy(&supervisor->lock);
}
