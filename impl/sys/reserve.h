/* SPDX-License-Identifier: MIT
 *
 * The address range of an arena, and the pages behind it: what is asked of the kernel, and what limits of the process
 * say to it. RLIMIT_AS: how much is reserved. RLIMIT_FSIZE: it counts for a memfd as for any file, so where it is set
 * the range has no file; a file that may not grow because the limit was set later is a shortage, not a signal.
 * mlockall(): locked memory would be filled with pages at once, all of it, so the range is taken out of that. A file is
 * as long as it has pages, so that a later mlockall(MCL_CURRENT) fills nothing either; of a range without a file it
 * would fill all.
 */
#ifndef GRAIN_RESERVE_H
#define GRAIN_RESERVE_H

#include <stddef.h>

struct reserve {
    char *base;
    size_t size;
    int fd; /* -1: none */
};

/* Reserves `most` bytes, or fewer where they are not to be had; 0: as many as is good. Returns 0 or -errno. */
int reserve_open(struct reserve *reserve, size_t most);
void reserve_close(struct reserve *reserve);

/* Gives the bytes [from, to) pages: 0 or -ENOMEM. And takes them away: 0 or -errno, and they are there. */
int reserve_back(const struct reserve *reserve, size_t from, size_t to);
int reserve_punch(const struct reserve *reserve, size_t from, size_t to);

#endif
