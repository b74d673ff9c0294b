/* SPDX-License-Identifier: MIT
 *
 * A call over the pipes of fork_pipe.h: hands chunks out, collects what came of them.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fork_pipe.h"

struct call {
    struct backend_pool *pool;
    struct fork_pipe *pipe;
    struct job *job;
    struct claim_shared claims;
    int parts, busy; /* lanes that take part; those of them that have something to run */
    int status;      /* not 0: the call has failed */
};

/* -------------------------------------------------------------------------------------- handing out */

/* Adds a piece to the request; its address in the message, or 0 for one of no bytes. */
static uintptr_t piece_add(struct fork_pipe_lane *lane, const void *data, size_t bytes, size_t alignment)
{
    static const char zeros[JOB_ALIGN_MOST];
    uintptr_t end = lane->request.bytes, at = job_align(end, alignment);
    if (bytes == 0)
        return 0;
    if (at > end)
        lane->pieces[lane->left++] = (struct iovec){(void *)(uintptr_t)zeros, at - end};
    lane->pieces[lane->left++] = (struct iovec){(void *)(uintptr_t)data, bytes};
    lane->request.bytes = at + bytes;
    return at;
}

/* From each column the values of the chunk, and of what lies between them in the caller's memory. */
static void columns_add(struct fork_pipe_lane *lane, struct job *sent)
{
    size_t count = lane->end - lane->begin;
    const struct grain_column *columns = sent->columns;
    sent->columns = (const struct grain_column *)piece_add(lane, lane->columns, sent->column_count * sizeof *columns,
                                                           _Alignof(struct grain_column));
    for (size_t c = 0; c < sent->column_count; c++) {
        const char *data = (const char *)columns[c].data + lane->begin * columns[c].stride;
        size_t bytes = columns[c].size ? (count - 1) * columns[c].stride + columns[c].size : 0;
        uintptr_t at = piece_add(lane, data, bytes, job_alignment(data, columns[c].size));
        lane->columns[c] = columns[c];
        lane->columns[c].data = (const void *)fork_pipe_before(at, lane->begin, columns[c].stride);
    }
}

static void request_make(struct fork_pipe_lane *lane, const struct job *job)
{
    struct job sent;
    job_describe(&sent, job);
    lane->request.bytes = 0;
    lane->request.begin = lane->begin;
    lane->request.end = lane->end;
    lane->left = 0;
    lane->next = lane->pieces;
    piece_add(lane, &lane->request, sizeof lane->request, 1);
    if (job->form != JOB_CALLS) {
        const char *items = (const char *)job->items + lane->begin * job->item_size;
        size_t bytes = (lane->end - lane->begin) * job->item_size;
        sent.params =
            (const void *)piece_add(lane, job->params, job->params_size, job_alignment(job->params, job->params_size));
        if (job->column_count)
            columns_add(lane, &sent);
        uintptr_t at = piece_add(lane, items, bytes, job_alignment(items, job->item_size));
        if (bytes)
            sent.items = (const void *)fork_pipe_before(at, lane->begin, job->item_size);
    }
    memcpy(lane->request.job, &sent, sizeof lane->request.job);
}

/* What has not come back is lost. */
static void lane_drop(struct call *call, struct fork_pipe_lane *lane)
{
    job_drop(call->job, &call->job->outcome, lane->begin, lane->end, call->status);
    lane->begin = lane->end;
}

static void request_send(struct call *call, struct fork_pipe_lane *lane)
{
    while (lane->left > 0) {
        ssize_t sent = writev(lane->fds[REQUESTS_TO], lane->next, lane->left);
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0 && errno != EINTR) {
            call->status = -errno; /* of a message that cannot be sent, or of half of one */
            return;
        }
        fork_pipe_advance(&lane->next, &lane->left, sent > 0 ? (size_t)sent : 0);
    }
}

static void lane_next(struct call *call, struct fork_pipe_lane *lane)
{
    uint64_t begin, end;
    if (!claim_next(&lane->part, &begin, &end)) {
        call->busy--;
        return;
    }
    lane->begin = begin;
    lane->end = end;
    call->job->handovers++;
    request_make(lane, call->job);
    request_send(call, lane);
}

/* --------------------------------------------------------------------------------------- collecting */

static bool read_all(int fd, struct iovec *pieces, int count)
{
    fork_pipe_advance(&pieces, &count, 0);
    while (count > 0) {
        ssize_t got = readv(fd, pieces, count);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        fork_pipe_advance(&pieces, &count, got > 0 ? (size_t)got : 0);
    }
    return true;
}

