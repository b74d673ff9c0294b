/* SPDX-License-Identifier: MIT
 *
 * How many CPUs this process may use: its affinity mask, and the CPU quota of its control groups. A
 * quota set on any group above the process counts too, so the walk goes up to where the file system is
 * mounted; the tightest limit wins. Next: usable.c, which knows of OpenMP's places; place.c, which says where workers
 * go.
 */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"

#define MASK_CPUS_MAX ((size_t)1 << 20) /* far above any kernel's limit: stops the growing of the mask */

/* ---------------------------------------------------------------------------------------- affinity */

static int online_cpus(int **cpus)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    int count = online > 0 && online < INT_MAX ? (int)online : 1;
    *cpus = malloc((size_t)count * sizeof **cpus);
    if (!*cpus)
        return -ENOMEM;
    for (int i = 0; i < count; i++)
        (*cpus)[i] = i;
    return count;
}

static int mask_cpus(const cpu_set_t *mask, size_t size, int **cpus)
{
    int count = CPU_COUNT_S(size, mask), found = 0;
    *cpus = malloc((size_t)count * sizeof **cpus);
    if (!*cpus)
        return -ENOMEM;
    for (int cpu = 0; found < count; cpu++)
        if (CPU_ISSET_S((size_t)cpu, size, mask))
            (*cpus)[found++] = cpu;
    return count;
}

int machine_affinity_cpus(int **cpus)
{
    /* The kernel says EINVAL while the mask is smaller than its own, which may have more than the 1024
     * CPUs of a cpu_set_t. */
    for (size_t capacity = 1024; capacity <= MASK_CPUS_MAX; capacity *= 2) {
        size_t size = CPU_ALLOC_SIZE(capacity);
        cpu_set_t *mask = CPU_ALLOC(capacity);
        if (!mask)
            return -ENOMEM;
        int failed = sched_getaffinity(0, size, mask) ? errno : 0;
        int count = failed || CPU_COUNT_S(size, mask) < 1 ? 0 : mask_cpus(mask, size, cpus);
        CPU_FREE(mask);
        if (count)
            return count;
        if (failed != EINVAL)
            break;
    }
    return online_cpus(cpus);
}

int machine_affinity_count(void)
{
    int *cpus = NULL, count = machine_affinity_cpus(&cpus);
    free(cpus);
    return count < 1 ? 1 : count;
}

/* ----------------------------------------------------------------------------------- control groups */

/* The first line of DIR/NAME. */
static bool line_read(const char *dir, const char *name, char *line, int size)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return false;
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool read = fgets(line, size, file) != NULL;
    fclose(file);
    return read;
}

/* CPUs that one group of version 2 is limited to, 0 for no limit: "max 100000" or "50000 100000". */
static double limit_v2(const char *dir)
{
    char line[64];
    long long quota, period;
    if (!line_read(dir, "cpu.max", line, sizeof line) || sscanf(line, "%lld %lld", &quota, &period) != 2)
        return 0;
    return quota > 0 && period > 0 ? (double)quota / (double)period : 0;
}

/* The same for version 1, where a quota of -1 is no limit. */
static double limit_v1(const char *dir)
{
    char quota_line[64], period_line[64];
    if (!line_read(dir, "cpu.cfs_quota_us", quota_line, sizeof quota_line) ||
        !line_read(dir, "cpu.cfs_period_us", period_line, sizeof period_line))
        return 0;
    long long quota = strtoll(quota_line, NULL, 10), period = strtoll(period_line, NULL, 10);
    return quota > 0 && period > 0 ? (double)quota / (double)period : 0;
}

static double tighter(double a, double b)
{
    if (a <= 0 || b <= 0)
        return a > b ? a : b;
    return a < b ? a : b;
}

/* The tightest limit from MOUNT/PATH up to MOUNT. Groups that are not there are passed over: in a
 * container the path may be the host's, while the mount shows the container's own part only. */
static double limit_walk(const char *mount, const char *path, double (*limit)(const char *dir))
{
    char dir[PATH_MAX];
    size_t top = strlen(mount);
    if (snprintf(dir, sizeof dir, "%s%s", mount, path) >= (int)sizeof dir)
        return 0;
    double tightest = limit(dir);
    for (char *slash; (slash = strrchr(dir + top, '/'));) {
        *slash = '\0';
        tightest = tighter(tightest, limit(dir));
    }
    return tightest;
}

/* Whether a comma-separated list has `cpu` in it. */
static bool has_cpu(const char *controllers)
{
    for (const char *at = controllers; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == 3 && memcmp(at, "cpu", 3) == 0)
            return true;
    return false;
}

/* A group seen from inside another namespace has a path such as /../../job: what lies above the mount
 * cannot be read, and dots must not lead out of it. */
static bool leads_out(const char *path)
{
    size_t length = strlen(path);
    return strstr(path, "/../") || (length >= 3 && strcmp(path + length - 3, "/..") == 0);
}

/* One line of the membership file, "ID:CONTROLLERS:PATH"; version 2 has ID 0 and no controllers. */
static double line_limit(const char *root, char *line)
{
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path)
        return 0;
    *controllers++ = '\0';
    *path++ = '\0';
    path[strcspn(path, "\n")] = '\0';
    if (leads_out(path))
        *path = '\0';

    bool unified = *controllers == '\0';
    if (!unified && !has_cpu(controllers))
        return 0;
    /* Version 1 is mounted under the list or, in another order, linked as `cpu`; version 2 at the root or,
     * beside version 1, as `unified`. */
    const char *folders[2] = {unified ? "" : controllers, unified ? "unified" : "cpu"};
    double tightest = 0;
    for (int i = 0; i < 2; i++) {
        char mount[PATH_MAX];
        if (snprintf(mount, sizeof mount, "%s%s%s", root, *folders[i] ? "/" : "", folders[i]) < (int)sizeof mount)
            tightest = tighter(tightest, limit_walk(mount, path, unified ? limit_v2 : limit_v1));
    }
    return tightest;
}

double machine_cgroup_quota(const char *root, const char *self)
{
    FILE *file = fopen(self ? self : "/proc/self/cgroup", "re");
    if (!file)
        return 0;
    double tightest = 0;
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0)
        tightest = tighter(tightest, line_limit(root ? root : "/sys/fs/cgroup", line));
    free(line);
    fclose(file);
    return tightest;
}

int machine_cpu_count(void)
{
    int *cpus = NULL, count = machine_usable_cpus(&cpus);
    free(cpus);
    if (count < 1)
        count = 1;
    double quota = machine_cgroup_quota(NULL, NULL);
    if (quota <= 0 || quota >= count)
        return count;
    int whole = (int)quota;
    return quota > whole ? whole + 1 : whole;
}

/* One word, so that threads need no lock: the second of the last look and what it found. relaxed: nothing else is
 * published with it. */
int machine_cpu_count_recent(void)
{
    static _Atomic uint64_t last; /* second << 32 | CPUs; 0: never */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    uint64_t second = (uint64_t)now.tv_sec + 1, word = atomic_load_explicit(&last, memory_order_relaxed);
    if (word >> 32 == (second & UINT32_MAX))
        return (int)(uint32_t)word;
    int count = machine_cpu_count();
    atomic_store_explicit(&last, second << 32 | (uint32_t)count, memory_order_relaxed);
    return count;
}
