/* SPDX-License-Identifier: MIT
 *
 * samples.jsonl: what was appended is read back; what a crash or a stranger left in it costs a line, never
 * more.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sweep/record.h"
#include "temporary.h"

#define NAME "howmany/fork/map/dynamic/chunk:64/workers:2/rows:200000/data:shared/start:warm"

static struct sample example(int round)
{
    struct sample sample;
    record_blank(&sample, NAME, round);
    sample.iterations = 7;
    sample.tasks = 200000;
    sample.times = 3;
    for (int i = 0; i < 3; i++) {
        sample.times_ns[i] = 1e6 + round + i;
        sample.loop_ns[i] = 9e5 + i;
        sample.floor_ns[i] = 5e5 + i;
        if (round > 0)
            sample.rival_ns[i] = 4e5 + i;
    }
    if (round > 0)
        sample.rival_chunk = 64;
    sample.handovers = 3125;
    sample.call_bytes = 4096;
    sample.submit_ns = 100;
    sample.collect_ns = 200 + round;
    strcpy(sample.message, "a \"quoted\" line\nand a second");
    return sample;
}

static void assert_same(const struct sample *a, const struct sample *b)
{
    assert_string_equal(a->cell, b->cell);
    assert_string_equal(a->message, b->message);
    assert_int_equal(a->round, b->round);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->iterations, b->iterations);
    assert_int_equal(a->tasks, b->tasks);
    assert_int_equal(a->times, b->times);
    for (int i = 0; i < a->times; i++) {
        assert_true(a->times_ns[i] == b->times_ns[i]);
        assert_true(a->loop_ns[i] == b->loop_ns[i]);
        assert_true(a->floor_ns[i] == b->floor_ns[i]);
        assert_true(isnan(a->rival_ns[i]) ? isnan(b->rival_ns[i]) : a->rival_ns[i] == b->rival_ns[i]);
        assert_true(!isfinite(a->callback_ns[i]) && isnan(b->callback_ns[i]));
    }
    assert_true(a->handovers == b->handovers);
    assert_true(isnan(b->steals));
    assert_true(a->call_bytes == b->call_bytes);
    assert_true(a->submit_ns == b->submit_ns && a->collect_ns == b->collect_ns);
    assert_true(isnan(b->out_of_order));
    assert_true(isnan(a->rival_chunk) ? isnan(b->rival_chunk) : a->rival_chunk == b->rival_chunk);
}

static char *in_folder(void **state, const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s", (const char *)*state, name) < 0)
        abort();
    mkdir(path, 0755);
    return path;
}

/* Reads the journal of dir; the caller frees *samples. */
static size_t read_back(const char *dir, struct sample **samples, size_t cut_expected)
{
    size_t count, cut;
    assert_int_equal(journal_read(dir, samples, &count, &cut), 0);
    assert_int_equal(cut, cut_expected);
    return count;
}

static void append(const char *dir, int round)
{
    struct journal *journal;
    struct sample sample = example(round);
    assert_int_equal(journal_open(&journal, dir), 0);
    assert_int_equal(journal_append(journal, &sample), 0);
    journal_close(journal);
}

static void test_there_and_back(void **state)
{
    char *dir = in_folder(state, "there");
    struct journal *journal;
    struct sample *samples, first = example(0), second = example(1);
    second.status = SAMPLE_WRONG;
    second.callback_ns[0] = (double)INFINITY; /* no number in JSON: comes back as none */
    assert_int_equal(journal_open(&journal, dir), 0);
    assert_int_equal(journal_append(journal, &first), 0);
    assert_int_equal(journal_append(journal, &second), 0);
    assert_true(journal_has(journal, NAME, 0));
    assert_true(journal_has(journal, NAME, 1));
    assert_false(journal_has(journal, NAME, 2));
    assert_false(journal_has(journal, "other", 0));
    journal_close(journal);
    assert_int_equal(read_back(dir, &samples, 0), 2);
    assert_same(&first, &samples[0]);
    assert_same(&second, &samples[1]);
    free(samples);
    free(dir);
}

static void test_nothing_twice(void **state)
{
    char *dir = in_folder(state, "twice");
    struct journal *journal, *second;
    struct sample sample = example(4), *samples;
    assert_int_equal(journal_open(&journal, dir), 0);
    assert_int_equal(journal_open(&second, dir), -EBUSY); /* another sweep */
    assert_null(second);
    assert_int_equal(journal_append(journal, &sample), 0);
    assert_int_equal(journal_append(journal, &sample), -EEXIST);
    journal_close(journal);
    assert_int_equal(journal_open(&journal, dir), 0); /* the lock is gone, the memory is not */
    assert_int_equal(journal_append(journal, &sample), -EEXIST);
    journal_close(journal);
    assert_int_equal(read_back(dir, &samples, 0), 1);
    free(samples);
    free(dir);
}

