/* SPDX-License-Identifier: MIT
 *
 * DIR/env.json: where a sweep's figures come from. Written when the sweep starts and again when it ends;
 * --resume compares its hashes with the plan and the programs of today.
 */
#ifndef GRAIN_BENCH_PROVENANCE_H
#define GRAIN_BENCH_PROVENANCE_H

#include <jansson.h>

#include "measure.h"
#include "plan.h"

#define PROVENANCE_FORMAT 1

/* The facts of one sweep. NULL: no memory. */
json_t *provenance_make(const struct plan *plan, const struct measure *measure, const char *command,
                        uint64_t shuffle_seed);

/* DIR/env.json, NULL when there is none that can be read. */
json_t *provenance_read(const char *dir);

/* Writes a JSON file into DIR: aside, synced, then renamed. Returns 0 or -errno. */
int provenance_write(const json_t *content, const char *dir, const char *name);

/* Adds to what is known of a sweep that goes on what could not be found out when it began: a program was missing. */
void provenance_complete(json_t *before, json_t *now);

/* Why the sweep in DIR cannot be resumed with this plan and these programs; NULL: it can. Static text. */
const char *provenance_differs(const json_t *before, const json_t *now);

#endif
