/* SPDX-License-Identifier: MIT
 *
 * The parts of RESULTS.md that only some sweeps have: they are there with their cells, and not without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report_folder.h"
#include "synthetic_calls.h"

/* The part about the core is there when its cells are, and says what its claims say. */
static void test_core(void **state)
{
    struct folder *folder = *state;
    char *page, *line;

    put(folder, "env.json", ENV);
    page = make(folder, NULL);
    assert_lacks(page, "The pool's core");
    free(page);
    synthetic_core(&folder->sweep);
    page = make(folder, NULL);
    assert_has(page, "## The pool's core");
    line = line_with(page, "| fork: map, steal, chunk 1, 200000 rows: speedup over the serial callback");
    assert_has(line, "| >= 1.43 |  >= 1.6 | ");
    assert_has(line, " 1.28 (1.28 to 1.28) |");
    assert_has(line, "| holds, and so does the goal |");
    free(line);
    line = line_with(page, "| fork: apply, 1 worker, asleep");
    assert_has(line, "|       - |       - |  50.");
    assert_has(line, "| reported ");
    free(line);
    free(page);
}

static void assert_line(const char *page, const char *start, const char *end)
{
    char *line = line_with(page, start);

    assert_has(line, end);
    free(line);
}

/* Rows at one P, then workers at one number of rows; each compared with the line before. */
static void test_growth(void **state)
{
    static const struct {
        int workers;
        uint64_t rows;
        double time_ns;
        const char *start, *end; /* of its line, without the interval */
    } cells[] = {
        {2, 1000, 4000, "| fork    |   1000 |   2 |   4.00 |", " |      - |   1.50 | ok      |"},
        {2, 10000, 20000, "| fork    |  10000 |   2 |   2.00 |", " |  0.500 |   1.50 | ok      |"},
        {2, 100000, 200000, "| fork    | 100000 |   2 |   2.00 |", " |   1.00 |   1.50 | ok      |"},
        {1, 10000, 40000, "| fork    |  10000 |   1 |   4.00 |", " |      - |   1.50 | ok      |"},
        {4, 10000, 30000, "| fork    |  10000 |   4 |   3.00 |", " |   1.50 |   1.50 | ok      |"},
    };
    struct folder *folder = *state;
    char *page, name[CELL_NAME_MAX];

    put(folder, "env.json", ENV);
    page = make(folder, NULL);
    assert_lacks(page, "## Growth");
    free(page);
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        snprintf(name, sizeof name, "compute:1/fork/map/steal/chunk:1/workers:%d/rows:%llu/data:shared/start:warm",
                 cells[i].workers, (unsigned long long)cells[i].rows);
        synthetic_cell(&folder->sweep, name, cells[i].rows, cells[i].time_ns, NAN, 5 * (double)cells[i].rows);
    }
    page = make(folder, NULL);
    assert_has(page, "## Growth\n\nTasks of a nanosecond (kernel `compute:1`)");
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        assert_line(page, cells[i].start, cells[i].end);
    assert_lacks(page, "A sweep of its own");
    free(page);
}

/* Every call, a table a backend; CPython's same call beside, at the same chunk. */
static void test_calls(void **state)
{
    static const struct {
        const char *start, *end; /* of a line */
    } lines[] = {
        {"| open           |     - |       - |       - |   8.00 |       - |", "|      2.00 |    - |"},
        {"| spawn          |     - |       - |       - | ~40000 |  200000 | 1/91", "|      2.00 |    - |"},
        {"| apply          |     - |       - |       - |   ~180 |     900 |   1/410 |", "|       105 | 9000 |"},
        {"| apply_async    |     - |    9.00 |    3.00 |   12.0 |    60.0 |", "|       668 |  600 |"},
        {"| map            |  auto |       - |       - |  0.400 |", "|       902 |    - |"},
        {"| map            |     1 |       - |       - |  0.500 |    2.50 |   0.880 |    1.24 |    1.25 |",
         "|      9950 |    - |"},
        {"| map_chunks     | 25000 |       - |       - |  0.240 |    1.20 |    1.82 |", "|         - |    - |"},
        {"| starmap        | 25000 |", "|      1294 |    - |"},
        {"| imap *         |     - |", "|       557 |    - |"},
    };
    struct folder *folder = *state;
    char *page;

    put(folder, "env.json", ENV);
    page = make(folder, NULL);
    assert_lacks(page, "## All calls");
    assert_lacks(page, "## What the tutorial says");
    assert_lacks(page, "fig_calls");
    free(page);
    synthetic_free(&folder->sweep);
    folder->sweep = synthetic_calls();
    for (size_t i = 0; i < folder->sweep.count; i++)
        if (strncmp(folder->sweep.samples[i].cell, "howmany/fork/imap/", 18) == 0)
            folder->sweep.samples[i].steal_pct = 30;
    synthetic_beside(&folder->sweep, "howmany/fork/map/steal/chunk:1/", 400000);
    page = make(folder, NULL);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_line(page, lines[i].start, lines[i].end);
    assert_has(page, "Arrived out of order, a call: `apply_callback` 12 of 200000, `imap_unordered` 7 of 200000.");
    assert_has(page, "| apply          |     - |      - |       - | ~18800 |   94000 |  1/337 |\n");
    assert_has(page, "(figures/fig_calls.svg)");
    assert_has(page, "## What the tutorial says\n\n");
    assert_has(page, "after opening, 49 ms leave time for 825 rows.");
    assert_line(page, "| map is faster than apply ", "| fork    | ");
    free(page);
}

