/* SPDX-License-Identifier: MIT
 *
 * Signals in the threads and processes that grain makes. The table is in docs/reliability.md; the rules:
 *
 *   threads that run what the user wrote   the mask that the opener had; so a handler of the host may run there
 *   grain's other threads                  everything blocked
 *   a forked worker                        the opener's mask; what the host ignores is ignored; what it handles is
 *                                          caught by a handler that does nothing, so that a program that a task starts
 *                                          finds it at its default, as if the host had started it
 *   the supervisor                         ignores everything; it stops where the host stops
 *   a grain_process                        as after exec: ignored stays, handled is default; the mask of the thread
 *                                          that starts it
 * Signals that a fault raises are blocked nowhere.
 */
#ifndef GRAIN_SIGNALS_H
#define GRAIN_SIGNALS_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

/* All signals but those of faults: what a thread of grain's blocks. */
void signals_service_mask(sigset_t *mask);

/* The calling thread's mask without those of faults. */
void signals_own_mask(sigset_t *mask);

/* Starts a thread that has this mask from its first instruction on; NULL: the service mask. 0 or -errno. */
int signals_thread(pthread_t *thread, const sigset_t *mask, void *(*main)(void *), void *argument);

/* In the supervisor, forked with everything blocked: notes what the host has set, and sets its own. SIGCHLD and SIGCONT
 * stay blocked, for a signalfd: they are put into *awaited. mask: the opener's. */
void signals_supervisor(const sigset_t *mask, sigset_t *awaited);

/* In a worker that it forks: the host's again, as said above. phase: SIGTERM ends it at once from `stop_at` on; else
 * that signal is the caller's business. */
void signals_worker(const sigset_t *mask, const _Atomic uint32_t *phase, uint32_t stop_at);

/* In the child of grain_process_start, forked with everything blocked. */
void signals_process(const sigset_t *mask);

#endif
