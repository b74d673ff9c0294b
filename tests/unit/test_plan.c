/* SPDX-License-Identifier: MIT
 *
 * The plans that profiles and lists of the command line make; the lists themselves: test_list.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grain.h"
#include "sweep/plan.h"

#define WARM "/data:shared/start:warm"

static struct plan make(const struct plan_options *asked)
{
    struct plan_options options = *asked;
    struct plan plan;
    char problem[PLAN_PROBLEM_MAX] = "";
    if (options.profile == NULL)
        options.profile = "default";
    if (options.cpus == 0)
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

static void assert_serial_first(const struct plan *plan)
{
    size_t i = 0;
    while (i < plan->count && strcmp(plan->cells[i].cell.backend, "serial") == 0)
        i++;
    assert_true(i % 2 == 0 && (i >= 2 || plan->cells[0].beside != NULL));
    for (size_t c = i; c < plan->count; c++) {
        assert_string_not_equal(plan->cells[c].cell.backend, "serial");
        size_t found = 0;
        bool is_wanted = false; /* by this cell, or by another one of the same kernel and rows */
        for (size_t s = 0; s < plan->count; s++) {
            bool is_same = strcmp(plan->cells[s].cell.kernel, plan->cells[c].cell.kernel) == 0 &&
                           plan->cells[s].cell.rows == plan->cells[c].cell.rows;
            found += is_same && s < i;
            is_wanted = is_wanted || (is_same && s >= i && plan->cells[s].beside == NULL &&
                                      plan->cells[s].cell.rows > 0 && !cell_is_trip(plan->cells[s].cell.call));
        }
        assert_int_equal(found, is_wanted ? 2 : 0);
    }
}

static void test_every_profile(void **state)
{
    (void)state;
    const struct plan_profile *profile;
    for (size_t p = 0; (profile = plan_profile_at(p)) != NULL; p++)
        for (int cpus = 1; cpus <= 6; cpus++) {
            struct plan plan = make(&(struct plan_options){.profile = profile->name, .cpus = cpus});
            assert_serial_first(&plan);
            for (size_t i = 0; i < plan.count; i++) {
                struct cell cell;
                char name[CELL_NAME_MAX];
                const char *problem = "";
                if (cell_parse(plan.cells[i].name, &cell, &problem) != 0)
                    fail_msg("%s: %s", plan.cells[i].name, problem);
                assert_int_equal(cell_name(&plan.cells[i].cell, name), 0);
                assert_string_equal(name, plan.cells[i].name);
                assert_ptr_equal(find(&plan, name), &plan.cells[i]); /* none twice */
                assert_true(plan.cells[i].repetitions >= 1 && plan.cells[i].repetitions <= 32);
            }
            plan_free(&plan);
        }
}

/* What the published figures and claims rest on. */
static void test_default_has_what_is_claimed(void **state)
{
    (void)state;
    static const char *const needed[] = {
        "howmany/fork/apply/-/chunk:0/workers:2/rows:200000" WARM,
        "howmany/fork/map/dynamic/chunk:1/workers:2/rows:200000" WARM,
        "howmany/pthread/map/guided/chunk:25000/workers:2/rows:200000" WARM,
        "howmany/fork/map/dynamic/chunk:25000/workers:2/rows:2000000" WARM,
        "howmany/floor/peak/-/chunk:0/workers:2/rows:2000000" WARM,
        "howmany/cpython/apply/-/chunk:0/workers:2/rows:200000" WARM,
        "howmany/cpython/map/-/chunk:1/workers:2/rows:200000" WARM,
        "howmany/cpython/map/-/chunk:25000/workers:2/rows:200000" WARM,
        "howmany/fork/map/dynamic/chunk:1/workers:4/rows:200000" WARM,
        "empty/pthread/map/dynamic/chunk:1/workers:2/rows:200000" WARM,
        "howmany/fork/open/-/chunk:0/workers:2/rows:0" WARM,
        "howmany/floor/cacheline/-/chunk:0/workers:2/rows:200000" WARM,
        "howmany/floor/fork/-/chunk:0/workers:2/rows:0" WARM,
    };
    struct plan plan = make(&(struct plan_options){.cpus = 2});
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (find(&plan, needed[i]) == NULL)
            fail_msg("%s is not in it", needed[i]);
    assert_int_equal(plan.rounds, 11);
    plan_free(&plan);
}

/* Exactly what the part about the core asks for: its claims rest on these, with the partners that they are paired
 * with. */
