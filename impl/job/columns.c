/* SPDX-License-Identifier: MIT
 *
 * See columns.h: the columns' ranges in the order of their addresses, joined where one begins before the last has
 * ended.
 */
#include "columns.h"

static uintptr_t first_byte(const struct grain_column *column, size_t begin)
{
    return (uintptr_t)column->data + begin * column->stride;
}

static size_t bytes_of(const struct grain_column *column, size_t begin, size_t end)
{
    return column->size && end > begin ? (end - begin - 1) * column->stride + column->size : 0;
}

/* Puts a column into the list, which is in the order of first bytes. */
static void order_insert(unsigned char *order, size_t count, size_t column, const struct job *job, size_t begin)
{
    uintptr_t from = first_byte(&job->columns[column], begin);
    size_t at = count;
    for (; at > 0 && first_byte(&job->columns[order[at - 1]], begin) > from; at--)
        order[at] = order[at - 1];
    order[at] = (unsigned char)column;
}

/* A span of several columns begins at a multiple of its alignment where that leaves none of them less aligned than it
 * is in the caller's memory; else as far behind one as it does there. */
static void span_settle(struct columns_plan *plan, size_t span_index, const struct job *job, size_t begin)
{
    struct columns_span *span = &plan->spans[span_index];
    for (size_t c = 0; c < job->column_count; c++) {
        uintptr_t from = first_byte(&job->columns[c], begin);
        if (plan->span_of[c] != span_index)
            continue;
        size_t own = job_power(from), copied = job_power(from - span->from);
        own = own < span->alignment ? own : span->alignment;
        if (copied < own)
            span->phase = span->from & (span->alignment - 1);
    }
}

void columns_plan(struct columns_plan *plan, const struct job *job, size_t begin, size_t end,
                  bool (*is_left)(const void *user, const void *data, size_t size), const void *user)
{
    unsigned char order[GRAIN_COLUMNS_MAX];
    size_t ordered = 0;
    plan->count = 0;
    for (size_t c = 0; c < job->column_count; c++) {
        const struct grain_column *column = &job->columns[c];
        size_t size = bytes_of(column, begin, end);
        plan->span_of[c] = COLUMNS_NONE;
        if (size && !(is_left && is_left(user, (const void *)first_byte(column, begin), size)))
            order_insert(order, ordered++, c, job, begin);
    }
    for (size_t i = 0; i < ordered; i++) {
        const struct grain_column *column = &job->columns[order[i]];
        uintptr_t from = first_byte(column, begin);
        size_t size = bytes_of(column, begin, end), alignment = job_alignment((const void *)from, column->size);
        struct columns_span *span = plan->count ? &plan->spans[plan->count - 1] : NULL;
        if (!span || from - span->from >= span->size) {
            plan->spans[plan->count++] = (struct columns_span){.from = from, .size = size, .alignment = alignment};
        } else {
            if (alignment < JOB_ALIGN_FIRM) /* what lies close to others is as aligned as it was, up to that */
                alignment = JOB_ALIGN_FIRM;
            span->alignment = span->alignment > alignment ? span->alignment : alignment;
            span->size = from - span->from + size > span->size ? from - span->from + size : span->size;
        }
        plan->span_of[order[i]] = (unsigned char)(plan->count - 1);
    }
    for (size_t s = 0; s < plan->count; s++)
        span_settle(plan, s, job, begin);
}

uintptr_t columns_place(const struct columns_plan *plan, const struct job *job, size_t column, uintptr_t copy)
{
    uintptr_t data = (uintptr_t)job->columns[column].data;
    return plan->span_of[column] == COLUMNS_NONE ? data : copy + (data - plan->spans[plan->span_of[column]].from);
}