static void ladder_cell(struct folder *folder, const char *name, double call_ns, double raw_ns)
{
    synthetic_cell(&folder->sweep, name, 2000, 2000 * call_ns, NAN, NAN);
    if (raw_ns > 0)
        synthetic_beside(&folder->sweep, name, 2000 * raw_ns);
}

#define APPLY(backend, end) "howmany/" backend "/apply/-/chunk:0/workers:1/rows:200000/data:shared/start:warm" end

/* There with the rung over pipes; its sentences are the differences of its medians. */
static void test_ladder(void **state)
{
    struct folder *folder = *state;
    char *page;

    put(folder, "env.json", ENV);
    ladder_cell(folder, APPLY("cpython", ""), 94000, 0);
    ladder_cell(folder, APPLY("fork", "/wait:park"), 9000, 8000);
    ladder_cell(folder, APPLY("fork", "/wait:spin"), 900, 600);
    page = make(folder, NULL);
    assert_lacks(page, "## The ladder");
    free(page);
    ladder_cell(folder, APPLY("fork-pipe", ""), 20000, 12000);
    page = make(folder, NULL);
    assert_has(page, "## The ladder\n\nThe same small task");
    assert_line(page, "| CPython           |   1 |", "| 12000 |  7.83 |");
    assert_line(page, "| grain: pipes ", "| two pipes      | 12000 |  1.67 | 1.67 to 1.67 |      74000 | scaled  |");
    assert_line(page, "| grain: futex ", "| futex          |  8000 |  1.13 | 1.13 to 1.13 |      11000 |");
    assert_line(page, "| grain: spinning ", "| cache line     |   600 |  1.50 | 1.50 to 1.50 |       8100 |");
    assert_has(page, "Of the 94.0 us that CPython takes for a call,\n12.0 us (13 %) are two processes");
    assert_has(page, "\n8.00 us (9 %) what a pool in C adds");
    assert_has(page, "\n74.0 us (79 %) Python's own");
    assert_has(page, "a futex instead of pipes save 11.0 us a call.\nNot sleeping at all saves 8.10 us more.\n");
    assert_has(page, "What is left then, 900 ns, is 1.50 x the round trip of a cache line");
    assert_has(page, "(figures/fig_ladder.svg)");
    free(page);
}

/* Differences that are none are not told as parts of something. */
static void test_ladder_out_of_order(void **state)
{
    struct folder *folder = *state;
    char *page;

    put(folder, "env.json", ENV);
    ladder_cell(folder, APPLY("cpython", ""), 94000, 0);
    ladder_cell(folder, APPLY("fork-pipe", ""), 20000, 25000);
    ladder_cell(folder, APPLY("fork", "/wait:park"), 29000, 8000);
    page = make(folder, NULL);
    assert_has(page, "Where CPython's time goes is not shown");
    assert_lacks(page, "Python's own");
    assert_has(page, "instead of pipes take 9.00 us more a call here");
    assert_lacks(page, "Not sleeping at all");
    free(page);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_core),
        WITH_FOLDER(test_growth),
        WITH_FOLDER(test_calls),
        WITH_FOLDER(test_ladder),
        WITH_FOLDER(test_ladder_out_of_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
