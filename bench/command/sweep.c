/* SPDX-License-Identifier: MIT
 *
 * `grain sweep`: measures a plan of cells into a directory. What a plan is: sweep/plan.h; how it runs:
 * sweep/run.h; the options: sweep_options.c. Here are the rules for the directory, and the end: what to do next, the
 * exit code, and after Ctrl-C the command that goes on.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "sweep/calibrate.h"
#include "sweep/clock.h"
#include "sweep/estimate.h"
#include "sweep/program.h"
#include "sweep/progress.h"
#include "sweep/provenance.h"
#include "sweep/run.h"
#include "sweep_options.h"
#include "sweep_winners.h"

#define PROGRAM "grain sweep"

static volatile sig_atomic_t stop;

static void note_signal(int signo)
{
    stop = signo;
}

/* ------------------------------------------------------------------------------------ the dry run */

static int dry_run(const struct sweep_asked *asked, const struct plan *plan)
{
    char time[32];
    double estimate_s = estimate_plan(plan, asked->plan.cpus);
    if (!asked->is_json) {
        for (size_t i = 0; i < plan->count; i++) {
            fputs(plan->cells[i].name, stdout);
            if (plan->cells[i].rival_chunk > 0)
                printf(" beside chunk:%" PRIu64, plan->cells[i].rival_chunk);
            putchar('\n');
        }
        progress_time(estimate_s, time);
        printf("%zu cells, %d rounds, %zu samples: about %s\n", plan->count, plan->rounds,
               plan->count * (size_t)plan->rounds, time);
        return EXIT_FINE;
    }
    json_t *names = json_array();
    for (size_t i = 0; i < plan->count; i++)
        json_array_append_new(names, json_string(plan->cells[i].name));
    json_t *all = json_pack("{s:s, s:i, s:i, s:f, s:o}", "profile", plan->profile->name, "count", (int)plan->count,
                            "rounds", plan->rounds, "estimate_s", estimate_s, "cells", names);
    return say_json(PROGRAM, all);
}

/* ---------------------------------------------------------------------------------- the directory */

/* mkdir -p */
static int make_folders(const char *dir)
{
    char path[4096];
    snprintf(path, sizeof path, "%s", dir);
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL)
            *slash = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            return -errno;
        if (slash == NULL)
            return 0;
        *slash = '/';
    }
}

/* Creates and locks DIR, and checks that it is one that this sweep may write into. */
static int take_directory(const struct sweep_asked *asked, struct journal **journal)
{
    struct sample *samples = NULL;
    size_t count = 0, cut = 0;
    json_t *env = asked->is_resume ? provenance_read(asked->out) : NULL;
    json_decref(env);
    if (asked->is_resume && env == NULL) {
        say_error(PROGRAM, "%s holds no sweep (no env.json that can be read): there is nothing to resume", asked->out);
        return EXIT_USAGE;
    }
    int status = make_folders(asked->out);
    if (status == 0)
        status = journal_open(journal, asked->out);
    if (status == 0)
        status = journal_read(asked->out, &samples, &count, &cut);
    free(samples);
    if (status == -EBUSY) {
        say_error(PROGRAM, "%s: another sweep is writing into it", asked->out);
        return EXIT_RUNTIME;
    }
    if (status != 0) {
        say_error(PROGRAM, "%s: %s", asked->out, strerror(-status));
        return EXIT_RUNTIME;
    }
    if (count + cut > 0 && !asked->is_resume) {
        say_error(PROGRAM, "%s holds samples already: --resume goes on with them, --out DIR writes elsewhere",
                  asked->out);
        return EXIT_USAGE;
    }
    if (cut > 0)
        say_note(0, "%s/samples.jsonl: %zu line%s left out: not whole records", asked->out, cut, cut == 1 ? "" : "s");
    return EXIT_FINE;
}

/* The provenance to write: a new one, or, when resuming, the old one after a comparison. NULL: refused. */
static json_t *take_provenance(const struct sweep_asked *asked, const struct plan *plan, const struct measure *measure,
                               uint64_t *shuffle_seed, int *code)
{
    uint32_t random = 0;
    json_t *before = asked->is_resume ? provenance_read(asked->out) : NULL;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        random = (uint32_t)getpid();
    json_t *now = provenance_make(plan, measure, asked->command, random);
    const char *difference = asked->is_resume ? provenance_differs(before, now) : NULL;
    *code = now == NULL ? EXIT_RUNTIME : EXIT_FINE;
    if (now == NULL)
        say_error(PROGRAM, "%s: %s", asked->out, strerror(ENOMEM));
    if (difference != NULL) {
        say_error(PROGRAM, "cannot resume %s: %s", asked->out, difference);
        *code = EXIT_USAGE;
    }
    if (*code == EXIT_FINE && asked->is_resume)
        provenance_complete(before, now);
    if (*code != EXIT_FINE || asked->is_resume) {
        json_decref(now);
        now = before;
    }
    if (*code != EXIT_FINE) {
        json_decref(now);
        return NULL;
    }
    *shuffle_seed = (uint64_t)json_integer_value(json_object_get(now, "shuffle_seed"));
    return now;
}

/* ------------------------------------------------------------------------------------------- run */

