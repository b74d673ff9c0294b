/* SPDX-License-Identifier: MIT
 *
 * The caller as a thread like the workers, stepped access by access: it pushes, wakes, sleeps and is woken by the
 * team's own code. Whoever is not woken sleeps for ever here, because no sleep ends by its timeout.
 */
#include "model.h"

#include <errno.h>
#include <string.h>

#include "sys/futex.h"
#include "team/front.h"

static const int numbers[] = {1, 2};

/* --------------------------------------------------------------------------- one call after the other */

static void call_once(void)
{
    world.has_pushed[MODEL_CALLER] = false;
    world.jobs_left--;
    world.job = team_job_take(&world.front);
    model_job_fill(&world.job->job);
    memset((void *)world.done_marks, 0, sizeof world.done_marks);
    world.job->done_marks = world.done_marks;
    world.job->done_mark = 1;
    if (model_is_single())
        team_submit_single(&world.front, world.job);
    else
        team_submit(&world.front, world.job, world.job->job.count, model_joins());
    if (!model_is_single() && world.job->lent)
        team_join(model_team, world.job, NULL);
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
    model_task("ends");
    return 0;
}

/* Somebody requests an interrupt, as a thief does, just before the pool is stopped. */
static void call_stopped(void)
{
    world.has_pushed[MODEL_CALLER] = false;
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

/* ------------------------------------------------- a call in a borrowed slot, and what happens beside it */

bool model_joins(void)
{
    return model_scenario->program >= MODEL_JOIN && model_scenario->program <= MODEL_JOIN_QUIT;
}

/* Whoever ends last closes. */
static void calls_count(int calls)
{
    if (++world.calls_done == calls)
        team_set_phase(model_team, TEAM_QUIT);
}

static int beside(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    model_task("begins");
    ++*(int *)result;
    model_task("ends");
    return 0;
}

static void call_beside(void)
{
    struct team_job *job = team_job_take(&world.front);
    job->job = (struct job){
        .task = beside, .results = &world.beside, .count = 1, .chunk = 1, .result_size = sizeof world.beside};
    team_submit_single(&world.front, job);
    if (team_wait_single(&world.front, job) || world.beside != 1)
        model_fault = "a single task beside a borrowed slot goes wrong";
    team_job_return(&world.front, job);
}

static void call_joined_and_stopped(void)
{
    world.job = team_job_take(&world.front);
    world.job->job = (struct job){.task = late,
                                  .count = STOP_TASKS,
                                  .chunk = STOP_TASKS,
                                  .schedule = GRAIN_SCHEDULE_STATIC,
                                  .codes = world.codes};
    team_submit(&world.front, world.job, STOP_TASKS, true);
    if (world.job->lent)
        team_join(model_team, world.job, NULL);
    int status = team_wait(&world.front, world.job);
    if (status != 0 && status != -ECANCELED)
        model_fault = "a call that is stopped goes wrong";
    world.calls_done++;
    team_set_phase(model_team, TEAM_BROKEN);
}

static void stop_beside(void)
{
    model_task("stops");
    team_set_phase(model_team, TEAM_STOP);
    model_fence(__func__, "has told");
    world.has_stopped = true;
}

/* ------------------------------------------------------- a small call that one worker begins alone */

/* The caller watches for any time: clocks stand still here. That it may spin is asked once, before its first point. */
static void call_alone(void)
{
    world.job = team_job_take(&world.front);
    model_job_fill(&world.job->job);
    world.job->done_marks = world.done_marks;
    world.job->done_mark = 1;
    model_team->wait = GRAIN_WAIT_ADAPTIVE;
    team_submit(&world.front, world.job, world.job->job.count, false);
    if (!world.job->alone)
        model_fault = "a small call is not for one worker alone";
    model_task("watches");
    parts_release(&world.front, world.job);
    model_task("has watched");
    int status = team_wait(&world.front, world.job);
    const char *fault = status ? "the call fails" : model_tasks_check();
    if (fault)
        model_fault = fault;
    team_job_return(&world.front, world.job);
    world.calls_done++;
}

/* ------------------------------------------------------------- one of many that a thread waits for */

struct look {
    bool (*is_over)(void);
    bool has_seen;
};

static bool look(void *who)
{
    struct look *look = who;
    return look->has_seen = look->is_over();
}

/* As async/ sleeps: until `is_over` holds, which says whom to tell first. */
static void event_await(bool (*is_over)(void))
{
    struct look who = {is_over, false};
    while (!who.has_seen)
        event_wait(&world.events, EVENT_FUTURES, look, &who, UINT64_MAX);
}

static bool is_job_over(void)
{
    return team_is_done(&world.front, world.job, EVENT_BIT(EVENT_FUTURES));
}

static bool is_call_over(int number)
{
    struct job_call *call = &world.calls[number];
    model_write(__func__, "or watch", &call->watch); /* F11 is in it */
    job_call_watch(call, EVENT_BIT(EVENT_FUTURES));
    model_load(__func__, "load state", &call->state);
    return job_call_state(call) > CALL_RUNNING;
}

static bool is_first_over(void)
{
    return is_call_over(0);
}

static bool is_second_over(void)
{
    return is_call_over(1);
}

/* The second one waits until somebody knows that the first one has ended. */
static int queued(const void *arg, void *result, struct grain_context *ctx)
{
    (void)result;
    (void)ctx;
    model_task("begins");
    while (*(const int *)arg == 2 && !world.has_seen)
        model_breathe(1);
    ++world.visits[*(const int *)arg];
    return 0;
}

static void call_watched(void)
{
    world.job = team_job_take(&world.front);
    if (model_scenario->program == MODEL_WATCH) {
        model_job_fill(&world.job->job);
    } else {
        for (int i = 0; i < 2; i++)
            world.calls[i] = (struct job_call){.task = queued, .arg = &numbers[i], .terms = &world.terms};
        world.job->job = (struct job){.form = JOB_CALLS,
                                      .items = world.calls,
                                      .item_size = sizeof world.calls[0],
                                      .count = 2,
                                      .chunk = 2,
                                      .schedule = GRAIN_SCHEDULE_DYNAMIC,
                                      .events = &world.events,
                                      .errors = (struct job_errors *)world.errors};
    }
    world.job->job.is_queued = true;
    world.job->done_marks = world.done_marks;
    world.job->done_mark = 1;
    team_submit(&world.front, world.job, world.job->job.count, false);
    if (model_scenario->program == MODEL_WATCH) {
        event_await(is_job_over);
    } else {
        event_await(is_first_over);
        world.has_seen = true;
        model_task("has seen it");
        event_await(is_second_over);
    }
    if (team_wait(&world.front, world.job))
        model_fault = "a call that is watched goes wrong";
    team_unwatch(world.job);
    team_job_return(&world.front, world.job);
    world.calls_done++;
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

bool model_has_beside(void)
{
    enum model_program program = model_scenario->program;
    return program == MODEL_BREAK || program == MODEL_JOIN_TWO || program == MODEL_JOIN_STOP ||
           program == MODEL_JOIN_QUIT;
}

static void call_from_beside(void)
{
    switch (model_scenario->program) {
    case MODEL_JOIN_TWO:
        call_beside();
        calls_count(2);
        break;
    case MODEL_JOIN_STOP:
        stop_beside();
        break;
    case MODEL_JOIN_QUIT:
        team_set_phase(model_team, TEAM_QUIT);
        break;
    default:
        team_set_phase(model_team, TEAM_BROKEN);
    }
}

void model_call(int id)
{
    if (id != MODEL_CALLER) {
        call_from_beside();
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
    case MODEL_JOIN_TWO:
        call_once();
        world.calls_done--;
        calls_count(2);
        return;
    case MODEL_JOIN_STOP:
        call_joined_and_stopped();
        return;
    case MODEL_JOIN_QUIT:
        call_once();
        return;
    case MODEL_ALONE:
        call_alone();
        break;
    case MODEL_WATCH:
    case MODEL_WATCH_CALLS:
        call_watched();
        break;
    default:
        while (world.jobs_left)
            call_once();
    }
    team_set_phase(model_team, TEAM_QUIT);
}

const char *model_calls_check(void)
{
    int calls = model_scenario->program == MODEL_JOIN_TWO ? 2 : model_scenario->jobs;
    return world.calls_done == calls ? NULL : "a call is missing";
}
