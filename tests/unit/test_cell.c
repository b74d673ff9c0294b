/* SPDX-License-Identifier: MIT
 *
 * Names of cells: every enumerator survives the way to a name and back, and whatever is not exactly a name
 * is refused with a reason.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sweep/cell.h"

#define GOOD "howmany/fork/map/dynamic/chunk:64/workers:2/rows:200000/data:shared/start:warm"

static void same(const struct cell *a, const struct cell *b)
{
    assert_string_equal(a->kernel, b->kernel);
    assert_string_equal(a->backend, b->backend);
    assert_string_equal(a->call, b->call);
    assert_string_equal(a->schedule, b->schedule);
    assert_int_equal(a->chunk, b->chunk);
    assert_int_equal(a->workers, b->workers);
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->data, b->data);
    assert_int_equal(a->start, b->start);
    assert_int_equal(a->wait, b->wait);
    assert_int_equal(a->gap_ns, b->gap_ns);
}

static void test_one_name(void **state)
{
    (void)state;
    struct cell cell;
    const char *problem = NULL;
    assert_int_equal(cell_parse(GOOD, &cell, &problem), 0);
    same(&cell, &(struct cell){"howmany", "fork", "map", "dynamic", 64, 2, 200000, CELL_DATA_SHARED, CELL_START_WARM,
                               CELL_WAIT_ADAPTIVE, 0});
    char name[CELL_NAME_MAX];
    assert_int_equal(cell_name(&cell, name), 0);
    assert_string_equal(name, GOOD);

    assert_int_equal(cell_parse("compute:1000/openmp-as-shipped/map_chunks/-/chunk:0/workers:1/rows:0/data:copy/"
                                "start:cold/wait:spin",
                                &cell, NULL),
                     0);
    same(&cell, &(struct cell){"compute:1000", "openmp-as-shipped", "map_chunks", "-", 0, 1, 0, CELL_DATA_COPY,
                               CELL_START_COLD, CELL_WAIT_SPIN, 0});
}

static void test_gap(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t gap_ns;
    } gaps[] = {
        {GOOD "/gap:1us", 1000},
        {GOOD "/gap:100us", 100000},
        {GOOD "/gap:1ms", 1000000},
        {GOOD "/gap:10ms", 10000000},
        {GOOD "/gap:1500us", 1500000},
        {GOOD "/gap:1000ms", 1000000000},
        {GOOD "/wait:spin/gap:999999us", 999999000},
    };
    for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
        struct cell cell, baseline;
        char name[CELL_NAME_MAX];
        assert_int_equal(cell_parse(gaps[i].name, &cell, NULL), 0);
        assert_int_equal(cell.gap_ns, gaps[i].gap_ns);
        assert_int_equal(cell_name(&cell, name), 0);
        assert_string_equal(name, gaps[i].name);
        /* Who stands beside it waits as long. */
        cell_baseline(&cell, "callback", &baseline);
        assert_int_equal(baseline.gap_ns, gaps[i].gap_ns);
        assert_true(cell_floor(&cell, 2, &baseline));
        assert_int_equal(baseline.gap_ns, gaps[i].gap_ns);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    static const uint64_t chunks[] = {0, 1, 25000, INT64_MAX};
    int names = 0;
    for (int data = CELL_DATA_SHARED; data <= CELL_DATA_COPY; data++)
        for (int start = CELL_START_WARM; start <= CELL_START_COLD; start++)
            for (int wait = CELL_WAIT_ADAPTIVE; wait <= CELL_WAIT_PARK; wait++)
                for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
                    struct cell cell = {"compute:18446744073709551615",
                                        "openmp-as-shipped",
                                        "map_chunks",
                                        "taskloop",
                                        chunks[i],
                                        2147483647,
                                        INT64_MAX,
                                        (enum cell_data)data,
                                        (enum cell_start)start,
                                        (enum cell_wait)wait,
                                        1000 * (uint64_t)wait};
                    struct cell back;
                    char name[CELL_NAME_MAX];
                    const char *problem = "none";
                    assert_int_equal(cell_name(&cell, name), 0);
                    assert_int_equal(cell_parse(name, &back, &problem), 0);
                    same(&cell, &back);
                    names++;
                }
    assert_int_equal(names, 48);
}

