/* SPDX-License-Identifier: MIT
 *
 * Output and the end of forked children: what finished tasks have printed arrives; nothing is printed or read twice;
 * exit() in a task ends its worker and nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define TEXT_MAX 65536

/* What programs of the test write to standard output. */
static char text[TEXT_MAX];

/* Runs a program in a process of its own whose stdout is a file; its exit status. */
static int run(int (*program)(void))
{
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fileno(file), STDOUT_FILENO);
        setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
        exit(program());
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    ssize_t length = pread(fileno(file), text, sizeof text - 1, 0);
    assert_true(length >= 0);
    text[length] = '\0';
    fclose(file);
    return status;
}

static int count_of(const char *word)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        count++;
    return count;
}

static struct grain_pool *pool_of(int workers)
{
    struct grain_pool *pool;
    struct grain_pool_options options = {.backend = "fork", .workers = workers};
    return grain_pool_open(&pool, &options) == 0 ? pool : NULL;
}

/* --------------------------------------------------------------------------------------- what is printed */

static int prints(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    printf("<task %zu>", grain_context_index(ctx)); /* no end of a line */
    sleep_ms(3);                                    /* so that each worker has some */
    return 0;
}

static int prints_columns(const void *const args[], void *result, struct grain_context *ctx)
{
    return prints(args, result, ctx);
}

static int prints_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    (void)items;
    (void)results;
    for (size_t i = 0; i < count; i++)
        printf("<task %zu>", grain_context_index(ctx) + i);
    sleep_ms(3);
    return 0;
}

static int ends_itself(void)
{
    return kill(getpid(), SIGKILL);
}

enum call { CALL_CHUNKS = GRAIN_SCHEDULE_STEAL, CALL_STAR, CALL_APPLY, CALL_QUEUED, CALLS };
static int call;

static int calls_queued(struct grain_pool *pool)
{
    struct grain_future *futures[7];
    int status = 0;
    for (int i = 0; i < 7; i++)
        status |= grain_apply_async(pool, prints, NULL, 0, NULL, 0, NULL, &futures[i]);
    for (int i = 0; i < 7; i++)
        status |= grain_future_get(futures[i], GRAIN_FOREVER);
    return status;
}

/* The program is killed when its one call has returned: nothing that comes later can have written for it. */
static int one_call(void)
{
    static const int numbers[7];
    struct grain_pool *pool = pool_of(2);
    struct grain_in in = {numbers, 7, sizeof numbers[0]};
    struct grain_column column = {numbers, sizeof numbers[0], sizeof numbers[0]};
    struct grain_call_options options = {.chunk = 1};
    int status;
    switch (call) {
    case CALL_CHUNKS:
        status = grain_map_chunks(pool, prints_chunk, in, (struct grain_out){0}, &options);
        break;
    case CALL_STAR:
        status = grain_starmap(pool, prints_columns, &column, 1, 7, (struct grain_out){0}, &options);
        break;
    case CALL_APPLY:
        status = grain_apply(pool, prints, NULL, 0, NULL, 0, NULL);
        break;
    case CALL_QUEUED:
        status = calls_queued(pool);
        break;
    default: /* a map of each schedule */
        options.schedule = GRAIN_SCHEDULE_STATIC + (enum grain_schedule)call;
        status = grain_map(pool, prints, in, (struct grain_out){0}, &options);
    }
    return status ? 1 : ends_itself();
}

static void what_tasks_print_is_out_when_the_call_returns(void **state)
{
    (void)state;
    for (call = 0; call < CALLS; call++) {
        assert_int_equal(run(one_call), SIGKILL);
        assert_int_equal(count_of("<task "), call == CALL_APPLY ? 1 : 7);
    }
}

/* A long call in the batch behind it: the end of the short one is seen while its worker goes on. */
static int naps_long(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    sleep_ms(60000);
    return 0;
}

static int a_call_of_a_batch(void)
{
    struct grain_pool *pool = pool_of(1);
    struct grain_future *first, *second;
    int status = grain_apply_async(pool, prints, NULL, 0, NULL, 0, NULL, &first);
    status |= grain_apply_async(pool, naps_long, NULL, 0, NULL, 0, NULL, &second);
    status |= grain_future_get(first, GRAIN_FOREVER);
    return status ? 1 : ends_itself();
}

static void a_call_that_ended_has_printed_although_its_worker_goes_on(void **state)
{
    (void)state;
    assert_int_equal(run(a_call_of_a_batch), SIGKILL);
    assert_int_equal(count_of("<task 0>"), 1);
}

