/* SPDX-License-Identifier: MIT
 *
 * See owner.h.
 */
#include "owner.h"

#include <sys/mman.h>

_Atomic uint64_t *_Atomic owner_page;

/* A child goes on counting where its parent was, so no two processes of a line of descent have the same number. */
static _Atomic uint64_t last;

static _Atomic uint64_t *page_make(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    _Atomic uint64_t *none = NULL, *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    if (madvise(page, size, MADV_WIPEONFORK)) {
        munmap(page, size);
        return NULL;
    }
    /* acq_rel: with the same by another thread, whose page it is then */
    if (atomic_compare_exchange_strong_explicit(&owner_page, &none, page, memory_order_acq_rel, memory_order_acquire))
        return page;
    munmap(page, size);
    return none;
}

uint64_t owner_self(void)
{
    _Atomic uint64_t *page = atomic_load_explicit(&owner_page, memory_order_acquire); /* with page_make */
    if (!page && !(page = page_make()))
        return OWNER_IS_PID | (uint64_t)getpid();
    /* relaxed: the numbers alone matter */
    uint64_t owner = atomic_load_explicit(page, memory_order_relaxed);
    if (owner == 0) {
        uint64_t next = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
        if (atomic_compare_exchange_strong_explicit(page, &owner, next, memory_order_relaxed, memory_order_relaxed))
            owner = next;
    }
    return owner;
}
