/* SPDX-License-Identifier: MIT
 *
 * Running the tasks of a job, and keeping what failed. job_run() is the only place where user code is
 * called. Its fast path is one indirect call and one test a task; everything about failures is out of
 * line, and tasks with a limit have a loop of their own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "job.h"
#include "limit.h"
#include "sys/child.h"

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

void job_clear(struct job *job)
{
    memset(job, 0, offsetof(struct job, outcome));
    job_outcome_clear(&job->outcome);
    job->handovers = 0;
    job->steals = 0;
    job->is_accounted = false;
}

void job_describe(struct job *job, const struct job *from)
{
    memcpy(job, from, offsetof(struct job, outcome));
}

bool job_call_claim(struct job_call *call, enum job_call_state state)
{
    uint32_t pending = CALL_PENDING;
    return __atomic_compare_exchange_n(&call->state, &pending, state, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void call_end(struct job_call *call, enum job_call_state state)
{
    __atomic_store_n(&call->state, state, __ATOMIC_RELEASE);
}

static struct job_call *call_at(const struct job *job, size_t index)
{
    return (struct job_call *)(uintptr_t)job->items + index;
}

/* The first failure of a queued call: for its own caller it is the only task there is. The call has not ended by that:
 * its task may still run. A worker that is killed in here leaves it to its replacement to say so again. */
