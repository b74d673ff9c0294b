/* SPDX-License-Identifier: MIT
 *
 * The profiles that compare everything: quick, default and full; and how profiles are found. Each row is a grid (see
 * struct plan_row); cells that stand in two rows are measured once. quick and default must end within 17 s and 150 s on
 * two CPUs: whoever adds a row there takes something else out. Next: profiles_inside.c.
 */
#include "profiles.h"

#include <math.h>
#include <string.h>

static const struct plan_row quick_rows[] = {
    {.chunks = "1,64,1024,python"},
    {.backends = "fork,pthread", .schedules = "steal", .chunks = "1,1024"},
    {.backends = "openmp", .schedules = "static", .chunks = "1,1024"},
    {.calls = "apply", .tasks = 1000},
    {.backends = "openmp-as-shipped"},
    {.backends = "floor", .calls = "peak", .workers = "up-to-P"},
    {.backends = "null"},
    {.chunks = "1,1024", .workers = "up-to-2P"},
    {.kernels = COMPUTE, .rows = "250"},
    {.kernels = COMPUTE, .backends = "floor", .calls = "peak", .rows = "250"},
    {.backends = "cpython", .calls = "apply", .tasks = 2000},
    {.backends = "cpython", .tasks = 2000},
    {.backends = "cpython", .chunks = "python"},
};

static const struct plan_row default_rows[] = {
    {.chunks = "1,4,16,64,256,1024,4096,python", .repetitions = 3},
    {.backends = "fork,pthread", .schedules = "steal", .chunks = "1,4,16,64,256,1024,4096,python", .repetitions = 3},
    {.schedules = "static,guided,taskloop", .chunks = "1,256,4096,python"},
    {.calls = "apply", .tasks = 2000, .repetitions = 3},
    {.backends = "openmp-as-shipped", .chunks = "1,64,python"},
    {.backends = "openmp-as-shipped", .calls = "apply", .tasks = 2000},
    {.backends = "floor", .calls = "peak", .workers = "up-to-P", .repetitions = 3},
    {.backends = "null"},
    {.kernels = "empty", .chunks = "1,64,python"},
    {.chunks = "1,4096,python", .workers = "up-to-2P"},
    {.kernels = COMPUTE, .rows = "2500", .workers = "up-to-2P"},
    {.kernels = COMPUTE, .backends = "floor", .calls = "peak", .rows = "2500"},
    {.calls = "open", .rows = "0"},
    {.backends = "floor", .calls = "cacheline,fork", .tasks = 2000},
    {.chunks = "25000", .rows = "2000000", .repetitions = 5},
    {.backends = "floor", .calls = "peak", .rows = "2000000", .repetitions = 5},
    {.backends = "cpython", .calls = "loop"},
    {.backends = "cpython", .calls = "apply", .tasks = 2000},
    {.backends = "cpython", .chunks = "1,64", .tasks = 10000},
    {.backends = "cpython", .chunks = "python"},
};

static const struct plan_row full_rows[] = {
    {.kernels = MEMORY, .schedules = "dynamic,steal,static", .chunks = "1,16,python", .rows = MEMORY_ROWS},
    {.kernels = MEMORY, .calls = "map_chunks", .chunks = "python", .rows = MEMORY_ROWS},
    {.kernels = MEMORY, .backends = "floor", .calls = "peak", .workers = "up-to-P", .rows = MEMORY_ROWS},
    {.kernels = IMBALANCE "," SORTED,
     .schedules = "dynamic,steal,static,guided,taskloop",
     .chunks = "1,16,python",
     .rows = "2000"},
    {.schedules = "dynamic,steal,static,guided,taskloop", .chunks = "2^0..2^17,python,auto"},
    {.calls = "map_chunks", .chunks = "2^0..2^17,python"},
    {.calls = "apply", .tasks = 10000},
    {.backends = "openmp-as-shipped", .schedules = "dynamic,static", .chunks = "2^0..2^17,python"},
    {.backends = "openmp-as-shipped", .calls = "apply", .tasks = 10000},
    {.backends = "floor", .calls = "peak", .workers = "up-to-P"},
    {.backends = "null", .chunks = "1,64,python"},
    {.kernels = "empty", .chunks = "2^0..2^17,python"},
    {.chunks = "1,16,256,4096,python", .workers = "up-to-2P"},
    {.kernels = COMPUTE, .rows = "2000", .workers = "up-to-2P"},
    {.kernels = COMPUTE, .backends = "floor", .calls = "peak", .workers = "up-to-P", .rows = "2000"},
    {.calls = "open", .rows = "0", .workers = "up-to-2P"},
    {.backends = "floor", .calls = "cacheline,fork", .tasks = 10000},
    {.chunks = "python", .rows = "10^3..10^7"},
    {.chunks = "25000", .rows = "2000000"},
    {.backends = "floor", .calls = "peak", .rows = "10^3..10^7,2000000"},
    {.chunks = "1,64,1024,python", .datas = "copy"},
    {.calls = "apply", .starts = "cold", .tasks = 500},
    {.chunks = "1,python", .starts = "cold"},
    {.calls = "apply", .waits = "spin,park", .backends = "fork,pthread", .tasks = 2000},
    {.backends = "cpython", .calls = "loop", .repetitions = 1},
    {.backends = "cpython", .calls = "apply", .tasks = 2000, .repetitions = 1},
    {.backends = "cpython", .chunks = "1,64,python", .repetitions = 1},
};

static const struct plan_usual usuals[] = {
    {COMPUTE, "2500"}, {OUTLIER, "200"}, {MEMORY, MEMORY_ROWS}, {IMBALANCE, "2000"}, {SORTED, "2000"},
};

const struct plan_usual *plan_usual_find(const char *kernel)
{
    size_t length = strcspn(kernel, ":");
    for (size_t i = 0; i < sizeof usuals / sizeof *usuals; i++)
        if (strcspn(usuals[i].kernel, ":") == length && memcmp(usuals[i].kernel, kernel, length) == 0)
            return &usuals[i];
    return NULL;
}

static const struct plan_profile profiles[] = {
    {.name = "default",
     .summary = "the whole comparison in 11 rounds, about 2 1/2 minutes on 2 CPUs",
     .rounds = 11,
     .repetitions = 1,
     .min_time_s = 0.002,
     .budget_s = 150,
     ARRAY(default_rows)},
    {.name = "quick",
     .summary = "the main points in 5 rounds, about 17 seconds on 2 CPUs",
     .rounds = 5,
     .repetitions = 1,
     .min_time_s = 0, /* one call a time: nothing to calibrate */
     .budget_s = 17,
     ARRAY(quick_rows)},
    {.name = "full",
     .summary = "every chunk, 10^3 to 10^7 rows, 15 rounds, no time limit",
     .rounds = 15,
     .repetitions = 5,
     .min_time_s = 0.01,
     .budget_s = INFINITY,
     ARRAY(full_rows)},
};
#define MAIN_COUNT (sizeof profiles / sizeof *profiles)

const struct plan_profile *plan_profile_at(size_t index)
{
    if (index < MAIN_COUNT)
        return &profiles[index];
    return index - MAIN_COUNT < plan_inside_count ? &plan_insides[index - MAIN_COUNT] : NULL;
}

const struct plan_profile *plan_profile_find(const char *name)
{
    const struct plan_profile *profile = NULL;
    for (size_t i = 0; (profile = plan_profile_at(i)) != NULL; i++)
        if (strcmp(name, profile->name) == 0)
            break;
    return profile;
}