/* ------------------------------------------------------------------------------------- and then a crash */

static int prints_or_crashes(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    if (grain_context_index(ctx) == 9)
        raise(SIGKILL);
    printf("<line %zu", grain_context_index(ctx));
    fputs(">", stdout);
    putchar('\n'); /* the one way of printing that sees a stream's buffer only */
    return 0;
}

/* All ten in one piece, whose worker dies in the last. The stream was in use before. */
static int a_crash_behind_lines(void)
{
    printf("before\n");
    struct grain_pool *pool = pool_of(1);
    struct grain_call_options options = {.chunk = 10, .schedule = GRAIN_SCHEDULE_STATIC};
    int status = grain_map(pool, prints_or_crashes, (struct grain_in){NULL, 10, 0}, (struct grain_out){0}, &options);
    return status == GRAIN_TASK_FAILED ? ends_itself() : 1;
}

static void a_crash_loses_no_line_of_the_tasks_before_it(void **state)
{
    (void)state;
    assert_int_equal(run(a_crash_behind_lines), SIGKILL);
    assert_int_equal(count_of("<line "), 9);
    assert_int_equal(count_of(">\n"), 9);
    assert_int_equal(count_of("before"), 1);
}

static int says_hello(void *argument, struct grain_context *ctx)
{
    (void)argument;
    (void)ctx;
    printf("<hello>");
    return 0;
}

static void says_bye(void *argument, struct grain_context *ctx)
{
    (void)argument;
    (void)ctx;
    printf("<bye>");
}

static int initialized(void)
{
    struct grain_pool *pool;
    struct grain_pool_options options = {
        .backend = "fork", .workers = 2, .initializer = says_hello, .finalizer = says_bye, .max_tasks_per_worker = 1};
    if (grain_pool_open(&pool, &options))
        return 1;
    for (int i = 0; i < 4; i++)
        grain_apply(pool, prints, NULL, 0, NULL, 0, NULL);
    grain_pool_close(pool);
    grain_pool_join(pool);
    grain_pool_free(pool);
    return 0;
}

static void initializers_and_finalizers_print_as_tasks_do(void **state)
{
    (void)state;
    assert_int_equal(run(initialized), 0);
    assert_int_equal(count_of("<task 0>"), 4);
    assert_true(count_of("<hello>") >= 4);
    assert_int_equal(count_of("<hello>"), count_of("<bye>"));
}

/* ---------------------------------------------------------------------------------- nothing comes twice */

static int forks; /* of this process */

/* Called in fork() itself, when whoever forks has written what was printed before: so every child, and every child of a
 * child, finds this in its copy of the buffer. */
static void prints_before_a_fork(void)
{
    printf("<fork %d>", ++forks);
    fprintf(stderr, "<fork %d>", forks);
}

static int printing_while_forking(void)
{
    char buffer[BUFSIZ];
    dup2(STDOUT_FILENO, STDERR_FILENO);
    setvbuf(stderr, buffer, _IOFBF, sizeof buffer);
    pthread_atfork(prints_before_a_fork, NULL, NULL);
    struct grain_process *process;
    struct grain_pool *pool = pool_of(1), *other = pool_of(1);
    if (!pool || !other || grain_apply(pool, prints, NULL, 0, NULL, 0, NULL) ||
        grain_apply(other, prints, NULL, 0, NULL, 0, NULL) || grain_process_start(&process, NULL, prints, NULL, 0))
        return 1;
    grain_process_join(process, GRAIN_FOREVER);
    grain_process_free(process);
    grain_pool_free(other);
    grain_pool_free(pool);
    fflush(stderr); /* its buffer ends with this function */
    return 0;
}

static void what_is_printed_between_flush_and_fork_comes_once(void **state)
{
    (void)state;
    assert_int_equal(run(printing_while_forking), 0);
    assert_int_equal(count_of("<task 0>"), 3);
    assert_int_equal(count_of("<fork "), 2 * 3);
    for (int i = 1; i <= 3; i++) {
        char word[32];
        snprintf(word, sizeof word, "<fork %d>", i);
        assert_int_equal(count_of(word), 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_tasks_print_is_out_when_the_call_returns),
        cmocka_unit_test(a_call_that_ended_has_printed_although_its_worker_goes_on),
        cmocka_unit_test(a_crash_loses_no_line_of_the_tasks_before_it),
        cmocka_unit_test(initializers_and_finalizers_print_as_tasks_do),
        cmocka_unit_test(what_is_printed_between_flush_and_fork_comes_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
