/* SPDX-License-Identifier: MIT
 *
 * What limits of the process do to an arena: how much address space it reserves, and that it neither raises a signal
 * nor fills what is locked.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/arena.h"

#define MIB ((size_t)1 << 20)

/* Bytes of pages that the arena's file has. */
static size_t pages_of(const struct arena *arena)
{
    struct stat stat;
    assert_int_equal(fstat(arena->range.fd, &stat), 0);
    return (size_t)stat.st_blocks * 512;
}

/* Runs a check in a child, for limits stay. It returns 0, or the number of what went wrong. */
static void child_succeeds(int (*check)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(check());
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static volatile sig_atomic_t signals;

static void count_signal(int signo)
{
    (void)signo;
    signals++;
}

static void file_size_set(rlim_t bytes)
{
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){bytes, RLIM_INFINITY});
}

static int file_size_check(void)
{
    struct arena before, after;
    void *memory, *more;
    sigset_t mask;
    signal(SIGXFSZ, count_signal);
    if (arena_open(&before, 0) || arena_alloc(&before, MIB, &memory))
        return 1;
    file_size_set(100000);
    if (arena_open(&after, 0) || arena_alloc(&after, 10 * MIB, &more)) /* nothing is written to any file */
        return 2;
    memset(more, 1, 10 * MIB);
    arena_release(&after, more);
    arena_settle(&after, true);
    arena_trim(&after);
    if (arena_alloc(&after, 10 * MIB, &more) || ((char *)more)[5 * MIB]) /* pages that went and came back are zero */
        return 3;
    if (arena_alloc(&before, 10 * MIB, &more) != -ENOMEM)
        return 4;
    memset(memory, 1, MIB); /* what it has it keeps */
    sigprocmask(SIG_SETMASK, NULL, &mask);
    if (signals || sigismember(&mask, SIGXFSZ) || sigpending(&mask) || sigismember(&mask, SIGXFSZ))
        return 5;
    /* One of the host's own that waits is left to it. */
    sigset_t block;
    sigemptyset(&block);
    sigaddset(&block, SIGXFSZ);
    sigprocmask(SIG_BLOCK, &block, NULL);
    raise(SIGXFSZ);
    if (arena_alloc(&before, 10 * MIB, &more) != -ENOMEM || sigpending(&mask) || !sigismember(&mask, SIGXFSZ))
        return 6;
    file_size_set(RLIM_INFINITY);
    return arena_alloc(&before, 10 * MIB, &more) ? 7 : 0;
}

static void a_limit_on_files_is_none_on_memory(void **state)
{
    (void)state;
    child_succeeds(file_size_check);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static size_t address_bytes(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%zu", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int address_check(void)
{
    static const size_t lefts[] = {64 * MIB, 1024 * MIB, 8192 * MIB};
    for (int i = 0; i < 3; i++) {
        struct arena arena;
        void *memory;
        size_t taken = address_bytes();
        setrlimit(RLIMIT_AS, &(struct rlimit){taken + lefts[i], RLIM_INFINITY});
        if (arena_open(&arena, 0))
            return 1;
        if (arena.range.size > lefts[i] / 8 || arena.range.size < lefts[i] / 8 - 2 * MIB)
            return 2;
        if (arena_alloc(&arena, MIB, &memory) || arena_alloc(&arena, lefts[i] / 8, &memory) != -ENOMEM)
            return 3;
        arena_close(&arena);
        if (arena_open(&arena, 5 * MIB + 100)) /* with a limit: that much, in pages */
            return 4;
        if (arena.range.size < 5 * MIB + 100 || arena.range.size > 5 * MIB + 65536)
            return 5;
        arena_close(&arena);
    }
    return 0;
}

static void most_of_a_small_address_space_stays_the_programs(void **state)
{
    (void)state;
#ifdef SANITIZED
    skip(); /* a sanitizer's own shadow memory does not fit */
#endif
    child_succeeds(address_check);
}

/* Under mlockall() memory is filled with pages as it is mapped: not the range. */
static int lock_check(void)
{
    struct arena arena;
    void *memory;
    if (mlockall(MCL_FUTURE)) /* not allowed here */
        return 0;
    if (arena_open(&arena, 0) || arena_alloc(&arena, MIB, &memory))
        return 1;
    return pages_of(&arena) <= 2 * MIB ? 0 : 2;
}

static void locked_memory_is_not_filled(void **state)
{
    (void)state;
#ifdef SANITIZED
    skip();
#endif
    child_succeeds(lock_check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_on_files_is_none_on_memory),
        cmocka_unit_test(most_of_a_small_address_space_stays_the_programs),
        cmocka_unit_test(locked_memory_is_not_filled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
