/* SPDX-License-Identifier: MIT
 *
 * What the user wants done in every worker, before its first task and after its last one. When that is, each backend
 * knows for itself. The context has no job: of what a context can be asked, only the worker's number and its state mean
 * something here. Compiled with -fexceptions: on serial an exception may pass through.
 */
#include <errno.h>
#include <stdint.h>

#include "backend.h"

/* fail_floor: what is failed through this context is no task's failure. */
static struct grain_context context_of(int worker, int pid, void **state)
{
    return (struct grain_context){.worker = worker, .pid = pid, .state_at = state, .fail_floor = SIZE_MAX};
}

static void mark_end(const void **outer)
{
    job_leave(*outer);
}

int backend_initialize(const struct backend_pool *pool, int worker, int pid, int tries, void **state)
{
    bool is_ready = !pool->options.initializer;
    const void *outer __attribute__((cleanup(mark_end), unused)) = job_enter(pool);
    *state = NULL;
    for (int i = 0; i < tries && !is_ready; i++) {
        *state = NULL;
        struct grain_context ctx = context_of(worker, pid, state);
        is_ready = pool->options.initializer(pool->options.argument, &ctx) == 0;
    }
    return is_ready ? 0 : -ENOTRECOVERABLE;
}

void backend_finalize(const struct backend_pool *pool, int worker, int pid, void **state)
{
    struct grain_context ctx = context_of(worker, pid, state);
    const void *outer __attribute__((cleanup(mark_end), unused)) = job_enter(pool);
    if (pool->options.finalizer)
        pool->options.finalizer(pool->options.argument, &ctx);
}
