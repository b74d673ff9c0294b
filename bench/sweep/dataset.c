/* SPDX-License-Identifier: MIT
 *
 * What the data of a sweep is, and its copies as .npy: every process reads one, instead of making its own.
 */
#include "dataset.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NPY_HEADER 128 /* magic, version, length and the padded dictionary; numpy pads to 64 as well */

uint64_t dataset_hash(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * UINT64_C(1099511628211);
    return hash;
}

static size_t matrix_size(const struct matrix *matrix)
{
    return (size_t)matrix->rows * (size_t)matrix->columns * sizeof *matrix->values;
}

int dataset_check(struct dataset *dataset, char error[MATRIX_ERROR_MAX])
{
    struct matrix matrix;
    if (dataset->input == NULL)
        return 0;
    int status = matrix_read(&matrix, dataset->input, error);
    if (status != 0)
        return status;
    dataset->rows = matrix.rows;
    dataset->columns = matrix.columns;
    dataset->content_hash = dataset_hash(DATASET_HASH_START, matrix.values, matrix_size(&matrix));
    matrix_free(&matrix);
    return 0;
}

static int write_npy(const char *path, const struct matrix *matrix)
{
    char header[NPY_HEADER] = "\x93NUMPY\x01";
    int length = snprintf(header + 10, sizeof header - 10,
                          "{'descr': '<i4', 'fortran_order': False, 'shape': (%" PRIu64 ", %" PRId32 "), }",
                          matrix->rows, matrix->columns);
    memset(header + 10 + length, ' ', sizeof header - 10 - (size_t)length);
    header[8] = NPY_HEADER - 10;
    header[NPY_HEADER - 1] = '\n';

    /* What a killed sweep left goes; a link that somebody put there is not followed. */
    unlink(path);
    FILE *file = fopen(path, "wxe");
    if (file == NULL)
        return -errno;
    size_t count = (size_t)matrix->rows * (size_t)matrix->columns;
    bool is_whole = fwrite(header, sizeof header, 1, file) == 1 &&
                    fwrite(matrix->values, sizeof *matrix->values, count, file) == count;
    if (fclose(file) == 0 && is_whole)
        return 0;
    int status = errno != 0 ? -errno : -EIO;
    unlink(path);
    return status;
}

static char *path_of(const struct dataset *dataset, uint64_t rows)
{
    char *path;
    return asprintf(&path, "%s/data-%" PRIu64 ".npy", dataset->dir, rows) < 0 ? NULL : path;
}

static bool is_made(const struct dataset *dataset, uint64_t rows)
{
    for (size_t i = 0; i < dataset->made_count; i++)
        if (dataset->made[i] == rows)
            return true;
    return false;
}

static int make(struct dataset *dataset, uint64_t rows, const char *path, char error[MATRIX_ERROR_MAX])
{
    struct matrix matrix;
    uint64_t *more = reallocarray(dataset->made, dataset->made_count + 1, sizeof *more);
    if (more == NULL)
        return -ENOMEM;
    dataset->made = more;
    int status = dataset->input != NULL ? matrix_read(&matrix, dataset->input, error)
                                        : matrix_random(&matrix, rows, dataset->columns, dataset->seed, error);
    if (status != 0)
        return status;
    status = write_npy(path, &matrix);
    matrix_free(&matrix);
    if (status != 0)
        snprintf(error, MATRIX_ERROR_MAX, "%s: %s", path, strerror(-status));
    else
        dataset->made[dataset->made_count++] = rows;
    return status;
}

int dataset_npy(struct dataset *dataset, uint64_t rows, char **path, char error[MATRIX_ERROR_MAX])
{
    snprintf(error, MATRIX_ERROR_MAX, "out of memory");
    *path = path_of(dataset, rows);
    int status = *path == NULL ? -ENOMEM : is_made(dataset, rows) ? 0 : make(dataset, rows, *path, error);
    if (status != 0) {
        free(*path);
        *path = NULL;
    }
    return status;
}

void dataset_free(struct dataset *dataset)
{
    for (size_t i = 0; i < dataset->made_count; i++) {
        char *path = path_of(dataset, dataset->made[i]);
        if (path != NULL)
            unlink(path);
        free(path);
    }
    free(dataset->made);
    dataset->made = NULL;
    dataset->made_count = 0;
}
