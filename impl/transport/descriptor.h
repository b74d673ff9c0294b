/* SPDX-License-Identifier: MIT
 *
 * The pool's own descriptors are never 0, 1 or 2. In a program that has closed its standard streams a printf() would
 * otherwise write into the memory that workers live on, or into what wakes them.
 */
#ifndef GRAIN_TRANSPORT_DESCRIPTOR_H
#define GRAIN_TRANSPORT_DESCRIPTOR_H

/* Moves *fd, just made, away from the standard ones. 0, or -errno: of what made it when it is negative; then nothing is
 * open and *fd is negative. */
int descriptor_lift(int *fd);

#endif