static const char *const refused[] = {
    "",
    "howmany",
    "howmany/fork/map/dynamic",
    "howmany//map/dynamic/chunk:64/workers:2/rows:200000/data:shared/start:warm",
    "/howmany/fork/map/dynamic/chunk:64/workers:2/rows:200000/data:shared/start:warm",
    GOOD "/",
    GOOD " ",
    GOOD "/colour:red",    /* unknown key */
    GOOD "/wait",          /* no value */
    GOOD "/wait:",         /* an empty one */
    GOOD "/wait:adaptive", /* the default is not written */
    GOOD "/start:warm",    /* twice */
    GOOD "/gap:",          /* the gap is a time */
    GOOD "/gap:0",
    GOOD "/gap:0us",
    GOOD "/gap:0ms",
    GOOD "/gap:us",
    GOOD "/gap:1",
    GOOD "/gap:1s",
    GOOD "/gap:1ns",
    GOOD "/gap:1 ms",
    GOOD "/gap:01ms",
    GOOD "/gap:-1ms",
    GOOD "/gap:1.5ms",
    GOOD "/gap:1000us", /* in its largest unit */
    GOOD "/gap:1001ms",
    GOOD "/gap:1000001us",
    GOOD "/gap:18446744073709552us",
    GOOD "/gap:1ms/gap:1ms",
    GOOD "/gap:1ms/wait:spin",
    GOOD "/real_time", /* Google Benchmark's suffix is no part of a name */
    GOOD "/wait:spin/wait:spin",
    "howmany/fork/map/dynamic/chunk:/workers:2/rows:200000/data:shared/start:warm",
    "howmany/fork/map/dynamic/chunk:6x/workers:2/rows:200000/data:shared/start:warm",
    "howmany/fork/map/dynamic/chunk:-1/workers:2/rows:200000/data:shared/start:warm",
    "howmany/fork/map/dynamic/chunk:+1/workers:2/rows:200000/data:shared/start:warm",
    "howmany/fork/map/dynamic/chunk: 1/workers:2/rows:200000/data:shared/start:warm",
    "howmany/fork/map/dynamic/chunk:064/workers:2/rows:200000/data:shared/start:warm",
    "howmany/fork/map/dynamic/chunk:0x4/workers:2/rows:200000/data:shared/start:warm",
    "howmany/fork/map/dynamic/chunk:1e3/workers:2/rows:200000/data:shared/start:warm",
    "howmany/fork/map/dynamic/chunk:9223372036854775808/workers:2/rows:200000/data:shared/start:warm",
    "howmany/fork/map/dynamic/chunk:99999999999999999999999/workers:2/rows:200000/data:shared/start:warm",
    "howmany/fork/map/dynamic/chunk:python/workers:2/rows:200000/data:shared/start:warm",
    "howmany/fork/map/dynamic/chunk:64/workers:0/rows:200000/data:shared/start:warm",
    "howmany/fork/map/dynamic/chunk:64/workers:-2/rows:200000/data:shared/start:warm",
    "howmany/fork/map/dynamic/chunk:64/workers:2147483648/rows:200000/data:shared/start:warm",
    "howmany/fork/map/dynamic/chunk:64/workers:2/rows:2e5/data:shared/start:warm",
    "howmany/fork/map/dynamic/chunk:64/workers:2/rows:200000/data:Shared/start:warm",
    "howmany/fork/map/dynamic/chunk:64/workers:2/rows:200000/data:shared/start:hot",
    "howmany/fork/map/dynamic/chunk:64/workers:2/rows:200000/data:shared",
    "howmany/fork/map/dynamic/chunk:64/chunk:64/workers:2/rows:200000/data:shared/start:warm",
    "howmany/fork/map/dynamic/workers:2/chunk:64/rows:200000/data:shared/start:warm", /* out of order */
    "compute:/fork/map/dynamic/chunk:64/workers:2/rows:200000/data:shared/start:warm",
    "compute:x/fork/map/dynamic/chunk:64/workers:2/rows:200000/data:shared/start:warm",
    "compute:1:2/fork/map/dynamic/chunk:64/workers:2/rows:200000/data:shared/start:warm",
    ":1/fork/map/dynamic/chunk:64/workers:2/rows:200000/data:shared/start:warm",
    "how many/fork/map/dynamic/chunk:64/workers:2/rows:200000/data:shared/start:warm",
    "howmany/fo:rk/map/dynamic/chunk:64/workers:2/rows:200000/data:shared/start:warm",
    "a23456789012345678901234567890123/fork/map/dynamic/chunk:64/workers:2/rows:200000/data:shared/start:warm",
    "howmany/a23456789012345678901234/map/dynamic/chunk:64/workers:2/rows:200000/data:shared/start:warm",
    "howmany/fork/a2345678901234567890/dynamic/chunk:64/workers:2/rows:200000/data:shared/start:warm",
    "howmany/fork/map/a23456789012/chunk:64/workers:2/rows:200000/data:shared/start:warm",
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct cell cell = {.workers = 77};
        const char *problem = NULL;
        if (cell_parse(refused[i], &cell, &problem) != -EINVAL)
            fail_msg("accepted: %s", refused[i]);
        assert_non_null(problem);
        assert_int_equal(cell.workers, 77); /* untouched */
    }
    char endless[CELL_NAME_MAX + 20];
    memset(endless, 'a', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    struct cell cell;
    assert_int_equal(cell_parse(endless, &cell, NULL), -EINVAL);
}

