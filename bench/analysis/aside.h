/* SPDX-License-Identifier: MIT
 *
 * Writing a result file so that nobody ever sees half of it: the text is written aside, synced, and renamed.
 */
#ifndef GRAIN_BENCH_ASIDE_H
#define GRAIN_BENCH_ASIDE_H

#include <stddef.h>

/* Replaces DIR/NAME by size bytes of text. Returns 0 or -errno; the old file is then untouched. */
int aside_replace(const char *dir, const char *name, const char *text, size_t size);

/* Reads DIR/NAME whole, with a closing 0 byte; the caller frees *text. Returns 0 or -errno. */
int aside_read(const char *dir, const char *name, char **text, size_t *size);

#endif
