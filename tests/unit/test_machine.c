/* SPDX-License-Identifier: MIT
 *
 * Machine: which CPUs are usable, binding, and where workers go, with masks made up in place of the kernel's
 * (the program is linked with --wrap) and topologies made up by hwloc itself (HWLOC_SYNTHETIC). What is read
 * once a process is tested in children of its own. Quotas: test_quota.c.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/machine.h"

static const int *mask_cpus; /* the mask that the library shall see, or NULL for the true one */
static int mask_count;
static size_t mask_bytes; /* the kernel's own size: smaller ones are refused, as by the kernel */
static int mask_error;

int __real_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask);

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

static void mask_set(const int *cpus, int count, size_t bytes)
{
    mask_cpus = cpus;
    mask_count = count;
    mask_bytes = bytes;
    mask_error = 0;
}

/* ----------------------------------------------------------------------------------------- the mask */

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
    FILE *maps = fopen("/proc/self/maps", "r");
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

static void test_lists(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int count, first, last;
    } cases[] = {
        {"0", 1, 0, 0},
        {"0-3,8", 5, 0, 8},
        {"8,0-3", 5, 8, 3},
        {"16383", 1, 16383, 16383},
        {"0-16383", 16384, 0, 16383},
        {"5-5", 1, 5, 5},
        {"007", 1, 7, 7},
        {"16384", -EINVAL, 0, 0},
        {"0-16384", -EINVAL, 0, 0},
        {"3-1", -EINVAL, 0, 0},
        {"1,1", -EINVAL, 0, 0},
        {"0-4,2", -EINVAL, 0, 0},
        {"", -EINVAL, 0, 0},
        {",", -EINVAL, 0, 0},
        {"1-2-3", -EINVAL, 0, 0},
        {"1\n", -EINVAL, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int *cpus, count = machine_list_parse(cases[i].text, &cpus);
        assert_int_equal(count, cases[i].count);
        if (count < 0)
            continue;
        assert_int_equal(cpus[0], cases[i].first);
        assert_int_equal(cpus[count - 1], cases[i].last);
        free(cpus);
    }
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

/* What the harness names for all CPUs is read as the order in which workers fill them. */
static int list_body(void)
{
    static const int all[] = {0, 1, 2, 3, 4, 5, 6, 7};
    int placed[8], *read;
    char *list;
    setenv("HWLOC_SYNTHETIC", "core:4 pu:2", 1);
    mask_set(all, 8, 0);
    if (machine_list_usable(&list) || strcmp(list, "0,2,4,6,1,3,5,7") != 0)
        return 1;
    if (machine_place(8, placed) || machine_list_parse(list, &read) != 8 || memcmp(read, placed, sizeof placed) != 0)
        return 2;
    free(read);
    free(list);
    return 0;
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
    in_child(list_body);
    in_child(no_smt_body);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
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
    return cmocka_run_group_tests(tests, NULL, NULL);
}
