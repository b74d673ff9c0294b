/* SPDX-License-Identifier: MIT
 *
 * Where workers go: which CPUs share a core, and the order in which workers fill them. hwloc tells the cores; it is
 * loaded when first asked for, because that costs milliseconds, and by dlopen, so that the library runs without it:
 * then every CPU counts as a core of its own.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#ifdef GRAIN_HAVE_HWLOC
#include <hwloc.h>
#endif

/* What hwloc had to tell; written once, under pthread_once, and only read afterwards. */
static struct {
    int *core; /* the core of each CPU by its number, -1 where unknown */
    int cpus;
    int threads_per_core;
    char model[128];
} topology = {.threads_per_core = 1, .model = "unknown"};

static pthread_once_t topology_once = PTHREAD_ONCE_INIT;

#ifdef GRAIN_HAVE_HWLOC

/* What is used of hwloc. */
#define HWLOC_CALLS(X)                                                                                                 \
    X(topology_init)                                                                                                   \
    X(topology_destroy)                                                                                                \
    X(topology_set_all_types_filter)                                                                                   \
    X(topology_set_type_filter)                                                                                        \
    X(topology_set_flags)                                                                                              \
    X(topology_load)                                                                                                   \
    X(get_type_depth)                                                                                                  \
    X(get_nbobjs_by_depth)                                                                                             \
    X(get_obj_by_depth)                                                                                                \
    X(bitmap_next)                                                                                                     \
    X(bitmap_last)                                                                                                     \
    X(bitmap_weight)

struct hwloc_calls {
#define MEMBER(name) __typeof__(&hwloc_##name) name;
    HWLOC_CALLS(MEMBER)
#undef MEMBER
};

/* The library is never closed: libraries that it draws in need not survive an unload. ISO C has no conversion from a
 * data pointer to a function pointer; POSIX says that the bits agree. */
