/* SPDX-License-Identifier: MIT
 *
 * A made-up sweep of task lengths: a constant overhead a task, so efficiency is N / (N + o) and METG(x) is o / (1 - x).
 * See synthetic.h.
 */
#ifndef GRAIN_TESTS_SYNTHETIC_METG_H
#define GRAIN_TESTS_SYNTHETIC_METG_H

#include "synthetic.h"

/* The cells of one curve on two CPUs, from N = first to N = last in steps of 1, 2, 5. */
static inline void synthetic_metg(struct synthetic *sweep, const char *backend, const char *call, const char *schedule,
                                  double overhead_ns, uint64_t first, uint64_t last)
{
    static const uint64_t steps[] = {1, 2, 5};
    const int used = strcmp(call, "apply") == 0 ? 1 : 2;

    for (uint64_t ten = 1; ten <= last; ten *= 10)
        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
            const uint64_t length_ns = ten * steps[i];
            const uint64_t rows = length_ns < 20 ? 1000000 : length_ns > 600000 ? 32 : 20000000 / length_ns;
            const double work_ns = (double)(rows * length_ns), more_ns = overhead_ns * (double)rows;
            char name[CELL_NAME_MAX];

            if (length_ns < first || length_ns > last)
                continue;
            snprintf(name, sizeof name, "compute:%llu/%s/%s/%s/chunk:%d/workers:2/rows:%llu/data:shared/start:warm",
                     (unsigned long long)length_ns, backend, call, schedule, strcmp(call, "map") == 0,
                     (unsigned long long)rows);
            synthetic_cell(sweep, name, rows, (work_ns + more_ns) / used, NAN, work_ns);
            synthetic_beside(sweep, name, used == 1 ? 500.0 * (double)rows : work_ns / used);
        }
}

#endif
