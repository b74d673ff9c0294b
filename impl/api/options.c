/* SPDX-License-Identifier: MIT
 *
 * See options.h. One row per field: a new option is a field at the end of its struct, a row here, and what it does.
 */
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MOST     4096 /* of any struct: beyond it, a size is a mistake */
#define KEPT_MOST     ((size_t)1 << 20)
#define DEFAULT_GRACE (100 * 1000000ull)

/* These never grow: nobody is told their sizes. */
_Static_assert(sizeof(struct grain_in) == 24 && sizeof(struct grain_out) == 16 && sizeof(struct grain_column) == 24,
               "what goes by value, or in rows, stays as it is");
_Static_assert(sizeof(struct grain_error) == 264 && sizeof(struct grain_report) == 280,
               "what a program reads or keeps room for without a size stays as it is");

/* ---------------------------------------------------------------------------------------------- sizes */

/* A struct of options, as this library knows it, and what it measured in the first release, 0.1.0: when that is out,
 * first_size and STATS_FIRST_SIZE are numbers. Options begin with struct_size. */
struct form {
    const char *name;
    size_t size, first_size;
};
#define FORM(name) #name, sizeof(struct name), sizeof(struct name)

static const struct form pool_form = {FORM(grain_pool_options)};
static const struct form call_form = {FORM(grain_call_options)};
static const struct form process_form = {FORM(grain_process_options)};
#define STATS_FIRST_SIZE sizeof(struct grain_pool_stats)
_Static_assert(offsetof(struct grain_pool_options, struct_size) == 0 &&
                   offsetof(struct grain_call_options, struct_size) == 0 &&
                   offsetof(struct grain_process_options, struct_size) == 0,
               "form_take() looks for struct_size in front");

/* *given as this library knows it: itself, or a copy in `room`, in which what the program does not know is 0. 0;
 * -EINVAL a size that no version has; -E2BIG a field is set that this library does not know. */
static int form_take(const struct form *form, const void **given, size_t size, void *room)
{
    const unsigned char *bytes = *given;
    size_t struct_size = 0;
    if (size == 0 || size >= sizeof struct_size)
        memcpy(&struct_size, bytes, sizeof struct_size);
    if (size == 0)
        size = struct_size ? struct_size : form->first_size;
    if (size < sizeof struct_size || size > SIZE_MOST)
        return refuse(-EINVAL, "%s: no version has %zu bytes", form->name, size);
    if (struct_size != 0 && struct_size != size)
        return refuse(-EINVAL, "%s.struct_size: %zu; it takes 0 or %zu", form->name, struct_size, size);
    for (size_t i = form->size; i < size; i++)
        if (bytes[i])
            return refuse(-E2BIG, "%s: byte %zu is set; this version of the library knows %zu", form->name, i,
                          form->size);
    if (size >= form->size)
        return 0;
    memset(room, 0, form->size);
    memcpy(room, bytes, size);
    *given = room;
    return 0;
}

void options_give_stats(struct grain_pool_stats *given, size_t size, const struct grain_pool_stats *known)
{
    size = size ? size : STATS_FIRST_SIZE;
    memset(given, 0, size);
    memcpy(given, known, size < sizeof *known ? size : sizeof *known);
}

/* ---------------------------------------------------------------------------------------------- fields */

/* What a field takes on any backend, and the capability of a backend that heeds it where it is set. */
struct rule {
    const char *field;
    size_t offset, size; /* an int, an enum, or 64 bits */
    int64_t least, most, besides;
    const char *takes;
    unsigned needs;
};
#define FIELD(options, name) #name, offsetof(struct options, name), sizeof(((struct options *)NULL)->name)
#define ANY                  INT64_MIN, INT64_MAX, 0, "anything"
#define TEXT_OF(number)      #number
#define TEXT(macro)          TEXT_OF(macro)

