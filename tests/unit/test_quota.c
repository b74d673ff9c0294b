/* SPDX-License-Identifier: MIT
 *
 * CPU quotas, from control groups made up in a temporary folder: versions 1 and 2, both at once, and what
 * no kernel would write. The program is linked with --wrap: it can move the root folder and make up a mask.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grain.h"
#include "sys/machine.h"
#include "temporary.h"

static const char *fake_root; /* stands for /, or NULL */
static bool eight_usable;     /* whether the mask is made up */

int __real_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask);
FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask)
{
    if (!eight_usable)
        return __real_sched_getaffinity(pid, size, mask);
    CPU_ZERO_S(size, mask);
    for (size_t cpu = 0; cpu < 8; cpu++)
        CPU_SET_S(cpu, size, mask);
    return 0;
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
    char other[4096];
    if (!fake_root || strncmp(path, fake_root, strlen(fake_root)) == 0)
        return __real_fopen(path, mode);
    snprintf(other, sizeof other, "%s%s", fake_root, path);
    return __real_fopen(other, mode);
}

/* ------------------------------------------------------------------------------------------- quotas */

struct group_file {
    const char *path, *text;
};

static const struct quota_case {
    const char *what, *self;
    struct group_file files[8];
    double quota;
} quota_cases[] = {
    {"v2, own group", "0::/a/b\n", {{"a/b/cpu.max", "150000 100000\n"}, {"a/cpu.max", "max 100000\n"}}, 1.5},
    {"v2, the group above is tighter",
     "0::/a/b\n",
     {{"a/b/cpu.max", "150000 100000\n"}, {"a/cpu.max", "50000 100000\n"}},
     0.5},
    {"v2, the group above is wider",
     "0::/a/b\n",
     {{"a/b/cpu.max", "50000 100000\n"}, {"a/cpu.max", "150000 100000\n"}},
     0.5},
    {"v2, at the mount", "0::/a\n", {{"cpu.max", "200000 100000\n"}}, 2},
    {"v2, process at the mount", "0::/\n", {{"cpu.max", "300000 100000\n"}}, 3},
    {"v2, the host's path in a container", "0::/docker/0123\n", {{"cpu.max", "100000 50000\n"}}, 2},
    {"v2, no limit anywhere", "0::/a\n", {{"a/cpu.max", "max 100000\n"}, {"cpu.max", "max 100000\n"}}, 0},
    {"v2, a neighbour's limit", "0::/a\n", {{"a/cpu.max", "max 100000\n"}, {"b/cpu.max", "1000 100000\n"}}, 0},
    {"v2, name with colons, no last newline", "0::/a:b:c", {{"a:b:c/cpu.max", "100000 100000"}}, 1},
    {"v2, another period", "0::/a\n", {{"a/cpu.max", "30000 20000\n"}}, 1.5},
    {"v1",
     "4:cpu,cpuacct:/x\n",
     {{"cpu,cpuacct/x/cpu.cfs_quota_us", "250000\n"}, {"cpu,cpuacct/x/cpu.cfs_period_us", "100000\n"}},
     2.5},
    {"v1, no limit",
     "4:cpu,cpuacct:/x\n",
     {{"cpu,cpuacct/x/cpu.cfs_quota_us", "-1\n"}, {"cpu,cpuacct/x/cpu.cfs_period_us", "100000\n"}},
     0},
    {"v1, the group above",
     "2:cpu:/x/y\n",
     {{"cpu/x/y/cpu.cfs_quota_us", "-1\n"},
      {"cpu/x/y/cpu.cfs_period_us", "100000\n"},
      {"cpu/x/cpu.cfs_quota_us", "75000\n"},
      {"cpu/x/cpu.cfs_period_us", "50000\n"}},
     1.5},
    {"v1, at the mount",
     "2:cpu:/docker/0123\n",
     {{"cpu/cpu.cfs_quota_us", "200000\n"}, {"cpu/cpu.cfs_period_us", "100000\n"}},
     2},
    {"v1, list in another order than the folder",
     "4:cpuacct,cpu:/x\n",
     {{"cpu/x/cpu.cfs_quota_us", "100000\n"}, {"cpu/x/cpu.cfs_period_us", "100000\n"}},
     1},
    {"v1, period missing", "2:cpu:/x\n", {{"cpu/x/cpu.cfs_quota_us", "100000\n"}}, 0},
    {"v1, other controllers",
     "3:cpuset:/x\n2:cpuacct:/x\n1:name=cpu:/x\n",
     {{"cpu/x/cpu.cfs_quota_us", "100000\n"},
      {"cpu/x/cpu.cfs_period_us", "100000\n"},
      {"cpuset/x/cpu.cfs_quota_us", "100000\n"},
      {"cpuset/x/cpu.cfs_period_us", "100000\n"},
      {"cpuacct/x/cpu.cfs_quota_us", "100000\n"},
      {"cpuacct/x/cpu.cfs_period_us", "100000\n"}},
     0},
    {"mixed, v2 is tighter",
     "2:cpu:/x\n0::/y\n",
     {{"cpu/x/cpu.cfs_quota_us", "300000\n"},
      {"cpu/x/cpu.cfs_period_us", "100000\n"},
      {"unified/y/cpu.max", "200000 100000\n"}},
     2},
    {"mixed, v1 is tighter",
     "2:cpu:/x\n0::/y\n",
     {{"cpu/x/cpu.cfs_quota_us", "100000\n"},
      {"cpu/x/cpu.cfs_period_us", "100000\n"},
      {"unified/y/cpu.max", "200000 100000\n"}},
     1},
    {"mixed, v2 without the controller",
     "12:pids:/\n2:cpu:/x\n0::/y\n",
     {{"cpu/x/cpu.cfs_quota_us", "100000\n"},
      {"cpu/x/cpu.cfs_period_us", "100000\n"},
      {"unified/y/cgroup.procs", "1\n"}},
     1},
    {"path of another namespace stays inside the mount",
     "0::/../../out\n",
     {{"cpu.max", "400000 100000\n"}, {"../../out/cpu.max", "1000 100000\n"}},
     4},
    {"path that ends in dots", "0::/..\n", {{"cpu.max", "400000 100000\n"}, {"../cpu.max", "1000 100000\n"}}, 4},
    {"a group whose name begins with dots", "0::/..a\n", {{"..a/cpu.max", "100000 100000\n"}}, 1},
    {"nonsense: words", "0::/a\n", {{"a/cpu.max", "many few\n"}}, 0},
    {"nonsense: empty", "0::/a\n", {{"a/cpu.max", ""}}, 0},
    {"nonsense: period 0", "0::/a\n", {{"a/cpu.max", "1000 0\n"}}, 0},
    {"nonsense: negative", "0::/a\n", {{"a/cpu.max", "-1000 100000\n"}}, 0},
    {"nonsense: one number", "0::/a\n", {{"a/cpu.max", "1000\n"}}, 0},
    {"nonsense: lines without colons", "cpu\n\n0:\n0::/a\n", {{"a/cpu.max", "100000 100000\n"}}, 1},
    {"nothing at all", "", {{"cpu.max", "100000 100000\n"}}, 0},
};

