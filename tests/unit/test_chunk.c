/* SPDX-License-Identifier: MIT
 *
 * The rule for chunk 0: what a claim takes under each schedule, of tasks and of chunk tasks, on few rows and on many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sched/chunk.h"

static size_t own(enum grain_schedule schedule, size_t count, bool is_chunk_task, bool has_pilot)
{
    const struct chunk_case job = {schedule, count, 4, is_chunk_task, has_pilot};
    return chunk_resolve(0, &job);
}

static void what_is_asked_for_counts_up_to_the_whole(void **state)
{
    (void)state;
    const struct chunk_case job = {GRAIN_SCHEDULE_STEAL, 100, 4, false, false};
    assert_int_equal(chunk_resolve(7, &job), 7);
    assert_int_equal(chunk_resolve(101, &job), 100);
    assert_int_equal(chunk_resolve(INT64_MAX, &job), 100);
    assert_int_equal(chunk_resolve(GRAIN_CHUNK_PYTHON, &job), 7); /* 100 / 16, rounded up */
}

static void each_schedule_has_a_choice_of_its_own(void **state)
{
    (void)state;
    static const struct {
        enum grain_schedule schedule;
        bool is_chunk_task, has_pilot;
        size_t few, many; /* of 10 tasks, and of 128000; 4 workers */
    } rows[] = {
        {GRAIN_SCHEDULE_DEFAULT, false, false, 0, 0},     {GRAIN_SCHEDULE_STATIC, false, false, 0, 0},
        {GRAIN_SCHEDULE_STATIC, true, true, 0, 0},        {GRAIN_SCHEDULE_DYNAMIC, false, false, 1, 1000},
        {GRAIN_SCHEDULE_DYNAMIC, false, true, 0, 0},      {GRAIN_SCHEDULE_DYNAMIC, true, true, 1, 1000},
        {GRAIN_SCHEDULE_GUIDED, false, false, 1, 125},    {GRAIN_SCHEDULE_GUIDED, true, true, 1, 125},
        {GRAIN_SCHEDULE_STEAL, false, false, 1, 1},       {GRAIN_SCHEDULE_STEAL, true, false, 1, 1000},
        {GRAIN_SCHEDULE_TASKLOOP, false, false, 1, 1000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(own(rows[i].schedule, 10, rows[i].is_chunk_task, rows[i].has_pilot), rows[i].few);
        assert_int_equal(own(rows[i].schedule, 128000, rows[i].is_chunk_task, rows[i].has_pilot), rows[i].many);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_for_counts_up_to_the_whole),
        cmocka_unit_test(each_schedule_has_a_choice_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
