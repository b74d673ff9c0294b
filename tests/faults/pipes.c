/* SPDX-License-Identifier: MIT
 *
 * A fork pool over pipes whose workers, supervisor and caller die: nothing hangs, what is lost is told, nothing runs
 * twice. Here a death loses the results of the tasks before it in its chunk too: they had not been sent.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define COUNT 2000
static int codes[COUNT];
static const enum grain_schedule pipe_schedules[] = {GRAIN_SCHEDULE_STATIC, GRAIN_SCHEDULE_DYNAMIC,
                                                     GRAIN_SCHEDULE_GUIDED};

static struct grain_pool *pipe_pool(int workers)
{
    struct grain_pool *pool;
    struct grain_pool_options options = {.backend = "fork", .workers = workers, .transport = GRAIN_TRANSPORT_PIPE};
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    return pool;
}

/* What tasks leave in the pool's memory. */
struct notes {
    _Atomic int visits[COUNT];
    _Atomic pid_t pids[8];
};

static struct notes *notes_of(struct grain_pool *pool)
{
    void *notes;
    assert_int_equal(grain_alloc(pool, sizeof(struct notes), &notes), 0);
    return notes;
}

static struct notes *notes_seen(const struct grain_context *ctx)
{
    return *(struct notes *const *)grain_context_params(ctx);
}

#define EXIT_IN_TASK 1000

/* arg says how to end: 0 not at all, a signal, or EXIT_IN_TASK more than the status to exit with. */
static int ends_as_told(const void *arg, void *result, struct grain_context *ctx)
{
    int how = *(const int *)arg;
    size_t index = grain_context_index(ctx);
    atomic_fetch_add(&notes_seen(ctx)->visits[index], 1);
    atomic_store(&notes_seen(ctx)->pids[grain_context_worker(ctx)], getpid());
    *(int *)result = 3 * (int)index;
    if (how >= EXIT_IN_TASK)
        _exit(how - EXIT_IN_TASK);
    if (how > 0)
        kill(getpid(), how);
    return 0;
}

/* In each chunk of `chunk` tasks from 0 on: dead are those up to the last that ends its worker. A guided claim is as
 * many chunks as it likes: there only a death's own task is sure to be dead. */
static int expected_code(const int *how, int index, int chunk)
{
    int last = index / chunk * chunk + chunk;
    for (int i = index; i < last && i < COUNT; i++)
        if (how[i])
            return -EOWNERDEAD;
    return 0;
}

static void a_death_costs_its_task_and_what_was_not_sent_yet(void **state)
{
    (void)state;
    static const int ends[] = {SIGKILL, SIGSEGV, SIGABRT, EXIT_IN_TASK + 3, EXIT_IN_TASK};
    static int how[COUNT], results[COUNT];
    for (int i = 0, k = 0; i < COUNT; i += 97, k++)
        how[i] = ends[k % 5];
    for (int workers = 1; workers <= 4; workers += 3) {
        struct grain_pool *pool = pipe_pool(workers);
        struct notes *notes = notes_of(pool);
        for (int s = 0; s < 6; s++) {
            enum grain_schedule schedule = pipe_schedules[s % 3];
            int chunk = s < 3 ? 1 : 50;
            memset(notes, 0, sizeof *notes);
            memset(results, 0xff, sizeof results);
            struct grain_report report = {.codes = codes};
            struct grain_call_options options = {
                .chunk = chunk, .schedule = schedule, .report = &report, .params = &notes, .params_size = sizeof notes};
            struct grain_in in = {how, COUNT, sizeof how[0]};
            assert_int_equal(
                grain_map(pool, ends_as_told, in, (struct grain_out){results, sizeof results[0]}, &options),
                GRAIN_TASK_FAILED);
            size_t failed = 0;
            for (int i = 0; i < COUNT; i++) {
                assert_int_equal(notes->visits[i], 1);
                if (schedule != GRAIN_SCHEDULE_GUIDED)
                    assert_int_equal(codes[i], expected_code(how, i, chunk));
                else if (how[i])
                    assert_int_equal(codes[i], -EOWNERDEAD);
                if (codes[i] == 0)
                    assert_int_equal(results[i], 3 * i);
                failed += codes[i] != 0;
            }
            assert_int_equal(report.failed, failed);
            assert_int_equal(report.first.index, 0);
            assert_int_equal(report.first.signo, SIGKILL);
            assert_true(report.first.pid > 0);
            assert_non_null(strstr(report.first.message, "signal 9"));
        }
        struct grain_pool_stats stats;
        assert_int_equal(grain_pool_stats(pool, &stats), 0);
        assert_int_equal(stats.replaced, 6 * ((COUNT + 96) / 97));
        grain_pool_free(pool);
    }
}

static pid_t pid_of(struct grain_pool *pool)
{
    pid_t pid = 0;
    assert_int_equal(grain_apply(pool, tells_pid, NULL, 0, &pid, sizeof pid, NULL), 0);
    return pid;
}

