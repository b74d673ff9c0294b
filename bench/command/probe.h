/* SPDX-License-Identifier: MIT
 *
 * What a backend really does, found by opening a pool of one worker and asking a task: observed, not
 * declared, and through the public interface only.
 */
#ifndef GRAIN_BENCH_PROBE_H
#define GRAIN_BENCH_PROBE_H

#include <stdbool.h>

struct probe {
    int status;              /* 0, or why no pool could be opened (negative errno) */
    bool runs_tasks;         /* false for `null`: results mean nothing */
    const char *workers;     /* "processes", "threads", "the caller", "none" */
    bool sees_later_changes; /* tasks see what the caller changes after open */
    bool binds;              /* a worker keeps to one CPU where the caller does not */
};

void probe_backend(const char *backend, struct probe *probe);

#endif
