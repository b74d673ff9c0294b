/* SPDX-License-Identifier: MIT
 *
 * What a backend cannot do: backend, behaviour, reason. Every contract program prints this table.
 */
static const struct limit {
    const char *backend, *behaviour, *reason;
} limits[] = {
    {"null", "runs tasks", "it says done without running anything: the floor"},
    {"serial", "parallel", "the caller runs every task itself"},
    {"null", "parallel", "there are no workers"},
    {"serial", "cancel", "a call runs in the caller's thread: there is nothing to wait for"},
    {"null", "cancel", "a call takes no time"},
    {"serial", "steal", "one worker has nobody to steal from"},
    {"null", "steal", "there are no workers"},
    {"openmp", "steal", "OpenMP deals the iterations of a loop out by itself"},
    {"serial", "overlap", "every caller runs its own tasks"},
    {"null", "overlap", "there are no workers"},
    {"openmp", "overlap", "regions of a pool run one after the other on its driver thread"},
    {"fork-pipe", "steal", "a thief would have to see what another worker has left: there are only pipes"},
    {"fork-pipe", "overlap", "calls of a pool run one after the other"},
    {"fork-pipe", "no copy", "everything travels through the pipes: that is what it is for"},
    {"fork-pipe", "spin", "a reader of a pipe sleeps in the kernel"},
    {"serial", "stop in a chunk", "a call runs in the caller's thread: there is nothing to wait for"},
    {"null", "stop in a chunk", "a call takes no time"},
    {"serial", "replaces", "the caller is the worker"},
    {"null", "replaces", "there are no workers"},
    {"serial", "bind", "the caller is the worker, and its mask is its own affair"},
    {"null", "bind", "there are no workers"},
    {"openmp", "replaces", "its threads are the OpenMP runtime's"},
};
