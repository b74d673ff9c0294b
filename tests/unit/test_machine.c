/* SPDX-License-Identifier: MIT
 *
 * Machine: quotas from control groups made up in a temporary folder, masks made up in place of the
 * kernel's (the program is linked with --wrap), topologies made up by hwloc itself (HWLOC_SYNTHETIC). What
 * is read once a process is tested in children of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "grain.h"
#include "machine/machine.h"
#include "temporary.h"

/* ------------------------------------------------------------- between the library and the kernel */

static const int *mask_cpus; /* the mask that the library shall see, or NULL for the true one */
static int mask_count;
static size_t mask_bytes; /* the kernel's own size: smaller ones are refused, as by the kernel */
static int mask_error;
static const char *fake_root; /* stands for /, or NULL */

int __real_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask);
FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask)
{
    if (mask_error || size < mask_bytes) {
        errno = mask_error ? mask_error : EINVAL;
        return -1;
    }
    if (!mask_cpus)
        return __real_sched_getaffinity(pid, size, mask);
    CPU_ZERO_S(size, mask);
    for (int i = 0; i < mask_count; i++)
        CPU_SET_S((size_t)mask_cpus[i], size, mask);
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

static void mask_set(const int *cpus, int count, size_t bytes)
{
    mask_cpus = cpus;
    mask_count = count;
    mask_bytes = bytes;
    mask_error = 0;
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
    static const int eight[] = {0, 1, 2, 3, 8, 9, 10, 11};
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
    mask_set(eight, 8, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        temporary_write(groups, "job/cpu.max", cases[i].max, strlen(cases[i].max));
        assert_int_equal(machine_cpu_count(), cases[i].count);
        assert_int_equal(grain_cpu_count(), cases[i].count);
        assert_int_equal(machine_affinity_count(), 8);
    }
    fake_root = NULL;
    mask_set(NULL, 0, 0);
}

/* A kernel for more CPUs than a cpu_set_t holds refuses small masks. */
static void test_affinity_large(void **state)
{
    (void)state;
    static const int far[] = {3, 1023, 1024, 2000, 8191};
    int *cpus;
    mask_set(far, 5, 1024);
    assert_int_equal(machine_affinity_count(), 5);
    assert_int_equal(machine_affinity_cpus(&cpus), 5);
    assert_memory_equal(cpus, far, sizeof far);
    free(cpus);
    mask_set(NULL, 0, 0);
}

/* No answer at all: every CPU online is taken for usable, and nothing loops for ever. */
static void test_affinity_refused(void **state)
{
    (void)state;
    static const int errors[] = {EPERM, ENOSYS, EINVAL};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        mask_error = errors[i];
        assert_int_equal(machine_affinity_count(), sysconf(_SC_NPROCESSORS_ONLN));
    }
    mask_error = 0;
}

/* ------------------------------------------------------------------------------------- in a child */

/* Runs body in a child, where nothing has been read yet; the child's exit code says which check failed. */
static void in_child(int (*body)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(body());
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status))
        fail_msg("check %d failed in the child", WEXITSTATUS(status));
}

static int bind_body(void)
{
    int *cpus, *now, placed[3], count = machine_affinity_cpus(&cpus);
    if (count < 1)
        return 1;
    for (int i = 0; i < count; i++) {
        if (machine_bind_self(cpus[i]) || machine_affinity_cpus(&now) != 1 || now[0] != cpus[i])
            return 2;
        free(now);
        if (machine_place(3, placed) || placed[0] != cpus[i] || placed[1] != cpus[i] || placed[2] != cpus[i])
            return 3;
        if (machine_cpu_count() != 1)
            return 4;
    }
    free(cpus);
    if (machine_bind_self(-1) != -EINVAL || machine_bind_self(1 << 20) != -EINVAL)
        return 5;
    return machine_bind_self(16383) == -EINVAL ? 0 : 6; /* the kernel's word: there is no such CPU */
}

static void test_bind(void **state)
{
    (void)state;
    in_child(bind_body);
}

static bool hwloc_is_loaded(void)
{
    char line[4096];
    bool loaded = false;
    FILE *maps = __real_fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        loaded |= strstr(line, "libhwloc") != NULL;
    if (maps)
        fclose(maps);
    return loaded;
}

static int lazy_body(void)
{
    int cpu;
    if (machine_cpu_count() < 1 || hwloc_is_loaded())
        return 1;
    if (machine_place(1, &cpu))
        return 2;
#ifdef GRAIN_HAVE_HWLOC
    if (!hwloc_is_loaded())
        return 3;
#endif
    return 0;
}

static void test_lazy(void **state)
{
    (void)state;
    in_child(lazy_body);
}

/* ------------------------------------------------------------------------------------------ placing */

