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

#include "backend/ticket.h"
#include "transport/wait.h"

#define STACK_BELOW   256  /* what point() itself uses */
#define STACK_CLEARED 2048 /* left-overs below a stack are no part of a state: they are wiped */

const char *model_fault;

static const struct model_scenario *scenario;
static struct model_worker *now; /* who runs; NULL: the driver */
static jmp_buf driver;

/* A worker that has not made a step yet. */
static struct birth {
    struct model_worker worker;
    unsigned char stack[4096];
} births[MODEL_WORKERS];

/* -------------------------------------------------------------------------------------------- points */

__attribute__((noinline)) static void point(const char *function, const char *what, bool is_alone)
{
    struct model_worker *worker = now;
    worker->function = function;
    worker->what = what;
    worker->is_alone = is_alone;
    worker->low = (unsigned char *)__builtin_frame_address(0) - STACK_BELOW;
    if (_setjmp(worker->where) == 0)
        _longjmp(driver, 1);
}

static bool has_heirs(void)
{
    return scenario->kills > 0 || scenario->max_chunks > 0;
}

/* Memory that only the slot's own worker touches while it lives. Under `steal` a thief looks there. */
static bool is_own(const volatile void *object)
{
    struct team_slot *slot = &model_team->slots[now - world.workers];
    if (object == &slot->progress)
        return true;
    if (object == &slot->ticket && !has_heirs()) /* only they look at others' */
        return true;
    return scenario->schedule != GRAIN_SCHEDULE_STEAL &&
           (object == &slot->begin || object == &slot->end || object == &slot->ctx.index);
}

/* Written once, before its ticket: no run comes round a ring. */
static bool is_cargo(const volatile void *object)
{
    for (int i = 0; i < MODEL_WORKERS; i++) {
        const struct ring_cell *cells = model_team->slots[i].ring.cells;
        uintptr_t at = (uintptr_t)object - (uintptr_t)cells;
        if (at < RING_CELLS * sizeof *cells)
            return at % sizeof *cells >= offsetof(struct ring_cell, cargo);
    }
    return false;
}

/* What the caller alone writes, once it has no more to do; and in jobs where nobody asks for attention, that. */
static bool is_settled(const volatile void *object)
{
    const struct team *team = model_team;
    if (scenario->schedule != GRAIN_SCHEDULE_STEAL && object == &team->slots[now - world.workers].ctx.attention)
        return true;
    if (object == &team->phase)
        return team->phase == TEAM_QUIT;
    /* Nobody is bound, and no caller sleeps: it asks for a job only when that is finished. */
    if (object == &team->slots[now - world.workers].cpu || object == &team->jobs[0].is_awaited)
        return true;
    if (object == &team->jobs[0].deaths && !has_heirs())
        return true;
    return world.jobs_left == 0 &&
           (object == &team->pushed || object == &team->jobs[0].generation || object == &team->jobs[0].loaded);
}

void model_load(const char *function, const char *what, const volatile void *object)
{
    if (!now || !model_is_kept(object) || is_settled(object) || is_cargo(object))
        return;
    point(function, what, is_own(object));
}

void model_write(const char *function, const char *what, const volatile void *object)
{
    if (!now)
        return;
    now->is_looping = false;
    if (!model_is_kept(object))
        model_fault = "a worker writes where no state looks";
    point(function, what, is_own(object));
}

/* Only a place to die: whatever is shared behind it is a point of its own. Not so a job's `units`, which one
 * worker at a time touches while all is well; when not, the tasks' points are between. */
void inject_at(const char *name)
{
    world.steals += now && strcmp(name, "range_stolen") == 0;
    if (now)
        point("point", name, true);
}

void model_task(const char *what)
{
    point("task", what, false);
}

/* A loop that only reads goes on when something has changed since its last breath: never by a bound of its own. A
 * breath after which it has to read again costs no step: the reads are steps. */
void model_breathe(unsigned turn)
{
    (void)turn;
    if (!now)
        return;
    now->is_waiting = now->is_looping && !now->has_news;
    now->is_looping = true;
    now->has_news = false;
    if (now->is_waiting)
        point("breathe", "waits", false);
}

int wait_sleep(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns, bool shared)
{
    (void)shared;
    if (!now)
        return -ETIMEDOUT;
    point("wait_sleep", "looks", false);
    if (*word != expected)
        return 0;
    if (timeout_ns == UINT64_MAX)
        now->asleep_on = word;
    else
        now->is_waiting = now->has_timeout = true;
    point("wait_sleep", "sleeps", false);
    return timeout_ns == UINT64_MAX ? 0 : -ETIMEDOUT;
}

void wait_wake(_Atomic uint32_t *word, int count, bool shared)
{
    (void)shared;
    if (now)
        point("wait_wake", "wakes", false);
    for (int i = 0; i < MODEL_WORKERS && count > 0; i++) {
        if (world.workers[i].asleep_on != word)
            continue;
        world.workers[i].asleep_on = NULL;
        count--;
    }
}

/* --------------------------------------------------------------------------------------------- lives */

