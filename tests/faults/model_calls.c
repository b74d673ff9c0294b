/* SPDX-License-Identifier: MIT
 *
 * The caller as a thread like the workers, stepped access by access: it pushes, wakes, sleeps and is woken by the
 * team's own code. Whoever is not woken sleeps for ever here, because no sleep ends by its timeout.
 */
#include "model.h"

#include <errno.h>
#include <string.h>

#include "team/front.h"

static const int numbers[] = {1, 2};

/* --------------------------------------------------------------------------- one call after the other */

static void call_once(void)
{
    world.has_pushed = false;
    world.jobs_left--;
    world.job = team_job_take(&world.front);
    model_job_fill(&world.job->job);
    memset((void *)world.done_marks, 0, sizeof world.done_marks);
    world.job->done_marks = world.done_marks;
    world.job->done_mark = 1;
    if (model_is_single())
        team_submit_single(&world.front, world.job);
    else
        team_submit(&world.front, world.job, world.job->job.count, false);
    int status = model_is_single() ? team_wait_single(&world.front, world.job) : team_wait(&world.front, world.job);
    const char *fault = status ? "the call fails" : model_tasks_check();
    if (fault)
        model_fault = fault;
    team_job_return(&world.front, world.job);
    world.calls_done++;
}

/* ------------------------------------------------------------------------------- two calls at once */

/* The first one waits for the second: so somebody else has to take that. */
static int meet(const void *arg, void *result, struct grain_context *ctx)
{
    int number = *(const int *)arg;
    (void)ctx;
    model_task("begins");
    while (number == 1 && !world.visits[2])
        model_breathe(1);
    world.visits[number]++;
    *(int *)result = number;
    return 0;
}

static struct team_job *meet_submit(int number)
{
    struct team_job *job = team_job_take(&world.front);
    job->job = (struct job){.task = meet,
                            .items = &numbers[number - 1],
                            .results = &world.codes[number],
                            .count = 1,
                            .chunk = 1,
                            .item_size = sizeof(int),
                            .result_size = sizeof(int)};
    team_submit_single(&world.front, job);
    return job;
}

static void meet_await(struct team_job *job, int number)
{
    if (team_wait_single(&world.front, job) || world.visits[number] != 1 || world.codes[number] != number)
        model_fault = "a call of two at once goes wrong";
    team_job_return(&world.front, job);
    world.calls_done++;
}

static void call_two(void)
{
    struct team_job *first = meet_submit(1);
    model_task(MODEL_BETWEEN);
    struct team_job *second = meet_submit(2);
    meet_await(first, 1);
    meet_await(second, 2);
}

/* ----------------------------------------------------------------------------- a call that is stopped */

#define STOP_TASKS 4

static int late(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    model_task("begins");
    if (world.has_stopped && ++world.begun_late > 1)
        model_fault = "a worker goes on although it was asked to stop";
    return 0;
}

/* Somebody requests an interrupt, as a thief does, just before the pool is stopped. */
static void call_stopped(void)
{
    world.has_pushed = false;
    world.job = team_job_take(&world.front);
    world.job->job = (struct job){.task = late,
                                  .count = STOP_TASKS,
                                  .chunk = STOP_TASKS,
                                  .schedule = GRAIN_SCHEDULE_STATIC,
                                  .codes = world.codes};
    team_submit(&world.front, world.job, STOP_TASKS, false);
    model_task("asks");
    job_request_interrupt(&model_team->slots[0].ctx);
    team_set_phase(model_team, TEAM_STOP);
    model_fence(__func__, "has told");
    world.has_stopped = true;
    int status = team_wait(&world.front, world.job);
    if (status != 0 && status != -ECANCELED)
        model_fault = "a call that is stopped goes wrong";
    world.calls_done++;
    team_set_phase(model_team, TEAM_BROKEN);
}

/* ----------------------------------------------------------------------- a call that nobody works on */

static void call_broken(void)
{
    struct team_job *job = meet_submit(1);
    if (team_wait_single(&world.front, job) != -ENOTRECOVERABLE)
        model_fault = "a call of a broken team goes wrong";
    world.calls_done++;
}

/* ------------------------------------------------------------------------------------------- all of it */

void model_call(int id)
{
    if (id != MODEL_CALLER) {
        team_set_phase(model_team, TEAM_BROKEN);
        return;
    }
    switch (model_scenario->program) {
    case MODEL_TWO:
        call_two();
        break;
    case MODEL_STOP:
        call_stopped();
        return;
    case MODEL_BREAK:
        call_broken();
        return;
    default:
        while (world.jobs_left)
            call_once();
    }
    team_set_phase(model_team, TEAM_QUIT);
}

const char *model_calls_check(void)
{
    return world.calls_done == model_scenario->jobs ? NULL : "a call is missing";
}
