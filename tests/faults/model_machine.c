/* SPDX-License-Identifier: MIT
 *
 * One thread plays all workers: each is a coroutine with a stack of its own at a fixed address, so that a
 * state is bytes (team, stacks, world) that can be put back. A step lets one worker run up to its next
 * point; points come from model_atomic.h and from INJECT. Time stands still, sleeping is a state.
 */
#include "model.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "sys/futex.h"
#include "team/ticket.h"

#define STACK_CLEARED 2048 /* left-overs below a stack are no part of a state: they are wiped */

const char *model_fault;

/* A worker that has not made a step yet. */
static struct birth {
    struct model_worker worker;
    unsigned char stack[4096];
} births[MODEL_THREADS];

/* --------------------------------------------------------------------------------------------- lives */

static void life(void)
{
    model_point("life", "starts", false);
    int id = (int)(model_now - world.workers), pid = 100 * (id + 1) + model_now->lives;
    bool is_retired = false;
    if (id >= MODEL_CALLER)
        model_call(id);
    else
        is_retired = team_work(model_team, id, pid, NULL, model_now->lives > 1);
    model_fence("life", "ends");
    model_now->status = is_retired ? MODEL_DEAD : MODEL_LEFT;
    model_point("life", "ends", false);
}

/* Brings a worker to its first point, where it is kept for all its lives. */
static void birth_prepare(int id)
{
    static ucontext_t context, back;
    getcontext(&context);
    context.uc_stack.ss_sp = model_stacks[id];
    context.uc_stack.ss_size = MODEL_STACK;
    context.uc_link = &back;
    makecontext(&context, life, 0);
    model_now = &world.workers[id];
    if (_setjmp(model_driver) == 0)
        setcontext(&context);
    model_now = NULL;
    births[id].worker = world.workers[id];
    unsigned char *low = world.workers[id].low;
    memcpy(births[id].stack, low, (size_t)(model_stacks[id] + MODEL_STACK - low));
}

static void birth(int id)
{
    struct model_worker *worker = &world.workers[id];
    struct team_slot *slot = &model_team->slots[id];
    int lives = worker->lives + 1;
    if (lives > 1) {
        slot->dead_pid = 100 * (id + 1) + worker->lives;
        slot->dead_signo = SIGKILL;
    }
    *worker = births[id].worker;
    worker->lives = lives;
    memcpy(worker->low, births[id].stack, (size_t)(model_stacks[id] + MODEL_STACK - worker->low));
}

static void death(int id)
{
    struct model_worker *worker = &world.workers[id];
    struct model_store store = worker->store; /* never lost */
    int lives = worker->lives;
    memset(worker, 0, sizeof *worker);
    worker->status = MODEL_DEAD;
    worker->lives = lives;
    worker->store = store;
    world.kills++;
}

static void run(int id)
{
    struct model_worker *worker = &world.workers[id];
    worker->is_waiting = worker->has_timeout = false;
    memset(worker->low - STACK_CLEARED, 0, STACK_CLEARED);
    model_now = worker;
    model_store_show(worker);
    if (_setjmp(model_driver) == 0)
        _longjmp(worker->where, 1);
    model_store_hide(worker);
    model_now = NULL;
    if (worker->status != MODEL_READY) {
        int lives = worker->lives;
        enum model_status status = worker->status;
        memset(worker, 0, sizeof *worker);
        worker->status = status;
        worker->lives = lives;
    }
}

/* ---------------------------------------------------------------------------------------- the caller */

static void job_submit(void)
{
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
    world.is_collected = false;
}

int model_job_number(void)
{
    return model_scenario->jobs - world.jobs_left - 1;
}

bool model_is_single(void)
{
    return model_scenario->singles >> model_job_number() & 1;
}

bool model_is_finished(void)
{
    return world.job->finished == state_make(world.job->generation, STATE_DONE);
}

