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

/* Of what lies in shared memory the supervisor has its own copy where it decides whom it kills, or how far it reads. */
struct supervisor_state {
    struct supervisor_shared *shared;
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
__attribute__((noinline)) static _Noreturn void worker_main(const struct supervisor_state *state, int id,
                                                            bool is_replacement)
{
    JOB_STACK_ENDS();
    struct supervisor_shared *shared = state->shared;
    child_depend(state->self);
    child_streams(); /* again: the host's pthread_atfork() handlers may print in the supervisor */
    signals_worker(&shared->pool->signals, &shared->team->phase, TEAM_STOP);
    /* acquire: as every reader of the phase. SIGTERM may have come before the line above: then it was ignored. */
    if (atomic_load_explicit(&shared->team->phase, memory_order_acquire) >= TEAM_STOP)
        _exit(0);
    close(state->command_fd);
    close(state->child_fd);
    if (state->caller_fd >= 0)
        close(state->caller_fd);
    supervisor_close(state->birth, id);
    job_enter(shared->pool);
    struct supervisor_life life = {.shared = shared, .id = id, .is_replacement = is_replacement};
    if (job_guard(supervisor_life, &life))
        exit(0);
    child_flush();
    stage_set(shared, id, life.stage);
    _exit(life.stage == STAGE_REFUSED);
}

static uint64_t progress_of_slot(const struct supervisor_state *state, int id)
{
    return atomic_load_explicit(&state->shared->team->slots[id].progress, memory_order_relaxed);
}

static int worker_fork(struct supervisor_state *state, int id, bool is_replacement)
{
    struct supervisor_worker *worker = &state->workers[id];
    stage_set(state->shared, id, STAGE_NEW);
    worker->progress = progress_of_slot(state, id);
    pid_t pid = fork();
    if (pid == 0)
        worker_main(state, id, is_replacement);
    if (pid < 0)
        return -errno;
    worker->pid = pid;
    worker->is_out_of_reach = false;
    state->shared->pids[id] = pid;
    state->alive++;
    return 0;
}

/* Ends everything at once: for when there is nobody left to work for. Callers that wait are woken when no worker
 * is left that could still change what they look at then. */
static _Noreturn void give_up(struct supervisor_state *state, int status)
{
    supervisor_kill_all(state->workers, state->count, SIGKILL);
    for (int i = 0; i < state->count; i++)
        if (state->workers[i].pid > 0 && supervisor_bury(&state->workers[i]))
            state->shared->pids[i] = 0;
    team_set_phase(state->shared->team, TEAM_BROKEN);
    _exit(status);
}

/* ------------------------------------------------------------------------------- a worker has died */

static uint64_t progress_of_all(const struct supervisor_state *state)
{
    uint64_t sum = 0;
    for (int i = 0; i < state->count; i++)
        sum += progress_of_slot(state, i);
    return sum;
}

static int patience_of(const struct supervisor_state *state)
{
    return 4 * state->count > 8 ? 4 * state->count : 8;
}

/* Whether workers keep dying: after max(8, 4 P) in a row that were never ready the pool is lost, and each waits a
 * little longer than the one before. The others' progress interrupts the row; that of this slot is looked at by
 * is_lost(). */
static bool is_hopeless(struct supervisor_state *state)
{
    uint64_t progress = progress_of_all(state);
    state->unready = progress == state->progress ? state->unready + 1 : 1;
    state->progress = progress;
    if (state->unready > 2)
        usleep((useconds_t)(1000 << (state->unready < 8 ? state->unready - 3 : 5)));
    return state->unready > patience_of(state);
}

/* Whether a worker that ended at this stage was the last straw. One that had looked for work, or had settled something
 * that a dead one left, is replaced at once, however often that happens: tasks that crash never use up the pool. */
static bool is_lost(struct supervisor_state *state, int id, uint32_t stage)
{
    struct supervisor_worker *worker = &state->workers[id];
    if (stage == STAGE_RETIRED)
        return false;
    if (progress_of_slot(state, id) != worker->progress) {
        worker->unready = 0;
        return false;
    }
    /* However well the others do: what this slot holds is settled by nobody else. */
    if (++worker->unready > (stage == STAGE_REFUSED ? BACKEND_TRIES - 1 : patience_of(state)))
        return true;
    return stage != STAGE_REFUSED && is_hopeless(state);
}

/* Where processes or memory have run out, the others work on, and it is tried again a tick later; where there are no
 * others, for about a second. */
static void missing_replace(struct supervisor_state *state, int id)
{
    struct supervisor_shared *shared = state->shared;
    struct supervisor_worker *worker = &state->workers[id];
    shared->replaced += worker->counted; /* before the replacement can finish a job whose caller looks at it */
    if (worker_fork(state, id, true) == 0) {
        worker->is_missing = false;
        state->missing--;
        return;
    }
    shared->replaced -= worker->counted;
    uint64_t now = clock_ns();
    if (state->alive > 0)
        state->alone_ns = now;
    if (now - state->alone_ns < SHORTAGE_NS)
        return;
    start_tell(shared, SUPERVISOR_STARTED + ENOTRECOVERABLE);
    give_up(state, 1);
}

static void worker_replace(struct supervisor_state *state, int id, pid_t pid, int wait_status)
{
    struct supervisor_shared *shared = state->shared;
    uint32_t stage = stage_of(shared, id);
    uint64_t counted = stage != STAGE_RETIRED || WIFSIGNALED(wait_status);
    struct team_slot *slot = &shared->team->slots[id];
    if (stage >= STAGE_READY) { /* else it came to nothing: the slot still speaks of the one before it */
        slot->dead_pid = pid;
        slot->dead_signo = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
        slot->dead_status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0;
        if (slot->overdue_pid != pid)
            slot->overdue_pid = 0; /* numbers come round again */
    }
    slot->ctx.deadline_ns = 0; /* the dead one's */
    if (!is_lost(state, id, stage)) {
        state->workers[id].counted = counted;
        state->workers[id].is_missing = true;
        state->missing++;
        state->alone_ns = clock_ns();
        missing_replace(state, id);
        return;
    }
    start_tell(shared, SUPERVISOR_STARTED + ENOTRECOVERABLE);
    give_up(state, 1);
}

/* Once the pool is being stopped, nobody needs it. */
static void missing_look(struct supervisor_state *state, int id)
{
    if (atomic_load_explicit(&state->shared->team->phase, memory_order_acquire) < TEAM_STOP) {
        missing_replace(state, id);
        return;
    }
    state->workers[id].is_missing = false;
    state->missing--;
}

static void workers_reap(struct supervisor_state *state)
{
    struct supervisor_shared *shared = state->shared;
    for (int i = 0; i < state->count; i++) {
        int status;
        pid_t pid = state->workers[i].pid;
        if (state->workers[i].is_missing) {
            missing_look(state, i);
            continue;
        }
        if (pid == 0 || waitpid(pid, &status, WNOHANG) != pid)
            continue;
        state->workers[i].pid = 0;
        shared->pids[i] = 0;
        state->alive--;
        uint32_t phase = atomic_load_explicit(&shared->team->phase, memory_order_acquire);
        bool has_left = stage_of(shared, i) == STAGE_LEFT &&
                        atomic_load_explicit(&shared->team->slots[i].ticket, memory_order_acquire) == 0;
        /* Even while the pool closes, queued work is finished: by a replacement if need be. */
        if (phase == TEAM_RUN || (phase == TEAM_QUIT && !has_left))
            worker_replace(state, i, pid, status);
    }
}

/* -------------------------------------------------------------------------------------- main loop */

static int workers_start(struct supervisor_state *state)
{
    int status = 0;
    for (int i = 0; i < state->count && status == 0; i++)
        status = worker_fork(state, i, false);
    return status;
}

static bool is_caller_gone(const struct supervisor_state *state, const struct pollfd *caller)
{
    return state->caller_fd >= 0 ? (caller->revents & POLLIN) != 0 : getppid() != state->caller;
}

static void ending_go_on(struct supervisor_state *state)
{
    if (atomic_load_explicit(&state->shared->team->phase, memory_order_acquire) < TEAM_STOP)
        return; /* TEAM_QUIT: the workers leave by themselves */
    uint64_t now = clock_ns();
    if (!state->is_ending) {
        state->is_ending = true;
        state->ending_since_ns = now;
        supervisor_kill_all(state->workers, state->count, SIGTERM);
        supervisor_kill_all(state->workers, state->count, SIGCONT);
    } else if (!state->was_killed && now - state->ending_since_ns >= state->pool->grace_ns) {
        state->was_killed = true;
        supervisor_kill_all(state->workers, state->count, SIGKILL);
    } else if (now - state->ending_since_ns >= state->pool->grace_ns + SUPERVISOR_END_NS &&
               supervisor_is_left_alone(state->workers, state->count)) {
        _exit(0);
    }
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int poll_timeout_ms(const struct supervisor_state *state)
{
    bool must_tick = state->caller_fd < 0 || state->child_fd < 0 || state->missing > 0;
    uint64_t timeout_ms = must_tick ? TICK_MS : UINT64_MAX;
    if (state->is_ending)
        timeout_ms = state->was_killed ? TICK_MS : smaller(TICK_MS, state->pool->grace_ns / 1000000u + 1);
    if (state->looks.wait_ns != UINT64_MAX)
        timeout_ms = smaller(timeout_ms, smaller(TICK_MS, state->looks.wait_ns / 1000000u + 1));
    return timeout_ms == UINT64_MAX ? -1 : (int)timeout_ms;
}

/* Empties the descriptor; what it told is looked at anyway. False: its other end is closed. */
static bool drain(int fd)
{
    char buffer[64];
    return fd < 0 || read(fd, buffer, sizeof buffer) != 0;
}

/* At most one of each kind waits. */
static void signals_read(struct supervisor_state *state)
{
    struct signalfd_siginfo infos[2];
    ssize_t bytes = read(state->child_fd, infos, sizeof infos);
    for (size_t i = 0; bytes > 0 && i < (size_t)bytes / sizeof infos[0]; i++)
        state->looks.was_continued |= infos[i].ssi_signo == SIGCONT;
}

_Noreturn void supervisor_main(const struct supervisor_birth *birth)
{
    struct supervisor_shared *shared = birth->shared;
    int command_fd = birth->command_fd, caller_fd = birth->caller_fd;
    struct supervisor_state state = {.shared = shared,
                                     .birth = birth,
                                     .pool = shared->pool,
                                     .workers = birth->workers,
                                     .count = shared->team->workers,
                                     .command_fd = command_fd,
                                     .caller_fd = caller_fd,
                                     .caller = birth->caller,
                                     .self = getpid(),
                                     .looks = {.last_ns = clock_ns(), .wait_ns = UINT64_MAX}};
    sigset_t awaited;
    signals_supervisor(&shared->pool->signals, &awaited);
    supervisor_close(birth, SUPERVISOR_ITSELF);
    state.child_fd = signalfd(-1, &awaited, SFD_NONBLOCK | SFD_CLOEXEC);
    fd_above_stdio(&state.child_fd);

    int status = workers_start(&state);
    if (status) {
        start_tell(shared, SUPERVISOR_STARTED + (uint32_t)-status);
        give_up(&state, 1);
    }
    ready_tell(shared);

    struct pollfd fds[3] = {{.fd = command_fd, .events = POLLIN},
                            {.fd = state.child_fd, .events = POLLIN},
                            {.fd = caller_fd, .events = POLLIN}};
    while (state.alive > 0 || state.missing > 0) {
        for (int i = 0; i < 3; i++)
            fds[i].revents = 0;
        int ready = poll(fds, 3, poll_timeout_ms(&state));
        if (ready > 0 && fds[0].revents && !drain(command_fd))
            give_up(&state, 1);
        if (ready > 0 && fds[1].revents)
            signals_read(&state);
        if (is_caller_gone(&state, &fds[2]))
            give_up(&state, 1);
        ending_go_on(&state);
        workers_reap(&state);
        supervisor_watch(shared, state.workers, state.count, &state.looks);
    }
    _exit(0);
}
