/* SPDX-License-Identifier: MIT
 *
 * What the machine offers to this process: usable CPUs (affinity mask, cgroup quota), and where to put
 * workers. Topology comes from hwloc, which is loaded when binding is first asked for (it costs
 * milliseconds); without it workers are bound in the order of the affinity mask.
 */
#ifndef GRAIN_MACHINE_H
#define GRAIN_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MACHINE_CPUS_MAX 16384 /* numbers of CPUs lie below it */

/* The CPU numbers in the calling thread's affinity mask, rising, in *cpus, which the caller frees; when
 * the kernel does not tell, those of all CPUs online. Returns how many, >= 1, or -ENOMEM. */
int machine_affinity_cpus(int **cpus);

/* CPUs in the affinity mask, >= 1. */
int machine_affinity_count(void);

/* The CPUs that workers may use, as machine_affinity_cpus gives them: those of the affinity mask; but where OpenMP has
 * bound the calling thread to one of its places, as OMP_PROC_BIND=true does with the first thread when libgomp is
 * loaded, those of all its places. Without that, all workers of a program would share the one CPU of its first thread.
 * Places lie inside the mask that the program was started with. */
int machine_usable_cpus(int **cpus);

/* The cgroup CPU quota in CPUs (v1 or v2; the tightest limit on the way to the root), 0 when there is
 * none. root: where the cgroup file systems are mounted, NULL for /sys/fs/cgroup; self: the process's
 * membership file, NULL for /proc/self/cgroup (tests pass their own trees). */
double machine_cgroup_quota(const char *root, const char *self);

/* min(usable CPUs, quota rounded up), >= 1. */
int machine_cpu_count(void);

/* The same as it was at some time in this second, for any thread of the process: looking for a quota takes dozens of
 * files, a noticeable part of opening a pool. For decisions that may be a little off. */
int machine_cpu_count_recent(void);

/* Fills cpus[0..workers) with a CPU number per worker, out of the usable ones: distinct
 * cores first, then their hyperthreads, then round again. Returns 0 or -ENOMEM. Thread-safe; the topology
 * is read once a process. */
int machine_place(int workers, int *cpus);

/* Reads a list of CPUs such as "0-3,8" into *cpus, in its order; the caller frees that. Returns how many, >= 1, or
 * -ENOMEM, or -EINVAL: an empty list, other characters (blanks too), a range that falls, a CPU named twice, a number of
 * MACHINE_CPUS_MAX or more. */
int machine_list_parse(const char *text, int **cpus);

/* The list of all usable CPUs in the order of machine_place, as machine_list_parse reads it, in *text, which the caller
 * frees. 0 or -ENOMEM. */
int machine_list_usable(char **text);

/* The rule behind machine_place, a pure function: fills order with the indices [0, count), one hardware
 * thread of every core first, then the second ones; core[i] names the core of the i-th CPU. Returns 0 or
 * -ENOMEM. */
int machine_order(int count, const int *core, int *order);

/* Binds the calling thread to one CPU. Async-signal-safe (a forked child may call it). 0 or -errno. */
int machine_bind_self(int cpu);

/* A set of CPUs. */
struct machine_mask {
    size_t bytes; /* of `bits`, as far as it has any */
    unsigned long bits[MACHINE_CPUS_MAX / (8 * sizeof(unsigned long))];
};

/* Adds a CPU below MACHINE_CPUS_MAX to a set that was zeroed. */
void machine_mask_add(struct machine_mask *mask, int cpu);

/* Lets the calling thread run on these CPUs. Async-signal-safe. 0 or -errno. */
int machine_confine_self(const struct machine_mask *mask);

/* Moves the calling thread to another of the CPUs that it may run on. Async-signal-safe. 0 or -errno: -EINVAL, it may
 * run on no other. */
int machine_leave_cpu(int cpu);

/* Hardware threads a core, >= 1 (1: no SMT in use), CPU model name; from hwloc, "unknown" without it. */
int machine_threads_per_core(void);
const char *machine_cpu_model(void);

#ifdef __cplusplus
}
#endif

#endif
