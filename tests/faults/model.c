/* SPDX-License-Identifier: MIT
 *
 * Two workers, all interleavings, all points of death: what a map of a few tasks must come to. Then a caller beside
 * them, and store buffers.
 *
 * Complete, for the scenarios below: every order of the workers' atomic accesses, every kill between two of them or at
 * a point that the code names, every moment at which the replacement may start; and from every state a run must be able
 * to end without a further kill. States that differ only in what a hash of 64 bits does not show pass for one.
 * Bounded: two workers, a handful of tasks, kills and steals in a run, a clock that stands still, a caller whose steps
 * are coarse (but in `buffers` and `beside`, some of which begin in the middle: lead_in()). A loop waits for another
 * thread for as long as that one takes; a timed sleep ends by its timeout only when nothing else can happen. No run
 * comes round a ring.
 *
 * Memory is sequentially consistent, but in `buffers` and `beside`: there each thread has a store buffer of one entry
 * (model_points.c), as on x86, where a load may pass an older store of its own thread. A store becomes visible at the
 * next store, fence or locked operation of its thread, or at any moment before; that of a killed worker is never lost.
 * There the caller is a thread too, which pushes, wakes and sleeps by the team's own code, and no sleep ends by its
 * timeout: a wake-up that is lost is a thread that sleeps for ever. So each fence that is left out is found:
 * mutants.sh.
 *
 * Not covered: machines weaker than x86, such as arm64. For those the orders that stand at each access are an argument,
 * not a test, and so are the fences behind a read-modify-write, which is a fence itself on x86. The sanitizer of
 * threads sees the orders, not the fences. Nor is the compiler's own reordering covered.
 *
 * model [LIST ...]: usual, quick, more, buffers, beside, deep; without one, usual. Exit code 1 when a scenario fails,
 * after the steps that lead there.
 */
#include "model.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define STATES_MAX 20000000u
static const struct model_scenario *scenario;
static const char *const names[GRAIN_SCHEDULE_COUNT] = {
    [GRAIN_SCHEDULE_STATIC] = "static",
    [GRAIN_SCHEDULE_DYNAMIC] = "dynamic",
    [GRAIN_SCHEDULE_GUIDED] = "guided",
    [GRAIN_SCHEDULE_STEAL] = "steal",
};

static const char *const programs[] = {[MODEL_COARSE] = "coarse caller",
                                       [MODEL_SINGLES] = "caller of singles",
                                       [MODEL_MAPS] = "caller of maps",
                                       [MODEL_TWO] = "two calls at once",
                                       [MODEL_STOP] = "caller that stops them",
                                       [MODEL_BREAK] = "caller of nobody",
                                       [MODEL_JOIN] = "caller that takes part",
                                       [MODEL_JOIN_TWO] = "one takes part, one does not",
                                       [MODEL_JOIN_STOP] = "one takes part, one stops",
                                       [MODEL_JOIN_QUIT] = "one takes part, one closes",
                                       [MODEL_ALONE] = "caller that watches one worker",
                                       [MODEL_WATCH] = "caller of many jobs",
                                       [MODEL_WATCH_CALLS] = "caller of many calls"};

#define SINGLES .schedule = GRAIN_SCHEDULE_STATIC, .count = 1, .chunk = 1
#define STATIC  .schedule = GRAIN_SCHEDULE_STATIC
#define DYNAMIC .schedule = GRAIN_SCHEDULE_DYNAMIC
#define GUIDED  .schedule = GRAIN_SCHEDULE_GUIDED
#define STEAL   .schedule = GRAIN_SCHEDULE_STEAL
#define PATIENT .is_patient = true, .is_open = true
#define CALLER  .has_buffers = true, PATIENT

