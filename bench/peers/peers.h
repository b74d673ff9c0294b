/* SPDX-License-Identifier: MIT
 *
 * What the harness adds to the library's backends: the peers, which are other libraries that run the same tasks, and
 * backends of our own that only the harness needs. Which peers there are was found when the build was configured. The
 * programs call peers_register() first thing; after that each is opened like any backend.
 */
#ifndef GRAIN_BENCH_PEERS_H
#define GRAIN_BENCH_PEERS_H

#include <stdbool.h>
#include <stddef.h>

/* Adds our own and the peers that were built in to the table of backends. Not thread-safe: first thing in main. */
void peers_register(void);

/* Our own alone: `null` and `fork-pipe`. They are no peers. */
void peers_register_own(void);

/* One library, and what it would bring. */
struct peer_library {
    const char *name, *backends; /* "oneTBB"; "tbb-simple, tbb-auto, tbb-task" */
    const char *remedy;          /* what to do where it is not built in */
    bool is_built_in;
};

/* The index-th library; false past the last. */
bool peers_library_at(size_t index, struct peer_library *library);

/* Whether a backend is one of the peers that were registered. */
bool peers_has(const char *backend);

/* From hold to let_go the calling thread stays bound, from call to call, where a peer's worker 0 is to be. Each call
 * binds it otherwise, and restores its mask: up to some 4 us, ten times what a small region takes. */
void peers_hold(void);
void peers_let_go(void);

#endif
