/* SPDX-License-Identifier: MIT
 *
 * See staging.h. Copying overlaps with running: a caller that copied everything first would keep all workers waiting
 * for a time that is of the order of the work itself.
 */
#include "staging.h"

#include "sys/page.h"

#include <string.h>

/* Items are copied in blocks of about this many bytes: half a second-level cache, so that a worker finds them there or
 * close; fewer than two blocks are copied at once. */
#define BLOCK_BYTES ((size_t)128 << 10)

/* More marks than these do not stay with the descriptor: to clear others costs far less than their tasks. */
#define MARKS_KEEP ((size_t)1 << 20)

void staging_init(struct staging *staging, struct backend_pool *pool, struct arena *arena, struct team_job *desc,
                  const struct job *job)
{
    staging->pool = pool;
    staging->arena = arena;
    staging->desc = desc;
    staging->job = job;
    staging->small_used = 0;
    staging->count = 0;
    staging->bytes = 0;
    staging->counted = 0;
    staging->loaded = job->count;
}

/* What is there already is not written again: its cache lines stay with the workers that have read them. Params are the
 * same from call to call, and the descriptor that was used last is used first. */
static void copy_small(void *to, const void *from, size_t size)
{
    if (memcmp(to, from, size) != 0)
        memcpy(to, from, size);
}

/* Puts what was taken into the pool's figures. A small call takes nothing but its descriptor: no locked instruction for
 * that. */
static void figures_count(struct staging *staging)
{
    if (staging->bytes == 0) {
        backend_bytes_note(staging->pool, staging->small_used);
        return;
    }
    staging->counted = staging->bytes + staging->small_used;
    backend_bytes_take(staging->pool, staging->counted);
}

static int take(struct staging *staging, size_t size, size_t alignment, void **memory)
{
    size_t rounded = line_round_up(size); /* what changes and what does not lie in different lines */
    if (rounded <= TEAM_INLINE - staging->small_used && alignment <= 64) {
        *memory = staging->desc->small + staging->small_used;
        staging->small_used += rounded;
        return 0;
    }
    size_t slack = alignment > 64 ? alignment - 64 : 0;
    int status = arena_alloc(staging->arena, size + slack, memory);
    if (status == 0) {
        staging->blocks[staging->count++] = *memory;
        staging->bytes += size + slack;
        *memory = (void *)job_align((uintptr_t)*memory, alignment);
    }
    return status;
}

/* Room for a copy of `size` bytes of the caller's, items of item_size each; where no copy is needed, the data
 * themselves. A copy that takes a block of its own anyway is as aligned as the caller's. */
static int room_for(struct staging *staging, const void *data, size_t item_size, size_t size, void **inside)
{
    *inside = (void *)(uintptr_t)data;
    if (size == 0 || arena_contains(staging->arena, data, size))
        return 0;
    return take(staging, size, size > TEAM_INLINE ? job_power((uintptr_t)data) : job_alignment(data, item_size),
                inside);
}

static int copy_in(struct staging *staging, const void *data, size_t item_size, size_t size, const void **inside)
{
    void *memory;
    int status = room_for(staging, data, item_size, size, &memory);
    *inside = memory;
    if (status || memory == data)
        return status;
    if (size <= TEAM_INLINE)
        copy_small(memory, data, size);
    else
        memcpy(memory, data, size);
    return 0;
}

/* The items; many of them under `steal` are only given room. */
static int items_load(struct staging *staging)
{
    const struct job *job = staging->job;
    struct job *inside = &staging->desc->job;
    size_t size = job->count * job->item_size;
    if (job->schedule != GRAIN_SCHEDULE_STEAL || size < 2 * BLOCK_BYTES)
        return copy_in(staging, job->items, job->item_size, size, &inside->items);
    void *memory;
    int status = room_for(staging, job->items, job->item_size, size, &memory);
    inside->items = memory;
    if (status == 0 && memory != job->items) {
        staging->loaded = 0;
        staging_load_more(staging);
    }
    return status;
}

size_t staging_load_more(struct staging *staging)
{
    const struct job *job = staging->job;
    size_t block = BLOCK_BYTES / job->item_size + 1, left = job->count - staging->loaded;
    size_t begin = staging->loaded * job->item_size;
    block = block < left ? block : left;
    memcpy((char *)staging->desc->job.items + begin, (const char *)job->items + begin, block * job->item_size);
    staging->loaded += block;
    return staging->loaded;
}

