/* SPDX-License-Identifier: MIT
 *
 * The backend `fork-pipe`: forked workers fed through pipes, as CPython's Pool does it, to compare with. Two pipes per
 * worker, one message each way per chunk; a caller waits in poll(), a worker in read().
 *
 *   caller (fork_pipe_call.c)                            worker (fork_pipe_worker.c)
 *   claim a chunk; its job, params, items ------------> read all of it; run the chunk on these bytes
 *   poll for replies; results to where they belong <---- results, failures
 *   the next chunk to this worker
 *
 * Nothing is recovered. A worker that dies ends the call: the tasks of its chunk fail with -EOWNERDEAD, the rest is
 * dropped, the other workers are killed, and every later call is -ENOTRECOVERABLE. Calls run one after the other.
 * Queued calls lie in memory that all processes share, as `fork` has it: only their numbers travel.
 */
#ifndef GRAIN_BENCH_FORK_PIPE_H
#define GRAIN_BENCH_FORK_PIPE_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/uio.h>

#include "backend/backend.h"
#include "sched/claim.h"
#include "sys/arena.h"

/* In front of a message to a worker. Addresses in the job that lead to params, columns and items are those of the
 * copies, counted from the message's first byte, which the worker reads to the beginning of a page. */
struct fork_pipe_request {
    size_t bytes; /* of all of the message; 0: leave */
    size_t begin, end;
    unsigned char job[offsetof(struct job, outcome)] __attribute__((aligned(8)));
};

#define FORK_PIPE_PIDFD ((idtype_t)3) /* waitid()'s P_PIDFD, which glibc has from 2.36 on */

/* The request, params, columns and their descriptions, each behind zeros that put it where it is aligned. */
#define FORK_PIPE_PIECES (1 + 2 * (2 + GRAIN_COLUMNS_MAX))

/* Descriptors of a worker. The caller keeps the worker's end of requests, too, so that no write of its own raises
 * SIGPIPE; not that of replies, so that it sees their end. FORK_PIPE_PROCESS is readable once the worker has ended. */
enum { REQUESTS_FROM, REQUESTS_TO, REPLIES_FROM, REPLIES_TO, FORK_PIPE_PROCESS, FORK_PIPE_FDS };

/* A worker, as its caller sees it. */
struct fork_pipe_lane {
    int fds[FORK_PIPE_FDS];
    size_t begin, end; /* what the worker has to run; none: begin == end */
    struct claim_part part;
    struct fork_pipe_request request;
    struct grain_column columns[GRAIN_COLUMNS_MAX];
    struct iovec pieces[FORK_PIPE_PIECES], *next; /* of the request: all, and those that are not sent yet */
    int left;
};

/* What a caller waits for, per worker: a reply, its end, room for the request. */
struct fork_pipe_polls {
    struct pollfd reply, end, room;
};

struct fork_pipe {
    struct arena arena; /* what grain_alloc gives out, and queued calls */
    struct fork_pipe_lane *lanes;
    struct fork_pipe_polls *polls;
    int *pids;
    _Atomic int ended;    /* 0, or what every call returns; relaxed: a worker's end wakes who reads it too early */
    pthread_mutex_t lock; /* a call holds it */
};

/* Kills all workers; calls return `status` from now on. Then waits for their end. Any thread. */
void fork_pipe_kill(struct backend_pool *pool, int status);
void fork_pipe_await(struct backend_pool *pool);

/* The hook `wait`: runs a job. */
int fork_pipe_run(struct backend_pool *pool, struct job *job, void *ticket);

/* In front of a reply; the results follow, and after them, if tasks failed, the first failure and the codes. */
struct fork_pipe_reply {
    size_t failed;
};

/* Where the value of task 0 would lie so that that of task `begin` lies at `at`. In integers: nothing is there. */
static inline uintptr_t fork_pipe_before(uintptr_t at, size_t begin, size_t size)
{
    return at - begin * size;
}

/* Drops from the front of a list what has been read or written, and what is empty. */
static inline void fork_pipe_advance(struct iovec **pieces, int *count, size_t moved)
{
    for (; *count > 0 && moved >= (*pieces)->iov_len; ++*pieces, --*count)
        moved -= (*pieces)->iov_len;
    if (*count > 0) {
        (*pieces)->iov_base = (char *)(*pieces)->iov_base + moved;
        (*pieces)->iov_len -= moved;
    }
}

/* A worker's life, in a forked child: until a message says so, or the caller is gone. */
_Noreturn void fork_pipe_work(const struct backend_pool *pool, int id, const int fds[FORK_PIPE_FDS]);

#endif
