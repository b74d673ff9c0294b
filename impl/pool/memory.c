/* SPDX-License-Identifier: MIT
 *
 * Memory that every worker of a pool sees: the backend's own where it has such, else blocks that go with the pool.
 */
#include <errno.h>
#include <stdlib.h>

#include "pool.h"
#include "sys/page.h"

static int block_get(struct grain_pool *pool, size_t size, void **memory)
{
    size_t rounded = line_round_up(size) + sizeof(struct pool_block);
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

int pool_memory_get(struct grain_pool *pool, size_t size, void **memory)
{
    const struct grain_backend *backend = pool->core.backend;
    return backend->alloc ? backend->alloc(&pool->core, size, memory) : block_get(pool, size, memory);
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
