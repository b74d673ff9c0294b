/* SPDX-License-Identifier: MIT
 *
 * A repetition: warm up, spoil the results, run under the clock, check. Only the loop in timed() is timed;
 * counters are read right before and after it.
 */
#include "body.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bound.h"
#include "kind.h"
#include "peers/peers.h"
#include "quiet.h"
#include "work.h"

#define WARM_RUNS        3
#define SHORT_ITERATIONS 1000 /* of a chain: a microsecond */

/* Everything that is counted, at one moment. */
struct meter {
    double cpu_ns;         /* this process, all threads */
    double workers_cpu_ns; /* worker processes */
    double handovers, steals;
    double involuntary; /* context switches of this process */
    double call_bytes;  /* shared memory that calls took, at most */
};

static struct meter meter_read(struct grain_pool *pool)
{
    struct timespec cpu = {0};
    struct rusage usage = {0};
    struct grain_pool_stats stats = {0};
    if (pool)
        grain_pool_stats(pool, &stats);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    getrusage(RUSAGE_SELF, &usage);
    return (struct meter){
        .cpu_ns = (double)cpu.tv_sec * 1e9 + (double)cpu.tv_nsec,
        .workers_cpu_ns = (double)stats.cpu_ns,
        .handovers = (double)stats.handovers,
        .steals = (double)stats.steals,
        .involuntary = (double)usage.ru_nivcsw,
        .call_bytes = (double)stats.call_bytes,
    };
}

/* The figures are there for failed runs too: a table must have the same columns everywhere. */
static void counters_put(struct gbench_state *state, const struct subject *subject, const struct meter *before,
                         const struct meter *after, double calls)
{
    bool counts_cpu = subject->kind->counts_cpu;
    gbench_counter(state, "tasks", (double)subject->tasks);
    gbench_counter(state, "handovers", (after->handovers - before->handovers) / calls);
    gbench_counter(state, "steals", (after->steals - before->steals) / calls);
    gbench_counter(state, "cpu_ns", (counts_cpu ? subject->phases.cpu_ns : after->cpu_ns - before->cpu_ns) / calls);
    gbench_counter(state, "workers_cpu_ns",
                   (counts_cpu ? subject->phases.pool_cpu_ns : after->workers_cpu_ns - before->workers_cpu_ns) / calls);
    gbench_counter(state, "involuntary", after->involuntary - before->involuntary);
    gbench_counter(state, "call_bytes", after->call_bytes);
    gbench_counter(state, "submit_ns", (double)subject->phases.submit_ns / calls);
    gbench_counter(state, "collect_ns", (double)subject->phases.collect_ns / calls);
    gbench_counter(state, "wakeups", (double)subject->phases.wakeups / calls);
    gbench_counter(state, "out_of_order", (double)subject->phases.out_of_order / calls);
}

/* Why a call failed: the failing task's own words, where there are any. */
static void call_problem(struct subject *subject, int status)
{
    const struct grain_report *report = &subject->report;
    if (status == -ENOTSUP)
        snprintf(subject->problem, sizeof subject->problem, "not supported");
    else if (status == GRAIN_TASK_FAILED && report->failed > 0)
        snprintf(subject->problem, sizeof subject->problem, "task %zu failed: %s", report->first.index,
                 report->first.message[0] ? report->first.message : grain_strerror(report->first.code));
    else
        snprintf(subject->problem, sizeof subject->problem, "%s", grain_strerror(status));
}

/* Spoiling the results goes the same way as the run itself, so it warms workers and the pages of the results. Short
 * tasks are run as well, for the caches of their items; more than once where workers are processes, for it is not the
 * same rows that each of them takes. A run of long chains would take long for nothing. */
static int warm_up(struct subject *subject)
{
    const struct kind *kind = subject->kind;
    bool is_forked = strcmp(subject->cell.backend, "fork") == 0 && kind->poison;
    bool is_chain = subject->kernel && subject->kernel->items != KERNEL_ITEMS_BLOCKS;
    bool is_enough = kind->poison && is_chain && subject->params.iterations > SHORT_ITERATIONS;
    int usual = kind->warm_runs ? kind->warm_runs : 1, status = kind->poison ? work_touch(subject) : 0;
    int runs = is_enough ? 0 : is_forked ? WARM_RUNS : usual;
    for (int i = 0; i < runs && status == 0; i++)
        status = kind->run(subject, NULL);
    return status || !kind->poison ? status : kind->poison(subject);
}

/* The caller is busy with its own between two calls, as a program is that computes: one that sleeps would bring the
 * timer's and the CPU's waking into the first microseconds of the next call. */
static void spin(uint64_t gap_ns)
{
    uint64_t end_ns = work_clock() + gap_ns;
    while (work_clock() < end_ns)
        ;
}

/* Each call under a clock of its own: Google Benchmark's pause and resume read the CPU time too, which takes as long as
 * a short call. */
static int timed_with_gaps(struct gbench_state *state, struct subject *subject)
{
    int status = 0;
    while (status == 0 && gbench_keep_running(state)) {
        spin(subject->cell.gap_ns);
        uint64_t begun_ns = work_clock();
        status = subject->kind->run(subject, state);
        gbench_took(state, work_clock() - begun_ns);
    }
    return status;
}

static int timed(struct gbench_state *state, struct subject *subject)
{
    int (*run)(struct subject *, struct gbench_state *) = subject->kind->run;
    int status = 0;
    if (subject->cell.gap_ns)
        return timed_with_gaps(state, subject);
    while (status == 0 && gbench_keep_running(state))
        status = run(subject, state);
    return status;
}

/* What a cell is held against: it must not meet the threads of that cell's runtime, which spin on. */
static bool is_yardstick(const struct cell *cell)
{
    return strcmp(cell->backend, "serial") == 0 || strcmp(cell->backend, "floor") == 0;
}

static void enter(struct subject *subject, struct bound *bound)
{
    bound->is_bound = false;
    if (is_yardstick(&subject->cell))
        quiet_wait();
    int cpu = bound_first_cpu();
    if (subject->kind->is_serial && cpu >= 0)
        bound_enter(bound, cpu);
    peers_hold();
    if (subject->kind->enter)
        subject->kind->enter(subject);
}

static void leave(struct subject *subject, struct bound *bound)
{
    if (subject->kind->leave)
        subject->kind->leave(subject);
    peers_let_go();
    bound_leave(bound);
}

void body_run(struct gbench_state *state, void *user)
{
    struct subject *subject = user;
    struct meter before = {0}, after = {0};
    struct bound bound;
    int status = subject_make(subject);
    if (status == 0) {
        enter(subject, &bound);
        status = warm_up(subject);
        if (status == 0) {
            subject->phases = (struct phases){0};
            before = meter_read(subject->pool);
            status = timed(state, subject);
            after = meter_read(subject->pool);
        }
        leave(subject, &bound);
        if (status)
            call_problem(subject, status);
    }
    double calls = (double)gbench_iterations(state);
    counters_put(state, subject, &before, &after, calls > 0 ? calls : 1);
    if (status) {
        subject->verdict->failed = true;
        gbench_fail(state, subject->problem);
    } else if (!subject_check(subject)) {
        subject->verdict->wrong = true;
        gbench_fail(state, subject->problem);
    }
}