static void life(void)
{
    point("life", "starts", false);
    int id = (int)(now - world.workers), pid = 100 * (id + 1) + now->lives;
    bool is_spent = team_work(model_team, id, pid, NULL, now->lives > 1);
    now->status = is_spent ? MODEL_DEAD : MODEL_LEFT;
    point("life", "ends", false);
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
    now = &world.workers[id];
    if (_setjmp(driver) == 0)
        setcontext(&context);
    now = NULL;
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
    int lives = world.workers[id].lives;
    memset(&world.workers[id], 0, sizeof world.workers[id]);
    world.workers[id].status = MODEL_DEAD;
    world.workers[id].lives = lives;
    world.kills++;
}

static void run(int id)
{
    struct model_worker *worker = &world.workers[id];
    worker->is_waiting = worker->has_timeout = false;
    memset(worker->low - STACK_CLEARED, 0, STACK_CLEARED);
    now = worker;
    if (_setjmp(driver) == 0)
        _longjmp(worker->where, 1);
    now = NULL;
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
    memset((void *)world.units, 0, sizeof world.units);
    world.job->units = world.units;
    world.job->unit_mark = 1;
    if (model_is_single())
        team_submit_single(&world.front, world.job);
    else
        team_submit(&world.front, world.job, world.job->job.count);
    world.is_collected = false;
}

int model_job_number(void)
{
    return scenario->jobs - world.jobs_left - 1;
}

bool model_is_single(void)
{
    return scenario->singles >> model_job_number() & 1;
}

bool model_is_finished(void)
{
    return world.job->finished == state_make(world.job->generation, STATE_DONE);
}

static bool call_is_due(void)
{
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

void model_begin(const struct model_scenario *chosen)
{
    int workers = chosen->workers ? chosen->workers : MODEL_WORKERS;
    scenario = chosen;
    model_fault = NULL;
    model_state_begin(workers);
    model_team->max_chunks = chosen->max_chunks;
    team_front_init(&world.front, model_team);
    world.jobs_left = chosen->jobs;
    job_submit();
    if (!chosen->is_open)
        team_set_phase(model_team, TEAM_QUIT);
    model_state_mark();
    for (int i = 0; i < MODEL_WORKERS; i++) {
        birth_prepare(i);
        birth(i);
        if (i >= workers)
            world.workers[i] = (struct model_worker){.status = MODEL_LEFT};
    }
}

/* --------------------------------------------------------------------------------------------- steps */

static bool is_killable(const struct model_worker *worker)
{
    if (scenario->is_late && !world.is_collected && !(model_is_finished() && world.jobs_left))
        return false;
    return worker->status == MODEL_READY && world.kills < scenario->kills && worker->what != births[0].worker.what;
}

static bool is_runnable(const struct model_worker *worker)
{
    return worker->status == MODEL_READY && !worker->asleep_on && !worker->is_waiting;
}

bool model_is_cut(void)
{
    return world.steals > scenario->steals;
}

static int steps_of(struct model_step *steps, int count, int id)
{
    if (is_runnable(&world.workers[id]))
        steps[count++] = (struct model_step){MODEL_RUN, (uint8_t)id};
    if (is_killable(&world.workers[id]))
        steps[count++] = (struct model_step){MODEL_KILL, (uint8_t)id};
    return count;
}

/* A step that concerns nobody else commutes with all that the others may do: no other order is tried. */
int model_steps(struct model_step *steps)
{
    int count = 0, able = 0;
    bool is_early = scenario->is_late && world.jobs_left && !world.is_collected && !model_is_finished();
    for (int i = 0; i < MODEL_WORKERS; i++)
        if (is_runnable(&world.workers[i]) && (world.workers[i].is_alone || is_early))
            return steps_of(steps, 0, i);
    for (int i = 0; i < MODEL_WORKERS; i++) {
        count = steps_of(steps, count, i);
        able += is_runnable(&world.workers[i]);
        if (world.workers[i].status == MODEL_DEAD) {
            steps[count++] = (struct model_step){MODEL_BIRTH, (uint8_t)i};
            able++;
        }
    }
    if (call_is_due()) {
        steps[count++] = (struct model_step){MODEL_CALL, MODEL_CALLER};
        able++;
    }
    for (int i = 0; i < MODEL_WORKERS && able == 0; i++) /* nothing will change until somebody has slept long enough */
        if (world.workers[i].status == MODEL_READY && world.workers[i].has_timeout)
            steps[count++] = (struct model_step){MODEL_RUN, (uint8_t)i};
    return count;
}

static bool is_listening(const struct model_worker *worker)
{
    return worker->is_waiting || worker->is_looping;
}

bool model_step(struct model_step step)
{
    bool is_heard = is_listening(&world.workers[0]) || is_listening(&world.workers[1]);
    uint64_t before = is_heard ? model_hash_shared() : 0;
    if (step.act == MODEL_RUN)
        run(step.worker);
    else if (step.act == MODEL_KILL)
        death(step.worker);
    else if (step.act == MODEL_BIRTH)
        birth(step.worker);
    else
        call();
    if (is_heard && model_hash_shared() != before)
        for (int i = 0; i < MODEL_WORKERS; i++) {
            if (i == step.worker)
                continue;
            world.workers[i].is_waiting = false;
            world.workers[i].has_news = world.workers[i].is_looping;
        }
    return model_fault == NULL;
}
