/* SPDX-License-Identifier: MIT
 *
 * The pool's own descriptors are never 0, 1 or 2. In a program that has closed its standard streams a printf() would
 * otherwise write into the memory that workers live on, or into what wakes them.
 */
#ifndef GRAIN_FD_H
#define GRAIN_FD_H

#include <stddef.h>

/* Moves *fd, just made, away from the standard ones. 0, or -errno: of what made it when it is negative; then nothing is
 * open and *fd is negative. */
int fd_above_stdio(int *fd);

/* A descriptor that is readable once the process has ended; negative where the kernel has none, or none is left. */
int fd_of_process(int pid);

/* Closes all descriptors but the standard ones and those in `kept`, which it sorts; negative numbers are none. For a
 * forked child: it allocates nothing and needs no /proc. */
void fd_close_but(int *kept, size_t count);

#endif
