/* SPDX-License-Identifier: MIT
 *
 * From records to rows: figures that can be computed by hand, subsets, CPython, grades, and summary.csv both ways.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analysis/aside.h"
#include "analysis/summary.h"
#include "synthetic.h"

#define WARM "/data:shared/start:warm"
#define COLUMNS                                                                                                        \
    "kernel,backend,call,schedule,chunk,workers,rows,tasks,data,wait,start,samples,median_ns,ci_low_ns,ci_high_ns,"    \
    "ns_per_row,overhead_ns_per_task,speedup_loop,speedup_callback,efficiency,efficiency_peak,handovers,steals,"       \
    "quality\n"

static const struct summary_row *find(const struct summary *summary, const char *name)
{
    struct cell cell;
    const char *problem;

    assert_int_equal(cell_parse(name, &cell, &problem), 0);
    return summary_find(summary, &cell);
}

static void assert_near(double value, double expected, double relative)
{
    if (!(fabs(value - expected) <= relative * fabs(expected)))
        fail_msg("%.10g is not near %.10g", value, expected);
}

static void test_figures(void **state)
{
    struct synthetic sweep = synthetic_sweep();
    struct summary summary;
    const struct summary_row *row;

    (void)state;
    assert_int_equal(summary_make(&summary, sweep.samples, sweep.count, 2), 0);
    row = find(&summary, "howmany/fork/map/dynamic/chunk:1/workers:2/rows:200000" WARM);
    assert_non_null(row);
    assert_int_equal(row->samples, SYNTHETIC_ROUNDS);
    assert_near(row->median_ns, 5000 + (620000 + 43 * 200000) / 2.0, 0.01);
    assert_true(row->ci_low_ns <= row->median_ns && row->median_ns <= row->ci_high_ns);
    assert_near(row->ns_per_row, 23.1, 0.01);
    assert_near(row->overhead_ns_per_task, 43.05, 0.02);
    assert_near(row->speedup_loop, 440000 / 4615000.0, 0.02);
    assert_near(row->speedup_callback, 620000 / 4615000.0, 0.02);
    assert_near(row->efficiency, 620000 / (2 * 4615000.0), 0.02);
    assert_near(row->efficiency_peak, row->efficiency / 0.98, 0.02);
    assert_string_equal(row->quality, "ok");
    /* Twice as many workers as CPUs still use two. */
    row = find(&summary, "howmany/fork/map/dynamic/chunk:12500/workers:4/rows:200000" WARM);
    assert_near(row->efficiency, 620000 / (2 * 600000.0), 0.02);
    summary_free(&summary);
    synthetic_free(&sweep);
}

static void test_subsets_and_peers(void **state)
{
    struct synthetic sweep = synthetic_sweep();
    struct summary summary;
    const struct summary_row *row;

    (void)state;
    summary_make(&summary, sweep.samples, sweep.count, 2);
    row = find(&summary, "howmany/fork/apply/-/chunk:1/workers:2/rows:200000" WARM);
    assert_int_equal(row->tasks, 2000);
    assert_near(row->ns_per_row, 9000, 0.01);
    assert_near(row->overhead_ns_per_task, 9000 - 3.1, 0.01); /* one task outstanding: P_used is 1 */
    assert_near(row->speedup_callback, 3.1 / 9000, 0.02);
    assert_string_equal(row->quality, "scaled");
    row = find(&summary, "howmany/cpython/map/-/chunk:1/workers:2/rows:200000" WARM);
    assert_near(row->speedup_loop, 280.0 / 25370, 0.02);
    assert_true(isnan(row->speedup_callback) && isnan(row->efficiency_peak));
    row = find(&summary, "howmany/serial/loop/-/chunk:0/workers:1/rows:200000" WARM);
    assert_true(row->speedup_loop == 1);
    row = find(&summary, "howmany/null/map/dynamic/chunk:1/workers:1/rows:200000" WARM);
    assert_true(isnan(row->speedup_loop) && isnan(row->efficiency));
    assert_near(row->overhead_ns_per_task, 300.0 / 200000, 0.01);
    row = find(&summary, "howmany/fork/open/-/chunk:0/workers:2/rows:0" WARM);
    assert_near(row->median_ns, 900000, 0.01);
    assert_true(isnan(row->ns_per_row) && isnan(row->overhead_ns_per_task));
    summary_free(&summary);
    synthetic_free(&sweep);
}

