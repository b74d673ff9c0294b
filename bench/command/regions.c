/* SPDX-License-Identifier: MIT
 *
 * What timed regions mean: whether they took slices of the scheduler, which of the known causes it was, what to do.
 */
#include "regions.h"

#include <errno.h>
#include <stdio.h>

#include "doctor.h"

/* One region in so many may take a slice: somebody else's turn. */
#define STRAYS 10

#ifndef GRAIN_HAVE_OPENMP
bool regions_there(void)
{
    return false;
}

int regions_measure(struct regions *regions)
{
    *regions = (struct regions){0};
    return -ENOTSUP;
}
#endif

/* -------------------------------------------------------------------------------------------- JSON */

#define INTEGERS "s:i, s:i, s:i, s:i, s:i"
#define REALS    "s:F, s:F, s:F"

json_t *regions_json(const struct regions *regions)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f}", "threads", regions->threads, "regions", regions->count,
                     "slices", regions->slices, "together", regions->together, "cpus", regions->cpus, "median_us",
                     regions->median_us, "worst_us", regions->worst_us, "loop_us", regions->loop_us);
}

bool regions_read(const char *text, struct regions *regions)
{
    json_t *object = json_loads(text, 0, NULL);
    *regions = (struct regions){0};
    int status =
        json_unpack(object, "{" INTEGERS ", " REALS "}", "threads", &regions->threads, "regions", &regions->count,
                    "slices", &regions->slices, "together", &regions->together, "cpus", &regions->cpus, "median_us",
                    &regions->median_us, "worst_us", &regions->worst_us, "loop_us", &regions->loop_us);
    json_decref(object);
    return status == 0 && regions->threads > 0 && regions->count > 0;
}

/* --------------------------------------------------------------------------------------- judging */

static bool is_alone(const struct regions *regions, int usable)
{
    return regions->threads == 1 && usable > 1;
}

static void tell_alone(const struct regions *regions, int usable, char *text, size_t size)
{
    (void)regions;
    snprintf(
        text, size,
        "The team is one thread, though %d CPUs are usable: nothing runs in parallel. Either OMP_NUM_THREADS says so, "
        "or two runtimes are loaded, and one has bound this program to a CPU before the other looked.",
        usable);
}

static bool are_too_many(const struct regions *regions, int usable)
{
    return regions->threads > usable;
}

static void tell_too_many(const struct regions *regions, int usable, char *text, size_t size)
{
    snprintf(
        text, size,
        "%d threads share %d usable CPU%s: affinity mask and quota allow no more. A thread that spins at the end of "
        "a region holds the CPU that another one needs to get there, until the scheduler takes it away.",
        regions->threads, usable, usable == 1 ? "" : "s");
}

static bool are_confined(const struct regions *regions, int usable)
{
    (void)usable;
    return regions->cpus < regions->threads;
}

static void tell_confined(const struct regions *regions, int usable, char *text, size_t size)
{
    snprintf(text, size,
             "All %d threads of the team may run on %d CPU%s only, though %d are usable: their own masks say so. They "
             "take turns there, and one that spins at the end of a region holds the CPU that another one needs to get "
             "there.",
             regions->threads, regions->cpus, regions->cpus == 1 ? "" : "s", usable);
}

static bool do_meet(const struct regions *regions, int usable)
{
    (void)usable;
    return regions->together * STRAYS >= regions->count;
}

static void tell_meeting(const struct regions *regions, int usable, char *text, size_t size)
{
    (void)usable;
    snprintf(
        text, size,
        "In %d of %d regions two threads were on one CPU. Nothing keeps them apart, and the scheduler leaves them "
        "there: the one that spins at the end of a region looks busy, and holds the CPU that the other one needs to "
        "get there.",
        regions->together, regions->count);
}

static bool is_anything(const struct regions *regions, int usable)
{
    (void)regions;
    (void)usable;
    return true;
}

static void tell_others(const struct regions *regions, int usable, char *text, size_t size)
{
    (void)regions;
    (void)usable;
    snprintf(
        text, size,
        "Each thread had a CPU of its own, but not all the time: another program, or the host, ran there meanwhile, "
        "and the others spun until it was done.");
}

/* What it may come from, the surest first. */
static const struct cause {
    bool (*is)(const struct regions *regions, int usable);
    void (*tell)(const struct regions *regions, int usable, char *text, size_t size);
    const char *remedy;
} causes[] = {
    {is_alone, tell_alone, "nothing, if that is meant; else raise OMP_NUM_THREADS, or load one runtime only"},
    {are_too_many, tell_too_many,
     "OMP_NUM_THREADS no larger than the usable CPUs, or OMP_WAIT_POLICY=passive, so that threads sleep"},
    {are_confined, tell_confined,
     "unset OMP_PLACES and GOMP_CPU_AFFINITY, or name a CPU for each thread; OMP_PROC_BIND=true alone spreads them"},
    {do_meet, tell_meeting,
     "OMP_PROC_BIND=true, so that each thread has its own CPU, or OMP_WAIT_POLICY=passive, so that they sleep"},
    {is_anything, tell_others,
     "stop what else runs (see load and steal time); with OMP_WAIT_POLICY=passive less is lost"},
};

static const struct cause *cause_of(const struct regions *regions, int usable)
{
    const struct cause *cause = causes;
    while (!cause->is(regions, usable))
        cause++;
    return cause;
}

/* "3.2 us", "38 ms". */
static const char *duration(double time_us, char text[32])
{
    bool is_long = time_us >= 1000;
    snprintf(text, 32, "%.3g %s", is_long ? time_us / 1000 : time_us, is_long ? "ms" : "us");
    return text;
}

/* Where it is the user's own way, all of it; else what happened is enough. */
static void explain(const struct regions *regions, int usable, bool meant, struct finding *finding)
{
    char *text = finding->explanation, loop[32];
    size_t size = sizeof finding->explanation, used = 0;
    if (regions->slices > 0)
        used = (size_t)snprintf(text, size,
                                "%d of %d empty regions took a millisecond or more: a slice of the scheduler, not the "
                                "microseconds of a hand-over. ",
                                regions->slices, regions->count);
    else if (regions->loop_us >= REGIONS_SLICE_US)
        used = (size_t)snprintf(text, size,
                                "A loop of %d steps took %s: a slice of the scheduler, not the microseconds of a "
                                "hand-over. ",
                                REGIONS_LOOP, duration(regions->loop_us, loop));
    if (meant || used == 0)
        cause_of(regions, usable)->tell(regions, usable, text + used, size - used);
    else
        text[used - 1] = '\0';
}

void regions_judge(const struct regions *regions, int usable, bool meant, struct finding *finding)
{
    bool is_cliff = 2 * regions->slices >= regions->count || regions->loop_us >= REGIONS_SLICE_US;
    bool is_shut = regions->cpus < regions->threads;
    enum verdict verdict = DOCTOR_OK;
    char median[32], worst[32], loop[32];
    if (is_cliff || is_shut)
        verdict = meant ? DOCTOR_WARNING : DOCTOR_NOTE;
    else if (regions->slices * STRAYS >= regions->count || is_alone(regions, usable))
        verdict = DOCTOR_NOTE;
    doctor_find(finding, verdict, meant ? cause_of(regions, usable)->remedy : "nothing, unless you run OpenMP so",
                "%s (worst %s), loop %s; %d thread%s", duration(regions->median_us, median),
                duration(regions->worst_us, worst), duration(regions->loop_us, loop), regions->threads,
                regions->threads == 1 ? "" : "s");
    if (verdict != DOCTOR_OK)
        explain(regions, usable, meant, finding);
}
