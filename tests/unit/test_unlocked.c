/* SPDX-License-Identifier: MIT
 *
 * Nobody waits for another caller's pages: while the kernel adds pages for one call, or takes those of a trim, other
 * calls of the pool go on. fallocate() and madvise() are wrapped, and hold the one caller until the others are through.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "grain.h"
#include "sys/arena.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define MIB        ((size_t)1 << 20)
#define PATIENCE_S 60 /* then the program is ended: somebody waits who should not */

enum held { NOTHING, BACKING, PUNCHING, POPULATING };

static _Atomic enum held to_hold;
static sem_t is_held, may_go;

static void hold(enum held what)
{
    enum held expected = what;
    if (what != NOTHING && atomic_compare_exchange_strong(&to_hold, &expected, NOTHING)) {
        sem_post(&is_held);
        sem_wait(&may_go);
    }
}

int __real_fallocate(int fd, int mode, off_t offset, off_t length);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t length);
int __real_madvise(void *memory, size_t length, int advice);
int __wrap_madvise(void *memory, size_t length, int advice);

int __wrap_fallocate(int fd, int mode, off_t offset, off_t length)
{
    hold(!(mode & FALLOC_FL_PUNCH_HOLE) ? BACKING : (size_t)length >= ARENA_GRANULE ? PUNCHING : NOTHING);
    return __real_fallocate(fd, mode, offset, length);
}

int __wrap_madvise(void *memory, size_t length, int advice)
{
    hold(advice == MADV_POPULATE_WRITE ? POPULATING : NOTHING);
    return __real_madvise(memory, length, advice);
}

static int twice(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    *(int *)result = 2 * *(const int *)arg;
    return 0;
}

/* Calls that need no page that is not there. */
static void others_are_right(struct grain_pool *pool)
{
    int in[100], out[100], one = 21, two = 0;
    void *memory;
    struct grain_future *future;
    for (int i = 0; i < 100; i++)
        in[i] = i;
    assert_int_equal(
        grain_map(pool, twice, (struct grain_in){in, 100, sizeof in[0]}, (struct grain_out){out, sizeof out[0]}, NULL),
        0);
    assert_int_equal(out[99], 198);
    assert_int_equal(grain_apply(pool, twice, &one, sizeof one, &two, sizeof two, NULL), 0);
    assert_int_equal(two, 42);
    two = 0;
    assert_int_equal(grain_apply_async(pool, twice, &one, sizeof one, &two, sizeof two, NULL, &future), 0);
    assert_int_equal(grain_future_get(future, GRAIN_FOREVER), 0);
    assert_int_equal(two, 42);
    grain_future_free(future);
    assert_int_equal(grain_alloc(pool, 1000, &memory), 0);
    grain_release(pool, memory);
}

/* Runs `main` on a thread of its own, which is held at `what`, and other calls meanwhile. */
static void others_go_on(struct grain_pool *pool, enum held what, void *(*main)(void *))
{
    pthread_t thread;
    others_are_right(pool); /* their pages are there afterwards */
    alarm(PATIENCE_S);
    to_hold = what;
    assert_int_equal(pthread_create(&thread, NULL, main, pool), 0);
    sem_wait(&is_held);
    others_are_right(pool);
    sem_post(&may_go);
    pthread_join(thread, NULL);
    alarm(0);
    others_are_right(pool);
}

static void *takes_much(void *pool)
{
    void *memory;
    if (grain_alloc(pool, 32 * MIB, &memory) == 0)
        grain_release(pool, memory);
    return NULL;
}

static void *trims(void *pool)
{
    grain_pool_trim(pool);
    return NULL;
}

static void *queues_much(void *pool)
{
    struct grain_future *future;
    int result;
    void *argument = calloc(1, MIB);
    if (argument && grain_apply_async(pool, twice, argument, MIB, &result, sizeof result, NULL, &future) == 0) {
        grain_future_get(future, GRAIN_FOREVER);
        grain_future_free(future);
    }
    free(argument);
    return NULL;
}

static struct grain_pool *pool_of(const char *backend)
{
    struct grain_pool *pool;
    assert_int_equal(grain_pool_open(&pool, &(struct grain_pool_options){.backend = backend, .workers = 2}), 0);
    return pool;
}

static void nobody_waits_for_fresh_pages(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_of("fork");
    others_go_on(pool, BACKING, takes_much);
    grain_pool_free(pool);
}

static void nobody_waits_for_a_trim(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_of("fork");
    void *much, *pin;
    assert_int_equal(grain_alloc(pool, 8 * MIB, &much), 0);
    assert_int_equal(grain_alloc(pool, 64, &pin), 0);
    grain_release(pool, much);
    others_go_on(pool, PUNCHING, trims);
    grain_pool_free(pool);
}

static void nobody_waits_for_a_new_batch(void **state)
{
    (void)state;
    static const char *const backends[] = {"pthread", "fork", "serial"};
    for (int b = 0; b < 3; b++) {
        struct grain_pool *pool = pool_of(backends[b]);
        others_go_on(pool, POPULATING, queues_much);
        grain_pool_free(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_for_fresh_pages),
        cmocka_unit_test(nobody_waits_for_a_trim),
        cmocka_unit_test(nobody_waits_for_a_new_batch),
    };
    sem_init(&is_held, 0, 0);
    sem_init(&may_go, 0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
