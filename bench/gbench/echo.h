/* SPDX-License-Identifier: MIT
 *
 * A raw round trip between two processes: the second one, bound to a CPU of its own, answers what this one sends. No
 * queue, no pool: what handing a task to a process and getting its result back costs at least, if both spin on a cache
 * line, or on two that carry data, if both sleep on a futex, if both read from pipes. Between echo_begin() and
 * echo_end() the other process spins (cache line, mailbox) or waits for the next trip, outside it sleeps and disturbs
 * nobody.
 */
#ifndef GRAIN_BENCH_ECHO_H
#define GRAIN_BENCH_ECHO_H

#include <stddef.h>

#define ECHO_BYTES_MAX 4096 /* PIPE_BUF; more do not travel */

enum echo_way { ECHO_LINE, ECHO_MAILBOX, ECHO_FUTEX, ECHO_PIPE };

struct echo;

/* Starts the other process, asleep. Bytes: of each trip, 1 at least (pipe). 0, or -errno; -ENOTSUP with one usable CPU.
 * It ends with this one, whatever happens to it. */
int echo_open(struct echo **echo, enum echo_way way, size_t bytes_there, size_t bytes_back);
void echo_close(struct echo *echo);

/* Wakes it and binds the caller (cache line, mailbox); puts it to sleep and restores the caller's mask. */
void echo_begin(struct echo *echo);
void echo_end(struct echo *echo);

/* So many round trips, one after the other. 0, or -EPIPE when the other process is gone, or has
 * answered wrongly (mailbox). */
int echo_run(struct echo *echo, size_t trips);

#endif
