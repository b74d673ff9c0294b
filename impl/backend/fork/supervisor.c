/* SPDX-License-Identifier: MIT
 *
 * The life of the supervisor process itself; supervisor.h says what it is for.
 */
#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/child.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/signals.h"

#define TICK_MS     100         /* where the kernel has no pidfd, and while workers are being ended */
#define SHORTAGE_NS 1000000000u /* how long a pool without workers tries to get one */

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

/* Ends everything at once; an open that still waits fails with `error`. Callers that wait are woken when no worker is
 * left that could still change what they look at then. */
static _Noreturn void give_up(struct supervisor_state *state, int error)
{
    start_tell(state->shared, SUPERVISOR_STARTED + (uint32_t)error);
    supervisor_kill_all(state, SIGKILL);
    for (int i = 0; i < state->count; i++)
        if (state->workers[i].pid > 0 && supervisor_bury(&state->workers[i]))
            state->shared->pids[i] = 0;
    team_set_phase(state->shared->team, TEAM_BROKEN);
    _exit(1);
}

/* -------------------------------------------------------------------------------- a worker has died */

static int patience_of(const struct supervisor_state *state)
{
    return 4 * state->count > 8 ? 4 * state->count : 8;
}

/* Whether workers keep dying: after max(8, 4 P) in a row that were never ready the pool is lost, and each waits a
 * little longer than the one before. Progress of the other slots interrupts the row; is_lost() looks at this one's. */
static bool is_hopeless(struct supervisor_state *state)
{
    uint64_t progress = 0;
    for (int i = 0; i < state->count; i++)
        progress += progress_of_slot(state, i);
    state->unready = progress == state->progress ? state->unready + 1 : 1;
    state->progress = progress;
    if (state->unready > 2)
        usleep((useconds_t)(1000 << (state->unready < 8 ? state->unready - 3 : 5)));
    return state->unready > patience_of(state);
}

/* Whether a worker that ended at this stage was the last straw. One that had looked for work, or had recovered
 * something that a dead one left, is replaced at once, however often that happens: tasks that crash never use up the
 * pool. */
static bool is_lost(struct supervisor_state *state, int id, uint32_t stage)
{
    struct supervisor_worker *worker = &state->workers[id];
    if (stage == STAGE_RETIRED)
        return false;
    if (progress_of_slot(state, id) != worker->progress) {
        worker->unready = 0;
        return false;
    }
    /* However well the others do: nobody else recovers what this slot holds. */
    if (++worker->unready > (stage == STAGE_REFUSED ? BACKEND_TRIES - 1 : patience_of(state)))
        return true;
    return stage != STAGE_REFUSED && is_hopeless(state);
}

/* Where processes or memory have run out, the others work on, and it is tried again a tick later; where there are no
 * others, for about a second. Once the pool is being stopped, nobody needs it. */
static void missing_replace(struct supervisor_state *state, int id)
{
    struct supervisor_shared *shared = state->shared;
    struct supervisor_worker *worker = &state->workers[id];
    bool is_over = phase_of(state->shared) >= TEAM_STOP;
    uint64_t counted = is_over ? 0 : worker->counted, now = clock_ns();
    shared->replaced += counted; /* before the replacement can finish a job whose caller looks at it */
    if (is_over || worker_fork(state, id, true) == 0) {
        worker->is_missing = false;
        state->missing--;
        return;
    }
    shared->replaced -= counted;
    if (state->alive > 0)
        state->alone_ns = now;
    if (now - state->alone_ns >= SHORTAGE_NS)
        give_up(state, ENOTRECOVERABLE);
}

static void worker_replace(struct supervisor_state *state, int id, pid_t pid, int wait_status)
{
    struct team_slot *slot = &state->shared->team->slots[id];
    struct supervisor_worker *worker = &state->workers[id];
    uint32_t stage = stage_of(state->shared, id);
    if (stage >= STAGE_READY) { /* else it came to nothing: the slot still speaks of the one before it */
        slot->dead_pid = pid;
        slot->dead_signo = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
        slot->dead_status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0;
        if (slot->overdue_pid != pid)
            slot->overdue_pid = 0; /* numbers come round again */
    }
    slot->ctx.deadline_ns = 0; /* the dead one's */
    if (is_lost(state, id, stage))
        give_up(state, ENOTRECOVERABLE);
    worker->counted = stage != STAGE_RETIRED || WIFSIGNALED(wait_status);
    worker->is_missing = true;
    state->missing++;
    state->alone_ns = clock_ns();
    missing_replace(state, id);
}

