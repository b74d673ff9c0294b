/* SPDX-License-Identifier: MIT
 *
 * What lies outside the model: the machine and the clock, which always say the same. Sleeping and waking are part of
 * it: model_machine.c.
 */
#include <sched.h>

#include "job/job.h"
#include "sys/clock.h"
#include "sys/futex.h"
#include "sys/machine.h"

/* No task ends its thread. */
bool job_guard(void (*body)(void *), void *argument)
{
    body(argument);
    return false;
}

void job_thread_restore(struct job_thread *thread)
{
    (void)thread;
}

/* Nobody is bound here. */
int machine_bind_self(int cpu)
{
    (void)cpu;
    return 0;
}

int machine_leave_cpu(int cpu)
{
    (void)cpu;
    return 0;
}

int machine_confine_self(const struct machine_mask *mask)
{
    (void)mask;
    return 0;
}

uint64_t clock_ns(void)
{
    return 1;
}

int sched_getcpu(void)
{
    return 0;
}
