/* SPDX-License-Identifier: MIT
 *
 * The parts "Overhead" and "The spin cliff" of RESULTS.md: what is computed from made-up sweeps with known answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis/cliff.h"
#include "analysis/overhead.h"
#include "report_folder.h"
#include "sweep/plan.h"

#define WARM "/data:shared/start:warm"

static void assert_line(const char *page, const char *start, const char *end)
{
    char *line = line_with(page, start);

    if (strstr(line, end) == NULL)
        fail_msg("`%s` is not in: %s", end, line);
    free(line);
}

/* ----------------------------------------------------------------------------------------- overhead */

static void add(struct folder *folder, const char *name, double time_ns, double callback_ns, double floor_ns)
{
    synthetic_cell(&folder->sweep, name, SYNTHETIC_ROWS, time_ns, SYNTHETIC_LOOP, callback_ns);
    synthetic_beside(&folder->sweep, name, floor_ns);
}

static void set_cpu(struct folder *folder, const char *prefix, double cpu_ns, double workers_cpu_ns)
{
    for (size_t i = 0; i < folder->sweep.count; i++)
        if (strncmp(folder->sweep.samples[i].cell, prefix, strlen(prefix)) == 0) {
            folder->sweep.samples[i].cpu_ns = cpu_ns;
            folder->sweep.samples[i].workers_cpu_ns = workers_cpu_ns;
        }
}

/* Tasks of w ns on two workers, o ns more each: the floor takes n * w / 2, the cell n * (w + o) / 2. */
static void add_tasks(struct folder *folder, const char *backend, const char *schedule, double over_ns)
{
    static const int sizes[] = {1, 2, 4, 8, 16, 32, 64};
    char name[CELL_NAME_MAX];

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        double work_ns = sizes[i];

        snprintf(name, sizeof name, "compute:%d/%s/map/%s/chunk:1/workers:2/rows:%d" WARM, sizes[i], backend, schedule,
                 SYNTHETIC_ROWS);
        add(folder, name, SYNTHETIC_ROWS * (work_ns + over_ns) / 2, SYNTHETIC_ROWS * work_ns,
            SYNTHETIC_ROWS * work_ns / 2);
    }
}

static struct overhead make_overhead(const struct folder *folder, int cpus)
{
    struct study study;
    struct metg metg;
    struct overhead overhead;

    assert_int_equal(study_open(&study, folder->sweep.samples, folder->sweep.count, cpus), 0);
    assert_int_equal(metg_make(&metg, &study), 0);
    assert_int_equal(overhead_make(&overhead, &study, &metg), 0);
    metg_free(&metg);
    study_close(&study);
    return overhead;
}

static const struct overhead_row *row_of(const struct overhead *overhead, const char *text)
{
    for (size_t i = 0; i < overhead->count; i++)
        if (strncmp(overhead->rows[i].text, text, strlen(text)) == 0)
            return &overhead->rows[i];
    fail_msg("no row `%s`", text);
    return NULL;
}

static void assert_near(double value, double expected, double share)
{
    if (!(fabs(value - expected) <= share * expected))
        fail_msg("%g is not near %g", value, expected);
}

/* Cells that reach everything but what a test spoils. */
static void fill(struct folder *folder)
{
    const double callback = SYNTHETIC_CALLBACK;

    folder->sweep.count = 0;
    add(folder, "howmany/fork/map/steal/chunk:1/workers:2/rows:200000" WARM, callback / 1.7, callback, callback / 1.96);
    add(folder, "howmany/pthread/map/steal/chunk:1/workers:2/rows:200000" WARM, callback / 1.6, callback,
        callback / 1.96);
    add(folder, "howmany/gomp/map/dynamic/chunk:1/workers:2/rows:200000" WARM, 9 * callback / 1.6, callback, 0);
    add(folder, "howmany/tbb-simple/map/-/chunk:1/workers:2/rows:200000" WARM, 6 * callback / 1.6, callback, 0);
    add(folder, "howmany/gomp-task/map/-/chunk:1/workers:2/rows:200000" WARM, 20 * callback, callback, 0);
    add(folder, "howmany/openmp-as-shipped/map/dynamic/chunk:1/workers:2/rows:200000" WARM, 8e6, callback, 0);
    add(folder, "howmany/fork/apply_async/-/chunk:0/workers:2/rows:200000" WARM, 18 * callback, callback, 0);
    add(folder, "howmany/fork/apply/-/chunk:0/workers:1/rows:200000" WARM, 3e6, callback, 1e6);
    add(folder, "howmany/floor/bandwidth/-/chunk:0/workers:1/rows:200000" WARM, 0.8 * SYNTHETIC_LOOP, callback, 0);
    add(folder, "howmany/fork/idle/-/chunk:0/workers:2/rows:0" WARM, 500e6, NAN, 0);
    add(folder, "howmany/pthread/idle/-/chunk:0/workers:2/rows:0" WARM, 500e6, NAN, 0);
    set_cpu(folder, "howmany/fork/idle", 0.2e6, 1e6); /* 1.2 ms in half a second */
    set_cpu(folder, "howmany/pthread/idle", 0, 0);
    add_tasks(folder, "fork", "steal", 5);
    add_tasks(folder, "pthread", "steal", 0.5);
    add_tasks(folder, "gomp-task", "-", 100);
}

