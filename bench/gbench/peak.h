/* SPDX-License-Identifier: MIT
 *
 * What P CPUs can do at best: P threads (the caller's is one), each bound to a CPU of its own, each with a
 * share of the work known beforehand, started together by a spin barrier. No queue, no claim, no hand-over.
 * Between peak_begin() and peak_end() the helpers spin, outside they sleep and disturb nobody.
 */
#ifndef GRAIN_BENCH_PEAK_H
#define GRAIN_BENCH_PEAK_H

struct peak;

/* Does one part of the work. 0 or a status. */
typedef int (*peak_share)(void *user, int part, int parts);

/* Starts the helpers. 0 or -errno. */
int peak_open(struct peak **peak, int parts);
void peak_close(struct peak *peak);

int peak_parts(const struct peak *peak);

/* Wakes the helpers and binds the caller; puts them to sleep and restores the caller's mask. */
void peak_begin(struct peak *peak);
void peak_end(struct peak *peak);

/* Runs all parts once, together. 0 or the first status that is not 0. */
int peak_run(struct peak *peak, peak_share share, void *user);

#endif
