/* SPDX-License-Identifier: MIT
 *
 * The only file of the harness that is OpenMP: regions as a user would write them, with the runtime's own threads, its
 * own waiting and its own binding. What is measured here goes into no sweep: it tells whether a sweep would suffer.
 */
#include <errno.h>
#include <omp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/statistics.h"
#include "regions.h"
#include "sweep/clock.h"

#define REGIONS_MAX 100
#define REGIONS_MIN 3
#define LOOPS_MAX   20
#define WARM        1    /* starts the threads */
#define REGIONS_S   0.15 /* no further region is begun after so long */
#define LOOPS_S     0.05

/* A cache line a thread. */
struct place {
    _Alignas(64) int cpu;
    int work;
};

struct probe {
    struct place *places;
    cpu_set_t mask; /* of all threads together */
    int threads;
    double times_us[REGIONS_MAX];
};

/* Nothing but a note of where the thread is. */
static double region_us(struct probe *probe)
{
    struct place *places = probe->places;
    double begun_s = clock_seconds();
#pragma omp parallel
    places[omp_get_thread_num()].cpu = sched_getcpu();
    return (clock_seconds() - begun_s) * 1e6;
}

static double loop_us(struct probe *probe)
{
    struct place *places = probe->places;
    double begun_s = clock_seconds();
#pragma omp parallel for schedule(static)
    for (int i = 0; i < REGIONS_LOOP; i++)
        places[omp_get_thread_num()].work += i;
    return (clock_seconds() - begun_s) * 1e6;
}

/* How many threads there are, and where they may run. */
static void look_at_team(struct probe *probe)
{
    CPU_ZERO(&probe->mask);
#pragma omp parallel
    {
        cpu_set_t own;
        CPU_ZERO(&own);
        sched_getaffinity(0, sizeof own, &own);
#pragma omp critical
        CPU_OR(&probe->mask, &probe->mask, &own);
#pragma omp master
        probe->threads = omp_get_num_threads();
    }
}

static bool are_together(const struct probe *probe)
{
    cpu_set_t seen;
    CPU_ZERO(&seen);
    for (int i = 0; i < probe->threads; i++)
        if (probe->places[i].cpu >= 0 && probe->places[i].cpu < CPU_SETSIZE)
            CPU_SET((size_t)probe->places[i].cpu, &seen);
    return CPU_COUNT(&seen) < probe->threads;
}

static void time_regions(struct probe *probe, struct regions *regions)
{
    double end_s = clock_seconds() + REGIONS_S;
    int count = 0;
    while (count < REGIONS_MAX && (count < REGIONS_MIN || clock_seconds() < end_s)) {
        double time_us = region_us(probe);
        probe->times_us[count++] = time_us;
        regions->worst_us = time_us > regions->worst_us ? time_us : regions->worst_us;
        regions->slices += time_us >= REGIONS_SLICE_US;
        regions->together += are_together(probe);
    }
    regions->count = count;
    regions->median_us = statistics_median(probe->times_us, (size_t)count);
}

static void time_loops(struct probe *probe, struct regions *regions)
{
    double end_s = clock_seconds() + LOOPS_S;
    int count = 0;
    while (count < LOOPS_MAX && (count < REGIONS_MIN || clock_seconds() < end_s))
        probe->times_us[count++] = loop_us(probe);
    regions->loop_us = statistics_median(probe->times_us, (size_t)count);
}

bool regions_there(void)
{
    return true;
}

int regions_measure(struct regions *regions)
{
    size_t size = (size_t)omp_get_max_threads() * sizeof(struct place);
    struct probe probe = {.places = aligned_alloc(64, size)};
    *regions = (struct regions){0};
    if (!probe.places)
        return -ENOMEM;
    memset(probe.places, 0, size);
    look_at_team(&probe);
    for (int i = 0; i < WARM; i++)
        region_us(&probe);
    regions->threads = probe.threads;
    regions->cpus = CPU_COUNT(&probe.mask);
    time_regions(&probe, regions);
    time_loops(&probe, regions);
    free(probe.places);
    return 0;
}
