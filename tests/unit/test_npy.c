/* SPDX-License-Identifier: MIT
 *
 * Matrices from .npy files: every dtype and version that is read, every way in which the header can lie or
 * the file be cut.
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "matrix_check.h"

/* Writes a .npy file: version, header text as given, data. claim: the length that the file states for its
 * header, -1 for the true one. */
static void npy_write(const char *dir, const char *name, int major, long claim, const char *header, const void *data,
                      size_t data_length)
{
    unsigned char bytes[4096] = "\x93NUMPY";
    size_t length = strlen(header), used = 8, prefix = major == 1 ? 2 : 4;
    unsigned long stated = claim < 0 ? length : (unsigned long)claim;
    bytes[6] = (unsigned char)major;
    for (size_t i = 0; i < prefix; i++)
        bytes[used++] = (unsigned char)(stated >> (8 * i));
    assert_true(used + length + data_length <= sizeof bytes);
    memcpy(bytes + used, header, length);
    if (data_length)
        memcpy(bytes + used + length, data, data_length);
    temporary_write(dir, name, bytes, used + length + data_length);
}

#define HEADER(descr, shape) "{'descr': '" descr "', 'fortran_order': False, 'shape': " shape ", }          \n"

static void test_npy_dtypes(void **state)
{
    static const int32_t expected_signed[] = {1, -2, 127, -128, 0, 5}, expected_unsigned[] = {1, 2, 127, 255, 0, 5};
    static const struct {
        const char *header;
        size_t size;
        bool is_signed;
    } cases[] = {
        {HEADER("|i1", "(2, 3)"), 1, true},  {HEADER("<i1", "(2, 3)"), 1, true},  {HEADER("<i2", "(2, 3)"), 2, true},
        {HEADER("<i4", "(2, 3)"), 4, true},  {HEADER("<i8", "(2, 3)"), 8, true},  {HEADER("|u1", "(2, 3)"), 1, false},
        {HEADER("<u1", "(2, 3)"), 1, false}, {HEADER("<u2", "(2, 3)"), 2, false}, {HEADER("<u4", "(2, 3)"), 4, false},
        {HEADER("<u8", "(2, 3)"), 8, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int32_t *expected = cases[i].is_signed ? expected_signed : expected_unsigned;
        unsigned char data[6 * 8];
        for (size_t k = 0; k < 6; k++)
            for (size_t byte = 0; byte < cases[i].size; byte++)
                data[k * cases[i].size + byte] = (unsigned char)((uint64_t)(int64_t)expected[k] >> (8 * byte));
        for (int major = 1; major <= 3; major++) {
            char name[64];
            snprintf(name, sizeof name, "dtype-%zu-%d.npy", i, major);
            npy_write(*state, name, major, -1, cases[i].header, data, 6 * cases[i].size);
            check_values(*state, name, 2, 3, expected);
        }
    }
}

static void test_npy_headers_good(void **state)
{
    static const int32_t values[] = {1, 2, 3, 4, 5, 6};
    static const char *const headers[] = {
        "{'descr':'<i4','fortran_order':False,'shape':(2,3)}",
        "{\"shape\": (2, 3), \"fortran_order\": False, \"descr\": \"<i4\"}\n",
        "  { 'fortran_order' : False ,\t'shape' : ( 2 , 3 , ) ,\n 'descr' : '<i4' , } \n\n",
        "{'shape': (2L, 3L), 'fortran_order': False, 'descr': '<i4'}",
        "{'shape': (002, 3), 'fortran_order': False, 'descr': '<i4'}",
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "header-%zu.npy", i);
        npy_write(*state, name, 1, -1, headers[i], values, sizeof values);
        check_values(*state, name, 2, 3, values);
    }
    npy_write(*state, "column.npy", 1, -1, HEADER("<i4", "(6, 1)"), values, sizeof values);
    check_values(*state, "column.npy", 6, 1, values);
    npy_write(*state, "row.npy", 1, -1, HEADER("<i4", "(1, 6)"), values, sizeof values);
    check_values(*state, "row.npy", 1, 6, values);
}

#define DESCR   "'descr': '<i4', "
#define ORDER   "'fortran_order': False, "
#define SHAPE   "'shape': (2, 3), "
#define KEYS    "not a dictionary of descr, fortran_order and shape"
#define NO_END  "the header's dictionary does not end"
#define NO_SIZE "the header's shape is not a tuple of sizes"

