/* SPDX-License-Identifier: MIT
 *
 * The pool's own choice: what is planned, which chunk wins, and what the ratio to the winner says on the page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis/choice.h"
#include "report_folder.h"
#include "sweep/plan.h"

#define WARM "/data:shared/start:warm"

/* ------------------------------------------------------------------------------------------- the plan */

static struct plan plan_of(const char *profile)
{
    struct plan plan;
    char problem[PLAN_PROBLEM_MAX] = "";

    if (plan_make(&plan, &(struct plan_options){.profile = profile, .cpus = 2}, problem) != 0)
        fail_msg("%s", problem);
    return plan;
}

static bool is_same_row(const struct cell *a, const struct cell *b)
{
    return strcmp(a->kernel, b->kernel) == 0 && strcmp(a->backend, b->backend) == 0 &&
           strcmp(a->schedule, b->schedule) == 0 && a->rows == b->rows && a->workers == b->workers;
}

/* Each cell of the second stage has twelve chunks and more in the first, from 1 to a share, and no other partner. */
static void test_plan(void **state)
{
    static const char *const kernels[] = {"howmany",     "compute:80",      "compute:8000",          "compute:800000",
                                          "memory:4096", "imbalance:10000", "imbalance-sorted:10000"};
    static const char *const backends[] = {"fork", "pthread", "openmp", "openmp-as-shipped"};
    struct plan sweep = plan_of("choice"), check = plan_of("choice-check");
    size_t found = 0;

    (void)state;
    assert_true(check.rounds >= CHOICE_ROUNDS_MIN);
    for (size_t i = 0; i < check.count; i++) {
        struct plan_cell *cell = &check.cells[i];
        struct cell partner;
        size_t chunks = 0, shares = 0;

        for (size_t k = 0; k < sweep.count; k++)
            if (is_same_row(&sweep.cells[k].cell, &cell->cell)) {
                assert_false(plan_wants_winner(&sweep.cells[k]));
                assert_true(sweep.cells[k].cell.chunk > 0);
                chunks++;
                shares += sweep.cells[k].cell.chunk * 2 == cell->cell.rows || sweep.cells[k].cell.chunk == 1;
            }
        assert_true(chunks >= CHOICE_CHUNKS_MIN);
        assert_int_equal(shares, 2);
        assert_int_equal(cell->cell.chunk, 0);
        assert_true(plan_wants_winner(cell));
        assert_false(plan_partner(cell, CELL_TURN_RIVAL, 2, &partner));
        cell->rival_chunk = 64;
        assert_true(plan_partner(cell, CELL_TURN_RIVAL, 2, &partner));
        assert_int_equal(partner.chunk, 64);
        assert_true(is_same_row(&partner, &cell->cell));
        for (int turn = CELL_TURN_LOOP; turn < CELL_TURN_RIVAL; turn++)
            assert_false(plan_partner(cell, (enum cell_turn)turn, 2, &partner));
    }
    for (size_t k = 0; k < sizeof kernels / sizeof kernels[0]; k++)
        for (size_t b = 0; b < sizeof backends / sizeof backends[0]; b++)
            for (size_t i = 0; i < check.count; i++)
                found += strcmp(check.cells[i].cell.kernel, kernels[k]) == 0 &&
                         strcmp(check.cells[i].cell.backend, backends[b]) == 0;
    assert_int_equal(found, 28);
    plan_free(&sweep);
    plan_free(&check);
}

/* Another winner is another plan. */
static void test_hash(void **state)
{
    struct plan plan = plan_of("choice-check");
    uint64_t before = plan_hash(&plan), with;

    (void)state;
    plan.cells[0].rival_chunk = 64;
    with = plan_hash(&plan);
    assert_true(with != before);
    plan.cells[0].rival_chunk = 65;
    assert_true(plan_hash(&plan) != with);
    plan_free(&plan);
}

/* ----------------------------------------------------------------------------------------- the winner */

#define AT(kernel, backend, schedule, chunk)                                                                           \
    kernel "/" backend "/map/" schedule "/chunk:" chunk "/workers:2/rows:200000" WARM

