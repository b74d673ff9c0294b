/* SPDX-License-Identifier: MIT
 *
 * Plans of calls: what the profile of all calls has in it, and what each call may have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sweep/estimate.h"
#include "sweep/plan.h"

#define WARM "/data:shared/start:warm"

static struct plan make(const struct plan_options *asked)
{
    struct plan_options options = *asked;
    struct plan plan;
    char problem[PLAN_PROBLEM_MAX] = "";
    options.cpus = 2;
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

/* What the table of all calls and its claims rest on, with the tasks that a call may run. */
static void test_calls(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t tasks;
    } needed[] = {
        {"howmany/openmp/apply/-/chunk:0/workers:2/rows:200000" WARM, 2000},
        {"howmany/fork/apply_async/-/chunk:0/workers:2/rows:200000" WARM, 0},
        {"howmany/pthread/apply_callback/-/chunk:0/workers:2/rows:200000" WARM, 0},
        {"howmany/fork/map/steal/chunk:1/workers:2/rows:200000" WARM, 0},
        {"howmany/pthread/map_async/steal/chunk:25000/workers:2/rows:200000" WARM, 0},
        {"howmany/openmp/map_chunks_async/dynamic/chunk:0/workers:2/rows:200000" WARM, 0},
        {"howmany/openmp/starmap/dynamic/chunk:25000/workers:2/rows:200000" WARM, 0},
        {"howmany/fork/starmap_async/steal/chunk:1/workers:2/rows:200000" WARM, 0},
        {"howmany/openmp/imap/-/chunk:0/workers:2/rows:200000" WARM, 0},
        {"howmany/fork/imap_unordered/-/chunk:0/workers:2/rows:200000" WARM, 0},
        {"howmany/fork/spawn/-/chunk:0/workers:2/rows:200000" WARM, 100},
        {"howmany/fork/open/-/chunk:0/workers:2/rows:0" WARM, 0},
        {"howmany/pthread/apply_async/-/chunk:0/workers:2/rows:200000/data:shared/start:cold", 0},
        {"howmany/fork/map/steal/chunk:0/workers:2/rows:200000/data:shared/start:cold", 0},
        {"howmany/cpython/loop/-/chunk:0/workers:1/rows:200000" WARM, 0},
        {"howmany/cpython/apply_callback/-/chunk:0/workers:2/rows:200000" WARM, 2000},
        {"howmany/cpython/starmap_async/-/chunk:25000/workers:2/rows:200000" WARM, 0},
        {"howmany/cpython/imap_unordered/-/chunk:0/workers:2/rows:200000" WARM, 2000},
        {"howmany/cpython/spawn/-/chunk:0/workers:2/rows:200000" WARM, 10},
        {"howmany/cpython/open/-/chunk:0/workers:2/rows:0" WARM, 0},
    };
    struct plan plan = make(&(struct plan_options){.profile = "calls"});
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        const struct plan_cell *cell = find(&plan, needed[i].name);
        if (cell == NULL)
            fail_msg("%s is not in it", needed[i].name);
        assert_int_equal(cell->tasks, needed[i].tasks);
    }
    /* 5 rounds of records of some 430 bytes: less than 200 KB; and the time that it must end within */
    assert_true(plan.rounds == 5 && plan.count <= 92);
    assert_true(estimate_plan(&plan, 2) < 95);
    plan_free(&plan);
}

/* Calls that claim chunks have them, with a schedule or without; processes are no pool's. */
static void test_calls_asked_for(void **state)
{
    (void)state;
    struct plan plan = make(&(struct plan_options){
        .profile = "quick", .calls = "starmap_async,imap,apply_async,spawn", .chunks = "8", .rows = "1000"});
    assert_non_null(find(&plan, "howmany/openmp/starmap_async/dynamic/chunk:8/workers:2/rows:1000" WARM));
    assert_non_null(find(&plan, "howmany/pthread/imap/-/chunk:8/workers:2/rows:1000" WARM));
    assert_non_null(find(&plan, "howmany/fork/apply_async/-/chunk:0/workers:2/rows:1000" WARM));
    assert_non_null(find(&plan, "howmany/fork/spawn/-/chunk:0/workers:2/rows:1000" WARM));
    assert_null(find(&plan, "howmany/pthread/spawn/-/chunk:0/workers:2/rows:1000" WARM));
    assert_null(find(&plan, "howmany/openmp/spawn/-/chunk:0/workers:2/rows:1000" WARM));
    plan_free(&plan);
    plan = make(&(struct plan_options){
        .profile = "quick", .backends = "cpython", .calls = "imap,map_chunks", .chunks = "8", .rows = "1000"});
    assert_non_null(find(&plan, "howmany/cpython/imap/-/chunk:8/workers:2/rows:1000" WARM));
    assert_null(find(&plan, "howmany/cpython/map_chunks/-/chunk:8/workers:2/rows:1000" WARM));
    plan_free(&plan);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_calls), cmocka_unit_test(test_calls_asked_for)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
