/* SPDX-License-Identifier: MIT
 *
 * The arena's pages: what goes back to the system and when, and that no hole is given out, also while others take,
 * release and trim. Its bytes: test_arena.c; limits of the process: test_reserve.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/arena.h"

#define MIB ((size_t)1 << 20)

static int refuse_each, requests, refusals; /* 0: none */

int __real_fallocate(int fd, int mode, off_t offset, off_t length);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t length);

int __wrap_fallocate(int fd, int mode, off_t offset, off_t length)
{
    if (mode || refuse_each == 0 || ++requests % refuse_each)
        return __real_fallocate(fd, mode, offset, length);
    refusals++;
    __real_fallocate(fd, mode, offset, length / 2);
    errno = ENOSPC;
    return -1;
}

/* Bytes of pages that the arena's file has. */
static size_t pages_of(const struct arena *arena)
{
    struct stat stat;
    assert_int_equal(fstat(arena->range.fd, &stat), 0);
    return (size_t)stat.st_blocks * 512;
}

/* Whether there is a page behind every byte: then asking for them makes none. Nobody else may be at work. */
static bool is_backed(const struct arena *arena, const void *memory, size_t size)
{
    size_t before = pages_of(arena);
    off_t offset = (const char *)memory - arena->range.base;
    assert_int_equal(fallocate(arena->range.fd, FALLOC_FL_KEEP_SIZE, offset, (off_t)size), 0);
    return pages_of(arena) == before;
}

static void call_of(struct arena *arena, size_t size)
{
    void *memory;
    assert_int_equal(arena_alloc(arena, size, &memory), 0);
    assert_true(is_backed(arena, memory, size));
    memset(memory, 1, size);
    arena_release(arena, memory);
    arena_settle(arena, true);
}

static void a_large_call_alone_gives_its_pages_back(void **state)
{
    (void)state;
    struct arena arena;
    assert_int_equal(arena_open(&arena, 0), 0);
    call_of(&arena, 200 * MIB);
    assert_true(pages_of(&arena) <= ARENA_KEEP + ARENA_GRANULE);
    call_of(&arena, 200 * MIB); /* the second in a row */
    assert_true(pages_of(&arena) >= 200 * MIB);
    call_of(&arena, 1 * MIB);
    assert_true(pages_of(&arena) >= 200 * MIB);
    call_of(&arena, 100 * MIB);
    call_of(&arena, 100 * MIB);
    for (int i = 0; i < ARENA_CALLS - 2; i++)
        call_of(&arena, 1 * MIB);
    assert_true(pages_of(&arena) <= 100 * MIB + ARENA_KEEP + ARENA_GRANULE);
    for (int i = 0; i < 2; i++)
        call_of(&arena, 1 * MIB);
    assert_true(pages_of(&arena) <= ARENA_KEEP + MIB + 2 * ARENA_GRANULE);
    arena_close(&arena);
}

static void a_trim_leaves_what_is_in_use(void **state)
{
    (void)state;
    struct arena arena;
    char *held[40], *let_go[40];
    const size_t size = 300000; /* of pages and granules, some are shared by neighbours */
    assert_int_equal(arena_open(&arena, 0), 0);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(arena_alloc(&arena, size, (void **)&held[i]), 0);
        assert_int_equal(arena_alloc(&arena, size, (void **)&let_go[i]), 0);
        memset(held[i], i, size);
        memset(let_go[i], 99, size);
    }
    for (int i = 0; i < 40; i++)
        arena_release(&arena, let_go[i]);
    size_t before = pages_of(&arena);
    arena_trim(&arena);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    assert_true(pages_of(&arena) <= 40 * (size + 2 * page) + page);
    assert_true(before - pages_of(&arena) >= 40 * (size - 2 * page));
    for (int i = 0; i < 40; i++)
        for (size_t k = 0; k < size; k += 997)
            assert_int_equal(held[i][k], i);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(arena_alloc(&arena, size, (void **)&let_go[i]), 0);
        assert_true(is_backed(&arena, let_go[i], size));
        assert_true(is_backed(&arena, held[i], size));
    }
    for (int i = 0; i < 40; i++) {
        arena_release(&arena, held[i]);
        arena_release(&arena, let_go[i]);
    }
    arena_trim(&arena);
    assert_true(pages_of(&arena) <= page);
    arena_close(&arena);
}

