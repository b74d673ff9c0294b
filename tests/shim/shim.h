/* SPDX-License-Identifier: MIT
 *
 * Makes the k-th call of a class of functions fail: of those that grain's own code makes, wherever in the process tree.
 * The linker puts it between (--wrap, shim.cmake), so the C library, OpenMP's runtime and others are left alone. It
 * counts from the moment it is armed, in memory that forked children share. What it costs is a few atomic additions;
 * nothing else is done in it, so that it may stand in a forked child and in a signal handler.
 *
 * A program that knows nothing of it is armed by the environment: GRAIN_SHIM=alloc:7. GRAIN_SHIM_FILE, 4 KB of zeros,
 * then receives the counts: an unsigned 32-bit number each; the first is not 0 when a call was made to fail.
 */
#ifndef GRAIN_TESTS_SHIM_H
#define GRAIN_TESTS_SHIM_H

#include <stdbool.h>

enum shim_class {
    SHIM_FORK,
    SHIM_MMAP,
    SHIM_MEMFD,
    SHIM_FALLOCATE,
    SHIM_THREAD,
    SHIM_PIDFD,
    SHIM_FUTEX,
    SHIM_WRITE,
    SHIM_FSYNC,
    SHIM_RENAME,
    SHIM_ALLOC,
    SHIM_DESCRIPTOR,
    SHIM_CLASSES
};

const char *shim_name(enum shim_class class);

/* From now on calls are counted, and the k-th of the class fails; k 0: none. */
void shim_arm(enum shim_class class, unsigned k);
void shim_disarm(void);

/* Since it was armed: how many calls of the class there were, and whether one was made to fail. */
unsigned shim_calls(enum shim_class class);
bool shim_was_hit(void);

/* Of this process: blocks and mappings that grain's code has taken and not given back. */
long shim_live(void);

#endif
