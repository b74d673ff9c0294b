/* SPDX-License-Identifier: MIT
 *
 * fork, exec, collect, wait. The caller has one thread. A program that is to end gets SIGTERM, then, after
 * a grace, SIGKILL, with everything it started in its process group.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

#define TICK_MS      50                 /* how late an end or a Ctrl-C may be seen */
#define GRACE_S      1.0                /* from SIGTERM to SIGKILL */
#define STILL_S      1.0                /* no look at the program for so long: the caller did not run */
#define OUTPUT_LARGE ((size_t)16 << 20) /* bytes; more than this is no benchmark's output */

/* One of the child's streams. */
struct stream {
    int fd; /* -1 when closed */
    char *text;
    size_t size, capacity;
};

static bool is_removed(const char *variable)
{
    static const char *const prefixes[] = {"OMP_", "GOMP_", "KMP_", "GRAIN_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* LD_PRELOAD for the child, in front of what is preloaded already; NULL: no memory. */
static char *preload_variable(const char *preload)
{
    const char *before = getenv("LD_PRELOAD");
    bool has_before = before != NULL && *before != '\0';
    char *text;
    int length = asprintf(&text, "LD_PRELOAD=%s%s%s", preload, has_before ? ":" : "", has_before ? before : "");
    return length < 0 ? NULL : text;
}

/* preload: the variable that takes the place of LD_PRELOAD, or NULL. */
static char **clean_environment(char *preload)
{
    size_t count = 0, kept = 0;
    while (environ[count] != NULL)
        count++;
    char **clean = calloc(count + 2, sizeof *clean);
    for (size_t i = 0; clean != NULL && i < count; i++)
        if (!is_removed(environ[i]) && (preload == NULL || strncmp(environ[i], "LD_PRELOAD=", 11) != 0))
            clean[kept++] = environ[i];
    if (clean != NULL)
        clean[kept] = preload;
    return clean;
}

/* In the new process. Says through `failure` why the program could not be started. */
static void become(const struct child *child, char **environment, const int out[2], const int err[2], int failure,
                   pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* What the caller handles becomes default by exec, what it was told to ignore stays ignored: as if the user had
     * started the program. */
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing >= 0)
        dup2(nothing, STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    /* exec wants char *const *, but changes nothing. */
    execvpe(child->argv[0], (char *const *)(void *)(size_t)child->argv, environment);
    int reason = errno;
    if (write(failure, &reason, sizeof reason) < 0)
        _exit(126);
    _exit(127);
}

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            close(pair[i]);
}

static pid_t start(const struct child *child, struct stream streams[2])
{
    int out[2] = {-1, -1}, err[2] = {-1, -1}, failure[2] = {-1, -1}, reason = 0;
    pid_t pid = -1, parent = getpid();
    bool preloads = child->preload != NULL && *child->preload != '\0';
    char *preload = preloads ? preload_variable(child->preload) : NULL;
    char **environment = preloads && preload == NULL ? NULL : clean_environment(preload);
    if (environment == NULL || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0 ||
        pipe2(failure, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
        reason = environment == NULL ? ENOMEM : errno;
        goto out;
    }
    if (pid == 0)
        become(child, environment, out, err, failure[1], parent);
    setpgid(pid, pid); /* both sides do it: whoever is first */
    close(failure[1]);
    failure[1] = -1;
    ssize_t got;
    do
        got = read(failure[0], &reason, sizeof reason);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        reason = 0;
    if (reason != 0) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    } else {
        streams[0].fd = out[0];
        streams[1].fd = err[0];
        out[0] = err[0] = -1;
    }
out:
    close_pair(out);
    close_pair(err);
    close_pair(failure);
    free(environment);
    free(preload);
    return reason != 0 ? -reason : pid;
}

/* Takes what is there to read. Closes the stream at its end, or when it grows beyond reason. */
static void take(struct stream *stream)
{
    if (stream->capacity - stream->size < 4096) {
        size_t capacity = stream->capacity == 0 ? 16384 : stream->capacity * 2;
        char *larger = capacity > OUTPUT_LARGE ? NULL : realloc(stream->text, capacity);
        if (larger == NULL) {
            close(stream->fd);
            stream->fd = -1;
            return;
        }
        stream->text = larger;
        stream->capacity = capacity;
    }
    ssize_t got = read(stream->fd, stream->text + stream->size, stream->capacity - stream->size - 1);
    if (got > 0)
        stream->size += (size_t)got;
    else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
        close(stream->fd);
        stream->fd = -1;
    }
}