static void test_npy_headers_bad(void **state)
{
    static const struct {
        const char *header, *reason;
    } cases[] = {
        {"", "the header is not a dictionary"},
        {"   \n", "the header is not a dictionary"},
        {"[]", "the header is not a dictionary"},
        {"{}", "the header lacks one of"},
        {"{", KEYS},
        {"{,}", KEYS},
        {"{" DESCR ORDER SHAPE, KEYS},
        {"{" DESCR ORDER "'shape': (2, 3)", NO_END},
        {"{" DESCR ORDER "'shape': (2, 3) 'x'", NO_END},
        {"{" DESCR ORDER SHAPE "} x", "something after its dictionary"},
        {"{" DESCR ORDER SHAPE "}{}", "something after its dictionary"},
        {"{" DESCR ORDER "}", "the header lacks one of"},
        {"{" DESCR SHAPE "}", "the header lacks one of"},
        {"{" ORDER SHAPE "}", "the header lacks one of"},
        {"{" DESCR ORDER SHAPE SHAPE "}", "a key twice"},
        {"{" DESCR ORDER SHAPE "'extra': 1}", "a key other than"},
        {"{descr: '<i4'}", KEYS},
        {"{'descr' '<i4'}", KEYS},
        {"{'descr: 1}", KEYS},
        {"{'de\\x73cr': '<i4', " ORDER SHAPE "}", KEYS},
        {"{'descr': <i4, " ORDER SHAPE "}", "descr is not a string"},
        {"{'descr': '<i4\", " ORDER SHAPE "}", NO_END},
        {"{'descr': [('a', '<i4'), ('b', '<i4')], " ORDER SHAPE "}", "a structured dtype"},
        {"{" DESCR "'fortran_order': 0, " SHAPE "}", "fortran_order is not True or False"},
        {"{" DESCR "'fortran_order': Falsehood, " SHAPE "}", NO_END},
        {"{" DESCR ORDER "'shape': [2, 3]}", NO_SIZE},
        {"{" DESCR ORDER "'shape': 6}", NO_SIZE},
        {"{" DESCR ORDER "'shape': (2, -3)}", NO_SIZE},
        {"{" DESCR ORDER "'shape': (2, 3.0)}", NO_SIZE},
        {"{" DESCR ORDER "'shape': (2,, 3)}", NO_SIZE},
        {"{" DESCR ORDER "'shape': (, 2, 3)}", NO_SIZE},
        {"{" DESCR ORDER "'shape': (2 3)}", NO_SIZE},
        {"{" DESCR ORDER "'shape': (2, 3", NO_SIZE},
        {"{" DESCR ORDER "'shape': (", NO_SIZE},
        {HEADER("<i4", "()"), "0 dimensions; a matrix has 2"},
        {HEADER("<i4", "(6,)"), "1 dimension; a matrix has 2"},
        {HEADER("<i4", "(6)"), "1 dimension; a matrix has 2"},
        {HEADER("<i4", "(1, 2, 3)"), "3 dimensions; a matrix has 2"},
        {"{" DESCR "'fortran_order': True, " SHAPE "}", "Fortran order (column by column); save"},
        {HEADER("<f8", "(2, 3)"),
         "dtype `<f8` cannot be read, only little-endian integers; if its values are whole, save array.astype('<i4')"},
        {HEADER(">i4", "(2, 3)"), "dtype `>i4` cannot be read, only little-endian integers; save array.astype('<i4')"},
        {HEADER("|b1", "(2, 3)"), "dtype `|b1` cannot be read"},
        {HEADER("|O", "(2, 3)"),
         "dtype `|O` cannot be read, only little-endian integers; save an array of whole numbers"},
        {HEADER("|i4", "(2, 3)"), "dtype `|i4` cannot be read"},
        {HEADER("<i16", "(2, 3)"), "dtype `<i16` cannot be read"},
        {HEADER("", "(2, 3)"), "dtype `` cannot be read"},
        {HEADER("\x1b[2J", "(2, 3)"), "dtype `\\x1b[2J` cannot be read"},
    };
    static const int32_t data[] = {1, 2, 3, 4, 5, 6};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "wrong-%zu.npy", i);
        npy_write(*state, name, 1, -1, cases[i].header, data, sizeof data);
        check_refused(*state, name, -EINVAL, cases[i].reason);
    }
}

/* The claim is compared with the file before memory is asked for: a shape for which there is no memory is
 * refused as truncated, not as too large for the machine. */
