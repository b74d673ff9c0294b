/* SPDX-License-Identifier: MIT
 *
 * First fit over a list of blocks in the order of their addresses; neighbours that are free are joined.
 */
#include "transport/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "transport/descriptor.h"

#define ALIGNMENT     ((size_t)64)
#define RESERVE_FIRST ((size_t)1 << 40)
#define RESERVE_LEAST ((size_t)1 << 24)
#define GROW_STEP     ((size_t)1 << 18)

struct arena_block {
    struct arena_block *next;
    size_t offset, size;
    bool is_used;
};

/* valgrind and RLIMIT_AS refuse large ranges: take the largest that is given. */
static int range_reserve(struct arena *arena)
{
    for (size_t size = RESERVE_FIRST; size >= RESERVE_LEAST; size /= 2) {
        void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, arena->fd, 0);
        if (base != MAP_FAILED) {
            madvise(base, size, MADV_DONTDUMP);
            arena->base = base;
            arena->reserved = size;
            return 0;
        }
    }
    return -ENOMEM;
}

int arena_open(struct arena *arena, size_t limit)
{
    *arena = (struct arena){.fd = memfd_create("grain", MFD_CLOEXEC)};
    int status = descriptor_lift(&arena->fd);
    if (status)
        return status;
    status = range_reserve(arena);
    if (status) {
        close(arena->fd);
        return status;
    }
    arena->limit = limit && limit < arena->reserved ? limit : arena->reserved;
    pthread_mutex_init(&arena->lock, NULL);
    return 0;
}

void arena_close(struct arena *arena)
{
    struct arena_block *next;
    for (struct arena_block *block = arena->blocks; block; block = next) {
        next = block->next;
        free(block);
    }
    munmap(arena->base, arena->reserved);
    close(arena->fd);
    pthread_mutex_destroy(&arena->lock);
}

/* Backs the range up to `end` bytes. */
static int arena_back(struct arena *arena, size_t end)
{
    if (end <= arena->backed)
        return 0;
    if (end > arena->limit)
        return -ENOMEM;
    size_t target = (end + GROW_STEP - 1) / GROW_STEP * GROW_STEP;
    if (target > arena->limit)
        target = arena->limit;
    int status;
    do
        status = fallocate(arena->fd, 0, (off_t)arena->backed, (off_t)(target - arena->backed));
    while (status && errno == EINTR);
    if (status)
        return -ENOMEM;
    arena->backed = target;
    return 0;
}

/* Cuts `size` bytes from a free block; what is left stays behind it as a free block. */
static int block_cut(struct arena_block *block, size_t size)
{
    if (block->size > size) {
        struct arena_block *rest = malloc(sizeof *rest);
        if (!rest)
            return -ENOMEM;
        *rest = (struct arena_block){.next = block->next, .offset = block->offset + size, .size = block->size - size};
        block->next = rest;
        block->size = size;
    }
    block->is_used = true;
    return 0;
}

/* A new block behind the last, or the last one grown when it is free. */
static int block_append(struct arena *arena, struct arena_block *last, size_t size, struct arena_block **out)
{
    size_t offset = last && !last->is_used ? last->offset : arena->used;
    if (size > arena->limit - offset)
        return -ENOMEM;
    int status = arena_back(arena, offset + size);
    if (status)
        return status;
    struct arena_block *block = last && !last->is_used ? last : malloc(sizeof *block);
    if (!block)
        return -ENOMEM;
    if (block != last) {
        if (last)
            last->next = block;
        else
            arena->blocks = block;
    }
    *block = (struct arena_block){.offset = offset, .size = size, .is_used = true};
    arena->used = offset + size;
    *out = block;
    return 0;
}

int arena_alloc(struct arena *arena, size_t size, void **memory)
{
    if (size > arena->limit)
        return -ENOMEM;
    size = size ? (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
    pthread_mutex_lock(&arena->lock);
    struct arena_block *block = arena->blocks, *last = NULL;
    while (block && (block->is_used || block->size < size)) {
        last = block;
        block = block->next;
    }
    int status = block ? block_cut(block, size) : block_append(arena, last, size, &block);
    pthread_mutex_unlock(&arena->lock);
    if (status == 0)
        *memory = arena->base + block->offset;
    return status;
}

static void block_join_next(struct arena_block *block)
{
    struct arena_block *next = block->next;
    if (!next || next->is_used)
        return;
    block->size += next->size;
    block->next = next->next;
    free(next);
}

void arena_release(struct arena *arena, void *memory)
{
    if (!arena_contains(arena, memory, 0))
        return;
    size_t offset = (size_t)((char *)memory - arena->base);
    pthread_mutex_lock(&arena->lock);
    struct arena_block *block = arena->blocks, *before = NULL;
    while (block && block->offset < offset) {
        before = block;
        block = block->next;
    }
    if (block && block->offset == offset && block->is_used) {
        block->is_used = false;
        block_join_next(block);
        if (before && !before->is_used)
            block_join_next(before);
    }
    pthread_mutex_unlock(&arena->lock);
}

bool arena_contains(const struct arena *arena, const void *memory, size_t size)
{
    uintptr_t from = (uintptr_t)arena->base, at = (uintptr_t)memory;
    return memory && at >= from && at - from < arena->reserved && size <= arena->reserved - (at - from);
}

size_t arena_backed(struct arena *arena)
{
    pthread_mutex_lock(&arena->lock);
    size_t backed = arena->backed;
    pthread_mutex_unlock(&arena->lock);
    return backed;
}

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

void arena_map_ahead(char *base, size_t from, size_t to)
{
    madvise(base + from, to - from, MADV_POPULATE_WRITE); /* where it is refused, pages come one by one */
}