/* Its chunk fails, and the call with it. It may live: without its end of the pipe. */
static void lane_died(struct call *call, struct fork_pipe_lane *lane)
{
    struct job *job = call->job;
    siginfo_t info = {0};
    fork_pipe_kill(call->pool, -ENOTRECOVERABLE);
    call->status = atomic_load_explicit(&call->pipe->ended, memory_order_relaxed);
    if (call->status == -ECANCELED)
        return;
    waitid(FORK_PIPE_PIDFD, (id_t)lane->fds[FORK_PIPE_PROCESS], &info, WEXITED | WNOWAIT);
    struct grain_error error = {.code = -EOWNERDEAD, .pid = call->pipe->pids[lane - call->pipe->lanes]};
    *(info.si_code == CLD_EXITED ? &error.exit_status : &error.signo) = info.si_status;
    for (error.index = lane->begin; error.index < lane->end; error.index++)
        if (job->form != JOB_CALLS || job_call_state((const struct job_call *)job->items + error.index) == CALL_RUNNING)
            job_fail(job, &job->outcome, &error);
    lane->begin = lane->end;
}

static void reply_take(struct call *call, struct fork_pipe_lane *lane)
{
    struct job *job = call->job;
    size_t count = lane->end - lane->begin;
    struct fork_pipe_reply reply;
    struct job_outcome outcome;
    struct iovec results[] = {
        {&reply, sizeof reply},
        {(char *)job->results + lane->begin * job->result_size, job->form == JOB_CALLS ? 0 : count * job->result_size}};
    if (!read_all(lane->fds[REPLIES_FROM], results, 2)) {
        lane_died(call, lane);
        return;
    }
    outcome.failed = reply.failed;
    if (reply.failed) {
        struct iovec failures[] = {
            {&outcome.first, sizeof outcome.first},
            {job->codes ? job->codes + lane->begin : NULL, job->codes ? count * sizeof(int) : 0}};
        if (!read_all(lane->fds[REPLIES_FROM], failures, 2)) {
            lane_died(call, lane);
            return;
        }
        job_outcome_merge(&job->outcome, &outcome);
    }
    lane->begin = lane->end;
    lane_next(call, lane);
}

/* ------------------------------------------------------------------------------------------- a call */

/* Waits until there is something to do, and does it. */
static void call_step(struct call *call)
{
    struct fork_pipe_polls *polls = call->pipe->polls;
    for (int i = 0; i < call->parts; i++) {
        const struct fork_pipe_lane *lane = &call->pipe->lanes[i];
        bool is_busy = lane->begin < lane->end;
        polls[i].reply = (struct pollfd){.fd = is_busy ? lane->fds[REPLIES_FROM] : -1, .events = POLLIN};
        polls[i].end = (struct pollfd){.fd = is_busy ? lane->fds[FORK_PIPE_PROCESS] : -1, .events = POLLIN};
        polls[i].room = (struct pollfd){.fd = is_busy && lane->left ? lane->fds[REQUESTS_TO] : -1, .events = POLLOUT};
    }
    if (poll(&polls->reply, 3 * (nfds_t)call->parts, -1) < 0) {
        call->status = errno == EINTR ? 0 : -errno;
        return;
    }
    for (int i = 0; i < call->parts && call->status == 0; i++) {
        struct fork_pipe_lane *lane = &call->pipe->lanes[i];
        if (polls[i].reply.revents)
            reply_take(call, lane);
        else if (polls[i].end.revents)
            lane_died(call, lane);
        else if (polls[i].room.revents)
            request_send(call, lane);
    }
}

/* The call has failed: nothing of it is left in the workers, for they are gone. */
static void call_abandon(struct call *call)
{
    uint64_t begin, end;
    fork_pipe_kill(call->pool, -ENOTRECOVERABLE);
    fork_pipe_await(call->pool);
    for (int i = 0; i < call->parts; i++) {
        struct fork_pipe_lane *lane = &call->pipe->lanes[i];
        lane_drop(call, lane);
        while (claim_rest(&lane->part, &begin, &end))
            job_drop(call->job, &call->job->outcome, begin, end, call->status);
    }
    call->job->is_accounted = true;
}

int fork_pipe_run(struct backend_pool *pool, struct job *job, void *ticket)
{
    struct fork_pipe *pipe = pool->state;
    size_t chunks = job->chunk ? (job->count + job->chunk - 1) / job->chunk : job->count;
    int parts = chunks < (size_t)pool->workers ? (int)chunks : pool->workers;
    struct call call = {.pool = pool, .pipe = pipe, .job = job, .parts = parts, .busy = parts};
    (void)ticket;
    atomic_init(&call.claims.next, 0);
    pthread_mutex_lock(&pipe->lock);
    job_outcome_clear(&job->outcome);
    for (int i = 0; i < parts; i++)
        claim_start(&pipe->lanes[i].part, &call.claims, job->schedule, job->count, job->chunk, (uint64_t)i,
                    (uint64_t)parts);
    call.status = atomic_load_explicit(&pipe->ended, memory_order_relaxed);
    for (int i = 0; i < parts && call.status == 0; i++)
        lane_next(&call, &pipe->lanes[i]);
    while (call.busy > 0 && call.status == 0)
        call_step(&call);
    if (call.status)
        call_abandon(&call);
    pthread_mutex_unlock(&pipe->lock);
    return call.status;
}