static int results_place(struct staging *staging)
{
    const struct job *job = staging->job;
    return room_for(staging, job->results, job->result_size, job->count * job->result_size,
                    &staging->desc->job.results);
}

/* The marks stay with the descriptor from job to job, and each job has a mark of its own: so nobody clears them, and
 * each worker finds those of its part where it left them, in its cache. All are cleared when the marks have been
 * round. */
static int marks_place(struct staging *staging)
{
    struct team_job *desc = staging->desc;
    size_t marks = team_chunks(&desc->job, staging->pool->workers);
    if (desc->marks_room < marks) {
        void *memory;
        int status = arena_alloc(staging->arena, marks, &memory);
        if (status)
            return status;
        staging_trim(staging->arena, desc, 0);
        desc->done_marks = memory;
        desc->marks_room = marks;
        desc->done_mark = UINT8_MAX;
    }
    if (++desc->done_mark == 0) {
        memset((void *)desc->done_marks, 0, desc->marks_room);
        desc->done_mark = 1;
    }
    staging->bytes += marks;
    return 0;
}

static int codes_place(struct staging *staging)
{
    const struct job *job = staging->job;
    size_t size = job->count * sizeof *job->codes;
    void *memory;
    int status = job->codes ? take(staging, size, JOB_ALIGN_LEAST, &memory) : 0;
    if (job->codes && status == 0)
        staging->desc->job.codes = memset(memory, 0, size);
    return status;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Bytes from the first byte of a column's first value to the last one of its last; 0: it need not be copied. */
static size_t column_bytes(const struct staging *staging, const struct grain_column *column)
{
    size_t size = column->size ? (staging->job->count - 1) * column->stride + column->size : 0;
    return size && arena_contains(staging->arena, column->data, size) ? 0 : size;
}

/* Which columns are to be copied, in the order of their addresses; returns how many. */
static size_t columns_order(const struct staging *staging, unsigned char order[GRAIN_COLUMNS_MAX])
{
    const struct grain_column *columns = staging->job->columns;
    size_t count = 0;
    for (size_t c = 0; c < staging->job->column_count; c++) {
        if (column_bytes(staging, &columns[c]) == 0)
            continue;
        size_t at = count++;
        for (; at > 0 && (uintptr_t)columns[order[at - 1]].data > (uintptr_t)columns[c].data; at--)
            order[at] = order[at - 1];
        order[at] = (unsigned char)c;
    }
    return count;
}

/* One copy of the first column in `order`, and of those behind it that begin before it has ended, as the members of an
 * array of structs do: they lie in the copy as they lie in the caller's memory, each as aligned as there, up to 64 at
 * least. Returns how many that were, or -ENOMEM. */
static int span_load(struct staging *staging, const unsigned char *order, size_t left, struct grain_column *inside)
{
    const struct grain_column *columns = staging->job->columns;
    uintptr_t from = (uintptr_t)columns[order[0]].data;
    size_t size = 0, alignment = 0, count = 0;
    for (; count < left && (count == 0 || (uintptr_t)columns[order[count]].data - from < size); count++) {
        const struct grain_column *column = &columns[order[count]];
        size = larger(size, (uintptr_t)column->data - from + column_bytes(staging, column));
        alignment = larger(alignment, job_alignment(column->data, column->size));
    }
    alignment = larger(alignment, count > 1 ? JOB_ALIGN_FIRM : size > TEAM_INLINE ? job_power(from) : 0);
    size_t phase = count > 1 ? from & (alignment - 1) : 0;
    void *memory;
    int status = take(staging, phase + size, alignment, &memory);
    if (status)
        return status;
    uintptr_t copy = (uintptr_t)memory + phase;
    memcpy((void *)copy, (const void *)from, size);
    for (size_t i = 0; i < count; i++)
        inside[order[i]].data = (const void *)(copy + ((uintptr_t)columns[order[i]].data - from));
    return (int)count;
}

/* The columns that do not lie in the arena, and the table of them. */
static int columns_load(struct staging *staging)
{
    const struct job *job = staging->job;
    struct grain_column inside[GRAIN_COLUMNS_MAX];
    unsigned char order[GRAIN_COLUMNS_MAX];
    size_t bytes = job->column_count * sizeof inside[0], count = columns_order(staging, order);
    memcpy(inside, job->columns, bytes);
    for (size_t done = 0; done < count;) {
        int taken = span_load(staging, order + done, count - done, inside);
        if (taken < 0)
            return taken;
        done += (size_t)taken;
    }
    const void *table;
    int status = copy_in(staging, inside, sizeof inside[0], bytes, &table);
    if (status == 0)
        staging->desc->job.columns = table;
    return status;
}

int staging_load(struct staging *staging)
{
    struct job *inside = &staging->desc->job;
    job_describe(inside, staging->job);
    team_fit(inside);
    const struct job *job = staging->job;
    int status = copy_in(staging, job->params, job->params_size, job->params_size, &inside->params);
    status = status ? status : results_place(staging);
    status = status ? status : codes_place(staging);
    status = status ? status : marks_place(staging);
    status = status ? status : inside->column_count ? columns_load(staging) : items_load(staging);
    if (status == 0)
        figures_count(staging);
    return status;
}

/* A number's worth of bytes in line: a call of memcpy takes longer than the copy. */
static inline void copy_few(void *to, const void *from, size_t size)
{
    if (size == sizeof(uint32_t))
        memcpy(to, from, sizeof(uint32_t));
    else if (size == sizeof(uint64_t))
        memcpy(to, from, sizeof(uint64_t));
    else
        memcpy(to, from, size);
}

static inline bool is_same(const void *a, const void *b, size_t size)
{
    return size == sizeof(uint64_t) ? memcmp(a, b, sizeof(uint64_t)) == 0 : memcmp(a, b, size) == 0;
}

/* copy_in() for what fits a cache line of the descriptor, each in one of its own: no alignment asks for more. */
static inline int line_in(struct staging *staging, const void *data, size_t size, bool may_be_there,
                          const void **inside)
{
    if (size > 64)
        return copy_in(staging, data, size, size, inside);
    *inside = data;
    if (size == 0 || arena_contains(staging->arena, data, size))
        return 0;
    void *line = staging->desc->small + staging->small_used;
    staging->small_used += 64;
    *inside = line;
    if (!may_be_there || !is_same(line, data, size)) /* see copy_small() */
        copy_few(line, data, size);
    return 0;
}

int staging_load_single(struct staging *staging)
{
    const struct job *job = staging->job;
    struct job *inside = &staging->desc->job;
    job_describe_task(inside, job);
    int status = line_in(staging, job->params, job->params_size, true, &inside->params);
    if (status == 0)
        status = line_in(staging, job->items, job->item_size, false, &inside->items);
    if (job->result_size <= TEAM_REPLY && !arena_contains(staging->arena, job->results, job->result_size))
        inside->results = staging->desc->reply;
    else if (status == 0)
        status = results_place(staging);
    if (status == 0)
        figures_count(staging);
    return status;
}

static void failures_unload(const struct job *inside, struct job *job)
{
    job->outcome.failed = inside->outcome.failed;
    if (inside->outcome.failed)
        job->outcome.first = inside->outcome.first;
}

void staging_unload(const struct staging *staging, struct job *job)
{
    const struct job *inside = &staging->desc->job;
    size_t size = job->count * job->result_size;
    if (size && inside->results != job->results)
        memcpy(job->results, inside->results, size);
    if (job->codes)
        memcpy(job->codes, inside->codes, job->count * sizeof *job->codes);
    failures_unload(inside, job);
    job->handovers = inside->handovers;
    job->steals = inside->steals;
}

void staging_unload_single(const struct staging *staging, struct job *job)
{
    const struct job *inside = &staging->desc->job;
    if (job->result_size && inside->results != job->results)
        copy_few(job->results, inside->results, job->result_size);
    failures_unload(inside, job);
    if (job->codes)
        job->codes[0] = job->outcome.failed ? job->outcome.first.code : 0;
}

/* The pointer stays: a worker that has just reported may still look at the old bytes. */
void staging_trim(struct arena *arena, struct team_job *desc, size_t most)
{
    if (desc->marks_room <= most)
        return;
    arena_release(arena, (void *)desc->done_marks);
    desc->marks_room = 0;
}

void staging_drop(struct staging *staging)
{
    bool has_more = staging->desc->marks_room > MARKS_KEEP;
    if (staging->counted)
        backend_bytes_give(staging->pool, staging->counted);
    for (int i = 0; i < staging->count; i++)
        arena_release(staging->arena, staging->blocks[i]);
    staging_trim(staging->arena, staging->desc, MARKS_KEEP);
    if (staging->count || has_more)
        arena_settle(staging->arena, true);
    staging->count = 0;
}
