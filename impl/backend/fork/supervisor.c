/* SPDX-License-Identifier: MIT
 *
 * The life of the supervisor process itself; supervisor.h says what it is for. How the caller starts and
 * ends it: supervisor_start.c.
 */
#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/child.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/futex.h"
#include "sys/signals.h"

#define TICK_MS     100         /* where the kernel has no pidfd, and while workers are being ended */
#define SHORTAGE_NS 1000000000u /* how long a pool without workers tries to get one */

/* Of what lies in shared memory the boss has its own copy where it decides whom it kills, or how far it reads. */
struct boss {
    struct crew *crew;
    const struct supervisor_birth *birth;
    const struct backend_pool *pool;
    struct supervisor_worker *workers;
    int count; /* of workers */
    int command_fd, caller_fd, child_fd;
    pid_t caller, self;
    int alive;
    int missing;       /* workers that could not be replaced yet */
    uint64_t alone_ns; /* when there was last one beside them */
    bool is_ending;
    uint64_t ending_since_ns;
    bool was_killed;   /* SIGKILL has been sent */
    int unready;       /* how many workers ended in a row before they were ready */
    uint64_t progress; /* of all slots when the last of these ended */
    struct supervisor_looks looks;
};

/* ------------------------------------------------------------------------------------------- workers */

/* A task that ends the only thread ends the process, with 0; what the host pushed to clean up is none of this one's. */
__attribute__((noinline)) static _Noreturn void worker_main(const struct boss *boss, int id, bool is_replacement)
{
    JOB_STACK_ENDS();
    struct crew *crew = boss->crew;
    child_depend(boss->self);
    child_streams(); /* again: the host's pthread_atfork() handlers may print in the supervisor */
    signals_worker(&crew->pool->signals, &crew->team->phase, TEAM_STOP);
    /* acquire: as every reader of the phase. SIGTERM may have come before the line above: then it was ignored. */
    if (atomic_load_explicit(&crew->team->phase, memory_order_acquire) >= TEAM_STOP)
        _exit(0);
    close(boss->command_fd);
    close(boss->child_fd);
    if (boss->caller_fd >= 0)
        close(boss->caller_fd);
    supervisor_close(boss->birth, id);
    job_enter(crew->pool);
    struct supervisor_life life = {.crew = crew, .id = id, .is_replacement = is_replacement};
    if (job_guard(supervisor_life, &life))
        exit(0);
    child_flush();
    crew_stage_set(crew, id, life.stage);
    _exit(life.stage == CREW_REFUSED);
}

static uint64_t progress_of_slot(const struct boss *boss, int id)
{
    return atomic_load_explicit(&boss->crew->team->slots[id].progress, memory_order_relaxed);
}

static int worker_fork(struct boss *boss, int id, bool is_replacement)
{
    struct supervisor_worker *worker = &boss->workers[id];
    crew_stage_set(boss->crew, id, CREW_NEW);
    worker->progress = progress_of_slot(boss, id);
    pid_t pid = fork();
    if (pid == 0)
        worker_main(boss, id, is_replacement);
    if (pid < 0)
        return -errno;
    worker->pid = pid;
    worker->is_out_of_reach = false;
    boss->crew->pids[id] = pid;
    boss->alive++;
    return 0;
}

/* Ends everything at once: for when there is nobody left to work for. Callers that wait are woken when no worker
 * is left that could still change what they look at then. */
static _Noreturn void give_up(struct boss *boss, int status)
{
    supervisor_kill_all(boss->workers, boss->count, SIGKILL);
    for (int i = 0; i < boss->count; i++)
        if (boss->workers[i].pid > 0 && supervisor_bury(&boss->workers[i]))
            boss->crew->pids[i] = 0;
    team_set_phase(boss->crew->team, TEAM_BROKEN);
    _exit(status);
}

/* ------------------------------------------------------------------------------- a worker has died */

static uint64_t progress_of_all(const struct boss *boss)
{
    uint64_t sum = 0;
    for (int i = 0; i < boss->count; i++)
        sum += progress_of_slot(boss, i);
    return sum;
}

static int patience_of(const struct boss *boss)
{
    return 4 * boss->count > 8 ? 4 * boss->count : 8;
}

