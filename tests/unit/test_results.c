/* SPDX-License-Identifier: MIT
 *
 * RESULTS.md from a folder: the same bytes each time; sentence, table and verdict follow the data; both outcomes of
 * every sentence; stamps, missing provenance, hostile provenance; bad folders leave nothing behind.
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "report_folder.h"

static void test_same_bytes(void **state)
{
    const struct folder *folder = *state;
    char *first, *second;

    put(folder, "env.json", ENV);
    first = make(folder, NULL);
    second = make(folder, NULL);
    assert_string_equal(first, second);
    assert_lacks(first, folder->dir);
    assert_lacks(first, "nan ");
    assert_lacks(first, "inf ");
    assert_lacks(first, "QUICK");
    free(first);
    free(second);
}

static void test_finding_holds(void **state)
{
    static const char *const parts[] = {
        "Handing over one row at a time loses: with fork and 2 workers",
        "all four 95 % intervals lie above 1, so this holds",
        "both intervals lie above 1, so this holds",
        "at least 3 x holds on each of them",
        "53.7 / 0.213 = 252.",
        "- fork: `dynamic` beats the serial loop from chunk 64 on and the serial callback from chunk 16 on.",
        "of the measured peak: at least 0.9 holds.",
        "Example CPU \\| 3000",
        "gcc 12.2, libgsl 2.7",
        "(figures/fig_chunk.svg)",
        "(figures/fig_overhead.svg)",
        "(figures/fig_speedup.svg)",
        "Example CPU | 3000, P = 2, 200000 rows, n = 11 rounds, commit abc1234.",
        "grain sweep --profile default",
        "as shipped: map dynamic",
        "267435",
    };
    const struct folder *folder = *state;
    char *finding, *page, *rest, *line;
    int lines = 0;

    put(folder, "env.json", ENV);
    page = make(folder, &finding);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        assert_has(page, parts[i]);
    for (rest = finding; (line = strsep(&rest, "\n")) != NULL && *line != '\0'; lines++) {
        assert_true(strlen(line) <= 79);
        assert_memory_equal(line, "Holds: ", 7);
    }
    assert_int_equal(lines, 3);
    free(finding);
    free(page);
}

/* One sample set tenfold: the sentence, the comparison, the table and the verdict all follow. */
static void test_tenfold(void **state)
{
    struct folder *folder = *state;
    const char *parts[] = {"1. ", "| fork              | map, chunk 1", "| map dynamic |     1 |",
                           "| fork: map, dynamic, chunk 1, is slower than the serial callback"};
    char *before, *after, *finding_before, *finding_after, *line;

    put(folder, "env.json", ENV);
    before = make(folder, &finding_before);
    assert_true(synthetic_scale(&folder->sweep, "howmany/fork/map/dynamic/chunk:1/workers:2/rows:200000", 0.1) > 0);
    after = make(folder, &finding_after);
    for (size_t i = 0; i < 4; i++) {
        char *old_line = line_with(before, parts[i]), *new_line = line_with(after, parts[i]);

        assert_string_not_equal(old_line, new_line);
        free(old_line);
        free(new_line);
    }
    assert_has(after, "not all four ratios lie above 1, so this does not hold");
    assert_has(after, "That handing over one row at a time loses does not hold here: ");
    line = line_with(after, "| fork: map, dynamic, chunk 1, is slower than the serial callback");
    assert_has(line, "| does not hold ");
    free(line);
    assert_memory_equal(finding_before, "Holds: fork", 11);
    assert_memory_equal(finding_after, "Does not hold: fork", 19);
    free(before);
    free(after);
    free(finding_before);
    free(finding_after);
}

/* Nothing loses, nothing pays: every sentence turns round. */
static void test_without_the_finding(void **state)
{
    struct folder *folder = *state;
    char *page, *finding;

    put(folder, "env.json", ENV);
    for (size_t i = 0; i < folder->sweep.count; i++) {
        struct sample *sample = &folder->sweep.samples[i];
        bool parallel = strstr(sample->cell, "/serial/") == NULL && strstr(sample->cell, "/peak/") == NULL;

        /* Every parallel cell takes exactly its serial time. */
        for (int k = 0; k < sample->times && parallel && strstr(sample->cell, "/open/") == NULL; k++) {
            bool cpython = strstr(sample->cell, "/cpython/") != NULL;
            double base = (cpython ? sample->loop_ns[k] : sample->callback_ns[k]) / SYNTHETIC_ROWS;

            if (strstr(sample->cell, "rows:200000/") != NULL)
                sample->times_ns[k] = base * (double)sample->tasks;
            else
                sample->times_ns[k] = sample->callback_ns[k];
        }
    }
    page = make(folder, &finding);
    assert_has(page, "That handing over one row at a time loses does not hold here");
    assert_has(page, "That CPython's `multiprocessing` loses likewise does not hold here");
    assert_has(page, "That the chunk decides does not hold on every backend here");
    assert_has(page, "- fork: `dynamic` beats neither baseline from any measured chunk on.");
    assert_has(page, "of the measured peak: at least 0.9 does not hold.");
    assert_lacks(page, "so this holds");
    assert_lacks(finding, "Holds");
    free(page);
    free(finding);
}

