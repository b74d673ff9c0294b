/* SPDX-License-Identifier: MIT
 *
 * idle: an open pool of which nothing is asked, for half a second. What is measured is no time but the CPU time
 * meanwhile: that of the other threads of this process, of the worker processes, and of their supervisor, which the
 * pool's own counters leave out.
 */
#include <errno.h>
#include <math.h>
#include <time.h>
#include <unistd.h>

#include "kind_calls.h"
#include "quiet.h"
#include "work.h"

#define IDLE_NS   500000000L
#define SETTLE_NS 300000000L /* waiters stop spinning, a runtime's threads too */

struct pool_pids {
    pid_t supervisor; /* 0: workers are no processes */
};

static int tells_parent(const void *arg, void *result, struct grain_context *ctx)
{
    const pid_t *caller = grain_context_params(ctx);
    (void)arg;
    *(pid_t *)result = getpid() != *caller ? getppid() : 0;
    return 0;
}

int open_idle(struct subject *subject)
{
    struct grain_pool_options options = subject_pool_options(subject);
    struct pool_pids *pids = work_scratch(subject, sizeof *pids);
    if (!pids)
        return -ENOMEM;
    return grain_pool_open(&subject->pool, &options);
}

/* A pool that has worked: each run of tasks wakes all that there is to wake. */
static int settle(struct subject *subject)
{
    struct pool_pids *pids = subject->scratch;
    pid_t caller = getpid();
    struct grain_call_options options = {.params = &caller, .params_size = sizeof caller};
    int status = 0;
    for (int i = 0; i < subject->cell.workers && status == 0; i++)
        status =
            grain_apply(subject->pool, tells_parent, NULL, 0, &pids->supervisor, sizeof pids->supervisor, &options);
    nanosleep(&(struct timespec){.tv_nsec = SETTLE_NS}, NULL);
    return status;
}

static double clock_ns(clockid_t clock)
{
    struct timespec cpu;
    return clock_gettime(clock, &cpu) ? 0 : (double)cpu.tv_sec * 1e9 + (double)cpu.tv_nsec;
}

/* The processes of the pool. */
static double pool_cpu_ns(const struct subject *subject)
{
    const struct pool_pids *pids = subject->scratch;
    struct grain_pool_stats stats = {0};
    clockid_t clock;
    double supervisor_ns = 0;
    grain_pool_stats(subject->pool, &stats);
    if (pids->supervisor > 0 && clock_getcpuclockid(pids->supervisor, &clock) == 0)
        supervisor_ns = clock_ns(clock);
    return (double)stats.cpu_ns + supervisor_ns;
}

int run_idle(struct subject *subject, struct gbench_state *state)
{
    if (!state)
        return settle(subject);
    double pool_ns = pool_cpu_ns(subject),
           own_ns = quiet_others_ns(); /* the thread that measures pays for falling asleep */
    nanosleep(&(struct timespec){.tv_nsec = IDLE_NS}, NULL);
    subject->phases.cpu_ns += fmax(0, quiet_others_ns() - own_ns);
    subject->phases.pool_cpu_ns += pool_cpu_ns(subject) - pool_ns;
    return 0;
}
