/* SPDX-License-Identifier: MIT
 *
 * The worker's side of pipes.h: read a request, run it on the bytes that came with it, write the reply. Allocates with
 * mmap alone, for it is a forked child.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "pipes.h"
#include "sys/machine.h"
#include "team/worker.h"

struct pipes_worker {
    struct team *team;
    struct team_slot *slot;
    struct pipe_ends ends; /* read: requests; write: replies */
    uint32_t epoch;
    struct pipe_in in;
    char *out; /* results, then codes */
    size_t out_room;
    struct job job; /* the request's: its pointers lead into `in` and `out` */
    struct grain_column columns[GRAIN_COLUMNS_MAX];
    struct job_outcome outcome;
};

static bool is_stopping(const struct team *team, enum team_phase phase)
{
    /* acquire: as every reader of the phase */
    return atomic_load_explicit(&team->phase, memory_order_acquire) >= (uint32_t)phase;
}

/* The `on_interrupt` of this worker's context: whoever requests an interrupt wants it to stop. */
static size_t stop_on_interrupt(struct grain_context *ctx, size_t next, size_t end)
{
    const struct pipes_worker *worker = ctx->owner;
    return is_stopping(worker->team, TEAM_STOP) ? next : end;
}

/* ----------------------------------------------------------------------------------- reading a request */

/* Where the value of task 0 would lie, so that that of task `begin` lies at `at`. In integers: there is nothing
 * there. */
static uintptr_t before(const void *at, size_t begin, size_t size)
{
    return (uintptr_t)at - begin * size;
}

static void columns_decode(struct pipes_worker *worker, size_t *at, const struct pipes_span *span)
{
    struct job *job = &worker->job;
    struct columns_plan plan;
    uintptr_t copies[GRAIN_COLUMNS_MAX], places[GRAIN_COLUMNS_MAX];
    memcpy(worker->columns, pipe_in_part(&worker->in, at, job->column_count * sizeof *worker->columns),
           job->column_count * sizeof *worker->columns);
    job->columns = worker->columns;
    columns_plan(&plan, job, span->begin, span->end, NULL, NULL);
    for (size_t s = 0; s < plan.count; s++)
        copies[s] = (uintptr_t)pipe_in_part_at(&worker->in, at, plan.spans[s].size, plan.spans[s].alignment,
                                               plan.spans[s].phase);
    for (size_t c = 0; c < job->column_count; c++)
        places[c] = plan.span_of[c] == COLUMNS_NONE ? 0 : columns_place(&plan, job, c, copies[plan.span_of[c]]);
    for (size_t c = 0; c < job->column_count; c++)
        worker->columns[c].data = (const void *)places[c];
}

/* The job of the request, with its data behind it and room for what comes of it. 0 or -ENOMEM. */
static int request_decode(struct pipes_worker *worker, struct pipes_span *span)
{
    struct job *job = &worker->job;
    size_t at = 0;
    memcpy(span, pipe_in_part(&worker->in, &at, sizeof *span), sizeof *span);
    memcpy(job, pipe_in_part(&worker->in, &at, PIPES_JOB_BYTES), PIPES_JOB_BYTES);
    if (job->form == JOB_CALLS)
        return 0; /* all of it lies in shared memory */
    size_t count = span->end - span->begin, results = count * job->result_size;
    size_t codes_at = (results + PIPE_ALIGN - 1) / PIPE_ALIGN * PIPE_ALIGN;
    uintptr_t items = (uintptr_t)job->items + span->begin * job->item_size; /* the caller's */
    job->params = pipe_in_part_at(&worker->in, &at, job->params_size,
                                  pipes_alignment((uintptr_t)job->params, job->params_size), 0);
    if (job->column_count)
        columns_decode(worker, &at, span);
    const void *first =
        pipe_in_part_at(&worker->in, &at, count * job->item_size, pipes_alignment(items, job->item_size), 0);
    job->items = (const void *)before(first, span->begin, job->item_size);
    int status = pipe_room(&worker->out, &worker->out_room, codes_at + (job->codes ? count * sizeof(int) : 0));
    if (status)
        return status;
    job->results = (void *)before(worker->out, span->begin, job->result_size);
    if (job->codes)
        job->codes = (int *)before(memset(worker->out + codes_at, 0, count * sizeof(int)), span->begin, sizeof(int));
    return 0;
}

/* ------------------------------------------------------------------------------------ writing messages */

static void message_send(const struct pipes_worker *worker, struct pipe_out *out)
{
    if (pipe_out_send(out, worker->ends.write) != 1)
        _exit(1); /* no pipe to the caller: nothing can be told any more */
}

