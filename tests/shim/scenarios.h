/* SPDX-License-Identifier: MIT
 *
 * What the walk makes fail: small lives of a pool or a process, each of which makes every call it can and says what
 * came of it.
 */
#ifndef GRAIN_TESTS_SCENARIOS_H
#define GRAIN_TESTS_SCENARIOS_H

#include <stdbool.h>
#include <stddef.h>

struct scenario {
    const char *name;
    const char *backend; /* NULL: no pool */
    bool is_whole;       /* with an initializer, and workers that are replaced */
    int (*run)(const struct scenario *scenario);
    bool is_hidden;    /* only when it is named */
    unsigned limit_ms; /* 0: as the others */
    bool is_cold;      /* what is made once a process is made in the run itself, and stays */
    long kept;
};

extern const struct scenario scenarios[];
extern const size_t scenario_count;

/* What went wrong, of scenario_run: NULL if nothing. A negative errno value somewhere is not wrong; a wrong result, a
 * failure that no task told of, a pool that does not work when the fault is over, are. */
const char *scenario_complaint(void);

#endif
