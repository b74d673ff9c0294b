/* SPDX-License-Identifier: MIT
 *
 * Cells to names and back. The reader is strict: a name that is read is the very name that is written for
 * the same cell, so that names can be compared as text. What kernels, backends and schedules there are is
 * not known here.
 */
#include "cell.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernel.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const char *const data_names[] = {[CELL_DATA_SHARED] = "shared", [CELL_DATA_COPY] = "copy"};
static const char *const start_names[] = {[CELL_START_WARM] = "warm", [CELL_START_COLD] = "cold"};
static const char *const wait_names[] = {
    [CELL_WAIT_ADAPTIVE] = "adaptive", [CELL_WAIT_SPIN] = "spin", [CELL_WAIT_PARK] = "park"};

const char *cell_data_name(enum cell_data data)
{
    return (size_t)data < COUNT_OF(data_names) ? data_names[data] : "?";
}

const char *cell_start_name(enum cell_start start)
{
    return (size_t)start < COUNT_OF(start_names) ? start_names[start] : "?";
}

const char *cell_wait_name(enum cell_wait wait)
{
    return (size_t)wait < COUNT_OF(wait_names) ? wait_names[wait] : "?";
}

#define GAP_NAME_MAX 32

/* "/gap:1ms", in the largest unit that is whole; "" where there is none. */
static void gap_name(uint64_t gap_ns, char name[GAP_NAME_MAX])
{
    bool is_ms = gap_ns % 1000000 == 0;
    name[0] = '\0';
    if (gap_ns > 0)
        snprintf(name, GAP_NAME_MAX, "/gap:%" PRIu64 "%s", gap_ns / (is_ms ? 1000000 : 1000), is_ms ? "ms" : "us");
}

int cell_name(const struct cell *cell, char name[CELL_NAME_MAX])
{
    bool waits = cell->wait != CELL_WAIT_ADAPTIVE;
    char gap[GAP_NAME_MAX];
    gap_name(cell->gap_ns, gap);
    int length = snprintf(name, CELL_NAME_MAX,
                          "%s/%s/%s/%s/chunk:%" PRIu64 "/workers:%d/rows:%" PRIu64 "/data:%s/start:%s%s%s%s",
                          cell->kernel, cell->backend, cell->call, cell->schedule, cell->chunk, cell->workers,
                          cell->rows, cell_data_name(cell->data), cell_start_name(cell->start), waits ? "/wait:" : "",
                          waits ? cell_wait_name(cell->wait) : "", gap);
    return length < 0 || length >= CELL_NAME_MAX ? -ENAMETOOLONG : 0;
}

/* ---------------------------------------------------------------------------------- reading a name */

/* Plain decimal digits, no sign, no leading zero. */
static bool read_number(const char *text, uint64_t maximum, uint64_t *number)
{
    size_t length = strlen(text);
    if (length == 0 || strspn(text, "0123456789") != length || (text[0] == '0' && length > 1))
        return false;
    errno = 0;
    *number = strtoull(text, NULL, 10);
    return errno == 0 && *number <= maximum;
}

static bool read_name(const char *text, const char *const *names, size_t count, unsigned *index)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, names[i]) == 0) {
            *index = (unsigned)i;
            return true;
        }
    return false;
}

static bool read_chunk(const char *text, struct cell *cell)
{
    return read_number(text, INT64_MAX, &cell->chunk);
}

static bool read_workers(const char *text, struct cell *cell)
{
    uint64_t workers;
    if (!read_number(text, INT_MAX, &workers) || workers < 1)
        return false;
    cell->workers = (int)workers;
    return true;
}

static bool read_rows(const char *text, struct cell *cell)
{
    return read_number(text, INT64_MAX, &cell->rows);
}

static bool read_data(const char *text, struct cell *cell)
{
    unsigned index;
    bool known = read_name(text, data_names, COUNT_OF(data_names), &index);
    if (known)
        cell->data = (enum cell_data)index;
    return known;
}

static bool read_start(const char *text, struct cell *cell)
{
    unsigned index;
    bool known = read_name(text, start_names, COUNT_OF(start_names), &index);
    if (known)
        cell->start = (enum cell_start)index;
    return known;
}

static bool read_wait(const char *text, struct cell *cell)
{
    unsigned index;
    bool known = read_name(text, wait_names, COUNT_OF(wait_names), &index);
    if (known)
        cell->wait = (enum cell_wait)index;
    return known;
}

/* A time from 1us to 1000ms. That it stands in its largest unit the name shows when it is written again. */
static bool read_gap(const char *text, struct cell *cell)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"us", 1000}, {"ms", 1000000}};
    size_t digits = strspn(text, "0123456789");
    char number[12];
    uint64_t count;
    if (digits >= sizeof number)
        return false;
    memcpy(number, text, digits);
    number[digits] = '\0';
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (strcmp(text + digits, units[i].name) == 0 && read_number(number, CELL_GAP_MAX_NS / units[i].ns, &count)) {
            cell->gap_ns = count * units[i].ns;
            return count > 0;
        }
    return false;
}

