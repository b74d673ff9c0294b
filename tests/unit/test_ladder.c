/* SPDX-License-Identifier: MIT
 *
 * The plan of the ladder, and of cells over pipes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "peers/peers.h"
#include "sweep/plan.h"

#define WARM "/data:shared/start:warm"

static struct plan make(const struct plan_options *options)
{
    struct plan plan;
    char problem[PLAN_PROBLEM_MAX] = "";
    if (plan_make(&plan, options, problem) != 0)
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

/* Each rung beside the raw round trip of its kind, and nothing else beside it. */
static void test_ladder(void **state)
{
    (void)state;
    static const struct {
        const char *name, *floor; /* NULL: none */
    } expected[] = {
        {"howmany/cpython/apply/-/chunk:0/workers:1/rows:200000" WARM, NULL},
        {"howmany/fork-pipe/apply/-/chunk:0/workers:1/rows:200000" WARM, "pipe"},
        {"howmany/fork/apply/-/chunk:0/workers:1/rows:200000" WARM "/wait:park", "futex"},
        {"howmany/fork/apply/-/chunk:0/workers:1/rows:200000" WARM "/wait:spin", "cacheline"},
        {"howmany/fork/apply/-/chunk:0/workers:1/rows:200000" WARM, "cacheline"},
        {"howmany/floor/cacheline/-/chunk:0/workers:2/rows:200000" WARM, NULL},
        {"howmany/floor/futex/-/chunk:0/workers:2/rows:200000" WARM, NULL},
        {"howmany/floor/pipe/-/chunk:0/workers:2/rows:200000" WARM, NULL},
    };
    size_t count = sizeof expected / sizeof *expected;
    struct plan plan = make(&(struct plan_options){.profile = "ladder", .cpus = 2});
    assert_int_equal(plan.count, count);
    for (size_t i = 0; i < count; i++) {
        const struct plan_cell *cell = find(&plan, expected[i].name);
        struct cell partner;
        if (cell == NULL)
            fail_msg("%s is not in it", expected[i].name);
        assert_int_equal(cell->tasks, 2000);
        assert_int_equal(plan_partner(cell, CELL_TURN_FLOOR, 2, &partner), expected[i].floor != NULL);
        if (expected[i].floor != NULL)
            assert_string_equal(partner.call, expected[i].floor);
        assert_false(plan_partner(cell, CELL_TURN_CALLBACK, 2, &partner));
    }
    plan_free(&plan);
}

/* Nothing is planned over pipes that they have not. */
static void test_what_pipes_lack_is_not_planned(void **state)
{
    (void)state;
    struct plan plan = make(
        &(struct plan_options){.profile = "full", .cpus = 2, .backends = "fork-pipe", .schedules = "steal,guided"});
    size_t cells = 0;
    for (size_t i = 0; i < plan.count; i++) {
        const struct cell *cell = &plan.cells[i].cell;
        if (strcmp(cell->backend, "fork-pipe") != 0)
            continue;
        cells++;
        assert_string_not_equal(cell->schedule, "steal");
        assert_int_not_equal(cell->wait, CELL_WAIT_SPIN);
    }
    assert_true(cells > 0);
    plan_free(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ladder),
        cmocka_unit_test(test_what_pipes_lack_is_not_planned),
    };
    peers_register_own();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
