/* SPDX-License-Identifier: MIT
 *
 * The part "METG" of RESULTS.md and metg.csv: there with the curves, not without, at most 80 columns wide.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report_folder.h"
#include "synthetic_metg.h"

static char *page_of(struct folder *folder)
{
    put(folder, "env.json", ENV);
    synthetic_free(&folder->sweep);
    folder->sweep.samples = calloc(SYNTHETIC_MOST, sizeof(struct sample));
    folder->sweep.count = 0;
    synthetic_metg(&folder->sweep, "fork", "map", "steal", 2.5, 1, 10000000);
    synthetic_metg(&folder->sweep, "fork", "apply", "-", 9000, 100, 10000000);
    synthetic_metg(&folder->sweep, "pthread", "map", "steal", 0.4, 1, 100000);
    synthetic_metg(&folder->sweep, "openmp", "map", "dynamic", 34, 10, 100000);
    synthetic_metg(&folder->sweep, "openmp-as-shipped", "map", "dynamic", 1e6, 100, 1000000);
    synthetic_metg(&folder->sweep, "gomp-task", "map", "-", 120, 10, 100000);
    for (size_t i = 0; i < folder->sweep.count; i++)
        if (strncmp(folder->sweep.samples[i].cell, "compute:50/openmp/", 18) == 0)
            folder->sweep.samples[i].steal_pct = 30;
    return make(folder, NULL);
}

static void assert_line(const char *page, const char *start, const char *end)
{
    char *line = line_with(page, start);

    assert_has(line, end);
    free(line);
}

static void test_part(void **state)
{
    struct folder *folder = *state;
    char *page = page_of(folder), *csv;
    size_t size;

    assert_line(page, "| fork map steal          | 50 % |   5.1", " ns |");
    assert_line(page, "| fork apply              | 50 % |   18.", " us |");
    assert_has(page, "| pthread map steal       | 50 % | < 1.40 ns |      up to 1.4");
    assert_line(page, "| openmp map dynamic      | 50 % |", " ns * |");
    assert_line(page, "| as shipped: map dynamic | 50 % |", " ms |");
    assert_has(page, "|                         | 90 % | > 2.00 ms |       from ");
    assert_has(page, " by `pthread map steal`,\nand not below 1.99 ms by `as shipped: map dynamic`.\n");
    assert_has(page, " to 5.14); must be <= 15: holds; goal <= 6: reached.");
    assert_has(page, "1.40, less than the smallest tested (up to 1.4");
    assert_has(page, "); 47.");
    assert_has(page, " x that of fork's map.\n");
    assert_has(page, "(figures/fig_metg.svg)");
    assert_lacks(page, "A sweep of its own");
    for (const char *line = strstr(page, "| who                     |    x |"); *line == '|';
         line = strchr(line, '\n') + 1)
        assert_true(strcspn(line, "\n") <= 80);
    free(page);
    assert_int_equal(aside_read(folder->dir, "metg.csv", &csv, &size), 0);
    assert_has(csv, "\ngomp-task,map,-,2,0.5,");
    free(csv);
    drop(folder, "metg.csv");
}

/* Without curves there is neither a part nor a file: tear_down would find it. */
static void test_not_without_curves(void **state)
{
    struct folder *folder = *state;
    char *page;

    put(folder, "env.json", ENV);
    page = make(folder, NULL);
    assert_lacks(page, "METG");
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_part, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_without_curves, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
