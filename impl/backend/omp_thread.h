/* SPDX-License-Identifier: MIT
 *
 * Driver threads: an OpenMP region needs a thread to start from, and that thread must not be the
 * caller's (see openmp.c). A driver outlives the pool it worked for and waits for the next one: when a
 * thread ends that has started OpenMP tasks, LLVM's runtime (libomp 14) corrupts its heap; and both
 * runtimes keep their worker threads for a thread that comes back. As many drivers stay as OpenMP pools
 * were ever open at once.
 */
#ifndef GRAIN_BACKEND_DRIVER_H
#define GRAIN_BACKEND_DRIVER_H

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#include "grain.h"

struct driver;

/* Runs work(user) on a driver with this signal mask: a waiting one, or a new one. While it waits it blocks all signals.
 * It is going to want so many threads of OpenMP's runtime beside itself: as many are started and ended first, but for
 * those that the runtime keeps for it already, because the runtime ends the program where it gets none. 0, -ENOMEM,
 * -EAGAIN. */
int driver_start(struct driver **driver, const sigset_t *mask, void (*work)(void *), void *user, int threads);

/* On the driver: the runtime keeps so many threads for it from now on. */
void driver_keeps(struct driver *driver, int threads);

/* Waits until work has returned; the driver then waits for another start. */
void driver_join(struct driver *driver);

/* Waits until *word differs from `seen`: spinning first where a CPU is free for it. The word is moved on before the
 * wake, so no wake-up is lost. */
void driver_await(_Atomic uint32_t *word, uint32_t seen, enum grain_wait wait, bool may_spin);

#endif
