/* SPDX-License-Identifier: MIT
 *
 * A new backend of the library is a file beside this, a name in backend.h and a row here; peers outside of it add
 * themselves with backend_register().
 */
#include <errno.h>
#include <string.h>

#include "backend.h"

#define PEERS_MAX 16

static const struct grain_backend *const builtin[] = {
    &backend_serial,
    &backend_fork,
    &backend_pthread,
#ifdef GRAIN_HAVE_OPENMP
    &backend_openmp,
#endif
};
#define BUILTIN_COUNT (sizeof builtin / sizeof builtin[0])

static const struct grain_backend *peers[PEERS_MAX];
static size_t peer_count;

const struct grain_backend *backend_at(size_t index)
{
    if (index < BUILTIN_COUNT)
        return builtin[index];
    return index - BUILTIN_COUNT < peer_count ? peers[index - BUILTIN_COUNT] : NULL;
}

const struct grain_backend *backend_find(const char *name)
{
    const struct grain_backend *backend;
    for (size_t i = 0; name && (backend = backend_at(i)); i++)
        if (strcmp(backend->name, name) == 0)
            return backend;
    return NULL;
}

int backend_register(const struct grain_backend *backend)
{
    if (!backend || !backend->name || !backend->open || !backend->close || !backend->wait ||
        (backend->is_done && !backend->submit))
        return -EINVAL;
    if (backend_find(backend->name))
        return -EEXIST;
    if (peer_count == PEERS_MAX)
        return -ENOSPC;
    peers[peer_count++] = backend;
    return 0;
}
