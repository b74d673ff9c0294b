/* SPDX-License-Identifier: MIT
 *
 * See region.h. A task is called by its address, as everywhere; its context has the params and nothing else.
 */
#include "region.h"

#include <errno.h>

#ifdef GRAIN_PEER_OPENMP
#include <omp.h>

#include "job/job.h"
#include "sys/machine.h"

int region_bind(int threads, const int *cpus)
{
#pragma omp parallel num_threads(threads) default(none) shared(cpus)
    machine_bind_self(cpus[omp_get_thread_num()]);
    return 0;
}

int region_run(const struct region *region)
{
    int failed = 0;
#pragma omp parallel num_threads(region->threads) default(none) shared(region, failed)
    {
        struct grain_context ctx = {.params = region->params, .worker = omp_get_thread_num()};
#pragma omp for schedule(static) nowait
        for (size_t i = 0; i < region->count; i++) {
            int code =
                region->task(region->items + i * region->item_size, region->results + i * region->result_size, &ctx);
            if (code)
                __atomic_store_n(&failed, code, __ATOMIC_RELAXED); /* read after the region's own barrier */
        }
    }
    return failed;
}
#else
int region_bind(int threads, const int *cpus)
{
    (void)threads;
    (void)cpus;
    return -ENOTSUP;
}

int region_run(const struct region *region)
{
    (void)region;
    return -ENOTSUP;
}
#endif
