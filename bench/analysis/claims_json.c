/* SPDX-License-Identifier: MIT
 *
 * claims.json: what RESULTS.md says, for programs. A figure that is not known is null.
 */
#include <math.h>
#include <stdlib.h>

#include <jansson.h>

#include "analysis/claims.h"

#define JSON_FLAGS (JSON_INDENT(2) | JSON_REAL_PRECISION(10))

static json_t *figure(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *claim_json(const struct claim *claim)
{
    json_t *cells = json_array();

    for (size_t i = 0; i < 2; i++)
        if (claim->cells[i][0] != '\0')
            json_array_append_new(cells, json_string(claim->cells[i]));
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:f, s:I, s:I, s:o}", "id", claim->id, "claim", claim->text,
        "verdict", claim->verdict, "answer", claim->answer, "note", claim->note, "ratio", figure(claim->ratio.median),
        "ci_low", figure(claim->ratio.low), "ci_high", figure(claim->ratio.high), "relation", claim->relation, "limit",
        claim->limit, "rounds", (json_int_t)claim->ratio.values, "chunk", (json_int_t)claim->chunk, "cells", cells);

    if (claim->goal > 0)
        json_object_set_new(json, "goal", json_real(claim->goal));
    if (claim->over_loop.values > 0)
        json_object_set_new(json, "speedup_loop",
                            json_pack("[o, o, o]", figure(claim->over_loop.median), figure(claim->over_loop.low),
                                      figure(claim->over_loop.high)));
    return json;
}

static json_t *model_json(const struct model *model)
{
    return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "backend", model->backend, "chunks",
                     (json_int_t)model->chunks, "overhead_ns_per_chunk", figure(model->chunk_ns), "overhead_error_ns",
                     figure(model->chunk_error_ns), "start_ns", figure(model->start_ns), "start_error_ns",
                     figure(model->start_error_ns), "apply_overhead_ns_per_task", figure(model->apply_ns));
}

char *claims_json(const struct claims *claims, const struct study *study, const struct model *models, size_t count)
{
    json_t *list = json_array(), *fits = json_array(), *root;
    char *text = NULL;

    for (size_t i = 0; i < claims->count; i++)
        json_array_append_new(list, claim_json(&claims->claims[i]));
    for (size_t i = 0; i < count; i++)
        json_array_append_new(fits, model_json(&models[i]));
    root = json_pack("{s:i, s:i, s:i, s:I, s:f, s:o, s:o}", "format", 1, "usable_cpus", study->usable_cpus, "workers",
                     study->workers, "rows", (json_int_t)study->rows, "notebook_overhead_ns_per_task",
                     model_notebook_ns(), "claims", list, "models", fits);
    if (root != NULL)
        text = json_dumps(root, JSON_FLAGS);
    json_decref(root);
    return text;
}
