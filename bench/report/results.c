/* SPDX-License-Identifier: MIT
 *
 * Loads a sweep, has it analysed, and puts the page together from its parts. What the parts say is in finding.c,
 * tables.c and prose.c.
 */
#include "report/results.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/aside.h"
#include "analysis/statistics.h"
#include "report/parts.h"

const char *const report_backends[REPORT_BACKENDS] = {"fork", "pthread", "openmp"};

typedef int (*part_fn)(const struct report *report, FILE *out);

static const part_fn parts[] = {
    part_title,    part_finding, part_comparison, part_pays,     part_cliff,   part_core,
    part_overhead, part_choice,  part_growth,     part_metg,     part_calls,   part_tutorial,
    part_ladder,   part_peers,   part_figures,    part_backends, part_floor,   part_raw,
    part_model,    part_claims,  part_reading,    part_distrust, part_machine, part_command,
};

static int report_load(struct report *report, char error[REPORT_ERROR_MAX])
{
    struct stat info;
    char profile[ENV_TEXT_MAX];
    int status;

    if (stat(report->dir, &info) != 0) {
        status = -errno;
        snprintf(error, REPORT_ERROR_MAX, "%s: %s", report->dir, strerror(-status));
        return status;
    }
    if (!S_ISDIR(info.st_mode)) {
        snprintf(error, REPORT_ERROR_MAX, "%s is not a folder", report->dir);
        return -ENOTDIR;
    }
    status = env_open(&report->env, report->dir, error, REPORT_ERROR_MAX);
    if (status != 0)
        return status;
    report->quick = strcmp(env_text(&report->env, "profile", profile), "quick") == 0;
    status = journal_read(report->dir, &report->samples, &report->sample_count, &report->cut);
    if (status != 0)
        snprintf(error, REPORT_ERROR_MAX, "%s/samples.jsonl: %s", report->dir, strerror(-status));
    return status;
}

static int report_analyse(struct report *report, char error[REPORT_ERROR_MAX])
{
    int status = study_open(&report->study, report->samples, report->sample_count,
                            (int)env_number(&report->env, "usable_cpus", 0));

    if (status == -ENODATA)
        snprintf(error, REPORT_ERROR_MAX, "%s/samples.jsonl holds no sample: run grain sweep first", report->dir);
    if (status != 0)
        return status;
    status = claims_make(&report->claims, &report->study);
    if (status == 0)
        status = metg_make(&report->metg, &report->study);
    for (size_t i = 0; i < REPORT_BACKENDS && status == 0; i++)
        status = model_fit(&report->models[i], &report->study, report_backends[i]);
    return status == 0 && statistics_ran_out() ? -ENOMEM : status;
}

/* The sweeps inside: what is there must be whole. */
static int report_look_inside(struct report *report, char error[REPORT_ERROR_MAX])
{
    static const char *const folders[REPORT_FOLDERS] = {
        [REPORT_CORE] = "core",         [REPORT_GROWTH] = "growth", [REPORT_CALLS] = "calls",
        [REPORT_LADDER] = "ladder",     [REPORT_FLOOR] = "floor",   [REPORT_METG] = "metg",
        [REPORT_OVERHEAD] = "overhead", [REPORT_PEERS] = "peers",   [REPORT_CHOICE] = "choice-check",
    };
    int status = 0;

    for (size_t i = 0; i < REPORT_FOLDERS && status == 0; i++) {
        char *dir, *samples = NULL;

        if (asprintf(&dir, "%s/%s", report->dir, folders[i]) < 0)
            return -ENOMEM;
        if (asprintf(&samples, "%s/samples.jsonl", dir) < 0)
            status = -ENOMEM;
        else if (access(samples, F_OK) == 0)
            status = report_open(&report->inside[i], dir, error);
        free(samples);
        free(dir);
    }
    return status;
}

const struct report *report_inside(const struct report *report, enum report_folder folder)
{
    return report->inside[folder] != NULL ? report->inside[folder] : report;
}

int report_open(struct report **opened, const char *dir, char error[REPORT_ERROR_MAX])
{
    struct report *report = calloc(1, sizeof *report);
    int status = -ENOMEM;

    *opened = NULL;
    snprintf(error, REPORT_ERROR_MAX, "out of memory");
    if (report == NULL)
        return status;
    report->dir = strdup(dir);
    if (report->dir != NULL)
        status = report_load(report, error);
    if (status == 0)
        status = report_analyse(report, error);
    if (status == 0)
        status = report_look_inside(report, error);
    if (status == 0)
        *opened = report;
    else
        report_close(report);
    return status;
}

void report_close(struct report *report)
{
    if (report == NULL)
        return;
    for (size_t i = 0; i < REPORT_FOLDERS; i++)
        report_close(report->inside[i]);
    claims_free(&report->claims);
    metg_free(&report->metg);
    study_close(&report->study);
    free(report->samples);
    env_close(&report->env);
    free(report->dir);
    free(report);
}

/* One part, behind an empty line unless it is the first, or empty itself. */
static int part_text(const struct report *report, part_fn part, bool follows, FILE *out)
{
    char *text = NULL;
    size_t size = 0;
    FILE *aside = open_memstream(&text, &size);
    int status = aside != NULL ? part(report, aside) : -ENOMEM;

    if (aside != NULL && fclose(aside) != 0 && status == 0)
        status = -ENOMEM;
    if (status == 0 && size > 0)
        fprintf(out, "%s%s", follows ? "\n" : "", text);
    free(text);
    return status;
}

/* The whole page in memory. */
static int results_text(const struct report *report, char **text, size_t *size)
{
    FILE *out = open_memstream(text, size);
    int status = 0;

    if (out == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == 0; i++)
        status = part_text(report, parts[i], i > 0, out);
    if (fclose(out) != 0 && status == 0)
        status = -ENOMEM;
    return status;
}

int report_write(const struct report *report, char error[REPORT_ERROR_MAX])
{
    char *page = NULL, *claims = NULL,
         *json = claims_json(&report->claims, &report->study, report->models, REPORT_BACKENDS);
    const struct metg *metg = &report_inside(report, REPORT_METG)->metg;
    size_t size = 0;
    int status = results_text(report, &page, &size);

    if (status == 0 && (statistics_ran_out() || json == NULL || asprintf(&claims, "%s\n", json) < 0)) {
        claims = NULL;
        status = -ENOMEM;
    }
    if (status == 0)
        status = summary_write(&report->study.summary, report->dir);
    if (status == 0 && metg->count > 0)
        status = metg_write(metg, report->dir);
    if (status == 0)
        status = aside_replace(report->dir, "claims.json", claims, strlen(claims));
    if (status == 0)
        status = aside_replace(report->dir, "RESULTS.md", page, size);
    if (status != 0)
        snprintf(error, REPORT_ERROR_MAX, "cannot write into %s: %s", report->dir, strerror(-status));
    free(claims);
    free(json);
    free(page);
    return status;
}

int report_claims(const struct report *report, FILE *out)
{
    char *json = claims_json(&report->claims, &report->study, report->models, REPORT_BACKENDS);

    if (json == NULL)
        return -ENOMEM;
    fprintf(out, "%s\n", json);
    free(json);
    return 0;
}
