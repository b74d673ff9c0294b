/* SPDX-License-Identifier: MIT
 *
 * Google Benchmark for C: the few calls that grain-bench needs, nothing of its own. Google Benchmark owns
 * the clock, the iterations, the repetitions and the output; wall time always. No exception comes out of
 * these calls. One thread, in the order init, register and context, run, shutdown.
 *
 * Names stay as they were registered: the suffixes that Google Benchmark adds (/iterations:N, /real_time)
 * are taken off in every output, and `$` in --benchmark_filter means the end of the registered name. A name that is
 * registered more than once is one benchmark with as many repetitions: its runs are numbered as they come.
 */
#ifndef GRAIN_BENCH_GBENCH_H
#define GRAIN_BENCH_GBENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gbench_state;

/* One run of a benchmark: sets up, loops while gbench_keep_running(), looks at the results. Called once a
 * repetition, and before that as often as Google Benchmark needs to find the number of iterations. */
typedef void (*gbench_body)(struct gbench_state *state, void *user);

/* Takes the --benchmark_* flags out of argv and obeys them; what is left is the caller's to read or refuse.
 * help: prints the program's own help in front of Google Benchmark's; called for --help, which ends the
 * program, and for flag values that make no sense, which end it with exit code 2.
 * Returns 0 or -ENOMEM. */
int gbench_init(int *argc, char **argv, void (*help)(void));

/* Adds a benchmark. iterations: how many, 0 when Google Benchmark is to choose. times_itself: the body tells by
 * gbench_took() how long each iteration was. Returns 0 or -ENOMEM. */
int gbench_register(const char *name, gbench_body body, void *user, uint64_t iterations, bool times_itself);

/* Adds a line to the context of every output. A key may be given once. Returns 0 or -ENOMEM. */
int gbench_context(const char *key, const char *value);

/* Runs (or lists) what the filter selects. Returns how many benchmarks that are; -EINVAL when the filter is
 * no regular expression (this, and a filter that selects nothing, is said on standard error); -ENOMEM; -EIO
 * when something else was thrown. */
int64_t gbench_run(void);

/* Forgets all benchmarks and contexts. */
void gbench_shutdown(void);

/* For a body, from inside it. True as long as there is an iteration to run; the clock starts with the
 * first call and stops with the last. */
bool gbench_keep_running(struct gbench_state *state);

/* Stops and starts the clock inside an iteration. */
void gbench_pause(struct gbench_state *state);
void gbench_resume(struct gbench_state *state);

/* What the iteration that is ending took; for a benchmark that times itself, once an iteration. */
void gbench_took(struct gbench_state *state, uint64_t ns);

/* This run failed: its record carries the message instead of times, and keep_running() is false from now
 * on. The exit status is the program's own affair. */
void gbench_fail(struct gbench_state *state, const char *message);

/* A figure beside the times; the last value of a name counts. */
void gbench_counter(struct gbench_state *state, const char *name, double value);

/* Iterations run so far. */
uint64_t gbench_iterations(const struct gbench_state *state);

#ifdef __cplusplus
}
#endif

#endif