/* For mutants: what is searched in a moment, then what takes a second and more. */
static const struct model_scenario quick[] = {
    {STEAL, .count = 3, .chunk = 1, .jobs = 1, .kills = 0, .steals = 2},
    {GUIDED, .count = 3, .chunk = 1, .jobs = 1, .kills = 0},
    {SINGLES, .singles = 1, .workers = 1, .jobs = 1, .kills = 2},
    {SINGLES, .singles = 1, .jobs = 1, .kills = 1},
    {SINGLES, .singles = 3, .workers = 1, .jobs = 2, .kills = 1, .is_late = true, .is_open = true},
    {SINGLES, .singles = 1, .workers = 1, .jobs = 2, .kills = 1, .is_late = true, .is_open = true},
    {DYNAMIC, .count = 1, .chunk = 1, .jobs = 1, .workers = 1, .kills = 3, .retries = 2},
    {STATIC, .count = 2, .chunk = 2, .jobs = 1, .workers = 1, .kills = 2, .retries = 2, .form = JOB_CHUNK},
    {DYNAMIC, .count = 3, .chunk = 1, .jobs = 1, .kills = 0, .max_chunks = 1},
    {STEAL, .count = 3, .chunk = 1, .jobs = 1, .kills = 0, .steals = 1, .max_chunks = 1},
    {STATIC, .count = 4, .chunk = 1, .jobs = 1, .kills = 0, .max_chunks = 1},
    {SINGLES, .singles = 3, .workers = 1, .jobs = 2, .kills = 1, .max_chunks = 1, .is_open = true},
    {STATIC, .count = 2, .chunk = 1, .jobs = 1, .kills = 1},
    {DYNAMIC, .count = 2, .chunk = 1, .jobs = 1, .kills = 1},
};

static const struct model_scenario more[] = {
    {STATIC, .count = 1, .chunk = 1, .jobs = 1, .kills = 2},
    {STEAL, .count = 5, .chunk = 1, .jobs = 1, .kills = 1, .steals = 0},
    {DYNAMIC, .count = 1, .chunk = 1, .jobs = 2, .kills = 1, .is_late = true, .is_open = true},
};

/* Five tasks under `steal` are what it takes to have some given back: STEAL_PACE_FIRST is 3 here. */
static const struct model_scenario usual[] = {
    {STATIC, .count = 3, .chunk = 1, .jobs = 1, .kills = 1},
    {DYNAMIC, .count = 3, .chunk = 1, .jobs = 1, .kills = 1},
    {GUIDED, .count = 3, .chunk = 2, .jobs = 1, .kills = 1},
    {STEAL, .count = 3, .chunk = 1, .jobs = 1, .kills = 1, .steals = 1},
    {STEAL, .count = 5, .chunk = 1, .jobs = 1, .kills = 1, .steals = 0},
    {STEAL, .count = 5, .chunk = 1, .jobs = 1, .kills = 0, .steals = 1, .is_open = true},
    {SINGLES, .singles = 1, .workers = 1, .jobs = 1, .kills = 2},
    {SINGLES, .singles = 1, .jobs = 1, .kills = 1},
    {SINGLES, .singles = 1, .jobs = 1, .kills = 2},
    {STATIC, .count = 1, .chunk = 1, .jobs = 1, .kills = 2},
    {SINGLES, .singles = 3, .workers = 1, .jobs = 2, .kills = 2, .is_open = true},
    {SINGLES, .singles = 1, .workers = 1, .jobs = 2, .kills = 1, .is_open = true},
    {SINGLES, .singles = 2, .workers = 1, .jobs = 2, .kills = 1, .is_open = true},
    {SINGLES, .singles = 3, .jobs = 2, .kills = 1, .is_late = true, .is_open = true},
    {STEAL, .count = 3, .chunk = 1, .jobs = 1, .kills = 1, .steals = 1, .retries = 1},
    {DYNAMIC, .count = 3, .chunk = 2, .jobs = 1, .kills = 1, .retries = 1},
    {DYNAMIC, .count = 3, .chunk = 3, .jobs = 1, .kills = 1, .retries = 1, .form = JOB_CHUNK},
    {STATIC, .count = 3, .chunk = 1, .jobs = 1, .kills = 1, .max_chunks = 1},
    {DYNAMIC, .count = 3, .chunk = 1, .jobs = 1, .kills = 1, .max_chunks = 1},
    {GUIDED, .count = 3, .chunk = 1, .jobs = 1, .kills = 0, .max_chunks = 1},
    {STEAL, .count = 3, .chunk = 1, .jobs = 1, .kills = 1, .steals = 0, .max_chunks = 1},
    {STEAL, .count = 5, .chunk = 1, .jobs = 1, .kills = 0, .steals = 1, .max_chunks = 2, .is_open = true},
    {SINGLES, .has_buffers = true, .singles = 1, .jobs = 1, .kills = 2},
    {STATIC, .has_buffers = true, .count = 1, .chunk = 1, .jobs = 1, .kills = 2},
    {STATIC, .has_buffers = true, .count = 2, .chunk = 1, .jobs = 1, .kills = 1},
    {DYNAMIC, .has_buffers = true, .count = 2, .chunk = 1, .jobs = 1, .kills = 1},
    {STEAL, .has_buffers = true, .count = 2, .chunk = 1, .jobs = 1, .kills = 1, .steals = 1},
    {STEAL, PATIENT, .program = MODEL_ALONE, .count = 2, .chunk = 1, .jobs = 1, .kills = 1},
    {STEAL, PATIENT, .program = MODEL_ALONE, .count = 2, .chunk = 1, .jobs = 1, .is_short = true},
    {STEAL, CALLER, .program = MODEL_JOIN, .count = 3, .chunk = 1, .jobs = 1, .steals = 1},
};

