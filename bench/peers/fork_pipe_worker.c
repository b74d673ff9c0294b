/* SPDX-License-Identifier: MIT
 *
 * The worker's side of fork_pipe.h. Allocates with mmap alone, for it is a forked child.
 */
#include "fork_pipe.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys/child.h"
#include "sys/machine.h"

#define FIRST_ROOM ((size_t)64 << 10)

struct worker {
    int requests, replies;
    char *memory; /* the message, then room for results and codes */
    size_t room;
    size_t begin, end; /* the chunk */
    struct job job;
    char *results;
    int *codes; /* of the chunk's tasks; NULL: nobody asks */
    struct job_outcome outcome;
};

/* The worker can do nothing any more; its end tells the caller. */
static void must(bool is_fine)
{
    if (!is_fine)
        _exit(1);
}

static void room_for(struct worker *worker, size_t bytes)
{
    size_t larger = worker->room ? worker->room : FIRST_ROOM;
    while (larger < bytes)
        must(!__builtin_mul_overflow(larger, (size_t)2, &larger));
    if (larger == worker->room)
        return;
    void *memory = worker->memory ? mremap(worker->memory, worker->room, larger, MREMAP_MAYMOVE)
                                  : mmap(NULL, larger, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED);
    worker->memory = memory;
    worker->room = larger;
}

/* A caller sends nothing before it has the reply, so what can be read is one message. False: the worker is to leave. */
static bool request_read(struct worker *worker)
{
    size_t got = 0, bytes = sizeof(struct fork_pipe_request);
    while (got < bytes) {
        ssize_t length = read(worker->requests, worker->memory + got, worker->room - got);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return false;
        got += (size_t)length;
        if (got < sizeof(struct fork_pipe_request))
            continue;
        memcpy(&bytes, worker->memory, sizeof bytes);
        room_for(worker, bytes);
    }
    return bytes > 0;
}

/* The addresses of a request become those of the copies; results and codes find room behind it. */
static void request_decode(struct worker *worker)
{
    struct fork_pipe_request request;
    struct job *job = &worker->job;
    memcpy(&request, worker->memory, sizeof request);
    memcpy(job, request.job, sizeof request.job);
    worker->begin = request.begin;
    worker->end = request.end;
    worker->results = NULL;
    worker->codes = NULL;
    if (job->form == JOB_CALLS)
        return;
    size_t count = request.end - request.begin, bytes = count * job->result_size;
    uintptr_t results_at = job_align(request.bytes, JOB_ALIGN_MOST), codes_at = job_align(results_at + bytes, 64);
    room_for(worker, codes_at + count * sizeof(int));
    uintptr_t memory = (uintptr_t)worker->memory;
    if (job->params)
        job->params = (const void *)((uintptr_t)job->params + memory);
    if (job->item_size)
        job->items = (const void *)((uintptr_t)job->items + memory);
    if (job->column_count) {
        struct grain_column *columns = (struct grain_column *)((uintptr_t)job->columns + memory); // NOLINT
        for (size_t c = 0; c < job->column_count; c++)
            columns[c].data = (const void *)((uintptr_t)columns[c].data + memory);
        job->columns = columns;
    }
    if (bytes) {
        worker->results = (char *)memory + results_at; // NOLINT
        job->results = (void *)fork_pipe_before(memory + results_at, request.begin, job->result_size);
    }
    if (job->codes) {
        worker->codes = memset(worker->memory + codes_at, 0, count * sizeof(int));
        job->codes = (int *)fork_pipe_before(memory + codes_at, request.begin, sizeof(int));
    }
}

/* Calls that wait for a reply wait for what the tasks printed, too. */
static void reply_send(struct worker *worker)
{
    size_t count = worker->end - worker->begin, failed = worker->outcome.failed;
    struct fork_pipe_reply reply = {.failed = failed};
    struct iovec pieces[] = {
        {&reply, sizeof reply},
        {worker->results, worker->results ? count * worker->job.result_size : 0},
        {&worker->outcome.first, failed ? sizeof worker->outcome.first : 0},
        {worker->codes, failed && worker->codes ? count * sizeof(int) : 0},
    };
    struct iovec *next = pieces;
    int left = sizeof pieces / sizeof *pieces;
    if (child_has_output())
        child_flush();
    while (left > 0) {
        ssize_t length = writev(worker->replies, next, left);
        must(length >= 0 || errno == EINTR);
        fork_pipe_advance(&next, &left, length > 0 ? (size_t)length : 0);
    }
}

void fork_pipe_work(const struct backend_pool *pool, int id, const int fds[FORK_PIPE_FDS])
{
    static struct worker worker;
    static struct grain_context ctx;
    JOB_STACK_ENDS();
    worker.requests = fds[REQUESTS_FROM];
    worker.replies = fds[REPLIES_TO];
    ctx = (struct grain_context){.worker = id, .pid = (int)getpid(), .outcome = &worker.outcome};
    child_streams();
    if (pool->cpus)
        machine_bind_self(pool->cpus[id % pool->cpu_count]);
    else if (pool->mask)
        machine_confine_self(pool->mask);
    job_enter(pool);
    room_for(&worker, FIRST_ROOM);
    while (request_read(&worker)) {
        request_decode(&worker);
        job_outcome_clear(&worker.outcome);
        job_run(&worker.job, worker.begin, worker.end, &ctx);
        reply_send(&worker);
    }
    child_flush();
    _exit(0);
}