/* When a sweep goes on, what failed may come again and takes the old record's place; what is right or wrong stays. */
static void test_failures_again(void **state)
{
    static const struct {
        enum sample_status before;
        bool comes_again;
    } cases[] = {{SAMPLE_OK, false},
                 {SAMPLE_FAILED, true},
                 {SAMPLE_TIMEOUT, true},
                 {SAMPLE_WRONG, false},
                 {SAMPLE_MISSING, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[32];
        snprintf(name, sizeof name, "again-%zu", i);
        char *dir = in_folder(state, name);
        struct journal *journal;
        struct sample first = example(0), other = example(1), later = example(0), *samples;
        first.status = cases[i].before;
        later.times_ns[0] = 5;
        assert_int_equal(journal_open(&journal, dir), 0);
        assert_int_equal(journal_append(journal, &first), 0);
        assert_int_equal(journal_append(journal, &other), 0);
        assert_int_equal(journal_append(journal, &later), -EEXIST); /* one sweep measures nothing twice */
        journal_close(journal);

        assert_int_equal(journal_open(&journal, dir), 0);
        journal_forget_failures(journal);
        assert_int_equal(journal_has(journal, NAME, 0), !cases[i].comes_again);
        assert_true(journal_has(journal, NAME, 1));
        assert_int_equal(journal_append(journal, &later), cases[i].comes_again ? 0 : -EEXIST);
        assert_int_equal(journal_append(journal, &later), -EEXIST);
        journal_close(journal);
        assert_int_equal(read_back(dir, &samples, 0), 2);
        assert_same(cases[i].comes_again ? &later : &first, &samples[0]);
        assert_same(&other, &samples[1]);
        free(samples);
        free(dir);
    }
}

/* The file of two records, cut at every byte of the second; then a third is appended. */
static void test_cut_at_every_byte(void **state)
{
    struct sample first = example(0), second = example(1);
    char *one = record_write(&first), *two = record_write(&second), *both;
    assert_true(asprintf(&both, "%s%s", one, two) > 0);
    size_t head = strlen(one), all = strlen(both);
    for (size_t size = head; size <= all; size++) {
        char name[64];
        struct sample *samples;
        snprintf(name, sizeof name, "cut-%zu/samples.jsonl", size);
        temporary_write(*state, name, both, size);
        *strchr(name, '/') = '\0';
        char *dir = in_folder(state, name);

        bool is_whole = size >= all - 1; /* without its newline it is whole all the same */
        size_t cut = is_whole || size == head ? 0 : 1;
        assert_int_equal(read_back(dir, &samples, cut), is_whole ? 2 : 1);
        assert_same(&first, &samples[0]);
        free(samples);

        append(dir, 2);
        size_t count = read_back(dir, &samples, cut);
        assert_int_equal(count, is_whole ? 3 : 2);
        assert_int_equal(samples[count - 1].round, 2);
        free(samples);
        if (!is_whole)
            append(dir, 1); /* the round that was cut can be taken again */
        free(dir);
    }
    free(one);
    free(two);
    free(both);
}

static void test_strangers(void **state)
{
    static const char *const lines[] = {
        "{}",
        "[]",
        "null",
        "garbage",
        "{\"cell\": \"x\"}",
        "\xff\xfe\x80",
        /* the times of a record must be numbers, as many as the others, and at most 32; counts not negative */
        "{\"cell\":\"x\",\"round\":0,\"status\":\"ok\",\"iterations\":1,\"tasks\":1,\"times_ns\":[\"1\"],\"loop_ns\":["
        "1],"
        "\"callback_ns\":[1],\"cpu_ns\":1,\"workers_cpu_ns\":1,\"handovers\":1,\"steals\":1,\"steal_pct\":1,"
        "\"involuntary\":1,\"load\":1,\"message\":\"\"}",
        "{\"cell\":\"x\",\"round\":0,\"status\":\"ok\",\"iterations\":1,\"tasks\":1,\"times_ns\":[1],\"loop_ns\":[1,2],"
        "\"callback_ns\":[1],\"cpu_ns\":1,\"workers_cpu_ns\":1,\"handovers\":1,\"steals\":1,\"steal_pct\":1,"
        "\"involuntary\":1,\"load\":1,\"message\":\"\"}",
        "{\"cell\":\"x\",\"round\":-1,\"status\":\"ok\",\"iterations\":1,\"tasks\":1,\"times_ns\":[],\"loop_ns\":[],"
        "\"callback_ns\":[],\"cpu_ns\":1,\"workers_cpu_ns\":1,\"handovers\":1,\"steals\":1,\"steal_pct\":1,"
        "\"involuntary\":1,\"load\":1,\"message\":\"\"}",
        "{\"cell\":\"x\",\"round\":0,\"status\":\"fine\",\"iterations\":1,\"tasks\":1,\"times_ns\":[],\"loop_ns\":[],"
        "\"callback_ns\":[],\"cpu_ns\":1,\"workers_cpu_ns\":1,\"handovers\":1,\"steals\":1,\"steal_pct\":1,"
        "\"involuntary\":1,\"load\":1,\"message\":\"\"}",
        "{\"cell\":\"x\",\"round\":0,\"status\":\"ok\",\"iterations\":1e999,\"tasks\":1,\"times_ns\":[],\"loop_ns\":[],"
        "\"callback_ns\":[],\"cpu_ns\":1,\"workers_cpu_ns\":1,\"handovers\":1,\"steals\":1,\"steal_pct\":1,"
        "\"involuntary\":1,\"load\":1,\"message\":\"\"}",
        "{\"cell\":\"x\",\"round\":99999999999999999999999,\"status\":\"ok\"}",
    };
    size_t count = sizeof lines / sizeof *lines;
    char *text = NULL;
    size_t size;
    struct sample first = example(0), again = example(0), last = example(1), *samples;
    FILE *file = open_memstream(&text, &size);
    char *record = record_write(&first);
    fputs(record, file);
    for (size_t i = 0; i < count; i++)
        fprintf(file, "%s\n", lines[i]);
    free(record);
    record = record_write(&again); /* (cell, round) twice: the first one counts */
    fputs(record, file);
    free(record);
    fwrite("{\"cell\":\0}\n\n", 1, 12, file); /* a 0 byte, an empty line */
    for (int i = 0; i < 300000; i++)
        fputc('[', file);
    fputc('\n', file);
    record = record_write(&last);
    fputs(record, file);
    free(record);
    fclose(file);
    temporary_write(*state, "strange/samples.jsonl", text, size);
    free(text);
    char *dir = in_folder(state, "strange");
    assert_int_equal(read_back(dir, &samples, count + 3), 2);
    assert_same(&first, &samples[0]);
    assert_same(&last, &samples[1]);
    free(samples);
    free(dir);
}

/* Records from before there were floors: they are whole, and no floor is known. A broken one is not taken for such. */
static void test_older_records(void **state)
{
    (void)state;
#define RECORD(more)                                                                                                   \
    "{\"cell\":\"x\",\"round\":0,\"status\":\"ok\",\"iterations\":1,\"tasks\":1,\"times_ns\":[1,2],\"loop_ns\":[1,2]," \
    "\"callback_ns\":[1,2]," more "\"cpu_ns\":1,\"workers_cpu_ns\":1,\"handovers\":1,\"steals\":1,\"steal_pct\":1,"    \
    "\"involuntary\":1,\"load\":1,\"message\":\"\"}"
    static const struct {
        const char *line;
        bool is_whole;
    } records[] = {{RECORD(""), true},
                   {RECORD("\"floor_ns\":[null,7],"), true},
                   {RECORD("\"floor_ns\":null,"), false},
                   {RECORD("\"floor_ns\":[7],"), false},
                   {RECORD("\"call_bytes\":\"7\","), false}};
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        struct sample sample;
        assert_int_equal(record_read(records[i].line, strlen(records[i].line), &sample), records[i].is_whole);
        if (records[i].is_whole) {
            assert_true(sample.times == 2 && sample.callback_ns[1] == 2 && isnan(sample.floor_ns[0]));
            assert_true(isnan(sample.call_bytes));
            assert_true(i == 0 ? isnan(sample.floor_ns[1]) : sample.floor_ns[1] == 7);
        }
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct sample full = example(0), back;
    full.times = JOURNAL_TIMES_MAX;
    for (int i = 0; i < full.times; i++)
        full.times_ns[i] = i == 0 ? 1e300 : i == 1 ? 1e-300 : (double)NAN;
    full.iterations = INT64_MAX;
    char *line = record_write(&full);
    assert_true(record_read(line, strlen(line), &back));
    assert_int_equal(back.times, JOURNAL_TIMES_MAX);
    assert_true(back.times_ns[0] == 1e300 && back.times_ns[1] == 1e-300 && isnan(back.times_ns[31]));
    assert_true(back.iterations == INT64_MAX);
    free(line);
    full.times = JOURNAL_TIMES_MAX + 1;
    assert_null(record_write(&full));
    full = example(0);
    strcpy(full.message, "\xff not text"); /* must not lose the sample */
    line = record_write(&full);
    assert_true(record_read(line, strlen(line), &back));
    free(line);
}

static void test_errors(void **state)
{
    struct sample *samples;
    struct journal *journal;
    size_t count, cut;
    char *dir = in_folder(state, "empty"), *missing;
    assert_int_equal(journal_read(dir, &samples, &count, &cut), -ENOENT);
    assert_true(asprintf(&missing, "%s/no/such", dir) > 0);
    assert_int_equal(journal_open(&journal, missing), -ENOENT);
    assert_null(journal);
    journal_close(NULL);
    free(missing);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_nothing_twice),
        cmocka_unit_test(test_failures_again), cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_strangers),      cmocka_unit_test(test_older_records),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, temporary_setup, temporary_teardown);
}
