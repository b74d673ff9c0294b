/* SPDX-License-Identifier: MIT
 *
 * A piece: tasks in a worker's hands. Running it, marking what has been run, and giving some of it back. The order of
 * the stores is the kill rule of team/layout.h.
 *
 * Giving back. A piece is as many chunks as its worker thought it would
 * run in 20 us. When that was wrong by far, the rest of the piece would keep every other worker waiting. So a thief
 * that finds all ranges empty looks into the slots of the others, sets `interrupt` of one that has chunks left, and
 * waits. The owner looks at `interrupt` between two tasks, in its own cache line, and then:
 *   1. stores a smaller slot->end      from here on the back half is nobody's: a death leaves orphans
 *   2. stores it into its empty range  from here on it is anybody's
 * The other way round a death between the two would have it run twice.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "worker.h"

#include "sys/inject.h"
#include "wake.h"

#define FAULT_AROUND ((uintptr_t)1 << 16) /* bytes that Linux maps around one that is read, aligned to that */
#define RESULTS_MANY 4096u                /* bytes of a piece's results from which on a look ahead pays: a page */

void chunks_mark_done(struct team_job *job, uint32_t part, uint64_t begin, uint64_t end)
{
    uint64_t chunk = job->job.chunk, first = part, last = part;
    if (!job->done_marks)
        return;
    if (chunk) { /* at chunk 1 two divisions would be noticed */
        first = chunk == 1 ? begin : begin / chunk;
        last = chunk == 1 ? end - 1 : (end - 1) / chunk;
    }
    if (first == last)
        atomic_store_explicit(&job->done_marks[first], job->done_mark, memory_order_relaxed);
    else /* bytes of this worker's own chunks: nobody reads them before the part is reported, or by others' death */
        memset((void *)(job->done_marks + first), job->done_mark, last - first + 1);
}

/* A chunk task is called once a claim; under `steal` a piece is several claims' worth. What is run again is called item
 * by item. Returns the end of what was run. */
static uint64_t chunk_tasks_run(const struct job *job, uint64_t begin, uint64_t end, struct team_slot *slot)
{
    struct grain_context *ctx = &slot->ctx;
    uint64_t claim = job->schedule == GRAIN_SCHEDULE_STEAL ? job->chunk : end - begin;
    uint64_t retry_end =
        atomic_load_explicit(&slot->retry_end, memory_order_relaxed); /* its own, or its predecessor's */
    while (begin < end) {
        uint64_t step = begin < retry_end ? 1 : claim;
        begin = job_run(job, begin, end - begin > step ? begin + step : end, ctx);
        if (begin < end && job_is_interrupted(ctx))
            end = ctx->on_interrupt(ctx, begin, end);
    }
    return end;
}

struct items {
    struct worker *worker;
    struct team_job *job;
    uint64_t end;
};

static bool items_are_there(void *who)
{
    const struct items *items = who;
    return atomic_load_explicit(&items->job->loaded, memory_order_acquire) >= items->end; /* pairs with team_loaded */
}

/* Waits until the items of a piece have been copied in. False when the work is dropped instead. */
static bool items_await(struct worker *worker, struct team_job *job, uint64_t end)
{
    static const struct wait_kind kind = {.is_over = items_are_there};
    struct wait_limits limits = {.spin_ns = WAIT_SPIN_NS};
    struct items items = {worker, job, end};
    while (!items_are_there(&items)) {
        if (worker_is_stopped(worker, job))
            return false;
        wait_once(&kind, &limits, &items);
    }
    return true;
}

/* What counts against max_chunks: under `steal` a piece is several claims' worth. */
static uint64_t piece_chunks(const struct job *job, uint64_t begin, uint64_t end)
{
    if (job->schedule != GRAIN_SCHEDULE_STEAL)
        return 1;
    return job->chunk == 1 ? end - begin : (end - begin + job->chunk - 1) / job->chunk;
}

/* A process that writes to a shared page first gets this page alone; one that reads it first gets its neighbours too,
 * writable, in less time a page. Only where tasks are about to write: of the whole memory every worker needs a part. */
static void results_map(const struct worker *worker, const struct job *job, uint64_t begin, uint64_t end)
{
    if (!worker->team->is_shared || !job->results)
        return;
    uintptr_t at = (uintptr_t)job->results + begin * job->result_size;
    uintptr_t behind = (uintptr_t)job->results + end * job->result_size;
    for (; at < behind; at = (at | (FAULT_AROUND - 1)) + 1)
        (void)*(const volatile char *)at;
}

