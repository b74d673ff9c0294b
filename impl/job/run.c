/* SPDX-License-Identifier: MIT
 *
 * Running the tasks of a job. job_run() is the only place where user code is called. Its fast path is one indirect call
 * and one test per task; everything about failures is out of line (fail.c), and tasks with a limit have a loop of their
 * own.
 */
#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include "job.h"
#include "limit.h"
#include "sys/child.h"
#include "sys/event.h"
#include "sys/inject.h"

static _Thread_local const void *current_pool;

const void *job_enter(const void *pool)
{
    const void *outer = current_pool;
    current_pool = pool;
    return outer;
}

void job_leave(const void *outer)
{
    current_pool = outer;
}

const void *job_current_pool(void)
{
    return current_pool;
}

_Static_assert(offsetof(struct job, chunk_task) == 64, "what it takes to run a task is one cache line");

void job_describe(struct job *job, const struct job *from)
{
    memcpy(job, from, offsetof(struct job, outcome));
}

bool job_call_claim(struct job_call *call, enum job_call_state state)
{
    uint32_t pending = CALL_PENDING;
    return __atomic_compare_exchange_n(&call->state, &pending, state, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* A task returned too late: that is its failure, whatever it returned, unless it has told of another one itself. */
static void fail_late(struct grain_context *ctx, size_t index, const char *text)
{
    if (ctx->fail_floor <= index)
        job_fail_task(ctx, index, -ETIMEDOUT, text);
}

/* --------------------------------------------------------------------------------------- running */

/* Where an item lies. In integers: data of no size may be NULL, and NULL plus nothing is undefined in C. */
static uintptr_t place(const void *data, size_t index, size_t size)
{
    return (uintptr_t)data + index * size;
}

/* Makes [begin, end) the running chunk. Should the worker be killed between two of these stores, its replacement finds
 * either the chunk before, which has ended, or one without items at `begin`, which has not begun. */
static void chunk_begin(struct grain_context *ctx, size_t begin, size_t end)
{
    ctx->end = begin;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    job_set_index(ctx, begin);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    ctx->fail_floor = begin;
    ctx->first_ok = begin;
    ctx->failed_before = ctx->outcome->failed;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    ctx->end = end;
}

static void run_chunk(const struct job *job, size_t begin, size_t end, struct grain_context *ctx)
{
    const void *items = (const void *)place(job->items, begin, job->item_size);
    void *results = (void *)place(job->results, begin, job->result_size);
    chunk_begin(ctx, begin, end);
    char late[LIMIT_TEXT];
    limit_begin(ctx, job->task_timeout_ns);
    int code = job->chunk_task(items, results, end - begin, ctx);
    if (limit_end(ctx, job->task_timeout_ns, late))
        job_fail_chunk(ctx, begin, end, -ETIMEDOUT, late);
    else if (code)
        job_fail_chunk(ctx, begin, end, code, NULL);
}

/* Out of line: a task failed, or somebody requested an interrupt, or both. Returns the end of the run. */
__attribute__((noinline)) static size_t task_noted(struct grain_context *ctx, size_t index, size_t end, int code)
{
    if (code && ctx->fail_floor <= index)
        job_fail_task(ctx, index, code, NULL);
    if (job_is_interrupted(ctx) && ctx->on_interrupt)
        end = ctx->on_interrupt(ctx, index + 1, end);
    return end;
}

/* That a call has ended is told when the next one is claimed: the swap there is the fence (F12), so that a call costs
 * none. The next one may take long, but it has not begun yet. The last one takes a fence of its own. */
static size_t run_calls(const struct job *job, size_t begin, size_t end, struct grain_context *ctx)
{
    struct job_call *calls = (struct job_call *)(uintptr_t)job->items;
    for (size_t i = begin; i < end; i++) {
        struct job_call *call = &calls[i];
        job_set_index(ctx, i);
        bool is_mine = job_call_claim(call, CALL_RUNNING);
        FENCE_AFTER_RMW(12);
        if (i > begin)
            job_call_tell(job, call - 1);
        if (is_mine) {
            const struct job_terms *terms = call->terms;
            ctx->base = i;
            ctx->end = i + 1; /* other calls are none of its business */
            ctx->params = terms->params;
            char late[LIMIT_TEXT];
            limit_begin(ctx, terms->task_timeout_ns);
            int code = call->task(call->arg, call->result, ctx);
            if (limit_end(ctx, terms->task_timeout_ns, late))
                fail_late(ctx, i, late);
            if (code && ctx->fail_floor <= i)
                job_fail_task(ctx, i, code, NULL);
            if (ctx->pid && child_has_output()) /* in a forked worker: out before the caller can know of the end */
                child_flush();
            job_call_end(call, ctx->fail_floor <= i ? CALL_DONE : CALL_FAILED);
        }
        if (__builtin_expect(job_is_interrupted(ctx) != 0, 0))
            end = task_noted(ctx, i, end, 0);
    }
    FENCE(12);
    if (end > begin)
        job_call_tell(job, &calls[end - 1]);
    return end;
}

static inline int star_call(const struct job *job, size_t index, struct grain_context *ctx)
{
    const void *args[GRAIN_COLUMNS_MAX];
    for (size_t c = 0; c < job->column_count; c++)
        args[c] = (const void *)place(job->columns[c].data, index, job->columns[c].stride);
    return job->star_task(args, (void *)place(job->results, index, job->result_size), ctx);
}

static size_t run_star(const struct job *job, size_t begin, size_t end, struct grain_context *ctx)
{
    for (size_t i = begin; i < end; i++) {
        job_set_index(ctx, i);
        int code = star_call(job, i, ctx);
        if (__builtin_expect(((uint32_t)code | job_is_interrupted(ctx)) != 0, 0))
            end = task_noted(ctx, i, end, code);
    }
    return end;
}

/* Tasks, or tasks over columns, with a limit. */
static size_t run_limited(const struct job *job, size_t begin, size_t end, struct grain_context *ctx)
{
    for (size_t i = begin; i < end; i++) {
        char late[LIMIT_TEXT];
        const void *item = (const void *)place(job->items, i, job->item_size);
        job_set_index(ctx, i);
        limit_begin(ctx, job->task_timeout_ns);
        int code = job->form == JOB_STAR ? star_call(job, i, ctx)
                                         : job->task(item, (void *)place(job->results, i, job->result_size), ctx);
        if (limit_end(ctx, job->task_timeout_ns, late))
            fail_late(ctx, i, late);
        if (code || job_is_interrupted(ctx))
            end = task_noted(ctx, i, end, code);
    }
    return end;
}

/* Not inlined below: run_once() is to hold nothing but its jump. */
__attribute__((noinline)) size_t job_run(const struct job *job, size_t begin, size_t end, struct grain_context *ctx)
{
    ctx->job = job;
    ctx->base = 0;
    ctx->params = job->params;
    if (job->form == JOB_CHUNK) {
        run_chunk(job, begin, end, ctx);
        return end;
    }
    ctx->fail_floor = begin;
    ctx->end = end;
    if (job->form == JOB_LIMITED || (job->form == JOB_STAR && job->task_timeout_ns))
        return run_limited(job, begin, end, ctx);
    if (job->form == JOB_STAR)
        return run_star(job, begin, end, ctx);
    if (job->form == JOB_CALLS)
        return run_calls(job, begin, end, ctx);
    grain_task_fn task = job->task;
    size_t item_size = job->item_size, result_size = job->result_size;
    uintptr_t item = place(job->items, begin, item_size);
    uintptr_t result = place(job->results, begin, result_size);
    for (size_t i = begin; i < end; i++, item += item_size, result += result_size) {
        job_set_index(ctx, i);
        int code = task((const void *)item, (void *)result, ctx);
        if (__builtin_expect(((uint32_t)code | job_is_interrupted(ctx)) != 0, 0))
            end = task_noted(ctx, i, end, code);
    }
    return end;
}

void job_run_one(const struct job *job, struct grain_context *ctx)
{
    ctx->job = job;
    ctx->base = 0;
    ctx->params = job->params;
    ctx->fail_floor = 0;
    ctx->end = 1;
    job_set_index(ctx, 0);
    int code = job->task(job->items, job->results, ctx);
    if (__builtin_expect(((uint32_t)code | job_is_interrupted(ctx)) != 0, 0))
        task_noted(ctx, 0, 1, code);
}

int grain_context_worker(const struct grain_context *ctx)
{
    return ctx->worker;
}

size_t grain_context_index(const struct grain_context *ctx)
{
    return ctx->index - ctx->base;
}

const void *grain_context_params(const struct grain_context *ctx)
{
    return ctx->params;
}

void **grain_context_state(struct grain_context *ctx)
{
    return ctx->state_at ? ctx->state_at : &ctx->state;
}

/* relaxed: whoever looks too early looks again. */
bool grain_context_cancelled(const struct grain_context *ctx)
{
    return ctx->stop && __atomic_load_n(ctx->stop, __ATOMIC_RELAXED) >= ctx->stop_at;
}

/* -------------------------------------------------------------------------------- on a thread that must go on */

/* job_run_guarded() is around every claim on `openmp`, so it costs three stores: this file is compiled with
 * -fexceptions, and the unwinding of a thread that a task ends (guard.c) comes to the `cleanup` below, in the frame
 * that runs the claim. From there it is left, back into that frame. */
#if defined(__clang__) && !defined(__x86_64__)
typedef jmp_buf run_jump;
#define RUN_MARK(jump)  _setjmp(jump)
#define RUN_LEAVE(jump) longjmp(jump, 1)
#else
typedef void *run_jump[5];
#define RUN_MARK(jump)  __builtin_setjmp(jump)
#define RUN_LEAVE(jump) __builtin_longjmp(jump, 1)
#endif

/* The running task, or chunk, fails, unless it has told of a failure itself. Returns the task behind it. */
static size_t left_settle(struct grain_context *ctx)
{
    const struct job *job = ctx->job;
    ctx->deadline_ns = 0;
    if (job->form == JOB_CHUNK) {
        job_fail_chunk(ctx, ctx->index, ctx->end, -EOWNERDEAD, JOB_LEFT_TEXT);
        return ctx->end;
    }
    struct grain_error error = {.code = -EOWNERDEAD, .index = ctx->index, .pid = ctx->pid, .message = JOB_LEFT_TEXT};
    if (ctx->fail_floor <= ctx->index || job->form == JOB_CALLS)
        job_fail(job, ctx->outcome, &error);
    return ctx->index + 1;
}

struct run {
    run_jump jump;
    struct grain_context *ctx;
    bool has_returned;
};

__attribute__((noinline)) static void run_leave(struct run *run)
{
    job_thread_restore(run->ctx->thread);
    RUN_LEAVE(run->jump);
}

static inline void run_end(struct run *run)
{
    if (__builtin_expect(!run->has_returned, 0))
        run_leave(run);
}

/* Whether all of it was run, or dropped; not: a task has ended the thread. A function of its own: no variable of it is
 * needed when it is come back to. */
__attribute__((noinline)) static bool run_once(const struct job *job, size_t begin, size_t end,
                                               struct grain_context *ctx)
{
    struct run run __attribute__((cleanup(run_end)));
    run.ctx = ctx;
    run.has_returned = false;
    if (RUN_MARK(run.jump)) {
        run.has_returned = true;
        return false;
    }
    job_run(job, begin, end, ctx);
    run.has_returned = true;
    return true;
}

void job_run_guarded(const struct job *job, size_t begin, size_t end, struct grain_context *ctx)
{
    while (__builtin_expect(begin < end && !run_once(job, begin, end, ctx), 0)) {
        begin = left_settle(ctx);
        if (job_is_interrupted(ctx) && ctx->on_interrupt)
            end = ctx->on_interrupt(ctx, begin, end);
    }
}
