/* SPDX-License-Identifier: MIT
 *
 * Memory that goes back to the system: after a large call, by grain_pool_trim; that calls are right while somebody
 * trims; what is copied once; and which pages a worker maps. Limits of the process on memory: room.c.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract.h"

#define MIB  ((size_t)1 << 20)
#define SLOP (4 * MIB) /* the pool's own, and rounding */

/* Bytes of pages of the memory that the pool shares with its processes: 0 on threads. */
static size_t shared_bytes(void)
{
    size_t bytes = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char target[64] = "";
        struct stat stat;
        if (readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1) > 0 &&
            strncmp(target, "/memfd:grain", 12) == 0 && fstat(atoi(entry->d_name), &stat) == 0)
            bytes += (size_t)stat.st_blocks * 512;
    }
    closedir(dir);
    return bytes;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static size_t resident_bytes(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %zu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int adds_one(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    *(unsigned char *)result = (unsigned char)(*(const unsigned char *)arg + 1);
    return 0;
}

/* Pages of 4096 bytes; the result is the first byte of each and one more. */
static void map_is_right(struct grain_pool *pool, const unsigned char *pages, size_t count, unsigned char *results)
{
    memset(results, 0, count);
    assert_int_equal(
        grain_map(pool, adds_one, (struct grain_in){pages, count, 4096}, (struct grain_out){results, 1}, NULL), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(results[i], (unsigned char)(i + 1));
}

static unsigned char *pages_make(size_t count)
{
    unsigned char *pages = calloc(count, 4096);
    assert_non_null(pages);
    for (size_t i = 0; i < count; i++)
        pages[i * 4096] = (unsigned char)i;
    return pages;
}

#define LARGE (100 * MIB / 4096)

static void a_large_call_gives_its_memory_back(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    unsigned char *pages = pages_make(LARGE), *results = malloc(LARGE);
    assert_non_null(results);
    map_is_right(pool, pages, LARGE, results);
    assert_true(shared_bytes() <= 32 * MIB + SLOP);
    map_is_right(pool, pages, LARGE, results); /* two in a row: more may come */
    if (is_fork() && !cannot("no copy"))
        assert_true(shared_bytes() >= 100 * MIB);
    assert_int_equal(grain_pool_trim(pool), 0);
    assert_true(shared_bytes() <= SLOP);
    map_is_right(pool, pages, LARGE, results);
    map_is_right(pool, pages, 10, results);
    free(results);
    free(pages);
    grain_pool_free(pool);
}

static void memory_of_the_program_stays_and_goes(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_with(2);
    unsigned char *kept, *released;
    assert_int_equal(grain_alloc(pool, MIB, (void **)&kept), 0);
    assert_int_equal(grain_alloc(pool, 100 * MIB, (void **)&released), 0);
    memset(kept, 5, MIB);
    memset(released, 6, 100 * MIB);
    assert_int_equal(grain_pool_trim(pool), 0);
    assert_true(released[50 * MIB] == 6 && kept[MIB - 1] == 5);
    grain_release(pool, released);
    assert_true(shared_bytes() <= 32 * MIB + MIB + SLOP);
    assert_int_equal(grain_pool_trim(pool), 0);
    assert_true(shared_bytes() <= MIB + SLOP);
    assert_true(kept[0] == 5 && kept[MIB - 1] == 5);
    assert_int_equal(grain_alloc(pool, 100 * MIB, (void **)&released), 0);
    assert_int_equal(released[50 * MIB], 0);
    grain_pool_free(pool);
}

#define CALLS 20000

static void queued_calls_leave_nothing_behind_a_trim(void **state)
{
    (void)state;
    needs("runs tasks");
    static struct grain_future *futures[CALLS];
    static unsigned char results[CALLS];
    static unsigned char argument[1000];
    struct grain_pool *pool = pool_with(2);
    memset(futures, 1, sizeof futures);
    memset(results, 1, sizeof results);
    size_t before = resident_bytes();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < CALLS; i++) {
            argument[0] = (unsigned char)i;
            assert_int_equal(
                grain_apply_async(pool, adds_one, argument, sizeof argument, &results[i], 1, NULL, &futures[i]), 0);
        }
        for (int i = 0; i < CALLS; i++) {
            assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), 0);
            assert_int_equal(results[i], (unsigned char)(i + 1));
            grain_future_free(futures[i]);
        }
        assert_int_equal(grain_pool_trim(pool), 0);
    }
    assert_true(shared_bytes() <= SLOP);
#ifndef SANITIZED
    assert_true(resident_bytes() <= before + SLOP); /* not with an allocator that keeps everything */
#else
    (void)before;
#endif
    grain_pool_free(pool);
}

struct crowd {
    struct grain_pool *pool;
    const unsigned char *pages;
    _Atomic bool is_over;
    _Atomic int wrong;
};

static void *maps_and_applies(void *argument)
{
    struct crowd *crowd = argument;
    static _Thread_local unsigned char results[600];
    for (size_t round = 0; round < 40; round++) {
        size_t count = 1 + round * 37 % 600;
        unsigned char one = 0, two = (unsigned char)round;
        struct grain_future *future;
        struct grain_in in = {crowd->pages, count, 4096};
        memset(results, 0, sizeof results);
        crowd->wrong += grain_map(crowd->pool, adds_one, in, (struct grain_out){results, 1}, NULL) != 0;
        for (size_t i = 0; i < count; i++)
            crowd->wrong += results[i] != (unsigned char)(i + 1);
        crowd->wrong += grain_apply_async(crowd->pool, adds_one, &two, 1, &one, 1, NULL, &future) != 0 ||
                        grain_future_get(future, GRAIN_FOREVER) != 0 || one != (unsigned char)(two + 1);
        grain_future_free(future);
    }
    return NULL;
}