/* Waits for output up to timeout_ms and takes it; false when nothing came. */
static bool collect(struct stream streams[2], int timeout_ms)
{
    struct pollfd polls[2] = {{.fd = streams[0].fd, .events = POLLIN}, {.fd = streams[1].fd, .events = POLLIN}};
    if (poll(polls, 2, timeout_ms) <= 0)
        return false;
    for (int i = 0; i < 2; i++)
        if (polls[i].revents != 0)
            take(&streams[i]);
    return true;
}

/* Whether the program has ended, and how; notes when it was stopped, or has gone on. */
static bool has_ended(struct child *child, pid_t pid, int *status)
{
    if (waitpid(pid, status, WNOHANG | WUNTRACED | WCONTINUED) != pid)
        return false;
    bool goes_on = WIFSTOPPED(*status) || WIFCONTINUED(*status);
    child->was_suspended = child->was_suspended || goes_on;
    return !goes_on;
}

/* The time now, without what passed while the caller itself did not run: it looks every TICK_MS. */
static double look_at_clock(struct child *child, double before)
{
    double now = clock_seconds();
    if (now - before > STILL_S) {
        clock_stood_still(now - before);
        child->was_suspended = true;
        return before;
    }
    return now;
}

static volatile sig_atomic_t is_asked_to_stop;

static void note_stop(int signo)
{
    is_asked_to_stop = signo;
}

/* Ctrl-Z reaches the caller alone, the program has a process group of its own: both stop, and go on together. Whoever
 * ignores Ctrl-Z, or handles it, goes on doing so. */
static void obey_stop(struct child *child, pid_t pid)
{
    struct sigaction ours, otherwise = {.sa_handler = SIG_DFL};
    if (!is_asked_to_stop)
        return;
    is_asked_to_stop = 0;
    child->was_suspended = true;
    sigemptyset(&otherwise.sa_mask);
    kill(-pid, SIGSTOP);
    sigaction(SIGTSTP, &otherwise, &ours);
    raise(SIGTSTP); /* here it stays until SIGCONT; an orphaned process group does not stop */
    sigaction(SIGTSTP, &ours, NULL);
    kill(-pid, SIGCONT);
}

static bool watch_for_stop(struct sigaction *before)
{
    struct sigaction action = {.sa_handler = note_stop};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGTSTP, NULL, before) != 0 || before->sa_handler != SIG_DFL)
        return false;
    return sigaction(SIGTSTP, &action, NULL) == 0;
}

/* Until the program has ended; ends it when its time is up or the user asks. */
static int attend(struct child *child, pid_t pid, struct stream streams[2])
{
    double started = clock_seconds(), now = started, told = 0;
    struct sigaction before;
    bool is_watching = watch_for_stop(&before);
    int status;
    for (;;) {
        bool silent = streams[0].fd < 0 && streams[1].fd < 0;
        collect(streams, silent ? 2 : TICK_MS);
        obey_stop(child, pid);
        now = look_at_clock(child, now);
        if (has_ended(child, pid, &status))
            break;
        if (told == 0) {
            child->stopped = child->stop != NULL && *child->stop != 0;
            child->timed_out = !child->stopped && now - started > child->limit_s;
            if (child->stopped || child->timed_out) {
                kill(-pid, SIGTERM);
                told = now;
            }
        } else if (now - told > GRACE_S) {
            kill(-pid, SIGKILL);
        }
    }
    if (is_watching)
        sigaction(SIGTSTP, &before, NULL);
    kill(-pid, SIGKILL); /* whatever it left behind in its group */
    while ((streams[0].fd >= 0 || streams[1].fd >= 0) && collect(streams, TICK_MS))
        ;
    return status;
}

int child_run(struct child *child)
{
    struct stream streams[2] = {{.fd = -1}, {.fd = -1}};
    child->output = child->errors = NULL;
    child->timed_out = child->stopped = child->was_suspended = false;
    child->exit_status = -1;
    child->signo = 0;
    pid_t pid = start(child, streams);
    if (pid < 0)
        return (int)pid;

    int status = attend(child, pid, streams);
    if (WIFEXITED(status))
        child->exit_status = WEXITSTATUS(status);
    else
        child->signo = WTERMSIG(status);
    for (int i = 0; i < 2; i++) {
        if (streams[i].fd >= 0)
            close(streams[i].fd);
        if (streams[i].text == NULL)
            streams[i].text = calloc(1, 1);
        else
            streams[i].text[streams[i].size] = '\0';
    }
    child->output = streams[0].text;
    child->output_size = streams[0].size;
    child->errors = streams[1].text;
    child->errors_size = streams[1].size;
    if (child->output != NULL && child->errors != NULL)
        return 0;
    child_free(child);
    return -ENOMEM;
}

void child_free(struct child *child)
{
    free(child->output);
    free(child->errors);
    child->output = child->errors = NULL;
}
