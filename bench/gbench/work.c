/* SPDX-License-Identifier: MIT
 *
 * The parts that calls are made of. Spoiling writes what no kernel gives, as a task of the same form as the kernel's,
 * so that it goes the same way.
 */
#include "work.h"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "kind.h"

#define TOUCH_STEP    4096u       /* no page is smaller */
#define TOUCH_WAIT_NS 1000000000u /* for a worker that does not come */

static int poison_task(const void *item, void *result, struct grain_context *ctx)
{
    const size_t *result_size = grain_context_params(ctx);
    (void)item;
    if (*result_size > 0)
        memset(result, KIND_POISON, *result_size);
    return 0;
}

static int poison_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    const size_t *result_size = grain_context_params(ctx);
    (void)items;
    if (*result_size > 0)
        memset(results, KIND_POISON, count * *result_size);
    return 0;
}

static int poison_star(const void *const args[], void *result, struct grain_context *ctx)
{
    return poison_task(args[0], result, ctx);
}

struct work work_kernel(const struct subject *subject)
{
    const struct kernel *kernel = subject->kernel;
    return (struct work){kernel->task, kernel->chunk, kernel->star, &subject->params, sizeof subject->params};
}

struct work work_poison(const struct subject *subject)
{
    const size_t *size = &subject->kernel->result_size;
    return (struct work){poison_task, poison_chunk, poison_star, size, sizeof *size};
}

struct grain_call_options work_options(struct subject *subject, const struct work *work)
{
    return (struct grain_call_options){
        .chunk = (int64_t)subject->cell.chunk,
        .schedule = subject->schedule,
        .params = work->params,
        .params_size = work->params_size,
        .report = &subject->report,
    };
}

struct grain_in work_items(const struct subject *subject)
{
    return (struct grain_in){subject->items, subject->tasks, subject->item_size};
}

struct grain_out work_results(const struct subject *subject)
{
    return (struct grain_out){subject->results, subject->kernel->result_size};
}

size_t work_tasks(const struct subject *subject, const struct gbench_state *state, size_t warm)
{
    return state || subject->tasks < warm ? subject->tasks : warm;
}

int work_poison_here(struct subject *subject)
{
    if (subject->kernel->result_size > 0)
        memset(subject->results, KIND_POISON, subject->tasks * subject->kernel->result_size);
    return 0;
}

/* The parameters of touch_task. */
struct touch {
    int *come; /* how many tasks have begun */
    int workers;
    struct {
        const volatile char *memory;
        size_t size;
    } what[2];
};

/* One per worker: none ends before all have begun. */
static int touch_task(const void *item, void *result, struct grain_context *ctx)
{
    const struct touch *touch = grain_context_params(ctx);
    uint64_t until = work_clock() + TOUCH_WAIT_NS;
    (void)item;
    (void)result;
    __atomic_fetch_add(touch->come, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(touch->come, __ATOMIC_RELAXED) < touch->workers && work_clock() < until)
        sched_yield();
    for (int i = 0; i < 2; i++)
        for (size_t at = 0; at < touch->what[i].size; at += TOUCH_STEP)
            (void)touch->what[i].memory[at];
    return 0;
}

int work_touch(struct subject *subject)
{
    void *come;
    if (!subject->pool || strcmp(subject->cell.backend, "fork") != 0 || subject->cell.data != CELL_DATA_SHARED ||
        !subject->has_own_items)
        return 0;
    int status = grain_alloc(subject->pool, sizeof(int), &come);
    if (status)
        return status;
    struct touch touch = {
        .come = come,
        .workers = subject->cell.workers,
        .what = {{subject->items, subject->tasks * subject->item_size},
                 {subject->results, subject->tasks * subject->kernel->result_size}},
    };
    struct grain_call_options options = {
        .chunk = 1, .schedule = GRAIN_SCHEDULE_DYNAMIC, .params = &touch, .params_size = sizeof touch};
    status = grain_map(subject->pool, touch_task, (struct grain_in){NULL, (size_t)touch.workers, 0},
                       (struct grain_out){NULL, 0}, &options);
    grain_release(subject->pool, come);
    return status;
}

void *work_scratch(struct subject *subject, size_t bytes)
{
    subject->scratch_size = bytes > 0 ? bytes : 1;
    subject->scratch =
        mmap(NULL, subject->scratch_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (subject->scratch == MAP_FAILED)
        subject->scratch = NULL;
    return subject->scratch;
}

int work_failed(struct subject *subject, size_t index, const struct grain_error *error)
{
    subject->report = (struct grain_report){.failed = 1};
    if (error)
        subject->report.first = *error;
    subject->report.first.index = index;
    return GRAIN_TASK_FAILED;
}

uint64_t work_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void work_phases(struct subject *subject, uint64_t begun_ns, uint64_t submitted_ns)
{
    subject->phases.submit_ns += submitted_ns - begun_ns;
    subject->phases.collect_ns += work_clock() - submitted_ns;
}
