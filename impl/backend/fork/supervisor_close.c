/* SPDX-License-Identifier: MIT
 *
 * Which descriptors the supervisor and its workers keep where the pool closes inherited ones (close_descriptors).
 */
#include <string.h>

#include "supervisor.h"
#include "sys/fd.h"

#define OWN_MOST 2 /* the socket, the pidfd */

size_t supervisor_kept_most(const struct supervisor_shared *shared)
{
    return 2 * shared->pool->kept_count + OWN_MOST;
}

void supervisor_close(const struct supervisor_birth *birth, int worker)
{
    const struct backend_pool *pool = birth->shared->pool;
    int *list = birth->kept + pool->kept_count;
    size_t count = pool->kept_count;
    if (!pool->close_descriptors)
        return;
    if (count)
        memcpy(list, birth->kept, count * sizeof *list);
    if (worker == SUPERVISOR_ITSELF) {
        list[count++] = birth->command_fd;
        list[count++] = birth->caller_fd;
    }
    fd_close_but(list, count);
}
