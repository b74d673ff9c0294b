/* SPDX-License-Identifier: MIT
 *
 * See descriptor.h.
 */
#include "transport/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define STANDARD_FILES 3

int descriptor_lift(int *fd)
{
    if (*fd < 0)
        return -errno;
    if (*fd >= STANDARD_FILES)
        return 0;
    int moved = fcntl(*fd, F_DUPFD_CLOEXEC, STANDARD_FILES), status = moved < 0 ? -errno : 0;
    close(*fd);
    *fd = moved;
    return status;
}
