/* SPDX-License-Identifier: MIT
 *
 * Claims: each verdict both ways, what is missing, one CPU, noise, too few rounds; break-even; the fitted model.
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
#include <jansson.h>

#include "analysis/claims.h"
#include "synthetic.h"

struct setting {
    struct synthetic sweep;
    struct study study;
    struct claims claims;
};

static void analyse(struct setting *setting, int cpus)
{
    assert_int_equal(study_open(&setting->study, setting->sweep.samples, setting->sweep.count, cpus), 0);
    assert_int_equal(claims_make(&setting->claims, &setting->study), 0);
}

static void forget(struct setting *setting)
{
    claims_free(&setting->claims);
    study_close(&setting->study);
}

static const struct claim *claim(const struct setting *setting, const char *id)
{
    const struct claim *found = claims_find(&setting->claims, id);

    if (found == NULL)
        fail_msg("no claim %s", id);
    return found;
}

static int set_up(void **state)
{
    static struct setting setting;

    setting.sweep = synthetic_sweep();
    *state = &setting;
    return 0;
}

static int tear_down(void **state)
{
    struct setting *setting = *state;

    forget(setting);
    synthetic_free(&setting->sweep);
    return 0;
}

static void test_everything_holds(void **state)
{
    static const char *const ids[] = {
        "fork-apply-slower-than-loop",
        "fork-apply-slower-than-callback",
        "fork-map1-slower-than-loop",
        "fork-map1-slower-than-callback",
        "pthread-apply-slower-than-loop",
        "openmp-map1-slower-than-callback",
        "cpython-apply-slower-than-own-loop",
        "cpython-map1-slower-than-own-loop",
        "fork-chunk1-costs-3x-best",
        "openmp-chunk1-costs-3x-best",
        "fork-map1-beats-apply",
        "cpython-map1-beats-apply",
        "fork-pays-at-2m-rows",
        "pthread-compute-reaches-peak",
        "openmp-shipped-slower-chunk1",
        "openmp-shipped-slower-python",
        "fork-oversubscription-chunk1",
        "fork-oversubscription-python",
    };
    struct setting *setting = *state;

    analyse(setting, 2);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        assert_string_equal(claim(setting, ids[i])->verdict, "holds");
        assert_string_equal(claim(setting, ids[i])->note, "");
        assert_int_equal(claim(setting, ids[i])->ratio.values, SYNTHETIC_ROUNDS);
    }
    assert_true(fabs(claim(setting, "fork-map1-slower-than-loop")->ratio.median - 4615.0 / 440) < 0.2);
    assert_true(fabs(claim(setting, "fork-pays-at-2m-rows")->ratio.median - 3.1 / 3.2) < 0.02);
    assert_string_equal(claim(setting, "openmp-shipped-slower-chunk64")->verdict, "not shown: not measured");
}

static void test_break_even(void **state)
{
    struct setting *setting = *state;
    const struct claim *found;

    analyse(setting, 2);
    found = claim(setting, "fork-break-even-callback");
    assert_string_equal(found->verdict, "holds");
    assert_string_equal(found->answer, "from chunk 16 on");
    assert_true(found->ratio.high < 1);
    assert_int_equal(claim(setting, "fork-break-even-loop")->chunk, 64);
    forget(setting);
    /* A larger chunk that loses moves the answer above it: every larger one must win. */
    synthetic_scale(&setting->sweep, "howmany/fork/map/dynamic/chunk:1024/workers:2/rows:200000", 3);
    analyse(setting, 2);
    assert_int_equal(claim(setting, "fork-break-even-callback")->chunk, 4096);
    forget(setting);
    synthetic_scale(&setting->sweep, "howmany/fork/map/dynamic/chunk:25000/workers:2/rows:200000", 3);
    analyse(setting, 2);
    assert_string_equal(claim(setting, "fork-break-even-callback")->verdict, "does not hold");
    assert_string_equal(claim(setting, "fork-break-even-callback")->answer, "none measured");
    assert_int_equal(claim(setting, "pthread-break-even-callback")->chunk, 16);
}