static void a_worker_killed_idle_is_replaced_and_nothing_lost(void **state)
{
    (void)state;
    struct grain_pool *pool = pipe_pool(1);
    for (int i = 0; i < 20; i++) {
        pid_t pid = pid_of(pool);
        kill(pid, SIGKILL);
        sleep_ms(i % 3);
        assert_int_not_equal(pid_of(pool), pid);
    }
    grain_pool_free(pool);
}

static int tells_supervisor(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(pid_t *)result = getppid();
    return 0;
}

static pid_t supervisor_of(struct grain_pool *pool)
{
    pid_t pid = 0;
    assert_int_equal(grain_apply(pool, tells_supervisor, NULL, 0, &pid, sizeof pid, NULL), 0);
    return pid;
}

/* The last in the list is the one that was forked last: with all of them there, the replacement of the last that
 * died. */
static pid_t newest_child(pid_t parent, int *count)
{
    char path[64];
    pid_t pid = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *list = fopen(path, "r");
    assert_non_null(list);
    for (*count = 0; fscanf(list, "%d", &pid) == 1;)
        ++*count;
    fclose(list);
    return pid;
}

static bool is_asleep(pid_t pid)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *stat = fopen(path, "r");
    if (!stat)
        return false;
    size_t length = fread(text, 1, sizeof text - 1, stat);
    fclose(stat);
    const char *state = length ? strrchr(text, ')') : NULL;
    return state && state[2] == 'S';
}

/* Until so many were replaced and the last has reported, and waits: for a request, or for room in its pipe. */
static pid_t settled_child(struct grain_pool *pool, pid_t parent, uint64_t replaced)
{
    struct grain_pool_stats stats;
    pid_t child;
    int count;
    do {
        sleep_ms(1);
        assert_int_equal(grain_pool_stats(pool, &stats), 0);
        child = newest_child(parent, &count);
    } while (stats.replaced < replaced || count < 6 || !is_asleep(child));
    return child;
}

/* Their replacements' reports, which nobody reads, are more than fit into a pipe. */
static void twenty_deaths_without_a_call_do_not_block_the_end(void **state)
{
    (void)state;
    struct grain_pool *pool = pipe_pool(6);
    pid_t supervisor = supervisor_of(pool);
    for (uint64_t kills = 0; kills < 20; kills++)
        assert_int_equal(kill(settled_child(pool, supervisor, kills), SIGKILL), 0);
    settled_child(pool, supervisor, 20);
    uint64_t start = now_ms();
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    assert_true(now_ms() - start < 30000);
    grain_pool_free(pool);
}

static int naps(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    sleep_ms(50);
    return 0;
}

static void *kill_later(void *argument)
{
    sleep_ms(100);
    kill(*(pid_t *)argument, SIGKILL);
    return NULL;
}

static void a_killed_supervisor_is_noticed(void **state)
{
    (void)state;
    struct grain_pool *pool = pipe_pool(2);
    pid_t supervisor = supervisor_of(pool);
    pthread_t killer;
    assert_int_equal(pthread_create(&killer, NULL, kill_later, &supervisor), 0);
    uint64_t start = now_ms();
    assert_int_equal(grain_map(pool, naps, (struct grain_in){NULL, 1000, 0}, (struct grain_out){NULL, 0}, NULL),
                     -ENOTRECOVERABLE);
    assert_true(now_ms() - start < 30000);
    pthread_join(killer, NULL);
    grain_pool_free(pool);
}

static void queued_calls_end_each_in_its_own_way(void **state)
{
    (void)state;
    enum { CALLS = 60 };
    struct grain_pool *pool = pipe_pool(2);
    struct notes *notes = notes_of(pool);
    struct grain_future *futures[CALLS];
    int results[CALLS];
    struct grain_call_options options = {.params = &notes, .params_size = sizeof notes};
    for (int i = 0; i < CALLS; i++) {
        int how = i % 6 == 5 ? SIGKILL : 0;
        results[i] = -1;
        assert_int_equal(grain_apply_async(pool, ends_as_told, &how, sizeof how, &results[i], sizeof results[i],
                                           &options, &futures[i]),
                         0);
    }
    for (int i = 0; i < CALLS; i++) {
        int status = grain_future_get(futures[i], GRAIN_FOREVER);
        assert_int_equal(status, i % 6 == 5 ? GRAIN_TASK_FAILED : 0);
        if (status == 0)
            assert_int_equal(results[i], 0);
        else
            assert_int_equal(grain_future_error(futures[i])->code, -EOWNERDEAD);
        grain_future_free(futures[i]);
    }
    assert_int_equal(notes->visits[0], CALLS); /* each is a job of one: index 0 */
    grain_pool_free(pool);
}

/* --------------------------------------------------------------------------------------------- a storm */

