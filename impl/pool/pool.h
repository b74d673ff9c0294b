/* SPDX-License-Identifier: MIT
 *
 * The pool, and what gate.c and memory.c do with it. Its life: api/pool.c.
 */
#ifndef GRAIN_POOL_H
#define GRAIN_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "backend/backend.h"
#include "sys/owner.h"

enum pool_phase { POOL_OPEN, POOL_CLOSED, POOL_TERMINATED };

/* In front of each block of ordinary memory that grain_alloc gave out. */
struct pool_block {
    _Alignas(64) struct pool_block *next;
    struct pool_block **link; /* what points at this one */
};
_Static_assert(sizeof(struct pool_block) == 64, "what lies behind it is as aligned as it is");

struct async;

/* Set in `calls` by join: the last call that leaves says so. */
#define POOL_JOINING (UINT64_C(1) << 63)

/* Life of a pool. `phase` only grows. A call first counts itself in `calls`, then reads `phase`; close and terminate
 * first store `phase`, join then looks at `calls`: all sequentially consistent, so that either the call sees the new
 * phase or join sees the call. */
struct grain_pool {
    struct backend_pool core;
    uint64_t owner; /* sys/owner.h */
    _Atomic int phase;
    _Atomic uint64_t calls;
    _Atomic uint64_t handovers, steals;
    pthread_mutex_t lock; /* guards the next line, and blocks */
    bool is_joining, is_idle, joined;
    struct async *async;
    void (*spares_trim)(struct async *async); /* gives back what queued calls have left */
    struct pool_block *blocks;                /* goes with the pool; unused where the backend has memory of its own */
};

/* Whether this process is the one that opened the pool. */
static inline bool pool_is_owner(const struct grain_pool *pool)
{
    return owner_is_self(pool->owner);
}

/* Counts a call in, or says why it is refused: -EINVAL, -EPERM, -EDEADLK, -ESHUTDOWN, -ECANCELED. Every
 * call that was let in ends with pool_leave. */
int pool_enter(struct grain_pool *pool);
void pool_leave(struct grain_pool *pool);

/* Whether the last call has left a pool that is being joined. Who waits for that is told: EVENT_FUTURES. */
bool pool_is_idle(struct grain_pool *pool);

/* The same without counting: -EINVAL, -EPERM, -EDEADLK; and what the pool's phase says: 0, -ESHUTDOWN, -ECANCELED. */
int pool_look(const struct grain_pool *pool);
int pool_phase(const struct grain_pool *pool);

/* Whether the calling thread is a worker of the pool with that id, or of a pool that such a worker waits for. */
bool pool_is_inside(uint64_t id);

/* A prepared job's way to the backend, as its hooks submit and wait; the second one counts its hand-overs. pool_run:
 * both, and of a job that fails all tasks are told of. */
int pool_submit(struct grain_pool *pool, struct job *job, void **ticket);
int pool_wait(struct grain_pool *pool, struct job *job, void *ticket);
int pool_run(struct grain_pool *pool, struct job *job);

/* grain_alloc and grain_release for the pool's own use, also when it is closed, and not zeroed. 0 or -ENOMEM. */
int pool_memory_get(struct grain_pool *pool, size_t size, void **memory);
void pool_memory_put(struct grain_pool *pool, void *memory);

#endif
