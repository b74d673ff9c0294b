/* SPDX-License-Identifier: MIT
 *
 * A worker that is stopped between announcing a ticket and recording it, for as long as anybody likes, while others
 * that announced the same ticket die: the ticket's task runs once. Who replaces the dead ones waits for the stopped
 * one, takes next to no time of a CPU meanwhile, and ends when the pool is terminated. Built against grain_inject.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"
#include "sys/inject.h"

#define WORKERS_MOST 4
#define LONG_MS      10000 /* nothing here takes so long, however busy the machine */
#define TASK_MS      300   /* long enough for a second run to begin meanwhile, if there is one */

/* What becomes of a worker, by the order in which they announce the ticket: the k-th letter is the k-th worker's.
 *   t  takes it, and dies before it records that     T  takes it, and is stopped there
 *   l  loses it to t or T, and dies before it says so L  is stopped before it tries to take it
 *   n  takes it, and lives                            m  loses it to n, and dies when the job is over */
static struct board {
    _Atomic int announced, taken, died, runs;
    _Atomic int is_over;              /* the call has returned */
    _Atomic pid_t stopped;            /* who has stopped itself */
    _Atomic pid_t pids[WORKERS_MOST]; /* of workers, by number: the latest */
    _Atomic int waits, looks;         /* how often a replacement waited; how many began to look */
    _Atomic pid_t waiting;            /* which one waited last */
    _Atomic int kills_left;           /* so many replacements are killed while they wait */
    _Atomic int overs;                /* replacements that have looked, and wait for each other: so many */
    int meet;
    bool is_held; /* who is stopped stays so, whoever says it may go on */
    int workers;
    pid_t host;
    char fates[WORKERS_MOST + 1];
} * board;

static __thread char fate; /* of this worker */

static void await(const _Atomic int *word, int least)
{
    for (uint64_t end = now_ms() + LONG_MS; *word < least && now_ms() < end;)
        sleep_ms(1);
}

static void stop_here(void)
{
    board->stopped = getpid();
    do
        raise(SIGSTOP);
    while (board->is_held);
}

static void die_here(void)
{
    board->died++;
    kill(getpid(), SIGKILL);
}

static void announced(void)
{
    int order = board->announced++;
    if (fate || order >= board->workers)
        return;
    fate = board->fates[order];
    await(&board->announced, board->workers); /* all of them have before any goes on */
    if (fate == 't' || fate == 'T' || fate == 'n')
        return;
    await(&board->taken, 1);
    if (fate == 'L')
        stop_here();
}

static void swapped(void)
{
    if (!fate)
        return;
    board->taken |= fate == 't' || fate == 'T' || fate == 'n';
    if (fate == 'T')
        stop_here();
    if (fate == 'm')
        await(&board->is_over, 1);
    if (fate == 't' || fate == 'l' || fate == 'm')
        die_here();
    fate = '\0';
}

void inject_at(const char *point)
{
    if (!board || !board->workers || getpid() == board->host)
        return;
    if (strcmp(point, "ticket_announced") == 0)
        announced();
    else if (strcmp(point, "ticket_swapped") == 0)
        swapped();
    else if (strcmp(point, "look_marked") == 0)
        board->looks++;
    else if (strcmp(point, "look_over") == 0) {
        board->overs++;
        await(&board->overs, board->meet);
    } else if (strcmp(point, "look_waits") == 0) {
        board->waiting = getpid();
        board->waits++;
        if (board->kills_left > 0 && board->kills_left-- > 0)
            kill(getpid(), SIGKILL);
    }
}

static int counted(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    (void)items;
    (void)ctx;
    board->runs++;
    sleep_ms(TASK_MS);
    memset(results, 1, count);
    return 0;
}

static int ignores_term(void *argument, struct grain_context *ctx)
{
    (void)argument;
    board->pids[grain_context_worker(ctx)] = getpid();
    return signal(SIGTERM, SIG_IGN) == SIG_ERR;
}

/* ------------------------------------------------------------------------------------------ a call of one ticket */

struct call {
    struct grain_pool *pool;
    pthread_t thread;
    int status;
    unsigned char result;
    struct grain_report report;
};

static void *call_main(void *user)
{
    struct call *call = user;
    struct grain_call_options options = {.report = &call->report};
    call->status = grain_map_chunks(call->pool, counted, (struct grain_in){NULL, 1, 0},
                                    (struct grain_out){&call->result, 1}, &options);
    return NULL;
}

/* Opens a pool whose workers all look for tickets all the time, and hands it one. */
static void call_begin(struct call *call, const char *fates)
{
    struct grain_pool_options options = {.backend = "fork",
                                         .workers = (int)strlen(fates),
                                         .wait = GRAIN_WAIT_SPIN,
                                         .bind = GRAIN_BIND_NONE,
                                         .grace_ns = UINT64_C(1000000) * LONG_MS,
                                         .initializer = ignores_term};
    *call = (struct call){.status = 1};
    memset(board, 0, sizeof *board);
    board->host = getpid();
    strcpy(board->fates, fates);
    assert_int_equal(grain_pool_open(&call->pool, &options), 0);
    board->workers = options.workers;
    assert_int_equal(pthread_create(&call->thread, NULL, call_main, call), 0);
}

