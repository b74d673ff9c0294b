/* SPDX-License-Identifier: MIT
 *
 * A storm of kills: maps run while another thread SIGKILLs a random worker every few milliseconds. Every
 * task is delivered right or reported dead, none twice, none missing; afterwards the pool still works.
 * Argument: seconds (default 5).
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

static uint64_t storm_ms = 5000;
static unsigned char *visits; /* in the pool's memory */

static int short_task(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    ++*(unsigned char *)result;
    for (volatile int i = 0; i < 300; i++)
        ;
    return 0;
}

struct storm {
    const pid_t *pids;
    _Atomic int is_over;
    int kills;
};

static int registers(const void *arg, void *result, struct grain_context *ctx)
{
    pid_t *pids = *(pid_t *const *)arg;
    pids[grain_context_worker(ctx)] = getpid();
    return short_task(NULL, result, ctx);
}

static void *storm_main(void *argument)
{
    struct storm *storm = argument;
    unsigned seed = 1;
    while (!storm->is_over) {
        pid_t pid = storm->pids[rand_r(&seed) % 4];
        if (pid > 0 && kill(pid, SIGKILL) == 0)
            storm->kills++;
        sleep_ms(1 + rand_r(&seed) % 4);
    }
    return NULL;
}

static void a_storm_of_kills_loses_nothing_and_runs_nothing_twice(void **state)
{
    (void)state;
    size_t count = 100000, lost = 0, rounds = 0;
    struct grain_pool *pool = fork_pool(4);
    pid_t *pids, **args;
    assert_int_equal(grain_alloc(pool, 4 * sizeof *pids, (void **)&pids), 0);
    assert_int_equal(grain_alloc(pool, count * sizeof *args, (void **)&args), 0);
    assert_int_equal(grain_alloc(pool, count, (void **)&visits), 0);
    int *all_codes = malloc(count * sizeof *all_codes);
    for (size_t i = 0; i < count; i++)
        args[i] = pids;
    struct storm storm = {.pids = pids};
    pthread_t killer;
    assert_int_equal(pthread_create(&killer, NULL, storm_main, &storm), 0);
    for (uint64_t end = now_ms() + storm_ms; now_ms() < end; rounds++) {
        memset(visits, 0, count);
        struct grain_report report = {.codes = all_codes};
        struct grain_call_options options = {
            .chunk = 1 + (int64_t)(rounds % 2) * 7, .schedule = schedules[rounds % SCHEDULES], .report = &report};
        struct grain_in in = {args, count, sizeof *args};
        int status = grain_map(pool, registers, in, (struct grain_out){visits, 1}, &options);
        assert_true(status == 0 || status == GRAIN_TASK_FAILED);
        for (size_t i = 0; i < count; i++) {
            if (all_codes[i] == 0)
                assert_int_equal(visits[i], 1);
            else
                assert_int_equal(all_codes[i], -EOWNERDEAD);
            assert_true(visits[i] <= 1);
            lost += all_codes[i] != 0;
        }
    }
    storm.is_over = 1;
    pthread_join(killer, NULL);
    print_message("storm: %d kills, %zu rounds of %zu tasks, %zu tasks reported dead, none lost, none twice\n",
                  storm.kills, rounds, count, lost);
    assert_true(storm.kills > 100);
    assert_true(worker_pid(pool) > 0);
    free(all_codes);
    grain_pool_free(pool);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        storm_ms = 1000 * strtoull(argv[1], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_storm_of_kills_loses_nothing_and_runs_nothing_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
