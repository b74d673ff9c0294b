/* SPDX-License-Identifier: MIT
 *
 * The data set: a matrix of int32_t, made like numpy's RandomState(seed).randint(0, 10, (rows, columns)),
 * bit for bit, or read from a .npy or .csv file. Errors are one line that names file, place and reason.
 */
#ifndef GRAIN_BENCH_MATRIX_H
#define GRAIN_BENCH_MATRIX_H

#include <stddef.h>
#include <stdint.h>

#define MATRIX_ERROR_MAX 512

struct matrix {
    int32_t *values; /* rows * columns, row by row; the matrix owns it */
    uint64_t rows;
    int32_t columns;
};

/* All three: 0, or a negative errno value with one line in error. -EINVAL and -ENOENT etc.: the input is bad
 * (exit code 2); -ENOMEM: it is not. */
int matrix_random(struct matrix *matrix, uint64_t rows, int32_t columns, uint32_t seed, char error[MATRIX_ERROR_MAX]);
int matrix_read(struct matrix *matrix, const char *path, char error[MATRIX_ERROR_MAX]); /* by extension */
void matrix_free(struct matrix *matrix);

/* Gives the memory of all rows but the first few back; rows keeps saying how many there were. */
void matrix_shrink(struct matrix *matrix, uint64_t rows);

#endif
