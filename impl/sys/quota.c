/* SPDX-License-Identifier: MIT
 *
 * How many CPUs this process may use: the usable ones (cpus.c), or fewer by the CPU quota of its control groups. A
 * quota set on any group above the process counts too, so the walk goes up to where the file system is mounted; the
 * tightest limit wins.
 */
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine.h"

/* Up to two numbers in the first line of DIR/NAME, 0 for one that is not there. False: there is none. */
static bool numbers_read(const char *dir, const char *name, long long *first, long long *second)
{
    char path[PATH_MAX], line[64], *end = line;
    FILE *file = snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path ? fopen(path, "re") : NULL;
    if (!file)
        return false;
    if (fgets(line, sizeof line, file)) {
        *first = strtoll(line, &end, 10);
        *second = strtoll(end, NULL, 10);
    }
    fclose(file);
    return end > line;
}

/* CPUs that a group is limited to, 0 for no limit. Version 2 has both numbers in one file, and the word "max" for no
 * limit; in version 1 that is a quota of -1. */
static double group_limit(const char *dir, bool is_v2)
{
    long long quota, period, none;
    bool is_there = is_v2 ? numbers_read(dir, "cpu.max", &quota, &period)
                          : numbers_read(dir, "cpu.cfs_quota_us", &quota, &none) &&
                                numbers_read(dir, "cpu.cfs_period_us", &period, &none);
    return is_there && quota > 0 && period > 0 ? (double)quota / (double)period : 0;
}

static double tighter(double a, double b)
{
    if (a <= 0 || b <= 0)
        return a > b ? a : b;
    return a < b ? a : b;
}

/* The tightest limit from MOUNT/PATH up to MOUNT. Groups that are not there are passed over: in a
 * container the path may be the host's, while the mount shows the container's own part only. */
static double limit_walk(const char *mount, const char *path, bool is_v2)
{
    char dir[PATH_MAX];
    size_t top = strlen(mount);
    if (snprintf(dir, sizeof dir, "%s%s", mount, path) >= (int)sizeof dir)
        return 0;
    double tightest = group_limit(dir, is_v2);
    for (char *slash; (slash = strrchr(dir + top, '/'));) {
        *slash = '\0';
        tightest = tighter(tightest, group_limit(dir, is_v2));
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

    bool is_v2 = *controllers == '\0';
    if (!is_v2 && !has_cpu(controllers))
        return 0;
    /* Version 1 is mounted under the list or, in another order, linked as `cpu`; version 2 at the root or,
     * beside version 1, as `unified`. */
    const char *folders[2] = {is_v2 ? "" : controllers, is_v2 ? "unified" : "cpu"};
    double tightest = 0;
    for (int i = 0; i < 2; i++) {
        char mount[PATH_MAX];
        if (snprintf(mount, sizeof mount, "%s%s%s", root, *folders[i] ? "/" : "", folders[i]) < (int)sizeof mount)
            tightest = tighter(tightest, limit_walk(mount, path, is_v2));
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
