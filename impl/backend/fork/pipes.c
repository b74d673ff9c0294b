/* SPDX-License-Identifier: MIT
 *
 * The caller's side of pipes.h: hands chunks out, collects what came of them, and settles what dead workers left. A
 * caller waits in poll() alone: for replies, for room in a request pipe, for the end of the pool.
 */
#include "pipes.h"
#include "sys/fd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "team/worker.h"

#define ALIVE_TICK_MS 100
#define QUIT_TRIES    50
#define QUIT_PAUSE_NS 1000000L
#define LOOK_PAUSE_NS 1000000L

/* One call. */
struct pipes_call {
    struct pipes *pipes;
    struct job *job; /* the caller's */
    struct claim_shared claims;
    int parts;  /* lanes that take part */
    int busy;   /* lanes whose worker has something to run */
    int status; /* not 0: nothing more is handed out, and what was not is dropped */
};

/* ------------------------------------------------------------------------------------ open and close */

static int lane_open(struct pipes_lane *lane)
{
    int status = pipe_open(&lane->request);
    if (status == 0)
        status = pipe_open(&lane->reply);
    if (status == 0)
        status = pipe_unblock(lane->request.write);
    if (status == 0)
        status = pipe_unblock(lane->reply.read);
    return status ? status : pipe_in_open(&lane->in);
}

int pipes_open(struct pipes **out, struct crew *crew, bool (*is_alive)(void *user), void *user)
{
    int status = 0, workers = crew->team->workers;
    struct pipes *pipes = calloc(1, sizeof *pipes);
    *out = NULL;
    if (!pipes)
        return -ENOMEM;
    *pipes = (struct pipes){.crew = crew, .workers = workers, .is_alive = is_alive, .user = user};
    pthread_mutex_init(&pipes->lock, NULL);
    pipes->lanes = calloc((size_t)workers, sizeof *pipes->lanes);
    pipes->polls = calloc(2 * (size_t)workers + 1, sizeof *pipes->polls);
    pipes->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    status = fd_above_stdio(&pipes->stop_fd);
    if (!pipes->lanes || !pipes->polls)
        status = -ENOMEM;
    for (int i = 0; i < workers && pipes->lanes; i++)
        pipes->lanes[i].request = pipes->lanes[i].reply = (struct pipe_ends){-1, -1};
    for (int i = 0; i < workers && status == 0; i++)
        status = lane_open(&pipes->lanes[i]);
    if (status)
        pipes_close(pipes);
    else
        *out = pipes;
    return status;
}

void pipes_close(struct pipes *pipes)
{
    if (!pipes)
        return;
    for (int i = 0; i < pipes->workers && pipes->lanes; i++) {
        pipe_close(&pipes->lanes[i].request);
        pipe_close(&pipes->lanes[i].reply);
        pipe_in_close(&pipes->lanes[i].in);
    }
    if (pipes->stop_fd >= 0)
        close(pipes->stop_fd);
    pthread_mutex_destroy(&pipes->lock);
    free(pipes->polls);
    free(pipes->lanes);
    free(pipes);
}

void pipes_cancel(struct pipes *pipes)
{
    uint64_t one = 1;
    if (write(pipes->stop_fd, &one, sizeof one) < 0)
        return; /* full: it is readable already */
}

/* A full request pipe is no hindrance: who reads looks at the phase between two packets. A full reply pipe is: so many
 * workers may have died since the last call that their replacements fill it with reports. */
/* A worker that sleeps in its pipe learns of the end from nothing else, so a write that fails is tried again: there may
 * be memory, or room, a moment later. Whoever has filled the pipe is awake when it is emptied, and looks at the
 * phase. */
static void quit_send(int end)
{
    struct pipe_out out;
    int tries = QUIT_TRIES;
    pipe_out_start(&out, PIPES_QUIT, 0, 0);
    while (pipe_out_send(&out, end) != 1 && tries-- > 0)
        nanosleep(&(struct timespec){.tv_nsec = QUIT_PAUSE_NS}, NULL);
}

void pipes_quit(struct pipes *pipes)
{
    for (int i = 0; i < pipes->workers; i++) {
        struct pipes_lane *lane = &pipes->lanes[i];
        quit_send(lane->request.write);
        while (pipe_in_read(&lane->in, lane->reply.read) >= 0)
            ;
    }
}

/* -------------------------------------------------------------------------------------- handing out */

static void request_columns(struct pipes_lane *lane, const struct job *job)
{
    struct columns_plan plan;
    columns_plan(&plan, job, lane->begin, lane->end, NULL, NULL);
    pipe_out_add(&lane->out, job->columns, job->column_count * sizeof *job->columns);
    for (size_t s = 0; s < plan.count; s++) {
        const struct columns_span *span = &plan.spans[s];
        pipe_out_add_at(&lane->out, (const void *)span->from, span->size, span->alignment, span->phase);
    }
}

