/* SPDX-License-Identifier: MIT
 *
 * imap: a window of queued calls over a source of items. The source is asked on the caller's thread, when the iterator
 * is made and when a result has been taken; so an endless source runs in the memory of the window.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "async/async.h"
#include "options.h"

#define CHUNK_DEFAULT 64 /* items a worker has before it, twice, when the caller names no chunk */
#define WINDOW_MAX    65536u

struct slot {
    struct grain_future *future; /* NULL: free */
    size_t index;                /* of the item; of a free slot under imap_unordered: the next free one */
};

struct grain_iter {
    struct grain_pool *pool;
    grain_next_fn next;
    void *source;
    size_t result_size;
    struct apply apply; /* of each item, but for where its result goes */
    struct grain_call_options options;
    bool is_ordered;
    int source_status; /* what the source said last: 1 goes on, 0 the end, negative an error to be told once */
    size_t given;      /* items taken from the source */
    size_t taken;      /* results delivered: under imap the next one's index */
    size_t window, under_way;
    size_t free_slot; /* under imap_unordered: the first of those that are free */
    size_t looked;    /* and where the last result was found: the next is likely to be close behind */
    struct grain_error error;
    bool has_error;
    char *item, *results; /* one item; a result a slot */
    struct slot slots[];
};

static void *result_at(struct grain_iter *iter, size_t slot)
{
    return iter->results ? iter->results + slot * iter->result_size : NULL;
}

/* Fills free slots as long as the source gives, when half of the window is free: so calls go in batches. An item that
 * cannot be queued ends the input with that error. */
static void fill(struct grain_iter *iter)
{
    if (iter->source_status != 1 || iter->under_way > iter->window / 2)
        return;
    struct apply apply = iter->apply;
    while (iter->under_way < iter->window && iter->source_status == 1) {
        size_t slot = iter->is_ordered ? iter->given % iter->window : iter->free_slot;
        iter->source_status = iter->next(iter->source, iter->item);
        if (iter->source_status != 1)
            break;
        apply.result = result_at(iter, slot);
        int status = async_apply(iter->pool, &apply, &iter->options, &iter->slots[slot].future);
        if (status) {
            iter->source_status = status;
            break;
        }
        iter->free_slot = iter->slots[slot].index;
        iter->slots[slot].index = iter->given++;
        iter->under_way++;
    }
    async_flush(iter->pool->async);
}

static size_t window_of(const struct grain_pool *pool, const struct grain_call_options *options)
{
    size_t chunk = options->chunk > 0 ? (size_t)options->chunk : CHUNK_DEFAULT;
    size_t workers = (size_t)pool->core.workers;
    return chunk > WINDOW_MAX / (2 * workers) ? WINDOW_MAX : 2 * workers * chunk;
}

/* Also when the source throws, or ends the thread, which is the caller's: this file is compiled with -fexceptions. */
static void iter_drop(struct grain_iter **iter)
{
    grain_iter_free(*iter);
}

static int iter_check(const struct grain_pool *pool, grain_task_fn task, grain_next_fn next,
                      const struct grain_call_options *options)
{
    if (!task || !next)
        return refuse(-EINVAL, "%s: NULL", task ? "next" : "task");
    if (options->callback || options->error_callback || options->report)
        return refuse(-EINVAL, "grain_call_options.%s: an iterator takes none",
                      options->report     ? "report"
                      : options->callback ? "callback"
                                          : "error_callback");
    return options_fit(&pool->core, options);
}