static bool hwloc_find(struct hwloc_calls *calls)
{
    void *library = dlopen("libhwloc.so.15", RTLD_NOW | RTLD_LOCAL), *symbol;
    if (!library)
        return false;
#define FIND(name)                                                                                                     \
    if (!(symbol = dlsym(library, "hwloc_" #name)))                                                                    \
        return false;                                                                                                  \
    memcpy(&calls->name, &symbol, sizeof symbol);
    HWLOC_CALLS(FIND)
#undef FIND
    return true;
}

/* Cores and packages are all that is looked for: no caches, no devices, no distances. */
static bool hwloc_discover(const struct hwloc_calls *calls, hwloc_topology_t *found)
{
    unsigned long flags = 0;
#if HWLOC_API_VERSION >= 0x00020500
    /* Otherwise hwloc may bind this thread to one CPU after the other to look round. */
    flags |= HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING;
#endif
#if HWLOC_API_VERSION >= 0x00020800
    flags |= HWLOC_TOPOLOGY_FLAG_NO_DISTANCES | HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS | HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS;
#endif
    if (calls->topology_init(found))
        return false;
    calls->topology_set_all_types_filter(*found, HWLOC_TYPE_FILTER_KEEP_NONE);
    calls->topology_set_type_filter(*found, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL);
    calls->topology_set_type_filter(*found, HWLOC_OBJ_PACKAGE, HWLOC_TYPE_FILTER_KEEP_ALL);
    calls->topology_set_flags(*found, flags); /* an older library refuses the lot: slower, not wrong */
    if (calls->topology_load(*found) == 0)
        return true;
    calls->topology_destroy(*found);
    return false;
}

static void cores_read(const struct hwloc_calls *calls, hwloc_topology_t found)
{
    int depth = calls->get_type_depth(found, HWLOC_OBJ_CORE);
    hwloc_obj_t machine = calls->get_obj_by_depth(found, 0, 0);
    int last = machine ? calls->bitmap_last(machine->cpuset) : -1;
    if (depth < 0 || last < 0)
        return;
    topology.core = malloc(((size_t)last + 1) * sizeof *topology.core);
    if (!topology.core)
        return;
    topology.cpus = last + 1;
    for (int cpu = 0; cpu <= last; cpu++)
        topology.core[cpu] = -1;
    unsigned cores = calls->get_nbobjs_by_depth(found, depth);
    for (unsigned i = 0; i < cores; i++) {
        hwloc_const_cpuset_t threads = calls->get_obj_by_depth(found, depth, i)->cpuset;
        int weight = calls->bitmap_weight(threads);
        if (weight > topology.threads_per_core)
            topology.threads_per_core = weight;
        for (int cpu = calls->bitmap_next(threads, -1); cpu >= 0 && cpu <= last; cpu = calls->bitmap_next(threads, cpu))
            topology.core[cpu] = (int)i;
    }
}

static void model_read(const struct hwloc_calls *calls, hwloc_topology_t found)
{
    static const hwloc_obj_type_t places[] = {HWLOC_OBJ_PACKAGE, HWLOC_OBJ_MACHINE};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        int depth = calls->get_type_depth(found, places[i]);
        hwloc_obj_t object = depth < 0 ? NULL : calls->get_obj_by_depth(found, depth, 0);
        const char *model = object ? hwloc_obj_get_info_by_name(object, "CPUModel") : NULL;
        if (model && *model) {
            snprintf(topology.model, sizeof topology.model, "%s", model);
            return;
        }
    }
}

static void topology_load(void)
{
    struct hwloc_calls calls;
    hwloc_topology_t found;
    if (!hwloc_find(&calls) || !hwloc_discover(&calls, &found))
        return;
    cores_read(&calls, found);
    model_read(&calls, found);
    calls.topology_destroy(found);
}

#else

static void topology_load(void)
{
}

#endif

int machine_order(int count, const int *core, int *order)
{
    /* rank: which hardware thread of its core a CPU is, by how many of the CPUs before it share the core. */
    int *rank = malloc((size_t)(count > 0 ? count : 1) * sizeof *rank);
    if (!rank)
        return -ENOMEM;
    for (int i = 0; i < count; i++) {
        rank[i] = 0;
        for (int j = 0; j < i; j++)
            rank[i] += core[j] == core[i];
    }
    for (int placed = 0, turn = 0; placed < count; turn++)
        for (int i = 0; i < count; i++)
            if (rank[i] == turn)
                order[placed++] = i;
    free(rank);
    return 0;
}

int machine_place(int workers, int *cpus)
{
    int *usable, count = machine_usable_cpus(&usable);
    if (count < 0)
        return count;
    pthread_once(&topology_once, topology_load);
    int status = -ENOMEM;
    int *core = malloc((size_t)count * sizeof *core), *order = malloc((size_t)count * sizeof *order);
    if (core && order) {
        for (int i = 0; i < count; i++) {
            int known = usable[i] < topology.cpus ? topology.core[usable[i]] : -1;
            core[i] = known >= 0 ? known : -1 - usable[i]; /* unknown: a core of its own */
        }
        status = machine_order(count, core, order);
    }
    for (int worker = 0; status == 0 && worker < workers; worker++)
        cpus[worker] = usable[order[worker % count]];
    free(order);
    free(core);
    free(usable);
    return status;
}

int machine_list_usable(char **text)
{
    int *cpus, count = machine_usable_cpus(&cpus);
    if (count < 0)
        return count;
    size_t room = (size_t)count * 12, used = 0;
    *text = malloc(room);
    int status = *text ? machine_place(count, cpus) : -ENOMEM;
    for (int i = 0; status == 0 && i < count; i++)
        used += (size_t)snprintf(*text + used, room - used, "%s%d", i ? "," : "", cpus[i]);
    free(cpus);
    if (status) {
        free(*text);
        *text = NULL;
    }
    return status;
}

int machine_leave_cpu(int cpu)
{
    struct machine_mask all = {.bytes = sizeof all.bits};
    if (cpu < 0 || cpu >= MACHINE_CPUS_MAX)
        return -EINVAL;
    if (sched_getaffinity(0, all.bytes, (cpu_set_t *)all.bits))
        return -errno;
    struct machine_mask others = all;
    size_t width = 8 * sizeof *others.bits;
    others.bits[(size_t)cpu / width] &= ~(1ul << (size_t)cpu % width);
    int status = machine_confine_self(&others); /* the kernel moves it at once */
    machine_confine_self(&all);
    return status;
}

int machine_threads_per_core(void)
{
    pthread_once(&topology_once, topology_load);
    return topology.threads_per_core;
}

const char *machine_cpu_model(void)
{
    pthread_once(&topology_once, topology_load);
    return topology.model;
}
