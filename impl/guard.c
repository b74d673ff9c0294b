/* SPDX-License-Identifier: MIT
 *
 * User code that ends the thread it runs in: pthread_exit, or a cancellation that takes effect. On a thread of grain's
 * nobody would run what is queued behind it, or tell the caller; so it is caught here, and that task fails.
 *
 * How: glibc unwinds such a thread frame by frame up to the innermost pthread_cleanup_push of code like this file, which is
 * compiled without -fexceptions; jumps there; and calls its handler. By then the unwinding is over: that is how glibc
 * itself comes back to the start of a thread. The handler jumps to the function that it was pushed in, whose frame is
 * still there, instead of returning to be unwound further. Cleanup handlers and destructors of the user's code have run.
 * What stays: for glibc the thread is one that is ending. It can be cancelled no more, and setuid() and its kin leave it
 * out; pthread_exit works as often as it is called. So a worker of `pthread` really ends, and another thread takes its
 * place; a thread of OpenMP's runtime, one that runs queued calls on `serial`, and the one for callbacks go on.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>

#include "job.h"

static void thread_leaves(void *out)
{
    siglongjmp(*(sigjmp_buf *)out, 1);
}

bool job_guard(void (*body)(void *), void *argument)
{
    sigjmp_buf out;
    volatile bool has_left = false;
    pthread_cleanup_push(thread_leaves, &out);
    if (sigsetjmp(out, 0) == 0)
        body(argument);
    else
        has_left = true;
    pthread_cleanup_pop(0);
    return has_left;
}

/* The running task, or chunk, fails, unless it has told of a failure itself. Returns the task behind it. */
static size_t left_settle(struct grain_context *ctx)
{
    const struct job *job = ctx->job;
    struct grain_error error = {.code = -EOWNERDEAD, .index = ctx->index, .pid = ctx->pid, .message = JOB_LEFT_TEXT};
    ctx->deadline_ns = 0;
    if (job->form == JOB_CHUNK) {
        job_fail_rest(job, ctx, ctx->outcome, ctx->index, ctx->end, &error);
        return ctx->end;
    }
    if (ctx->unfailed <= ctx->index || job->form == JOB_CALLS)
        job_fail(job, ctx->outcome, &error);
    return ctx->index + 1;
}

struct run {
    const struct job *job;
    size_t begin, end;
    struct grain_context *ctx;
};

static void run_body(void *argument)
{
    struct run *run = argument;
    job_run(run->job, run->begin, run->end, run->ctx);
}

void job_run_guarded(const struct job *job, size_t begin, size_t end, struct grain_context *ctx)
{
    struct run run = {job, begin, end, ctx};
    while (run.begin < run.end && job_guard(run_body, &run)) {
        run.begin = left_settle(ctx);
        if (job_is_asked(ctx) && ctx->heed)
            run.end = ctx->heed(ctx, run.begin, run.end);
    }
}
