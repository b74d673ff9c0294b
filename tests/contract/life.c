/* SPDX-License-Identifier: MIT
 *
 * Contract: the life of a pool. Opening, closing, terminating, what is left behind, who may call what
 * from where.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "contract.h"

static void nonsense_is_refused(void **state)
{
    (void)state;
    struct grain_pool *pool = (struct grain_pool *)&pool;
    struct grain_pool_options options = options_with(-1);
    assert_int_equal(grain_pool_open(&pool, &options), -EINVAL);
    assert_null(pool);
    assert_int_equal(grain_pool_open(NULL, &options), -EINVAL);
    options = (struct grain_pool_options){.backend = "no such backend"};
    assert_int_equal(grain_pool_open(&pool, &options), -EINVAL);
    options = options_with(1);
    options.struct_size = 1;
    assert_int_equal(grain_pool_open(&pool, &options), -EINVAL);
    assert_int_equal(grain_pool_close(NULL), -EINVAL);
    assert_int_equal(grain_pool_terminate(NULL), -EINVAL);
    assert_int_equal(grain_pool_join(NULL), -EINVAL);
    grain_pool_free(NULL);
}

static int who(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    sleep_ms(100);
    *(int *)result = grain_context_worker(ctx);
    return 0;
}

static void three_workers_have_three_ids(void **state)
{
    (void)state;
    needs("parallel");
    struct grain_pool *pool = pool_with(3);
    int ids[3], seen = 0;
    struct grain_call_options options = {.chunk = 1, .schedule = GRAIN_SCHEDULE_DYNAMIC};
    for (int attempt = 0; attempt < 20 && seen != 7; attempt++) { /* on a busy machine two may take all three tasks */
        assert_int_equal(
            grain_map(pool, who, (struct grain_in){NULL, 3, 0}, (struct grain_out){ids, sizeof ids[0]}, &options), 0);
        for (int i = 0; i < 3; i++)
            seen |= 1 << ids[i];
    }
    assert_int_equal(seen, 7);
    grain_pool_free(pool);
}

static void every_call_after_close_is_refused(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_with(2);
    void *memory;
    assert_int_equal(grain_pool_join(pool), -EINVAL);
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(apply_twice(pool, 1), -ESHUTDOWN);
    assert_int_equal(grain_alloc(pool, 8, &memory), -ESHUTDOWN);
    assert_int_equal(grain_pool_join(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    assert_int_equal(grain_pool_terminate(pool), 0);
    assert_int_equal(apply_twice(pool, 1), -ECANCELED);
    grain_pool_free(pool);
}

static int descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static int mappings(void)
{
    int count = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps))
        count += strstr(line, "memfd:") != NULL;
    fclose(maps);
    return count;
}