static void test_winner(void **state)
{
    struct synthetic sweep = {.samples = calloc(SYNTHETIC_MOST, sizeof(struct sample))};
    struct summary summary;
    struct cell cell;
    size_t tried;

    (void)state;
    synthetic_cell(&sweep, AT("howmany", "fork", "steal", "0"), 200000, 100e3, NAN, NAN);
    synthetic_cell(&sweep, AT("howmany", "fork", "steal", "1"), 200000, 500e3, NAN, NAN);
    synthetic_cell(&sweep, AT("howmany", "fork", "steal", "64"), 200000, 300e3, NAN, NAN);
    synthetic_cell(&sweep, AT("howmany", "fork", "steal", "1024"), 200000, 400e3, NAN, NAN);
    synthetic_cell(&sweep, AT("howmany", "fork", "dynamic", "16"), 200000, 200e3, NAN, NAN);
    synthetic_cell(&sweep, AT("howmany", "pthread", "steal", "16"), 200000, 200e3, NAN, NAN);
    synthetic_cell(&sweep, AT("empty", "fork", "steal", "16"), 200000, 200e3, NAN, NAN);
    synthetic_cell(&sweep, AT("howmany", "fork", "steal", "256"), 200000, 100e3, NAN, NAN);
    for (size_t i = sweep.count - SYNTHETIC_ROUNDS; i < sweep.count; i++)
        sweep.samples[i].status = SAMPLE_FAILED; /* the quickest, but it failed */
    assert_int_equal(summary_make(&summary, sweep.samples, sweep.count, 2), 0);
    assert_int_equal(cell_parse(AT("howmany", "fork", "steal", "0"), &cell, NULL), 0);
    assert_int_equal(choice_winner(&summary, &cell, &tried), 64);
    assert_int_equal(tried, 3);
    assert_int_equal(cell_parse(AT("howmany", "openmp", "dynamic", "0"), &cell, NULL), 0);
    assert_int_equal(choice_winner(&summary, &cell, &tried), 0);
    assert_int_equal(tried, 0);
    summary_free(&summary);
    synthetic_free(&sweep);
}

/* --------------------------------------------------------------------------------- ratio and verdict */

/* A cell with so many rounds beside its rival; the ratio of each, round by round. */
static void add_check(struct synthetic *sweep, const char *name, const double *ratios, int rounds)
{
    for (int round = 0; round < rounds; round++) {
        struct sample *sample = &sweep->samples[sweep->count++];

        *sample = (struct sample){
            .round = round, .status = SAMPLE_OK, .iterations = 3, .tasks = 200000, .times = 3, .rival_chunk = 64};
        memcpy(sample->cell, name, strlen(name) + 1);
        for (int i = 0; i < sample->times; i++) {
            /* the machine's speed differs from pair to pair: that cancels */
            double speed = 1 + 0.3 * ((round + i) % 3);

            sample->rival_ns[i] = 400e3 * speed;
            sample->times_ns[i] = ratios[round % 3] * sample->rival_ns[i];
            sample->loop_ns[i] = sample->callback_ns[i] = sample->floor_ns[i] = NAN;
        }
    }
}

static const struct choice_row *row_of(const struct choice *choice, const char *backend)
{
    for (size_t i = 0; i < choice->count; i++)
        if (strcmp(choice->rows[i].series->cell.backend, backend) == 0)
            return &choice->rows[i];
    fail_msg("no row of %s", backend);
    return NULL;
}

static const double good[] = {1.05, 1.05, 1.05}, far[] = {1.12, 1.12, 1.12}, wide[] = {1.0, 1.09, 1.3};

static void add_checks(struct synthetic *sweep)
{
    sweep->count = 0;
    add_check(sweep, AT("howmany", "fork", "steal", "0"), good, 15);
    add_check(sweep, AT("howmany", "pthread", "steal", "0"), far, 15);
    add_check(sweep, AT("howmany", "openmp", "dynamic", "0"), wide, 15);
    add_check(sweep, AT("howmany", "openmp-as-shipped", "dynamic", "0"), far, 15);
    add_check(sweep, AT("howmany", "fork", "dynamic", "0"), good, 14);
}

