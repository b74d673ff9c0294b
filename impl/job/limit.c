/* SPDX-License-Identifier: MIT
 *
 * The worker's part of a limit: limit.h. Where workers are processes, their supervisor looks at the same deadline, and
 * knows for how long the pool was stopped: backend/fork/watchdog.c.
 */
#include "limit.h"

#include <stdio.h>

#include "sys/clock.h"

/* The pool's own time. relaxed: what has been added is settled before it counts, in limit_end. */
static uint64_t without_stops(const struct grain_context *ctx, uint64_t now_ns)
{
    return ctx->stopped_ns ? now_ns - __atomic_load_n(ctx->stopped_ns, __ATOMIC_RELAXED) : now_ns;
}

/* The fence keeps the compiler from storing the deadline before the index: a worker that is stopped and killed for it
 * has died in that task and no other. */
void limit_begin(struct grain_context *ctx, uint64_t limit_ns)
{
    if (limit_ns == 0)
        return;
    uint64_t now = without_stops(ctx, clock_ns());
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&ctx->deadline_ns, limit_ns < UINT64_MAX - now ? now + limit_ns : UINT64_MAX, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

bool limit_end(struct grain_context *ctx, uint64_t limit_ns, char text[LIMIT_TEXT])
{
    if (limit_ns == 0)
        return false;
    uint64_t deadline = ctx->deadline_ns;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&ctx->deadline_ns, 0, __ATOMIC_RELAXED);
    uint64_t end = clock_ns(), now = without_stops(ctx, end);
    if (now > deadline && ctx->stopped_settle) {
        ctx->stopped_settle();
        now = without_stops(ctx, end);
    }
    if (now <= deadline)
        return false;
    snprintf(text, LIMIT_TEXT, "the task took %.3f ms; its limit is %.3f ms",
             (double)(now - deadline + limit_ns) * 1e-6, (double)limit_ns * 1e-6);
    return true;
}