/* The piece stands in the slot before its first task begins, and its chunks are marked done before it
 * disappears from there. `begin` is NO_PIECE in between: with an old `begin` and a new `end`, a kill
 * between the two stores would leave a piece that never was. relaxed: read only after this worker is
 * dead, by a process forked later; the fences keep the compiler from moving what a kill could fall
 * between. */
uint64_t piece_run(struct worker *worker, struct team_job *job, uint32_t part, uint64_t begin, uint64_t end)
{
    struct team_slot *slot = worker->slot;
    if (!items_await(worker, job, end))
        return begin;
    job_set_index(&slot->ctx, NO_TASK);
    atomic_signal_fence(memory_order_seq_cst);
    INJECT(piece_no_task);
    atomic_store_explicit(&slot->end, end, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    INJECT(piece_end_stored);
    atomic_store_explicit(&slot->begin, begin, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    INJECT(piece_begun);
    if ((end - begin) * job->job.result_size >= RESULTS_MANY)
        results_map(worker, &job->job, begin, end);
    if (job->job.form == JOB_CHUNK)
        end = chunk_tasks_run(&job->job, begin, end, slot);
    else
        end = job_run(&job->job, begin, end, &slot->ctx);
    INJECT(piece_run);
    chunks_mark_done(job, part, begin, end);
    atomic_signal_fence(memory_order_seq_cst);
    INJECT(piece_marked);
    atomic_store_explicit(&slot->begin, NO_PIECE, memory_order_relaxed);
    INJECT(piece_cleared);
    worker_count_chunks(worker, piece_chunks(&job->job, begin, end));
    return end;
}

void part_drop(struct worker *worker, struct team_job *job, uint64_t begin, uint64_t end)
{
    /* relaxed: said before the phase was */
    bool is_lost = atomic_load_explicit(&worker->team->is_lost, memory_order_relaxed);
    if (!worker->team->is_shared)
        job_drop(&job->job, worker->slot->ctx.outcome, begin, end, is_lost ? -ENOTRECOVERABLE : -ECANCELED);
}

size_t piece_interrupted(struct grain_context *ctx, size_t next, size_t end)
{
    struct worker *worker = ctx->owner;
    struct team_job *job = worker->job;
    struct team_slot *slot = worker->slot;
    if (!job) /* a single task: nothing to give, and it has ended */
        return end;
    /* F6: interrupt is cleared before the phase is read. It pairs with F10, which stands between the phase and the
     * asking: either we see the new phase, or who asks does so after our store. */
    __atomic_store_n(&ctx->interrupt, 0, __ATOMIC_RELAXED);
    FENCE(6);
    if (atomic_load_explicit(&worker->team->phase, memory_order_acquire) >= TEAM_STOP) {
        /* A process ends here, as if it had been killed as it began the next task: so its slot says what it has run.
         * Not behind the last one: with the cursor there the piece would pass for one that has not begun. */
        if (worker->team->is_shared && next < end) {
            job_set_index(ctx, next);
            worker_flush(worker);
            _exit(0);
        }
        atomic_store_explicit(&job->dropped, 1, memory_order_relaxed);
        atomic_store_explicit(&slot->end, next, memory_order_relaxed);
        part_drop(worker, job, next, end);
        return next;
    }
    if (!worker->may_give)
        return end;
    struct steal_range *range = &part_at(worker, worker->part)->range;
    size_t chunk = job->job.chunk, first = (next + chunk - 1) / chunk, last = (end + chunk - 1) / chunk;
    size_t give = first < last ? (size_t)steal_give(last - first, next < first * chunk) : 0;
    if (give == 0 || !steal_is_empty(range))
        return end;
    size_t cut = last - give;
    atomic_store_explicit(&slot->end, cut * chunk, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    INJECT(give_shrunk);
    steal_put(range, (struct steal_piece){(uint32_t)cut, (uint32_t)last});
    INJECT(give_published);
    FENCE(5); /* pairs with F8: either the thief sees the range, or we see that it sleeps */
    thieves_wake(worker->team);
    INJECT(give_told);
    return cut * chunk;
}
