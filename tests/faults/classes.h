/* SPDX-License-Identifier: MIT
 *
 * What the programs about signals and forked workers share: classes of signals, and processes of their own to try them
 * in.
 */
#ifndef GRAIN_TESTS_CLASSES_H
#define GRAIN_TESTS_CLASSES_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

/* In a process of its own, with its own group and dispositions: 0, or the line that failed. */
#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            _exit(1 + __LINE__ % 255);                                                                                 \
    } while (0)

static inline void in_a_group(void (*program)(void))
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        program();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status)
        print_message("line %d (or that and 255), status %x\n", WEXITSTATUS(status) - 1, (unsigned)status);
    assert_int_equal(status, 0);
}

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
static const int ends[] = {SIGINT, SIGQUIT, SIGHUP, SIGTERM};
/* By default they end a process, and nobody asks whether the caller will want them. */
static const int others[] = {SIGUSR1, SIGUSR2,   SIGALRM, SIGPROF, SIGVTALRM, SIGPIPE,
                             SIGIO,   SIGSTKFLT, SIGXCPU, SIGPWR,  SIGABRT,   0 /* SIGRTMIN + 3 */};
static const int harmless[] = {SIGCHLD, SIGWINCH, SIGURG, SIGCONT};
static const int stops[] = {SIGTSTP, SIGTTIN, SIGTTOU};

static const struct {
    const int *of;
    size_t count;
} classes[] = {{faults, 6}, {ends, 4}, {others, 12}, {harmless, 4}, {stops, 3}};
#define CLASSES (sizeof classes / sizeof classes[0])

static inline int signal_at(size_t class, size_t i)
{
    return classes[class].of[i] ? classes[class].of[i] : SIGRTMIN + 3;
}

static volatile sig_atomic_t handled;

static inline void on_signal(int signo)
{
    (void)signo;
    handled++;
}

static inline void everywhere(void (*handler)(int))
{
    for (size_t class = 0; class < CLASSES; class ++)
        for (size_t i = 0; i < classes[class].count; i++)
            MUST(signal(signal_at(class, i), handler) != SIG_ERR);
}

#endif