static void test_npy_claims(void **state)
{
    static const struct {
        const char *header, *reason;
    } cases[] = {
        {HEADER("<i4", "(500000000, 5)"), "it claims 500000000 x 5 values of 4 bytes, and 24 bytes follow it"},
        {HEADER("<i4", "(7, 1)"), "it claims 7 x 1 values of 4 bytes, and 24 bytes follow it"},
        {HEADER("|i1", "(5, 5)"), "it claims 5 x 5 values of 1 byte, and 24 bytes follow it"},
        {HEADER("<i8", "(1152921504606846976, 2)"), "truncated, or the header is wrong"},
        {HEADER("<i8", "(4611686018427387904, 4)"), "truncated, or the header is wrong"},
        {HEADER("<i4", "(4294967296, 4294967296)"), "truncated, or the header is wrong"},
        {HEADER("<i4", "(18446744073709551617, 6)"), "truncated, or the header is wrong"},
        {HEADER("<i4", "(1, 100000000000000000000000000000000000000)"), "truncated, or the header is wrong"},
        {HEADER("<i4", "(5, 1)"), "4 bytes too many: the header claims 5 x 1 values of 4 bytes"},
        {HEADER("|u1", "(1, 1)"), "23 bytes too many: the header claims 1 x 1 values of 1 byte"},
        {HEADER("<i4", "(0, 5)"), "24 bytes too many: the header claims 0 x 5 values"},
    };
    static const int32_t data[] = {1, 2, 3, 4, 5, 6};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "claim-%zu.npy", i);
        npy_write(*state, name, 1, -1, cases[i].header, data, sizeof data);
        check_refused(*state, name, -EINVAL, cases[i].reason);
    }
    npy_write(*state, "no-rows.npy", 1, -1, HEADER("<i4", "(0, 5)"), NULL, 0);
    check_refused(*state, "no-rows.npy", -EINVAL, "no rows: at least 1");
    npy_write(*state, "no-columns.npy", 1, -1, HEADER("<i4", "(5, 0)"), NULL, 0);
    check_refused(*state, "no-columns.npy", -EINVAL, "columns must be 1 to 4096");
    npy_write(*state, "huge-no-columns.npy", 1, -1, HEADER("<i4", "(99999999999999999999, 0)"), NULL, 0);
    check_refused(*state, "huge-no-columns.npy", -EINVAL, "columns must be 1 to 4096");
}

static void test_npy_columns(void **state)
{
    enum { MOST = 4096 };
    static int32_t zeros[MOST];
    static unsigned char bytes[128 + MOST + 1];
    for (size_t columns = MOST; columns <= MOST + 1; columns++) {
        size_t length = (size_t)snprintf((char *)bytes + 10, 118,
                                         "{'descr': '|u1', 'fortran_order': False, 'shape': (1, %zu), }", columns);
        memcpy(bytes, "\x93NUMPY\x01\x00", 8);
        bytes[8] = (unsigned char)length;
        bytes[9] = 0;
        memset(bytes + 10 + length, 0, columns);
        temporary_write(*state, "columns.npy", bytes, 10 + length + columns);
        if (columns == MOST)
            check_values(*state, "columns.npy", 1, MOST, zeros);
        else
            check_refused(*state, "columns.npy", -EINVAL, "columns must be 1 to 4096");
    }
}

/* Cut anywhere, a file is refused; the message says so once the magic string is there. */
static void test_npy_truncated(void **state)
{
    static const int32_t data[] = {1, 2, 3, 4, 5, 6};
    char path[1024];
    for (int major = 1; major <= 3; major++) {
        npy_write(*state, "cut.npy", major, -1, HEADER("<i4", "(2, 3)"), data, sizeof data);
        check_values(*state, "cut.npy", 2, 3, data);
        snprintf(path, sizeof path, "%s/cut.npy", (const char *)*state);
        struct stat about;
        assert_int_equal(stat(path, &about), 0);
        for (off_t length = about.st_size; length-- > 1;) {
            assert_int_equal(truncate(path, length), 0);
            check_refused(*state, "cut.npy", -EINVAL, length < 8 ? "not a .npy file" : "truncated");
        }
    }
}

