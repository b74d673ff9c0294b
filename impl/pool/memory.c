/* SPDX-License-Identifier: MIT
 *
 * Memory that every worker of a pool sees: the backend's own where it has such, else blocks that go with the pool.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

static int block_get(struct grain_pool *pool, size_t size, void **memory)
{
    size_t rounded = (size + 63) / 64 * 64 + sizeof(struct pool_block);
    struct pool_block *block = aligned_alloc(64, rounded);
    if (!block)
        return -ENOMEM;
    pthread_mutex_lock(&pool->lock);
    block->next = pool->blocks;
    block->link = &pool->blocks;
    if (block->next)
        block->next->link = &block->next;
    pool->blocks = block;
    pthread_mutex_unlock(&pool->lock);
    *memory = block + 1;
    return 0;
}

static void block_put(struct pool_block *block)
{
    *block->link = block->next;
    if (block->next)
        block->next->link = block->link;
    free(block);
}

int grain_alloc(struct grain_pool *pool, size_t size, void **memory)
{
    if (memory)
        *memory = NULL;
    if (!memory)
        return refuse(-EINVAL, "memory: NULL");
    if (size == 0 || size > PTRDIFF_MAX - 256)
        return refuse(-EINVAL, "size: %zu bytes; it takes 1 to PTRDIFF_MAX - 256", size);
    int status = pool_enter(pool);
    if (status)
        return status;
    status = pool_memory_get(pool, size, memory);
    if (status == -ENOMEM) { /* what queued calls have left is the next ones', unless it is wanted here */
        batch_spares_trim(pool->async);
        status = pool_memory_get(pool, size, memory);
    }
    if (status == 0)
        memset(*memory, 0, size);
    pool_leave(pool);
    return status;
}

int pool_memory_get(struct grain_pool *pool, size_t size, void **memory)
{
    const struct grain_backend *backend = pool->core.backend;
    return backend->alloc ? backend->alloc(&pool->core, size, memory) : block_get(pool, size, memory);
}

void grain_release(struct grain_pool *pool, void *memory)
{
    if (pool && memory && pool_is_owner(pool))
        pool_memory_put(pool, memory);
}

void pool_memory_put(struct grain_pool *pool, void *memory)
{
    const struct grain_backend *backend = pool->core.backend;
    pthread_mutex_lock(&pool->lock);
    if (!backend->alloc)
        block_put((struct pool_block *)memory - 1);
    else if (!pool->joined)
        backend->alloc(&pool->core, 0, &memory);
    pthread_mutex_unlock(&pool->lock);
}

/* The pool cannot be joined meanwhile: it was entered. */
int grain_pool_trim(struct grain_pool *pool)
{
    int status = pool_enter(pool);
    if (status)
        return status;
    const struct grain_backend *backend = pool->core.backend;
    void *unused = NULL;
    batch_spares_trim(pool->async);
    if (backend->alloc)
        backend->alloc(&pool->core, 0, &unused);
    malloc_trim(0); /* spare batches, and on threads all of their memory, came from malloc */
    pool_leave(pool);
    return 0;
}
