/* SPDX-License-Identifier: MIT
 *
 * What the data of a sweep is, and its copy for CPython: a .npy in a memfd, which the script opens as
 * /proc/self/fd/N, so that nothing has to be cleaned up.
 */
#include "dataset.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
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

static int write_npy(int fd, const struct matrix *matrix)
{
    char header[NPY_HEADER] = "\x93NUMPY\x01";
    int length = snprintf(header + 10, sizeof header - 10,
                          "{'descr': '<i4', 'fortran_order': False, 'shape': (%" PRIu64 ", %" PRId32 "), }",
                          matrix->rows, matrix->columns);
    memset(header + 10 + length, ' ', sizeof header - 10 - (size_t)length);
    header[8] = NPY_HEADER - 10;
    header[NPY_HEADER - 1] = '\n';

    FILE *file = fdopen(dup(fd), "w");
    if (file == NULL)
        return -errno;
    size_t count = (size_t)matrix->rows * (size_t)matrix->columns;
    int status = 0;
    if (fwrite(header, sizeof header, 1, file) != 1 ||
        fwrite(matrix->values, sizeof *matrix->values, count, file) != count)
        status = -EIO;
    if (fclose(file) != 0 && status == 0)
        status = -errno;
    return status;
}

int dataset_npy(struct dataset *dataset, uint64_t rows, char error[MATRIX_ERROR_MAX])
{
    struct matrix matrix;
    if (dataset->npy_fd >= 0 && dataset->npy_rows == rows)
        return dataset->npy_fd;
    dataset_free(dataset);
    int status = dataset->input != NULL ? matrix_read(&matrix, dataset->input, error)
                                        : matrix_random(&matrix, rows, dataset->columns, dataset->seed, error);
    if (status != 0)
        return status;
    int fd = memfd_create("grain-data.npy", MFD_CLOEXEC);
    status = fd < 0 ? -errno : write_npy(fd, &matrix);
    matrix_free(&matrix);
    if (status != 0) {
        snprintf(error, MATRIX_ERROR_MAX, "cannot hand the data to CPython: %s", strerror(-status));
        if (fd >= 0)
            close(fd);
        return status;
    }
    dataset->npy_fd = fd;
    dataset->npy_rows = rows;
    return fd;
}

void dataset_free(struct dataset *dataset)
{
    if (dataset->npy_fd >= 0)
        close(dataset->npy_fd);
    dataset->npy_fd = -1;
}
