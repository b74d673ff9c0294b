/* SPDX-License-Identifier: MIT
 *
 * Reads env.json with jansson and turns any of its values into a line of text.
 */
#include "report/env.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int env_open(struct env *env, const char *dir, char *error, size_t error_size)
{
    char path[4096];
    json_error_t problem;

    env->root = NULL;
    if (snprintf(path, sizeof path, "%s/env.json", dir) >= (int)sizeof path || access(path, F_OK) != 0) {
        snprintf(error, error_size, "%s is not the folder of a sweep: it has no env.json", dir);
        return -ENOENT;
    }
    env->root = json_load_file(path, 0, &problem);
    if (env->root == NULL) {
        snprintf(error, error_size, "%s: line %d: %s", path, problem.line, problem.text);
        return -EBADMSG;
    }
    if (!json_is_object(env->root)) {
        snprintf(error, error_size, "%s: not a JSON object", path);
        env_close(env);
        return -EBADMSG;
    }
    return 0;
}

void env_close(struct env *env)
{
    json_decref(env->root);
    env->root = NULL;
}

/* Appends formatted text for as far as there is room. */
static void append(char text[ENV_TEXT_MAX], const char *prefix, const char *more)
{
    size_t length = strlen(text);

    snprintf(text + length, ENV_TEXT_MAX - length, "%s%s", prefix, more);
}

static void append_value(char text[ENV_TEXT_MAX], const json_t *value)
{
    char number[64] = "";
    const char *key;
    json_t *entry;
    size_t index;

    if (json_is_string(value)) {
        append(text, "", json_string_length(value) > 0 ? json_string_value(value) : "none");
    } else if (json_is_integer(value)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        append(text, "", number);
    } else if (json_is_real(value)) {
        snprintf(number, sizeof number, "%g", json_real_value(value));
        append(text, "", number);
    } else if (json_is_boolean(value)) {
        append(text, "", json_is_true(value) ? "yes" : "no");
    } else if (json_is_array(value) && json_array_size(value) > 0) {
        json_array_foreach(value, index, entry)
        {
            append(text, index > 0 ? ", " : "", "");
            append_value(text, entry);
        }
    } else if (json_is_object(value) && json_object_size(value) > 0) {
        json_object_foreach((json_t *)value, key, entry)
        {
            append(text, *text != '\0' ? ", " : "", key);
            append(text, " ", "");
            append_value(text, entry);
        }
    } else {
        append(text, "", json_is_null(value) ? "unknown" : "none");
    }
}

const char *env_text(const struct env *env, const char *key, char text[ENV_TEXT_MAX])
{
    const json_t *value = json_object_get(env->root, key);

    text[0] = '\0';
    if (value == NULL)
        return strcpy(text, "unknown");
    append_value(text, value);
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20)
            *at = ' ';
    return text;
}

long long env_number(const struct env *env, const char *key, long long fallback)
{
    const json_t *value = json_object_get(env->root, key);

    return json_is_integer(value) ? (long long)json_integer_value(value) : fallback;
}

size_t env_count(const struct env *env, const char *key)
{
    return json_array_size(json_object_get(env->root, key));
}