/* What the lane has was not run, or nothing is known of it. */
static void lane_drop(struct pipes_call *call, struct pipes_lane *lane)
{
    job_drop(call->job, &call->job->outcome, lane->begin, lane->end, call->status);
    lane->begin = lane->end;
}

/* A lane that cannot send is idle again; the worker takes what came of its message for one that was torn. */
static void request_send(struct pipes_call *call, struct pipes_lane *lane)
{
    int status = pipe_out_send(&lane->out, lane->request.write);
    lane->is_sent = status == 1;
    if (status < 0) {
        call->status = status;
        lane_drop(call, lane);
        call->busy--;
    }
}

/* Sends the lane's chunk: its own bytes of everything, in the order in which request_decode() takes them. */
static void request_make(struct pipes_call *call, struct pipes_lane *lane)
{
    const struct job *job = call->job;
    lane->sequence = ++call->pipes->sequence;
    lane->span = (struct pipes_span){lane->begin, lane->end};
    pipe_out_start(&lane->out, PIPES_RUN, lane->epoch, lane->sequence);
    pipe_out_add(&lane->out, &lane->span, sizeof lane->span);
    pipe_out_add(&lane->out, job, PIPES_JOB_BYTES);
    if (job->form != JOB_CALLS) {
        uintptr_t items = (uintptr_t)job->items + lane->begin * job->item_size;
        pipe_out_add_at(&lane->out, job->params, job->params_size,
                        pipes_alignment((uintptr_t)job->params, job->params_size), 0);
        if (job->column_count)
            request_columns(lane, job);
        pipe_out_add_at(&lane->out, (const void *)items, (lane->end - lane->begin) * job->item_size,
                        pipes_alignment(items, job->item_size), 0);
    }
    request_send(call, lane);
}

/* Gives an idle lane what it still has, or else its next claim; without either it stays idle. */
static void lane_next(struct pipes_call *call, struct pipes_lane *lane)
{
    if (call->status == 0 && lane->begin == lane->end && claim_next(&lane->share, &lane->begin, &lane->end))
        call->job->handovers++;
    if (call->status || lane->begin == lane->end) {
        lane_drop(call, lane);
        call->busy--;
        return;
    }
    request_make(call, lane);
}

/* --------------------------------------------------------------------------------------- collecting */

static void reply_take(struct pipes_call *call, struct pipes_lane *lane)
{
    struct job *job = call->job;
    const struct pipe_in *in = &lane->in;
    size_t at = 0, count = lane->end - lane->begin;
    struct pipes_reply reply;
    struct job_outcome outcome;
    memcpy(&reply, pipe_in_part(in, &at, sizeof reply), sizeof reply);
    if (reply.status) {
        call->status = (int)reply.status;
        lane_drop(call, lane);
        return;
    }
    outcome.failed = reply.failed;
    if (reply.failed) {
        memcpy(&outcome.first, pipe_in_part(in, &at, sizeof outcome.first), sizeof outcome.first);
        if (job->codes)
            memcpy(job->codes + lane->begin, pipe_in_part(in, &at, count * sizeof(int)), count * sizeof(int));
        job_outcome_merge(&job->outcome, &outcome);
    }
    const void *results = pipe_in_part(in, &at, count * job->result_size);
    if (results && job->form != JOB_CALLS)
        memcpy((char *)job->results + lane->begin * job->result_size, results, count * job->result_size);
    lane->begin = lane->end;
}

/* The tasks up to the one that killed their worker, or all of a chunk that is one call. Queued calls keep what they
 * came to; one that was not claimed yet has not begun. */
static void chunk_settle(struct pipes_call *call, struct pipes_lane *lane, const struct pipes_birth *birth)
{
    struct job *job = call->job;
    struct grain_error error = birth->error;
    uint64_t end = job->form == JOB_CHUNK ? lane->end : birth->index + 1;
    for (error.index = lane->begin; error.index < end; error.index++) {
        bool is_lost = true;
        if (job->form == JOB_CALLS) {
            uint32_t state = job_call_state((const struct job_call *)job->items + error.index);
            if (state == CALL_PENDING)
                break;
            is_lost = state == CALL_RUNNING;
        }
        if (is_lost)
            job_fail(job, &job->outcome, &error);
    }
    lane->begin = error.index;
}

/* A replacement reports. What its predecessor had not begun, or not come to, is sent again. */
static void birth_take(struct pipes_call *call, struct pipes_lane *lane)
{
    struct pipes_birth birth;
    size_t at = 0;
    memcpy(&birth, pipe_in_part(&lane->in, &at, sizeof birth), sizeof birth);
    lane->epoch = lane->in.head.epoch;
    if (lane->begin == lane->end)
        return;
    if (birth.begun == lane->sequence && birth.index >= lane->begin && birth.index < lane->end)
        chunk_settle(call, lane, &birth);
    lane_next(call, lane);
}