/* Makes the groups of a case below a folder of their own, three levels down, and reads them. */
static double quota_of(const struct quota_case *quota_case, const char *top)
{
    char root[512], self[512];
    snprintf(root, sizeof root, "%s/one/two/cgroup", top);
    snprintf(self, sizeof self, "%s/self", top);
    temporary_write(root, "placeholder", "", 0);
    temporary_write(top, "self", quota_case->self, strlen(quota_case->self));
    for (const struct group_file *file = quota_case->files; file->path; file++)
        temporary_write(root, file->path, file->text, strlen(file->text));
    return machine_cgroup_quota(root, self);
}

static void test_quota(void **state)
{
    for (size_t i = 0; i < sizeof quota_cases / sizeof quota_cases[0]; i++) {
        char top[256];
        snprintf(top, sizeof top, "%s/quota-%zu", (const char *)*state, i);
        double quota = quota_of(&quota_cases[i], top);
        if (quota != quota_cases[i].quota)
            fail_msg("%s: %g instead of %g", quota_cases[i].what, quota, quota_cases[i].quota);
    }
}

static void test_quota_hostile(void **state)
{
    const char *top = *state;
    char self[512], text[9000] = "0::";
    snprintf(self, sizeof self, "%s/long", top);
    assert_true(machine_cgroup_quota(top, "/nonexistent/self") == 0);
    assert_true(machine_cgroup_quota("/nonexistent", NULL) == 0);
    for (size_t i = strlen(text); i < sizeof text - 1; i++)
        text[i] = i % 2 ? '/' : 'a';
    temporary_write(top, "long", text, sizeof text - 1);
    assert_true(machine_cgroup_quota(top, self) == 0);
    assert_true(machine_cgroup_quota(NULL, NULL) >= 0);
}

/* ----------------------------------------------------------------------------------- how many CPUs */

static void test_count(void **state)
{
    static const struct {
        const char *max;
        int count;
    } cases[] = {
        {"max 100000\n", 8},    {"1000 100000\n", 1},   {"100000 100000\n", 1},
        {"100001 100000\n", 2}, {"150000 100000\n", 2}, {"200000 100000\n", 2},
        {"700001 100000\n", 8}, {"900000 100000\n", 8}, {"99999999999999 1\n", 8},
    };
    char root[256], groups[512];
    snprintf(root, sizeof root, "%s/fake", (const char *)*state);
    snprintf(groups, sizeof groups, "%s/sys/fs/cgroup", root);
    temporary_write(root, "proc/self/cgroup", "0::/job\n", 8);
    fake_root = root;
    eight_usable = true;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        temporary_write(groups, "job/cpu.max", cases[i].max, strlen(cases[i].max));
        assert_int_equal(machine_cpu_count(), cases[i].count);
        assert_int_equal(grain_cpu_count(), cases[i].count);
        assert_int_equal(machine_affinity_count(), 8);
    }
    fake_root = NULL;
    eight_usable = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_quota_hostile),
        cmocka_unit_test(test_count),
    };
    return cmocka_run_group_tests(tests, temporary_setup, temporary_teardown);
}
