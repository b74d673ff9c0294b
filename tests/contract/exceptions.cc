/* SPDX-License-Identifier: MIT
 *
 * Contract, for C++: grain::guard turns an exception into the task's failure, in every form of call. What is thrown
 * without it ends the program where threads of grain run the task, and the worker where that is a process. Where it is
 * the calling thread: passing.cc.
 */
#include "throws.h"

#include <cerrno>
#include <csignal>
#include <exception>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace
{

void report_check(const grain_report &report, size_t chunk)
{
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        bool has_failed = false;
        for (size_t k = i / chunk * chunk; k < i / chunk * chunk + chunk; k++)
            has_failed = has_failed || is_thrower(k);
        assert_int_equal(codes[i], has_failed ? GRAIN_EXCEPTION : 0);
        if (!has_failed)
            assert_int_equal(results[i], int(i));
        failed += has_failed;
    }
    assert_int_equal(report.failed, failed);
    assert_string_equal(report.first.message, "no 4");
    assert_int_equal(report.first.code, GRAIN_EXCEPTION);
}

void a_guarded_exception_fails_its_task(void **)
{
    needs("runs tasks");
    grain_pool *pool = pool_with(2);
    grain_report report = {};
    grain_call_options options = {};
    grain_column column = {items, sizeof items[0], sizeof items[0]};
    report.codes = codes;
    options.report = &report;
    options.chunk = 1;
    setup();
    assert_int_equal(grain_map(pool, grain::guard<throws>, in(), out(), &options), GRAIN_TASK_FAILED);
    report_check(report, 1);
    setup();
    assert_int_equal(grain_starmap(pool, grain::guard<throws_star>, &column, 1, count, out(), &options),
                     GRAIN_TASK_FAILED);
    report_check(report, 1);
    options.chunk = 5;
    options.schedule = GRAIN_SCHEDULE_DYNAMIC;
    setup();
    assert_int_equal(grain_map_chunks(pool, grain::guard<throws_chunk>, in(), out(), &options), GRAIN_TASK_FAILED);
    report_check(report, 5);
    for (int value : {7, 14}) {
        grain_future *future;
        setup();
        assert_int_equal(grain_apply_async(pool, grain::guard<throws>, &value, sizeof value, results, sizeof results[0],
                                           nullptr, &future),
                         0);
        assert_int_equal(grain_future_get(future, GRAIN_FOREVER), GRAIN_TASK_FAILED);
        assert_string_equal(grain_future_error(future)->message,
                            value == 14 ? "no 14" : "an exception that is no std::exception");
        grain_future_free(future);
    }
    assert_int_equal(Alive::now, 0);
    grain_pool_free(pool);
}

/* Seen by forked workers too. */
struct Shared {
    std::atomic<int> destroyed, caught; /* what ran in a child because of copies of this program's frames */
    int tries;
};
Shared *shared;

int throws_twice(void *argument, grain_context *)
{
    if (--*static_cast<int *>(argument) >= 0)
        throw std::runtime_error("not yet");
    return 0;
}

void a_guarded_initializer_is_tried_again(void **)
{
    needs("runs tasks");
    grain_pool *pool;
    grain_pool_options options = options_with(1);
    shared->tries = 2;
    options.initializer = grain::guard<throws_twice>;
    options.argument = &shared->tries;
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    assert_int_equal(apply_twice(pool, 3), 6);
    grain_pool_free(pool);
}

int leaves(const void *, void *, grain_context *)
{
    Alive alive;
    pthread_exit(nullptr);
}

/* That is no exception: the guard lets it pass, and what was on the stack is cleaned up. */
void a_guard_lets_a_thread_end(void **)
{
    needs("parallel");
    grain_pool *pool = pool_with(2);
    grain_report report = {};
    grain_call_options options = {};
    options.report = &report;
    assert_int_equal(grain_apply(pool, grain::guard<leaves>, nullptr, 0, nullptr, 0, &options), GRAIN_TASK_FAILED);
    assert_int_equal(report.first.code, -EOWNERDEAD);
    assert_int_equal(Alive::now, 0);
    assert_int_equal(apply_twice(pool, 3), 6);
    grain_pool_free(pool);
}

