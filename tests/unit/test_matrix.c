/* SPDX-License-Identifier: MIT
 *
 * The data set: the random matrix against figures taken once from numpy 1.24.2; and what is refused
 * before a reader sees it. Next: test_csv.c and test_npy.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernels/kernel.h"
#include "matrix_check.h"

/* ------------------------------------------------------------------------------------------- random */

/* FNV-1a over the little-endian bytes of 32-bit values. The figures below were computed with numpy, from
 * arrays whose SHA-256 for seed 100 is ff103da86b62fe1a... (the matrix) and 77c584100f6dde19... (the counts). */
static uint64_t fingerprint(const int32_t *values, size_t count)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < count; i++)
        for (unsigned shift = 0; shift < 32; shift += 8)
            hash = (hash ^ ((uint32_t)values[i] >> shift & 0xff)) * 0x100000001b3u;
    return hash;
}

static const struct seed_case {
    uint32_t seed;
    int32_t first[10], last[5];
    int32_t counts_first[10], counts_last[5], histogram[6], total;
    uint64_t matrix_print, counts_print;
} seed_cases[] = {
    {.seed = 0,
     .first = {5, 0, 3, 3, 7, 9, 3, 5, 2, 4},
     .last = {1, 5, 0, 8, 6},
     .counts_first = {2, 2, 4, 4, 3, 1, 1, 1, 2, 1},
     .counts_last = {4, 2, 1, 2, 3},
     .histogram = {6092, 31408, 62507, 62512, 31226, 6255},
     .total = 500137,
     .matrix_print = 0x6fb985ec78b4ffe9u,
     .counts_print = 0xe59ce544e4b40212u},
    {.seed = 1,
     .first = {5, 8, 9, 5, 0, 0, 1, 7, 6, 9},
     .last = {3, 0, 9, 7, 3},
     .counts_first = {3, 2, 3, 3, 2, 2, 2, 3, 2, 2},
     .counts_last = {2, 1, 4, 3, 1},
     .histogram = {6159, 31463, 62549, 62272, 31288, 6269},
     .total = 499874,
     .matrix_print = 0xd09badb77e0394e8u,
     .counts_print = 0xfb09fc759a761493u},
    {.seed = 100,
     .first = {8, 8, 3, 7, 7, 0, 4, 2, 5, 2},
     .last = {2, 5, 6, 9, 8},
     .counts_first = {4, 2, 1, 2, 3, 2, 2, 2, 2, 2},
     .counts_last = {2, 4, 2, 5, 3},
     .histogram = {6169, 31116, 62390, 62868, 31228, 6229},
     .total = 500557,
     .matrix_print = 0xe897433e24ca78f6u,
     .counts_print = 0x1790d87fb6153020u},
    {.seed = UINT32_MAX,
     .first = {3, 2, 7, 4, 0, 6, 9, 0, 2, 6},
     .last = {6, 2, 3, 0, 8},
     .counts_first = {2, 2, 4, 2, 3, 1, 4, 2, 2, 3},
     .counts_last = {3, 2, 3, 3, 2},
     .histogram = {6326, 31515, 62379, 62328, 31322, 6130},
     .total = 499195,
     .matrix_print = 0x6dc49f33669c421du,
     .counts_print = 0xec8f90924aaa4ea6u},
};

enum { ROWS = 200000, COLUMNS = 5 };

