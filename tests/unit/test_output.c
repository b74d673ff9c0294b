/* SPDX-License-Identifier: MIT
 *
 * From Google Benchmark's JSON to a sample: names with its suffixes, pairs by repetition, units, errors,
 * and output that is no such thing.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sweep/output.h"
#include "sweep/record.h"

static const struct output_names names = {
    {"a/fork/x:1", "a/serial/loop", "a/serial/callback", "a/floor/peak", "a/fork/x:64"}};

static int read_text(const char *text, struct sample *sample)
{
    record_blank(sample, names.of[CELL_TURN_CELL], 0);
    return output_read(text, strlen(text), &names, sample);
}

#define RUN(name, index, time, more)                                                                                   \
    "{\"name\":\"" name "\",\"run_type\":\"iteration\",\"repetition_index\":" index                                    \
    ",\"iterations\":5,\"time_unit\":\"ns\",\"real_time\":" time more "}"

static void test_pairs(void **state)
{
    (void)state;
    struct sample sample;
    /* out of order, as random interleaving leaves them, with aggregates and a stranger in between */
    const char *text =
        "{\"benchmarks\":[" RUN("a/fork/x:1/iterations:5/real_time", "1", "201", ",\"tasks\":10") "," RUN(
            "a/serial/loop/real_time", "0", "50",
            "") "," RUN("a/fork/x:1/real_time", "0", "101",
                        ",\"tasks\":10") ","
                                         "{\"name\":\"a/fork/x:1\",\"run_type\":\"aggregate\",\"real_time\":7}," RUN(
                                             "a/serial/callback/iterations:9/real_time", "1", "71",
                                             "") "," RUN("a/fork/x:16", "0", "999",
                                                         "") "," RUN("a/serial/loop/real_time", "1", "51",
                                                                     "") "," RUN("a/serial/callback/real_time", "0",
                                                                                 "70", "") "]}";
    assert_int_equal(read_text(text, &sample), 0);
    assert_int_equal(sample.times, 2);
    assert_true(sample.times_ns[0] == 101 && sample.times_ns[1] == 201);
    assert_true(sample.loop_ns[0] == 50 && sample.loop_ns[1] == 51);
    assert_true(sample.callback_ns[0] == 70 && sample.callback_ns[1] == 71);
    assert_int_equal(sample.iterations, 5);
    assert_int_equal(sample.tasks, 10);
    assert_true(isnan(sample.steals) && isnan(sample.floor_ns[0]));
    assert_int_equal(output_iterations(text, strlen(text), "a/serial/loop"), 5);
    assert_int_equal(output_iterations(text, strlen(text), "a/serial"), 0);
}

/* The floor may run more tasks a call than the cell: its time is that of as many. A baseline is its own partner. */
static void test_partners(void **state)
{
    (void)state;
    static const struct output_names baseline = {{"a/serial/loop", "a/serial/loop", "a/serial/callback", "", ""}};
    struct sample sample;
    const char *text = "{\"benchmarks\":[" RUN("a/fork/x:1", "0", "900", ",\"tasks\":10") "," RUN(
        "a/floor/peak/real_time", "0", "400", ",\"tasks\":40") "," RUN("a/serial/loop", "0", "50", "") "]}";
    assert_int_equal(read_text(text, &sample), 0);
    assert_true(sample.times_ns[0] == 900 && sample.floor_ns[0] == 100 && sample.loop_ns[0] == 50);
    assert_true(isnan(sample.rival_ns[0]));
    assert_int_equal(read_text("{\"benchmarks\":[" RUN("a/fork/x:64", "0", "800", ",\"tasks\":10") "," RUN(
                                   "a/fork/x:1", "0", "900", ",\"tasks\":10") "]}",
                               &sample),
                     0);
    assert_true(sample.times_ns[0] == 900 && sample.rival_ns[0] == 800);
    record_blank(&sample, "a/serial/loop", 0);
    assert_int_equal(output_read(text, strlen(text), &baseline, &sample), 0);
    assert_true(sample.times_ns[0] == 50 && sample.loop_ns[0] == 50);
    assert_true(isnan(sample.callback_ns[0]) && isnan(sample.floor_ns[0]));
    /* no tasks, nothing to scale: a pool's life beside its forks */
    assert_int_equal(read_text("{\"benchmarks\":[" RUN("a/fork/x:1", "0", "900", ",\"tasks\":0") "," RUN(
                                   "a/floor/peak", "0", "400", ",\"tasks\":0") "]}",
                               &sample),
                     0);
    assert_true(sample.floor_ns[0] == 400 && sample.tasks == 0);
    /* a floor that fails fails the sample: pairs are what it is for */
    assert_int_equal(
        read_text("{\"benchmarks\":[" RUN("a/fork/x:1", "0", "900",
                                          "") ",{\"name\":\"a/floor/peak\","
                                              "\"error_occurred\":true,\"error_message\":\"not supported\"}]}",
                  &sample),
        -EREMOTEIO);
}

