/* SPDX-License-Identifier: MIT
 *
 * The memory of batches: making them, keeping them for the next calls, and letting go. What is written into them:
 * queue.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "async.h"
#include "sys/page.h"

#define ALIGN      64
#define ERRORS_MAX 64 /* of a batch: failures beyond keep their codes only */

static size_t futures_bytes(size_t room)
{
    return line_round_up(room * sizeof(struct grain_future));
}

static size_t errors_of(size_t room)
{
    return room < ERRORS_MAX ? room : ERRORS_MAX;
}

void async_release(struct async *async)
{
    if (atomic_fetch_sub_explicit(&async->references, 1, memory_order_acq_rel) != 1)
        return;
    munmap(async->events, page_size());
    free(async);
}

void batch_list(struct batch **head, struct batch *batch)
{
    batch->next_listed = *head;
    batch->link = head;
    if (batch->next_listed)
        batch->next_listed->link = &batch->next_listed;
    *head = batch;
}

void batch_unlist(struct batch *batch)
{
    if (!batch->link)
        return;
    *batch->link = batch->next_listed;
    if (batch->next_listed)
        batch->next_listed->link = batch->link;
    batch->link = NULL;
}

/* Where workers were stopped in the middle they may still be in it. */
void batch_memory_put(struct batch *batch)
{
    if (batch->calls && !batch->is_lost)
        pool_memory_put(batch->async->pool, batch->calls);
    batch->calls = NULL;
}

void batch_drop(struct batch *batch)
{
    struct async *async = batch->async;
    batch_memory_put(batch);
    free(batch->extras);
    free(batch);
    async_release(async);
}

static size_t bytes_kept(const struct batch *batch)
{
    return batch->bytes + futures_bytes(batch->room) + (batch->extras ? batch->room * sizeof *batch->extras : 0);
}

/* Of memory that is limited the calls themselves are to have the most. */
static size_t spare_bytes_most(const struct async *async)
{
    size_t limit = async->pool ? async->pool->core.options.memory_limit / 8 : 0;
    return limit && limit < BATCH_SPARES_MAX ? limit : BATCH_SPARES_MAX;
}

/* Keeps a batch for later calls, or gives its calls back to the pool, and is false. */
static bool spare_put(struct batch *batch)
{
    struct async *async = batch->async;
    if (!batch->calls || batch->bytes < BATCH_SPARE_BYTES || batch->is_lost ||
        async->spare_bytes >= spare_bytes_most(async)) {
        batch_memory_put(batch);
        return false;
    }
    batch_list(&async->spare, batch);
    async->spare_bytes += bytes_kept(batch);
    return true;
}

void batch_keep(struct batch *batch)
{
    if (!spare_put(batch))
        batch_drop(batch);
}

static void errors_free(struct batch *batch)
{
    for (size_t i = 0; atomic_load_explicit(&batch->has_errors, memory_order_relaxed) && i < batch->count; i++)
        free(batch->futures[i].error);
}

/* One is kept, with its reference. */
static bool lone_put(struct batch *batch)
{
    struct async *async = batch->async;
    bool is_kept = async->pool && !async->lone;
    if (is_kept)
        async->lone = batch;
    return is_kept;
}

void batch_release(struct batch *batch, size_t references)
{
    struct async *async = batch->async;
    /* acquire: pairs with the others' releases. Who has all that are left need not take them off. */
    if (atomic_load_explicit(&batch->references, memory_order_acquire) != references &&
        atomic_fetch_sub_explicit(&batch->references, references, memory_order_acq_rel) != references)
        return;
    lock_take(&async->lock);
    batch_unlist(batch);
    /* Only now: what stands in a list may be completed when the pool ends, and be given an error. */
    if (batch->kind == BATCH_CALLS) {
        errors_free(batch);
        if (async->pool && async->pool->core.backend->alloc)
            backend_bytes_give(&async->pool->core, batch->bytes);
    }
    bool is_kept = batch->kind == BATCH_LONE ? lone_put(batch) : spare_put(batch);
    lock_drop(&async->lock);
    if (!is_kept)
        batch_drop(batch);
}

void batch_spares_drop(struct async *async)
{
    while (async->spare) {
        struct batch *batch = async->spare;
        batch_unlist(batch); /* NOLINT(clang-analyzer-unix.Malloc): the last one took itself out, through its link */
        batch_drop(batch);
    }
    async->spare_bytes = 0;
    if (async->lone)
        batch_drop(async->lone);
    async->lone = NULL;
}

static struct batch *spare_take(struct async *async)
{
    lock_take(&async->lock);
    struct batch *batch = async->spare;
    if (batch) {
        batch_unlist(batch);
        async->spare_bytes -= bytes_kept(batch);
    }
    lock_drop(&async->lock);
    return batch;
}

