/* SPDX-License-Identifier: MIT
 *
 * The folder of a made-up sweep, and the page that is made from it: for the tests of the report. Include it after
 * cmocka.h.
 */
#ifndef GRAIN_TESTS_REPORT_FOLDER_H
#define GRAIN_TESTS_REPORT_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static inline void put(const struct folder *folder, const char *name, const char *text)
{
    assert_int_equal(aside_replace(folder->dir, name, text, strlen(text)), 0);
}

static inline void write_list(FILE *out, const char *key, const double *values, int count)
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
static inline void save(const struct folder *folder)
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
        if (sample->rival_chunk > 0) {
            write_list(out, "rival_ns", sample->rival_ns, sample->times);
            fprintf(out, "\"rival_chunk\": %.1f, ", sample->rival_chunk);
        }
        fprintf(out,
                "\"cpu_ns\": 1.0, \"workers_cpu_ns\": 1.0, \"handovers\": %.1f, \"steals\": 0.0, \"steal_pct\": %.1f, "
                "\"involuntary\": 0.0, \"load\": 1.0, \"call_bytes\": %.1f, ",
                sample->handovers, sample->steal_pct, sample->call_bytes);
        if (sample->submit_ns > 0)
            fprintf(out, "\"submit_ns\": %.1f, \"collect_ns\": %.1f, ", sample->submit_ns, sample->collect_ns);
        if (sample->out_of_order > 0)
            fprintf(out, "\"out_of_order\": %.1f, ", sample->out_of_order);
        fprintf(out, "\"message\": \"%s\"}\n", sample->message);
    }
    fclose(out);
}

static inline int set_up(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);

    strcpy(folder->dir, "/tmp/grain-results-XXXXXX");
    if (mkdtemp(folder->dir) == NULL)
        return -1;
    folder->sweep = synthetic_sweep();
    *state = folder;
    return 0;
}

static inline void drop(const struct folder *folder, const char *name)
{
    char path[64];

    snprintf(path, sizeof path, "%s/%s", folder->dir, name);
    unlink(path);
}

/* rmdir fails when anything but the known files was left in the folder; metg.csv is there where a sweep has curves. */
static inline int tear_down(void **state)
{
    static const char *const names[] = {"env.json",    "samples.jsonl", "summary.csv",
                                        "claims.json", "RESULTS.md",    "metg.csv"};
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
static inline char *make(const struct folder *folder, char **finding)
{
    struct report *report;
    char error[REPORT_ERROR_MAX] = "", *page = NULL;
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

static inline void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("missing: %s", part);
}

static inline void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("should not be there: %s", part);
}

/* The line of text that contains part. The caller frees it. */
static inline char *line_with(const char *text, const char *part)
{
    const char *at = strstr(text, part), *start, *end;

    if (at == NULL)
        fail_msg("missing: %s", part);
    for (start = at; start > text && start[-1] != '\n'; start--)
        ;
    end = strchr(at, '\n');
    return strndup(start, end != NULL ? (size_t)(end - start) : strlen(start));
}

#endif
