/* SPDX-License-Identifier: MIT
 *
 * See program.h.
 */
#include "program.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static const char *program_name;
static bool is_said; /* that standard output could not be written */

bool program_flush(const char *name)
{
    if (is_said || (fflush(stdout) == 0 && !ferror(stdout)))
        return !is_said;
    is_said = true;
    fprintf(stderr, "%s: cannot write to standard output\n", name);
    return false;
}

/* Runs at exit(), which takes its code from elsewhere: ours can only be given at once. */
static void end_check(void)
{
    if (!is_said && !program_flush(program_name))
        _exit(1);
}

/* A folder can be neither read nor written, so a stream that was closed goes on failing. The lowest free number is the
 * closed stream's. Its number is meant for programs that are started too: no O_CLOEXEC. */
static void streams_occupy(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/", O_RDONLY | O_DIRECTORY) < 0) /* NOLINT(android-cloexec-open) */
            return;
}

void program_start(const char *name)
{
    program_name = name;
    streams_occupy();
    signal(SIGCHLD, SIG_DFL);
    signal(SIGXFSZ, SIG_IGN);
    program_path();
    atexit(end_check);
}

void program_catch(int signo, void (*handler)(int))
{
    struct sigaction before, action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    if (sigaction(signo, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(signo, &action, NULL);
}

const char *program_path(void)
{
    static char path[PATH_MAX];
    if (path[0] != '\0')
        return path;
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    if (length > 0)
        return path;
    /* The kernel keeps the name that was given to execve(). */
    const char *started_as = (const char *)getauxval(AT_EXECFN); /* NOLINT(performance-no-int-to-ptr) */
    if (started_as == NULL || realpath(started_as, path) == NULL)
        snprintf(path, sizeof path, "%s", started_as != NULL ? started_as : program_name);
    return path;
}

char *program_beside(const char *path)
{
    const char *self = program_path(), *slash = strrchr(self, '/');
    char *text;
    int length = asprintf(&text, "%.*s/%s", slash != NULL ? (int)(slash - self) : 1, slash != NULL ? self : ".", path);
    return length < 0 ? NULL : text;
}