static void test_counters_and_units(void **state)
{
    (void)state;
    struct sample sample;
    assert_int_equal(read_text("{\"benchmarks\":[{\"name\":\"a/fork/x:1\",\"repetition_index\":0,\"iterations\":1,"
                               "\"time_unit\":\"ms\",\"real_time\":1.5,\"steals\":2,\"handovers\":4,\"cpu_ns\":8,"
                               "\"workers_cpu_ns\":16,\"involuntary\":32},"
                               "{\"name\":\"a/fork/x:1\",\"repetition_index\":1,\"iterations\":1,\"time_unit\":\"us\","
                               "\"real_time\":2500,\"steals\":4,\"handovers\":4,\"cpu_ns\":8,\"workers_cpu_ns\":16,"
                               "\"involuntary\":32}]}",
                               &sample),
                     0);
    assert_true(fabs(sample.times_ns[0] - 1.5e6) < 1 && fabs(sample.times_ns[1] - 2.5e6) < 1);
    assert_true(sample.steals == 3 && sample.handovers == 4 && sample.cpu_ns == 8);
    assert_true(sample.workers_cpu_ns == 16 && sample.involuntary == 32);
    assert_true(isnan(sample.loop_ns[0]));
}

/* A call has two phases where collecting took time; 0 says that it has none. */
static void test_phases(void **state)
{
    (void)state;
    struct sample sample;
    assert_int_equal(
        read_text("{\"benchmarks\":[" RUN(
                      "a/fork/x:1", "0", "9",
                      ",\"submit_ns\":2,\"collect_ns\":7,\"out_of_order\":0") "," RUN("a/fork/x:1", "1", "9",
                                                                                      ",\"submit_ns\":4,\"collect_ns\":"
                                                                                      "5,\"out_of_order\":3") "]}",
                  &sample),
        0);
    assert_true(sample.submit_ns == 3 && sample.collect_ns == 6 && sample.out_of_order == 1.5);
    assert_int_equal(read_text("{\"benchmarks\":[" RUN("a/fork/x:1", "0", "9",
                                                       ",\"submit_ns\":0,\"collect_ns\":0,\"out_of_order\":0") "]}",
                               &sample),
                     0);
    assert_true(isnan(sample.submit_ns) && isnan(sample.collect_ns) && isnan(sample.out_of_order));
}

/* Google Benchmark's aggregates hold NaN, and names may hold anything. */
static void test_no_numbers(void **state)
{
    (void)state;
    struct sample sample;
    assert_int_equal(read_text("{\"context\":{\"x\":\"NaN \\\"NaN\\\\\",\"y\":-NaN,\"z\":[Infinity,-Infinity]},"
                               "\"benchmarks\":[" RUN("a/fork/x:1", "0", "3", ",\"steals\":NaN") "]}",
                               &sample),
                     0);
    assert_true(sample.times_ns[0] == 3 && isnan(sample.steals));
    assert_int_equal(read_text("{\"benchmarks\":[" RUN("a/fork/x:1", "0", "NaN", "") "]}", &sample), -EBADMSG);
}

static void test_errors(void **state)
{
    (void)state;
    struct sample sample;
    assert_int_equal(read_text("{\"benchmarks\":[{\"name\":\"a/fork/x:1\",\"error_occurred\":true,"
                               "\"error_message\":\"wrong result at row 7\"}]}",
                               &sample),
                     -EREMOTEIO);
    assert_string_equal(sample.message, "wrong result at row 7");
    static const char *const bad[] = {
        "",
        "Segmentation fault",
        "{",
        "[]",
        "{\"benchmarks\":{}}",
        "{\"benchmarks\":[]}",
        "{\"benchmarks\":[" RUN("b/other", "0", "1", "") "]}",
        "{\"benchmarks\":[" RUN("a/fork/x:1", "0", "\"7\"", "") "]}",
        "{\"benchmarks\":[" RUN("a/fork/x:1", "0", "-1", "") "]}",
        "{\"benchmarks\":[" RUN("a/fork/x:1", "1", "1", "") "]}", /* the first one is missing */
        "{\"benchmarks\":[" RUN("a/fork/x:1", "32", "1", "") "]}",
        "{\"benchmarks\":[" RUN("a/fork/x:1", "-1", "1", "") "]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (read_text(bad[i], &sample) != -EBADMSG)
            fail_msg("taken: %s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),      cmocka_unit_test(test_partners),
        cmocka_unit_test(test_phases),     cmocka_unit_test(test_counters_and_units),
        cmocka_unit_test(test_no_numbers), cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