static void test_npy_preamble(void **state)
{
    static const int32_t data[] = {1, 2, 3, 4, 5, 6};
    static const char header[] = HEADER("<i4", "(2, 3)");
    npy_write(*state, "version.npy", 4, -1, header, data, sizeof data);
    check_refused(*state, "version.npy", -EINVAL, "version 4.0 of the .npy format is not known");
    npy_write(*state, "version.npy", 0, -1, header, data, sizeof data);
    check_refused(*state, "version.npy", -EINVAL, "version 0.0 of the .npy format is not known");
    temporary_write(*state, "version.npy", BYTES("\x93NUMPY\x01\x01 abcdef"));
    check_refused(*state, "version.npy", -EINVAL, "version 1.1 of the .npy format is not known");
    temporary_write(*state, "version.npy", BYTES("PK\x03\x04 this is an npz archive"));
    check_refused(*state, "version.npy", -EINVAL, "not a .npy file");
    npy_write(*state, "length.npy", 1, 65535, header, data, sizeof data);
    check_refused(*state, "length.npy", -EINVAL, "truncated: the header should have 65535 bytes");
    npy_write(*state, "length.npy", 2, 4294967295, header, data, sizeof data);
    check_refused(*state, "length.npy", -EINVAL, "truncated: the header should have 4294967295 bytes");
    npy_write(*state, "length.npy", 1, 0, header, data, sizeof data);
    check_refused(*state, "length.npy", -EINVAL, "the header is not a dictionary");
    npy_write(*state, "length.npy", 1, 20, header, data, sizeof data);
    check_refused(*state, "length.npy", -EINVAL, "the header");
    char *large = calloc(1, 100000);
    assert_non_null(large);
    memcpy(large, "\x93NUMPY\x02\x00\x00\x00\x01\x00", 12); /* a header of 65536 bytes, which are there */
    temporary_write(*state, "length.npy", large, 100000);
    check_refused(*state, "length.npy", -EINVAL, "a header of 65536 bytes: more than 65535 is not plausible");
    free(large);
}

static void test_npy_range(void **state)
{
    static const int64_t i8[] = {1, INT32_MAX, INT32_MIN, (int64_t)INT32_MAX + 1, 5, 6};
    static const int64_t i8_low[] = {1, 2, 3, 4, 5, (int64_t)INT32_MIN - 1}, i8_min[] = {INT64_MIN, 2, 3, 4, 5, 6};
    static const uint32_t u4[] = {1, 2147483647, 2147483648, 4, 5, 6};
    static const uint64_t u8[] = {1, 2, 3, 4, UINT64_MAX, 6};
    npy_write(*state, "range.npy", 1, -1, HEADER("<i8", "(2, 3)"), i8, sizeof i8);
    check_refused(*state, "range.npy", -EINVAL, "row 2, column 1 (from 1): 2147483648 does not fit in 32 bits");
    npy_write(*state, "range.npy", 1, -1, HEADER("<i8", "(3, 2)"), i8_low, sizeof i8_low);
    check_refused(*state, "range.npy", -EINVAL, "row 3, column 2 (from 1): -2147483649 does not fit");
    npy_write(*state, "range.npy", 1, -1, HEADER("<i8", "(3, 2)"), i8_min, sizeof i8_min);
    check_refused(*state, "range.npy", -EINVAL, "row 1, column 1 (from 1): -9223372036854775808 does not fit");
    npy_write(*state, "range.npy", 1, -1, HEADER("<u4", "(2, 3)"), u4, sizeof u4);
    check_refused(*state, "range.npy", -EINVAL, "row 1, column 3 (from 1): 2147483648 does not fit");
    npy_write(*state, "range.npy", 1, -1, HEADER("<u8", "(2, 3)"), u8, sizeof u8);
    check_refused(*state, "range.npy", -EINVAL, "row 2, column 2 (from 1): 18446744073709551615 does not fit");
}

/* More than one block of the reader, with the bad value in the last one. */
static void test_npy_blocks(void **state)
{
    enum { VALUES = 30000 };
    static const char header[] =
        "\x93NUMPY\x01\x00\x3e\x00{'descr': '<i8', 'fortran_order': False, 'shape': (10000, 3)}\n";
    size_t length = sizeof header - 1;
    assert_int_equal(length, 10 + 0x3e);
    unsigned char *bytes = malloc(length + VALUES * 8);
    int32_t *expected = malloc(VALUES * sizeof *expected);
    assert_true(bytes && expected);
    memcpy(bytes, header, length);
    for (int64_t i = 0; i < VALUES; i++) {
        int64_t value = i * 71569 - 1000000;
        expected[i] = (int32_t)value;
        memcpy(bytes + length + i * 8, &value, 8);
    }
    temporary_write(*state, "blocks.npy", bytes, length + VALUES * 8);
    check_values(*state, "blocks.npy", 10000, 3, expected);
    bytes[length + VALUES * 8 - 1] = 0x40;
    temporary_write(*state, "blocks.npy", bytes, length + VALUES * 8);
    check_refused(*state, "blocks.npy", -EINVAL, "row 10000, column 3 (from 1): 46116860");
    free(expected);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_npy_dtypes),      cmocka_unit_test(test_npy_headers_good),
        cmocka_unit_test(test_npy_headers_bad), cmocka_unit_test(test_npy_claims),
        cmocka_unit_test(test_npy_columns),     cmocka_unit_test(test_npy_truncated),
        cmocka_unit_test(test_npy_preamble),    cmocka_unit_test(test_npy_range),
        cmocka_unit_test(test_npy_blocks),
    };
    return cmocka_run_group_tests(tests, temporary_setup, temporary_teardown);
}