/* In pairs where there are such, for calls whose floor is the peak. */
static void test_efficiency_of_peak(void **state)
{
    struct synthetic sweep = synthetic_sweep();
    struct summary summary;
    const struct summary_row *row;

    (void)state;
    synthetic_core(&sweep);
    synthetic_beside(&sweep, "howmany/fork/map/dynamic/chunk:64/", 280000);
    synthetic_beside(&sweep, "howmany/fork/apply/-/chunk:1/", 1e6);
    assert_int_equal(summary_make(&summary, sweep.samples, sweep.count, 2), 0);
    row = find(&summary, "howmany/fork/map/dynamic/chunk:64/workers:2/rows:200000" WARM);
    assert_near(row->efficiency_peak, 280000 / row->median_ns, 0.02);
    row = find(&summary, "howmany/fork/map/dynamic/chunk:256/workers:2/rows:200000" WARM);
    assert_near(row->efficiency_peak, row->efficiency / 0.98, 0.02);
    row = find(&summary, "howmany/fork/apply/-/chunk:1/workers:2/rows:200000" WARM);
    assert_near(row->efficiency_peak, row->efficiency, 0.02); /* a cache line is no share of the peak */
    assert_true(isnan(find(&summary, "howmany/fork/open/-/chunk:0/workers:2/rows:0" WARM)->efficiency_peak));
    summary_free(&summary);
    synthetic_free(&sweep);
}

static void test_negative_overhead_is_kept(void **state)
{
    struct synthetic sweep = synthetic_sweep();
    struct summary summary;

    (void)state;
    synthetic_scale(&sweep, "howmany/fork/map/dynamic/chunk:25000/workers:2/rows:200000", 0.9);
    summary_make(&summary, sweep.samples, sweep.count, 2);
    assert_true(
        find(&summary, "howmany/fork/map/dynamic/chunk:25000/workers:2/rows:200000" WARM)->overhead_ns_per_task < -0.2);
    summary_free(&summary);
    synthetic_free(&sweep);
}

/* Makes rounds of one cell fail, or spoils them; the grade must tell. */
static void test_grades(void **state)
{
    static const char *const grades[] = {"incomplete", "noisy", "noisy", "noisy", "ok", "missing"};
    const char *name = "howmany/fork/map/dynamic/chunk:64/workers:2/rows:200000" WARM;

    (void)state;
    for (int grade = 0; grade < 6; grade++) {
        struct synthetic sweep = synthetic_sweep();
        struct summary summary;

        for (size_t i = 0; i < sweep.count; i++) {
            struct sample *sample = &sweep.samples[i];

            if (strcmp(sample->cell, name) != 0)
                continue;
            if (grade == 0 && sample->round == 4)
                sample->status = SAMPLE_FAILED;
            if (grade == 1)
                sample->steal_pct = 6;
            if (grade == 2)
                sample->involuntary = 500;
            for (int k = 0; k < sample->times && grade == 3 && sample->round % 2 == 0; k++)
                sample->times_ns[k] *= 2;
            if (grade == 4 && sample->round == 4)
                sample->steal_pct = 50; /* one bad round of eleven: the median does not mind */
            if (grade == 5)
                sample->status = SAMPLE_MISSING;
        }
        summary_make(&summary, sweep.samples, sweep.count, 2);
        assert_string_equal(find(&summary, name)->quality, grades[grade]);
        assert_int_equal(find(&summary, name)->samples, grade == 0 ? 10 : grade == 5 ? 0 : 11);
        summary_free(&summary);
        synthetic_free(&sweep);
    }
}

/* The baseline has no partner but itself; its own times must tell. */
static void test_noisy_baseline(void **state)
{
    const char *name = "howmany/serial/callback/-/chunk:0/workers:1/rows:200000" WARM;
    struct synthetic sweep = synthetic_sweep();
    struct summary summary;

    (void)state;
    summary_make(&summary, sweep.samples, sweep.count, 2);
    assert_string_equal(find(&summary, name)->quality, "ok");
    summary_free(&summary);
    for (size_t i = 0; i < sweep.count; i++)
        for (int k = 0; strcmp(sweep.samples[i].cell, name) == 0 && k < sweep.samples[i].times; k++)
            sweep.samples[i].times_ns[k] *= 1 + sweep.samples[i].round;
    summary_make(&summary, sweep.samples, sweep.count, 2);
    assert_string_equal(find(&summary, name)->quality, "noisy");
    summary_free(&summary);
    synthetic_free(&sweep);
}

