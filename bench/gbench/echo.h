/* SPDX-License-Identifier: MIT
 *
 * The round trip of a cache line between two CPUs: a second process, bound to a CPU of its own, that answers what this
 * one writes. Both spin; no queue, no kernel. What handing a task to a process and getting its result back costs at
 * least. Between echo_begin() and echo_end() the other process spins, outside it sleeps and disturbs nobody.
 */
#ifndef GRAIN_BENCH_ECHO_H
#define GRAIN_BENCH_ECHO_H

#include <stddef.h>

struct echo;

/* Starts the other process, asleep. 0, or -errno; -ENOTSUP with one usable CPU. It ends with this one, whatever
 * happens to it. */
int echo_open(struct echo **echo);
void echo_close(struct echo *echo);

/* Wakes it and binds the caller; puts it to sleep and restores the caller's mask. */
void echo_begin(struct echo *echo);
void echo_end(struct echo *echo);

/* So many round trips, one after the other. 0, or -EPIPE when the other process is gone. */
int echo_run(struct echo *echo, size_t trips);

#endif
