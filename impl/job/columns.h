/* SPDX-License-Identifier: MIT
 *
 * Which bytes of a starmap's columns are copied, and where a copy of them begins. Columns that lie among each other, as
 * the members of an array of structs do, are copied once: they lie in the copy as they lie in the caller's memory.
 * Bytes between columns that do not meet are nobody's, and are not read.
 */
#ifndef GRAIN_COLUMNS_H
#define GRAIN_COLUMNS_H

#include "job.h"

/* What one copy is of: `size` bytes from `from` on. It begins `phase` bytes behind a multiple of `alignment`. */
struct columns_span {
    uintptr_t from;
    size_t size, alignment, phase;
};

struct columns_plan {
    size_t count;
    struct columns_span spans[GRAIN_COLUMNS_MAX];
    unsigned char span_of[GRAIN_COLUMNS_MAX]; /* of each column; COLUMNS_NONE: none */
};

#define COLUMNS_NONE 255

/* The values [begin, end) of the columns. is_left(user, data, size): whether those of a column are not to be copied;
 * NULL: all are. */
void columns_plan(struct columns_plan *plan, const struct job *job, size_t begin, size_t end,
                  bool (*is_left)(const void *user, const void *data, size_t size), const void *user);

/* Where value 0 of a column lies, when the copy of its span lies at `copy`. In integers: there may be nothing there. */
uintptr_t columns_place(const struct columns_plan *plan, const struct job *job, size_t column, uintptr_t copy);

#endif
