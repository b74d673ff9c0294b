/* SPDX-License-Identifier: MIT
 *
 * One record of the journal as a line of JSON, there and back. A figure that is not there (NAN) is null.
 */
#ifndef GRAIN_BENCH_RECORD_H
#define GRAIN_BENCH_RECORD_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "journal.h"

/* A sample with no figures in it yet: everything that may be unknown is NAN. */
void record_blank(struct sample *sample, const char *cell, int round);

/* The line with its newline; the caller frees it. NULL: no memory, or the sample breaks the format. */
char *record_write(const struct sample *sample);

/* Reads one line of `length` bytes, without its newline. False: it is no whole record. */
bool record_read(const char *line, size_t length, struct sample *sample);

/* "ok", "failed", "timeout", "wrong", "missing". */
const char *record_status_name(enum sample_status status);

/* Whether it stays as it is. The others may have come of something that is over: a sweep that goes on measures them
 * again, and what it then finds takes their place. */
bool record_is_final(enum sample_status status);

#endif
