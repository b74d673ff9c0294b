/* SPDX-License-Identifier: MIT
 *
 * What failed, and what was refused: tasks that failed are counted, the one with the lowest index is kept, and each has
 * its code where the caller wants codes. A worker may be killed at any instruction in here: its replacement says so
 * again, and nothing is counted twice.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "job.h"

#include "sys/inject.h"

/* ------------------------------------------------------------------------------------------------- refused */

#define MESSAGE_SIZE 232

static _Thread_local char last_message[MESSAGE_SIZE];

int refuse(int status, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(last_message, sizeof last_message, format, values);
    va_end(values);
    return status;
}

const char *grain_last_message(void)
{
    return last_message;
}

/* -------------------------------------------------------------------------------------------------- failed */

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
        call->error = (uint16_t)(slot + 1);
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
    if (job->form == JOB_CALLS && job_call_state(call_at(job, error->index)) == CALL_RUNNING) {
        job_call_end(call_at(job, error->index), CALL_FAILED);
        FENCE(12);
        job_call_tell(job, call_at(job, error->index));
    }
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

static struct grain_error error_of(const struct grain_context *ctx, size_t index, int code, const char *text)
{
    struct grain_error error = {.code = code, .index = index, .pid = ctx->pid};
    if (text)
        memccpy(error.message, text, '\0', sizeof error.message - 1);
    return error;
}

int job_fail_task(struct grain_context *ctx, size_t index, int code, const char *text)
{
    if (code == 0)
        code = -EINVAL;
    if (index < ctx->fail_floor || index >= ctx->end)
        return code;
    struct grain_error error = error_of(ctx, index, code, text);
    failure_note(ctx->job, ctx->outcome, &error, false);
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* killed here, it has told of it: the replacement repeats that */
    if (index == ctx->first_ok)
        ctx->first_ok = index + 1;
    ctx->fail_floor = index + 1;
    return code;
}

int grain_context_fail_at(struct grain_context *ctx, size_t index, int code, const char *text)
{
    return job_fail_task(ctx, ctx->base + index, code, text);
}

int grain_context_fail(struct grain_context *ctx, int code, const char *text)
{
    return job_fail_task(ctx, ctx->index, code, text);
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

void job_fail_chunk(struct grain_context *ctx, size_t begin, size_t end, int code, const char *text)
{
    struct grain_error error = error_of(ctx, begin, code, text);
    job_fail_rest(ctx->job, ctx, ctx->outcome, begin, end, &error);
}
