/* SPDX-License-Identifier: MIT
 *
 * Running tasks on a thread that must go on when one of them ends it (guard.c). Around every claim on `openmp`, so it
 * costs three stores: this file is compiled with -fexceptions, and the unwinding of such a thread comes to the
 * `cleanup` below, in the frame that runs the claim. From there it is left, back into that frame.
 */
#include <errno.h>
#include <setjmp.h>

#include "job.h"

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
    struct grain_error error = {.code = -EOWNERDEAD, .index = ctx->index, .pid = ctx->pid, .message = JOB_LEFT_TEXT};
    ctx->deadline_ns = 0;
    if (job->form == JOB_CHUNK) {
        job_fail_rest(job, ctx, ctx->outcome, ctx->index, ctx->end, &error);
        return ctx->end;
    }
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