static int iter_open(struct grain_pool *pool, grain_task_fn task, grain_next_fn next, void *source, size_t item_size,
                     size_t result_size, const struct grain_call_options *options, size_t size, bool is_ordered,
                     struct grain_iter **out)
{
    struct grain_call_options room;
    if (!out)
        return refuse(-EINVAL, "iter: NULL");
    *out = NULL;
    int status = options_take_call(&options, size, &room);
    if (status)
        return status;
    status = pool_enter(pool);
    if (status)
        return status;
    status = iter_check(pool, task, next, options);
    size_t window = window_of(pool, options), bytes = 0, params = options->params_size;
    pool_leave(pool);
    if (status == 0 && (__builtin_mul_overflow(window, result_size, &bytes) || bytes > PTRDIFF_MAX ||
                        item_size > PTRDIFF_MAX || result_size > UINT32_MAX))
        status = refuse(-EOVERFLOW, "items of %zu bytes, results of %zu, %zu of them under way: too large", item_size,
                        result_size, window);
    if (status)
        return status;
    struct grain_iter *iter __attribute__((cleanup(iter_drop))) =
        calloc(1, sizeof *iter + window * sizeof iter->slots[0]);
    /* The item and, behind it, the params, which need not outlive this call. */
    size_t alignment = job_alignment(options->params, params), item_alignment = job_alignment(NULL, item_size);
    alignment = alignment > item_alignment ? alignment : item_alignment;
    size_t item_room = job_align(item_size, alignment);
    char *item = aligned_alloc(alignment, job_align(item_room + params + 1, alignment));
    char *results = aligned_alloc(JOB_ALIGN_FIRM, job_align(bytes + 1, JOB_ALIGN_FIRM));
    if (!iter || !item || !results) {
        free(item);
        free(results);
        return -ENOMEM;
    }
    *iter = (struct grain_iter){.pool = pool,
                                .next = next,
                                .source = source,
                                .result_size = result_size,
                                .options = *options,
                                .is_ordered = is_ordered,
                                .source_status = 1,
                                .window = window,
                                .item = item,
                                .results = results};
    iter->apply = (struct apply){.task = task,
                                 .arg = item,
                                 .arg_size = item_size,
                                 .result_size = result_size,
                                 .params_size = params,
                                 .task_timeout_ns = options->task_timeout_ns,
                                 .retries = options->retries,
                                 .is_gathered = true};
    for (size_t slot = 0; slot < window; slot++)
        iter->slots[slot].index = slot + 1;
    if (params)
        iter->options.params = memcpy(item + item_room, options->params, params);
    fill(iter);
    *out = iter;
    iter = NULL;
    return 0;
}

int grain_imap_sized(struct grain_pool *pool, grain_task_fn task, grain_next_fn next, void *source, size_t item_size,
                     size_t result_size, const struct grain_call_options *options, struct grain_iter **iter,
                     size_t size)
{
    return iter_open(pool, task, next, source, item_size, result_size, options, size, true, iter);
}

int grain_imap_unordered_sized(struct grain_pool *pool, grain_task_fn task, grain_next_fn next, void *source,
                               size_t item_size, size_t result_size, const struct grain_call_options *options,
                               struct grain_iter **iter, size_t size)
{
    return iter_open(pool, task, next, source, item_size, result_size, options, size, false, iter);
}

/* Looks for a result that is there: `looked` is its slot then. */
static bool iter_look(void *user, unsigned watch)
{
    struct grain_iter *iter = user;
    if (iter->is_ordered) {
        iter->looked = iter->taken % iter->window;
        return future_look(iter->slots[iter->looked].future, watch);
    }
    for (size_t k = 0, slot = iter->looked; k < iter->window; k++) {
        slot = slot + 1 < iter->window ? slot + 1 : 0;
        if (iter->slots[slot].future && future_look(iter->slots[slot].future, watch)) {
            iter->looked = slot;
            return true;
        }
    }
    return false;
}

int grain_iter_next(struct grain_iter *iter, void *result, size_t *index, uint64_t timeout_ns)
{
    if (!iter)
        return refuse(-EINVAL, "iter: NULL");
    if (iter->result_size && !result)
        return refuse(-EINVAL, "result: NULL with a size of %zu", iter->result_size);
    int refusal = pool_look(iter->pool);
    if (refusal)
        return refusal;
    iter->has_error = false;
    fill(iter);
    if (iter->under_way == 0) { /* an error is told once, then it is the end */
        int status = iter->source_status;
        iter->source_status = 0;
        return status < 0 ? status : 0;
    }
    if (!iter_look(iter, 0) &&
        (timeout_ns == 0 || async_await(iter->pool->async, iter_look, iter, timeout_ns) == -ETIMEDOUT))
        return -ETIMEDOUT;
    size_t slot = iter->looked;
    struct grain_future *future = iter->slots[slot].future;
    int status = future->status;
    if (status == 0 && iter->result_size)
        memcpy(result, result_at(iter, slot), iter->result_size);
    if (index)
        *index = iter->slots[slot].index;
    if (status == GRAIN_TASK_FAILED && grain_future_error(future)) {
        iter->error = *grain_future_error(future);
        iter->error.index = iter->slots[slot].index;
        iter->has_error = true;
    }
    grain_future_free(future);
    iter->slots[slot].future = NULL;
    iter->slots[slot].index = iter->free_slot;
    iter->free_slot = slot;
    iter->under_way--;
    iter->taken++;
    fill(iter);
    return status ? status : 1;
}

const struct grain_error *grain_iter_error(const struct grain_iter *iter)
{
    return iter && iter->has_error ? &iter->error : NULL;
}

void grain_iter_free(struct grain_iter *iter)
{
    if (!iter)
        return;
    /* What is under way writes into results until it is complete. */
    for (size_t slot = 0; slot < iter->window; slot++)
        grain_future_free(iter->slots[slot].future);
    free(iter->results);
    free(iter->item);
    free(iter);
}