static const struct rule pool_rules[] = {
    {FIELD(grain_pool_options, workers), 0, BACKEND_WORKERS_MAX, 0, "0 to " TEXT(BACKEND_WORKERS_MAX), 0},
    {FIELD(grain_pool_options, wait), 0, GRAIN_WAIT_PARK, 0, "an enum grain_wait", 0},
    {FIELD(grain_pool_options, bind), 0, GRAIN_BIND_NONE, 0, "an enum grain_bind", 0},
    {FIELD(grain_pool_options, initializer), ANY, BACKEND_INITIALIZES},
    {FIELD(grain_pool_options, finalizer), ANY, BACKEND_INITIALIZES},
    {FIELD(grain_pool_options, max_tasks_per_worker), ANY, BACKEND_REPLACES},
};

static const struct rule call_rules[] = {
    {FIELD(grain_call_options, schedule), 0, GRAIN_SCHEDULE_COUNT - 1, 0, "an enum grain_schedule", 0},
    {FIELD(grain_call_options, chunk), 0, INT64_MAX, GRAIN_CHUNK_PYTHON, "0, a number of tasks, or GRAIN_CHUNK_PYTHON",
     0},
    {FIELD(grain_call_options, retries), 0, INT_MAX, 0, "0 or more", 0},
};
#define ROWS(table) table, sizeof table / sizeof table[0]

static int64_t value_of(const struct rule *rule, const void *options)
{
    int narrow;
    int64_t wide;
    const char *field = (const char *)options + rule->offset;
    if (rule->size == sizeof narrow) {
        memcpy(&narrow, field, sizeof narrow);
        return narrow;
    }
    memcpy(&wide, field, sizeof wide);
    return wide;
}

static int values_check(const struct form *form, const struct rule *rules, size_t count, const void *options)
{
    for (const struct rule *rule = rules; rule < rules + count; rule++) {
        int64_t value = value_of(rule, options);
        if ((value < rule->least || value > rule->most) && value != rule->besides)
            return refuse(-EINVAL, "%s.%s: %lld; it takes %s", form->name, rule->field, (long long)value, rule->takes);
    }
    return 0;
}

static int needs_check(const struct grain_pool_options *options, const struct grain_backend *backend)
{
    for (size_t i = 0; i < sizeof pool_rules / sizeof pool_rules[0]; i++)
        if (pool_rules[i].needs & ~backend->capabilities && value_of(&pool_rules[i], options) != 0)
            return refuse(-ENOTSUP, "grain_pool_options.%s: the backend %s has none", pool_rules[i].field,
                          backend->name);
    return 0;
}

/* -------------------------------------------------------------------------------- options of a pool */

static int kept_check(const struct grain_pool_options *options)
{
    const int *kept = options->keep_descriptors;
    if (!options->close_descriptors && (kept || options->keep_count))
        return refuse(-EINVAL, "grain_pool_options.keep_descriptors: only with close_descriptors");
    if ((!kept && options->keep_count) || options->keep_count > KEPT_MOST)
        return refuse(-EINVAL, "grain_pool_options.keep_count: %zu; it takes the length of keep_descriptors",
                      options->keep_count);
    for (size_t i = 0; i < options->keep_count; i++)
        if (fcntl(kept[i], F_GETFD) < 0)
            return refuse(-EINVAL, "grain_pool_options.keep_descriptors[%zu]: %d is not open", i, kept[i]);
    return 0;
}

static int backend_choose(const char *name, const struct grain_backend **backend)
{
    const char *from = "grain_pool_options.backend", *variable = getenv("GRAIN_BACKEND");
    bool is_variable = !name && variable && *variable;
    if (is_variable)
        from = "$GRAIN_BACKEND";
    if (!name)
        name = is_variable ? variable : "pthread";
    *backend = backend_find(name);
    if (!*backend)
        return refuse(-EINVAL, "%s: \"%.100s\" is no backend of this build", from, name);
    return 0;
}

static int pool_check(const struct grain_pool_options *options, const struct grain_backend **backend)
{
    int status = values_check(&pool_form, ROWS(pool_rules), options);
    if (status == 0 && job_current_pool() && !options->allow_nested)
        status = refuse(-EDEADLK, "grain_pool_options.allow_nested: false, in the worker of a pool");
    if (status == 0)
        status = kept_check(options);
    if (status == 0)
        status = backend_choose(options->backend, backend);
    return status ? status : needs_check(options, *backend);
}

