/* SPDX-License-Identifier: MIT
 *
 * The data of a sweep: which matrix it is, and the same matrix as .npy files in the sweep's directory, made
 * once, so that no process has to draw millions of random numbers, and removed at the end.
 */
#ifndef GRAIN_BENCH_DATASET_H
#define GRAIN_BENCH_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "data/matrix.h"

struct dataset {
    /* what the matrix is */
    const char *input; /* a file, or NULL: random */
    uint64_t rows;     /* N: of the file, or as asked for */
    int32_t columns;
    uint32_t seed;
    int32_t minimum, maximum; /* inclusive */
    uint64_t content_hash;    /* of the file's values; 0 for a random matrix */

    const char *dir; /* where the .npy files go */
    uint64_t *made;  /* numbers of rows that there is a file for */
    size_t made_count;
};

/* Reads the input file, if there is one, and sets rows, columns and content_hash from it.
 * Returns 0 or a negative errno value with one line in error (see matrix.h). */
int dataset_check(struct dataset *dataset, char error[MATRIX_ERROR_MAX]);

/* The path of the matrix with that many rows as .npy; makes it when it is first asked for. The caller frees
 * *path. Returns 0 or a negative errno value with one line in error. */
int dataset_npy(struct dataset *dataset, uint64_t rows, char **path, char error[MATRIX_ERROR_MAX]);

/* Removes the files. */
void dataset_free(struct dataset *dataset);

/* FNV-1a over size bytes, going on from hash (start with DATASET_HASH_START): tells plans, builds and
 * files apart, nothing more. */
#define DATASET_HASH_START UINT64_C(14695981039346656037)
uint64_t dataset_hash(uint64_t hash, const void *bytes, size_t size);

#endif