/* --------------------------------------------------------------------- without a guard: other threads */

/* Ends with 33 when std::terminate is called, in a program of its own. */
int run_and_terminate(bool is_queued)
{
    std::set_terminate([] { _exit(33); });
    grain_pool *pool = pool_with(2);
    try {
        int four = 4;
        if (!is_queued) {
            grain_apply(pool, throws, &four, sizeof four, results, sizeof results[0], nullptr);
        } else {
            grain_future *future;
            grain_apply_async(pool, throws, &four, sizeof four, results, sizeof results[0], nullptr, &future);
            grain_future_get(future, GRAIN_FOREVER);
        }
    } catch (...) {
        return 1;
    }
    return 2;
}

void on_a_thread_of_the_pool_it_ends_the_program(void **)
{
    needs("runs tasks");
    if (is_fork())
        skip();
    for (int is_queued = is_named("serial"); is_queued < 2; is_queued++) {
        pid_t child = fork();
        if (child == 0)
            _exit(run_and_terminate(is_queued));
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 33);
    }
}

/* --------------------------------------------------------------------------- without a guard: processes */

struct Guest {
    pid_t owner = getpid();
    ~Guest()
    {
        shared->destroyed += getpid() != owner;
    }
};

void cleanup(void *)
{
    shared->destroyed += 100;
}

void no_frame_of_the_hosts_runs_in_a_forked_worker(void **)
{
    if (!is_fork())
        skip();
    pid_t self = getpid();
    grain_report report = {};
    grain_call_options options = {};
    options.report = &report;
    grain_pool *pool = nullptr;
    grain_process *process = nullptr;
    int four = 4, code = 0, status = 0;
    pthread_cleanup_push(cleanup, nullptr);
    try {
        Guest guest;
        pool = pool_with(2);
        status = grain_apply(pool, throws, &four, sizeof four, results, sizeof results[0], &options);
        assert_int_equal(status, GRAIN_TASK_FAILED);
        assert_int_equal(report.first.code, -EOWNERDEAD);
        assert_int_equal(report.first.signo, SIGABRT);
        status = grain_apply(pool, leaves, nullptr, 0, nullptr, 0, &options);
        assert_int_equal(status, GRAIN_TASK_FAILED);
        assert_int_equal(report.first.signo, 0);
        assert_int_equal(report.first.exit_status, 0);
        for (grain_task_fn task : {throws, leaves}) {
            assert_int_equal(grain_process_start(&process, nullptr, task, &four, sizeof four), 0);
            assert_int_equal(grain_process_join(process, GRAIN_FOREVER), 0);
            assert_int_equal(grain_process_exitcode(process, &code), 0);
            assert_int_equal(code, task == throws ? -SIGABRT : 0);
            grain_process_free(process);
        }
    } catch (...) {
        shared->caught++;
        if (getpid() != self)
            _exit(77);
    }
    pthread_cleanup_pop(0);
    assert_int_equal(shared->caught, 0);
    assert_int_equal(shared->destroyed, 0);
    assert_int_equal(apply_twice(pool, 3), 6);
    grain_pool_free(pool);
}

} // namespace

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    void *memory = mmap(nullptr, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return 1;
    shared = static_cast<Shared *>(memory);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guarded_exception_fails_its_task),
        cmocka_unit_test(a_guarded_initializer_is_tried_again),
        cmocka_unit_test(a_guard_lets_a_thread_end),
        cmocka_unit_test(on_a_thread_of_the_pool_it_ends_the_program),
        cmocka_unit_test(no_frame_of_the_hosts_runs_in_a_forked_worker),
    };
    return cmocka_run_group_tests_name(backend, tests, nullptr, nullptr);
}
