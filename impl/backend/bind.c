/* SPDX-License-Identifier: MIT
 *
 * Where the workers of a pool run, decided before its backend opens: each on one CPU of a list; or anywhere on a set of
 * CPUs. A pool with fewer workers than CPUs binds none of them unless it is told to: the workers of two such pools, in
 * one program or in two, would be bound to the same first CPUs. Next: sys/cpus.c, sys/place.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "backend.h"
#include "sys/machine.h"

/* The set of cpus[0..count), for workers that are not bound to one. */
static int mask_make(struct backend_pool *pool, const int *cpus, int count)
{
    pool->mask = calloc(1, sizeof *pool->mask);
    for (int i = 0; pool->mask && i < count; i++)
        machine_mask_add(pool->mask, cpus[i]);
    return pool->mask ? 0 : -ENOMEM;
}

static bool is_among(int cpu, const int *cpus, int count)
{
    while (count > 0 && cpus[count - 1] != cpu)
        count--;
    return count > 0;
}

/* By a list: its CPUs in its order. */
static int bind_to_list(struct backend_pool *pool, const char *list, const int *usable, int usable_count)
{
    int *cpus, count = machine_list_parse(list, &cpus), status = count < 0 ? count : 0;
    if (status)
        return status;
    for (int i = 0; i < count; i++)
        if (!is_among(cpus[i], usable, usable_count))
            status = -EINVAL;
    if (pool->options.workers == 0 && count < pool->workers)
        pool->workers = count;
    pool->cpu_count = count;
    if (status == 0 && pool->options.bind == GRAIN_BIND_NONE)
        status = mask_make(pool, cpus, count);
    if (status || pool->options.bind == GRAIN_BIND_NONE)
        free(cpus);
    else
        pool->cpus = cpus;
    return status;
}

/* Without a list. Workers inherit the opener's mask; where OpenMP has bound the opener, that is not the usable CPUs. */
static int bind_by_number(struct backend_pool *pool, const int *usable, int count)
{
    pool->cpu_count = count;
    if (pool->options.bind == GRAIN_BIND_NONE || pool->workers < count)
        return count != machine_affinity_count() ? mask_make(pool, usable, count) : 0;
    pool->cpus = calloc((size_t)count, sizeof *pool->cpus);
    return pool->cpus ? machine_place(count, pool->cpus) : -ENOMEM;
}

int backend_bind(struct backend_pool *pool)
{
    const char *list = pool->options.cpus, *variable = getenv("GRAIN_CPUS");
    if (pool->workers == 0)
        pool->workers = machine_cpu_count();
    if (!(pool->backend->capabilities & BACKEND_BINDS))
        return list ? -ENOTSUP : 0;
    if (!list && variable && *variable)
        list = variable;
    int *usable, count = machine_usable_cpus(&usable);
    if (count < 0)
        return count;
    int status = list ? bind_to_list(pool, list, usable, count) : bind_by_number(pool, usable, count);
    free(usable);
    if (status)
        backend_unbind(pool);
    return status;
}

void backend_unbind(struct backend_pool *pool)
{
    free(pool->cpus);
    free(pool->mask);
    pool->cpus = NULL;
    pool->mask = NULL;
}

int backend_usable_cpus(const struct backend_pool *pool)
{
    int usable = machine_cpu_count_recent();
    return pool->workers > pool->cpu_count && pool->cpu_count < usable ? pool->cpu_count : usable;
}
