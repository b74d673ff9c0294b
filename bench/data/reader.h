/* SPDX-License-Identifier: MIT
 *
 * What the readers of the data stage share: limits, memory, and the one way to say what is wrong with a
 * file. A reader gets an open regular file that is not empty and leaves closing and clean-up to matrix.c.
 */
#ifndef GRAIN_BENCH_READER_H
#define GRAIN_BENCH_READER_H

#include <stdio.h>

#include "matrix.h"

#define MATRIX_COLUMNS_MAX 4096
#define QUOTE_MAX          160 /* a quoted piece of a file, terminator included */

struct source {
    FILE *file;
    const char *path;
    uint64_t size_bytes;
    char *error; /* MATRIX_ERROR_MAX bytes */
};

int npy_read(struct matrix *matrix, const struct source *source);
int csv_read(struct matrix *matrix, const struct source *source);

/* Writes "PATH: REASON" to error and returns status. What comes from a file must have been quoted. */
int matrix_fail(char *error, const char *path, int status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The last error of the C library on that file, as matrix_fail() says it; what: "opened", "read". */
int matrix_fail_errno(char *error, const char *path, int number, const char *what);

/* Copies bytes as printable ASCII: others become \n, \t, \x07; what does not fit is cut and "..." put. */
void matrix_quote(char *out, size_t size, const char *bytes, size_t length);

/* Checks the shape and allocates; sets rows, columns and values. -EINVAL with *reason, or -ENOMEM. */
int matrix_allocate(struct matrix *matrix, uint64_t rows, uint64_t columns, const char **reason);

#endif
