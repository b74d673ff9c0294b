/* SPDX-License-Identifier: MIT
 *
 * Profile floor: its plan, and what RESULTS.md makes of its samples.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "peers/peers.h"
#include "report_folder.h"
#include "sweep/estimate.h"
#include "sweep/plan.h"

#define WARM "/data:shared/start:warm"
#define ROWS "/rows:200000" WARM

static struct plan make_plan(int cpus)
{
    struct plan plan;
    char problem[PLAN_PROBLEM_MAX] = "";
    if (plan_make(&plan, &(struct plan_options){.profile = "floor", .cpus = cpus}, problem) != 0)
        fail_msg("%s", problem);
    return plan;
}

static const struct plan_cell *find(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->cells[i].name, name) == 0)
            return &plan->cells[i];
    return NULL;
}

/* All that both tables show, each with the partners that it is compared in pairs with. */
static void test_plan(void **state)
{
    static const struct {
        const char *name, *turns; /* loop, callback, floor */
        const char *floor;
    } expected[] = {
        {"howmany/serial/loop/-/chunk:0/workers:1" ROWS, "lc", NULL},
        {"howmany/serial/callback/-/chunk:0/workers:1" ROWS, "lc", NULL},
        {"howmany/floor/cacheline/-/chunk:0/workers:2" ROWS, "", NULL},
        {"howmany/floor/mailbox/-/chunk:0/workers:2" ROWS, "", NULL},
        {"howmany/floor/futex/-/chunk:0/workers:2" ROWS, "", NULL},
        {"howmany/floor/pipe/-/chunk:0/workers:2" ROWS, "", NULL},
        {"howmany/floor/fork/-/chunk:0/workers:2/rows:0" WARM, "", NULL},
        {"howmany/floor/thread/-/chunk:0/workers:2/rows:0" WARM, "", NULL},
        {"howmany/floor/atomic/-/chunk:0/workers:1" ROWS, "c", NULL},
        {"howmany/floor/atomic/-/chunk:0/workers:2" ROWS, "c", NULL},
        {"howmany/floor/bandwidth/-/chunk:0/workers:1" ROWS, "lc", NULL},
        {"howmany/floor/bandwidth/-/chunk:0/workers:2" ROWS, "lc", NULL},
        {"howmany/floor/peak/-/chunk:0/workers:1" ROWS, "lc", NULL},
        {"howmany/floor/peak/-/chunk:0/workers:2" ROWS, "lc", NULL},
        {"howmany/fork/apply/-/chunk:0/workers:1" ROWS, "f", "cacheline"},
        {"howmany/fork/apply/-/chunk:0/workers:1" ROWS "/wait:park", "f", "futex"},
        {"howmany/fork-pipe/apply/-/chunk:0/workers:1" ROWS, "f", "pipe"},
        {"howmany/fork/open/-/chunk:0/workers:2/rows:0" WARM, "f", "fork"},
        {"howmany/pthread/open/-/chunk:0/workers:2/rows:0" WARM, "f", "thread"},
        {"howmany/fork/map/dynamic/chunk:1/workers:2" ROWS, "cf", "peak"},
        {"howmany/pthread/map/dynamic/chunk:1/workers:2" ROWS, "cf", "peak"},
        {"howmany/fork/map/steal/chunk:1/workers:2" ROWS, "cf", "peak"},
        {"howmany/pthread/map/steal/chunk:1/workers:2" ROWS, "cf", "peak"},
        {"howmany/fork/map_chunks/steal/chunk:0/workers:2" ROWS, "f", "bandwidth"},
        {"howmany/pthread/map_chunks/steal/chunk:0/workers:2" ROWS, "f", "bandwidth"},
        {"howmany/fork/map/dynamic/chunk:25000/workers:2" ROWS, "f", "peak"},
        {"howmany/pthread/map/dynamic/chunk:25000/workers:2" ROWS, "f", "peak"},
    };
    struct plan plan = make_plan(2);

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const struct plan_cell *cell = find(&plan, expected[i].name);
        struct cell partner;
        if (cell == NULL)
            fail_msg("%s is not in it", expected[i].name);
        for (int turn = CELL_TURN_LOOP; turn <= CELL_TURN_FLOOR; turn++)
            assert_int_equal(plan_partner(cell, (enum cell_turn)turn, 2, &partner),
                             strchr(expected[i].turns, "?lcf"[turn]) != NULL);
        if (expected[i].floor != NULL)
            assert_string_equal(partner.call, expected[i].floor);
    }
    size_t openmp = plan.count - sizeof expected / sizeof *expected;
    assert_true(openmp == 0 || openmp == 4); /* where there is OpenMP */
    assert_true(estimate_plan(&plan, 2) < 50);
    plan_free(&plan);
}

/* Nothing contends with one CPU; with four everything up to four does. */
static void test_plan_by_cpus(void **state)
{
    struct plan plan = make_plan(1);

    (void)state;
    for (size_t i = 0; i < plan.count; i++)
        if (strcmp(plan.cells[i].cell.backend, "floor") == 0)
            assert_int_equal(plan.cells[i].cell.workers, 1);
    assert_non_null(find(&plan, "howmany/floor/atomic/-/chunk:0/workers:1" ROWS));
    plan_free(&plan);
    plan = make_plan(4);
    assert_non_null(find(&plan, "howmany/floor/atomic/-/chunk:0/workers:4" ROWS));
    assert_non_null(find(&plan, "howmany/floor/bandwidth/-/chunk:0/workers:4" ROWS));
    assert_null(find(&plan, "howmany/floor/bandwidth/-/chunk:0/workers:8" ROWS));
    plan_free(&plan);
}