static void test_only_the_callback_is_beaten(void **state)
{
    struct folder *folder = *state;
    char *page;

    put(folder, "env.json", ENV);
    for (size_t i = 0; i < folder->sweep.count; i++) {
        struct sample *sample = &folder->sweep.samples[i];

        for (int k = 0; k < sample->times && strstr(sample->cell, "howmany/fork/map/dynamic") != NULL; k++)
            sample->loop_ns[k] /= 2;
    }
    page = make(folder, NULL);
    assert_has(page,
               "- fork: `dynamic` beats only the serial callback, from chunk 16 on; against the serial loop: at no");
    free(page);
}

static void test_one_cpu_and_missing_peer(void **state)
{
    struct folder *folder = *state;
    char *page, *finding, *line;

    put(folder, "env.json", "{\"usable_cpus\": 1, \"profile\": \"quick\"}");
    for (size_t i = 0; i < folder->sweep.count; i++)
        if (strstr(folder->sweep.samples[i].cell, "/cpython/") != NULL) {
            folder->sweep.samples[i].status = SAMPLE_MISSING;
            strcpy(folder->sweep.samples[i].message, "python3 was not found");
        }
    page = make(folder, &finding);
    assert_has(page, "# QUICK: ");
    assert_has(page, "not shown: 1 usable CPU");
    assert_lacks(page, "at least 0.9 holds");
    assert_lacks(page, "from chunk 16 on");
    assert_has(page, "python3 was not found");
    line = line_with(page, "| CPython           | apply");
    assert_has(line, "      missing | ");
    free(line);
    assert_has(page, "Whether CPython's `multiprocessing` loses likewise is not shown here (not measured)");
    assert_has(page, "unknown");
    assert_has(finding, "Not shown: CPython");
    assert_has(finding, "(not measured)");
    free(page);
    free(finding);
}

static void test_noise_is_told(void **state)
{
    struct folder *folder = *state;
    char *page, *finding, *line;

    put(folder, "env.json", ENV);
    for (size_t i = 0; i < folder->sweep.count; i++)
        if (strncmp(folder->sweep.samples[i].cell, "howmany/fork/apply", 18) == 0)
            folder->sweep.samples[i].steal_pct = 30;
    page = make(folder, &finding);
    assert_has(page, "so this holds (rests on noisy cells).");
    assert_has(page, " cells is noisy: ");
    line = line_with(page, "| fork: apply, a call a row, is slower than the serial loop");
    assert_has(line, "holds (rests on a noisy cell)");
    assert_has(finding, "(noisy)");
    free(line);
    free(page);
    free(finding);
}

static void refuse(const struct folder *folder, const char *dir, int expected)
{
    struct report *report;
    char error[REPORT_ERROR_MAX] = "", path[64];

    assert_int_equal(report_open(&report, dir, error), expected);
    assert_null(report);
    assert_true(strlen(error) > 10 && strchr(error, '\n') == NULL);
    snprintf(path, sizeof path, "%s/RESULTS.md", folder->dir);
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof path, "%s/summary.csv", folder->dir);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_bad_folders(void **state)
{
    struct folder *folder = *state;
    char path[64];

    refuse(folder, "/nonexistent/sweep", -ENOENT);
    refuse(folder, folder->dir, -ENOENT);
    put(folder, "env.json", "{\"usable_cpus\": 2,");
    refuse(folder, folder->dir, -EBADMSG);
    snprintf(path, sizeof path, "%s/env.json", folder->dir);
    refuse(folder, path, -ENOTDIR);
    put(folder, "env.json", "[1, 2]");
    refuse(folder, folder->dir, -EBADMSG);
    put(folder, "env.json", ENV);
    refuse(folder, folder->dir, -ENOENT);
    put(folder, "samples.jsonl", "");
    refuse(folder, folder->dir, -ENODATA);
    put(folder, "samples.jsonl", "{\"cell\": \"howmany/fork/ma");
    refuse(folder, folder->dir, -ENODATA);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_same_bytes),
        WITH_FOLDER(test_finding_holds),
        WITH_FOLDER(test_tenfold),
        WITH_FOLDER(test_without_the_finding),
        WITH_FOLDER(test_only_the_callback_is_beaten),
        WITH_FOLDER(test_one_cpu_and_missing_peer),
        WITH_FOLDER(test_noise_is_told),
        WITH_FOLDER(test_bad_folders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
