/* SPDX-License-Identifier: MIT
 *
 * What the contract programs share: every test runs against the backend named on the command line, and
 * on grain.h alone. What a backend cannot do is a row of cannot.h; such a test prints the row and skips.
 */
#ifndef GRAIN_TESTS_CONTRACT_H
#define GRAIN_TESTS_CONTRACT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "grain.h"

#ifdef __cplusplus
extern "C" {
#endif

#include <cmocka.h>

extern const char *backend;

/* The options of a pool of the backend under test, and whether it has a schedule. */
struct grain_pool_options options_with(int workers);
bool has_schedule(enum grain_schedule schedule);

/* Opens a pool of the backend under test; fails the test when that fails. */
struct grain_pool *pool_with(int workers);

/* Skips the test, with the reason, when the backend is listed for this behaviour in cannot.h. */
void needs(const char *behaviour);

/* Whether it is listed: for a test that checks how it is refused. */
bool cannot(const char *behaviour);

/* Whether workers are processes. */
bool is_fork(void);

uint64_t now_ns(void);
void sleep_ms(long ms);

/* How many times as long as by itself this program may take: GRAIN_TESTS_SLOW, 1 without it; tests/check says so to
 * what it runs under valgrind. Tasks that sleep and the bounds they are held against grow alike; repetitions become
 * fewer. */
int slowness(void);

/* Whether less than so many milliseconds, times slowness(), have gone since. */
bool is_within(uint64_t start_ns, long ms);

/* A task that doubles an int, and an apply of it: the doubled value, or the error. */
int twice(const void *arg, void *result, struct grain_context *ctx);
int apply_twice(struct grain_pool *pool, int value);

/* Set-up of main(): the backend from argv, and the table of limits on standard output. */
void contract_start(int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