/* Times of a call, its floor, and its baselines, in ns. */
static void put_floor(struct synthetic *sweep)
{
    const double loop = SYNTHETIC_LOOP, callback = SYNTHETIC_CALLBACK;
    static const struct {
        const char *name;
        uint64_t tasks;
        double time_ns, floor_ns;
    } cells[] = {
        {"howmany/floor/atomic/-/chunk:0/workers:1" ROWS, 20000, 20000 * 5.0, 0},
        {"howmany/floor/atomic/-/chunk:0/workers:2" ROWS, 20000, 20000 * 40.0, 0},
        {"howmany/floor/bandwidth/-/chunk:0/workers:1" ROWS, 200000, 110000, 0},
        {"howmany/floor/bandwidth/-/chunk:0/workers:2" ROWS, 200000, 80000, 0},
        {"howmany/floor/cacheline/-/chunk:0/workers:2" ROWS, 2000, 2000 * 400.0, 0},
        {"howmany/floor/thread/-/chunk:0/workers:2/rows:0" WARM, 2, 30000, 0},
        {"howmany/floor/fork/-/chunk:0/workers:2/rows:0" WARM, 3, 540000, 0},
        {"howmany/fork/apply/-/chunk:0/workers:1" ROWS, 2000, 2000 * 800.0, 2000 * 400.0},
        {"howmany/fork/apply/-/chunk:0/workers:1" ROWS "/wait:park", 2000, 2000 * 50000.0, 2000 * 40000.0},
        {"howmany/pthread/open/-/chunk:0/workers:2/rows:0" WARM, 0, 90000, 30000},
        {"howmany/fork/map/steal/chunk:1/workers:2" ROWS, 200000, 341000, 310000},
        {"howmany/fork/map_chunks/steal/chunk:0/workers:2" ROWS, 200000, 264000, 80000},
    };

    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        bool has_rows = strstr(cells[i].name, "/rows:0/") == NULL;
        synthetic_cell(sweep, cells[i].name, cells[i].tasks, cells[i].time_ns, has_rows ? loop : NAN,
                       has_rows ? callback : NAN);
        if (cells[i].floor_ns > 0)
            synthetic_beside(sweep, cells[i].name, cells[i].floor_ns);
    }
}

static void assert_line(const char *page, const char *line)
{
    assert_has(page, line);
    char *whole = line_with(page, line);
    if (strlen(whole) > 80)
        fail_msg("longer than a terminal is wide: %s", whole);
    free(whole);
}

/* One of each; a claim is compared with an add as one CPU sees it, all else in pairs. */
static void test_part(void **state)
{
    static const char *const lines[] = {
        "| serial loop     |    1 | row        |  2.20 ns |   2.19 to 2.21 |    - |",
        "| peak            |    2 | row        |  1.58 ns | ",
        "| bandwidth       |    1 | row        | 0.550 ns | 0.549 to 0.551 | 36.4 |",
        "| bandwidth       |    2 | row        | 0.400 ns | 0.399 to 0.401 | 50.0 |",
        "| atomic          |    1 | add        |  5.00 ns | ",
        "| atomic          |    2 | add        |  40.0 ns | ",
        "| cacheline       |    2 | round trip |   400 ns | ",
        "| thread          |    1 | thread     |  15.0 us |   14.9 to 15.0 |    - |",
        "| fork            |    1 | process    |   180 us |     180 to 180 |    - |",
        "| fork apply         |  800 ns | cacheline |   400 ns | 2.00 (",
        "| fork apply, parked | 50.0 us | futex     |  40.0 us | 1.25 (",
        "| pthread open       | 90.0 us | thread    |  30.0 us | 3.00 (",
        "| fork dynamic 1     | 46.1 ns | atomic    |  40.0 ns | 1.15 (",
        "| fork steal 1       | 1.71 ns | peak      |  1.55 ns | 1.10 (",
        "| fork map_chunks    | 1.32 ns | bandwidth | 0.400 ns | 3.29 (3.29 to 3.33) |",
    };
    struct folder *folder = *state;
    char *page;

    put(folder, "env.json", ENV);
    page = make(folder, NULL);
    assert_lacks(page, "### What the machine itself takes");
    assert_lacks(page, "### What the pools take of it");
    free(page);
    put_floor(&folder->sweep);
    page = make(folder, NULL);
    assert_has(page, "### What the machine itself takes\n\nNo pool, no queue.");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_line(page, lines[i]);
    assert_has(page, "\nThe serial loop takes 3.99 x (");
    assert_has(page, "\n2 copies of the kernel at once do 1.96 x (");
    assert_has(page, "\nAn add to a word that 2 CPUs want takes each of them 8.00 x (");
    assert_has(page, "\nNearest to its floor is `pthread dynamic 1`, with 1.08 x; farthest is `fork map_chunks`, with "
                     "3.29 x.\n");
    assert_lacks(page, "| fork-pipe apply");
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_plan_by_cpus),
        cmocka_unit_test_setup_teardown(test_part, set_up, tear_down),
    };
    peers_register_own();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
