/* SPDX-License-Identifier: MIT
 *
 * Which CPUs workers may use: usually the affinity mask of the calling thread (cpus.c); those of all of OpenMP's places
 * where OpenMP has bound that thread to one of them. And lists of CPUs, such as "0-3,8", read and written.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

/* --------------------------------------------------------------------------------- OpenMP's places */

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

/* Marks the CPUs of a place in `seen`; whether they are just those of cpus[0..count). */
static bool place_add(int place, const int *cpus, int count, bool *seen)
{
    int size = omp_get_place_num_procs(place), matching = 0;
    int *ids = size > 0 ? malloc((size_t)size * sizeof *ids) : NULL;
    if (!ids)
        return false;
    omp_get_place_proc_ids(place, ids);
    for (int i = 0; i < size; i++) {
        if (ids[i] >= 0 && ids[i] < MACHINE_CPUS_MAX)
            seen[ids[i]] = true;
        for (int k = 0; k < count; k++)
            matching += cpus[k] == ids[i];
    }
    free(ids);
    return matching == count && size == count;
}

/* The CPUs of all places where the mask, cpus[0..count), is that of one place; 0 where it is not. */
static int places_cpus(const int *cpus, int count, int **all)
{
    if (!binds_threads(count))
        return 0;
    bool *seen = calloc(MACHINE_CPUS_MAX, sizeof *seen), is_bound = false;
    if (!seen)
        return -ENOMEM;
    for (int place = 0, places = omp_get_num_places(); place < places; place++)
        is_bound |= place_add(place, cpus, count, seen);
    int found = 0;
    for (int cpu = 0; is_bound && cpu < MACHINE_CPUS_MAX; cpu++)
        found += seen[cpu];
    *all = found ? malloc((size_t)found * sizeof **all) : NULL;
    for (int cpu = 0, at = 0; *all && at < found; cpu++)
        if (seen[cpu])
            (*all)[at++] = cpu;
    free(seen);
    return found && !*all ? -ENOMEM : found;
}

#else

static int places_cpus(const int *cpus, int count, int **all)
{
    (void)cpus;
    (void)count;
    (void)all;
    return 0;
}

#endif

int machine_usable_cpus(int **cpus)
{
    int *all = NULL, count = machine_affinity_cpus(cpus);
    if (count < 1)
        return count;
    int found = places_cpus(*cpus, count, &all);
    if (found == 0)
        return count;
    free(*cpus);
    *cpus = all;
    return found;
}

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
static int range_read(const char **text, int *cpus, int count, bool *seen)
{
    int first = number_read(text), last = first;
    if (first >= 0 && **text == '-') {
        (*text)++;
        last = number_read(text);
    }
    if (first < 0 || last < first)
        return -EINVAL;
    for (int cpu = first; cpu <= last; cpu++) {
        if (seen[cpu])
            return -EINVAL;
        seen[cpu] = true;
        cpus[count++] = cpu;
    }
    return count;
}

int machine_list_parse(const char *text, int **cpus)
{
    bool *seen = calloc(MACHINE_CPUS_MAX, sizeof *seen);
    int count = -ENOMEM;
    *cpus = malloc(MACHINE_CPUS_MAX * sizeof **cpus);
    if (seen && *cpus) {
        count = range_read(&text, *cpus, 0, seen);
        while (count > 0 && *text == ',') {
            text++;
            count = range_read(&text, *cpus, count, seen);
        }
        if (*text != '\0')
            count = -EINVAL;
    }
    free(seen);
    if (count < 0) {
        free(*cpus);
        *cpus = NULL;
    }
    return count;
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
