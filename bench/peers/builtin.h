/* SPDX-License-Identifier: MIT
 *
 * The peers that may be built in, a table a library; each ends with one that has no name. Used by peers.c alone.
 */
#ifndef GRAIN_BENCH_PEERS_BUILTIN_H
#define GRAIN_BENCH_PEERS_BUILTIN_H

#include "backend/backend.h"

/* All run tasks on bound threads; what the library's own pools have beyond that they have not. */
#define PEER_CAPABILITIES (BACKEND_RUNS_TASKS | BACKEND_IS_PARALLEL | BACKEND_SHARES_MEMORY | BACKEND_BINDS)

extern const struct grain_backend peer_gomp[], peer_tbb[], peer_glib[];

#endif
