/* SPDX-License-Identifier: MIT
 *
 * A storm of kills over every kind of call, with and without retries: a million tasks of 10 us or less, and more, while
 * another process SIGKILLs a random worker every 2 to 5 milliseconds, and SIGSTOPs others for a while. Every task is
 * delivered right or reported dead, none twice, none missing, with retries none lost; afterwards the pool still works,
 * and nothing is left of it when it is freed. Arguments: seconds (default 5), seed (default 1). The counts are printed.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define WORKERS     4
#define TASKS_LEAST 1000000 /* however slow the machine */
#define COUNT       50000
#define CALLS       4000 /* a round of those that are made one by one */
#define RETRIES     3
#define STOP_ONE_IN 4   /* so many of the blows are stops */
#define STOP_MS     20  /* at most, */
#define STOP_LONG   300 /* and this long every now and then */
#define LEFT_PAGES  512 /* what a process of this size may have grown by */
#define GONE_MS     20000

static uint64_t storm_ms = 5000;
static unsigned seed = 1;

/* Seen by workers and killer. */
static struct board {
    _Atomic int is_over, kills, stops;
    _Atomic pid_t pids[WORKERS]; /* of workers that have begun a task */
    unsigned char visits[COUNT]; /* how often each was begun */
} * board;

static int indices[COUNT], results[COUNT], codes[COUNT];

/* ------------------------------------------------------------------------------------------- tasks */

static int short_task(const void *arg, void *result, struct grain_context *ctx)
{
    int index = *(const int *)arg;
    board->pids[grain_context_worker(ctx)] = getpid();
    board->visits[index]++;
    for (volatile int i = 0; i < index % 8 * 300; i++)
        ;
    *(int *)result = 3 * index;
    return 0;
}

static int short_star(const void *const args[], void *result, struct grain_context *ctx)
{
    return short_task(args[0], result, ctx);
}

/* ------------------------------------------------------------------------------------------- calls */

/* Runs so many tasks; what became of each goes to `codes`. Returns how many there were. */
typedef size_t (*storm_form)(struct grain_pool *pool, struct grain_call_options *options);

static size_t by_map(struct grain_pool *pool, struct grain_call_options *options)
{
    int status = grain_map(pool, short_task, (struct grain_in){indices, COUNT, sizeof(int)},
                           (struct grain_out){results, sizeof(int)}, options);
    assert_true(status == 0 || status == GRAIN_TASK_FAILED);
    return COUNT;
}

static size_t by_starmap(struct grain_pool *pool, struct grain_call_options *options)
{
    const struct grain_column columns[] = {{indices, sizeof(int), sizeof(int)}, {indices, sizeof(int), 0}};
    int status = grain_starmap(pool, short_star, columns, 2, COUNT, (struct grain_out){results, sizeof(int)}, options);
    assert_true(status == 0 || status == GRAIN_TASK_FAILED);
    return COUNT;
}

static size_t by_apply_async(struct grain_pool *pool, struct grain_call_options *options)
{
    static struct grain_future *futures[CALLS];
    struct grain_call_options alone = {.retries = options->retries};
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(grain_apply_async(pool, short_task, &indices[i], sizeof(int), &results[i], sizeof(int), &alone,
                                           &futures[i]),
                         0);
    for (int i = 0; i < CALLS; i++) {
        int status = grain_future_get(futures[i], GRAIN_FOREVER);
        assert_true(status == 0 || status == GRAIN_TASK_FAILED);
        codes[i] = status ? grain_future_error(futures[i])->code : 0;
        grain_future_free(futures[i]);
    }
    return CALLS;
}

static int next_index(void *source, void *item)
{
    int *given = source;
    *(int *)item = *given;
    return (*given)++ < CALLS;
}

static size_t by_imap(struct grain_pool *pool, struct grain_call_options *options)
{
    struct grain_call_options chunked = {.retries = options->retries, .chunk = options->chunk};
    struct grain_iter *iter;
    int given = 0, result, status;
    size_t index, seen = 0;
    assert_int_equal(grain_imap(pool, short_task, next_index, &given, sizeof(int), sizeof(int), &chunked, &iter), 0);
    while ((status = grain_iter_next(iter, &result, &index, GRAIN_FOREVER)) != 0) {
        assert_true(status == 1 || status == GRAIN_TASK_FAILED);
        assert_int_equal(index, seen++);
        codes[index] = status == 1 ? 0 : grain_iter_error(iter)->code;
        results[index] = result;
    }
    grain_iter_free(iter);
    return seen;
}

static const struct {
    const char *name;
    storm_form run;
} forms[] = {{"map", by_map}, {"starmap", by_starmap}, {"apply_async", by_apply_async}, {"imap", by_imap}};
#define FORMS (sizeof forms / sizeof forms[0])

/* -------------------------------------------------------------------------------------- bookkeeping */

/* What became of all tasks of one kind of call. */
struct tally {
    size_t tasks, delivered, dead, twice, missing;
};

static void tally_add(struct tally *tally, size_t count, bool may_repeat)
{
    tally->tasks += count;
    for (size_t i = 0; i < count; i++) {
        bool is_right = codes[i] == 0 && results[i] == 3 * (int)i && board->visits[i] > 0;
        tally->twice += board->visits[i] > (may_repeat ? 1 + RETRIES : 1);
        tally->delivered += is_right;
        tally->dead += codes[i] == -EOWNERDEAD;
        tally->missing += !is_right && codes[i] != -EOWNERDEAD;
    }
}