/* Store buffers: first a caller beside one worker or two, which is where the fences are; then deaths. */
static const struct model_scenario buffers[] = {
    {SINGLES, CALLER, .program = MODEL_SINGLES, .singles = 3, .workers = 1, .jobs = 2},
    {STATIC, CALLER, .program = MODEL_MAPS, .count = 1, .chunk = 1, .workers = 1, .jobs = 2},
    {STATIC, CALLER, .program = MODEL_STOP, .count = 4, .chunk = 4, .workers = 1, .jobs = 1},
    {SINGLES, .has_buffers = true, .is_open = true, .program = MODEL_BREAK, .workers = 1, .jobs = 1},
    {SINGLES, CALLER, .program = MODEL_TWO, .singles = 3, .jobs = 2},
    {STEAL, CALLER, .is_lopsided = true, .count = 3, .chunk = 1, .jobs = 1, .steals = 0},
    {SINGLES, .has_buffers = true, .singles = 1, .jobs = 1, .kills = 1},
    {STATIC, .has_buffers = true, .count = 1, .chunk = 1, .jobs = 1, .kills = 1},
};

/* Store buffers: a caller that takes part, or watches one worker, or one of many jobs or calls. */
static const struct model_scenario beside[] = {
    {STATIC, CALLER, .program = MODEL_JOIN, .count = 1, .chunk = 1, .workers = 1, .jobs = 2},
    {STATIC, CALLER, .program = MODEL_JOIN, .count = 2, .chunk = 1, .jobs = 1, .is_meeting = true},
    {STEAL, CALLER, .program = MODEL_JOIN, .count = 2, .chunk = 1, .jobs = 1, .steals = 1},
    {STATIC, CALLER, .program = MODEL_JOIN_TWO, .count = 1, .chunk = 1, .workers = 1, .jobs = 1},
    {STATIC, CALLER, .program = MODEL_JOIN_TWO, .count = 1, .chunk = 1, .jobs = 1, .is_meeting = true},
    {STATIC, CALLER, .program = MODEL_JOIN_STOP, .count = 1, .chunk = 1, .workers = 1, .jobs = 1},
    {STATIC, CALLER, .program = MODEL_JOIN_QUIT, .count = 1, .chunk = 1, .workers = 1, .jobs = 1},
    {STEAL, CALLER, .program = MODEL_ALONE, .count = 2, .chunk = 1, .jobs = 1, .steals = 0},
    {STATIC, CALLER, .program = MODEL_WATCH, .count = 1, .chunk = 1, .workers = 1, .jobs = 1},
    {DYNAMIC, CALLER, .program = MODEL_WATCH_CALLS, .count = 2, .chunk = 2, .workers = 1, .jobs = 1},
};

/* What takes minutes, and some GB: for whoever changes the protocol. */
static const struct model_scenario deep[] = {
    {SINGLES, CALLER, .program = MODEL_SINGLES, .singles = 1, .jobs = 1},
    {STATIC, .count = 5, .chunk = 2, .jobs = 1, .kills = 1},
    {DYNAMIC, .count = 5, .chunk = 2, .jobs = 1, .kills = 1},
    {STATIC, .count = 3, .chunk = 0, .jobs = 1, .kills = 1, .form = JOB_CHUNK},
    {GUIDED, .count = 3, .chunk = 1, .jobs = 1, .kills = 1},
    {GUIDED, .count = 5, .chunk = 2, .jobs = 1, .kills = 1},
    {STEAL, .count = 5, .chunk = 2, .jobs = 1, .kills = 1, .steals = 2, .form = JOB_CHUNK},
    {STEAL, .count = 5, .chunk = 1, .jobs = 1, .kills = 1, .steals = 2},
    {STEAL, .count = 7, .chunk = 1, .jobs = 1, .kills = 0, .steals = 3},
    {STEAL, .count = 5, .chunk = 1, .jobs = 1, .kills = 0, .steals = 2, .is_open = true},
    {STATIC, .count = 1, .chunk = 1, .jobs = 1, .kills = 3},
    {STATIC, .count = 2, .chunk = 2, .jobs = 1, .kills = 2},
    {STATIC, .count = 2, .chunk = 1, .jobs = 1, .kills = 2},
    {DYNAMIC, .count = 2, .chunk = 1, .jobs = 1, .kills = 2},
    {GUIDED, .count = 2, .chunk = 1, .jobs = 1, .kills = 2},
    {STEAL, .count = 2, .chunk = 1, .jobs = 1, .kills = 2, .steals = 1},
    {GUIDED, .count = 3, .chunk = 1, .jobs = 1, .kills = 2, .retries = 1},
    {STEAL, .count = 5, .chunk = 2, .jobs = 1, .kills = 1, .steals = 1, .retries = 1, .form = JOB_CHUNK},
    {DYNAMIC, .count = 2, .chunk = 1, .jobs = 2, .kills = 0, .is_open = true},
    {DYNAMIC, .count = 2, .chunk = 2, .jobs = 2, .kills = 1, .is_open = true},
    {SINGLES, .singles = 1, .jobs = 1, .kills = 2},
    {SINGLES, .singles = 3, .jobs = 2, .kills = 1, .is_open = true},
    {SINGLES, .singles = 1, .jobs = 2, .kills = 1, .is_late = true, .is_open = true},
    {SINGLES, .singles = 2, .jobs = 2, .kills = 1, .is_late = true, .is_open = true},
};

