/* SPDX-License-Identifier: MIT
 *
 * Signals that are sent to forked workers: to the whole group, by a terminal or whoever manages jobs, and SIGTERM to
 * end them. What a worker finds: found.c.
 */
#include "classes.h"

/* ----------------------------------------------------------------------------- a signal to the whole group */

#define COUNT 60
static unsigned char done[COUNT];

static int naps(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    sleep_ms(2);
    *(unsigned char *)result = 1;
    return 0;
}

/* Each signal of the list to every process of the group, while a map runs; sender: one that ignores them all. */
static void group_is_sent(const int *list, size_t count, struct grain_pool *pool)
{
    struct grain_pool_stats stats;
    pid_t sender = fork();
    if (sender == 0) {
        everywhere(SIG_IGN);
        for (size_t i = 0; i < count; i++) {
            kill(0, list[i] ? list[i] : SIGRTMIN + 3);
            sleep_ms(2);
        }
        _exit(0);
    }
    memset(done, 0, sizeof done);
    MUST(grain_map(pool, naps, (struct grain_in){NULL, COUNT, 0}, (struct grain_out){done, 1}, NULL) == 0);
    MUST(!memchr(done, 0, sizeof done));
    int status;
    MUST(waitpid(sender, &status, 0) == sender && status == 0);
    MUST(grain_map(pool, naps, (struct grain_in){NULL, 4, 0}, (struct grain_out){done, 1}, NULL) == 0);
    MUST(grain_pool_stats(pool, &stats) == 0 && stats.replaced == 0);
}

static void of_all_but_faults(void (*handler)(int))
{
    struct grain_pool *pool;
    struct grain_pool_options options = {.backend = "fork", .workers = 2};
    everywhere(handler);
    MUST(grain_pool_open(&pool, &options) == 0);
    signal(SIGCHLD, SIG_DFL); /* the status of the sender is wanted */
    for (size_t class = 1; class < CLASSES; class ++)
        group_is_sent(classes[class].of, classes[class].count, pool);
    grain_pool_free(pool);
}

static void host_ignores(void)
{
    of_all_but_faults(SIG_IGN);
}

static void host_handles(void)
{
    of_all_but_faults(on_signal);
    MUST(handled > 0);
}

/* As a program does that opens its pool first. */
static void host_handles_later(void)
{
    struct grain_pool *pool = fork_pool(2);
    for (size_t i = 0; i < 4; i++)
        signal(ends[i], on_signal);
    group_is_sent(ends, 4, pool);
    MUST(handled > 0);
    grain_pool_free(pool);
}

static void what_the_host_survives_costs_no_task(void **state)
{
    (void)state;
    in_a_group(host_ignores);
    in_a_group(host_handles);
    in_a_group(host_handles_later);
}

/* ------------------------------------------------------------------------------------------------ the end */

static int sleeps_on(const void *arg, void *result, struct grain_context *ctx)
{
    (void)result;
    (void)ctx;
    if (write(*(const int *)arg, "x", 1) != 1)
        return 1;
    for (uint64_t until = now_ms() + 60000; now_ms() < until;)
        sleep_ms(1000); /* also when a signal ends one of them */
    return 0;
}

/* The caller handles SIGTERM, so workers bear it; the pool's own ends them at once, long before the grace is over. */
static void terminates(void)
{
    int lane[2];
    char byte;
    struct grain_pool *pool;
    struct grain_future *future;
    struct grain_pool_options options = {.backend = "fork", .workers = 1, .grace_ns = 30000000000u};
    MUST(pipe(lane) == 0);
    signal(SIGTERM, on_signal);
    MUST(grain_pool_open(&pool, &options) == 0);
    MUST(grain_apply_async(pool, sleeps_on, &lane[1], sizeof lane[1], NULL, 0, NULL, &future) == 0);
    MUST(read(lane[0], &byte, 1) == 1);
    uint64_t start = now_ms();
    grain_pool_terminate(pool);
    grain_pool_join(pool);
    MUST(now_ms() - start < 15000);
    grain_future_free(future);
    grain_pool_free(pool);
}

static int forks_and_ends_it(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(60000);
        _exit(0);
    }
    kill(pid, SIGTERM);
    return waitpid(pid, (int *)result, 0) == pid ? 0 : 1;
}

static int naps_for_long(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    sleep_ms(60000);
    return 0;
}

static int starts_and_ends_it(const void *arg, void *result, struct grain_context *ctx)
{
    struct grain_process *process;
    (void)arg;
    (void)ctx;
    if (grain_process_start(&process, NULL, naps_for_long, NULL, 0) || grain_process_terminate(process) ||
        grain_process_join(process, 20000000000u) || grain_process_exitcode(process, result))
        return 1;
    grain_process_free(process);
    return 0;
}

/* A worker bears SIGTERM; what a task forks, or starts, ends by it as it would with the host. */
static void children_end(void)
{
    struct grain_pool *pool = fork_pool(1);
    int status = 0;
    MUST(grain_apply(pool, forks_and_ends_it, NULL, 0, &status, sizeof status, NULL) == 0);
    MUST(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    MUST(grain_apply(pool, starts_and_ends_it, NULL, 0, &status, sizeof status, NULL) == 0);
    MUST(status == -SIGTERM);
    grain_pool_free(pool);
    signal(SIGTERM, on_signal);
    pool = fork_pool(1);
    MUST(grain_apply(pool, starts_and_ends_it, NULL, 0, &status, sizeof status, NULL) == 0);
    MUST(status == -SIGTERM);
    grain_pool_free(pool);
}

static void a_termination_ends_what_it_is_sent_to(void **state)
{
    (void)state;
    in_a_group(terminates);
    in_a_group(children_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_host_survives_costs_no_task),
        cmocka_unit_test(a_termination_ends_what_it_is_sent_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