/* The parts `key:value`, in the order in which they stand. */
static const struct {
    const char *key;
    bool (*read)(const char *text, struct cell *cell);
    const char *missing, *wrong;
} keys[] = {
    {"chunk", read_chunk, "`chunk:N' is missing", "the chunk is no whole number"},
    {"workers", read_workers, "`workers:N' is missing", "workers is no whole number from 1 on"},
    {"rows", read_rows, "`rows:N' is missing", "rows is no whole number"},
    {"data", read_data, "`data:shared' or `data:copy' is missing", "data is neither `shared' nor `copy'"},
    {"start", read_start, "`start:warm' or `start:cold' is missing", "start is neither `warm' nor `cold'"},
    {"wait", read_wait, NULL, "wait is neither `spin' nor `park'"},
    {"gap", read_gap, NULL, "the gap is no time from 1us to 1000ms, as 100us or 1ms"},
};

/* The first four parts. A kernel may have its number behind a colon; a schedule may be `-`. */
#define LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_-"
static const struct {
    size_t offset, size;
    const char *letters, *missing, *wrong;
} words[] = {
    {offsetof(struct cell, kernel), sizeof((struct cell *)0)->kernel, LETTERS ":", "the kernel is missing",
     "the kernel's name is too long or has a strange letter in it"},
    {offsetof(struct cell, backend), sizeof((struct cell *)0)->backend, LETTERS, "the backend is missing",
     "the backend's name is too long or has a strange letter in it"},
    {offsetof(struct cell, call), sizeof((struct cell *)0)->call, LETTERS, "the call is missing",
     "the call's name is too long or has a strange letter in it"},
    {offsetof(struct cell, schedule), sizeof((struct cell *)0)->schedule, LETTERS, "the schedule is missing (or `-')",
     "the schedule's name is too long or has a strange letter in it"},
};

static bool kernel_number_is_wrong(const char *kernel)
{
    const char *colon = strchr(kernel, ':');
    uint64_t number;
    return colon && (colon == kernel || !read_number(colon + 1, UINT64_MAX, &number));
}

/* Takes the parts before the first key; *rest goes on behind them. Returns what is wrong, or NULL. */
static const char *read_words(char **rest, struct cell *cell)
{
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        const char *part = strsep(rest, "/");
        size_t length = part ? strlen(part) : 0;
        if (length == 0)
            return words[i].missing;
        if (length >= words[i].size || strspn(part, words[i].letters) != length)
            return words[i].wrong;
        memcpy((char *)cell + words[i].offset, part, length + 1);
    }
    return kernel_number_is_wrong(cell->kernel) ? "the kernel's parameter is no whole number" : NULL;
}

/* Takes one part `key:value`. */
static const char *read_key(char *part, unsigned *seen, struct cell *cell)
{
    char *value = strchr(part, ':');
    if (!value)
        return "a part is not of the form `key:value'";
    *value++ = '\0';
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (strcmp(part, keys[i].key) != 0)
            continue;
        if (*seen & 1u << i)
            return "a key stands there twice";
        *seen |= 1u << i;
        return keys[i].read(value, cell) ? NULL : keys[i].wrong;
    }
    return "a key is unknown (there are chunk, workers, rows, data, start, wait, gap)";
}

static const char *read_parts(char *rest, struct cell *cell)
{
    const char *wrong = read_words(&rest, cell);
    unsigned seen = 0;
    for (char *part; !wrong && (part = strsep(&rest, "/"));)
        wrong = read_key(part, &seen, cell);
    for (size_t i = 0; !wrong && i < COUNT_OF(keys); i++)
        if (!(seen & 1u << i))
            wrong = keys[i].missing;
    return wrong;
}

int cell_parse(const char *name, struct cell *cell, const char **problem)
{
    char copy[CELL_NAME_MAX], again[CELL_NAME_MAX];
    struct cell read = {.chunk = 0};
    const char *wrong = NULL;
    size_t length = strlen(name);
    if (length >= sizeof copy) {
        wrong = "the name is too long";
    } else {
        memcpy(copy, name, length + 1);
        wrong = read_parts(copy, &read);
    }
    if (!wrong && (cell_name(&read, again) != 0 || strcmp(again, name) != 0))
        wrong = "the parts are not in their order (chunk, workers, rows, data, start; wait only when not adaptive; "
                "gap, 1ms "
                "and not 1000us)";
    if (wrong) {
        if (problem)
            *problem = wrong;
        return -EINVAL;
    }
    *cell = read;
    return 0;
}

/* ---------------------------------------------------------------------------------- what follows */

void cell_baseline(const struct cell *cell, const char *call, struct cell *baseline)
{
    struct cell made = {.backend = "serial", .schedule = "-", .workers = 1, .rows = cell->rows, .gap_ns = cell->gap_ns};
    memcpy(made.kernel, cell->kernel, sizeof made.kernel);
    snprintf(made.call, sizeof made.call, "%s", call);
    *baseline = made;
}

