/* SPDX-License-Identifier: MIT
 *
 * One repetition of a cell under Google Benchmark; user is a struct subject.
 */
#ifndef GRAIN_BENCH_BODY_H
#define GRAIN_BENCH_BODY_H

#include "gbench.h"

void body_run(struct gbench_state *state, void *user);

#endif
