/* SPDX-License-Identifier: MIT
 *
 * env.json, made of what was asked for, the facts of facts.c, and two hashes: of the plan with its data,
 * and of the programs that take the samples.
 */
#include "provenance.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "facts.h"
#include "fresh.h"
#include "text.h"

static json_t *hex(uint64_t hash)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    return json_string(text);
}

/* Goes on from hash over a file's bytes; a file that cannot be read changes nothing. */
static uint64_t hash_file(uint64_t hash, const char *path)
{
    unsigned char bytes[16384];
    size_t got;
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    if (file == NULL)
        return hash;
    while ((got = fread(bytes, 1, sizeof bytes, file)) > 0)
        hash = dataset_hash(hash, bytes, got);
    fclose(file);
    return hash;
}

/* CPython's script, and what it imports from its own folder. */
static json_t *hash_scripts(const char *script)
{
    uint64_t hash = hash_file(DATASET_HASH_START, script);
    const char *slash = strrchr(script, '/');
    char *beside;
    if (slash == NULL || asprintf(&beside, "%.*s/notebook.py", (int)(slash - script), script) < 0)
        return hex(hash);
    hash = hash_file(hash, beside);
    free(beside);
    return hex(hash);
}

static uint64_t hash_plan(const struct plan *plan, const struct dataset *dataset, int cpus)
{
    uint64_t hash = plan_hash(plan);
    hash = dataset_hash(hash, &dataset->rows, sizeof dataset->rows);
    hash = dataset_hash(hash, &dataset->columns, sizeof dataset->columns);
    hash = dataset_hash(hash, &dataset->seed, sizeof dataset->seed);
    hash = dataset_hash(hash, &dataset->minimum, sizeof dataset->minimum);
    hash = dataset_hash(hash, &dataset->maximum, sizeof dataset->maximum);
    hash = dataset_hash(hash, &dataset->content_hash, sizeof dataset->content_hash);
    return dataset_hash(hash, &cpus, sizeof cpus);
}

static json_t *cell_names(const struct plan *plan)
{
    json_t *names = json_array();
    for (size_t i = 0; i < plan->count; i++)
        json_array_append_new(names, json_string(plan->cells[i].name));
    return names;
}

/* Cells and the chunks that their rivals have: what another sweep found. NULL: the plan has none. */
static json_t *winners(const struct plan *plan)
{
    json_t *all = NULL;
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->cells[i].rival_chunk == 0)
            continue;
        if (all == NULL)
            all = json_object();
        json_object_set_new(all, plan->cells[i].name, json_integer((json_int_t)plan->cells[i].rival_chunk));
    }
    return all;
}

json_t *provenance_make(const struct plan *plan, const struct measure *measure, const char *command,
                        uint64_t shuffle_seed)
{
    const struct dataset *dataset = measure->dataset;
    char date[64];
    clock_date(date, sizeof date);
    json_t *env = json_pack(
        "{s:i, s:s, s:o, s:s, s:I, s:I, s:I, s:i, s:o, s:i, s:i, s:i, s:i}", "format", PROVENANCE_FORMAT, "date", date,
        "command", text_json(command), "profile", plan->profile->name, "seed", (json_int_t)dataset->seed,
        "shuffle_seed", (json_int_t)shuffle_seed, "rows", (json_int_t)dataset->rows, "columns", dataset->columns,
        "input", text_json(dataset->input != NULL ? dataset->input : ""), "minimum", dataset->minimum, "maximum",
        dataset->maximum, "rounds", plan->rounds, "repetitions", plan->profile->repetitions);
    if (env == NULL)
        return NULL;
    facts_machine(env);
    facts_software(env);
    facts_source(env);
    json_object_set_new(env, "plan_hash", hex(hash_plan(plan, dataset, measure->cpus)));
    json_object_set_new(env, "build_hash", hex(hash_file(DATASET_HASH_START, measure->bench)));
    if (measure->script != NULL)
        json_object_set_new(env, "script_hash", hash_scripts(measure->script));
    json_object_set_new(env, "cells", cell_names(plan));
    json_t *won = winners(plan);
    if (won != NULL) {
        json_object_set_new(env, "winners", won);
        json_object_set_new(env, "winners_tried", json_integer((json_int_t)plan->winners_tried));
    }
    json_object_set_new(env, "finished", json_false());
    return env;
}

json_t *provenance_read(const char *dir)
{
    char *path;
    if (asprintf(&path, "%s/env.json", dir) < 0)
        return NULL;
    json_t *env = json_load_file(path, 0, NULL);
    free(path);
    return env;
}

int provenance_write(const json_t *content, const char *dir, const char *name)
{
    char *aside = NULL, *path = NULL;
    int status = -ENOMEM, fd = -1;
    if (asprintf(&path, "%s/%s", dir, name) < 0) {
        path = NULL;
        goto out;
    }
    fd = fresh_open(AT_FDCWD, path, &aside);
    if (fd < 0)
        status = fd;
    else if (json_dumpfd(content, fd, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) != 0 || write(fd, "\n", 1) != 1 ||
             fsync(fd) != 0 || rename(aside, path) != 0)
        status = errno != 0 ? -errno : -EIO;
    else
        status = 0;
    if (fd >= 0)
        close(fd);
    if (status != 0 && fd >= 0)
        unlink(aside);
out:
    free(aside);
    free(path);
    return status;
}

static bool is_unknown(const json_t *fact)
{
    const char *text = json_string_value(fact);
    return fact == NULL || (text != NULL && (strncmp(text, "unknown", 7) == 0 || strcmp(text, "missing") == 0));
}

void provenance_complete(json_t *before, json_t *now)
{
    const char *key;
    json_t *fact;
    json_object_foreach(now, key, fact) if (is_unknown(json_object_get(before, key)) && !is_unknown(fact))
        json_object_set(before, key, fact);
}

/* Also where neither is there. */
static bool is_same(const json_t *before, const json_t *now)
{
    return (before == NULL && now == NULL) || json_equal(before, now);
}

const char *provenance_differs(const json_t *before, const json_t *now)
{
    static const struct {
        const char *key, *sentence;
        bool may_be_unknown; /* git, or CPython's script, was or is not there, and nothing is known to differ */
    } checks[] = {
        {"winners", "the winners of the other sweep are not those it was started with", false},
        {"plan_hash", "the plan is not the one it was started with (same options?)", false},
        {"build_hash", "grain-bench has been built anew since", false},
        {"script_hash", "the script that measures CPython is another one", true},
        {"commit", "the source is at another commit", true},
        {"host", "it was started on another machine", true},
    };
    if (before == NULL)
        return "its env.json cannot be read";
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        const json_t *then = json_object_get(before, checks[i].key), *today = json_object_get(now, checks[i].key);
        bool is_passed = checks[i].may_be_unknown && (is_unknown(then) || is_unknown(today));
        if (!is_passed && !is_same(then, today))
            return checks[i].sentence;
    }
    return NULL;
}
