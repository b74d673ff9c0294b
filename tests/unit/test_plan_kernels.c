/* SPDX-License-Identifier: MIT
 *
 * Kernels in a plan: those that a profile lacks are planned with what is usual for them, numbers that they cannot have
 * are refused, and none of it makes the short profiles longer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/kernel.h"
#include "sweep/estimate.h"
#include "sweep/plan.h"

static bool plan_has(const struct plan *plan, const char *kernel, uint64_t rows)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->cells[i].cell.kernel, kernel) == 0 && plan->cells[i].cell.rows == rows)
            return true;
    return false;
}

static struct plan make(struct plan_options options)
{
    struct plan plan;
    char problem[PLAN_PROBLEM_MAX] = "";
    options.cpus = 2;
    if (plan_make(&plan, &options, problem) != 0)
        fail_msg("%s", problem);
    return plan;
}

/* Without a number, with one, and with rows of one's own. */
static void test_usual(void **state)
{
    (void)state;
    static const struct {
        const char *kernels, *rows;
        const char *kernel;
        uint64_t row_count;
    } cases[] = {
        {"memory", NULL, "memory:4096", 16384},
        {"memory:128", NULL, "memory:128", 16384},
        {"howmany,imbalance", NULL, "imbalance:40000", 2000},
        {"imbalance-sorted", "50", "imbalance-sorted:40000", 50},
        {"outlier", NULL, "outlier:1600000", 200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan plan =
            make((struct plan_options){.profile = "default", .kernels = cases[i].kernels, .rows = cases[i].rows});
        assert_true(plan_has(&plan, cases[i].kernel, cases[i].row_count));
        for (size_t c = 0; c < plan.count; c++) { /* every cell can be run */
            struct kernel_params params;
            const char *name = plan.cells[c].cell.kernel;
            assert_null(kernel_configure(kernel_find(name), name, &params));
        }
        plan_free(&plan);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *kernels, *word;
    } cases[] = {
        {"memory:100", "multiple of 64"},   {"howmany,memory:", "no whole number"}, {"howmany:3", "takes no number"},
        {"imbalance:99999999999", "10^10"}, {"memories", "there is no `memories`"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan plan;
        char problem[PLAN_PROBLEM_MAX] = "";
        struct plan_options options = {.profile = "quick", .kernels = cases[i].kernels, .cpus = 2};
        assert_int_not_equal(plan_make(&plan, &options, problem), 0);
        assert_non_null(strstr(problem, cases[i].word));
        assert_null(strchr(problem, '\n'));
    }
}

/* Every kernel that needs a number has a usual one, which it can have; kernels that read the data set have none. */
static void test_usual_table(void **state)
{
    (void)state;
    const struct kernel *kernel;
    for (size_t i = 0; (kernel = kernel_at(i)); i++) {
        const struct plan_usual *usual = plan_usual_find(kernel->name);
        struct kernel_params params;
        assert_int_equal(usual != NULL, kernel->parameter != NULL);
        if (usual != NULL) {
            assert_ptr_equal(kernel_find(usual->kernel), kernel);
            assert_null(kernel_configure(kernel, usual->kernel, &params));
        }
    }
    assert_null(plan_usual_find("mem"));
    assert_null(plan_usual_find("memory-"));
}

/* They take long: they are in full, and where the choice of chunks is measured; making their data is counted. */
static void test_profiles(void **state)
{
    (void)state;
    const struct plan_profile *profile;
    for (size_t i = 0; (profile = plan_profile_at(i)); i++) {
        struct plan plan = make((struct plan_options){.profile = profile->name});
        bool is_full = strcmp(profile->name, "full") == 0, is_choice = strncmp(profile->name, "choice", 6) == 0;
        assert_int_equal(plan_has(&plan, "memory:4096", 16384), is_full || is_choice);
        assert_int_equal(plan_has(&plan, "imbalance:40000", 2000), is_full);
        assert_int_equal(plan_has(&plan, "imbalance-sorted:40000", 2000), is_full);
        plan_free(&plan);
    }
    struct plan small = make((struct plan_options){.profile = "quick", .kernels = "memory:64"});
    struct plan large = make((struct plan_options){.profile = "quick", .kernels = "memory:65536"});
    assert_true(estimate_plan(&large, 2) > 10 * estimate_plan(&small, 2)); /* a megabyte, and a gigabyte */
    plan_free(&small);
    plan_free(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usual),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_usual_table),
        cmocka_unit_test(test_profiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