bool cell_is_trip(const char *call)
{
    static const char *const trips[] = {"cacheline", "mailbox", "futex", "pipe"};
    for (size_t i = 0; i < COUNT_OF(trips); i++)
        if (strcmp(call, trips[i]) == 0)
            return true;
    return false;
}

/* How the two sides of a call of apply reach each other. */
static const char *trip_of(const struct cell *cell)
{
    if (strcmp(cell->backend, "fork-pipe") == 0)
        return "pipe";
    return cell->wait == CELL_WAIT_PARK ? "futex" : "cacheline";
}

/* What a pool's life consists of. */
static const char *life_of(const struct cell *cell)
{
    return strncmp(cell->backend, "fork", 4) == 0 ? "fork" : "thread";
}

/* A chunk function that is handed rows can do no better than read them; one that makes no results may not even do
 * that, and where items are seeds reading them is the least of it. */
static const char *whole_of(const struct cell *cell)
{
    const struct kernel *kernel = kernel_find(cell->kernel);
    return kernel != NULL && kernel->items == KERNEL_ITEMS_ROWS && kernel->result_size > 0 ? "bandwidth" : "peak";
}

bool cell_floor(const struct cell *cell, int usable_cpus, struct cell *floor)
{
    static const char *const without[] = {"serial", "null", "floor", "cpython"};
    const int used = cell_workers_used(cell, usable_cpus);
    const char *whole = whole_of(cell), *life = life_of(cell);
    const struct {
        const char *call, *floor;
        int workers;
    } floors[] = {
        {"map", "peak", used},         {"map_async", "peak", used},
        {"map_chunks", whole, used},   {"map_chunks_async", whole, used},
        {"starmap", "peak", used},     {"starmap_async", "peak", used},
        {"apply_async", "peak", used}, {"apply_callback", "peak", used},
        {"imap", "peak", used},        {"imap_unordered", "peak", used},
        {"apply", trip_of(cell), 2},   {"apply_async_get", trip_of(cell), 2},
        {"open", life, cell->workers},
    };
    for (size_t i = 0; i < COUNT_OF(without); i++)
        if (strcmp(cell->backend, without[i]) == 0)
            return false;
    for (size_t i = 0; i < COUNT_OF(floors); i++) {
        if (strcmp(cell->call, floors[i].call) != 0)
            continue;
        struct cell made = {.backend = "floor",
                            .schedule = "-",
                            .workers = floors[i].workers,
                            .rows = cell->rows,
                            .gap_ns = cell->gap_ns};
        memcpy(made.kernel, cell->kernel, sizeof made.kernel);
        snprintf(made.call, sizeof made.call, "%s", floors[i].floor);
        *floor = made;
        /* The shares of `peak` are equal numbers of tasks. */
        const struct kernel *kernel = kernel_find(cell->kernel);
        bool is_even = kernel == NULL || kernel->longest == NULL;
        return cell_is_trip(made.call) ? usable_cpus >= 2 : strcmp(made.call, "peak") != 0 || is_even;
    }
    return false;
}

bool cell_partner(const struct cell *cell, enum cell_turn turn, int usable_cpus, struct cell *partner)
{
    static const char *const calls[CELL_TURNS] = {[CELL_TURN_LOOP] = "loop", [CELL_TURN_CALLBACK] = "callback"};
    bool runs_tasks = cell->rows > 0 && !cell_is_trip(cell->call);
    *partner = *cell;
    if (turn == CELL_TURN_CELL)
        return true;
    if (turn == CELL_TURN_RIVAL)
        return false;
    if (turn == CELL_TURN_FLOOR)
        return cell_floor(cell, usable_cpus, partner);
    if (strcmp(cell->backend, "cpython") != 0) {
        cell_baseline(cell, calls[turn], partner);
        return runs_tasks;
    }
    /* Its own serial loop; it has no callback. */
    strcpy(partner->call, "loop");
    strcpy(partner->schedule, "-");
    partner->chunk = 0;
    partner->workers = 1;
    return turn == CELL_TURN_LOOP && runs_tasks;
}

uint64_t cell_python_chunk(uint64_t count, int workers)
{
    uint64_t parts = 4 * (uint64_t)(workers > 0 ? workers : 1);
    return count / parts + (count % parts != 0);
}

int cell_workers_used(const struct cell *cell, int usable_cpus)
{
    static const char *const alone[] = {"apply", "apply_async_get", "spawn", "loop", "callback"};
    for (size_t i = 0; i < COUNT_OF(alone); i++)
        if (strcmp(cell->call, alone[i]) == 0)
            return 1;
    if (cell_is_trip(cell->call))
        return 1;
    return cell->workers < usable_cpus ? cell->workers : usable_cpus;
}
