/* SPDX-License-Identifier: MIT
 *
 * The life of a pool of fork_pipe.h: its workers, and the memory that they share with their caller.
 */
#include "fork_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builtin.h"
#include "sys/child.h"
#include "sys/fd.h"

/* ------------------------------------------------------------------------------------------ the end */

void fork_pipe_kill(struct backend_pool *pool, int status)
{
    struct fork_pipe *pipe = pool->state;
    int none = 0;
    atomic_compare_exchange_strong_explicit(&pipe->ended, &none, status, memory_order_relaxed, memory_order_relaxed);
    for (int i = 0; i < pool->workers; i++)
        syscall(SYS_pidfd_send_signal, pipe->lanes[i].fds[FORK_PIPE_PROCESS], SIGKILL, NULL, 0);
}

/* Who else waits for children may have been quicker: then there is nothing to wait for. */
void fork_pipe_await(struct backend_pool *pool)
{
    struct fork_pipe *pipe = pool->state;
    for (int i = 0; i < pool->workers; i++) {
        siginfo_t info;
        while (waitid(FORK_PIPE_PIDFD, (id_t)pipe->lanes[i].fds[FORK_PIPE_PROCESS], &info, WEXITED) && errno == EINTR)
            ;
    }
}

static void fork_pipe_cancel(struct backend_pool *pool)
{
    fork_pipe_kill(pool, -ECANCELED);
}

/* Workers of a pool that has ended early are gone, or about to. */
static void fork_pipe_quit(struct backend_pool *pool)
{
    struct fork_pipe *pipe = pool->state;
    const struct fork_pipe_request leave = {.bytes = 0};
    for (int i = 0; i < pool->workers; i++)
        if (write(pipe->lanes[i].fds[REQUESTS_TO], &leave, sizeof leave) < 0)
            fork_pipe_kill(pool, -ECANCELED);
    fork_pipe_await(pool);
}

static void fork_pipe_close(struct backend_pool *pool)
{
    struct fork_pipe *pipe = pool->state;
    for (int i = 0; i < pool->workers && pipe->lanes; i++)
        for (int fd = 0; fd < FORK_PIPE_FDS; fd++)
            if (pipe->lanes[i].fds[fd] >= 0)
                close(pipe->lanes[i].fds[fd]);
    pool->worker_pids = NULL;
    pthread_mutex_destroy(&pipe->lock);
    free(pipe->lanes);
    free(pipe->polls);
    free(pipe->pids);
    arena_close(&pipe->arena);
}

/* ------------------------------------------------------------------------------------ the beginning */

/* In the child: with the ends of others it would keep them from seeing that the caller is gone. */
static _Noreturn void worker_begin(const struct backend_pool *pool, int id)
{
    const struct fork_pipe *pipe = pool->state;
    for (int i = 0; i <= id; i++)
        for (int fd = 0; fd < FORK_PIPE_FDS; fd++)
            if (pipe->lanes[i].fds[fd] >= 0 && !(i == id && (fd == REQUESTS_FROM || fd == REPLIES_TO)))
                close(pipe->lanes[i].fds[fd]);
    fork_pipe_work(pool, id, pipe->lanes[id].fds);
}

static int worker_start(struct backend_pool *pool, int id)
{
    struct fork_pipe *pipe = pool->state;
    int *fds = pipe->lanes[id].fds;
    if (pipe2(&fds[REQUESTS_FROM], O_CLOEXEC) || pipe2(&fds[REPLIES_FROM], O_CLOEXEC) ||
        fcntl(fds[REQUESTS_TO], F_SETFL, O_NONBLOCK))
        return -errno;
    int pid = (int)child_fork();
    if (pid == 0)
        worker_begin(pool, id);
    if (pid < 0)
        return -errno;
    pipe->pids[id] = pid;
    close(fds[REPLIES_TO]);
    fds[REPLIES_TO] = -1;
    fds[FORK_PIPE_PROCESS] = fd_of_process(pid);
    if (fds[FORK_PIPE_PROCESS] >= 0)
        return 0;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return -EMFILE;
}

/* A reader of a pipe sleeps in the kernel: nobody can spin. */
static int fork_pipe_open(struct backend_pool *pool)
{
    struct fork_pipe *pipe = pool->state;
    size_t workers = (size_t)pool->workers;
    int status =
        pool->options.wait == GRAIN_WAIT_SPIN ? -ENOTSUP : arena_open(&pipe->arena, pool->options.memory_limit);
    if (status)
        return status;
    pthread_mutex_init(&pipe->lock, NULL);
    pipe->lanes = calloc(workers, sizeof *pipe->lanes);
    pipe->polls = calloc(workers, sizeof *pipe->polls);
    pipe->pids = calloc(workers, sizeof *pipe->pids);
    for (size_t i = 0; i < workers && pipe->lanes; i++)
        for (int fd = 0; fd < FORK_PIPE_FDS; fd++)
            pipe->lanes[i].fds[fd] = -1;
    status = pipe->lanes && pipe->polls && pipe->pids ? 0 : -ENOMEM;
    for (int i = 0; i < pool->workers && status == 0; i++)
        status = worker_start(pool, i);
    if (status == 0) {
        pool->worker_pids = pipe->pids;
        return 0;
    }
    if (pipe->lanes) {
        fork_pipe_kill(pool, status);
        fork_pipe_await(pool);
    }
    fork_pipe_close(pool);
    return status;
}

static int fork_pipe_alloc(struct backend_pool *pool, size_t size, void **memory)
{
    struct fork_pipe *pipe = pool->state;
    if (size > 0)
        return arena_alloc(&pipe->arena, size, memory);
    if (*memory)
        arena_release(&pipe->arena, *memory);
    else
        arena_trim(&pipe->arena);
    return 0;
}

const struct grain_backend own_fork_pipe = {
    .name = "fork-pipe",
    .summary = "processes fed through pipes, as CPython's Pool does it: to compare with, no part of the library",
    .schedules = BACKEND_SCHEDULE(STATIC) | BACKEND_SCHEDULE(DYNAMIC) | BACKEND_SCHEDULE(GUIDED),
    .default_schedule = GRAIN_SCHEDULE_DYNAMIC,
    .capabilities = BACKEND_RUNS_TASKS | BACKEND_IS_PARALLEL | BACKEND_BINDS,
    .state_size = sizeof(struct fork_pipe),
    .open = fork_pipe_open,
    .wait = fork_pipe_run,
    .cancel = fork_pipe_cancel,
    .quit = fork_pipe_quit,
    .close = fork_pipe_close,
    .alloc = fork_pipe_alloc,
};
