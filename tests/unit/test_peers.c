/* SPDX-License-Identifier: MIT
 *
 * The part "Peers" of RESULTS.md: there with its cells and not without, its figures those of the cells, its sentences
 * those that the figures allow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report_folder.h"

/* ns a row at chunk 1, 16, 256, 4096 and 0 (25000 for CPython); 0: there is no such cell. */
static const struct {
    const char *backend, *schedule;
    double row_ns[5];
} ways[] = {
    {"fork", "steal", {3.5, 3.4, 3.3, 3.2, 3.3}},
    {"pthread", "steal", {4, 3.5, 3, 3, 3}},
    {"openmp-as-shipped", "dynamic", {40, 41, 42, 43, 44}},
    {"gomp", "static", {5, 4.5, 4, 4, 4}},
    {"gomp", "dynamic", {34, 6, 4.5, 4.4, 4.4}},
    {"gomp-task", "-", {60, 8, 5, 4, 4}},
    {"libomp", "dynamic", {305, 22, 4, 3.9, 4}},
    {"libomp-task", "-", {192, 20, 4, 3.9, 4}},
    {"tbb-simple", "-", {41, 8, 5.2, 0, 41}},
    {"glib", "-", {541, 36, 6, 4, 4}},
    {"cpython", "-", {25370, 0, 0, 0, 1801}},
};

static void fill(struct folder *folder)
{
    static const uint64_t chunks[] = {1, 16, 256, 4096, 0};
    char cell[CELL_NAME_MAX];

    synthetic_free(&folder->sweep);
    folder->sweep.samples = calloc(SYNTHETIC_MOST, sizeof(struct sample));
    folder->sweep.count = 0;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        for (size_t k = 0; k < 5; k++) {
            bool cpython = strcmp(ways[i].backend, "cpython") == 0;
            uint64_t tasks = cpython && k == 0 ? 2000 : SYNTHETIC_ROWS;

            if (ways[i].row_ns[k] <= 0)
                continue;
            snprintf(cell, sizeof cell, "howmany/%s/map/%s/chunk:%llu/workers:2/rows:%d/data:shared/start:warm",
                     ways[i].backend, ways[i].schedule, (unsigned long long)(cpython && k == 4 ? 25000 : chunks[k]),
                     SYNTHETIC_ROWS);
            synthetic_cell(&folder->sweep, cell, tasks, ways[i].row_ns[k] * (double)tasks,
                           cpython ? 280.0 * SYNTHETIC_ROWS : SYNTHETIC_LOOP, cpython ? NAN : SYNTHETIC_CALLBACK);
        }
}

static void assert_narrow(const char *page)
{
    const char *at = strstr(page, "| way ");

    assert_non_null(at);
    for (; *at == '|'; at = strchr(at, '\n') + 1)
        if (strcspn(at, "\n") > 80)
            fail_msg("wider than 80 columns: %.*s", (int)strcspn(at, "\n"), at);
}

static void test_table(void **state)
{
    static const char *const expected[] = {
        "| way            | ns, x at 1 |    at 16 |   at 256 |  at 4096 |      own |",
        "| fork steal     |   3.50 0.9 | 3.40 0.9 | 3.30 0.8 | 3.20 0.8 | 3.30 0.8 |",
        "| pthread steal  |   4.00 1.0 | 3.50 0.9 | 3.00 0.7 | 3.00 0.8 | 3.00 0.8 |",
        "| openmp shipped |   40.0  10 | 41.0  10 | 42.0  10 | 43.0  11 | 44.0  11 |",
        "| libomp dynamic |    305  77 | 22.0 5.5 | 4.00 1.0 | 3.90 1.0 | 4.00 1.0 |",
        "| tbb-simple     |   41.0  10 | 8.00 2.0 | 5.20 1.3 |        - | 41.0  10 |",
        "| cpython        | 25370 6374 |        - |        - |        - | 1801 450 |",
        "\nAt chunk 1 the quickest of the other libraries is\n`gomp static` with 5.00 ns a row (1.3 x), the slowest\n",
        "\n`glib` with 541 ns a row (136 x).\n",
        "\nOf their 7 ways 0 are quicker at chunk 1 than `pthread steal`.\n",
        "\nThe same code at chunk 1, `dynamic`: 34.0 ns a row on libgomp, 305 on LLVM's runtime.\n",
        "\nThe same code at chunk 1, `task`: 60.0 ns a row on libgomp, 192 on LLVM's runtime.\n",
        "\nNot measured: `openmp dynamic`, `gomp guided`, `libomp static`, `libomp guided`, `tbb-auto`, `tbb-task`.\n",
    };
    struct folder *folder = *state;
    char *page;

    put(folder, "env.json", ENV);
    fill(folder);
    page = make(folder, NULL);
    assert_has(page, "\n## Peers\n\nOther libraries on the same 200000 rows");
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_has(page, expected[i]);
    assert_narrow(page);
    assert_lacks(page, "cells are noisy: disturbed");
    free(page);
}

/* A peer that wins is said to win; one that was disturbed is counted; the page without peers says nothing. */
static void test_outcomes(void **state)
{
    struct folder *folder = *state;
    char *page;

    put(folder, "env.json", ENV);
    page = make(folder, NULL);
    assert_lacks(page, "## Peers");
    free(page);
    fill(folder);
    synthetic_scale(&folder->sweep, "howmany/gomp/map/static/chunk:1/", 0.5);
    for (size_t i = 0; i < folder->sweep.count; i++)
        if (strncmp(folder->sweep.samples[i].cell, "howmany/glib/map/-/chunk:1/", 27) == 0)
            folder->sweep.samples[i].steal_pct = 30;
    page = make(folder, NULL);
    assert_has(page, "`gomp static` with 2.50 ns a row (0.6 x)");
    assert_has(page, "\nOf their 7 ways 1 is quicker at chunk 1 than `pthread steal`.\n");
    assert_has(page, "1 of these 51 cells is noisy");
    free(page);
    synthetic_drop(&folder->sweep, "howmany/libomp");
    synthetic_drop(&folder->sweep, "howmany/pthread/map/steal/chunk:1/");
    page = make(folder, NULL);
    assert_lacks(page, "LLVM's runtime");
    assert_lacks(page, "than `pthread steal`.");
    assert_has(page, "| glib           |    541     |");
    free(page);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_outcomes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
