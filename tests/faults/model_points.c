/* SPDX-License-Identifier: MIT
 *
 * Where a thread of the model stops so that others may go on: at each atomic access (model_atomic.h), at INJECT, at a
 * breath of a waiting loop, when it sleeps or wakes others. And what its store buffer holds.
 *
 * A store buffer has one entry. A store goes there, where its own thread sees it and nobody else; it reaches memory
 * when the scheduler says so (MODEL_DRAIN), and has done so before the thread's next store, fence, locked operation or
 * system call about sleeping: these wait for it. Words that nobody else looks at while their owner lives (is_own) go to
 * memory at once: as if the buffer were longer, for them. While a thread runs its entry lies in memory, and what lay
 * there before is kept in `hidden`.
 */
#include "model.h"

#include <errno.h>
#include <string.h>

#include "sys/futex.h"

#define STACK_BELOW 256 /* what model_point() itself uses */

const struct model_scenario *model_scenario;
struct model_worker *model_now;
jmp_buf model_driver;

static unsigned char hidden[sizeof(uint64_t)];

__attribute__((noinline)) void model_point(const char *function, const char *what, bool is_alone)
{
    struct model_worker *worker = model_now;
    model_team->wait = GRAIN_WAIT_PARK; /* call_alone() has its moment */
    worker->function = function;
    worker->what = what;
    worker->is_alone = is_alone;
    worker->low = (unsigned char *)__builtin_frame_address(0) - STACK_BELOW;
    if (_setjmp(worker->where) == 0)
        _longjmp(model_driver, 1);
}

/* ----------------------------------------------------------------------------------- what is whose */

static bool has_heirs(void)
{
    return model_scenario->kills > 0 || model_scenario->max_chunks > 0;
}

static bool is_caller(void)
{
    return model_now >= &world.workers[MODEL_CALLER];
}

/* Whether another thread calls too. */
static bool has_second_caller(void)
{
    return model_scenario->program == MODEL_JOIN_TWO;
}

static bool is_within(const volatile void *object, const volatile void *from, size_t size)
{
    return (uintptr_t)object >= (uintptr_t)from && (uintptr_t)object - (uintptr_t)from < size;
}

/* The caller may have borrowed one. */
int model_slot(void)
{
    if (!is_caller())
        return (int)(model_now - world.workers);
    bool has_borrowed = model_joins() && model_now == &world.workers[MODEL_CALLER] && world.job && world.job->lent;
    return has_borrowed ? world.job->lent - 1 : -1;
}

/* Memory that only the slot's own worker touches while it lives. Under `steal` a thief looks there. */
static bool is_own(const volatile void *object)
{
    if (model_slot() < 0)
        return false;
    const struct team_slot *slot = &model_team->slots[model_slot()];
    if (object == &slot->progress)
        return true;
    if (object == &slot->ticket && !has_heirs()) /* only they look at others' */
        return true;
    return model_scenario->schedule != GRAIN_SCHEDULE_STEAL &&
           (object == &slot->begin || object == &slot->end || object == &slot->ctx.index);
}

/* Written once, before its ticket: no run comes round a ring. */
static bool is_payload(const volatile void *object)
{
    for (int i = 0; i < MODEL_WORKERS; i++) {
        const struct ring_cell *cells = model_team->slots[i].ring.cells;
        uintptr_t at = (uintptr_t)object - (uintptr_t)cells;
        if (at < RING_CELLS * sizeof *cells)
            return at % sizeof *cells >= offsetof(struct ring_cell, payload);
    }
    return false;
}

/* What nobody else reads: hints about CPUs (nobody is bound), and the caller's own. What it writes into a descriptor
 * and its parts before it has pushed a ticket is read by nobody before that, unless a worker was killed. */
static bool is_private(const volatile void *object)
{
    const struct team *team = model_team;
    if (object == &team->caller_cpu || object == &team->caller_home || is_payload(object))
        return true;
    for (int i = 0; i < MODEL_WORKERS; i++)
        if (object == &team->slots[i].cpu || object == &team->slots[i].is_crowded)
            return true;
    if (!is_caller())
        return false;
    if (has_second_caller() && (object == &world.front.lock.word || object == &world.front.free_jobs))
        return false;
    return is_within(object, &world.front, sizeof world.front) ||
           is_within(object, &world.done_marks, sizeof world.done_marks) ||
           (!world.has_pushed[model_now - world.workers] &&
            (is_within(object, team->jobs, sizeof team->jobs) ||
             is_within(object, team->parts, 2 * MODEL_WORKERS * sizeof team->parts[0])));
}

/* What the caller alone writes, once it has no more to do; and in jobs where nobody requests an interrupt, that. */
static bool is_settled(const volatile void *object)
{
    const struct team *team = model_team;
    bool has_caller = model_scenario->program != MODEL_COARSE;
    if (object == &team->phase)
        return team->phase == TEAM_QUIT;
    if (is_caller())
        return false;
    if (model_scenario->schedule != GRAIN_SCHEDULE_STEAL && model_scenario->program != MODEL_STOP &&
        object == &team->slots[model_now - world.workers].ctx.interrupt)
        return true;
    if (object == &team->jobs[0].deaths && !has_heirs())
        return true;
    if (has_caller)
        return false;
    /* no caller sleeps: it asks for a job only when that is finished */
    return object == &team->jobs[0].is_awaited ||
           (world.jobs_left == 0 &&
            (object == &team->pushed || object == &team->jobs[0].generation || object == &team->jobs[0].loaded));
}

