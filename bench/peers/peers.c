/* SPDX-License-Identifier: MIT
 *
 * The table of the libraries that are measured beside us. CPython is not in it: it is a program of its own.
 */
#include "peers.h"

#include <string.h>

#include "builtin.h"
#include "crew.h"

/* is_built_in, and the table that goes with it. */
#ifdef GRAIN_PEER_GOMP
#define GOMP true
#else
#define GOMP false
#endif
#ifdef GRAIN_PEER_OPENMP
#define LIBOMP true, peer_gomp
#else
#define LIBOMP false, NULL
#endif
#ifdef GRAIN_PEER_TBB
#define TBB true, peer_tbb
#else
#define TBB false, NULL
#endif
#ifdef GRAIN_PEER_GLIB
#define GLIB true, peer_glib
#else
#define GLIB false, NULL
#endif
#ifdef GRAIN_PEER_PTHREADPOOL
#define PTHREADPOOL true, peer_pthreadpool
#else
#define PTHREADPOOL false, NULL
#endif

#define INSTALL(package)                                                                                               \
    "apt-get install " package ", then configure the build again (with sanitizers there are no peers)"

static const struct row {
    const char *name, *names, *remedy;
    bool is_built_in;
    const struct grain_backend *backends; /* NULL: none, or in the table of another row */
} rows[] = {
    {"libgomp", "gomp, gomp-task", "build with gcc, without sanitizers", GOMP, NULL},
    {"LLVM's OpenMP", "libomp, libomp-task", "build with a compiler that has OpenMP, without sanitizers", LIBOMP},
    {"oneTBB", "tbb-simple, tbb-auto, tbb-task", INSTALL("libtbb-dev"), TBB},
    {"GLib", "glib", INSTALL("libglib2.0-dev"), GLIB},
    {"pthreadpool", "pthreadpool", INSTALL("libpthreadpool-dev"), PTHREADPOOL},
};
#define COUNT (sizeof rows / sizeof rows[0])

/* The backends of all rows, one after the other. */
static const struct grain_backend *backend_at_index(size_t index)
{
    for (size_t i = 0; i < COUNT; i++)
        for (const struct grain_backend *backend = rows[i].backends; backend && backend->name; backend++)
            if (index-- == 0)
                return backend;
    return NULL;
}

void peers_register(void)
{
    const struct grain_backend *backend;
    peers_register_own();
    for (size_t i = 0; (backend = backend_at_index(i)); i++)
        backend_register(backend);
}

bool peers_has(const char *name)
{
    const struct grain_backend *backend;
    for (size_t i = 0; (backend = backend_at_index(i)); i++)
        if (strcmp(backend->name, name) == 0)
            return true;
    return false;
}

#ifdef GRAIN_PEERS
void peers_hold(void)
{
    crew_hold();
}

void peers_let_go(void)
{
    crew_let_go();
}
#else
void peers_hold(void)
{
}

void peers_let_go(void)
{
}
#endif

bool peers_library_at(size_t index, struct peer_library *library)
{
    if (index >= COUNT)
        return false;
    *library = (struct peer_library){rows[index].name, rows[index].names, rows[index].remedy, rows[index].is_built_in};
    return true;
}
