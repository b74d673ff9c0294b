/* SPDX-License-Identifier: MIT
 *
 * A storm of kills: a million tasks of a microsecond or less, and more, run while another thread SIGKILLs a random
 * worker every few milliseconds. Every task is delivered right or reported dead, none twice, none missing; afterwards
 * the pool still works, and nothing is left of it when it is freed.
 * Argument: seconds (default 5).
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define TASKS_LEAST 1000000 /* however slow the machine */

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

/* What must be the same before and after: open descriptors, children, and memory of this process in pages. */
struct belongings {
    int descriptors;
    long pages;
};

static struct belongings belongings_now(void)
{
    struct belongings now = {0, 0};
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir))
        now.descriptors++;
    closedir(dir);
    FILE *statm = fopen("/proc/self/statm", "r");
    assert_non_null(statm);
    assert_int_equal(fscanf(statm, "%*d %ld", &now.pages), 1);
    fclose(statm);
    return now;
}

/* What became of all tasks. */
struct tally {
    size_t tasks, delivered, dead, twice, missing;
};

static void tally_add(struct tally *tally, const int *codes, size_t count)
{
    tally->tasks += count;
    for (size_t i = 0; i < count; i++) {
        tally->twice += visits[i] > 1;
        tally->delivered += codes[i] == 0 && visits[i] == 1;
        tally->dead += codes[i] == -EOWNERDEAD && visits[i] <= 1;
        tally->missing += codes[i] == 0 && visits[i] == 0;
    }
}

static void storm_round(struct grain_pool *pool, void *args, size_t count, int *codes, size_t round)
{
    memset(visits, 0, count);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {
        .chunk = 1 + (int64_t)(round % 2) * 7, .schedule = schedules[round % SCHEDULES], .report = &report};
    struct grain_in in = {args, count, sizeof(pid_t *)};
    int status = grain_map(pool, registers, in, (struct grain_out){visits, 1}, &options);
    assert_true(status == 0 || status == GRAIN_TASK_FAILED);
}

static void a_storm_of_kills_loses_nothing_and_runs_nothing_twice(void **state)
{
    (void)state;
    size_t count = 100000;
    int *codes = malloc(count * sizeof *codes);
    struct grain_pool *pool = fork_pool(4); /* what the process keeps for good is there afterwards */
    grain_pool_free(pool);
    memset(codes, 0, count * sizeof *codes);
    struct belongings before = belongings_now();
    struct tally tally = {0};
    pid_t *pids, **args;
    pool = fork_pool(4);
    assert_int_equal(grain_alloc(pool, 4 * sizeof *pids, (void **)&pids), 0);
    assert_int_equal(grain_alloc(pool, count * sizeof *args, (void **)&args), 0);
    assert_int_equal(grain_alloc(pool, count, (void **)&visits), 0);
    for (size_t i = 0; i < count; i++)
        args[i] = pids;
    struct storm storm = {.pids = pids};
    pthread_t killer;
    assert_int_equal(pthread_create(&killer, NULL, storm_main, &storm), 0);
    for (uint64_t round = 0, end = now_ms() + storm_ms; now_ms() < end || tally.tasks < TASKS_LEAST; round++) {
        storm_round(pool, args, count, codes, round);
        tally_add(&tally, codes, count);
    }
    storm.is_over = 1;
    pthread_join(killer, NULL);
    assert_true(worker_pid(pool) > 0);
    grain_pool_free(pool);
    struct belongings after = belongings_now();
    print_message("storm: %d kills, %zu tasks, %zu delivered, %zu reported dead, %zu missing, %zu twice; "
                  "descriptors %d -> %d, memory %ld -> %ld pages\n",
                  storm.kills, tally.tasks, tally.delivered, tally.dead, tally.missing, tally.twice, before.descriptors,
                  after.descriptors, before.pages, after.pages);
    assert_true(storm.kills > 100);
    assert_int_equal(tally.missing, 0);
    assert_int_equal(tally.twice, 0);
    assert_int_equal(tally.delivered + tally.dead, tally.tasks);
    assert_int_equal(after.descriptors, before.descriptors);
    assert_true(after.pages < before.pages + 256);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    free(codes);
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