/* The two commands that follow, as they can be pasted. */
static void say_next(const char *dir)
{
    if (say_verbosity < 0)
        return;
    fputs("next: grain report ", stderr);
    sweep_quote(stderr, dir);
    fputs(" && grain plot ", stderr);
    sweep_quote(stderr, dir);
    fputc('\n', stderr);
}

/* How it ended, in words and as an exit code. */
static int conclude(const struct sweep_asked *asked, const struct run *run, int status)
{
    if (status == -EINTR) {
        fputs("interrupted; what is finished is kept. To go on:\n", stderr);
        sweep_quote(stderr, program_path());
        fprintf(stderr, "%s%s", asked->command + strlen("grain"), asked->is_resume ? "" : " --resume");
        if (!asked->is_out_given)
            fprintf(stderr, " --out %s", asked->out);
        fputc('\n', stderr);
        return EXIT_INTERRUPTED;
    }
    if (status != 0) {
        say_error(PROGRAM, "%s: %s", asked->out, strerror(-status));
        return EXIT_RUNTIME;
    }
    say_note(0, "%s: %zu cells in %d rounds%s", asked->out, run->plan->count, run->plan->rounds,
             run->failed + run->timed_out + run->wrong + run->missing == 0 ? ", all fine" : "");
    const struct {
        size_t count;
        const char *what;
    } lines[] = {{run->wrong, "gave a wrong result"},
                 {run->failed, "failed"},
                 {run->timed_out, "took too long"},
                 {run->missing, "could not be measured: a program is missing"}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (lines[i].count > 0)
            say_note(0, "%zu cell%s %s", lines[i].count, lines[i].count == 1 ? "" : "s", lines[i].what);
    if (run->failed + run->timed_out + run->missing > 0)
        say_note(0, "the same command with --resume measures %s again", run->wrong > 0 ? "all but the wrong" : "them");
    say_next(asked->out);
    return run->wrong > 0 ? EXIT_WRONG : run->failed + run->timed_out > 0 ? EXIT_INCOMPLETE : EXIT_FINE;
}

static void catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        program_catch(signals[i], note_signal);
}

static int sweep(struct sweep_asked *asked, const struct plan *plan, const struct measure *measure)
{
    struct journal *journal = NULL;
    struct run run = {.plan = plan,
                      .measure = measure,
                      .dir = asked->out,
                      .budget_s = asked->budget_s >= 0 ? asked->budget_s : plan->profile->budget_s,
                      .verbosity = say_verbosity};
    json_t *env = NULL;
    int code = take_directory(asked, &journal);
    if (code == EXIT_FINE)
        env = take_provenance(asked, plan, measure, &run.shuffle_seed, &code);
    if (code != EXIT_FINE)
        goto out;
    if (!asked->is_resume)
        calibrate_forget(asked->out);
    json_object_set_new(env, "finished", json_false());
    int status = provenance_write(env, asked->out, "env.json");
    run.journal = journal;
    catch_signals();
    if (status == 0)
        status = run_plan(&run);
    if (status == 0) {
        json_object_set_new(env, "finished", json_true());
        status = provenance_write(env, asked->out, "env.json");
    }
    code = conclude(asked, &run, status);
out:
    json_decref(env);
    journal_close(journal);
    return code;
}

/* Input and plan; then either show it or run it. */
static int prepare(struct sweep_asked *asked)
{
    char problem[PLAN_PROBLEM_MAX] = "", error[MATRIX_ERROR_MAX] = "", day[32], out[128];
    struct plan plan;
    struct measure measure = {
        .dataset = &asked->data, .limit_s = asked->timeout_s, .cpus = asked->plan.cpus, .stop = &stop};
    int status = dataset_check(&asked->data, error);
    if (status != 0) {
        say_error(PROGRAM, "%s", error);
        return status == -ENOMEM ? EXIT_RUNTIME : EXIT_USAGE;
    }
    asked->plan.input_rows = asked->data.input != NULL ? asked->data.rows : 0;
    status = plan_make(&plan, &asked->plan, problem);
    if (status == 0 && (status = winners_take(&plan, asked->winners, problem)) != 0)
        plan_free(&plan);
    if (status != 0) {
        say_error(PROGRAM, "%s", status == -EINVAL ? problem : strerror(-status));
        return status == -EINVAL ? EXIT_USAGE : EXIT_RUNTIME;
    }
    int code;
    measure.min_time_s = plan.profile->min_time_s;
    if (asked->is_dry_run) {
        code = dry_run(asked, &plan);
    } else if (measure_find_programs(&measure) != 0) {
        say_error(PROGRAM, "%s is not there: it is built together with grain",
                  measure.bench != NULL ? measure.bench : "grain-bench");
        code = EXIT_MISSING;
    } else {
        clock_day(day, sizeof day);
        snprintf(out, sizeof out, "results/%s-%s", day, plan.profile->name);
        if (asked->out == NULL)
            asked->out = out;
        asked->data.dir = asked->out;
        code = sweep(asked, &plan, &measure);
    }
    measure_free(&measure);
    plan_free(&plan);
    return code;
}

int command_sweep(int argc, char **argv)
{
    struct sweep_asked asked;
    if (!sweep_options(&asked, argc, argv)) {
        say_error(PROGRAM, "%s", strerror(ENOMEM));
        return EXIT_RUNTIME;
    }
    int code = prepare(&asked);
    dataset_free(&asked.data);
    free(asked.command);
    return code;
}