static void *trims(void *argument)
{
    struct crowd *crowd = argument;
    while (!crowd->is_over) {
        crowd->wrong += grain_pool_trim(crowd->pool) != 0;
        sleep_ms(1);
    }
    return NULL;
}

static void calls_are_right_while_somebody_trims(void **state)
{
    (void)state;
    needs("runs tasks");
    unsigned char *pages = pages_make(600);
    struct crowd crowd = {.pool = pool_with(2), .pages = pages};
    pthread_t callers[3], trimmer;
    assert_int_equal(pthread_create(&trimmer, NULL, trims, &crowd), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&callers[i], NULL, maps_and_applies, &crowd), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(callers[i], NULL);
    crowd.is_over = true;
    pthread_join(trimmer, NULL);
    assert_int_equal(crowd.wrong, 0);
    grain_pool_free(crowd.pool);
    free(pages);
}

static int trims_from_inside(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    struct grain_pool *pool;
    memcpy(&pool, arg, sizeof pool);
    *(int *)result = grain_pool_trim(pool);
    return 0;
}

static void a_trim_is_refused_where_other_calls_are(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_with(2);
    assert_int_equal(grain_pool_trim(NULL), -EINVAL);
    if (!cannot("runs tasks")) {
        int inside = 1;
        assert_int_equal(grain_apply(pool, trims_from_inside, &pool, sizeof pool, &inside, sizeof inside, NULL), 0);
        assert_int_equal(inside, is_fork() ? -EPERM : -EDEADLK);
    }
    grain_pool_close(pool);
    assert_int_equal(grain_pool_trim(pool), -ESHUTDOWN);
    grain_pool_terminate(pool);
    assert_int_equal(grain_pool_trim(pool), -ECANCELED);
    grain_pool_free(pool);
}

/* -------------------------------------------------------------------------------------- copied once */

struct record {
    double members[4];
    char rest[224];
};

static int adds_members(const void *const args[], void *result, struct grain_context *ctx)
{
    (void)ctx;
    *(double *)result = 0;
    for (int c = 0; c < 4; c++)
        *(double *)result += *(const double *)args[c];
    return 0;
}

static void members_of_an_array_are_copied_once(void **state)
{
    (void)state;
    needs("runs tasks");
    enum { COUNT = 20000 };
    struct record *records = calloc(COUNT, sizeof *records);
    double *sums = malloc(COUNT * sizeof *sums);
    assert_true(records && sums);
    struct grain_column columns[4];
    for (int c = 0; c < 4; c++)
        columns[c] = (struct grain_column){&records[0].members[3 - c], sizeof(double), sizeof *records};
    for (int i = 0; i < COUNT; i++)
        for (int c = 0; c < 4; c++)
            records[i].members[c] = i * (c + 1);
    struct grain_pool *pool = pool_with(2);
    struct grain_pool_stats stats;
    assert_int_equal(grain_starmap(pool, adds_members, columns, 4, COUNT, (struct grain_out){sums, sizeof *sums}, NULL),
                     0);
    for (int i = 0; i < COUNT; i++)
        assert_true(sums[i] == 10. * i);
    assert_int_equal(grain_pool_stats(pool, &stats), 0);
    assert_true(stats.call_bytes < COUNT * sizeof *records * 5 / 4);
    grain_pool_free(pool);
    free(sums);
    free(records);
}

/* ------------------------------------------------------------------------------------ pages of a worker */

/* The result is a page, with the number of page faults that its worker has had in front. */
static int writes_a_page(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    memset(result, 1, 4096);
    memcpy(result, &usage.ru_minflt, sizeof usage.ru_minflt);
    return 0;
}

static long faults_after(struct grain_pool *pool, unsigned char *results, size_t count)
{
    long faults, most = 0;
    assert_int_equal(
        grain_map(pool, writes_a_page, (struct grain_in){NULL, count, 0}, (struct grain_out){results, 4096}, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        memcpy(&faults, results + i * 4096, sizeof faults);
        most = faults > most ? faults : most;
    }
    return most;
}

/* A fault for each page that is there would be 16384 of them, for each page that is written 4096. */
static void a_worker_maps_what_it_needs_and_no_more(void **state)
{
    (void)state;
    needs("runs tasks");
    needs("no copy");
#ifdef SANITIZED
    skip(); /* the sanitizer's own pages */
#endif
    struct grain_pool *pool = NULL;
    struct grain_pool_options options = options_with(1);
    options.caller_waits = true; /* the same thread in both calls */
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    unsigned char *idle, *results;
    assert_int_equal(grain_alloc(pool, 64 * MIB, (void **)&idle), 0);
    assert_int_equal(grain_alloc(pool, 16 * MIB, (void **)&results), 0);
    long faults = faults_after(pool, results, 1);
    if (is_fork()) /* elsewhere they may be the caller's */
        assert_in_range(faults, 0, 700);
    assert_in_range(faults_after(pool, results, 4096) - faults, 0, 1024);
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_call_gives_its_memory_back),
        cmocka_unit_test(memory_of_the_program_stays_and_goes),
        cmocka_unit_test(queued_calls_leave_nothing_behind_a_trim),
        cmocka_unit_test(calls_are_right_while_somebody_trims),
        cmocka_unit_test(a_trim_is_refused_where_other_calls_are),
        cmocka_unit_test(members_of_an_array_are_copied_once),
        cmocka_unit_test(a_worker_maps_what_it_needs_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