static void check_seed(const struct seed_case *expected)
{
    struct matrix matrix;
    char error[MATRIX_ERROR_MAX];
    assert_int_equal(matrix_random(&matrix, ROWS, COLUMNS, expected->seed, error), 0);
    assert_int_equal(matrix.rows, ROWS);
    assert_int_equal(matrix.columns, COLUMNS);
    assert_memory_equal(matrix.values, expected->first, sizeof expected->first);
    assert_memory_equal(matrix.values + (ROWS - 1) * COLUMNS, expected->last, sizeof expected->last);
    assert_true(fingerprint(matrix.values, (size_t)ROWS * COLUMNS) == expected->matrix_print);

    struct kernel_params params = {.columns = COLUMNS, .minimum = 4, .maximum = 8};
    int32_t *counts = malloc(ROWS * sizeof *counts), histogram[6] = {0}, total = 0;
    assert_non_null(counts);
    kernel_find("howmany")->loop(matrix.values, counts, ROWS, &params);
    for (size_t i = 0; i < ROWS; i++) {
        assert_in_range(counts[i], 0, 5);
        histogram[counts[i]]++;
        total += counts[i];
    }
    assert_memory_equal(counts, expected->counts_first, sizeof expected->counts_first);
    assert_memory_equal(counts + ROWS - 5, expected->counts_last, sizeof expected->counts_last);
    assert_memory_equal(histogram, expected->histogram, sizeof histogram);
    assert_int_equal(total, expected->total);
    assert_true(fingerprint(counts, ROWS) == expected->counts_print);
    free(counts);
    matrix_free(&matrix);
    assert_null(matrix.values);
}

static void test_random(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof seed_cases / sizeof seed_cases[0]; i++)
        check_seed(&seed_cases[i]);
}

/* The stream runs through the matrix row by row, whatever its width. */
static void test_random_shape(void **state)
{
    (void)state;
    struct matrix matrix;
    char error[MATRIX_ERROR_MAX];
    assert_int_equal(matrix_random(&matrix, 1, 10, 100, error), 0);
    assert_memory_equal(matrix.values, seed_cases[2].first, sizeof seed_cases[2].first);
    matrix_free(&matrix);
    assert_int_equal(matrix_random(&matrix, 3, 4096, 100, error), 0);
    assert_memory_equal(matrix.values, seed_cases[2].first, sizeof seed_cases[2].first);
    matrix_free(&matrix);
}

/* Under AddressSanitizer a request for too much memory shall fail as it does without. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void test_random_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t rows;
        int32_t columns;
        int status;
        const char *reason;
    } cases[] = {
        {0, 5, -EINVAL, "no rows"},
        {5, 0, -EINVAL, "columns must be 1 to 4096"},
        {5, -1, -EINVAL, "columns must be 1 to 4096"},
        {5, 4097, -EINVAL, "columns must be 1 to 4096"},
        {UINT64_MAX, 5, -EINVAL, "too many rows"},
        {1ull << 60, 4, -EINVAL, "too many rows"},
        {1ull << 57, 5, -ENOMEM, "not enough memory"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct matrix matrix;
        char error[MATRIX_ERROR_MAX] = "";
        assert_int_equal(matrix_random(&matrix, cases[i].rows, cases[i].columns, 1, error), cases[i].status);
        assert_non_null(strstr(error, cases[i].reason));
        assert_null(matrix.values);
    }
}

/* ------------------------------------------------------------------------------- what is no such file */

static void test_not_a_file(void **state)
{
    const char *dir = *state;
    char path[1024];
    alarm(20); /* a pipe that is opened for reading may never return */
    check_refused(dir, "missing.npy", -ENOENT, "cannot be opened: No such file");
    check_refused(dir, "missing/either.csv", -ENOENT, "cannot be opened: No such file");
    snprintf(path, sizeof path, "%s/folder.csv", dir);
    assert_int_equal(mkdir(path, 0755), 0);
    check_refused(dir, "folder.csv", -EISDIR, "is a directory");
    check_refused(dir, "", -EISDIR, "is a directory");
    snprintf(path, sizeof path, "%s/pipe.csv", dir);
    assert_int_equal(mkfifo(path, 0644), 0);
    check_refused(dir, "pipe.csv", -EINVAL, "is a pipe");
    check_refused("/dev", "null", -EINVAL, "is a device");
    check_refused("/dev", "zero", -EINVAL, "is a device");
    int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket.npy", dir);
    assert_int_equal(bind(socket_fd, (const struct sockaddr *)&address, sizeof address), 0);
    check_refused(dir, "socket.npy", -EINVAL, "is a socket");
    close(socket_fd);
    temporary_write(dir, "file.csv", "1\n", 2);
    check_refused(dir, "file.csv/under.csv", -ENOTDIR, "cannot be opened: Not a directory");
    temporary_write(dir, "empty.npy", "", 0);
    check_refused(dir, "empty.npy", -EINVAL, "the file is empty");
    temporary_write(dir, "empty.csv", "", 0);
    check_refused(dir, "empty.csv", -EINVAL, "the file is empty");
    alarm(0);
}

