/* SPDX-License-Identifier: MIT
 *
 * What a sweep knows of the peers, the other libraries that cells may be of: which calls there are for them, and what
 * their process needs. Whether they were built in, the table of backends says.
 */
#ifndef GRAIN_BENCH_PEER_H
#define GRAIN_BENCH_PEER_H

#include <stdbool.h>

/* Whether a backend's name is a peer's; CPython is none: it is a program of its own. */
bool peer_is(const char *backend);

/* Whether a call is their own doing: those that go through the queue of the pool are not. */
bool peer_has_call(const char *call);

/* The library that must take its place in front of a cell's process: LLVM's OpenMP for `libomp` and `libomp-task`, from
 * $GRAIN_LIBOMP or where it was found when the build was configured. NULL: none needed; "": needed, and not there. */
const char *peer_preload(const char *backend);

/* That library, whoever needs it; "": not there. */
const char *peer_libomp(void);

#endif
