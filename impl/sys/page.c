/* SPDX-License-Identifier: MIT
 *
 * See page.h.
 */
#include "page.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

size_t page_round_up(size_t bytes)
{
    size_t page = page_size();
    return (bytes + page - 1) / page * page;
}

int page_populate(void *memory, size_t bytes)
{
    size_t page = page_size(), skip = -(uintptr_t)memory % page;
    int status = 0;
    if (bytes < skip + page)
        return 0;
    do
        status = madvise((char *)memory + skip, (bytes - skip) / page * page, MADV_POPULATE_WRITE);
    while (status && errno == EINTR);
    return status;
}