/* Parts of full length and the largest numbers fit into a name. */
static void test_longest(void **state)
{
    (void)state;
    struct cell cell = {
        .chunk = INT64_MAX, .rows = INT64_MAX, .workers = 2147483647, .wait = CELL_WAIT_SPIN, .gap_ns = 999999000};
    memset(cell.kernel, 'k', sizeof cell.kernel - 1);
    memset(cell.backend, 'b', sizeof cell.backend - 1);
    memset(cell.call, 'c', sizeof cell.call - 1);
    memset(cell.schedule, 's', sizeof cell.schedule - 1);
    char name[CELL_NAME_MAX];
    struct cell back;
    assert_int_equal(cell_name(&cell, name), 0);
    assert_int_equal(cell_parse(name, &back, NULL), 0);
    same(&cell, &back);
}

static void test_baseline(void **state)
{
    (void)state;
    struct cell cell, baseline;
    char name[CELL_NAME_MAX];
    assert_int_equal(
        cell_parse("compute:1000/fork/map/dynamic/chunk:64/workers:2/rows:2000/data:copy/start:cold/wait:park", &cell,
                   NULL),
        0);
    cell_baseline(&cell, "callback", &baseline);
    assert_int_equal(cell_name(&baseline, name), 0);
    assert_string_equal(name, "compute:1000/serial/callback/-/chunk:0/workers:1/rows:2000/data:shared/start:warm");
    cell_baseline(&cell, "loop", &cell); /* in place */
    assert_int_equal(cell_name(&cell, name), 0);
    assert_string_equal(name, "compute:1000/serial/loop/-/chunk:0/workers:1/rows:2000/data:shared/start:warm");
}

