/* SPDX-License-Identifier: MIT
 *
 * What a call is told of tasks whose worker was killed and is not replaced: each counts once, at whatever instruction
 * that was.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "team/front.h"
#include "team/ticket.h"

#define COUNT 8
#define AT    3 /* the task that the worker was in */
#define TOLD  (-7)

static int codes[COUNT];
static _Atomic uint8_t unit;

/* A team of one worker, which has died in a piece of COUNT tasks. */
static struct team_job *job_left(struct team_front *front, enum job_form form)
{
    struct team *team = aligned_alloc(64, team_size(1));
    assert_non_null(team);
    memset(team, 0, team_size(1));
    team_init(team, 1, 1, GRAIN_WAIT_PARK, true);
    team_front_init(front, team);
    assert_int_equal(team_account_prepare(front), 0);
    memset(codes, 0, sizeof codes);
    struct team_job *job = team_job_take(front);
    job->job =
        (struct job){.form = form, .schedule = GRAIN_SCHEDULE_DYNAMIC, .count = COUNT, .chunk = COUNT, .codes = codes};
    job->parts = 1;
    job->done_marks = &unit;
    job->done_mark = 1;
    uint32_t generation = team_job_generation(job), index = (uint32_t)(job - team->jobs);
    struct team_slot *slot = &team->slots[0];
    slot->ctx.job = &job->job;
    slot->ctx.outcome = &team_part(team, index, 0)->outcome;
    slot->ctx.index = AT;
    slot->ctx.end = COUNT;
    atomic_store(&slot->begin, 0);
    atomic_store(&slot->end, COUNT);
    atomic_store(&slot->ticket, ticket_make(generation, index, 0));
    return job;
}

static void job_free(struct team_front *front)
{
    free(front->team);
    team_front_drop(front);
}

/* Steps of counting: it knows the sum, which task's that is, has counted, has stored the code, has moved on. */
static void a_failure_that_was_half_counted_counts_once(void **state)
{
    (void)state;
    for (int step = 0; step <= 5; step++) {
        struct team_front front;
        struct team_job *job = job_left(&front, JOB_TASK);
        struct grain_context *ctx = &front.team->slots[0].ctx;
        grain_context_fail(ctx, TOLD, "told");
        if (step < 5)
            ctx->fail_floor = 0;
        if (step < 4)
            codes[AT] = 0;
        if (step < 3)
            ctx->outcome->failed = 0;
        if (step < 2)
            ctx->outcome->counting = 0;
        if (step < 1)
            ctx->outcome->counted = 0;
        assert_int_equal(team_account(&front, job, -ENOTRECOVERABLE), -ENOTRECOVERABLE);
        assert_int_equal(job->job.outcome.failed, COUNT - AT);
        assert_int_equal(job->job.outcome.first.index, AT);
        assert_int_equal(job->job.outcome.first.code, step == 5 ? TOLD : -ENOTRECOVERABLE);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(codes[i], i < AT ? 0 : i == AT && step == 5 ? TOLD : -ENOTRECOVERABLE);
        job_free(&front);
    }
}

static void a_piece_that_was_not_begun_is_dropped(void **state)
{
    (void)state;
    struct team_front front;
    struct team_job *job = job_left(&front, JOB_TASK);
    front.team->slots[0].ctx.index = SIZE_MAX;
    assert_int_equal(team_account(&front, job, -ECANCELED), -ECANCELED);
    assert_int_equal(job->job.outcome.failed, COUNT);
    job_free(&front);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_that_was_half_counted_counts_once),
        cmocka_unit_test(a_piece_that_was_not_begun_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
