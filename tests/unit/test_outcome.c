/* SPDX-License-Identifier: MIT
 *
 * How failures are counted: whoever is killed in the middle of counting one leaves it to be counted again, and it
 * counts once.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "job/job.h"

#define COUNT 8
static int codes[COUNT];

static void task_fails(struct job_outcome *outcome, size_t index, int code)
{
    const struct job job = {.form = JOB_TASK, .count = COUNT, .codes = codes};
    struct grain_error error = {.code = code, .index = index};
    job_fail(&job, outcome, &error);
}

/* What is left of counting task 3's failure, the third, when the worker is killed at each step. */
static void a_failure_that_was_half_counted_counts_once(void **state)
{
    (void)state;
    for (int step = 0; step <= 4; step++) {
        struct job_outcome outcome, before;
        memset(&outcome, 0x5a, sizeof outcome);
        memset(codes, 0, sizeof codes);
        job_outcome_clear(&outcome);
        task_fails(&outcome, 5, 1);
        task_fails(&outcome, 7, 1);
        before = outcome;
        task_fails(&outcome, 3, 1);
        if (step < 4)
            codes[3] = 0;
        if (step < 3)
            outcome.failed = before.failed;
        if (step < 2)
            outcome.counting = before.counting;
        if (step < 1)
            outcome.counted = before.counted;
        for (int replacement = 0; replacement < 3; replacement++) { /* each of which dies before it has moved on */
            task_fails(&outcome, 3, -EOWNERDEAD);
            assert_int_equal(outcome.failed, 3);
            assert_int_equal(outcome.first.index, 3);
            assert_int_equal(outcome.first.code, -EOWNERDEAD);
            assert_int_equal(codes[3], -EOWNERDEAD);
        }
        task_fails(&outcome, 0, 2);
        assert_int_equal(outcome.failed, 4);
        assert_int_equal(outcome.first.index, 0);
    }
}

static void tasks_that_did_not_run_are_failures_too(void **state)
{
    (void)state;
    struct job job = {.form = JOB_TASK, .count = COUNT, .codes = codes};
    memset(codes, 0, sizeof codes);
    job_clear(&job);
    job.count = COUNT;
    job.codes = codes;
    task_fails(&job.outcome, 6, 1);
    job_drop(&job, &job.outcome, 2, 5, -ECANCELED);
    job_drop(&job, &job.outcome, 5, 5, -ECANCELED);
    assert_int_equal(job.outcome.failed, 4);
    assert_int_equal(job.outcome.first.index, 2);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(codes[i], i == 6 ? 1 : i >= 2 && i < 5 ? -ECANCELED : 0);
    job.is_accounted = true;
    job_abandon(&job, -ENOTRECOVERABLE);
    assert_int_equal(job.outcome.failed, 4);
    job_clear(&job);
    job.count = COUNT;
    job_abandon(&job, -ENOTRECOVERABLE);
    job_abandon(&job, -ENOTRECOVERABLE);
    assert_int_equal(job.outcome.failed, COUNT);
    assert_int_equal(job.outcome.first.code, -ENOTRECOVERABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_that_was_half_counted_counts_once),
        cmocka_unit_test(tasks_that_did_not_run_are_failures_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