static void call_note(const struct job *job, const struct grain_error *error)
{
    struct job_call *call = call_at(job, error->index);
    if (job_call_state(call) != CALL_RUNNING || call->code) /* it has ended, or told of a failure before */
        return;
    uint32_t slot = __atomic_fetch_add(&job->errors->used, 1, __ATOMIC_RELAXED);
    call->error = 0;
    if (slot < job->errors->room) {
        job->errors->errors[slot] = *error;
        job->errors->errors[slot].index = 0;
        call->error = slot + 1;
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    call->code = error->code;
}

/* is_again: a dead worker was counting this one. */
static void failure_note(const struct job *job, struct job_outcome *outcome, const struct grain_error *error,
                         bool is_again)
{
    if (outcome->failed == 0 || error->index <= outcome->first.index)
        outcome->first = *error;
    if (!is_again) {
        outcome->counted = outcome->failed + 1;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        outcome->counting = error->index + 1;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    }
    outcome->failed = outcome->counted;
    if (job->codes)
        job->codes[error->index] = error->code;
    if (job->form == JOB_CALLS)
        call_note(job, error);
}

void job_fail(const struct job *job, struct job_outcome *outcome, const struct grain_error *error)
{
    failure_note(job, outcome, error, outcome->counting == error->index + 1);
    if (job->form == JOB_CALLS && job_call_state(call_at(job, error->index)) == CALL_RUNNING)
        call_end(call_at(job, error->index), CALL_FAILED);
}

void job_drop(const struct job *job, struct job_outcome *outcome, size_t begin, size_t end, int code)
{
    if (begin >= end)
        return;
    if (outcome->failed == 0 || begin < outcome->first.index)
        outcome->first = (struct grain_error){.code = code, .index = begin};
    outcome->failed += end - begin;
    for (size_t i = begin; i < end && job->codes; i++)
        job->codes[i] = code;
}

void job_abandon(struct job *job, int code)
{
    if (!job->is_accounted)
        job_drop(job, &job->outcome, 0, job->count, code);
    job->is_accounted = true;
}

void job_outcome_merge(struct job_outcome *into, const struct job_outcome *from)
{
    if (from->failed && (into->failed == 0 || from->first.index < into->first.index))
        into->first = from->first;
    into->failed += from->failed;
}

static void fail_one(struct grain_context *ctx, size_t index, int code, const char *text)
{
    struct grain_error error = {.code = code, .index = index, .pid = ctx->pid};
    if (text) {
        size_t length = strnlen(text, sizeof error.message - 1);
        memcpy(error.message, text, length);
        error.message[length] = '\0';
    }
    failure_note(ctx->job, ctx->outcome, &error, false);
}

static int task_fail(struct grain_context *ctx, size_t index, int code, const char *text)
{
    if (code == 0)
        code = -EINVAL;
    if (index < ctx->fail_floor || index >= ctx->end)
        return code;
    fail_one(ctx, index, code, text);
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* killed here, it has told of it: the replacement repeats that */
    if (index == ctx->first_ok)
        ctx->first_ok = index + 1;
    ctx->fail_floor = index + 1;
    return code;
}

int grain_context_fail_at(struct grain_context *ctx, size_t index, int code, const char *text)
{
    return task_fail(ctx, ctx->base + index, code, text);
}

int grain_context_fail(struct grain_context *ctx, int code, const char *text)
{
    return task_fail(ctx, ctx->index, code, text);
}

void job_fail_rest(const struct job *job, const struct grain_context *ctx, struct job_outcome *outcome, size_t begin,
                   size_t end, struct grain_error *error)
{
    size_t rest = end - begin - (outcome->failed - ctx->failed_before);
    if (rest == 0)
        return;
    for (size_t i = begin; i < end && job->codes; i++)
        if (job->codes[i] == 0)
            job->codes[i] = error->code;
    error->index = ctx->first_ok;
    if (outcome->failed == 0 || error->index < outcome->first.index)
        outcome->first = *error;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    outcome->failed += rest;
}

static void fail_rest(struct grain_context *ctx, size_t begin, size_t end, int code, const char *text)
{
    struct grain_error error = {.code = code, .pid = ctx->pid};
    if (text)
        strncpy(error.message, text, sizeof error.message - 1);
    job_fail_rest(ctx->job, ctx, ctx->outcome, begin, end, &error);
}

/* ------------------------------------------------------------------------------------------- late tasks */

/* A task returned too late: that is its failure, whatever it returned, unless it has told of another one itself. */
static void fail_late(struct grain_context *ctx, size_t index, const char *text)
{
    if (ctx->fail_floor <= index)
        task_fail(ctx, index, -ETIMEDOUT, text);
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
        fail_rest(ctx, begin, end, -ETIMEDOUT, late);
    else if (code)
        fail_rest(ctx, begin, end, code, NULL);
}

/* Out of line: a task failed, or somebody requested an interrupt, or both. Returns the end of the run. */
__attribute__((noinline)) static size_t task_noted(struct grain_context *ctx, size_t index, size_t end, int code)
{
    if (code && ctx->fail_floor <= index)
        task_fail(ctx, index, code, NULL);
    if (job_is_interrupted(ctx) && ctx->on_interrupt)
        end = ctx->on_interrupt(ctx, index + 1, end);
    return end;
}

static size_t run_calls(const struct job *job, size_t begin, size_t end, struct grain_context *ctx)
{
    struct job_call *calls = (struct job_call *)(uintptr_t)job->items;
    for (size_t i = begin; i < end; i++) {
        struct job_call *call = &calls[i];
        job_set_index(ctx, i);
        if (job_call_claim(call, CALL_RUNNING)) {
            ctx->base = i;
            ctx->end = i + 1; /* other calls are none of its business */
            ctx->params = call->params;
            char late[LIMIT_TEXT];
            limit_begin(ctx, job->task_timeout_ns);
            int code = call->task(call->arg, call->result, ctx);
            if (limit_end(ctx, job->task_timeout_ns, late))
                fail_late(ctx, i, late);
            if (code && ctx->fail_floor <= i)
                task_fail(ctx, i, code, NULL);
            if (ctx->pid && child_has_output()) /* in a forked worker: out before the caller can know of the end */
                child_flush();
            call_end(call, ctx->fail_floor <= i ? CALL_DONE : CALL_FAILED);
        }
        if (__builtin_expect(job_is_interrupted(ctx) != 0, 0))
            end = task_noted(ctx, i, end, 0);
    }
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

size_t job_run(const struct job *job, size_t begin, size_t end, struct grain_context *ctx)
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