static void reply_send(struct pipes_worker *worker, uint64_t sequence, const struct pipes_span *span, int status)
{
    const struct job *job = &worker->job;
    const struct pipes_reply reply = {.failed = status ? 0 : worker->outcome.failed, .status = status};
    struct pipe_out out;
    pipe_out_start(&out, PIPES_DONE, worker->epoch, sequence);
    pipe_out_add(&out, &reply, sizeof reply);
    if (reply.failed)
        pipe_out_add(&out, &worker->outcome.first, sizeof worker->outcome.first);
    if (reply.failed && job->codes)
        pipe_out_add(&out, job->codes + span->begin, (span->end - span->begin) * sizeof(int));
    if (status == 0 && job->form != JOB_CALLS)
        pipe_out_add(&out, worker->out, (span->end - span->begin) * job->result_size);
    message_send(worker, &out);
}

/* Whether a report can be written at once. Nobody reads those of workers that die while no call runs: in the end
 * they fill the pipe. */
static bool has_room(int end)
{
    struct pollfd room = {.fd = end, .events = POLLOUT};
    return poll(&room, 1, 0) != 0;
}

/* What the dead one leaves, while the slot still says so. */
static void birth_tell(struct pipes_worker *worker)
{
    struct team_slot *slot = worker->slot;
    /* relaxed: what its killed predecessor stored is there: the supervisor has reaped it before it forked this one */
    struct pipes_birth birth = {.begun = atomic_load_explicit(&slot->ticket, memory_order_relaxed),
                                .index = job_index(&slot->ctx)};
    struct pipe_out out;
    worker_end_describe(&birth.error, slot);
    pipe_out_start(&out, PIPES_BORN, worker->epoch, 0);
    pipe_out_add(&out, &birth, sizeof birth);
    message_send(worker, &out);
    atomic_store_explicit(&slot->ticket, 0, memory_order_relaxed);
}

/* ---------------------------------------------------------------------------------------- the worker */

/* The next request of this epoch; false when the team ends. *status: 0, or -ENOMEM, and it could not be kept. */
static bool request_await(struct pipes_worker *worker, int *status)
{
    while (!is_stopping(worker->team, TEAM_QUIT)) {
        child_depend_again();
        int got = pipe_in_read(&worker->in, worker->ends.read);
        if (got == 0)
            continue;
        if (got != 1 && got != -ENOMEM)
            _exit(1);
        if (worker->in.head.kind == PIPES_QUIT)
            return false;
        *status = got == 1 ? 0 : got;
        if (worker->in.head.epoch == worker->epoch)
            return true;
    }
    return false;
}

/* False: told to stop in the middle. The cursor is cleared before the request is announced: an old one must not pass
 * for that of this one. relaxed: read when this process is dead, or by nobody. */
static bool request_run(struct pipes_worker *worker, int status)
{
    struct team_slot *slot = worker->slot;
    struct pipes_span span = {0, 0};
    uint64_t sequence = worker->in.head.sequence;
    if (status == 0)
        status = request_decode(worker, &span);
    if (status == 0) {
        job_outcome_clear(&worker->outcome);
        job_set_index(&slot->ctx, NO_TASK);
        atomic_signal_fence(memory_order_seq_cst);
        atomic_store_explicit(&slot->ticket, sequence, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
        size_t end = job_run(&worker->job, span.begin, span.end, &slot->ctx);
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
        if (end < span.end)
            return false;
        child_flush(); /* before the caller is told */
    }
    reply_send(worker, sequence, &span, status);
    atomic_store_explicit(&slot->ticket, 0, memory_order_relaxed);
    return true;
}

void pipes_work(struct pipes *pipes, int id, int pid, bool is_replacement, void *state)
{
    struct team *team = pipes->crew->team;
    struct team_slot *slot = &team->slots[id];
    struct pipes_worker worker = {.team = team,
                                  .slot = slot,
                                  .ends = {pipes->lanes[id].request.read, pipes->lanes[id].reply.write},
                                  /* another one at each replacement: the supervisor counts before it forks */
                                  .epoch = is_replacement ? (uint32_t)pipes->crew->replaced : 0};
    int status;
    team_bind_self(team, id);
    slot->ctx.worker = id;
    slot->ctx.pid = pid;
    slot->ctx.state = state;
    slot->ctx.stop = (const uint32_t *)&team->phase;
    slot->ctx.stop_at = TEAM_STOP;
    slot->ctx.owner = &worker;
    slot->ctx.on_interrupt = stop_on_interrupt;
    slot->ctx.outcome = &worker.outcome;
    if (pipe_in_open(&worker.in))
        _exit(1);
    if (is_replacement && !is_stopping(team, TEAM_QUIT)) { /* then no call is left that would read it */
        if (!has_room(worker.ends.write))
            slot_progress(slot); /* it waits: whoever is killed in that is replaced, however often */
        birth_tell(&worker);
    }
    slot_progress(slot);
    /* A cancellation takes effect in tasks alone, not while a request or a reply is on its way. */
    job_thread_keep();
    while (request_await(&worker, &status) && request_run(&worker, status))
        ;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL); /* for the finalizer */
}
