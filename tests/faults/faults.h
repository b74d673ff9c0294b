/* SPDX-License-Identifier: MIT
 *
 * What the programs about dying processes share.
 */
#ifndef GRAIN_TESTS_FAULTS_H
#define GRAIN_TESTS_FAULTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#include <cmocka.h>

#include "grain.h"

#define SCHEDULES 4
extern const enum grain_schedule schedules[SCHEDULES];

void sleep_ms(long ms);
uint64_t now_ms(void);
struct grain_pool *fork_pool(int workers);

/* A task whose result is its worker's process id, and an apply of it. */
int tells_pid(const void *arg, void *result, struct grain_context *ctx);
pid_t worker_pid(struct grain_pool *pool);

#endif
