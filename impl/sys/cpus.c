/* SPDX-License-Identifier: MIT
 *
 * Which CPUs workers may use: those of the calling thread's affinity mask, or of all of OpenMP's places where OpenMP
 * has bound that thread to one of them. Lists of CPUs, such as "0-3,8", and sets of them; binding. Next: quota.c,
 * place.c.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "machine.h"

/* --------------------------------------------------------------------------------------------- sets */

enum { WORD_BITS = 8 * sizeof(unsigned long) };

static bool mask_has(const struct machine_mask *mask, int cpu)
{
    return mask->bits[cpu / WORD_BITS] >> cpu % WORD_BITS & 1;
}

void machine_mask_add(struct machine_mask *mask, int cpu)
{
    size_t word = (size_t)cpu / WORD_BITS, bytes = (word + 1) * sizeof mask->bits[0];
    mask->bits[word] |= 1ul << (cpu % WORD_BITS);
    if (bytes > mask->bytes)
        mask->bytes = bytes;
}

/* The members, rising, in *cpus, which the caller frees. Returns how many, or -ENOMEM. */
static int mask_list(const struct machine_mask *mask, int **cpus)
{
    int count = CPU_COUNT_S(sizeof mask->bits, (const cpu_set_t *)mask->bits), found = 0;
    *cpus = malloc((size_t)count * sizeof **cpus);
    if (!*cpus)
        return -ENOMEM;
    for (int cpu = 0; found < count; cpu++)
        if (mask_has(mask, cpu))
            (*cpus)[found++] = cpu;
    return count;
}

/* On the stack, not from CPU_ALLOC: malloc is not for a forked child. */
int machine_confine_self(const struct machine_mask *mask)
{
    return sched_setaffinity(0, mask->bytes, (const cpu_set_t *)mask->bits) ? -errno : 0;
}

int machine_bind_self(int cpu)
{
    struct machine_mask mask = {0};
    if (cpu < 0 || cpu >= MACHINE_CPUS_MAX)
        return -EINVAL;
    machine_mask_add(&mask, cpu);
    return machine_confine_self(&mask);
}

/* ---------------------------------------------------------------------------------------- affinity */

/* The set is larger than any kernel's own, so the kernel never refuses it for its size. */
int machine_affinity_cpus(int **cpus)
{
    struct machine_mask mask = {0};
    if (sched_getaffinity(0, sizeof mask.bits, (cpu_set_t *)mask.bits)) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        for (int cpu = 0; cpu == 0 || (cpu < online && cpu < MACHINE_CPUS_MAX); cpu++)
            machine_mask_add(&mask, cpu);
    }
    return mask_list(&mask, cpus);
}

int machine_affinity_count(void)
{
    int *cpus = NULL, count = machine_affinity_cpus(&cpus);
    free(cpus);
    return count < 1 ? 1 : count;
}

#ifdef GRAIN_HAVE_OPENMP
#include <omp.h>

/* Whether OpenMP binds threads, as far as one that may run on `count` CPUs can have been bound. libgomp started when it
 * was loaded, and answers at once. LLVM's runtime starts when it is first asked for anything, and binds who asked: so
 * it is not asked where its variables do not say that it binds, nor by a thread that may run anywhere. */
static bool binds_threads(int count)
{
    static const char *const variables[] = {"OMP_PROC_BIND", "OMP_PLACES", "KMP_AFFINITY", "GOMP_CPU_AFFINITY"};
    bool is_worth = !dlsym(RTLD_DEFAULT, "__kmpc_fork_call");
    for (size_t i = 0; i < sizeof variables / sizeof *variables && !is_worth; i++)
        is_worth = getenv(variables[i]) && count < sysconf(_SC_NPROCESSORS_ONLN);
    return is_worth && omp_get_proc_bind() != omp_proc_bind_false;
}

/* Adds the CPUs of a place to a set; whether they are just those of cpus[0..count). */
static bool place_add(int place, const int *cpus, int count, struct machine_mask *all)
{
    int size = omp_get_place_num_procs(place), matching = 0;
    int *ids = size > 0 ? malloc((size_t)size * sizeof *ids) : NULL;
    if (!ids)
        return false;
    omp_get_place_proc_ids(place, ids);
    for (int i = 0; i < size; i++) {
        if (ids[i] >= 0 && ids[i] < MACHINE_CPUS_MAX)
            machine_mask_add(all, ids[i]);
        for (int k = 0; k < count; k++)
            matching += cpus[k] == ids[i];
    }
    free(ids);
    return matching == count && size == count;
}

int machine_usable_cpus(int **cpus)
{
    int *own, count = machine_affinity_cpus(&own);
    *cpus = own;
    if (count < 1 || !binds_threads(count))
        return count;
    struct machine_mask all = {0};
    bool is_bound = false;
    for (int place = 0, places = omp_get_num_places(); place < places; place++)
        is_bound |= place_add(place, own, count, &all);
    if (is_bound) {
        count = mask_list(&all, cpus);
        free(own);
    }
    return count;
}

#else

int machine_usable_cpus(int **cpus)
{
    return machine_affinity_cpus(cpus);
}

#endif

/* -------------------------------------------------------------------------------------------- lists */

/* A number at *text, which is moved behind it; -1: there is none, or it is too large. */
static int number_read(const char **text)
{
    long number = 0;
    const char *at = *text;
    for (; *at >= '0' && *at <= '9' && number < MACHINE_CPUS_MAX; at++)
        number = number * 10 + (*at - '0');
    if (at == *text || number >= MACHINE_CPUS_MAX)
        return -1;
    *text = at;
    return (int)number;
}

/* Reads "A" or "A-B" at *text into cpus, behind count ones; how many there are then, or -EINVAL. */
static int range_read(const char **text, int *cpus, int count, struct machine_mask *seen)
{
    int first = number_read(text), last = first;
    if (first >= 0 && **text == '-') {
        (*text)++;
        last = number_read(text);
    }
    if (first < 0 || last < first)
        return -EINVAL;
    for (int cpu = first; cpu <= last; cpu++) {
        if (mask_has(seen, cpu))
            return -EINVAL;
        machine_mask_add(seen, cpu);
        cpus[count++] = cpu;
    }
    return count;
}

int machine_list_parse(const char *text, int **cpus)
{
    struct machine_mask seen = {0};
    *cpus = malloc(MACHINE_CPUS_MAX * sizeof **cpus);
    if (!*cpus)
        return -ENOMEM;
    int count = range_read(&text, *cpus, 0, &seen);
    while (count > 0 && *text == ',') {
        text++;
        count = range_read(&text, *cpus, count, &seen);
    }
    if (count > 0 && *text == '\0')
        return count;
    free(*cpus);
    *cpus = NULL;
    return -EINVAL;
}