#define LIST(list)                                                                                                     \
    {                                                                                                                  \
#list, list, sizeof list / sizeof list[0]                                                                      \
    }
static const struct {
    const char *name;
    const struct model_scenario *scenarios;
    size_t count;
} lists[] = {LIST(usual), LIST(quick), LIST(more), LIST(buffers), LIST(beside), LIST(deep)};

/* The argument of a single task, which is its result too: 1 + the number of its job. */
static const int numbers[] = {1, 2, 3};

/* How often a task may be run: once, and once more for each death that the call makes good. */
static int runs_most(void)
{
    return 1 + (scenario->retries < world.kills ? scenario->retries : world.kills);
}

static int visit(const void *arg, void *result, struct grain_context *ctx)
{
    size_t index = grain_context_index(ctx);
    if (result && *(const int *)arg != numbers[model_job_number()])
        model_fault = "a task is run whose job has ended";
    world.begun[index] = 1;
    model_task("begins");
    while (scenario->is_meeting && index == 0 && !world.begun[1] && !world.beside)
        model_breathe(1);
    if (++world.visits[index] > runs_most())
        model_fault = "a task is run twice";
    if (result)
        *(int *)result = *(const int *)arg;
    model_task("ends");
    return 0;
}

static int visit_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    (void)items;
    (void)results;
    size_t first = grain_context_index(ctx);
    memset(world.begun + first, 1, count);
    model_task("begins");
    for (size_t i = first; i < first + count; i++)
        if (++world.visits[i] > runs_most())
            model_fault = "a task is run twice";
    model_task("ends");
    return 0;
}

void model_job_fill(struct job *job)
{
    memset(world.begun, 0, sizeof world.begun);
    memset(world.visits, 0, sizeof world.visits);
    memset(world.codes, 0, sizeof world.codes);
    world.result = 0;
    if (model_is_single()) {
        *job = (struct job){
            .task = visit,
            .items = &numbers[model_job_number()],
            .results = &world.result,
            .count = 1,
            .chunk = 1,
            .item_size = sizeof(int),
            .result_size = sizeof(int),
        };
        return;
    }
    *job = (struct job){
        .form = scenario->form,
        .task = visit,
        .chunk_task = visit_chunk,
        .count = scenario->count,
        .chunk = scenario->chunk,
        .schedule = scenario->schedule,
        .codes = world.codes,
        .retries = scenario->retries,
    };
    team_fit(job);
}

/* ------------------------------------------------------------------------------------------ what must hold */

static int code_of(size_t task)
{
    const struct job_outcome *outcome = &model_team->parts[0].outcome;
    if (!model_is_single())
        return world.codes[task];
    return outcome->failed ? outcome->first.code : 0;
}

const char *model_tasks_check(void)
{
    for (size_t i = 0; i < world.job->job.count; i++) {
        int code = code_of(i);
        if (code == 0 && (world.visits[i] < 1 || world.visits[i] > runs_most()))
            return "a task is missing";
        if (code != 0 && (code != -EOWNERDEAD || world.kills == 0))
            return "a task has a code that it cannot have";
        if (code != 0 && world.kills <= scenario->retries)
            return "a task fails although there were tries left";
        if (code != 0 && scenario->is_late)
            return "a task is reported dead although nobody died in it";
        if (code != 0 && !world.begun[i])
            return "a task is reported dead that never began";
    }
    if (model_is_single() && code_of(0) == 0 && world.result != numbers[model_job_number()])
        return "a result is missing";
    return NULL;
}