void batch_spares_trim(struct async *async)
{
    for (struct batch *batch; (batch = spare_take(async));)
        batch_drop(batch);
}

void *batch_tail(struct batch *batch)
{
    return (char *)batch + line_round_up(sizeof *batch) + futures_bytes(batch->room);
}

struct batch *batch_new(struct async *async, size_t room, size_t tail)
{
    struct batch *batch =
        aligned_alloc(ALIGN, line_round_up(line_round_up(sizeof *batch) + futures_bytes(room) + tail));
    if (!batch)
        return NULL;
    memset(batch, 0, sizeof *batch);
    batch->async = async;
    batch->room = room;
    atomic_store_explicit(&batch->references, 1 + 2 * room, memory_order_relaxed);
    atomic_fetch_add_explicit(&async->references, 1, memory_order_relaxed);
    return batch;
}

struct batch *batch_lone(struct async *async)
{
    struct batch *batch = async->lone;
    async->lone = NULL;
    if (!batch && !(batch = batch_new(async, 1, LONE_BYTES)))
        return NULL;
    batch->kind = BATCH_LONE;
    batch->had_no_room = false;
    batch->count = 1;
    batch->payload = batch_tail(batch);
    batch->payload_end = batch->payload + LONE_BYTES;
    return batch;
}

/* What a batch of so many calls takes of the pool's memory, its payload left out. */
static size_t calls_bytes(size_t room)
{
    return line_round_up(room * sizeof(struct job_call)) +
           line_round_up(sizeof(struct job_errors) + errors_of(room) * sizeof(struct grain_error));
}

/* A kept one with at least that room, but not for much more, and memory for so many bytes of payload; or NULL. */
static struct batch *batch_reuse(struct async *async, size_t room, size_t payload)
{
    for (struct batch *batch = async->spare; batch; batch = batch->next_listed)
        if (batch->room >= room && batch->room <= 8 * room && batch->bytes >= calls_bytes(batch->room) + payload) {
            batch_unlist(batch);
            async->spare_bytes -= bytes_kept(batch);
            return batch;
        }
    return NULL;
}

/* bytes: of the pool's memory. Without the lock: others go on while pages are made. */
static struct batch *batch_with_memory(struct async *async, size_t room, size_t bytes)
{
    struct grain_pool *pool = async->pool;
    struct batch *batch = batch_new(async, room, 0);
    void *memory;
    if (!batch)
        return NULL;
    int status = pool_memory_get(pool, bytes, &memory);
    if (status) {
        batch_spares_trim(async);
        status = pool_memory_get(pool, bytes, &memory);
    }
    if (status) {
        batch_drop(batch);
        return NULL;
    }
    if (futures_bytes(room) >= BATCH_SPARE_BYTES)
        page_populate(batch->futures, futures_bytes(room));
    if (bytes >= BATCH_SPARE_BYTES)
        page_populate(memory, bytes);
    batch->calls = memory;
    batch->bytes = bytes;
    return batch;
}

struct batch *batch_get(struct async *async, size_t call_size, size_t slack)
{
    size_t room = async->next_room, fitting = BATCH_PAYLOAD_MAX / (call_size ? call_size : 1);
    room = room < fitting ? room : fitting > 0 ? fitting : 1;
    struct batch *batch = batch_reuse(async, room, room * call_size + slack);
    if (batch)
        return batch;
    lock_drop(&async->lock);
    while (!(batch = batch_with_memory(async, room, calls_bytes(room) + room * call_size + slack)) && room > 1)
        room /= 2; /* what is left may lie in pieces */
    lock_take(&async->lock);
    return batch;
}

void batch_start(struct batch *batch)
{
    struct backend_pool *core = &batch->async->pool->core;
    size_t room = batch->room;
    char *memory = (char *)batch->calls;
    struct batch fresh = {.async = batch->async, .room = room, .bytes = batch->bytes, .calls = batch->calls};
    fresh.extras = batch->extras;
    fresh.job.form = JOB_CALLS;
    fresh.job.items = memory;
    fresh.job.item_size = sizeof *batch->calls;
    fresh.job.errors = (struct job_errors *)(memory + line_round_up(room * sizeof *batch->calls));
    fresh.job.events = core->events;
    *fresh.job.errors = (struct job_errors){.room = (uint32_t)errors_of(room)};
    fresh.payload = memory + calls_bytes(room);
    fresh.payload_end = memory + batch->bytes;
    *batch = fresh;
    atomic_store_explicit(&batch->references, 1 + 2 * room, memory_order_relaxed);
    if (core->backend->alloc)
        backend_bytes_take(core, batch->bytes);
}