/* The stopped worker goes on; what comes of it. */
static void call_end(struct call *call)
{
    kill(board->stopped, SIGCONT);
    pthread_join(call->thread, NULL);
    assert_int_equal(board->runs, 1);
    assert_int_equal(call->status, 0);
    assert_int_equal(call->report.failed, 0);
    assert_int_equal(call->result, 1);
    sleep_ms(TASK_MS / 3); /* a second run would have begun by now */
    assert_int_equal(board->runs, 1);
    board->workers = 0; /* no more fates */
    assert_true(worker_pid(call->pool) > 0);
    grain_pool_free(call->pool);
}

static void a_job_that_is_over_is_not_waited_for(void **state)
{
    (void)state;
    struct call call;
    call_begin(&call, "nmL");
    pthread_join(call.thread, NULL);
    assert_int_equal(call.status, 0);
    assert_int_equal(board->runs, 1);
    board->is_over = 1;
    await(&board->looks, 1);
    assert_int_equal(board->looks, 1);
    sleep_ms(100);
    assert_int_equal(board->waits, 0);
    board->workers = 0;
    kill(board->stopped, SIGCONT);
    grain_pool_free(call.pool);
    assert_int_equal(board->runs, 1);
}

/* CPU time of a process so far. */
static uint64_t cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec spent;
    assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
    assert_int_equal(clock_gettime(clock, &spent), 0);
    return (uint64_t)spent.tv_sec * 1000000000u + (uint64_t)spent.tv_nsec;
}

/* --------------------------------------------------------------------------------------------------- the tests */

static void a_stop_between_taking_and_recording_runs_nothing_twice(void **state)
{
    (void)state;
    struct call call;
    call_begin(&call, "Tl");
    await(&board->waits, 100);
    sleep_ms(500); /* a million turns of a loop that yields now and then take less */
    assert_int_equal(board->runs, 0);
    call_end(&call);
}

static void of_two_replacements_that_look_one_adopts(void **state)
{
    (void)state;
    struct call call;
    call_begin(&call, "tlL");
    await(&board->looks, 2);
    sleep_ms(200);
    assert_int_equal(board->looks, 2);
    board->meet = 2;
    assert_int_equal(board->runs, 0); /* the stopped one may have taken it, as far as they know */
    call_end(&call);
    assert_int_equal(board->overs, 2); /* neither had waited for the other */
}

static void a_replacement_killed_while_it_looks_is_replaced(void **state)
{
    (void)state;
    struct call call;
    for (int form = 0; form < 2; form++) {
        call_begin(&call, form ? "tlL" : "Tl");
        board->kills_left = 20; /* more in a row than a pool bears of workers that come to nothing */
        await(&board->looks, 20 + (form ? 2 : 1));
        assert_int_equal(board->kills_left, 0);
        call_end(&call);
    }
}

static void a_waiting_replacement_leaves_the_cpu_alone(void **state)
{
    (void)state;
    struct call call;
    call_begin(&call, "Tl");
    await(&board->waits, 80); /* past its first, short naps */
    pid_t pid = board->waiting;
    uint64_t cpu_before = cpu_ns(pid), before = now_ms();
    sleep_ms(1500);
    uint64_t spent_ns = cpu_ns(pid) - cpu_before, elapsed_ns = (now_ms() - before) * 1000000u;
    print_message("waiting took %.2f ms of %.0f\n", (double)spent_ns * 1e-6, (double)elapsed_ns * 1e-6);
    assert_true(spent_ns < elapsed_ns / 100);
    assert_int_equal(board->waiting, pid);
    call_end(&call);
}

static bool is_gone(pid_t pid)
{
    for (uint64_t end = now_ms() + LONG_MS / 2; now_ms() < end; sleep_ms(1))
        if (kill(pid, 0) == -1 && errno == ESRCH)
            return true;
    return false;
}

/* SIGTERM is ignored, the grace is long, and whom it waits for stays where it is: it leaves because it looks. */
static void terminate_ends_the_wait(void **state)
{
    (void)state;
    struct call call;
    call_begin(&call, "Tl");
    board->is_held = true;
    await(&board->waits, 80);
    assert_int_equal(grain_pool_terminate(call.pool), 0);
    assert_true(is_gone(board->waiting));
    kill(board->stopped, SIGKILL);
    assert_int_equal(grain_pool_join(call.pool), 0);
    pthread_join(call.thread, NULL);
    assert_int_equal(call.status, -ECANCELED);
    assert_int_equal(board->runs, 0);
    grain_pool_free(call.pool);
}

static int board_make(void **state)
{
    (void)state;
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return board == MAP_FAILED;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_between_taking_and_recording_runs_nothing_twice),
        cmocka_unit_test(of_two_replacements_that_look_one_adopts),
        cmocka_unit_test(a_replacement_killed_while_it_looks_is_replaced),
        cmocka_unit_test(a_job_that_is_over_is_not_waited_for),
        cmocka_unit_test(a_waiting_replacement_leaves_the_cpu_alone),
        cmocka_unit_test(terminate_ends_the_wait),
    };
    return cmocka_run_group_tests(tests, board_make, NULL);
}
