/* SPDX-License-Identifier: MIT
 *
 * The arena: alignment, no overlap, reuse, joining of free neighbours, limits, and what a child sees.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/arena.h"

static void blocks_never_overlap(void **state)
{
    (void)state;
    struct arena arena;
    assert_int_equal(arena_open(&arena, 0), 0);
    unsigned char *blocks[200] = {NULL};
    size_t sizes[200];
    unsigned seed = 5;
    for (int step = 0; step < 20000; step++) {
        size_t i = (size_t)rand_r(&seed) % 200;
        if (blocks[i]) {
            for (size_t k = 0; k < sizes[i]; k += 61)
                assert_int_equal(blocks[i][k], (unsigned char)i);
            arena_release(&arena, blocks[i]);
            blocks[i] = NULL;
        } else {
            sizes[i] = 1 + (size_t)rand_r(&seed) % 5000;
            assert_int_equal(arena_alloc(&arena, sizes[i], (void **)&blocks[i]), 0);
            assert_int_equal((uintptr_t)blocks[i] % 64, 0);
            assert_true(arena_contains(&arena, blocks[i], sizes[i]));
            memset(blocks[i], (int)i, sizes[i]);
        }
    }
    assert_true(arena.backed < 200 * 5000 * 4); /* bytes are reused, not piled up */
    arena_close(&arena);
}

static void free_neighbours_are_joined(void **state)
{
    (void)state;
    struct arena arena;
    void *a, *b, *c, *whole;
    assert_int_equal(arena_open(&arena, 0), 0);
    arena_alloc(&arena, 1000, &a);
    arena_alloc(&arena, 1000, &b);
    arena_alloc(&arena, 1000, &c);
    arena_release(&arena, a);
    arena_release(&arena, b);
    assert_int_equal(arena_alloc(&arena, 2000, &whole), 0);
    assert_ptr_equal(whole, a);
    arena_release(&arena, whole);
    arena_release(&arena, whole); /* twice, or what was never given out: ignored */
    arena_release(&arena, (char *)c + 64);
    arena_release(&arena, &arena);
    arena_release(&arena, NULL);
    assert_int_equal(arena_alloc(&arena, 1000, &b), 0);
    assert_ptr_equal(b, a);
    arena_close(&arena);
}

static void limits_are_kept(void **state)
{
    (void)state;
    struct arena arena;
    void *memory;
    assert_int_equal(arena_open(&arena, 1 << 20), 0);
    assert_int_equal(arena_alloc(&arena, (1 << 20) + 1, &memory), -ENOMEM);
    assert_int_equal(arena_alloc(&arena, SIZE_MAX, &memory), -ENOMEM);
    assert_int_equal(arena_alloc(&arena, 1 << 19, &memory), 0);
    assert_int_equal(arena_alloc(&arena, 1 << 19, &memory), 0);
    assert_int_equal(arena_alloc(&arena, 64, &memory), -ENOMEM);
    arena_close(&arena);
}

static void a_child_sees_what_is_added_after_the_fork(void **state)
{
    (void)state;
    struct arena arena;
    char *word;
    int ends[2];
    assert_int_equal(arena_open(&arena, 0), 0);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        char *address;
        if (read(ends[0], &address, sizeof address) != (ssize_t)sizeof address)
            _exit(1);
        _exit(strcmp(address + (5 << 20), "grown") ? 1 : 0);
    }
    assert_int_equal(arena_alloc(&arena, 10 << 20, (void **)&word), 0);
    strcpy(word + (5 << 20), "grown");
    assert_int_equal(write(ends[1], &word, sizeof word), sizeof word);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(ends[0]);
    close(ends[1]);
    arena_close(&arena);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static void a_small_address_space_is_enough(void **state)
{
    (void)state;
#ifdef SANITIZED
    skip(); /* a sanitizer's own shadow memory does not fit */
#endif
    pid_t child = fork();
    if (child == 0) {
        struct arena arena;
        void *memory;
        struct rlimit limit = {1ull << 33, 1ull << 33};
        setrlimit(RLIMIT_AS, &limit);
        _exit(arena_open(&arena, 0) == 0 && arena.range.size >= 1 << 24 && arena_alloc(&arena, 1 << 20, &memory) == 0
                  ? 0
                  : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_never_overlap),
        cmocka_unit_test(free_neighbours_are_joined),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(a_child_sees_what_is_added_after_the_fork),
        cmocka_unit_test(a_small_address_space_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
