/* SPDX-License-Identifier: MIT
 *
 * Which descriptors the supervisor and its workers keep where the pool closes inherited ones (close_descriptors).
 */
#include <string.h>

#include "pipes.h"
#include "supervisor.h"
#include "sys/fd.h"

#define OWN_MOST  3 /* the socket, the pidfd, a pipe pool's eventfd */
#define LANE_MOST 4 /* two pipes per worker */

size_t supervisor_kept_most(const struct crew *crew)
{
    return 2 * crew->pool->kept_count + OWN_MOST + LANE_MOST * (size_t)crew->team->workers;
}

void supervisor_close(const struct supervisor_birth *birth, int worker)
{
    const struct backend_pool *pool = birth->crew->pool;
    const struct pipes *pipes = birth->crew->pipes;
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
    for (int i = 0; pipes && i < pipes->workers; i++) {
        const struct pipes_lane *lane = &pipes->lanes[i];
        if (worker == SUPERVISOR_ITSELF || worker == i) {
            list[count++] = lane->request.read;
            list[count++] = lane->reply.write;
        }
    }
    fd_close_but(list, count);
}
