/* SPDX-License-Identifier: MIT
 *
 * The beginning and the end of a forked child; child.h says what is promised.
 *
 * The handler for exit() has to be the last one registered. Registered in the child it would take a lock of the C
 * library, which another thread of the host may have held at the fork, and perhaps memory. So it is registered before
 * the fork, for its length alone: the parent takes it back. In the parent it does nothing. (Another thread of the host
 * that registers a handler between the two has that one called first in the child.)
 *
 * on_exit() cannot be taken back, at_quick_exit() does not say the exit code. What both stand on can: handlers of
 * __cxa_atexit() and __cxa_at_quick_exit() have a key by which __cxa_finalize() takes them back, and glibc calls both
 * as f(argument, exit code).
 * source: glibc's stdlib/exit.c (ef_cxa), cxa_finalize.c, cxa_at_quick_exit.c, alike since 2.10.
 */
#include "child.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The C library's; no header declares them. */
int __cxa_atexit(void (*handler)(void *), void *argument, void *key); // NOLINT
int __cxa_at_quick_exit(void (*handler)(void *), void *key);          // NOLINT
void __cxa_finalize(void *key);                                       // NOLINT

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define IS_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define IS_TSAN 1
#endif

/* How many forks of grain lie between the program and this process. */
static uintptr_t generation;
static pid_t depends_on;

/* -------------------------------------------------------------------------------------------- the end */

/* Drops what waits in stdout and stderr. */
static void child_purge(void)
{
    __fpurge(stdout);
    __fpurge(stderr);
}

void child_flush(void)
{
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before); /* one that a task left pending is not to stop this */
    if (__fpending(stdout) > 0)
        fflush(stdout);
    if (__fpending(stderr) > 0)
        fflush(stderr);
    pthread_setcancelstate(before, NULL);
}

static _Noreturn void end(int code)
{
    child_flush();
    _exit(code);
}

/* argument: the generation that it was registered for. In a process of an earlier one, the one that forks, or a child
 * that the host forks at the same moment, it does nothing. */
static void on_exit_code(void *argument, int code)
{
    if ((uintptr_t)argument <= generation)
        end(code);
}

/* Comes without an argument. Those of earlier generations are as good. */
static void on_quick_exit_code(void *argument, int code)
{
    (void)argument;
    if (generation > 0)
        end(code);
}

typedef void (*any_fn)(void); /* casts of functions go through it */

#ifdef IS_TSAN
/* ThreadSanitizer stands in front of __cxa_atexit() and loses the exit code. */
static void on_exit_tsan(int code, void *argument)
{
    on_exit_code(argument, code);
}
#endif

/* Keys are odd: other libraries' are addresses of objects. A child goes on counting, so what it inherits and what it
 * registers differ. relaxed: the number alone matters. */
static void *key_next(void)
{
    static _Atomic uintptr_t keys;
    return (void *)(2 * atomic_fetch_add_explicit(&keys, 1, memory_order_relaxed) + 1); // NOLINT
}

static bool handlers_register(void *key)
{
    void *argument = (void *)(generation + 1); // NOLINT
    if (__cxa_at_quick_exit((void (*)(void *))(any_fn)on_quick_exit_code, key))
        return false;
#ifndef IS_TSAN
    if (__cxa_atexit((void (*)(void *))(any_fn)on_exit_code, argument, key)) {
        __cxa_finalize(key);
        return false;
    }
#endif
    return argument != NULL;
}

/* ------------------------------------------------------------------------------------------ the beginning */

pid_t child_fork(void)
{
    void *key = key_next();
    if (!handlers_register(key)) {
        errno = ENOMEM;
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        generation++;
        depends_on = 0;
        child_purge();
#ifdef IS_TSAN
        on_exit(on_exit_tsan, (void *)generation);
#endif
        return 0;
    }
    int error = errno;
    __cxa_finalize(key);
    errno = error;
    return pid;
}

/* 1 byte is glibc's way to say that a stream has no buffer. With a buffer of ours the stream begins anew; without one,
 * what was printed before would leave it set for a full buffer, and putc() would not see that lines are to be written.
 */
static void lines_of(FILE *stream, char *buffer)
{
    if (__fbufsize(stream) != 1)
        setvbuf(stream, buffer, _IOLBF, BUFSIZ);
}

void child_streams(void)
{
    static char buffers[2][BUFSIZ];
    child_purge();
    __fpurge(stdin);
    lines_of(stdout, buffers[0]);
    if (__fbufsize(stderr) > 1) /* before its first use it says 0, and has none */
        lines_of(stderr, buffers[1]);
}

/* --------------------------------------------------------------------------------------------- the parent */

void child_depend(pid_t parent)
{
    depends_on = parent;
    child_depend_again();
}

/* In this order: a parent that ends in between is seen. */
void child_depend_again(void)
{
    if (depends_on == 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != depends_on)
        _exit(1);
}
