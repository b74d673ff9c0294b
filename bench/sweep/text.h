/* SPDX-License-Identifier: MIT
 *
 * Texts that come from outside, names of files above all, are bytes; JSON takes UTF-8 alone.
 */
#ifndef GRAIN_BENCH_TEXT_H
#define GRAIN_BENCH_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* How many of the `size` bytes at `bytes` are one character in UTF-8; 0: they do not begin with any. */
size_t text_character(const char *bytes, size_t size);

bool text_is_utf8(const char *text);

/* A JSON string of any text: each byte that is not UTF-8 stands as \xE9. NULL: no memory. */
json_t *text_json(const char *text);

#endif
