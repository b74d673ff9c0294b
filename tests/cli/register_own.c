/* SPDX-License-Identifier: MIT
 *
 * Linked into contract programs, which know grain.h alone: what the harness adds to the library's backends is there
 * before main begins.
 */
#include "peers/peers.h"

__attribute__((constructor)) static void register_first(void)
{
    peers_register_own();
}