/* A cell's floor has its kernel and its rows, and is plain whatever the cell is. */
static void test_floor(void **state)
{
    (void)state;
#define PLAIN "/data:shared/start:warm"
    static const struct {
        const char *cell;
        int usable_cpus;
        const char *floor; /* NULL: none */
    } expected[] = {
        {"howmany/fork/map/steal/chunk:1/workers:2/rows:200000/data:copy/start:cold/wait:spin", 8,
         "howmany/floor/peak/-/chunk:0/workers:2/rows:200000" PLAIN},
        {"compute:9/openmp-as-shipped/map_chunks/dynamic/chunk:1/workers:16/rows:20" PLAIN, 2,
         "compute:9/floor/peak/-/chunk:0/workers:2/rows:20" PLAIN}, /* its items are seeds */
        {"howmany/pthread/map/static/chunk:1/workers:4/rows:20" PLAIN, 1,
         "howmany/floor/peak/-/chunk:0/workers:1/rows:20" PLAIN},
        {"howmany/fork/map_chunks_async/steal/chunk:0/workers:2/rows:20" PLAIN, 2,
         "howmany/floor/bandwidth/-/chunk:0/workers:2/rows:20" PLAIN},
        {"empty/fork/map_chunks/steal/chunk:0/workers:2/rows:20" PLAIN, 2, /* it need not read */
         "empty/floor/peak/-/chunk:0/workers:2/rows:20" PLAIN},
        {"howmany/openmp/apply_callback/-/chunk:0/workers:8/rows:20" PLAIN, 2,
         "howmany/floor/peak/-/chunk:0/workers:2/rows:20" PLAIN},
        {"howmany/pthread/imap_unordered/-/chunk:0/workers:2/rows:20" PLAIN, 2,
         "howmany/floor/peak/-/chunk:0/workers:2/rows:20" PLAIN},
        {"howmany/fork/spawn/-/chunk:0/workers:2/rows:20" PLAIN, 2, NULL},
        {"howmany/fork/apply/-/chunk:0/workers:1/rows:20" PLAIN, 2,
         "howmany/floor/cacheline/-/chunk:0/workers:2/rows:20" PLAIN},
        {"howmany/fork/apply_async_get/-/chunk:0/workers:1/rows:20" PLAIN, 2,
         "howmany/floor/cacheline/-/chunk:0/workers:2/rows:20" PLAIN},
        {"howmany/fork/sleep/-/chunk:0/workers:4/rows:0" PLAIN, 2, NULL},
        {"howmany/fork-pipe/apply/-/chunk:0/workers:1/rows:20" PLAIN, 2,
         "howmany/floor/pipe/-/chunk:0/workers:2/rows:20" PLAIN},
        {"howmany/fork-pipe/map/dynamic/chunk:1/workers:2/rows:20" PLAIN, 2,
         "howmany/floor/peak/-/chunk:0/workers:2/rows:20" PLAIN},
        {"howmany/fork/apply/-/chunk:0/workers:1/rows:20" PLAIN "/wait:park", 2,
         "howmany/floor/futex/-/chunk:0/workers:2/rows:20" PLAIN},
        {"howmany/fork/apply/-/chunk:0/workers:1/rows:20" PLAIN "/wait:spin", 2,
         "howmany/floor/cacheline/-/chunk:0/workers:2/rows:20" PLAIN},
        {"howmany/fork-pipe/apply/-/chunk:0/workers:1/rows:20" PLAIN, 1, NULL},
        {"howmany/floor/pipe/-/chunk:0/workers:2/rows:20" PLAIN, 2, NULL},
        {"howmany/fork/apply/-/chunk:0/workers:2/rows:20" PLAIN, 1, NULL},
        {"howmany/fork/open/-/chunk:0/workers:3/rows:0" PLAIN, 1,
         "howmany/floor/fork/-/chunk:0/workers:3/rows:0" PLAIN},
        {"howmany/pthread/open/-/chunk:0/workers:3/rows:0" PLAIN, 1,
         "howmany/floor/thread/-/chunk:0/workers:3/rows:0" PLAIN},
        {"outlier:9/fork/map/steal/chunk:1/workers:2/rows:20" PLAIN, 2, NULL}, /* halves by number are no halves */
        {"outlier:9/fork/apply/-/chunk:0/workers:2/rows:20" PLAIN, 2,
         "outlier:9/floor/cacheline/-/chunk:0/workers:2/rows:20" PLAIN},
        {"howmany/null/map/dynamic/chunk:1/workers:2/rows:20" PLAIN, 2, NULL},
        {"howmany/cpython/map/-/chunk:1/workers:2/rows:20" PLAIN, 2, NULL},
        {"howmany/serial/callback/-/chunk:0/workers:1/rows:20" PLAIN, 2, NULL},
        {"howmany/serial/map/dynamic/chunk:1/workers:1/rows:20" PLAIN, 2, NULL},
        {"howmany/floor/peak/-/chunk:0/workers:2/rows:20" PLAIN, 2, NULL},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct cell cell, floor;
        char name[CELL_NAME_MAX];
        assert_int_equal(cell_parse(expected[i].cell, &cell, NULL), 0);
        assert_int_equal(cell_floor(&cell, expected[i].usable_cpus, &floor), expected[i].floor != NULL);
        if (!expected[i].floor)
            continue;
        assert_int_equal(cell_name(&floor, name), 0);
        assert_string_equal(name, expected[i].floor);
    }
}

