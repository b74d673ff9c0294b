/* SPDX-License-Identifier: MIT
 *
 * What the tests of the data stage share: reading a file that must be refused, and one that must not.
 * Include after <cmocka.h>.
 */
#ifndef GRAIN_TEST_MATRIX_CHECK_H
#define GRAIN_TEST_MATRIX_CHECK_H

#include <stdio.h>
#include <string.h>

#include "data/matrix.h"
#include "temporary.h"

/* A string literal that may have NUL bytes in it, and its length. */
#define BYTES(literal) literal, sizeof(literal) - 1

/* Reads dir/name and expects it to be refused: status, the file's name first, the reason, one line of printable
 * characters, and nothing left in the matrix. */
static inline void check_refused(const char *dir, const char *name, int status, const char *reason)
{
    char path[2048], start[2100], error[MATRIX_ERROR_MAX] = "";
    struct matrix matrix;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(start, sizeof start, "%s: ", path);
    int got = matrix_read(&matrix, path, error);
    if (got != status || strncmp(error, start, strlen(start)) != 0 || !strstr(error + strlen(start), reason))
        fail_msg("%s: status %d, error \"%s\"; expected %d, \"%s\"", name, got, error, status, reason);
    for (const char *at = error; *at; at++)
        assert_in_range(*at, ' ', '~');
    assert_null(matrix.values);
    assert_int_equal(matrix.rows, 0);
}

static inline void check_values(const char *dir, const char *name, uint64_t rows, int32_t columns,
                                const int32_t *values)
{
    char path[2048], error[MATRIX_ERROR_MAX];
    struct matrix matrix;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int status = matrix_read(&matrix, path, error);
    if (status)
        fail_msg("%s: status %d, error \"%s\"", name, status, error);
    if (matrix.rows != rows || matrix.columns != columns)
        fail_msg("%s: %llu x %d", name, (unsigned long long)matrix.rows, matrix.columns);
    assert_memory_equal(matrix.values, values, rows * (size_t)columns * sizeof *values);
    matrix_free(&matrix);
}

#endif
