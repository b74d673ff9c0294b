/* SPDX-License-Identifier: MIT
 *
 * Processes of a sweep: what they see, what is collected of them, and that none outlives its call.
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sweep/child.h"
#include "sweep/clock.h"

static struct child run(const char *script, double limit_s, const volatile sig_atomic_t *stop)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct child child = {.argv = argv, .limit_s = limit_s, .stop = stop};
    assert_int_equal(child_run(&child), 0);
    child.argv = NULL;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie */
    assert_int_equal(errno, ECHILD);
    return child;
}

static void test_output_and_exit(void **state)
{
    (void)state;
    struct child child = run("echo out; echo err >&2; exit 3", 10, NULL);
    assert_string_equal(child.output, "out\n");
    assert_string_equal(child.errors, "err\n");
    assert_int_equal(child.exit_status, 3);
    assert_int_equal(child.signo, 0);
    assert_false(child.timed_out || child.stopped);
    child_free(&child);
    child = run("kill -SEGV $$", 10, NULL);
    assert_int_equal(child.exit_status, -1);
    assert_int_equal(child.signo, SIGSEGV);
    child_free(&child);
}

static void test_much_output(void **state)
{
    (void)state;
    struct child child = run("head -c 3000000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero >&2", 20, NULL);
    assert_int_equal(child.output_size, 3000000);
    assert_int_equal(child.errors_size, 300000);
    assert_int_equal(strlen(child.output), 3000000);
    child_free(&child);
}

static void test_clean_environment(void **state)
{
    (void)state;
    setenv("OMP_NUM_THREADS", "7", 1);
    setenv("GOMP_SPINCOUNT", "7", 1);
    setenv("KMP_BLOCKTIME", "7", 1);
    setenv("GRAIN_BACKEND", "fork", 1);
    setenv("OTHER_OMP_THING", "kept", 1);
    struct child child = run("env; cat", 10, NULL); /* and standard input is empty */
    assert_null(strstr(child.output, "NUM_THREADS"));
    assert_null(strstr(child.output, "SPINCOUNT"));
    assert_null(strstr(child.output, "KMP_"));
    assert_null(strstr(child.output, "GRAIN_BACKEND"));
    assert_non_null(strstr(child.output, "OTHER_OMP_THING=kept"));
    child_free(&child);
}

static void test_no_such_program(void **state)
{
    (void)state;
    const char *const argv[] = {"grain-no-such-program", NULL};
    struct child child = {.argv = argv, .limit_s = 5};
    assert_int_equal(child_run(&child), -ENOENT);
    const char *const folder[] = {"/", NULL};
    child.argv = folder;
    assert_int_equal(child_run(&child), -EACCES);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* A program that ignores SIGTERM, and has started another: both are gone afterwards. */
static void test_time_limit(void **state)
{
    (void)state;
    struct child child = run("trap '' TERM; sleep 1000 & echo $! $$; while :; do sleep 0.1; done", 2, NULL);
    long grandchild = 0, self = 0;
    assert_true(child.timed_out);
    assert_false(child.stopped);
    assert_int_equal(child.signo, SIGKILL);
    assert_int_equal(sscanf(child.output, "%ld %ld", &grandchild, &self), 2);
    for (int i = 0; i < 100 && kill((pid_t)grandchild, 0) == 0; i++)
        usleep(20000); /* its new parent must reap it first; a zombie is dead as well */
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/%ld/stat", grandchild);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        assert_non_null(fgets(line, sizeof line, file));
        fclose(file);
        assert_non_null(strstr(line, ") Z"));
    }
    child_free(&child);
}

static volatile sig_atomic_t stop;

static void note_alarm(int signo)
{
    stop = signo;
}

static void test_stop(void **state)
{
    (void)state;
    signal(SIGALRM, note_alarm);
    alarm(1);
    struct child child = run("sleep 1000", 60, &stop);
    assert_true(child.stopped);
    assert_false(child.timed_out);
    child_free(&child);
}

/* Stops this program from outside for `seconds`, as SIGSTOP to its group or a paused machine would. */
static pid_t stop_self_for(const char *seconds)
{
    char command[128];
    snprintf(command, sizeof command, "sleep 0.2; kill -STOP %d; sleep %s; kill -CONT %d", (int)getpid(), seconds,
             (int)getpid());
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* The program is given 3 s and needs a moment more than the caller stands still, which is longer than that. */
static void test_time_stopped(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "sleep 4.2; echo done", NULL};
    struct child child = {.argv = argv, .limit_s = 3};
    double before = clock_seconds();
    pid_t other = stop_self_for("3.8");
    assert_int_equal(child_run(&child), 0);
    assert_int_equal(waitpid(other, NULL, 0), other);
    assert_false(child.timed_out);
    assert_true(child.was_suspended);
    assert_string_equal(child.output, "done\n");
    double took = clock_seconds() - before;
    if (took > 3.8)
        fail_msg("%g s: what was stood still counts", took);
    child_free(&child);
}

/* Nobody but the program is stopped: its times are worth nothing, and its time runs out as ever. */
static void test_program_stopped(void **state)
{
    (void)state;
    struct child child = run("(while sleep 0.3; do kill -CONT $$; done) & kill -STOP $$; echo on", 20, NULL);
    assert_true(child.was_suspended);
    assert_int_equal(child.exit_status, 0);
    assert_string_equal(child.output, "on\n");
    child_free(&child);
    child = run("kill -STOP $$", 0.3, NULL);
    assert_true(child.timed_out);
    child_free(&child);
    child = run("sleep 0.1", 20, NULL);
    assert_false(child.was_suspended);
    child_free(&child);
}

/* What this program ignores its programs ignore, what it handles they do not. */
static void test_signals(void **state)
{
    (void)state;
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, note_alarm);
    struct child child = run("kill -HUP $$; kill -INT $$; echo here; kill -TERM $$; echo not here", 20, NULL);
    assert_int_equal(child.signo, SIGTERM);
    assert_string_equal(child.output, "here\n");
    child_free(&child);
    signal(SIGHUP, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_and_exit),   cmocka_unit_test(test_much_output),
        cmocka_unit_test(test_clean_environment), cmocka_unit_test(test_no_such_program),
        cmocka_unit_test(test_time_limit),        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_time_stopped),      cmocka_unit_test(test_program_stopped),
        cmocka_unit_test(test_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
