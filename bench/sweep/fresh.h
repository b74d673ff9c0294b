/* SPDX-License-Identifier: MIT
 *
 * Temporary files that become results: a name beside the result's that nobody can guess, a file that was not there
 * before. So nobody who may write into the folder can have a link wait there that leads elsewhere, and two processes
 * that write the same result do not write into one file.
 */
#ifndef GRAIN_BENCH_FRESH_H
#define GRAIN_BENCH_FRESH_H

/* Creates .NAME.RANDOM for NAME, which may have folders before it, relative to the descriptor `folder` (or AT_FDCWD);
 * *fresh is its path, the caller's to free. Returns a descriptor to write to, or -errno. */
int fresh_open(int folder, const char *name, char **fresh);

#endif
