/* SPDX-License-Identifier: MIT
 *
 * The life of the supervisor process itself; supervisor.h says what it is for. How the caller starts and
 * ends it: supervisor_start.c.
 */
#include "backend/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/pipes.h"
#include "transport/wait.h"

#define TICK_MS 100 /* where the kernel has no pidfd, and while workers are being ended */

struct boss {
    struct crew *crew;
    int command_fd, caller_fd, child_fd;
    pid_t caller, self;
    const sigset_t *mask;
    int alive;
    bool is_ending;
    uint64_t ending_since_ns;
    bool was_killed; /* SIGKILL has been sent */
    int deaths_in_a_row;
    uint64_t progress; /* pieces run when the last worker died */
};

/* Handlers point into code that must not run here; the terminal's signals are the caller's business. */
static void signals_reset(const sigset_t *mask)
{
    static const int terminal[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGHUP};
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL);
    for (size_t i = 0; i < sizeof terminal / sizeof terminal[0]; i++)
        signal(terminal[i], SIG_IGN);
    sigprocmask(SIG_SETMASK, mask, NULL);
}

/* ------------------------------------------------------------------------------------------- workers */

static _Noreturn void worker_main(const struct boss *boss, int id, bool is_replacement)
{
    struct crew *crew = boss->crew;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != boss->self)
        _exit(1); /* the supervisor died before the line above */
    sigprocmask(SIG_SETMASK, boss->mask, NULL);
    close(boss->command_fd);
    close(boss->child_fd);
    if (boss->caller_fd >= 0)
        close(boss->caller_fd);
    job_enter(crew->mark);
    if (crew->pipes) {
        pipes_work(crew->pipes, id, getpid(), is_replacement);
        _exit(0);
    }
    if (is_replacement)
        team_inherit(crew->team, id, getpid());
    team_work(crew->team, id, getpid());
    _exit(0);
}

static int worker_fork(struct boss *boss, int id, bool is_replacement)
{
    pid_t pid = fork();
    if (pid == 0)
        worker_main(boss, id, is_replacement);
    if (pid < 0)
        return -errno;
    boss->crew->pids[id] = pid;
    boss->alive++;
    return 0;
}

static void workers_signal(const struct boss *boss, int signo)
{
    for (int i = 0; i < boss->crew->team->workers; i++)
        if (boss->crew->pids[i] > 0)
            kill(boss->crew->pids[i], signo);
}

/* Ends everything at once: for when there is nobody left to work for. */
static _Noreturn void give_up(struct boss *boss, int status)
{
    workers_signal(boss, SIGKILL);
    for (int i = 0; i < boss->crew->team->workers; i++)
        if (boss->crew->pids[i] > 0)
            waitpid(boss->crew->pids[i], NULL, 0);
    _exit(status);
}

/* ------------------------------------------------------------------------------- a worker has died */

static uint64_t progress_of(const struct team *team)
{
    uint64_t sum = 0;
    for (int i = 0; i < team->workers; i++)
        sum += atomic_load_explicit(&team->slots[i].pieces_run, memory_order_relaxed);
    return sum;
}

/* Whether workers die faster than they get anything done: after max(8, 4 P) in a row the pool is lost.
 * Before that each further death waits a little longer. A storm of kills between finished chunks is
 * survived for ever. */
static bool is_hopeless(struct boss *boss)
{
    const struct team *team = boss->crew->team;
    int patience = 4 * team->workers > 8 ? 4 * team->workers : 8;
    uint64_t progress = progress_of(team);
    boss->deaths_in_a_row = progress == boss->progress ? boss->deaths_in_a_row + 1 : 1;
    boss->progress = progress;
    if (boss->deaths_in_a_row > 2)
        usleep((useconds_t)(1000 << (boss->deaths_in_a_row < 8 ? boss->deaths_in_a_row - 3 : 5)));
    return boss->deaths_in_a_row > patience;
}

static void worker_replace(struct boss *boss, int id, pid_t pid, int wait_status)
{
    struct crew *crew = boss->crew;
    struct team_slot *slot = &crew->team->slots[id];
    slot->dead_pid = pid;
    slot->dead_signo = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
    slot->dead_status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0;
    if (!is_hopeless(boss)) {
        /* Short of processes or memory: try again for about a second before giving up. */
        crew->replaced++; /* before the replacement can finish a job whose caller looks at it */
        for (int attempt = 0; attempt < 10; attempt++) {
            if (worker_fork(boss, id, true) == 0)
                return;
            usleep(100000);
        }
        crew->replaced--;
    }
    team_set_phase(crew->team, TEAM_BROKEN);
    give_up(boss, 1);
}