/* Whether workers keep dying: after max(8, 4 P) in a row that were never ready the pool is lost, and each waits a
 * little longer than the one before. The others' progress interrupts the row; that of this slot is looked at by
 * is_lost(). */
static bool is_hopeless(struct boss *boss)
{
    uint64_t progress = progress_of_all(boss);
    boss->unready = progress == boss->progress ? boss->unready + 1 : 1;
    boss->progress = progress;
    if (boss->unready > 2)
        usleep((useconds_t)(1000 << (boss->unready < 8 ? boss->unready - 3 : 5)));
    return boss->unready > patience_of(boss);
}

/* Whether a worker that ended at this stage was the last straw. One that had looked for work, or had settled something
 * that a dead one left, is replaced at once, however often that happens: tasks that crash never use up the pool. */
static bool is_lost(struct boss *boss, int id, uint32_t stage)
{
    struct supervisor_worker *worker = &boss->workers[id];
    if (stage == CREW_SPENT)
        return false;
    if (progress_of_slot(boss, id) != worker->progress) {
        worker->unready = 0;
        return false;
    }
    /* However well the others do: what this slot holds is settled by nobody else. */
    if (++worker->unready > (stage == CREW_REFUSED ? BACKEND_TRIES - 1 : patience_of(boss)))
        return true;
    return stage != CREW_REFUSED && is_hopeless(boss);
}

/* Where processes or memory have run out, the others work on, and it is tried again a tick later; where there are no
 * others, for about a second. */
static void missing_replace(struct boss *boss, int id)
{
    struct crew *crew = boss->crew;
    struct supervisor_worker *worker = &boss->workers[id];
    crew->replaced += worker->counted; /* before the replacement can finish a job whose caller looks at it */
    if (worker_fork(boss, id, true) == 0) {
        worker->is_missing = false;
        boss->missing--;
        return;
    }
    crew->replaced -= worker->counted;
    uint64_t now = clock_ns();
    if (boss->alive > 0)
        boss->alone_ns = now;
    if (now - boss->alone_ns < SHORTAGE_NS)
        return;
    crew_start_tell(crew, CREW_STARTED + ENOTRECOVERABLE);
    give_up(boss, 1);
}

static void worker_replace(struct boss *boss, int id, pid_t pid, int wait_status)
{
    struct crew *crew = boss->crew;
    uint32_t stage = crew_stage_of(crew, id);
    uint64_t counted = stage != CREW_SPENT || WIFSIGNALED(wait_status);
    struct team_slot *slot = &crew->team->slots[id];
    if (stage >= CREW_READY) { /* else it came to nothing: the slot still speaks of the one before it */
        slot->dead_pid = pid;
        slot->dead_signo = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
        slot->dead_status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0;
        if (slot->overdue_pid != pid)
            slot->overdue_pid = 0; /* numbers come round again */
    }
    slot->ctx.deadline_ns = 0; /* the dead one's */
    if (!is_lost(boss, id, stage)) {
        boss->workers[id].counted = counted;
        boss->workers[id].is_missing = true;
        boss->missing++;
        boss->alone_ns = clock_ns();
        missing_replace(boss, id);
        return;
    }
    crew_start_tell(crew, CREW_STARTED + ENOTRECOVERABLE);
    give_up(boss, 1);
}

/* Once the pool is being stopped, nobody needs it. */
static void missing_look(struct boss *boss, int id)
{
    if (atomic_load_explicit(&boss->crew->team->phase, memory_order_acquire) < TEAM_STOP) {
        missing_replace(boss, id);
        return;
    }
    boss->workers[id].is_missing = false;
    boss->missing--;
}

