/* SPDX-License-Identifier: MIT
 *
 * Backends of our own, one object per file (own.c lists them), and the peers that may be built in: a table per library,
 * which ends with a row without a name (peers.c lists them).
 */
#ifndef GRAIN_BENCH_PEERS_BUILTIN_H
#define GRAIN_BENCH_PEERS_BUILTIN_H

#include "backend/backend.h"

/* All run tasks on bound threads; what the library's own pools have beyond that they have not. */
#define PEER_CAPABILITIES (BACKEND_RUNS_TASKS | BACKEND_IS_PARALLEL | BACKEND_SHARES_MEMORY | BACKEND_BINDS)

extern const struct grain_backend own_null, own_fork_pipe;
extern const struct grain_backend peer_gomp[], peer_tbb[], peer_glib[], peer_pthreadpool[];

#endif
