/* SPDX-License-Identifier: MIT
 *
 * The calling thread's affinity mask, kept and restored. The masks of the system calls are larger than a
 * cpu_set_t on machines with many CPUs, hence the raw calls.
 */
#include "bound.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "sys/machine.h"

void bound_enter(struct bound *bound, int cpu)
{
    /* The raw call returns how many bytes the kernel's mask has. */
    long size = syscall(SYS_sched_getaffinity, 0, sizeof bound->mask, bound->mask);
    bound->mask_size = size > 0 ? (size_t)size : 0;
    bound->is_bound = size > 0 && machine_bind_self(cpu) == 0;
}

void bound_leave(struct bound *bound)
{
    if (bound->is_bound)
        syscall(SYS_sched_setaffinity, 0, bound->mask_size, bound->mask);
    bound->is_bound = false;
}

int bound_first_cpu(void)
{
    int cpu, status = machine_place(1, &cpu);
    return status ? status : cpu;
}
