/* SPDX-License-Identifier: MIT
 *
 * A fork pool whose arguments and results travel through pipes, as CPython's do (transport pipe): to compare with. The
 * workers and their supervisor are those of every fork pool; no ring, no ticket, nobody spins. Two pipes a worker:
 *
 *   caller (pipes.c)                                      worker (pipes_worker.c)
 *   cut the next chunk; its description, params,
 *   items into the request pipe ------------------------> read; copy of the job whose items are these bytes
 *   poll all reply pipes                                  slot.ticket = sequence; job_run()
 *   results, codes, failures to where the caller wants    results, codes, failures into the reply pipe
 *   them; next chunk to this worker <-------------------  slot.ticket = 0
 *
 * Calls of one pool run one after the other. Queued calls of apply (JOB_CALLS) lie in memory that workers see: only
 * their numbers are sent.
 *
 * A worker that dies is replaced, and the replacement has another epoch. It says so in its reply pipe (PIPES_BORN),
 * behind everything that the dead one managed to write, and skips requests that are not of its epoch. The caller then
 * decides, and nobody else, what becomes of the chunk that the dead one had:
 *   killed before slot.ticket             nothing has begun: the chunk is sent again
 *   inside a task                         that task fails with -EOWNERDEAD, and those before it in the chunk, whose
 *                                         results are lost; those behind it are sent again
 *   after the last task, in the reply     the whole chunk fails: what came of a torn reply is dropped
 *   after the reply                       the caller has it already; a request that followed is sent again
 *   the replacement, before or after it   the next one has the same slot, and says the same again under an epoch of
 *   has said so                           its own: what the caller has settled has another sequence number by then
 */
#ifndef GRAIN_BACKEND_PIPES_H
#define GRAIN_BACKEND_PIPES_H

#include <pthread.h>
#include <stddef.h>

#include "backend/backend.h"
#include "job/columns.h"
#include "sched/claim.h"
#include "supervisor.h"
#include "sys/pipe.h"
#include "team/team.h"

enum pipes_kind {
    PIPES_RUN,  /* to a worker: struct pipes_span, the job's description, params, columns or items */
    PIPES_QUIT, /* to a worker: nothing in it */
    PIPES_DONE, /* from a worker: struct pipes_reply, the first failure, codes, results */
    PIPES_BORN  /* from a replacement: struct pipes_birth */
};

/* What of a struct job is sent; the pointers in it are the caller's, good for telling what there is. */
#define PIPES_JOB_BYTES offsetof(struct job, outcome)

struct pipes_span {
    uint64_t begin, end;
};

struct pipes_reply {
    uint64_t failed; /* not 0: the first failure follows, and codes if the job wants them */
    int64_t status;  /* 0, or -ENOMEM: nothing was run */
};

struct pipes_birth {
    uint64_t begun; /* the sequence number of the request that the dead one had begun, or 0 */
    uint64_t index; /* the task it was in, or NO_TASK */
    struct grain_error error;
};

/* The caller's end of a worker, private to it; a worker uses nothing but the pipes. */
struct pipes_lane {
    struct pipe_ends request, reply;
    uint32_t epoch;      /* of the worker that is there, as far as the caller knows */
    uint64_t sequence;   /* of the last request */
    uint64_t begin, end; /* what the worker has to run; none: begin == end */
    bool is_sent;        /* the whole request is in the pipe */
    struct pipes_span span;
    struct claim_part share;
    struct pipe_out out;
    struct pipe_in in;
};

struct pipes {
    struct crew *crew;
    int workers;
    int stop_fd;          /* eventfd: readable once the pool is told to stop */
    pthread_mutex_t lock; /* a call holds it; guards all that follows */
    uint64_t sequence;
    struct pollfd *polls; /* replies, requests, stop_fd */
    struct pipes_lane *lanes;
    bool (*is_alive)(void *user); /* the supervisor: asked ten times a second while a call waits */
    void *user;
};

/* What the copy of `size` bytes' items or params is aligned to in a message. Both ends reckon it from the caller's
 * address. */
static inline size_t pipes_alignment(uintptr_t data, size_t size)
{
    size_t alignment = job_alignment((const void *)data, size);
    return alignment > PIPE_ALIGN ? alignment : PIPE_ALIGN;
}

/* Before the supervisor is started. 0 or -errno; nothing is left then. */
int pipes_open(struct pipes **pipes, struct crew *crew, bool (*is_alive)(void *user), void *user);
/* When the workers are gone. NULL is fine. */
void pipes_close(struct pipes *pipes);

/* Runs a job, like the hook of that name. */
int pipes_run(struct pipes *pipes, struct job *job);

/* After the team's phase has changed: wakes the caller that waits; lets workers that wait leave. */
void pipes_cancel(struct pipes *pipes);
void pipes_quit(struct pipes *pipes);

/* A worker's life; state: what its initializer left. */
void pipes_work(struct pipes *pipes, int id, int pid, bool is_replacement, void *state);

#endif