static void test_core(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *turns; /* loop, callback, floor */
    } expected[] = {
        {"howmany/fork/map/steal/chunk:1/workers:2/rows:200000" WARM, "lcf"},
        {"howmany/pthread/map/steal/chunk:1/workers:2/rows:200000" WARM, "lcf"},
        {"howmany/fork/map/steal/chunk:1/workers:2/rows:200000/data:copy/start:warm", "lcf"},
        {"howmany/fork/map/steal/chunk:25000/workers:2/rows:200000" WARM, "lcf"},
        {"howmany/pthread/map/steal/chunk:25000/workers:2/rows:200000" WARM, "lcf"},
        {"howmany/fork/map/steal/chunk:25000/workers:2/rows:2000000" WARM, "cf"},
        {"howmany/pthread/map/steal/chunk:25000/workers:2/rows:2000000" WARM, "cf"},
        {"outlier:1600000/fork/map/steal/chunk:1/workers:2/rows:200" WARM, "c"},
        {"outlier:1600000/pthread/map/steal/chunk:1/workers:2/rows:200" WARM, "c"},
        {"howmany/fork/apply/-/chunk:0/workers:1/rows:200000" WARM, "lcf"},
        {"howmany/fork/apply/-/chunk:0/workers:1/rows:200000/data:shared/start:cold", "lcf"},
        {"howmany/fork/open/-/chunk:0/workers:2/rows:0" WARM, "f"},
    };
    size_t count = sizeof expected / sizeof *expected;
    struct plan plan = make(&(struct plan_options){.profile = "core"});
    assert_int_equal(plan.count, count + 2);
    for (size_t i = 0; i < count; i++) {
        const struct plan_cell *cell = find(&plan, expected[i].name);
        struct cell partner;
        if (cell == NULL)
            fail_msg("%s is not in it", expected[i].name);
        for (int turn = CELL_TURN_LOOP; turn < CELL_TURNS; turn++)
            assert_int_equal(plan_partner(cell, (enum cell_turn)turn, 2, &partner),
                             strchr(expected[i].turns, "?lcfr"[turn]) != NULL);
    }
    plan_free(&plan);
}

/* Rows at P, workers at 10^6 rows; no more beside them than the memory allows. */
static void test_growth(void **state)
{
    (void)state;
    struct plan plan = make(&(struct plan_options){.profile = "growth", .cpus = 2});
    assert_int_equal(plan.count, 2 * (6 + 6 - 1));
    assert_non_null(find(&plan, "compute:1/fork/map/steal/chunk:1/workers:2/rows:100000000" WARM));
    assert_non_null(find(&plan, "compute:1/pthread/map/steal/chunk:1/workers:32/rows:1000000" WARM));
    for (size_t i = 0; i < plan.count; i++) {
        struct cell partner;
        assert_false(plan_partner(&plan.cells[i], CELL_TURN_LOOP, 2, &partner));
        assert_true(plan_partner(&plan.cells[i], CELL_TURN_CALLBACK, 2, &partner));
        assert_false(plan_partner(&plan.cells[i], CELL_TURN_FLOOR, 2, &partner));
    }
    plan_free(&plan);
}

static void test_no_schedule_that_a_backend_lacks(void **state)
{
    (void)state;
    struct plan plan = make(&(struct plan_options){.profile = "full"});
    for (size_t i = 0; i < plan.count; i++) {
        const struct cell *cell = &plan.cells[i].cell;
        if (strcmp(cell->schedule, "taskloop") == 0)
            assert_true(strncmp(cell->backend, "openmp", 6) == 0);
        if (strcmp(cell->backend, "floor") == 0)
            assert_true(cell->workers <= 2);
    }
    plan_free(&plan);
    /* one CPU has nobody to send a cache line to */
    plan = make(&(struct plan_options){.profile = "full", .cpus = 1});
    for (size_t i = 0; i < plan.count; i++)
        assert_string_not_equal(plan.cells[i].cell.call, "cacheline");
    plan_free(&plan);
}

static void test_lists_select_and_replace(void **state)
{
    (void)state;
    struct plan plan = make(&(struct plan_options){
        .backends = "fork", .calls = "map", .kernels = "howmany", .chunks = "2^0..2^2,python", .workers = "3"});
    assert_serial_first(&plan);
    size_t cells = 0;
    for (size_t i = 0; i < plan.count; i++) {
        const struct cell *cell = &plan.cells[i].cell;
        if (strcmp(cell->backend, "serial") == 0)
            continue;
        cells++;
        assert_string_equal(cell->backend, "fork");
        assert_string_equal(cell->call, "map");
        assert_int_equal(cell->workers, 3);
        assert_true(cell->chunk <= 4 || cell->chunk == cell_python_chunk(cell->rows, 3));
    }
    assert_non_null(find(&plan, "howmany/fork/map/dynamic/chunk:16667/workers:3/rows:200000" WARM));
    assert_int_equal(cells, 4 * 4 + 4); /* four schedules, and the 2 million rows */
    plan_free(&plan);
}

