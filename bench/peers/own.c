/* SPDX-License-Identifier: MIT
 *
 * Backends of our own that are no part of the library, because they are there only to be measured. They are no peers:
 * cells and lists show them beside the library's. Apart from peers.c, so that tests can have them without the peers.
 */
#include "builtin.h"
#include "peers.h"

static const struct grain_backend *const own[] = {&own_null, &own_fork_pipe};

void peers_register_own(void)
{
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        backend_register(own[i]);
}
