/* SPDX-License-Identifier: MIT
 *
 * See reserve.h.
 */
#include "reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"
#include "page.h"

#define RESERVE_FIRST ((size_t)1 << 40)
#define RESERVE_LEAST ((size_t)1 << 20)
#define RESERVE_SHARE 8 /* of what RLIMIT_AS leaves: one part */

/* --------------------------------------------------------------------------------------- the range */

/* Bytes of address range that the process has; 0: not known. No stdio: this allocates nothing. */
static size_t address_bytes(void)
{
    char text[32];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    return (size_t)strtoull(text, NULL, 10) * page_size();
}

/* The largest power of two that is still to be had, for a moment: half of what is left, or more. */
static size_t address_probe(size_t most)
{
    for (size_t size = RESERVE_FIRST; size >= page_size(); size /= 2) {
        void *range =
            size > most ? MAP_FAILED : mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (range != MAP_FAILED) {
            munmap(range, size);
            return size;
        }
    }
    return 0;
}

/* What is good where the caller sets no limit: plenty, but most of what RLIMIT_AS leaves stays the program's. */
static size_t size_choose(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY)
        return RESERVE_FIRST;
    size_t taken = address_bytes(), all = (size_t)limit.rlim_cur;
    size_t left = taken == 0 ? address_probe(all) : taken < all ? all - taken : 0;
    size_t size = left / RESERVE_SHARE;
    return size < RESERVE_FIRST ? size : RESERVE_FIRST;
}

/* Whether RLIMIT_FSIZE is set: then a file could not grow as far. */
static bool is_file_limited(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

/* Whether mlockall(MCL_FUTURE) is in force: then a page is there as soon as it is mapped. */
static bool is_locked_at_once(void)
{
    unsigned char is_there = 0;
    size_t page = page_size();
    void *probe = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe == MAP_FAILED)
        return false;
    bool is_locked = mincore(probe, page, &is_there) == 0 && (is_there & 1);
    munmap(probe, page);
    return is_locked;
}

/* Where pages would come at once, the whole range would get all of its own here: there it is mapped without access at
 * first. (Not everywhere: valgrind goes through a range byte by byte when its access changes.) */
static bool range_map(struct reserve *reserve, size_t size)
{
    bool is_late = is_locked_at_once();
    int flags = MAP_SHARED | MAP_NORESERVE | (reserve->fd < 0 ? MAP_ANONYMOUS : 0);
    void *base = mmap(NULL, size, is_late ? PROT_NONE : PROT_READ | PROT_WRITE, flags, reserve->fd, 0);
    if (base == MAP_FAILED)
        return false;
    if (is_late && (munlock(base, size) || mprotect(base, size, PROT_READ | PROT_WRITE))) {
        munmap(base, size);
        return false;
    }
    madvise(base, size, MADV_DONTDUMP);
    reserve->base = base;
    reserve->size = size;
    return true;
}

/* Other limits, and valgrind, may still refuse that much: halves, until it is given. */
static int range_find(struct reserve *reserve, size_t most)
{
    size_t page = page_size();
    for (size_t size = page_round_up(most ? most : size_choose()); size > 0; size = size / 2 / page * page) {
        if (range_map(reserve, size))
            return 0;
        if (size < RESERVE_LEAST)
            break;
    }
    return -ENOMEM;
}

int reserve_open(struct reserve *reserve, size_t most)
{
    *reserve = (struct reserve){.fd = -1};
    int status = 0;
    if (!is_file_limited()) {
        reserve->fd = memfd_create("grain", MFD_CLOEXEC);
        status = fd_above_stdio(&reserve->fd);
    }
    if (status == 0)
        status = range_find(reserve, most);
    if (status && reserve->fd >= 0)
        close(reserve->fd);
    return status;
}

void reserve_close(struct reserve *reserve)
{
    munmap(reserve->base, reserve->size);
    if (reserve->fd >= 0)
        close(reserve->fd);
}

/* ---------------------------------------------------------------------------------------- its pages */

/* fallocate() with SIGXFSZ held back, which it would raise where RLIMIT_FSIZE was set since: the host's handler has no
 * part in this. */
static int file_back(int fd, off_t from, off_t length)
{
    sigset_t set, before, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    sigpending(&pending);
    int status;
    do
        status = fallocate(fd, 0, from, length);
    while (status && errno == EINTR);
    if (status && errno == EFBIG && !sigismember(&pending, SIGXFSZ))
        while (sigtimedwait(&set, NULL, &(struct timespec){0}) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status ? -ENOMEM : 0;
}

int reserve_back(const struct reserve *reserve, size_t from, size_t to)
{
    if (reserve->fd < 0)
        return page_populate(reserve->base + from, to - from) ? -ENOMEM : 0;
    return file_back(reserve->fd, (off_t)from, (off_t)(to - from));
}

int reserve_punch(const struct reserve *reserve, size_t from, size_t to)
{
    int status;
    if (reserve->fd < 0)
        status = madvise(reserve->base + from, to - from, MADV_REMOVE);
    else
        status = fallocate(reserve->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(to - from));
    return status ? -errno : 0;
}