static void test_ratio_and_outcome(void **state)
{
    struct synthetic sweep = {.samples = calloc(SYNTHETIC_MOST, sizeof(struct sample))};
    struct study study;
    struct choice choice;
    size_t counts[CHOICE_OUTCOMES] = {0};

    (void)state;
    add_checks(&sweep);
    assert_int_equal(study_open(&study, sweep.samples, sweep.count, 2), 0);
    assert_int_equal(choice_make(&choice, &study, 12), 0);
    assert_int_equal(choice.count, 5);
    for (size_t i = 0; i < choice.count; i++)
        counts[choice.rows[i].outcome]++;
    assert_int_equal(row_of(&choice, "pthread")->outcome, CHOICE_FAILS); /* the median is over its limit */
    assert_true(fabs(row_of(&choice, "pthread")->ratio.median - 1.12) < 1e-9);
    assert_int_equal(row_of(&choice, "pthread")->winner, 64);
    assert_int_equal(row_of(&choice, "openmp")->outcome, CHOICE_FAILS); /* the median is not, the interval is */
    assert_true(row_of(&choice, "openmp")->ratio.median <= CHOICE_MEDIAN_MAX);
    assert_true(row_of(&choice, "openmp")->ratio.high > CHOICE_HIGH_MAX);
    assert_int_equal(row_of(&choice, "openmp-as-shipped")->outcome, CHOICE_REPORTED);
    assert_int_equal(counts[CHOICE_HOLDS], 1);
    assert_int_equal(counts[CHOICE_NOT_SHOWN], 1); /* 14 rounds */
    choice_free(&choice);

    assert_int_equal(choice_make(&choice, &study, 11), 0); /* too few chunks for any */
    for (size_t i = 0; i < choice.count; i++)
        assert_int_not_equal(choice.rows[i].outcome, CHOICE_HOLDS);
    choice_free(&choice);
    study_close(&study);
    synthetic_free(&sweep);
}

/* ------------------------------------------------------------------------------------------- the page */

#define CHECK_ENV                                                                                                      \
    "{\"format\": 1, \"date\": \"2026-01-31T12:00:00Z\", \"command\": \"x\", \"profile\": \"choice-check\","           \
    " \"usable_cpus\": 2, \"commit\": \"abc1234\", \"dirty\": false, \"winners_tried\": 13}"

static void assert_line(const char *page, const char *start, const char *end)
{
    char *line = line_with(page, start);

    assert_has(line, end);
    assert_true(strlen(line) <= 80);
    free(line);
}

static void test_page(void **state)
{
    struct folder *folder = *state;
    char *page;

    put(folder, "env.json", ENV);
    page = make(folder, NULL);
    assert_lacks(page, "The pool's own choice");
    free(page);
    put(folder, "env.json", CHECK_ENV);
    add_checks(&folder->sweep);
    page = make(folder, NULL);
    assert_has(page, "## The pool's own choice");
    assert_has(page, "beside the winner of a sweep of chunks (the least\nmedian of 13 or more;");
    assert_line(page, "| kernel  | backend  | winner |", "holds");
    assert_line(page, "| howmany | pthread ", "|     64 |");
    assert_line(page, "| howmany | pthread ", "1.12 (1.12 to 1.12) | no ");
    assert_line(page, "| howmany | openmp * ", "1.12 (1.12 to 1.12) | - ");
    assert_has(page, "1.05 (1.05 to 1.05) | yes");
    assert_has(page, "Within the limits: 1 of 4. Not shown, for want of 15 rounds or of 12 chunks tried: 1.\n"
                     "Furthest from its winner: `howmany` on pthread, 1.12 x its time.\n");
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_winner),
        cmocka_unit_test(test_ratio_and_outcome),
        cmocka_unit_test_setup_teardown(test_page, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