struct crowd {
    struct arena arena;
    _Atomic unsigned seed;
    _Atomic bool is_over;
    _Atomic int shortages;
};

static void *takes_and_releases(void *argument)
{
    struct crowd *crowd = argument;
    unsigned seed = crowd->seed++;
    char *held[8] = {NULL};
    for (int round = 0; round < 60; round++) {
        size_t size = 1 + (size_t)rand_r(&seed) % (rand_r(&seed) % 8 ? 5000 : 700000);
        char **memory = &held[rand_r(&seed) % 8];
        if (*memory) {
            arena_release(&crowd->arena, *memory);
            *memory = NULL;
        } else if (arena_alloc(&crowd->arena, size, (void **)memory) == 0) {
            memset(*memory, round, size);
        }
        if (round % 10 == 0)
            arena_settle(&crowd->arena, true);
    }
    for (int i = 0; i < 8; i++)
        arena_release(&crowd->arena, held[i]);
    return NULL;
}

/* Every block that counts as backed is. */
static int holes_of(const struct arena *arena)
{
    int holes = 0;
    size_t backed = 0;
    for (const struct block *block = arena->blocks.first; block; block = block->behind)
        if (block->has_pages) {
            holes += !is_backed(arena, arena->range.base + block->offset, block->size);
            backed += block->size;
        }
    assert_int_equal(backed, arena->backed);
    assert_true(pages_of(arena) <=
                backed +
                    (size_t)sysconf(_SC_PAGESIZE)); /* and nothing else: the range may end in the middle of a page */
    return holes;
}

static void *trims(void *argument)
{
    struct crowd *crowd = argument;
    while (!crowd->is_over)
        arena_trim(&crowd->arena);
    return NULL;
}

static void no_hole_is_given_out_while_others_trim(void **state)
{
    (void)state;
    static struct crowd crowd;
    pthread_t takers[3], trimmer;
    assert_int_equal(arena_open(&crowd.arena, 0), 0);
    for (int episode = 0; episode < 60; episode++) {
        crowd.is_over = false;
        assert_int_equal(pthread_create(&trimmer, NULL, trims, &crowd), 0);
        for (int i = 0; i < 3; i++)
            assert_int_equal(pthread_create(&takers[i], NULL, takes_and_releases, &crowd), 0);
        for (int i = 0; i < 3; i++)
            pthread_join(takers[i], NULL);
        crowd.is_over = true;
        pthread_join(trimmer, NULL);
        assert_int_equal(holes_of(&crowd.arena), 0);
    }
    assert_int_equal(crowd.arena.blocks.used_bytes, 0);
    arena_close(&crowd.arena);
}

/* One granule that several blocks share: one caller backs it while another one takes the free part's pages. */
struct pair {
    struct arena arena;
    pthread_barrier_t barrier;
};

#define DUELS 400

static void *trims_at_once(void *argument)
{
    struct pair *pair = argument;
    for (int i = 0; i < DUELS; i++) {
        pthread_barrier_wait(&pair->barrier);
        arena_trim(&pair->arena);
        pthread_barrier_wait(&pair->barrier);
    }
    return NULL;
}