static void workers_reap(struct boss *boss)
{
    struct crew *crew = boss->crew;
    for (int i = 0; i < boss->count; i++) {
        int status;
        pid_t pid = boss->workers[i].pid;
        if (boss->workers[i].is_missing) {
            missing_look(boss, i);
            continue;
        }
        if (pid == 0 || waitpid(pid, &status, WNOHANG) != pid)
            continue;
        boss->workers[i].pid = 0;
        crew->pids[i] = 0;
        boss->alive--;
        uint32_t phase = atomic_load_explicit(&crew->team->phase, memory_order_acquire);
        bool has_left = crew_stage_of(crew, i) == CREW_LEFT &&
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
    for (int i = 0; i < boss->count && status == 0; i++)
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
    uint64_t now = clock_ns();
    if (!boss->is_ending) {
        boss->is_ending = true;
        boss->ending_since_ns = now;
        supervisor_kill_all(boss->workers, boss->count, SIGTERM);
        supervisor_kill_all(boss->workers, boss->count, SIGCONT);
    } else if (!boss->was_killed && now - boss->ending_since_ns >= boss->pool->grace_ns) {
        boss->was_killed = true;
        supervisor_kill_all(boss->workers, boss->count, SIGKILL);
    } else if (now - boss->ending_since_ns >= boss->pool->grace_ns + SUPERVISOR_END_NS &&
               supervisor_is_left_alone(boss->workers, boss->count)) {
        _exit(0);
    }
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int poll_timeout_ms(const struct boss *boss)
{
    bool must_tick = boss->caller_fd < 0 || boss->child_fd < 0 || boss->missing > 0;
    uint64_t timeout_ms = must_tick ? TICK_MS : UINT64_MAX;
    if (boss->is_ending)
        timeout_ms = boss->was_killed ? TICK_MS : smaller(TICK_MS, boss->pool->grace_ns / 1000000u + 1);
    if (boss->looks.wait_ns != UINT64_MAX)
        timeout_ms = smaller(timeout_ms, smaller(TICK_MS, boss->looks.wait_ns / 1000000u + 1));
    return timeout_ms == UINT64_MAX ? -1 : (int)timeout_ms;
}

/* Empties the descriptor; what it told is looked at anyway. False: its other end is closed. */
static bool drain(int fd)
{
    char buffer[64];
    return fd < 0 || read(fd, buffer, sizeof buffer) != 0;
}

/* At most one of each kind waits. */
static void signals_read(struct boss *boss)
{
    struct signalfd_siginfo infos[2];
    ssize_t bytes = read(boss->child_fd, infos, sizeof infos);
    for (size_t i = 0; bytes > 0 && i < (size_t)bytes / sizeof infos[0]; i++)
        boss->looks.was_continued |= infos[i].ssi_signo == SIGCONT;
}

_Noreturn void supervisor_main(const struct supervisor_birth *birth)
{
    struct crew *crew = birth->crew;
    int command_fd = birth->command_fd, caller_fd = birth->caller_fd;
    struct boss boss = {.crew = crew,
                        .birth = birth,
                        .pool = crew->pool,
                        .workers = birth->workers,
                        .count = crew->team->workers,
                        .command_fd = command_fd,
                        .caller_fd = caller_fd,
                        .caller = birth->caller,
                        .self = getpid(),
                        .looks = {.last_ns = clock_ns(), .wait_ns = UINT64_MAX}};
    sigset_t awaited;
    signals_supervisor(&crew->pool->signals, &awaited);
    supervisor_close(birth, SUPERVISOR_ITSELF);
    boss.child_fd = signalfd(-1, &awaited, SFD_NONBLOCK | SFD_CLOEXEC);
    fd_above_stdio(&boss.child_fd);

    int status = workers_start(&boss);
    if (status) {
        crew_start_tell(crew, CREW_STARTED + (uint32_t)-status);
        give_up(&boss, 1);
    }
    crew_ready_tell(crew);

    struct pollfd fds[3] = {{.fd = command_fd, .events = POLLIN},
                            {.fd = boss.child_fd, .events = POLLIN},
                            {.fd = caller_fd, .events = POLLIN}};
    while (boss.alive > 0 || boss.missing > 0) {
        for (int i = 0; i < 3; i++)
            fds[i].revents = 0;
        int ready = poll(fds, 3, poll_timeout_ms(&boss));
        if (ready > 0 && fds[0].revents && !drain(command_fd))
            give_up(&boss, 1);
        if (ready > 0 && fds[1].revents)
            signals_read(&boss);
        if (is_caller_gone(&boss, &fds[2]))
            give_up(&boss, 1);
        ending_go_on(&boss);
        workers_reap(&boss);
        supervisor_watch(crew, boss.workers, boss.count, &boss.looks);
    }
    _exit(0);
}