static void test_what_the_profile_lacks_is_added(void **state)
{
    (void)state;
    struct plan plan = make(&(struct plan_options){.profile = "quick", .calls = "map_chunks", .backends = "pthread"});
    assert_non_null(find(&plan, "howmany/pthread/map_chunks/dynamic/chunk:64/workers:2/rows:200000" WARM));
    plan_free(&plan);
    plan = make(&(struct plan_options){.profile = "quick", .kernels = "compute:7", .rows = "500"});
    assert_non_null(find(&plan, "compute:7/fork/map/dynamic/chunk:1/workers:2/rows:500" WARM));
    assert_non_null(find(&plan, "compute:7/serial/callback/-/chunk:0/workers:1/rows:500" WARM));
    plan_free(&plan);
}

static void test_rows(void **state)
{
    (void)state;
    struct plan plan = make(&(struct plan_options){.rows = "1000,3000"});
    for (size_t i = 0; i < plan.count; i++) {
        const struct cell *cell = &plan.cells[i].cell;
        assert_true(cell->rows == 1000 || cell->rows == 3000 || cell->rows == 0 || cell->rows == 2500);
        assert_true(cell->rows != 2500 || strncmp(cell->kernel, "compute:", 8) == 0);
        assert_true(cell->chunk <= cell->rows);
    }
    assert_non_null(find(&plan, "howmany/fork/map/dynamic/chunk:375/workers:2/rows:3000" WARM));
    plan_free(&plan);
    /* a file has the rows it has */
    plan = make(&(struct plan_options){.input_rows = 4321});
    for (size_t i = 0; i < plan.count; i++)
        assert_true(plan.cells[i].cell.rows == 4321 || plan.cells[i].cell.rows == 0 ||
                    strncmp(plan.cells[i].cell.kernel, "compute:", 8) == 0);
    plan_free(&plan);
}

static void test_filter(void **state)
{
    (void)state;
    struct plan plan =
        make(&(struct plan_options){.filter = "^howmany/(fork|pthread)/.*/chunk:(1|256)/workers:2/.*200000/"});
    assert_serial_first(&plan);
    assert_int_equal(plan.count, 2 + 2 * 4 * 2);
    plan_free(&plan);
}

static void test_bad_plans(void **state)
{
    (void)state;
    static const struct plan_options bad[] = {
        {.profile = "slow"},
        {.profile = "quick", .backends = "fork,forks"},
        {.profile = "quick", .calls = "starmapp"},
        {.profile = "quick", .schedules = "default"},
        {.profile = "quick", .kernels = "howfew"},
        {.profile = "quick", .kernels = "compute:"},
        {.profile = "quick", .kernels = "compute:x"},
        {.profile = "quick", .kernels = "compute:007"},
        {.profile = "quick", .kernels = "compute:99999999999999999999"},
        {.profile = "quick", .kernels = "compute:99999999999999999999999999999999"},
        {.profile = "quick", .kernels = "howmany:5"},
        {.profile = "quick", .chunks = "1..x"},
        {.profile = "quick", .chunks = "1..1000", .workers = "1..1000"},
        {.profile = "quick", .chunks = "1..1000", .workers = "1..1000", .rows = "1..1000", .filter = "nothing"},
        {.profile = "quick", .workers = "0"},
        {.profile = "quick", .workers = "auto"},
        {.profile = "quick", .rows = "0"},
        {.profile = "quick", .filter = "(((("},
        {.profile = "quick", .filter = "nothing is called so"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct plan_options options = bad[i];
        struct plan plan;
        char problem[PLAN_PROBLEM_MAX] = "";
        options.cpus = 2;
        if (plan_make(&plan, &options, problem) != -EINVAL)
            fail_msg("bad plan %zu was taken", i);
        assert_true(strlen(problem) > 10);
        assert_null(strchr(problem, '\n'));
        assert_null(plan.cells);
    }
}

static void test_hash(void **state)
{
    (void)state;
    struct plan one = make(&(struct plan_options){.profile = "quick"});
    struct plan same = make(&(struct plan_options){.profile = "quick"});
    struct plan rounds = make(&(struct plan_options){.profile = "quick", .rounds = 6});
    struct plan less = make(&(struct plan_options){.profile = "quick", .calls = "map"});
    assert_true(plan_hash(&one) == plan_hash(&same));
    assert_true(plan_hash(&one) != plan_hash(&rounds));
    assert_true(plan_hash(&one) != plan_hash(&less));
    plan_free(&one);
    plan_free(&same);
    plan_free(&rounds);
    plan_free(&less);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_profile),
        cmocka_unit_test(test_default_has_what_is_claimed),
        cmocka_unit_test(test_core),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_no_schedule_that_a_backend_lacks),
        cmocka_unit_test(test_lists_select_and_replace),
        cmocka_unit_test(test_what_the_profile_lacks_is_added),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_bad_plans),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
