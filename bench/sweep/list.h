/* SPDX-License-Identifier: MIT
 *
 * Lists as they stand on the command line and in the tables of profiles.c: words and numbers between
 * commas. Numbers may be written 64, 2^6, 1..4 (every number), 2^0..2^17 (every power), and as words:
 * `python` (CPython's rule), `auto` (the pool chooses), `share` (of a chunk: an equal share for each worker), P, 2P,
 * 16P (so many for each usable CPU), N (rows of the data set), `up-to-P` and `up-to-2P` (1, 2, 4 ... and P, 2P
 * themselves).
 */
#ifndef GRAIN_BENCH_LIST_H
#define GRAIN_BENCH_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIST_MAX      1024
#define LIST_WORD_MAX 64
#define LIST_SHARE    (-2)

struct list {
    int64_t values[LIST_MAX]; /* `python` is GRAIN_CHUNK_PYTHON, `auto` is 0, `share` is LIST_SHARE */
    size_t count;
};

/* What the words P and N stand for. */
struct list_meaning {
    int cpus;
    uint64_t rows;
};

/* Reads numbers; a number twice is kept once. *problem (static text) says what is wrong.
 * Returns 0 or -EINVAL. */
int list_numbers(const char *text, const struct list_meaning *meaning, struct list *list, const char **problem);

/* Takes the next word off *text. Returns false at the end; a word that is too long is cut. */
bool list_next(const char **text, char word[LIST_WORD_MAX]);

/* Whether a word stands in the list. */
bool list_has(const char *text, const char *word);

#endif