static void test_unreadable(void **state)
{
    const char *dir = *state;
    char path[1024];
    temporary_write(dir, "closed.csv", "1\n", 2);
    snprintf(path, sizeof path, "%s/closed.csv", dir);
    assert_int_equal(chmod(path, 0), 0);
    bool root = geteuid() == 0;
    if (root && seteuid(65534))
        skip();
    check_refused(dir, "closed.csv", -EACCES, "cannot be opened: Permission denied");
    if (root)
        assert_int_equal(seteuid(0), 0);
}

static void test_extension(void **state)
{
    const char *dir = *state;
    static const char *const unknown[] = {"plain", "data.txt", "csv", "data.csv.gz", "a.csv/plain", "data.np"};
    static const int32_t one[] = {1, 2};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        char folder[1024];
        snprintf(folder, sizeof folder, "%s/extension-%zu", dir, i);
        temporary_write(folder, unknown[i], "1,2\n", 4);
        check_refused(folder, unknown[i], -EINVAL, "must end in .npy or .csv");
    }
    temporary_write(dir, "UPPER.CSV", "1,2\n", 4);
    check_values(dir, "UPPER.CSV", 1, 2, one);
    temporary_write(dir, "text-in.npy", "1,2\n", 4);
    check_refused(dir, "text-in.npy", -EINVAL, "not a .npy file");
    temporary_write(dir, "archive-in.npy", BYTES("PK\x03\x04 and so on"));
    check_refused(dir, "archive-in.npy", -EINVAL,
                  "not a .npy file but an archive, .npz perhaps; save one of its arrays");
}

/* Control characters in a name must not reach the terminal; of a long path the end is shown. */
static void test_name_in_message(void **state)
{
    char path[2048], error[MATRIX_ERROR_MAX];
    struct matrix matrix;
    snprintf(path, sizeof path, "%s/no\x1b[31m\nsuch\xff.csv", (const char *)*state);
    assert_int_equal(matrix_read(&matrix, path, error), -ENOENT);
    assert_non_null(strstr(error, "no\\x1b[31m\\nsuch\\xff.csv: cannot be opened"));
    memset(path, 'd', sizeof path);
    for (size_t i = 0; i < 1900; i += 100)
        path[i] = '/';
    strcpy(path + 1900, "/last.csv");
    assert_int_equal(matrix_read(&matrix, path, error), -ENOENT);
    assert_non_null(strstr(error, "/last.csv: cannot be opened: No such file"));
    assert_int_equal(strncmp(error, "...", 3), 0);
    memset(path, 0x01, 1900);
    assert_int_equal(matrix_read(&matrix, path, error), -ENAMETOOLONG);
    assert_true(strlen(error) < MATRIX_ERROR_MAX && strstr(error, "cannot be opened: File name too long"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),          cmocka_unit_test(test_random_shape),
        cmocka_unit_test(test_random_refused),  cmocka_unit_test(test_not_a_file),
        cmocka_unit_test(test_unreadable),      cmocka_unit_test(test_extension),
        cmocka_unit_test(test_name_in_message),
    };
    return cmocka_run_group_tests(tests, temporary_setup, temporary_teardown);
}
