/* SPDX-License-Identifier: MIT
 *
 * Driver threads: an OpenMP region needs a thread to start from, which must not be the caller's (openmp.c). A driver
 * outlives its pool and waits for the next one: when a thread ends that has started OpenMP tasks, LLVM's runtime
 * (libomp 14) corrupts its heap; and both runtimes keep their worker threads for a thread that comes back.
 */
#ifndef GRAIN_OMP_THREAD_H
#define GRAIN_OMP_THREAD_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#include "backend.h"

struct driver;

/* Runs work(user) on a driver, a waiting or a new one, with this signal mask; while it waits it blocks all signals. It
 * will want so many threads of OpenMP's runtime, which ends the program where it gets none: so as many, without those
 * that the runtime keeps for it already, are started and ended first. 0, -ENOMEM, -EAGAIN. */
int driver_start(struct driver **driver, const sigset_t *mask, void (*work)(void *), void *user, int threads);

/* On the driver: the runtime keeps so many threads for it from now on. */
void driver_keeps(struct driver *driver, int threads);

/* Waits until work has returned. */
void driver_join(struct driver *driver);

/* The jobs of a pool, which its driver takes one by one. */
struct queue {
    pthread_mutex_t lock; /* guards the next line */
    struct job *first, **last;
    _Atomic uint32_t wake_word; /* futex; moved on by every push and by the end */
    _Atomic uint32_t is_closed;
    const struct backend_pool *pool;
    bool may_spin;
};

void queue_open(struct queue *queue, const struct backend_pool *pool, bool may_spin);
void queue_push(struct queue *queue, struct job *job);
void queue_close(struct queue *queue);

/* The driver: the next job, NULL after the last one when the queue is closed; what came of it, and its end. */
struct job *queue_next(struct queue *queue);
void queue_end(struct queue *queue, struct job *job, int status);

/* As the hooks is_done and wait; may_spin: a CPU is left over for the caller. */
bool queue_has_ended(struct job *job, unsigned watch);
int queue_wait(struct queue *queue, struct job *job, bool may_spin);

#endif
