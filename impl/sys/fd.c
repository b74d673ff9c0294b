/* SPDX-License-Identifier: MIT
 *
 * See fd.h.
 */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STANDARD_FILES 3

#ifndef SYS_close_range
#define SYS_close_range 436 /* the same on every machine; Linux 5.9 */
#endif

/* Where the kernel has no close_range: descriptors beyond the limit were opened before it was lowered, if at all. */
#define SEARCH_LEAST 65536u
#define SEARCH_MOST  (1u << 20) /* what the kernel allows a process, unless it was told otherwise */

int fd_above_stdio(int *fd)
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

int fd_of_process(int pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd_above_stdio(&fd) ? -1 : fd;
}

static unsigned search_end(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > SEARCH_MOST)
        return SEARCH_MOST;
    return limit.rlim_cur < SEARCH_LEAST ? SEARCH_LEAST : (unsigned)limit.rlim_cur;
}

/* All from first to last. */
static void span_close(unsigned first, unsigned last)
{
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return;
    for (unsigned fd = first, end = search_end(); fd <= last && fd < end; fd++)
        close((int)fd);
}

/* By insertion: they were mostly opened in the order in which they come. */
static void sort(int *numbers, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        int number = numbers[i];
        size_t at = i;
        for (; at > 0 && numbers[at - 1] > number; at--)
            numbers[at] = numbers[at - 1];
        numbers[at] = number;
    }
}

void fd_close_but(int *kept, size_t count)
{
    unsigned next = STANDARD_FILES;
    sort(kept, count);
    for (size_t i = 0; i < count; i++) {
        if (kept[i] < (int)next)
            continue;
        span_close(next, (unsigned)kept[i] - 1);
        next = (unsigned)kept[i] + 1;
    }
    span_close(next, INT_MAX);
}