static void test_without_the_finding(void **state)
{
    struct setting *setting = *state;

    assert_true(synthetic_scale(&setting->sweep, "howmany/fork/map/dynamic/chunk:1/workers:2/rows:200000", 0.08) > 0);
    assert_true(synthetic_scale(&setting->sweep, "howmany/cpython/apply", 0.001) > 0);
    assert_true(
        synthetic_scale(&setting->sweep, "howmany/pthread/map/dynamic/chunk:25000/workers:2/rows:2000000", 1.2));
    analyse(setting, 2);
    assert_string_equal(claim(setting, "fork-map1-slower-than-loop")->verdict, "does not hold");
    assert_string_equal(claim(setting, "fork-map1-slower-than-callback")->verdict, "does not hold");
    assert_string_equal(claim(setting, "fork-apply-slower-than-loop")->verdict, "holds");
    assert_string_equal(claim(setting, "fork-chunk1-costs-3x-best")->verdict, "does not hold");
    assert_string_equal(claim(setting, "cpython-apply-slower-than-own-loop")->verdict, "does not hold");
    assert_string_equal(claim(setting, "cpython-map1-beats-apply")->verdict, "does not hold");
    assert_string_equal(claim(setting, "pthread-pays-at-2m-rows")->verdict, "does not hold");
}

/* Rounds on both sides of the limit: neither verdict would be honest. */
static void test_undecided(void **state)
{
    struct setting *setting = *state;

    for (size_t i = 0; i < setting->sweep.count; i++) {
        struct sample *sample = &setting->sweep.samples[i];

        if (strncmp(sample->cell, "howmany/fork/map/dynamic/chunk:1/workers:2", 42) == 0)
            for (int k = 0; k < sample->times; k++)
                sample->times_ns[k] = sample->round % 2 == 0 ? 430000 : 450000;
    }
    analyse(setting, 2);
    assert_string_equal(claim(setting, "fork-map1-slower-than-loop")->verdict, "not shown: the interval spans 1");
    forget(setting);
    for (size_t i = 0; i < setting->sweep.count; i++) {
        struct sample *sample = &setting->sweep.samples[i];

        if (strncmp(sample->cell, "howmany/fork/map/dynamic/chunk:25000/workers:2/rows:200000", 58) == 0)
            for (int k = 0; k < sample->times; k++)
                sample->times_ns[k] = sample->round % 2 == 0 ? 610000 : 630000;
    }
    analyse(setting, 2);
    assert_string_equal(claim(setting, "fork-break-even-callback")->verdict, "not shown: the interval spans 1");
    assert_string_equal(claim(setting, "fork-break-even-loop")->verdict, "does not hold");
}

static void test_one_cpu(void **state)
{
    struct setting *setting = *state;
    static const char *const kinds[] = {"break-even-loop", "break-even-callback", "pays-at-2m-rows",
                                        "compute-reaches-peak"};

    analyse(setting, 1);
    for (size_t i = 0; i < 4; i++) {
        char id[64];

        snprintf(id, sizeof id, "fork-%s", kinds[i]);
        assert_string_equal(claim(setting, id)->verdict, "not shown: 1 usable CPU");
        assert_string_equal(claim(setting, id)->answer, "");
    }
    assert_string_equal(claim(setting, "fork-map1-slower-than-loop")->verdict, "holds");
}

static void test_missing(void **state)
{
    struct setting *setting = *state;

    synthetic_drop(&setting->sweep, "howmany/cpython");
    synthetic_drop(&setting->sweep, "howmany/openmp/");
    analyse(setting, 2);
    assert_string_equal(claim(setting, "cpython-apply-slower-than-own-loop")->verdict, "not shown: not measured");
    assert_string_equal(claim(setting, "openmp-chunk1-costs-3x-best")->verdict, "not shown: not measured");
    assert_string_equal(claim(setting, "openmp-break-even-loop")->verdict, "not shown: not measured");
    assert_string_equal(claim(setting, "openmp-shipped-slower-chunk1")->verdict, "not shown: not measured");
    assert_string_equal(claim(setting, "fork-chunk1-costs-3x-best")->verdict, "holds");
}