/* Even while the pool closes, queued work is finished: by a replacement if need be. */
static void worker_reap(struct supervisor_state *state, int id)
{
    int status;
    pid_t pid = state->workers[id].pid;
    if (pid == 0 || waitpid(pid, &status, WNOHANG) != pid)
        return;
    state->workers[id].pid = 0;
    state->shared->pids[id] = 0;
    state->alive--;
    uint32_t phase = phase_of(state->shared);
    bool has_left = stage_of(state->shared, id) == STAGE_LEFT &&
                    atomic_load_explicit(&state->shared->team->slots[id].ticket, memory_order_acquire) == 0;
    if (phase == TEAM_RUN || (phase == TEAM_QUIT && !has_left))
        worker_replace(state, id, pid, status);
}

/* ----------------------------------------------------------------------------------------- main loop */

/* At TEAM_QUIT the workers leave by themselves. */
static void ending_go_on(struct supervisor_state *state)
{
    if (phase_of(state->shared) < TEAM_STOP)
        return;
    uint64_t now = clock_ns(), grace_ns = state->pool->options.grace_ns;
    if (state->ending_since_ns == 0) {
        state->ending_since_ns = now;
        supervisor_kill_all(state, SIGTERM);
        supervisor_kill_all(state, SIGCONT);
    } else if (!state->was_killed && now - state->ending_since_ns >= grace_ns) {
        state->was_killed = true;
        supervisor_kill_all(state, SIGKILL);
    } else if (now - state->ending_since_ns >= grace_ns + SUPERVISOR_END_NS && supervisor_is_left_alone(state)) {
        _exit(0);
    }
}

static int poll_timeout_ms(const struct supervisor_state *state)
{
    uint64_t wait_ns = state->look_in_ns, grace_ns = state->pool->options.grace_ns;
    bool is_ending = state->ending_since_ns > 0;
    if (is_ending && !state->was_killed && grace_ns < wait_ns)
        wait_ns = grace_ns;
    bool must_tick = state->caller_fd < 0 || state->child_fd < 0 || state->missing > 0 || is_ending;
    if (wait_ns == UINT64_MAX && !must_tick)
        return -1;
    return wait_ns / 1000000u < TICK_MS ? (int)(wait_ns / 1000000u + 1) : TICK_MS;
}

/* At most one of each kind waits. */
static void signals_read(struct supervisor_state *state)
{
    struct signalfd_siginfo infos[2];
    ssize_t bytes = read(state->child_fd, infos, sizeof infos);
    for (size_t i = 0; bytes > 0 && i < (size_t)bytes / sizeof infos[0]; i++)
        state->was_continued |= infos[i].ssi_signo == SIGCONT;
}

/* Waits for what there is to do. False: the caller is gone. */
static bool step_await(struct supervisor_state *state)
{
    struct pollfd fds[3] = {{.fd = state->command_fd, .events = POLLIN},
                            {.fd = state->child_fd, .events = POLLIN},
                            {.fd = state->caller_fd, .events = POLLIN}};
    char told[64]; /* emptied only: what it tells is looked at anyway */
    poll(fds, 3, poll_timeout_ms(state));
    if (fds[0].revents && read(state->command_fd, told, sizeof told) == 0)
        return false; /* its other end is closed */
    if (fds[1].revents)
        signals_read(state);
    return state->caller_fd >= 0 ? (fds[2].revents & POLLIN) == 0 : getppid() == state->caller;
}

/* given: in the memory of another thread of the caller's, which may be used anew. */
void supervisor_main(const struct supervisor_state *given)
{
    struct supervisor_state own = *given, *state = &own;
    sigset_t awaited;
    state->self = getpid();
    state->looked_ns = clock_ns();
    state->look_in_ns = UINT64_MAX;
    signals_supervisor(&state->pool->signals, &awaited);
    if (state->pool->options.close_descriptors) /* else workers keep what the caller had; replacements are copies */
        fd_close_but(state->kept, state->kept_count);
    state->child_fd = signalfd(-1, &awaited, SFD_NONBLOCK | SFD_CLOEXEC);
    fd_above_stdio(&state->child_fd);
    for (int i = 0; i < state->count; i++) {
        int status = worker_fork(state, i, false);
        if (status)
            give_up(state, -status);
    }
    ready_tell(state->shared);
    while (state->alive > 0 || state->missing > 0) {
        if (!step_await(state)) /* nobody is left to work for */
            give_up(state, ENOTRECOVERABLE);
        ending_go_on(state);
        for (int i = 0; i < state->count; i++)
            if (state->workers[i].is_missing)
                missing_replace(state, i);
            else
                worker_reap(state, i);
        supervisor_watch(state);
    }
    _exit(0);
}
