/* SPDX-License-Identifier: MIT
 *
 * The plan of task lengths: which there are, with how many tasks, beside what; and how long it takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sweep/estimate.h"
#include "sweep/plan.h"

#define WARM "/data:shared/start:warm"

static struct plan make(int cpus, const char *backends)
{
    struct plan plan;
    char problem[PLAN_PROBLEM_MAX] = "";
    const struct plan_options options = {.profile = "metg", .cpus = cpus, .backends = backends};
    if (plan_make(&plan, &options, problem) != 0)
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

static uint64_t length_of(const struct cell *cell)
{
    assert_true(strncmp(cell->kernel, "compute:", 8) == 0);
    return strtoull(cell->kernel + 8, NULL, 10);
}

/* 1 ns to 10 ms, about three lengths a decade where the curves are steep. */
static void test_lengths(void **state)
{
    (void)state;
    static const char *const needed[] = {
        "compute:1/fork/map/steal/chunk:1/workers:2/rows:1000000" WARM,
        "compute:10000000/pthread/map/steal/chunk:1/workers:2/rows:32" WARM,
        "compute:50/openmp/map/dynamic/chunk:1/workers:2/rows:400000" WARM,
        "compute:100/openmp-as-shipped/map/dynamic/chunk:1/workers:2/rows:200000" WARM,
        "compute:10/pthread/map/dynamic/chunk:1/workers:2/rows:1000000" WARM,
        "compute:1000/fork/apply/-/chunk:0/workers:2/rows:500" WARM,
        "compute:200/pthread/apply_async/-/chunk:0/workers:2/rows:100000" WARM,
    };
    struct plan plan = make(2, "fork,pthread,openmp,openmp-as-shipped");
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (find(&plan, needed[i]) == NULL)
            fail_msg("%s is not in it", needed[i]);
    assert_int_equal(plan.rounds, 5);
    assert_true(estimate_plan(&plan, 2) < 110);
    plan_free(&plan);
}

/* As much work a call as makes the hand-over of the call small, and as many tasks as share evenly; but never more than
 * 10^6 tasks. Beside each cell the callback and, for maps, the peak; no cell of their own. */
static void test_work(void **state)
{
    (void)state;
    static const int cpus[] = {1, 2, 64};
    for (size_t c = 0; c < sizeof cpus / sizeof *cpus; c++) {
        struct plan plan = make(cpus[c], NULL);
        for (size_t i = 0; i < plan.count; i++) {
            const struct plan_cell *planned = &plan.cells[i];
            const struct cell *cell = &planned->cell;
            struct cell partner;
            uint64_t work_ns = length_of(cell) * cell->rows;
            assert_true(cell->rows <= 1000000);
            assert_string_not_equal(cell->backend, "serial");
            assert_true(plan_partner(planned, CELL_TURN_CALLBACK, cpus[c], &partner));
            assert_false(plan_partner(planned, CELL_TURN_LOOP, cpus[c], &partner));
            if (strcmp(cell->call, "apply") == 0)
                continue;
            assert_true(work_ns >= 10000000 || cell->rows == 1000000 || cell->rows == 200000 || cpus[c] == 1);
            assert_true(cell->rows >= 16 * (uint64_t)cpus[c]);
            assert_true(plan_partner(planned, CELL_TURN_FLOOR, cpus[c], &partner));
            assert_string_equal(partner.call, "peak");
            assert_string_equal(partner.kernel, cell->kernel);
            assert_int_equal(partner.rows, cell->rows);
        }
        plan_free(&plan);
    }
}

/* Backends that this build lacks give no cell, and nothing stands there twice. */
static void test_only_what_there_is(void **state)
{
    (void)state;
    struct plan plan = make(2, NULL);
    for (size_t i = 0; i < plan.count; i++)
        assert_ptr_equal(find(&plan, plan.cells[i].name), &plan.cells[i]);
    plan_free(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lengths), cmocka_unit_test(test_work),
                                       cmocka_unit_test(test_only_what_there_is)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