/* Reads until one message is whole or nothing is left: then false. */
static bool lane_read(struct pipes_call *call, struct pipes_lane *lane)
{
    const struct pipe_head *head = &lane->in.head;
    int got;
    while ((got = pipe_in_read(&lane->in, lane->reply.read)) == 0)
        ;
    if (got == -EAGAIN)
        return false;
    if (got != 1)
        call->status = got;
    if (head->kind == PIPES_BORN && got == 1) {
        birth_take(call, lane);
    } else if (head->epoch == lane->epoch && head->sequence == lane->sequence && lane->begin < lane->end) {
        if (got == 1)
            reply_take(call, lane);
        else
            lane_drop(call, lane);
        lane_next(call, lane);
    }
    return got == 1;
}

/* ------------------------------------------------------------------------------------------ waiting */

/* Why a call need not go on: 0 while it must. */
static int is_vain(const struct pipes *pipes)
{
    static const int reasons[] = {[TEAM_STOP] = -ECANCELED, [TEAM_BROKEN] = -ENOTRECOVERABLE};
    /* acquire: as every reader of the phase */
    return reasons[atomic_load_explicit(&pipes->crew->team->phase, memory_order_acquire)];
}

/* poll() has failed: it takes no more descriptors than RLIMIT_NOFILE allows, which the host may have lowered since the
 * open, and needs memory. Then each is looked at after a pause; none of them blocks. False: a signal came. */
static bool polls_look(struct pipes *pipes, int count)
{
    if (errno == EINTR)
        return false;
    nanosleep(&(struct timespec){.tv_nsec = LOOK_PAUSE_NS}, NULL);
    for (int i = 0; i < count; i++)
        if (pipes->polls[i].fd >= 0)
            pipes->polls[i].revents = pipes->polls[i].events;
    return true;
}

/* 0: there is something to look at, or there may be. */
static int replies_await(struct pipes_call *call)
{
    struct pipes *pipes = call->pipes;
    int parts = call->parts;
    for (int i = 0; i < parts; i++) {
        const struct pipes_lane *lane = &pipes->lanes[i];
        bool is_busy = lane->begin < lane->end;
        pipes->polls[i] = (struct pollfd){.fd = is_busy ? lane->reply.read : -1, .events = POLLIN};
        pipes->polls[parts + i] =
            (struct pollfd){.fd = is_busy && !lane->is_sent ? lane->request.write : -1, .events = POLLOUT};
    }
    pipes->polls[(size_t)2 * (size_t)parts] = (struct pollfd){.fd = pipes->stop_fd, .events = POLLIN};
    int ready = poll(pipes->polls, 2 * (nfds_t)parts + 1, ALIVE_TICK_MS);
    bool is_blind = ready == 0 || (ready < 0 && polls_look(pipes, 2 * parts));
    if (is_blind && !pipes->is_alive(pipes->user))
        team_set_phase(pipes->crew->team, TEAM_BROKEN);
    return is_vain(pipes);
}

/* The call ends before all was run: what came back already is taken, the rest is dropped. */
static int call_abandon(struct pipes_call *call)
{
    uint64_t begin, end;
    for (int i = 0; i < call->parts; i++) {
        struct pipes_lane *lane = &call->pipes->lanes[i];
        while (lane->begin < lane->end && lane_read(call, lane))
            ;
        lane_drop(call, lane);
        while (claim_rest(&lane->share, &begin, &end))
            job_drop(call->job, &call->job->outcome, begin, end, call->status);
    }
    call->job->is_accounted = true;
    return call->status;
}

/* Until every task has ended. Returns early only when the pool has: workers may still be in the lanes' chunks then. */
static int call_go(struct pipes_call *call)
{
    struct pipes *pipes = call->pipes;
    for (int i = 0; i < call->parts; i++) {
        struct pipes_lane *lane = &pipes->lanes[i];
        claim_start(&lane->share, &call->claims, call->job->schedule, call->job->count, call->job->chunk, (uint64_t)i,
                    (uint64_t)call->parts);
        lane_next(call, lane);
    }
    while (call->busy > 0) {
        int status = replies_await(call);
        if (status) {
            call->status = status;
            break;
        }
        for (int i = 0; i < call->parts; i++) {
            struct pipes_lane *lane = &pipes->lanes[i];
            if (pipes->polls[call->parts + i].revents)
                request_send(call, lane);
            if (pipes->polls[i].revents)
                lane_read(call, lane);
        }
    }
    return call->status ? call_abandon(call) : 0;
}

int pipes_run(struct pipes *pipes, struct job *job)
{
    size_t chunks = job->chunk ? (job->count + job->chunk - 1) / job->chunk : job->count;
    int parts = chunks < (size_t)pipes->workers ? (int)chunks : pipes->workers;
    struct pipes_call call = {.pipes = pipes, .job = job, .parts = parts, .busy = parts};
    atomic_init(&call.claims.next, 0);
    pthread_mutex_lock(&pipes->lock);
    job_outcome_clear(&job->outcome);
    job->handovers = 0;
    job->steals = 0;
    int status = is_vain(pipes);
    if (status == 0)
        status = call_go(&call);
    pthread_mutex_unlock(&pipes->lock);
    return status;
}