static void round_run(struct grain_pool *pool, size_t round, struct tally tallies[2][FORMS])
{
    size_t form = round % FORMS, has_retries = round / FORMS % 2;
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.chunk = 1 + (int64_t)(round / 8 % 2) * 7,
                                         .schedule = schedules[round / 16 % SCHEDULES],
                                         .report = &report,
                                         .retries = has_retries ? RETRIES : 0};
    memset(board->visits, 0, sizeof board->visits);
    memset(results, 0xff, sizeof results);
    size_t count = forms[form].run(pool, &options);
    tally_add(&tallies[has_retries][form], count, has_retries);
}

/* What must be the same before and after: open descriptors, and memory of this process in pages. */
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
    FILE *statm = fopen("/proc/self/statm", "re");
    assert_non_null(statm);
    assert_int_equal(fscanf(statm, "%*d %ld", &now.pages), 1);
    fclose(statm);
    return now;
}

/* Workers without a supervisor come to this process: none may be left soon. */
static bool has_children(void)
{
    for (uint64_t end = now_ms() + GONE_MS; now_ms() < end; sleep_ms(1))
        if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
            return false;
    return true;
}

static size_t tallies_print(struct tally tallies[2][FORMS])
{
    size_t tasks = 0;
    print_message("%-12s %7s %9s %9s %11s %5s %7s\n", "call", "retries", "tasks", "delivered", "-EOWNERDEAD", "twice",
                  "missing");
    for (size_t i = 0; i < 2 * FORMS; i++) {
        const struct tally *tally = &tallies[i % 2][i / 2];
        print_message("%-12s %7d %9zu %9zu %11zu %5zu %7zu\n", forms[i / 2].name, i % 2 ? RETRIES : 0, tally->tasks,
                      tally->delivered, tally->dead, tally->twice, tally->missing);
        tasks += tally->tasks;
    }
    return tasks;
}

/* --------------------------------------------------------------------------------------------- storm */

/* A worker that stands still, and until when; one at a time for each of them. */
struct stopped {
    pid_t pid;
    uint64_t until_ms;
};

static void stops_end(struct stopped *stopped, uint64_t now)
{
    for (size_t i = 0; i < WORKERS; i++)
        if (stopped[i].pid && now >= stopped[i].until_ms) {
            kill(stopped[i].pid, SIGCONT);
            stopped[i].pid = 0;
        }
}

static void strike(struct stopped *stopped)
{
    unsigned worker = (unsigned)rand_r(&seed) % WORKERS;
    pid_t pid = board->pids[worker];
    if (pid <= 0)
        return;
    if (rand_r(&seed) % STOP_ONE_IN) {
        board->kills += kill(pid, SIGKILL) == 0;
    } else if (!stopped[worker].pid && kill(pid, SIGSTOP) == 0) {
        uint64_t ms = rand_r(&seed) % 50 ? 1 + (uint64_t)rand_r(&seed) % STOP_MS : STOP_LONG;
        stopped[worker] = (struct stopped){pid, now_ms() + ms};
        board->stops++;
    }
}

static _Noreturn void killer_main(void)
{
    struct stopped stopped[WORKERS] = {{0, 0}};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (!board->is_over) {
        strike(stopped);
        sleep_ms(2 + rand_r(&seed) % 4);
        stops_end(stopped, now_ms());
    }
    stops_end(stopped, UINT64_MAX);
    _exit(0);
}

static void a_storm_of_kills_loses_nothing_and_runs_nothing_twice(void **state)
{
    (void)state;
    static struct tally tallies[2][FORMS];
    size_t tasks = 0;
    for (int i = 0; i < COUNT; i++)
        indices[i] = i;
    struct grain_pool *pool = fork_pool(WORKERS); /* what the process keeps for good is there afterwards */
    for (size_t round = 0; round < FORMS; round++)
        round_run(pool, round, tallies);
    grain_pool_free(pool);
    memset(tallies, 0, sizeof tallies);
    memset((void *)board->pids, 0, sizeof board->pids);
    struct belongings before = belongings_now();
    pid_t killer = fork();
    assert_true(killer >= 0);
    if (killer == 0)
        killer_main();
    pool = fork_pool(WORKERS);
    for (uint64_t round = 0, end = now_ms() + storm_ms; now_ms() < end || tasks < TASKS_LEAST; round++) {
        round_run(pool, round, tallies);
        tasks += round % FORMS < 2 ? COUNT : CALLS;
    }
    board->is_over = 1;
    assert_int_equal(waitpid(killer, NULL, 0), killer);
    assert_true(worker_pid(pool) > 0);
    struct grain_pool_stats stats;
    assert_int_equal(grain_pool_stats(pool, &stats), 0);
    grain_pool_free(pool);
    bool is_left = has_children();
    struct belongings after = belongings_now();
    assert_int_equal(tallies_print(tallies), tasks);
    print_message("%d kills, %d stops, %llu workers replaced; left behind: %d descriptors, %ld pages, %s\n",
                  board->kills, board->stops, (unsigned long long)stats.replaced,
                  after.descriptors - before.descriptors, after.pages - before.pages,
                  is_left ? "processes" : "no process");
    assert_true(board->kills > 100 && board->stops > 30);
    for (size_t i = 0; i < 2 * FORMS; i++) {
        const struct tally *tally = &tallies[i % 2][i / 2];
        assert_true(tally->tasks > 0);
        assert_int_equal(tally->missing, 0);
        assert_int_equal(tally->twice, 0);
        assert_int_equal(tally->delivered + tally->dead, tally->tasks);
        assert_true(i % 2 == 0 || tally->dead == 0);
    }
    assert_int_equal(after.descriptors, before.descriptors);
    assert_true(after.pages < before.pages + LEFT_PAGES);
    assert_false(is_left);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        storm_ms = 1000 * strtoull(argv[1], NULL, 10);
    if (argc > 2)
        seed = (unsigned)strtoul(argv[2], NULL, 10);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_storm_of_kills_loses_nothing_and_runs_nothing_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