static void test_figures(void **state)
{
    struct folder *folder = *state;

    fill(folder);
    struct overhead overhead = make_overhead(folder, 2);
    const struct overhead_row *row = row_of(&overhead, "fork map, over");
    assert_true(overhead.is_there);
    assert_near(row->got.median, 1.7, 0.02);
    assert_string_equal(row->verdict, "holds, goal too");
    assert_true(row->missed_by == 0);
    assert_near(row_of(&overhead, "libgomp dynamic")->got.median, 9, 0.02);
    row = row_of(&overhead, "oneTBB");
    assert_near(row->got.median, 6, 0.02);
    assert_string_equal(row->verdict, "holds");
    row = row_of(&overhead, "openmp shipped");
    assert_string_equal(row->verdict, "reported");
    row = row_of(&overhead, "fork apply, P");
    assert_near(row->got.median, 3, 0.02);
    assert_string_equal(row->verdict, "does not hold");
    assert_near(row->missed_by, 0.5, 0.05);
    row = row_of(&overhead, "fork apply_async");
    assert_near(row->got.median, 0.9, 0.02);
    assert_string_equal(row->verdict, "holds");
    row = row_of(&overhead, "serial loop");
    assert_near(row->got.median, 0.8, 0.02);
    assert_string_equal(row->verdict, "holds");
}

/* Half the speed is where the task is as long as what is added to it: twice that, together. */
static void test_metg(void **state)
{
    struct folder *folder = *state;

    fill(folder);
    struct overhead overhead = make_overhead(folder, 2);
    const struct overhead_row *row = row_of(&overhead, "fork map: METG");
    assert_near(row->got.median, 10, 0.05);
    assert_false(row->is_bound);
    assert_string_equal(row->verdict, "holds");
    row = row_of(&overhead, "pthread map: METG");
    assert_near(row->got.median, 1.5, 0.05);
    assert_true(row->is_bound);
    assert_string_equal(row->verdict, "holds, goal too");
    row = row_of(&overhead, "libgomp task: METG"); /* 64 ns are less than 100 */
    assert_true(isnan(row->got.median));
    assert_string_equal(row->verdict, "not reached: more than 164 ns");
}

static void test_idle(void **state)
{
    struct folder *folder = *state;

    fill(folder);
    struct overhead overhead = make_overhead(folder, 2);
    const struct overhead_row *row = row_of(&overhead, "fork idle");
    assert_near(row->got.median, 12, 0.02);
    assert_string_equal(row->verdict, "does not hold");
    assert_near(row->missed_by, 0.2, 0.1);
    row = row_of(&overhead, "pthread idle");
    assert_true(row->got.median == 0);
    assert_string_equal(row->verdict, "holds, goal too");
}

/* Peers that were not there, and one CPU. */
static void test_what_is_missing(void **state)
{
    struct folder *folder = *state;

    fill(folder);
    synthetic_drop(&folder->sweep, "howmany/gomp");
    synthetic_drop(&folder->sweep, "howmany/tbb");
    struct overhead overhead = make_overhead(folder, 2);
    assert_string_equal(row_of(&overhead, "libgomp dynamic")->verdict, "not measured");
    assert_string_equal(row_of(&overhead, "oneTBB")->verdict, "not measured");
    assert_string_equal(row_of(&overhead, "fork apply_async")->verdict, "not measured");
    overhead = make_overhead(folder, 1);
    assert_string_equal(row_of(&overhead, "fork map, over")->verdict, "not shown: 1 usable CPU");
    synthetic_drop(&folder->sweep, "howmany/fork/idle");
    synthetic_drop(&folder->sweep, "howmany/pthread/idle");
    assert_false(make_overhead(folder, 2).is_there);
}

static void test_overhead_on_the_page(void **state)
{
    struct folder *folder = *state;
    char *page;

    put(folder, "env.json", ENV);
    page = make(folder, NULL);
    assert_lacks(page, "## Overhead");
    free(page);
    fill(folder);
    page = make(folder, NULL);
    assert_has(page, "## Overhead\n\nTwo workers");
    assert_line(page, "| fork map, over serial", "| >= 1.45 (1.65) | ");
    assert_line(page, "| fork apply, P = 1 / cache", "| does not hold, by 50.");
    assert_line(page, "| pthread map: METG(50 %)", " <= 1.50 |");
    assert_line(page, "| pthread map, likewise", " 1.60 to 1.60 | reported ");
    free(page);
}

