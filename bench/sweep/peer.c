/* SPDX-License-Identifier: MIT
 *
 * See peer.h.
 */
#include "peer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *backend;
    bool on_libomp;
} peers[] = {
    {"gomp", false},     {"gomp-task", false}, {"libomp", true}, {"libomp-task", true},  {"tbb-simple", false},
    {"tbb-auto", false}, {"tbb-task", false},  {"glib", false},  {"pthreadpool", false},
};
#define COUNT (sizeof peers / sizeof *peers)

bool peer_is(const char *backend)
{
    for (size_t i = 0; i < COUNT; i++)
        if (strcmp(peers[i].backend, backend) == 0)
            return true;
    return false;
}

bool peer_has_call(const char *call)
{
    static const char *const calls[] = {"map", "map_chunks", "starmap", "apply", "open"};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i], call) == 0)
            return true;
    return false;
}

const char *peer_libomp(void)
{
    const char *named = getenv("GRAIN_LIBOMP");
    const char *path = named != NULL && *named != '\0' ? named : GRAIN_LIBOMP_PATH;
    return access(path, R_OK) == 0 ? path : "";
}

const char *peer_preload(const char *backend)
{
    for (size_t i = 0; i < COUNT; i++)
        if (peers[i].on_libomp && strcmp(peers[i].backend, backend) == 0)
            return peer_libomp();
    return NULL;
}
