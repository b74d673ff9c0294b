/* SPDX-License-Identifier: MIT
 *
 * Contract: nobody looks again and again. Threads and workers of a pool that has nothing to do, and of one whose callers
 * wait for tasks that take long, sleep until they are told.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "contract.h"

#if defined(__SANITIZE_THREAD__)
#define HAS_OWN_THREAD 1 /* which looks again and again */
#else
#define HAS_OWN_THREAD 0
#endif

#define WORKERS   2
#define WINDOW_MS 1000
#define SETTLE_MS 300
#define MOST      8 /* in a window, of all threads together: who looks ten times a second exceeds it alone */
#define WINDOWS   5 /* of which one has to do: on a busy machine somebody may still be on its way to sleep */

/* ------------------------------------------------------------------------------------------ counting */

static long switches_of(const char *pid, const char *thread)
{
    char path[96], line[128];
    long switches = 0;
    snprintf(path, sizeof path, "/proc/%s/task/%s/status", pid, thread);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "voluntary_ctxt_switches: %ld", &switches) == 1)
            break;
    if (file)
        fclose(file);
    return switches;
}

/* How often threads of a process, and of all that it has forked, have gone to sleep. */
static long switches_of_tree(const char *pid)
{
    long sum = 0;
    char path[96];
    snprintf(path, sizeof path, "/proc/%s/task", pid);
    DIR *tasks = opendir(path);
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        char thread[16], child[16];
        if (snprintf(thread, sizeof thread, "%.15s", entry->d_name) < 0 || atoi(thread) == 0)
            continue;
        sum += switches_of(pid, thread);
        snprintf(path, sizeof path, "/proc/%s/task/%s/children", pid, thread);
        FILE *children = fopen(path, "r");
        while (children && fscanf(children, "%15s", child) == 1)
            sum += switches_of_tree(child);
        if (children)
            fclose(children);
    }
    if (tasks)
        closedir(tasks);
    return sum;
}

static void all_sleep(const char *what)
{
    if (HAS_OWN_THREAD)
        return;
    char self[16];
    long woken = MOST + 1;
    snprintf(self, sizeof self, "%d", (int)getpid());
    for (int window = 0; window < WINDOWS && woken > MOST; window++) {
        sleep_ms(SETTLE_MS);
        long before = switches_of_tree(self);
        sleep_ms(WINDOW_MS);
        woken = switches_of_tree(self) - before;
    }
    print_message("%s: %s: %ld wake-ups a second\n", backend, what, woken);
    assert_in_range(woken, 0, MOST);
}

/* ------------------------------------------------------------------------------------------ waiting */

static int gate[2]; /* a pipe: tasks that read from it sleep until it has a byte for each */

static int reads_the_gate(const void *arg, void *result, struct grain_context *ctx)
{
    char byte;
    (void)ctx;
    while (read(gate[0], &byte, 1) < 0 && errno == EINTR)
        ;
    if (result)
        *(int *)result = *(const int *)arg;
    return 0;
}

static struct waits {
    struct grain_pool *pool;
    struct grain_future *lone, *call, *map, *freed;
    struct grain_iter *iter;
    _Atomic int callbacks;
} waits;

static void counts(void *user, const void *result, size_t count)
{
    (void)user;
    (void)result;
    (void)count;
    waits.callbacks++;
}

static void *gets(void *future)
{
    return (void *)(intptr_t)grain_future_get(future, GRAIN_FOREVER);
}

static void *gets_in_time(void *future)
{
    return (void *)(intptr_t)grain_future_get(future, 3600 * UINT64_C(1000000000));
}

static void *frees(void *future)
{
    grain_future_free(future);
    return NULL;
}

static void *takes_next(void *iter)
{
    int result;
    return (void *)(intptr_t)(grain_iter_next(iter, &result, NULL, GRAIN_FOREVER) != 1);
}

static void *joins(void *pool)
{
    return (void *)(intptr_t)grain_pool_join(pool);
}

static int gives_one(void *source, void *item)
{
    *(int *)item = 7;
    return (*(int *)source)-- > 0;
}

static void an_idle_pool_sleeps(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(WORKERS);
    struct grain_future *futures[100];
    struct grain_call_options options = {.callback = counts};
    static int in[100], out[100];
    assert_int_equal(apply_twice(pool, 3), 6);
    for (int i = 0; i < 100; i++)
        assert_int_equal(grain_apply_async(pool, twice, &in[i], sizeof in[i], &out[i], sizeof out[i],
                                           i % 2 ? &options : NULL, &futures[i]),
                         0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), 0);
        grain_future_free(futures[i]);
    }
    all_sleep("idle");
    grain_pool_free(pool);
}

/* In every way that there is. Each task reads one byte. */
static void who_waits_for_long_tasks_sleeps(void **state)
{
    (void)state;
    needs("runs tasks");
    static int in[2], results[6], one = 1;
    pthread_t threads[6];
    char bytes[8] = {0};
    struct grain_in items = {in, 2, sizeof in[0]};
    struct grain_call_options options = {.callback = counts}, each = {.chunk = 1};
    assert_int_equal(pipe(gate), 0);
    struct grain_pool *pool = waits.pool = pool_with(WORKERS);
    waits.callbacks = 0;
    assert_int_equal(
        grain_apply_async(pool, reads_the_gate, &one, sizeof one, &results[0], sizeof(int), NULL, &waits.lone), 0);
    assert_int_equal(
        grain_apply_async(pool, reads_the_gate, &one, sizeof one, &results[1], sizeof(int), NULL, &waits.call), 0);
    assert_int_equal(
        grain_apply_async(pool, reads_the_gate, &one, sizeof one, &results[2], sizeof(int), &options, NULL), 0);
    struct grain_out out = {&results[3], sizeof(int)};
    assert_int_equal(grain_map_async(pool, reads_the_gate, items, out, &each, &waits.map), 0);
    items.count = 1;
    out.data = &results[5];
    assert_int_equal(grain_map_async(pool, reads_the_gate, items, out, &each, &waits.freed), 0);
    assert_int_equal(
        grain_imap_unordered(pool, reads_the_gate, gives_one, &one, sizeof(int), sizeof(int), NULL, &waits.iter), 0);
    assert_int_equal(grain_apply_async(pool, reads_the_gate, &one, sizeof one, NULL, 0, NULL, NULL), 0);
    void *(*const ways[])(void *) = {gets, gets_in_time, gets_in_time, frees, takes_next, joins};
    void *const of[] = {waits.lone, waits.call, waits.map, waits.freed, waits.iter, pool};
    assert_int_equal(grain_pool_close(pool), 0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ways[i], of[i]), 0);
    all_sleep("waiting");
    assert_int_equal(write(gate[1], bytes, sizeof bytes), sizeof bytes);
    for (int i = 0; i < 6; i++) {
        void *problem;
        assert_int_equal(pthread_join(threads[i], &problem), 0);
        assert_null(problem);
    }
    assert_int_equal(waits.callbacks, 1);
    grain_iter_free(waits.iter);
    grain_future_free(waits.map);
    grain_future_free(waits.call);
    grain_future_free(waits.lone);
    grain_pool_free(pool);
    close(gate[0]);
    close(gate[1]);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_pool_sleeps),
        cmocka_unit_test(who_waits_for_long_tasks_sleeps),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
