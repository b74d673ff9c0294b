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

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_core),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