static bool call_is_due(void)
{
    if (model_scenario->program != MODEL_COARSE)
        return false;
    if (world.is_collected)
        return world.jobs_left > 0;
    return model_team->phase == TEAM_RUN && model_is_finished();
}

/* The caller's side in coarse steps: takes a finished job back, submits the next; after the last one, closes. */
static void call(void)
{
    if (world.is_collected) {
        job_submit();
    } else if (world.jobs_left) {
        model_fault = model_job_check();
        team_job_return(&world.front, world.job);
        world.is_collected = true;
    } else {
        team_set_phase(model_team, TEAM_QUIT);
    }
}

static void lead_in(void);

/* So the first worker comes as a thief. */
static void ranges_shift(void)
{
    steal_put(&model_team->parts[0].range, (struct steal_piece){0, 0});
    steal_put(&model_team->parts[1].range, (struct steal_piece){0, (uint32_t)world.job->job.count});
}

void model_begin(const struct model_scenario *chosen)
{
    int workers = chosen->workers ? chosen->workers : MODEL_WORKERS;
    model_scenario = chosen;
    model_fault = NULL;
    model_state_begin(workers);
    model_team->max_chunks = chosen->max_chunks;
    team_front_init(&world.front, model_team);
    world.jobs_left = chosen->jobs;
    bool has_caller = chosen->program != MODEL_COARSE, breaks = chosen->program == MODEL_BREAK;
    model_team->is_shared = chosen->program != MODEL_STOP && !model_joins(); /* what is stopped goes on as threads do */
    model_team->events = &world.events;
    world.front.is_lending = model_joins();
    if (!has_caller)
        job_submit();
    if (chosen->is_lopsided)
        ranges_shift();
    if (!chosen->is_open && !has_caller)
        team_set_phase(model_team, TEAM_QUIT);
    model_state_mark();
    for (int i = 0; i < MODEL_THREADS; i++) {
        birth_prepare(i);
        birth(i);
        bool is_there = i == MODEL_CALLER   ? has_caller
                        : i == MODEL_BESIDE ? model_has_beside()
                                            : i < workers && !breaks;
        if (!is_there) {
            memset(&world.workers[i], 0, sizeof world.workers[i]);
            world.workers[i].status = MODEL_LEFT;
        }
    }
    if (chosen->program == MODEL_TWO || chosen->program == MODEL_ALONE || model_joins())
        lead_in();
}

/* --------------------------------------------------------------------------------------------- steps */

static bool is_killable(const struct model_worker *worker)
{
    if (worker >= &world.workers[MODEL_CALLER])
        return false;
    if (model_scenario->is_late && !world.is_collected && !(model_is_finished() && world.jobs_left))
        return false;
    return worker->status == MODEL_READY && world.kills < model_scenario->kills &&
           worker->what != births[0].worker.what;
}

static bool is_runnable(const struct model_worker *worker)
{
    return worker->status == MODEL_READY && !worker->asleep_on && !worker->is_waiting && !model_is_blocked(worker);
}

bool model_is_cut(void)
{
    if (model_scenario->program == MODEL_TWO && world.visits[1] && world.visits[2])
        return true; /* they have met */
    if (model_scenario->program == MODEL_ALONE && !model_scenario->is_short && !world.job->alone &&
        !world.workers[MODEL_CALLER].store.object)
        return true; /* from here on it is a map like others */
    if (model_scenario->program == MODEL_JOIN_TWO && world.beside && world.job && world.job->has_joined)
        return true; /* both calls are through, and what comes then is the same without the other */
    return world.steals > model_scenario->steals;
}

static int steps_of(struct model_step *steps, int count, int id)
{
    if (is_runnable(&world.workers[id]))
        steps[count++] = (struct model_step){MODEL_RUN, (uint8_t)id};
    if (world.workers[id].store.object)
        steps[count++] = (struct model_step){MODEL_DRAIN, (uint8_t)id};
    if (is_killable(&world.workers[id]))
        steps[count++] = (struct model_step){MODEL_KILL, (uint8_t)id};
    return count;
}