static int shm_entries(void)
{
    int count = 0;
    DIR *dir = opendir("/dev/shm");
    if (!dir)
        return 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void a_hundred_pools_leave_nothing(void **state)
{
    (void)state;
    grain_pool_free(pool_with(2)); /* what is loaded once is loaded now */
    int fds = descriptors(), shm = shm_entries(), pools = 100 / slowness();
    for (int i = 0; i < pools; i++) {
        struct grain_pool *pool = pool_with(2);
        if (i % 2) {
            assert_int_equal(apply_twice(pool, i), strcmp(backend, "null") ? 2 * i : -1);
            assert_int_equal(grain_pool_close(pool), 0);
            assert_int_equal(grain_pool_join(pool), 0);
        }
        grain_pool_free(pool);
    }
    assert_int_equal(descriptors(), fds);
    assert_true(shm_entries() < shm + pools); /* one a pool would be more; those of other programs come and go */
    assert_int_equal(mappings(), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static int naps(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    sleep_ms(20L * slowness());
    return 0;
}

static void *map_of_naps(void *argument)
{
    struct grain_call_options options = {.chunk = 1, .schedule = GRAIN_SCHEDULE_DYNAMIC};
    int status = grain_map(argument, naps, (struct grain_in){NULL, 10000, 0}, (struct grain_out){NULL, 0}, &options);
    return (void *)(intptr_t)status;
}

static void terminate_is_prompt_with_ten_thousand_naps_queued(void **state)
{
    (void)state;
    needs("cancel");
    struct grain_pool *pool = pool_with(2);
    pthread_t caller;
    assert_int_equal(pthread_create(&caller, NULL, map_of_naps, pool), 0);
    sleep_ms(100);
    uint64_t start = now_ns();
    assert_int_equal(grain_pool_terminate(pool), 0);
    assert_int_equal(grain_pool_terminate(pool), 0);
    void *status;
    pthread_join(caller, &status);
    assert_int_equal((intptr_t)status, -ECANCELED);
    assert_int_equal(grain_pool_join(pool), 0);
    assert_true(is_within(start, 30000)); /* 10000 naps on two workers take 100 s */
    grain_pool_free(pool);
}

static int nap_and_count(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    sleep_ms(20L * slowness());
    *(int *)result = 1 + (int)grain_context_index(ctx);
    return 0;
}

struct delivery {
    struct grain_pool *pool;
    int results[20];
    int status;
};

static void *map_of_twenty(void *argument)
{
    struct delivery *delivery = argument;
    struct grain_call_options options = {.chunk = 1, .schedule = GRAIN_SCHEDULE_DYNAMIC};
    delivery->status = grain_map(delivery->pool, nap_and_count, (struct grain_in){NULL, 20, 0},
                                 (struct grain_out){delivery->results, sizeof(int)}, &options);
    return NULL;
}

static void early_close_and_join_deliver_everything(void **state)
{
    (void)state;
    needs("cancel");
    struct delivery delivery = {.pool = pool_with(2), .status = 1};
    pthread_t caller;
    assert_int_equal(pthread_create(&caller, NULL, map_of_twenty, &delivery), 0);
    sleep_ms(50L * slowness()); /* the map is running: it takes 200 ms */
    assert_int_equal(grain_pool_close(delivery.pool), 0);
    assert_int_equal(apply_twice(delivery.pool, 1), -ESHUTDOWN);
    assert_int_equal(grain_pool_join(delivery.pool), 0);
    pthread_join(caller, NULL);
    assert_int_equal(delivery.status, 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(delivery.results[i], i + 1);
    grain_pool_free(delivery.pool);
}

static _Atomic int alarms;

static void on_alarm(int signo)
{
    (void)signo;
    alarms++;
}

static void signals_with_handlers_do_not_break_a_wait(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    struct sigaction action = {.sa_handler = on_alarm}, before; /* no SA_RESTART: waits are interrupted */
    struct itimerval every = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &every, NULL);
    struct grain_call_options options = {.chunk = 1};
    for (int i = 0; i < 1 + 4 / slowness(); i++) {
        int results[20] = {0};
        assert_int_equal(grain_map(pool, nap_and_count, (struct grain_in){NULL, 20, 0},
                                   (struct grain_out){results, sizeof results[0]}, &options),
                         0);
        for (int k = 0; k < 20; k++)
            assert_int_equal(results[k], k + 1);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    sleep_ms(10); /* valgrind hands out a signal that came before at the next wait */
    sigaction(SIGALRM, &before, NULL);
    assert_true(alarms > 10);
    grain_pool_free(pool);
}

static void a_pool_works_with_standard_streams_closed(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        close(0);
        close(1);
        close(2);
        struct grain_pool *pool = NULL;
        struct grain_pool_options options = options_with(2);
        int status = grain_pool_open(&pool, &options);
        int result = status ? -1 : apply_twice(pool, 4);
        grain_pool_free(pool);
        _exit(result == (strcmp(backend, "null") ? 8 : -1) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static double cpu_seconds(struct grain_pool *pool)
{
    struct timespec own;
    struct grain_pool_stats stats;
    assert_int_equal(grain_pool_stats(pool, &stats), 0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    return (double)own.tv_sec + 1e-9 * (double)own.tv_nsec + 1e-9 * (double)stats.cpu_ns;
}

static void an_idle_pool_uses_no_cpu(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_with(2);
    apply_twice(pool, 1);
    sleep_ms(300); /* libgomp's threads spin for a while */
    double before = cpu_seconds(pool);
    sleep_ms(1000);
    assert_true(cpu_seconds(pool) - before < 0.05);
    grain_pool_free(pool);
}

#define EXIT_WITH_A_POOL "exit-with-a-pool"

/* What this program does instead when it is told so. */
static int exit_with_a_pool(void)
{
    struct grain_pool *pool = pool_with(2);
    apply_twice(pool, 1);
    exit(0);
}

static void a_program_that_exits_with_a_live_pool_exits_at_once(void **state)
{
    (void)state;
    int ends[2];
    char program[4096] = ""; /* asked for by name, because under valgrind /proc/self/exe is valgrind to exec() alone */
    assert_true(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        execl(program, "contract_life", backend, EXIT_WITH_A_POOL, (char *)NULL);
        _exit(1);
    }
    close(ends[1]);
    int status;
    char byte;
    uint64_t start = now_ns();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    /* The pipe's write end is inherited by every process of the pool: end of file says all are gone. */
    assert_int_equal(read(ends[0], &byte, 1), 0);
    assert_true(is_within(start, 30000));
    close(ends[0]);
}

static void stats_count_workers_and_handovers(void **state)
{
    (void)state;
    needs("parallel");
    struct grain_pool *pool = pool_with(2);
    struct grain_pool_stats before, after;
    int values[64] = {0}, results[64];
    struct grain_call_options options = {.chunk = 1, .schedule = GRAIN_SCHEDULE_DYNAMIC};
    assert_int_equal(grain_pool_stats(pool, &before), 0);
    assert_int_equal(before.workers, 2);
    assert_int_equal(before.replaced, 0);
    assert_int_equal(grain_map(pool, twice, (struct grain_in){values, 64, sizeof values[0]},
                               (struct grain_out){results, sizeof results[0]}, &options),
                     0);
    assert_int_equal(grain_pool_stats(pool, &after), 0);
    assert_in_range(after.handovers - before.handovers, 64, 66); /* a claim a chunk, and the tickets */
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    if (argc > 2 && strcmp(argv[2], EXIT_WITH_A_POOL) == 0)
        return exit_with_a_pool();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(three_workers_have_three_ids),
        cmocka_unit_test(every_call_after_close_is_refused),
        cmocka_unit_test(a_hundred_pools_leave_nothing),
        cmocka_unit_test(terminate_is_prompt_with_ten_thousand_naps_queued),
        cmocka_unit_test(early_close_and_join_deliver_everything),
        cmocka_unit_test(signals_with_handlers_do_not_break_a_wait),
        cmocka_unit_test(a_pool_works_with_standard_streams_closed),
        cmocka_unit_test(an_idle_pool_uses_no_cpu),
        cmocka_unit_test(a_program_that_exits_with_a_live_pool_exits_at_once),
        cmocka_unit_test(stats_count_workers_and_handovers),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