static int cpus_refuse(int status, const char *list, const struct grain_backend *backend)
{
    if (status == -ENOTSUP)
        return refuse(status, "grain_pool_options.cpus: \"%.100s\"; the workers of the backend %s are the caller", list,
                      backend->name);
    if (status == -EINVAL)
        return refuse(status, "%s: \"%.100s\"; it takes usable CPUs, each once, such as 0-3,8",
                      list ? "grain_pool_options.cpus" : "$GRAIN_CPUS", list ? list : getenv("GRAIN_CPUS"));
    return status;
}

int options_take_pool(struct backend_pool *core, const struct grain_pool_options *given, size_t size)
{
    static const struct grain_pool_options none;
    struct grain_pool_options room;
    const void *known = given ? given : &none;
    int status = given ? form_take(&pool_form, &known, size, &room) : 0;
    const struct grain_pool_options *options = known;
    if (status == 0)
        status = pool_check(options, &core->backend);
    if (status)
        return status;
    core->options = *options;
    core->options.grace_ns = options->grace_ns ? options->grace_ns : DEFAULT_GRACE;
    core->workers = options->workers;
    status = backend_bind(core);
    return status ? cpus_refuse(status, options->cpus, core->backend) : 0;
}

/* ------------------------------------------------------------------------------ of a process, of a call */

int options_take_process(const struct grain_process_options *given, size_t size)
{
    struct grain_process_options room;
    const void *known = given;
    return given ? form_take(&process_form, &known, size, &room) : 0;
}

int options_take_call_slowly(const struct grain_call_options **options, size_t size, struct grain_call_options *room)
{
    const void *known = *options;
    int status = form_take(&call_form, &known, size, room);
    if (status)
        return status;
    *options = known;
    if ((*options)->report) /* should the call be refused: no task has failed */
        (*options)->report->failed = 0;
    status = values_check(&call_form, ROWS(call_rules), *options);
    return status ? status : check_block("grain_call_options.params", (*options)->params, 1, (*options)->params_size);
}

int options_refuse_schedule(const struct backend_pool *core, const struct grain_call_options *options)
{
    return refuse(-ENOTSUP, "grain_call_options.schedule: %s; the backend %s has no such schedule",
                  grain_schedule_name(options->schedule), core->backend->name);
}

/* ------------------------------------------------------------------------------------------ arguments */

int check_block_slowly(const char *what, const void *data, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || total > PTRDIFF_MAX)
        return refuse(-EOVERFLOW, "%s: %zu times %zu bytes is over PTRDIFF_MAX", what, count, size);
    return total && !data ? refuse(-EINVAL, "%s: NULL with a size of %zu", what, size) : 0;
}

/* From its first value's first byte to the last one's last. */
static int column_check(size_t index, const struct grain_column *column, size_t count)
{
    size_t total;
    if (count == 0)
        return 0;
    if (__builtin_mul_overflow(count - 1, column->stride, &total) ||
        __builtin_add_overflow(total, column->size, &total) || total > PTRDIFF_MAX)
        return refuse(-EOVERFLOW, "columns[%zu]: %zu values, %zu bytes apart, are over PTRDIFF_MAX", index, count,
                      column->stride);
    if (column->size && !column->data)
        return refuse(-EINVAL, "columns[%zu].data: NULL with a size of %zu", index, column->size);
    return 0;
}

int check_columns(const struct grain_column *columns, size_t column_count, size_t count)
{
    if (!columns || column_count == 0 || column_count > GRAIN_COLUMNS_MAX)
        return refuse(-EINVAL, "columns: %s of them; starmap takes 1 to %d",
                      !columns       ? "NULL instead"
                      : column_count ? "too many"
                                     : "none",
                      GRAIN_COLUMNS_MAX);
    int status = 0;
    for (size_t i = 0; i < column_count && status == 0; i++)
        status = column_check(i, &columns[i], count);
    return status;
}
