/* SPDX-License-Identifier: MIT
 *
 * `grain sweep --winners DIR`: a plan whose cells have beside them what another sweep found to be best.
 */
#ifndef GRAIN_BENCH_SWEEP_WINNERS_H
#define GRAIN_BENCH_SWEEP_WINNERS_H

#include "sweep/plan.h"

/* Gives each cell that wants one its rival, from the finished sweep in dir; NULL where none was named. Returns 0,
 * -EINVAL with one line in problem, or another -errno. */
int winners_take(struct plan *plan, const char *dir, char problem[PLAN_PROBLEM_MAX]);

#endif