static void test_order(void **state)
{
    (void)state;
    static const struct {
        int count, core[8], order[8];
    } cases[] = {
        {1, {5}, {0}},
        {4, {0, 1, 2, 3}, {0, 1, 2, 3}},
        {4, {0, 0, 1, 1}, {0, 2, 1, 3}},
        {8, {0, 1, 2, 3, 0, 1, 2, 3}, {0, 1, 2, 3, 4, 5, 6, 7}},
        {8, {0, 0, 0, 0, 1, 1, 1, 1}, {0, 4, 1, 5, 2, 6, 3, 7}},
        {6, {0, 0, 1, 1, 2, 3}, {0, 2, 4, 5, 1, 3}},
        {4, {-1, -2, 7, 7}, {0, 1, 2, 3}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int order[8];
        assert_int_equal(machine_order(cases[i].count, cases[i].core, order), 0);
        assert_memory_equal(order, cases[i].order, (size_t)cases[i].count * sizeof *order);
    }
    assert_int_equal(machine_order(0, NULL, NULL), 0);
}

/* For any assignment of CPUs to cores: every CPU once, and no core gets its second worker before each
 * has its first, its third before each that can has its second ... */
static void test_order_any(void **state)
{
    (void)state;
    srand(11);
    for (int round = 0; round < 300; round++) {
        int core[64], order[64], used[64] = {0}, size[64] = {0}, seen[64] = {0};
        int count = 1 + rand() % 64, cores = 1 + rand() % count;
        for (int i = 0; i < count; i++)
            size[core[i] = rand() % cores]++;
        assert_int_equal(machine_order(count, core, order), 0);
        for (int i = 0; i < count; i++) {
            assert_in_range(order[i], 0, count - 1);
            assert_int_equal(seen[order[i]]++, 0);
            int here = core[order[i]];
            for (int other = 0; other < cores; other++)
                assert_true(used[other] >= used[here] || used[other] == size[other]);
            used[here]++;
        }
    }
}

/* Every worker sits on a usable CPU, and no CPU has two more workers than another. */
static int place_body(void)
{
    enum { WORKERS = 37 };
    int *usable, count = machine_affinity_cpus(&usable), cpus[WORKERS + 1], workers_on[1024] = {0};
    cpus[WORKERS] = -77;
    if (machine_place(WORKERS, cpus) || cpus[WORKERS] != -77)
        return 1;
    for (int i = 0; i < WORKERS; i++)
        if (cpus[i] < 0 || cpus[i] >= 1024 || (i >= count && cpus[i] != cpus[i - count]))
            return 2;
        else
            workers_on[cpus[i]]++;
    int sum = 0;
    for (int i = 0; i < count; i++) {
        sum += workers_on[usable[i]];
        if (workers_on[usable[i]] < WORKERS / count || workers_on[usable[i]] > WORKERS / count + 1)
            return 3;
    }
    free(usable);
    return sum == WORKERS && machine_threads_per_core() >= 1 && *machine_cpu_model() ? 0 : 4;
}

static void test_place(void **state)
{
    (void)state;
    in_child(place_body);
}

static void *place_thread(void *cpus)
{
    return machine_place(8, cpus) ? "failed" : NULL;
}

static int threads_body(void)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    int cpus[THREADS][8];
    void *failed;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, place_thread, cpus[i]))
            return 1;
    for (int i = 0; i < THREADS; i++)
        if (pthread_join(threads[i], &failed) || failed || memcmp(cpus[i], cpus[0], sizeof cpus[0]) != 0)
            return 2;
    return 0;
}

static void test_place_threads(void **state)
{
    (void)state;
    in_child(threads_body);
}

#ifdef GRAIN_HAVE_HWLOC

static int places(const int *expected, int workers)
{
    int cpus[16];
    return machine_place(workers, cpus) == 0 && memcmp(cpus, expected, (size_t)workers * sizeof *cpus) == 0;
}

/* Four cores of two threads; all CPUs, then a mask that has one thread of core 0 and none of core 1, then
 * CPUs that the topology does not know. */
static int smt_body(void)
{
    static const int all[] = {0, 1, 2, 3, 4, 5, 6, 7}, all_placed[] = {0, 2, 4, 6, 1, 3, 5, 7, 0, 2};
    static const int some[] = {1, 4, 5, 6}, some_placed[] = {1, 4, 6, 5, 1, 4};
    static const int beyond[] = {6, 7, 8, 900}, beyond_placed[] = {6, 8, 900, 7, 6};
    setenv("HWLOC_SYNTHETIC", "core:4 pu:2", 1);
    mask_set(all, 8, 0);
    if (!places(all_placed, 10))
        return 1;
    mask_set(some, 4, 0);
    if (!places(some_placed, 6))
        return 2;
    mask_set(beyond, 4, 0);
    if (!places(beyond_placed, 5))
        return 3;
    return machine_threads_per_core() == 2 ? 0 : 4;
}

static int no_smt_body(void)
{
    static const int all[] = {0, 1, 2, 3}, placed[] = {0, 1, 2, 3, 0};
    setenv("HWLOC_SYNTHETIC", "pack:2 core:2 pu:1", 1);
    mask_set(all, 4, 0);
    return places(placed, 5) && machine_threads_per_core() == 1 && strcmp(machine_cpu_model(), "unknown") == 0 ? 0 : 1;
}

static void test_topologies(void **state)
{
    (void)state;
    in_child(smt_body);
    in_child(no_smt_body);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_quota_hostile),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_affinity_large),
        cmocka_unit_test(test_affinity_refused),
        cmocka_unit_test(test_bind),
        cmocka_unit_test(test_lazy),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_order_any),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_place_threads),
#ifdef GRAIN_HAVE_HWLOC
        cmocka_unit_test(test_topologies),
#endif
    };
    return cmocka_run_group_tests(tests, temporary_setup, temporary_teardown);
}
