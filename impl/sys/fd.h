/* SPDX-License-Identifier: MIT
 *
 * The pool's own descriptors are never 0, 1 or 2. In a program that has closed its standard streams a printf() would
 * otherwise write into the memory that workers live on, or into what wakes them.
 */
#ifndef GRAIN_TRANSPORT_DESCRIPTOR_H
#define GRAIN_TRANSPORT_DESCRIPTOR_H

#include <stddef.h>

/* Moves *fd, just made, away from the standard ones. 0, or -errno: of what made it when it is negative; then nothing is
 * open and *fd is negative. */
int descriptor_lift(int *fd);

/* Closes all descriptors but the standard ones and those in `kept`, which it sorts; negative numbers are none. For a
 * forked child: it allocates nothing and needs no /proc. */
void descriptors_close_but(int *kept, size_t count);

#endif