static void test_noisy(void **state)
{
    struct setting *setting = *state;

    for (size_t i = 0; i < setting->sweep.count; i++)
        if (strncmp(setting->sweep.samples[i].cell, "howmany/fork/apply", 18) == 0)
            setting->sweep.samples[i].steal_pct = 30;
    analyse(setting, 2);
    assert_string_equal(claim(setting, "fork-apply-slower-than-loop")->note, "rests on a noisy cell");
    assert_string_equal(claim(setting, "fork-map1-beats-apply")->note, "rests on a noisy cell");
    assert_string_equal(claim(setting, "fork-map1-slower-than-loop")->note, "");
}

static void test_too_few_rounds(void **state)
{
    struct setting *setting = *state;
    size_t kept = 0;

    for (size_t i = 0; i < setting->sweep.count; i++)
        if (setting->sweep.samples[i].round < 2)
            setting->sweep.samples[kept++] = setting->sweep.samples[i];
    setting->sweep.count = kept;
    analyse(setting, 2);
    assert_string_equal(claim(setting, "fork-apply-slower-than-loop")->verdict,
                        "not shown: 2 rounds, an interval needs 3");
    assert_string_equal(claim(setting, "fork-break-even-loop")->verdict, "not shown: 2 rounds, an interval needs 3");
}

/* The clock slows down by half in some rounds, for cell and baseline alike: ratios between cells do not care. */
static void test_clock_speed_cancels(void **state)
{
    struct setting *setting = *state;
    double before;

    analyse(setting, 2);
    before = claim(setting, "fork-chunk1-costs-3x-best")->ratio.median;
    forget(setting);
    for (size_t i = 0; i < setting->sweep.count; i++) {
        struct sample *sample = &setting->sweep.samples[i];
        bool slow = (strlen(sample->cell) + (size_t)sample->round) % 2 == 0;

        for (int k = 0; k < sample->times && slow; k++) {
            sample->times_ns[k] *= 1.5;
            sample->loop_ns[k] *= 1.5;
            sample->callback_ns[k] *= 1.5;
        }
    }
    analyse(setting, 2);
    assert_true(fabs(claim(setting, "fork-chunk1-costs-3x-best")->ratio.median / before - 1) < 1e-9);
}

/* The pool's core: speedups, shares and multiples of a floor in pairs, at most as well as at least, goals, one that is
 * only told; what a sweep has not is left out. */
static void test_core(void **state)
{
    static const struct {
        const char *id, *relation, *verdict;
        double ratio;
        bool reaches_goal;
    } expected[] = {
        {"fork-core-chunk1", ">=", "holds", 1.8, true},
        {"pthread-core-chunk1", ">=", "holds", 1.6, false},
        {"fork-core-chunk1-copied", ">=", "does not hold", 0.7, false},
        {"fork-core-outlier", "<=", "holds", 402 / (798 * 200.0 / 399), true},
        {"fork-core-peak-2m", ">=", "holds", 3.1 / 3.2, false},
        {"fork-core-apply", "<=", "holds", 1.2, true},
        {"fork-core-apply-cold", "", "reported", 50, false},
        {"fork-core-open", "<=", "holds", 1.5, false},
    };
    struct setting *setting = *state;
    size_t core = 0;

    analyse(setting, 2);
    assert_null(claims_find(&setting->claims, "fork-core-chunk1"));
    forget(setting);
    synthetic_core(&setting->sweep);
    analyse(setting, 2);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const struct claim *found = claim(setting, expected[i].id);

        assert_string_equal(found->verdict, expected[i].verdict);
        assert_string_equal(found->relation, expected[i].relation);
        assert_true(fabs(found->ratio.median / expected[i].ratio - 1) < 0.02);
        assert_true(found->is_core && found->reaches_goal == expected[i].reaches_goal);
        assert_string_equal(found->cells[1], "");
    }
    for (size_t i = 0; i < setting->claims.count; i++)
        core += setting->claims.claims[i].is_core;
    assert_int_equal(core, sizeof expected / sizeof expected[0]); /* pthread has no claim about open */
    assert_true(fabs(claim(setting, "fork-core-chunk1")->over_loop.median - 1.8 * 440 / 620) < 0.02);
    assert_int_equal(claim(setting, "fork-core-open")->over_loop.values, 0);
    forget(setting);
    synthetic_scale(&setting->sweep, "howmany/fork/open", 2);
    synthetic_scale(&setting->sweep, "outlier:1600000/fork", 1.11);
    analyse(setting, 2);
    assert_string_equal(claim(setting, "fork-core-open")->verdict, "does not hold");
    assert_string_equal(claim(setting, "fork-core-outlier")->verdict, "does not hold");
    forget(setting);
    analyse(setting, 1);
    assert_string_equal(claim(setting, "fork-core-chunk1")->verdict, "not shown: 1 usable CPU");
}

