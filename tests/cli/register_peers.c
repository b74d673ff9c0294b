/* SPDX-License-Identifier: MIT
 *
 * Linked into contract programs, which know grain.h alone: the peers are backends there before main begins.
 */
#include "peers/peers.h"

__attribute__((constructor)) static void register_first(void)
{
    peers_register();
}
