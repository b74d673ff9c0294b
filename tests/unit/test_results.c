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

#include "analysis/aside.h"
#include "report/results.h"
#include "synthetic.h"

#define ENV                                                                                                            \
    "{\"format\": 1, \"date\": \"2026-01-31T12:00:00Z\", \"command\": \"grain sweep --profile default\","              \
    " \"profile\": \"default\", \"cpu_model\": \"Example CPU | 3000\", \"usable_cpus\": 2, \"commit\": \"abc1234\","   \
    " \"dirty\": false, \"packages\": {\"gcc\": \"12.2\", \"libgsl\": \"2.7\"}, \"cells\": []}"

struct folder {
    char dir[32];
    struct synthetic sweep;
};

static void put(const struct folder *folder, const char *name, const char *text)
{
    assert_int_equal(aside_replace(folder->dir, name, text, strlen(text)), 0);
}

static void write_list(FILE *out, const char *key, const double *values, int count)
{
    fprintf(out, "\"%s\": [", key);
    for (int i = 0; i < count; i++)
        if (isfinite(values[i]))
            fprintf(out, "%s%.17g", i > 0 ? ", " : "", values[i]);
        else
            fprintf(out, "%snull", i > 0 ? ", " : "");
    fputs("], ", out);
}

/* samples.jsonl as the journal writes it. */
static void save(const struct folder *folder)
{
    static const char *const statuses[] = {"ok", "failed", "timeout", "wrong", "missing"};
    char path[64];
    FILE *out;

    snprintf(path, sizeof path, "%s/samples.jsonl", folder->dir);
    out = fopen(path, "w");
    assert_non_null(out);
    for (size_t i = 0; i < folder->sweep.count; i++) {
        const struct sample *sample = &folder->sweep.samples[i];

        fprintf(out, "{\"cell\": \"%s\", \"round\": %d, \"status\": \"%s\", \"iterations\": %d, \"tasks\": %d, ",
                sample->cell, sample->round, statuses[sample->status], (int)sample->iterations, (int)sample->tasks);
        write_list(out, "times_ns", sample->times_ns, sample->times);
        write_list(out, "loop_ns", sample->loop_ns, sample->times);
        write_list(out, "callback_ns", sample->callback_ns, sample->times);
        if (sample->floor_ns[0] > 0)
            write_list(out, "floor_ns", sample->floor_ns, sample->times);
        fprintf(out,
                "\"cpu_ns\": 1.0, \"workers_cpu_ns\": 1.0, \"handovers\": %.1f, \"steals\": 0.0, \"steal_pct\": %.1f, "
                "\"involuntary\": 0.0, \"load\": 1.0, \"message\": \"%s\"}\n",
                sample->handovers, sample->steal_pct, sample->message);
    }
    fclose(out);
}

static int set_up(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);

    strcpy(folder->dir, "/tmp/grain-results-XXXXXX");
    if (mkdtemp(folder->dir) == NULL)
        return -1;
    folder->sweep = synthetic_sweep();
    *state = folder;
    return 0;
}

static void drop(const struct folder *folder, const char *name)
{
    char path[64];

    snprintf(path, sizeof path, "%s/%s", folder->dir, name);
    unlink(path);
}

/* rmdir fails when anything but the five known files was left in the folder. */
static int tear_down(void **state)
{
    static const char *const names[] = {"env.json", "samples.jsonl", "summary.csv", "claims.json", "RESULTS.md"};
    struct folder *folder = *state;
    int status;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        drop(folder, names[i]);
    status = rmdir(folder->dir);
    synthetic_free(&folder->sweep);
    free(folder);
    return status;
}

/* The page; *finding, when not NULL, gets the three lines. */
static char *make(const struct folder *folder, char **finding)
{
    struct report *report;
    char error[REPORT_ERROR_MAX] = "", *page;
    size_t size;

    save(folder);
    if (report_open(&report, folder->dir, error) != 0 || report_write(report, error) != 0)
        fail_msg("%s", error);
    if (finding != NULL) {
        FILE *out = open_memstream(finding, &size);

        assert_int_equal(report_finding(report, out), 0);
        fclose(out);
    }
    report_close(report);
    assert_int_equal(aside_read(folder->dir, "RESULTS.md", &page, &size), 0);
    return page;
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("missing: %s", part);
}

static void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("should not be there: %s", part);
}

/* The line of text that contains part. The caller frees it. */
static char *line_with(const char *text, const char *part)
{
    const char *at = strstr(text, part), *start, *end;

    if (at == NULL)
        fail_msg("missing: %s", part);
    for (start = at; start > text && start[-1] != '\n'; start--)
        ;
    end = strchr(at, '\n');
    return strndup(start, end != NULL ? (size_t)(end - start) : strlen(start));
}

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

/* The part about the core is there when its cells are, and says what its claims say. */
static void test_core(void **state)
{
    struct folder *folder = *state;
    char *page, *line;

    put(folder, "env.json", ENV);
    page = make(folder, NULL);
    assert_lacks(page, "The pool's core");
    free(page);
    synthetic_core(&folder->sweep);
    page = make(folder, NULL);
    assert_has(page, "## The pool's core");
    line = line_with(page, "| fork: map, steal, chunk 1, 200000 rows: speedup over the serial callback");
    assert_has(line, "| >= 1.43 |  >= 1.6 | ");
    assert_has(line, " | 1.2");
    assert_has(line, "| holds, and so does the goal |");
    free(line);
    line = line_with(page, "| fork: apply, 1 worker, asleep");
    assert_has(line, "|       - |       - |  50.");
    assert_has(line, "| reported ");
    free(line);
    free(page);
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
        WITH_FOLDER(test_core),
        WITH_FOLDER(test_bad_folders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
