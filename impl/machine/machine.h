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

/* The CPU numbers in the calling thread's affinity mask, rising, in *cpus, which the caller frees; when
 * the kernel does not tell, those of all CPUs online. Returns how many, >= 1, or -ENOMEM. */
int machine_affinity_cpus(int **cpus);

/* CPUs in the affinity mask, >= 1. */
int machine_affinity_count(void);

/* The cgroup CPU quota in CPUs (v1 or v2; the tightest limit on the way to the root), 0 when there is
 * none. root: where the cgroup file systems are mounted, NULL for /sys/fs/cgroup; self: the process's
 * membership file, NULL for /proc/self/cgroup (tests pass their own trees). */
double machine_cgroup_quota(const char *root, const char *self);

/* min(affinity, quota rounded up), >= 1. */
int machine_cpu_count(void);

/* The same as it was at some time in this second, for any thread of the process: looking for a quota takes dozens of
 * files, a noticeable part of opening a pool. For decisions that may be a little off. */
int machine_cpu_count_recent(void);

/* Fills cpus[0..workers) with a CPU number a worker, out of the calling thread's affinity mask: distinct
 * cores first, then their hyperthreads, then round again. Returns 0 or -ENOMEM. Thread-safe; the topology
 * is read once a process. */
int machine_place(int workers, int *cpus);

/* The rule behind machine_place, a pure function: fills order with the indices [0, count), one hardware
 * thread of every core first, then the second ones; core[i] names the core of the i-th CPU. Returns 0 or
 * -ENOMEM. */
int machine_order(int count, const int *core, int *order);

/* Binds the calling thread to one CPU. Async-signal-safe (a forked child may call it). 0 or -errno. */
int machine_bind_self(int cpu);

/* Hardware threads a core, >= 1 (1: no SMT in use), CPU model name; from hwloc, "unknown" without it. */
int machine_threads_per_core(void);
const char *machine_cpu_model(void);

#ifdef __cplusplus
}
#endif

#endif