static void partners_are(const char *name, const char *loop, const char *callback, const char *floor)
{
    const char *const expected[CELL_TURNS] = {name, loop, callback, floor};
    struct cell cell, partner;
    char got[CELL_NAME_MAX];
    assert_int_equal(cell_parse(name, &cell, NULL), 0);
    for (int turn = 0; turn < CELL_TURNS; turn++) {
        assert_int_equal(cell_partner(&cell, (enum cell_turn)turn, 2, &partner), expected[turn] != NULL);
        if (expected[turn]) {
            assert_int_equal(cell_name(&partner, got), 0);
            assert_string_equal(got, expected[turn]);
        }
    }
}

static void test_partners(void **state)
{
    (void)state;
    const char *loop = "howmany/serial/loop/-/chunk:0/workers:1/rows:20" PLAIN,
               *callback = "howmany/serial/callback/-/chunk:0/workers:1/rows:20" PLAIN;
    partners_are("howmany/fork/map/steal/chunk:1/workers:2/rows:20" PLAIN, loop, callback,
                 "howmany/floor/peak/-/chunk:0/workers:2/rows:20" PLAIN);
    partners_are("howmany/fork/open/-/chunk:0/workers:2/rows:0" PLAIN, NULL, NULL,
                 "howmany/floor/fork/-/chunk:0/workers:2/rows:0" PLAIN);
    partners_are("howmany/floor/peak/-/chunk:0/workers:2/rows:20" PLAIN, loop, callback, NULL);
    partners_are("howmany/floor/cacheline/-/chunk:0/workers:2/rows:20" PLAIN, NULL, NULL, NULL);
    partners_are("howmany/floor/futex/-/chunk:0/workers:2/rows:20" PLAIN, NULL, NULL, NULL);
    partners_are("howmany/floor/atomic/-/chunk:0/workers:2/rows:20" PLAIN, loop, callback, NULL);
    partners_are("howmany/floor/bandwidth/-/chunk:0/workers:2/rows:20" PLAIN, loop, callback, NULL);
    partners_are("howmany/floor/thread/-/chunk:0/workers:2/rows:0" PLAIN, NULL, NULL, NULL);
    partners_are("howmany/floor/fork/-/chunk:0/workers:2/rows:0" PLAIN, NULL, NULL, NULL);
    partners_are("howmany/cpython/map/-/chunk:64/workers:2/rows:20" PLAIN,
                 "howmany/cpython/loop/-/chunk:0/workers:1/rows:20" PLAIN, NULL, NULL);
    partners_are("howmany/cpython/open/-/chunk:0/workers:2/rows:0" PLAIN, NULL, NULL, NULL);
    partners_are("howmany/fork/spawn/-/chunk:0/workers:2/rows:20" PLAIN, loop, callback, NULL);
    partners_are(loop, loop, callback, NULL);
#undef PLAIN
}

/* The figures that CPython gives at two workers. */
static void test_python_chunk(void **state)
{
    (void)state;
    static const struct {
        uint64_t count;
        int workers;
        uint64_t chunk;
    } expected[] = {{0, 2, 0},          {1, 2, 1},          {8, 2, 1},
                    {9, 2, 2},          {17, 2, 3},         {100, 2, 13},
                    {200000, 2, 25000}, {200000, 3, 16667}, {UINT64_MAX, 1, UINT64_MAX / 4 + 1}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_int_equal(cell_python_chunk(expected[i].count, expected[i].workers), expected[i].chunk);
}

static void test_workers_used(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        int workers, usable, used;
    } expected[] = {{"map", 2, 8, 2},   {"map", 16, 8, 8},        {"map_chunks", 4, 2, 2}, {"apply", 4, 8, 1},
                    {"spawn", 4, 8, 1}, {"apply_async", 4, 2, 2}, {"callback", 4, 8, 1},   {"loop", 4, 8, 1},
                    {"peak", 4, 2, 2},  {"cacheline", 2, 8, 1},   {"mailbox", 2, 8, 1},    {"futex", 2, 8, 1},
                    {"pipe", 2, 8, 1}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct cell cell = {.workers = expected[i].workers};
        snprintf(cell.call, sizeof cell.call, "%s", expected[i].call);
        assert_int_equal(cell_workers_used(&cell, expected[i].usable), expected[i].used);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_name),     cmocka_unit_test(test_gap),          cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_longest),      cmocka_unit_test(test_baseline),
        cmocka_unit_test(test_python_chunk), cmocka_unit_test(test_workers_used), cmocka_unit_test(test_floor),
        cmocka_unit_test(test_partners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
