/* SPDX-License-Identifier: MIT
 *
 * What the tutorial says, asked of a made-up sweep of the calls: each verdict, both ways; plain times where CPython
 * stands beside a backend; another sweep is not asked.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analysis/claims.h"
#include "synthetic_calls.h"

struct setting {
    struct synthetic sweep;
    struct study study;
    struct claims claims;
};

static void analyse(struct setting *setting)
{
    claims_free(&setting->claims);
    study_close(&setting->study);
    assert_int_equal(study_open(&setting->study, setting->sweep.samples, setting->sweep.count, 2), 0);
    assert_int_equal(claims_make(&setting->claims, &setting->study), 0);
}

static int set_up(void **state)
{
    static struct setting setting;

    setting = (struct setting){.sweep = synthetic_calls()};
    *state = &setting;
    return 0;
}

static int tear_down(void **state)
{
    struct setting *setting = *state;

    claims_free(&setting->claims);
    study_close(&setting->study);
    synthetic_free(&setting->sweep);
    return 0;
}

static void expect(const struct setting *setting, const char *id, const char *verdict, double ratio)
{
    const struct claim *claim = claims_find(&setting->claims, id);

    if (claim == NULL)
        fail_msg("no claim %s", id);
    assert_true(claim->is_tutorial);
    if (strcmp(claim->verdict, verdict) != 0 || !(fabs(claim->ratio.median / ratio - 1) < 0.02))
        fail_msg("%s: %s, %g", id, claim->verdict, claim->ratio.median);
}

static void test_verdicts(void **state)
{
    struct setting *setting = *state;

    analyse(setting);
    expect(setting, "fork-tutorial-apply", "holds", 900 / 2.2);
    expect(setting, "cpython-tutorial-apply", "holds", 94000 / 280.0);
    expect(setting, "openmp-tutorial-map", "holds", 5000 / 1.9);
    expect(setting, "cpython-tutorial-map", "holds", 94000 / 1800.0);
    expect(setting, "fork-tutorial-starmap", "holds", 2.0 / 1.8);
    expect(setting, "cpython-tutorial-starmap", "does not hold", 2600 / 1800.0);
    expect(setting, "pthread-tutorial-apply-async", "holds", 850 / 50.0);
    expect(setting, "cpython-tutorial-apply-async", "holds", 94.0 / 40);
    expect(setting, "fork-tutorial-map-async", "not shown: the interval spans 1", 1);
    expect(setting, "fork-tutorial-loop", "holds", 1.8 / 2.2);
    expect(setting, "cpython-tutorial-loop", "does not hold", 1800 / 280.0);
    expect(setting, "fork-tutorial-loop-chunks", "holds", 1.2 / 2.2);
    expect(setting, "cpython-tutorial-order", "holds", 12);
    expect(setting, "fork-tutorial-open", "does not hold", 8e6 / (60 * SYNTHETIC_ROWS));
    expect(setting, "cpython-tutorial-open", "does not hold", 16e6 / (40000.0 * SYNTHETIC_ROWS));
    assert_null(claims_find(&setting->claims, "cpython-tutorial-loop-chunks"));
}

/* Never in units of the serial work: CPython's is a hundred times ours. A clock that wanders does not cancel, but a
 * round is compared with the same round. */
static void test_cheaper_than_cpython(void **state)
{
    struct setting *setting = *state;

    analyse(setting);
    expect(setting, "fork-tutorial-cheaper-apply", "holds", 94000 / 900.0);
    expect(setting, "fork-tutorial-cheaper-async", "holds", 40000 / 60.0);
    expect(setting, "fork-tutorial-cheaper-map1", "holds", 25000 / 2.5);
    synthetic_scale(&setting->sweep, "howmany/fork/apply/", 6);
    synthetic_scale(&setting->sweep, "howmany/fork/apply_async/", 6);
    synthetic_scale(&setting->sweep, "howmany/cpython/map/-/chunk:1/", 0.01);
    analyse(setting);
    expect(setting, "fork-tutorial-cheaper-apply", "does not hold", 94000 / 5400.0);
    expect(setting, "fork-tutorial-cheaper-async", "does not hold", 40000 / 360.0);
    expect(setting, "fork-tutorial-cheaper-map1", "does not hold", 250 / 2.5);
}

/* The other way round: few rows after an expensive opening, callbacks in order, asynchronous calls that cost. */
static void test_other_way_round(void **state)
{
    struct setting *setting = *state;

    synthetic_scale(&setting->sweep, "howmany/fork/open/", 2);
    synthetic_scale(&setting->sweep, "howmany/pthread/apply_async/", 20);
    synthetic_scale(&setting->sweep, "howmany/fork/map_async/", 0.5);
    synthetic_scale(&setting->sweep, "howmany/fork/map/steal/chunk:25000/", 2);
    for (size_t i = 0; i < setting->sweep.count; i++)
        setting->sweep.samples[i].out_of_order = 0;
    analyse(setting);
    expect(setting, "fork-tutorial-open", "holds", 16e6 / (60 * SYNTHETIC_ROWS));
    expect(setting, "pthread-tutorial-apply-async", "does not hold", 850 / 1000.0);
    expect(setting, "fork-tutorial-map-async", "holds", 4);
    expect(setting, "fork-tutorial-loop", "does not hold", 3.6 / 2.2);
    assert_string_equal(claims_find(&setting->claims, "cpython-tutorial-order")->verdict, "does not hold");
}

/* Without CPython its claims are not shown; without the calls there are none. */
static void test_what_is_missing(void **state)
{
    struct setting *setting = *state;

    synthetic_drop(&setting->sweep, "howmany/cpython/");
    analyse(setting);
    assert_string_equal(claims_find(&setting->claims, "fork-tutorial-cheaper-apply")->verdict,
                        "not shown: not measured");
    assert_string_equal(claims_find(&setting->claims, "cpython-tutorial-order")->verdict, "not shown: not measured");
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"howmany/fork/apply_async", "howmany/pthread/apply_async",
                                            "howmany/openmp/apply_async"};

        synthetic_drop(&setting->sweep, names[i]);
    }
    analyse(setting);
    for (size_t i = 0; i < setting->claims.count; i++)
        assert_false(setting->claims.claims[i].is_tutorial);
}

int main(void)
{
#define WITH_SWEEP(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_SWEEP(test_verdicts),
        WITH_SWEEP(test_cheaper_than_cpython),
        WITH_SWEEP(test_other_way_round),
        WITH_SWEEP(test_what_is_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