/* --------------------------------------------------------------------------------------- the store buffer */

void model_store_show(struct model_worker *worker)
{
    struct model_store *store = &worker->store;
    if (!store->object)
        return;
    memcpy(hidden, (const void *)store->object, store->size);
    memcpy((void *)store->object, &store->value, store->size);
}

void model_store_hide(struct model_worker *worker)
{
    if (worker->store.object)
        memcpy((void *)worker->store.object, hidden, worker->store.size);
}

void model_store_drain(struct model_worker *worker)
{
    model_store_show(worker);
    memset(&worker->store, 0, sizeof worker->store);
}

bool model_is_blocked(const struct model_worker *worker)
{
    return worker->store.object && (worker->is_draining || worker->status != MODEL_READY);
}

/* A point whose action waits until the buffer is empty. */
static void point_drained(const char *function, const char *what, bool is_alone)
{
    model_now->is_draining = true;
    model_point(function, what, is_alone);
    model_now->is_draining = false;
}

/* ------------------------------------------------------------------------------------------- accesses */

void model_load(const char *function, const char *what, const volatile void *object)
{
    if (!model_now || !model_is_kept(object) || is_settled(object) || is_private(object))
        return;
    model_point(function, what, is_own(object));
}

static void note_write(const volatile void *object)
{
    model_now->is_looping = false;
    if (!model_is_kept(object))
        model_fault = "somebody writes where no state looks";
    if (is_within(object, model_team->slots, MODEL_WORKERS * sizeof *model_team->slots))
        world.has_pushed[model_now - world.workers] = true;
}

void model_fence(const char *function, const char *what)
{
    if (model_now && model_now->store.object)
        point_drained(function, what, true);
}

/* An atomic read-modify-write: of a private word, such as the callers' lock, it is a fence all the same. */
void model_write(const char *function, const char *what, const volatile void *object)
{
    if (!model_now)
        return;
    if (is_private(object)) {
        model_fence(function, what);
        return;
    }
    note_write(object);
    point_drained(function, what, is_own(object));
}

bool model_store(const char *function, const char *what, const volatile void *object, const volatile void *value,
                 size_t size)
{
    if (!model_now || is_private(object))
        return true;
    note_write(object);
    if (!model_scenario->has_buffers || is_own(object)) {
        model_point(function, what, is_own(object));
        return true;
    }
    point_drained(function, what, true); /* into an empty buffer: nobody sees that */
    struct model_store *store = &model_now->store;
    store->object = object;
    store->size = size;
    store->value = 0;
    memcpy(&store->value, (const void *)value, size);
    model_store_show(model_now);
    return false;
}

/* Only a place to die: whatever is shared behind it is a point of its own. Not so a job's `done_marks`, which one
 * worker at a time touches while all is well; when not, the tasks' points are between. */
void inject_at(const char *name)
{
    if (!model_now)
        return;
    world.steals += strcmp(name, "range_stolen") == 0;
    world.has_given |= strcmp(name, "give_told") == 0;
    model_point("point", name, true);
}

void model_task(const char *what)
{
    if (model_joins() && model_slot() >= 0) {
        world.in_task[model_slot()] += strcmp(what, "begins") == 0 ? 1 : strcmp(what, "ends") == 0 ? -1 : 0;
        if (world.in_task[model_slot()] > 1)
            model_fault = "two threads run tasks in one slot";
    }
    model_point("task", what, false);
}

/* A loop that only reads goes on when something has changed since its last breath: never by a bound of its own. A
 * breath after which it has to read again costs no step: the reads are steps. */
void model_breathe(unsigned turn)
{
    (void)turn;
    if (!model_now)
        return;
    model_now->is_waiting = model_now->is_looping && !model_now->has_news;
    model_now->is_looping = true;
    model_now->has_news = false;
    if (model_now->is_waiting)
        model_point("breathe", "waits", false);
}

/* The kernel's own barrier stands before its look at the word. */
int wait_sleep(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns, bool shared)
{
    (void)shared;
    if (!model_now)
        return -ETIMEDOUT;
    bool is_timed = timeout_ns != UINT64_MAX && !model_scenario->is_patient;
    point_drained("wait_sleep", "looks", false);
    if (*word != expected)
        return 0;
    if (is_timed)
        model_now->is_waiting = model_now->has_timeout = true;
    else
        model_now->asleep_on = word;
    model_point("wait_sleep", "sleeps", false);
    return is_timed ? -ETIMEDOUT : 0;
}

void wait_wake(_Atomic uint32_t *word, int count, bool shared)
{
    (void)shared;
    if (model_now)
        point_drained("wait_wake", "wakes", false);
    for (int i = 0; i < MODEL_THREADS && count > 0; i++) {
        if (world.workers[i].asleep_on != word)
            continue;
        world.workers[i].asleep_on = NULL;
        count--;
    }
}