#define BIG 20000 /* bytes of an item and of a result: five packets, to be torn in the middle */

struct big {
    int number;
    char rest[BIG - sizeof(int)];
};

static int copies(const void *arg, void *result, struct grain_context *ctx)
{
    struct notes *notes = notes_seen(ctx);
    atomic_fetch_add(&notes->visits[grain_context_index(ctx)], 1);
    atomic_store(&notes->pids[grain_context_worker(ctx)], getpid());
    memcpy(result, arg, sizeof(struct big));
    return 0;
}

struct storm {
    struct notes *notes;
    _Atomic int is_over;
    int kills;
};

static void *storm_main(void *argument)
{
    struct storm *storm = argument;
    unsigned seed = 1;
    while (!storm->is_over) {
        pid_t pid = storm->notes->pids[rand_r(&seed) % 3];
        if (pid > 0 && kill(pid, SIGKILL) == 0)
            storm->kills++;
        usleep((useconds_t)(500 + rand_r(&seed) % 3000));
    }
    return NULL;
}

/* poll() then takes fewer descriptors than the call has to look at. */
static void a_limit_on_descriptors_that_is_lowered_later_stops_no_call(void **state)
{
    (void)state;
    static int how[COUNT], results[COUNT];
    struct grain_pool *pool = pipe_pool(4);
    struct notes *notes = notes_of(pool);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.chunk = 1, .report = &report, .params = &notes, .params_size = sizeof notes};
    struct rlimit before, low;
    how[7] = SIGKILL;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = (struct rlimit){.rlim_cur = 2, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    alarm(20); /* ends a call that does not */
    int status = grain_map(pool, ends_as_told, (struct grain_in){how, 100, sizeof *how},
                           (struct grain_out){results, sizeof *results}, &options);
    alarm(0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(status, GRAIN_TASK_FAILED);
    assert_int_equal(report.failed, 1);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(codes[i], i == 7 ? -EOWNERDEAD : 0);
        assert_true(i == 7 || results[i] == 3 * i);
    }
    how[7] = 0;
    grain_pool_free(pool);
}

static void a_storm_tears_messages_and_loses_nothing(void **state)
{
    (void)state;
    enum { ITEMS = 400 };
    struct big *in = calloc(ITEMS, sizeof *in), *out = calloc(ITEMS, sizeof *out);
    struct grain_pool *pool = pipe_pool(3);
    struct storm storm = {.notes = notes_of(pool)};
    pthread_t killer;
    size_t dead = 0, rounds = 0;
    assert_true(in && out);
    for (int i = 0; i < ITEMS; i++) {
        in[i].number = i;
        memset(in[i].rest, i & 0x7f, sizeof in[i].rest);
    }
    assert_int_equal(pthread_create(&killer, NULL, storm_main, &storm), 0);
    for (uint64_t end = now_ms() + 3000; now_ms() < end || rounds < 20; rounds++) {
        memset(storm.notes->visits, 0, sizeof storm.notes->visits);
        memset(out, 0xff, ITEMS * sizeof *out);
        struct grain_report report = {.codes = codes};
        struct grain_call_options options = {.chunk = 1 + (int64_t)(rounds % 3),
                                             .schedule = pipe_schedules[rounds % 3],
                                             .report = &report,
                                             .params = &storm.notes,
                                             .params_size = sizeof storm.notes};
        int status = grain_map(pool, copies, (struct grain_in){in, ITEMS, sizeof *in},
                               (struct grain_out){out, sizeof *out}, &options);
        assert_true(status == 0 || status == GRAIN_TASK_FAILED);
        for (int i = 0; i < ITEMS; i++) {
            assert_in_range(storm.notes->visits[i], codes[i] ? 0 : 1, 1);
            assert_true(codes[i] == 0 || codes[i] == -EOWNERDEAD);
            if (codes[i] == 0)
                assert_memory_equal(&out[i], &in[i], sizeof out[i]);
            dead += codes[i] != 0;
        }
    }
    storm.is_over = 1;
    pthread_join(killer, NULL);
    assert_true(pid_of(pool) > 0);
    print_message("storm: %d kills, %zu maps of %d, %zu tasks reported dead\n", storm.kills, rounds, ITEMS, dead);
    assert_true(storm.kills > 50);
    grain_pool_free(pool);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    free(in);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_death_costs_its_task_and_what_was_not_sent_yet),
        cmocka_unit_test(a_worker_killed_idle_is_replaced_and_nothing_lost),
        cmocka_unit_test(twenty_deaths_without_a_call_do_not_block_the_end),
        cmocka_unit_test(a_killed_supervisor_is_noticed),
        cmocka_unit_test(queued_calls_end_each_in_its_own_way),
        cmocka_unit_test(a_limit_on_descriptors_that_is_lowered_later_stops_no_call),
        cmocka_unit_test(a_storm_tears_messages_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