const char *model_job_check(void)
{
    size_t failed = 0, first = SIZE_MAX;
    const struct job *job = &world.job->job;
    const char *fault = model_tasks_check();
    if (fault)
        return fault;
    if (model_is_single() ? team_wait_single(&world.front, world.job) : team_wait(&world.front, world.job))
        return "the call fails";
    for (size_t i = job->count; i-- > 0;)
        if (code_of(i)) {
            failed++;
            first = i;
        }
    if (job->form == JOB_TASK && failed > (size_t)world.kills)
        return "more tasks are reported dead than workers died";
    /* A replacement that dies while it recovers may have one failure counted twice: team/recover.c. */
    if (job->outcome.failed < failed || ((world.kills < 2 || model_is_single()) && job->outcome.failed != failed))
        return "failures are not counted right";
    if (failed && job->outcome.first.index != first)
        return "the first failure is another one";
    return NULL;
}

/* As long as nobody has stolen: who does tells nobody of what it then has. */
static bool is_thief_forgotten(void)
{
    bool is_work = false, is_asleep = false;
    for (int i = 0; i < MODEL_WORKERS && world.has_given && world.steals == 0; i++) {
        is_work |= !steal_is_empty(&model_team->parts[i].range);
        is_asleep |= world.workers[i].asleep_on == &model_team->steal_wake;
    }
    return is_work && is_asleep;
}

/* Once a job is finished its caller reads the results: nothing may be missing then, nor come later. */
static const char *step_check(void)
{
    if (is_thief_forgotten())
        return "a thief sleeps beside work that was given back";
    if (scenario->program == MODEL_ALONE && world.calls_done == 0 && model_is_finished() &&
        model_team->jobs[0].done[0] != 3)
        return "bits of a job that has ended are taken back";
    if (scenario->program != MODEL_COARSE)
        return NULL;
    return !world.is_collected && model_is_finished() ? model_tasks_check() : NULL;
}

static const char *end_check(void)
{
    for (int i = 0; i < MODEL_THREADS; i++)
        if (world.workers[i].status != MODEL_LEFT)
            return i >= MODEL_CALLER ? "a caller sleeps for ever" : "a worker sleeps for ever";
    if (scenario->program != MODEL_COARSE)
        return model_calls_check();
    if (!model_is_finished())
        return "the job is not finished, and nobody is left";
    if (model_has_leaked())
        return "memory has changed that no state keeps";
    return model_job_check();
}

/* ------------------------------------------------------------------------------------------------- main */

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool scenario_try(void)
{
    struct model_totals totals;
    double start_s = now_s();
    printf("%-8s %s %zu tasks, chunk %zu, %d jobs (single: %x), %d workers of %u chunks, %d retries, %d kills, ",
           names[scenario->schedule], scenario->form == JOB_CHUNK ? "chunk form," : "task form, ", scenario->count,
           scenario->chunk, scenario->jobs, scenario->singles, scenario->workers ? scenario->workers : MODEL_WORKERS,
           scenario->max_chunks, scenario->retries, scenario->kills);
    if (scenario->has_buffers)
        printf("store buffers, %s, ", programs[scenario->program]);
    fflush(stdout);
    bool is_right = model_search(scenario, STATES_MAX, step_check, end_check, &totals);
    printf("%8llu states %8llu steps %7llu kills %5llu ends %6.2f s%s%s\n", (unsigned long long)totals.states,
           (unsigned long long)totals.steps, (unsigned long long)totals.kills, (unsigned long long)totals.ends,
           now_s() - start_s, totals.is_bounded ? ", given up" : "", is_right ? "" : ": FAILED");
    return is_right && !totals.is_bounded;
}

static int list_try(const char *name)
{
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (strcmp(name, lists[i].name) != 0)
            continue;
        for (size_t k = 0; k < lists[i].count; k++) {
            scenario = &lists[i].scenarios[k];
            if (!scenario_try())
                return 1;
        }
        return 0;
    }
    fprintf(stderr, "model: no list `%s', only usual, quick, more, buffers, beside, deep\n", name);
    return 2;
}

int main(int argc, char **argv)
{
    int status = argc > 1 ? 0 : list_try(lists[0].name);
    for (int i = 1; i < argc && status == 0; i++)
        status = list_try(argv[i]);
    return status;
}