/* Lets one thread run alone until it stands there, or sleeps. */
static void lead(int id, const char *where)
{
    struct model_worker *worker = &world.workers[id];
    while (!worker->asleep_on && (!where || strcmp(worker->what, where) != 0)) {
        model_store_drain(worker);
        run(id);
    }
}

/* Two calls at once would have too many states: so it begins when the first task has just been taken from the ring of a
 * worker that then found nothing and sleeps. Where the caller takes part there is something to borrow; and
 * another thread comes while a task runs in the borrowed slot, or, a caller beside two workers, has come just before the
 * first one sleeps. */
static void lead_in(void)
{
    int workers = model_team->workers;
    if (model_scenario->program == MODEL_TWO) {
        lead(MODEL_CALLER, MODEL_BETWEEN);
        lead(1, "ticket_swapped");
        lead(0, NULL);
        return;
    }
    if (workers > 1)
        lead(1, NULL);
    if (model_scenario->program == MODEL_JOIN_TWO && workers > 1) {
        lead(0, "store &worker->slot->state");
        lead(MODEL_BESIDE, NULL);
        return;
    }
    lead(0, NULL);
    if (model_scenario->program == MODEL_ALONE)
        lead(MODEL_CALLER, "watches");
    if (model_scenario->is_short)
        lead(0, "or &job->done[word]");
    if (model_scenario->program == MODEL_JOIN_TWO || model_scenario->program == MODEL_JOIN_QUIT)
        lead(MODEL_CALLER, "begins");
}

/* A step that concerns nobody else commutes with all that the others may do: no other order is tried. */
int model_steps(struct model_step *steps)
{
    int count = 0, able = 0;
    bool is_early = model_scenario->is_late && world.jobs_left && !world.is_collected && !model_is_finished();
    for (int i = 0; i < MODEL_THREADS; i++)
        if (is_runnable(&world.workers[i]) && (world.workers[i].is_alone || is_early))
            return steps_of(steps, 0, i);
    for (int i = 0; i < MODEL_THREADS; i++) {
        const struct model_worker *worker = &world.workers[i];
        count = steps_of(steps, count, i);
        able += is_runnable(worker) || worker->store.object;
        if (worker->status == MODEL_DEAD && !worker->store.object) {
            steps[count++] = (struct model_step){MODEL_BIRTH, (uint8_t)i};
            able++;
        }
    }
    if (call_is_due()) {
        steps[count++] = (struct model_step){MODEL_CALL, MODEL_CALLER};
        able++;
    }
    for (int i = 0; i < MODEL_THREADS && able == 0; i++) /* nothing will change until somebody has slept long enough */
        if (world.workers[i].status == MODEL_READY && world.workers[i].has_timeout)
            steps[count++] = (struct model_step){MODEL_RUN, (uint8_t)i};
    return count;
}

static bool is_anybody_listening(void)
{
    bool is_listening = false;
    for (int i = 0; i < MODEL_THREADS; i++)
        is_listening |= world.workers[i].is_waiting || world.workers[i].is_looping;
    return is_listening;
}

bool model_step(struct model_step step)
{
    bool is_heard = is_anybody_listening();
    uint64_t before = is_heard ? model_hash_shared() : 0;
    if (step.act == MODEL_RUN)
        run(step.worker);
    else if (step.act == MODEL_DRAIN)
        model_store_drain(&world.workers[step.worker]);
    else if (step.act == MODEL_KILL)
        death(step.worker);
    else if (step.act == MODEL_BIRTH)
        birth(step.worker);
    else
        call();
    if (is_heard && model_hash_shared() != before)
        for (int i = 0; i < MODEL_THREADS; i++) {
            if (i == step.worker && step.act != MODEL_DRAIN)
                continue;
            world.workers[i].is_waiting = false;
            world.workers[i].has_news = world.workers[i].is_looping;
        }
    return model_fault == NULL;
}