/* Pairs come first: then the peak's own cell, measured in another process, does not matter. */
static void test_share_of_peak_in_pairs(void **state)
{
    struct setting *setting = *state;
    const char *cell = "howmany/fork/map/dynamic/chunk:25000/workers:2/rows:2000000";

    synthetic_beside(&setting->sweep, cell, 2.4e6); /* of 3.2 ms; the peak's own cell says 3.1 */
    analyse(setting, 2);
    assert_true(fabs(claim(setting, "fork-pays-at-2m-rows")->ratio.median - 0.75) < 0.02);
    assert_string_equal(claim(setting, "fork-pays-at-2m-rows")->cells[1], "");
    assert_true(fabs(claim(setting, "pthread-pays-at-2m-rows")->ratio.median - 3.1 / 3.2) < 0.02);
}

static void test_model(void **state)
{
    struct setting *setting = *state;
    struct model model;

    analyse(setting, 2);
    assert_int_equal(model_fit(&model, &setting->study, "fork"), 0);
    assert_int_equal(model.chunks, 8);
    assert_true(fabs(model.chunk_ns - 43) < 1);
    assert_true(fabs(model.start_ns - 5000) < 3000);
    assert_true(fabs(model.apply_ns - 8997) < 100);
    assert_true(fabs(model_notebook_ns() - 267435) < 1);
    assert_int_equal(model_fit(&model, &setting->study, "openmp-as-shipped"), 0);
    assert_true(isnan(model.chunk_ns)); /* two chunks: no fit */
}

static void test_json(void **state)
{
    struct setting *setting = *state;
    struct model model;
    char *text;
    json_t *root, *entry;

    synthetic_core(&setting->sweep);
    analyse(setting, 2);
    model_fit(&model, &setting->study, "fork");
    text = claims_json(&setting->claims, &setting->study, &model, 1);
    root = json_loads(text, 0, NULL);
    assert_non_null(root);
    assert_int_equal(json_array_size(json_object_get(root, "claims")), setting->claims.count);
    assert_true(setting->claims.count > 40);
    entry = json_array_get(json_object_get(root, "claims"), 0);
    assert_string_equal(json_string_value(json_object_get(entry, "verdict")), "holds");
    assert_true(json_real_value(json_object_get(entry, "ci_low")) > 1);
    assert_null(json_object_get(entry, "goal"));
    for (size_t i = 0; i < setting->claims.count; i++)
        if (strcmp(setting->claims.claims[i].id, "fork-core-chunk1") == 0)
            entry = json_array_get(json_object_get(root, "claims"), i);
    assert_true(json_real_value(json_object_get(entry, "goal")) == 1.6);
    assert_int_equal(json_array_size(json_object_get(entry, "speedup_loop")), 3);
    assert_int_equal(json_array_size(json_object_get(root, "models")), 1);
    json_decref(root);
    free(text);
}

int main(void)
{
#define WITH_SWEEP(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_SWEEP(test_everything_holds),
        WITH_SWEEP(test_break_even),
        WITH_SWEEP(test_without_the_finding),
        WITH_SWEEP(test_undecided),
        WITH_SWEEP(test_one_cpu),
        WITH_SWEEP(test_missing),
        WITH_SWEEP(test_noisy),
        WITH_SWEEP(test_too_few_rounds),
        WITH_SWEEP(test_clock_speed_cancels),
        WITH_SWEEP(test_core),
        WITH_SWEEP(test_share_of_peak_in_pairs),
        WITH_SWEEP(test_model),
        WITH_SWEEP(test_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