/* Exactly the cells that the figures are made of, but for peers that this build lacks. */
static void test_profile(void **state)
{
    static const char *const needed[] = {
        "howmany/fork/map/steal/chunk:1/workers:2/rows:200000" WARM,
        "howmany/pthread/map/steal/chunk:1/workers:2/rows:200000" WARM,
        "howmany/fork/apply/-/chunk:0/workers:1/rows:200000" WARM,
        "howmany/fork/apply_async/-/chunk:0/workers:2/rows:200000" WARM,
        "howmany/fork/idle/-/chunk:0/workers:2/rows:0" WARM,
        "howmany/pthread/idle/-/chunk:0/workers:2/rows:0" WARM,
        "compute:1/fork/map/steal/chunk:1/workers:2/rows:400000" WARM,
        "compute:32/pthread/map/steal/chunk:1/workers:2/rows:400000" WARM,
    };
    struct plan plan;
    char problem[PLAN_PROBLEM_MAX] = "";
    (void)state;

    if (plan_make(&plan, &(struct plan_options){.profile = "overhead", .cpus = 4}, problem) != 0)
        fail_msg("%s", problem);
    assert_true(plan.rounds >= 7);
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        size_t found = 0;

        for (size_t k = 0; k < plan.count; k++)
            found += strcmp(plan.cells[k].name, needed[i]) == 0;
        if (found != 1)
            fail_msg("%s is there %zu times", needed[i], found);
    }
    for (size_t k = 0; k < plan.count; k++)
        assert_true(plan.cells[k].cell.workers <= 2);
    plan_free(&plan);
}

/* -------------------------------------------------------------------------------------------- cliff */

/* Times of some rounds of the cells whose name starts like this become longer. */
static void delay(struct folder *folder, const char *prefix, int every, double more_ns)
{
    for (size_t i = 0; i < folder->sweep.count; i++) {
        struct sample *sample = &folder->sweep.samples[i];

        for (int k = 0; k < sample->times; k++)
            if (strncmp(sample->cell, prefix, strlen(prefix)) == 0 && sample->round % every == 0)
                sample->times_ns[k] += more_ns;
    }
}

static void test_no_cliff(void **state)
{
    struct folder *folder = *state;
    char *page;

    put(folder, "env.json", ENV);
    synthetic_drop(&folder->sweep, "howmany/openmp-as-shipped");
    delay(folder, "howmany/openmp/map/dynamic/chunk:1/", 1, 8e6); /* hand-overs, not a slice */
    delay(folder, "howmany/openmp/map/dynamic/chunk:25000/workers:2/rows:2000000", 1, 50e6); /* its work hides it */
    page = make(folder, NULL);
    assert_has(page, "## The spin cliff\n\n");
    assert_has(page, "It did not happen in this run: in none of 3 cells of OpenMP, 33 rounds,");
    assert_lacks(page, "takes slices");
    assert_lacks(page, "| now and then");
    free(page);
}

static void test_cliff(void **state)
{
    struct folder *folder = *state;
    char *page;

    put(folder, "env.json", ENV);
    delay(folder, "howmany/openmp/map/static/chunk:64/", 4, 4e6); /* rounds 0, 4, 8 */
    page = make(folder, NULL);
    assert_has(page, "It happened in this run: in 2 of 4 cells of OpenMP, 14 of all their 44 rounds.");
    assert_has(page, "On fork and pthread, which share the run, 0 of 66 rounds took as long.");
    assert_line(page, "| howmany openmp-as-shipped | dynamic  | 25000 |   2 | 200000 |", " 11/11 ");
    assert_line(page, "| howmany openmp-as-shipped | dynamic  | 25000 |   2 | 200000 |", "| takes slices |");
    assert_line(page, "| howmany openmp            | static   |    64 |   2 | 200000 |", "|   3/11 | now and then |");
    assert_lacks(page, "| howmany fork ");
    free(page);
    delay(folder, "howmany/fork/map/static/chunk:64/", 1, 2e6); /* ours are told as well */
    page = make(folder, NULL);
    assert_has(page, "On fork and pthread, which share the run, 11 of 66 rounds took as long.");
    assert_line(page, "| howmany fork ", "| takes slices |");
    free(page);
    synthetic_drop(&folder->sweep, "howmany/openmp");
    page = make(folder, NULL);
    assert_lacks(page, "The spin cliff");
    free(page);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_figures),
        WITH_FOLDER(test_metg),
        WITH_FOLDER(test_idle),
        WITH_FOLDER(test_what_is_missing),
        WITH_FOLDER(test_overhead_on_the_page),
        cmocka_unit_test(test_profile),
        WITH_FOLDER(test_no_cliff),
        WITH_FOLDER(test_cliff),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