static void workers_reap(struct boss *boss)
{
    struct crew *crew = boss->crew;
    for (int i = 0; i < crew->team->workers; i++) {
        int status;
        pid_t pid = crew->pids[i];
        if (pid <= 0 || waitpid(pid, &status, WNOHANG) != pid)
            continue;
        crew->pids[i] = 0;
        boss->alive--;
        uint32_t phase = atomic_load_explicit(&crew->team->phase, memory_order_acquire);
        bool has_left = WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
                        atomic_load_explicit(&crew->team->slots[i].ticket, memory_order_acquire) == 0;
        /* Even while the pool closes, queued work is finished: by a replacement if need be. */
        if (phase == TEAM_RUN || (phase == TEAM_QUIT && !has_left))
            worker_replace(boss, i, pid, status);
    }
}

/* -------------------------------------------------------------------------------------- main loop */

static int workers_start(struct boss *boss)
{
    int status = 0;
    for (int i = 0; i < boss->crew->team->workers && status == 0; i++)
        status = worker_fork(boss, i, false);
    return status;
}

static bool is_caller_gone(const struct boss *boss, const struct pollfd *caller)
{
    return boss->caller_fd >= 0 ? (caller->revents & POLLIN) != 0 : getppid() != boss->caller;
}

static void ending_go_on(struct boss *boss)
{
    if (atomic_load_explicit(&boss->crew->team->phase, memory_order_acquire) < TEAM_STOP)
        return; /* TEAM_QUIT: the workers leave by themselves */
    uint64_t now = wait_now_ns();
    if (!boss->is_ending) {
        boss->is_ending = true;
        boss->ending_since_ns = now;
        workers_signal(boss, SIGTERM);
        workers_signal(boss, SIGCONT);
    } else if (!boss->was_killed && now - boss->ending_since_ns >= boss->crew->grace_ns) {
        boss->was_killed = true;
        workers_signal(boss, SIGKILL);
    }
}

static int poll_timeout_ms(const struct boss *boss)
{
    if (boss->is_ending && !boss->was_killed) {
        uint64_t left_ms = boss->crew->grace_ns / 1000000u + 1;
        return left_ms < TICK_MS ? (int)left_ms : TICK_MS;
    }
    return boss->caller_fd < 0 || boss->child_fd < 0 ? TICK_MS : -1;
}

static void drain(int fd)
{
    char buffer[sizeof(struct signalfd_siginfo)];
    if (fd >= 0 && read(fd, buffer, sizeof buffer) < 0)
        return; /* only empties the descriptor; what it told is looked at anyway */
}

_Noreturn void supervisor_main(struct crew *crew, int command_fd, int caller_fd, pid_t caller, const sigset_t *mask)
{
    struct boss boss = {.crew = crew,
                        .command_fd = command_fd,
                        .caller_fd = caller_fd,
                        .caller = caller,
                        .self = getpid(),
                        .mask = mask};
    sigset_t children = *mask;
    sigaddset(&children, SIGCHLD);
    signals_reset(&children);
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    boss.child_fd = signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC);

    crew->start_status = workers_start(&boss);
    atomic_store_explicit(&crew->is_ready, 1, memory_order_release);
    wait_wake(&crew->is_ready, 1, true);
    if (crew->start_status)
        give_up(&boss, 1);

    struct pollfd fds[3] = {{.fd = command_fd, .events = POLLIN},
                            {.fd = boss.child_fd, .events = POLLIN},
                            {.fd = caller_fd, .events = POLLIN}};
    while (boss.alive > 0) {
        for (int i = 0; i < 3; i++)
            fds[i].revents = 0;
        int ready = poll(fds, 3, poll_timeout_ms(&boss));
        if (ready > 0 && fds[0].revents)
            drain(command_fd);
        if (ready > 0 && fds[1].revents)
            drain(boss.child_fd);
        if (is_caller_gone(&boss, &fds[2]))
            give_up(&boss, 1);
        ending_go_on(&boss);
        workers_reap(&boss);
    }
    _exit(0);
}
