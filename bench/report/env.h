/* SPDX-License-Identifier: MIT
 *
 * env.json, the provenance of a sweep, as text for the report. A key that is missing reads "unknown".
 */
#ifndef GRAIN_BENCH_ENV_H
#define GRAIN_BENCH_ENV_H

#include <stddef.h>

#include <jansson.h>

#define ENV_TEXT_MAX 1024

struct env {
    json_t *root;
};

/* Returns 0; -ENOENT no such file; -EBADMSG not a JSON object; one line in error. */
int env_open(struct env *env, const char *dir, char *error, size_t error_size);
void env_close(struct env *env);

/* The value as one line of text: numbers and flags too, lists and objects with commas between. Returns text. */
const char *env_text(const struct env *env, const char *key, char text[ENV_TEXT_MAX]);

/* The value as a whole number; fallback when it is none. */
long long env_number(const struct env *env, const char *key, long long fallback);

/* How many entries a list has; 0 when it is none. */
size_t env_count(const struct env *env, const char *key);

#endif