/* A caller that hands over a task a call is switched out by the worker it wakes: that is no disturbance. */
static void test_apply_switches_by_itself(void **state)
{
    const char *name = "howmany/fork/apply/-/chunk:1/workers:2/rows:200000" WARM;
    static const double switches[] = {2, 20}; /* a task */
    static const char *const grades[] = {"scaled", "noisy"};

    (void)state;
    for (int k = 0; k < 2; k++) {
        struct synthetic sweep = synthetic_sweep();
        struct summary summary;

        for (size_t i = 0; i < sweep.count; i++)
            if (strcmp(sweep.samples[i].cell, name) == 0)
                sweep.samples[i].involuntary = switches[k] * 2000 * 3;
        summary_make(&summary, sweep.samples, sweep.count, 2);
        assert_string_equal(find(&summary, name)->quality, grades[k]);
        summary_free(&summary);
        synthetic_free(&sweep);
    }
}

static void test_best_schedule(void **state)
{
    struct synthetic sweep = synthetic_sweep();
    struct summary summary;

    (void)state;
    summary_make(&summary, sweep.samples, sweep.count, 2);
    /* dynamic wins at chunk 25000, but static was not measured there: only 1 and 64 count. */
    assert_string_equal(summary_best_schedule(&summary, "howmany", "fork", 2, 200000), "static");
    assert_string_equal(summary_best_schedule(&summary, "howmany", "openmp-as-shipped", 2, 200000), "dynamic");
    assert_string_equal(summary_best_schedule(&summary, "howmany", "fork", 3, 200000), "");
    summary_free(&summary);
    synthetic_scale(&sweep, "howmany/fork/map/static", 20);
    summary_make(&summary, sweep.samples, sweep.count, 2);
    assert_string_equal(summary_best_schedule(&summary, "howmany", "fork", 2, 200000), "dynamic");
    summary_free(&summary);
    synthetic_free(&sweep);
}

static void test_file(void **state)
{
    struct synthetic sweep = synthetic_sweep();
    struct summary summary, back;
    char dir[] = "/tmp/grain-summary-XXXXXX", path[64], *first, *second;
    size_t first_size, second_size;

    (void)state;
    assert_non_null(mkdtemp(dir));
    summary_make(&summary, sweep.samples, sweep.count, 2);
    assert_int_equal(summary_write(&summary, dir), 0);
    assert_int_equal(aside_read(dir, "summary.csv", &first, &first_size), 0);
    assert_memory_equal(first, COLUMNS, strlen(COLUMNS));
    assert_null(strstr(first, "nan"));
    assert_int_equal(summary_read(&back, dir), 0);
    assert_int_equal(back.count, summary.count);
    assert_true(isnan(find(&back, "howmany/fork/open/-/chunk:0/workers:2/rows:0" WARM)->ns_per_row));
    assert_int_equal(summary_write(&back, dir), 0);
    assert_int_equal(aside_read(dir, "summary.csv", &second, &second_size), 0);
    assert_int_equal(first_size, second_size);
    assert_memory_equal(first, second, first_size);
    summary_free(&back);

    first[3] = 'X';
    assert_int_equal(aside_replace(dir, "summary.csv", first, first_size), 0);
    assert_int_equal(summary_read(&back, dir), -EBADMSG);
    assert_int_equal(aside_replace(dir, "summary.csv", second, second_size - 20), 0);
    assert_int_equal(summary_read(&back, dir), -EBADMSG);
    snprintf(path, sizeof path, "%s/summary.csv", dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(summary_read(&back, dir), -ENOENT);
    assert_int_equal(rmdir(dir), 0); /* nothing else was left behind */
    free(first);
    free(second);
    summary_free(&summary);
    synthetic_free(&sweep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_subsets_and_peers),
        cmocka_unit_test(test_efficiency_of_peak),
        cmocka_unit_test(test_negative_overhead_is_kept),
        cmocka_unit_test(test_grades),
        cmocka_unit_test(test_noisy_baseline),
        cmocka_unit_test(test_apply_switches_by_itself),
        cmocka_unit_test(test_best_schedule),
        cmocka_unit_test(test_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
