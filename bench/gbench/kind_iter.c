/* SPDX-License-Identifier: MIT
 *
 * imap and imap_unordered: rows come from a source, results one by one. Unordered ones are put where their index says.
 */
#include <errno.h>
#include <string.h>

#include "kind_calls.h"
#include "work.h"

/* The rows that are still to come. */
struct source {
    const char *item;
    size_t left, size;
};

static int next_row(void *user, void *item)
{
    struct source *source = user;
    if (source->left == 0)
        return 0;
    memcpy(item, source->item, source->size);
    source->item += source->size;
    source->left--;
    return 1;
}

static int ended(struct subject *subject, struct grain_iter *iter, int status, size_t index)
{
    return status == GRAIN_TASK_FAILED ? work_failed(subject, index, grain_iter_error(iter)) : status;
}

static int collect_ordered(struct subject *subject, struct grain_iter *iter)
{
    size_t size = subject->kernel->result_size, index = 0;
    char *result = subject->results;
    int status;
    while ((status = grain_iter_next(iter, result, &index, GRAIN_FOREVER)) == 1)
        result += size;
    return ended(subject, iter, status, index);
}

int open_imap_unordered(struct subject *subject)
{
    return work_scratch(subject, subject->kernel->result_size) ? 0 : -ENOMEM;
}

static int collect_unordered(struct subject *subject, struct grain_iter *iter)
{
    size_t size = subject->kernel->result_size, index = 0, largest = 0;
    char *results = subject->results;
    int status;
    while ((status = grain_iter_next(iter, subject->scratch, &index, GRAIN_FOREVER)) == 1) {
        if (size > 0)
            memcpy(results + index * size, subject->scratch, size);
        if (index < largest)
            subject->phases.out_of_order++;
        else
            largest = index;
    }
    return ended(subject, iter, status, index);
}

typedef int (*imap_fn)(struct grain_pool *pool, grain_task_fn task, grain_next_fn next, void *source, size_t item_size,
                       size_t result_size, const struct grain_call_options *options, struct grain_iter **iter);

static int iterate(struct subject *subject, struct gbench_state *state, imap_fn imap,
                   int (*collect)(struct subject *, struct grain_iter *))
{
    struct work work = work_kernel(subject);
    struct grain_call_options options = work_options(subject, &work);
    struct source source = {subject->items, work_tasks(subject, state, WARM_TASKS), subject->item_size};
    struct grain_iter *iter = NULL;
    options.report = NULL;
    nap(subject, state);
    uint64_t begun_ns = work_clock();
    int status = imap(subject->pool, work.task, next_row, &source, subject->item_size, subject->kernel->result_size,
                      &options, &iter);
    uint64_t submitted_ns = work_clock();
    if (status == 0)
        status = collect(subject, iter);
    grain_iter_free(iter);
    work_phases(subject, begun_ns, submitted_ns);
    return status;
}

int run_imap(struct subject *subject, struct gbench_state *state)
{
    return iterate(subject, state, grain_imap, collect_ordered);
}

int run_imap_unordered(struct subject *subject, struct gbench_state *state)
{
    return iterate(subject, state, grain_imap_unordered, collect_unordered);
}