static void a_granule_that_is_backed_during_a_trim_has_all_its_pages(void **state)
{
    (void)state;
    static struct pair pair;
    void *first, *middle, *last, *taken;
    pthread_t trimmer;
    assert_int_equal(arena_open(&pair.arena, 0), 0);
    arena_alloc(&pair.arena, 64, &first);
    arena_alloc(&pair.arena, ARENA_GRANULE * 3 / 4, &middle);
    arena_alloc(&pair.arena, 64, &last);
    arena_release(&pair.arena, middle);
    pthread_barrier_init(&pair.barrier, NULL, 2);
    assert_int_equal(pthread_create(&trimmer, NULL, trims_at_once, &pair), 0);
    for (int i = 0; i < DUELS; i++) {
        arena_trim(&pair.arena);
        pthread_barrier_wait(&pair.barrier);
        assert_int_equal(arena_alloc(&pair.arena, 5000, &taken), 0);
        pthread_barrier_wait(&pair.barrier);
        assert_int_equal(holes_of(&pair.arena), 0);
        assert_true(is_backed(&pair.arena, taken, 5000));
        arena_release(&pair.arena, taken);
    }
    pthread_join(trimmer, NULL);
    pthread_barrier_destroy(&pair.barrier);
    arena_close(&pair.arena);
}

/* While one gives memory back, another one that finds no other waits for it. */
static void *fills_the_limit(void *argument)
{
    struct crowd *crowd = argument;
    for (int round = 0; round < 300; round++) {
        void *memory;
        if (arena_alloc(&crowd->arena, 4 * MIB, &memory))
            crowd->shortages++;
        else
            arena_release(&crowd->arena, memory);
    }
    return NULL;
}

static void what_is_being_given_back_is_no_shortage(void **state)
{
    (void)state;
    static struct crowd crowd;
    pthread_t taker, trimmer;
    void *most, *pin;
    assert_int_equal(arena_open(&crowd.arena, 5 * MIB), 0);
    assert_int_equal(arena_alloc(&crowd.arena, 4 * MIB, &most), 0);
    assert_int_equal(arena_alloc(&crowd.arena, MIB, &pin), 0); /* what is free before it is claimed at each trim */
    arena_release(&crowd.arena, most);
    assert_int_equal(pthread_create(&trimmer, NULL, trims, &crowd), 0);
    assert_int_equal(pthread_create(&taker, NULL, fills_the_limit, &crowd), 0);
    pthread_join(taker, NULL);
    crowd.is_over = true;
    pthread_join(trimmer, NULL);
    assert_int_equal(crowd.shortages, 0);
    arena_close(&crowd.arena);
}

/* Whatever happened, with pages refused now and then: nothing is lost, and all of the limit can be had again. */
static void nothing_is_lost(void **state)
{
    (void)state;
    enum { SLOTS = 24 };
    const size_t limit = 8 * MIB - 1000; /* ends in the middle of a page */
    struct arena arena;
    unsigned seed = 12;
    assert_int_equal(arena_open(&arena, limit), 0);
    for (int episode = 0; episode < 20; episode++) {
        void *held[SLOTS] = {NULL}, *whole;
        for (int round = 0; round < 300; round++) {
            int slot = rand_r(&seed) % SLOTS;
            refuse_each = episode % 2 ? 3 : 0;
            if (held[slot]) {
                arena_release(&arena, held[slot]);
                held[slot] = NULL;
            } else if (arena_alloc(&arena, 1 + (size_t)rand_r(&seed) % (2 * MIB), &held[slot])) {
                held[slot] = NULL;
            } else {
                memset(held[slot], 1, 1);
            }
            if (round % 7 == 0)
                arena_trim(&arena);
            if (round % 5 == 0)
                arena_settle(&arena, true);
        }
        refuse_each = 0;
        assert_int_equal(holes_of(&arena), 0);
        for (int slot = 0; slot < SLOTS; slot++)
            arena_release(&arena, held[slot]);
        assert_int_equal(arena.blocks.used_bytes, 0);
        assert_int_equal(arena_alloc(&arena, limit / 64 * 64, &whole), 0);
        assert_int_equal(holes_of(&arena), 0);
        arena_release(&arena, whole);
    }
    assert_true(refusals > 50);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_call_alone_gives_its_pages_back),
        cmocka_unit_test(a_trim_leaves_what_is_in_use),
        cmocka_unit_test(no_hole_is_given_out_while_others_trim),
        cmocka_unit_test(a_granule_that_is_backed_during_a_trim_has_all_its_pages),
        cmocka_unit_test(what_is_being_given_back_is_no_shortage),
        cmocka_unit_test(nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
