/* SPDX-License-Identifier: MIT
 *
 * Matrices from text: what is read, and what is refused, with the line and the column.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "matrix_check.h"

static void test_csv_good(void **state)
{
    static const int32_t small[] = {1, 2, 3, 4, 5, 6};
    static const int32_t extremes[] = {INT32_MIN, INT32_MAX, 0, 0, -1, 7};
    static const struct {
        const char *text;
        size_t length;
        uint64_t rows;
        int32_t columns;
        const int32_t *values;
    } cases[] = {
        {BYTES("1,2,3\n4,5,6\n"), 2, 3, small},
        {BYTES("1,2,3\n4,5,6"), 2, 3, small},
        {BYTES("1,2,3\r\n4,5,6\r\n"), 2, 3, small},
        {BYTES("1,2,3\r\n4,5,6\r"), 2, 3, small},
        {BYTES(" 1 ,\t2, 3\n4  ,5,6 \n"), 2, 3, small},
        {BYTES("1,2,3\n4,5,6\n\n\n"), 2, 3, small},
        {BYTES("1,2,3\n4,5,6\n  \r\n\t\n "), 2, 3, small},
        {BYTES("\xef\xbb\xbf"
               "1,2,3\n4,5,6\n"),
         2, 3, small},
        {BYTES("1\n2\n3\n4\n5\n6\n"), 6, 1, small},
        {BYTES("1,2,3,4,5,6"), 1, 6, small},
        {BYTES("1"), 1, 1, small},
        {BYTES("-2147483648,+2147483647,-0\n000,-01,007\n"), 2, 3, extremes},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "good-%zu.csv", i);
        temporary_write(*state, name, cases[i].text, cases[i].length);
        check_values(*state, name, cases[i].rows, cases[i].columns, cases[i].values);
    }
}

/* The remedy is that of the cause, and where the cause is not sure there is none: what follows the reason, to the
 * end. */
static void test_csv_advice(void **state)
{
    static const char names[] = "; a line of column names must be removed",
                      commas[] = "; cells are separated by commas", quotes[] = "; numbers stand without quotes",
                      point[] = "; whole numbers alone can be counted, written without point and exponent",
                      missing[] = "; a value that is missing or infinite: put a number there, or leave the row out",
                      fill[] = "; fill it in, or leave the row out";
    static const struct {
        const char *text;
        size_t length;
        const char *advice;
    } cases[] = {
        {BYTES("a,b\n1,2\n"), names},
        {BYTES("row id,value\n1,2\n"), names},
        {BYTES("\"row id\",\"value\"\n1,2\n"), names},
        {BYTES("\xc3\xa9t\xc3\xa9,hiver\n1,2\n"), names},
        {BYTES("_id,x\n1,2\n"), names},
        {BYTES(",a,b\n0,1,2\n"), names},
        {BYTES("\xef\xbb\xbfname,x\n"), names},
        {BYTES("x1,x2\n1,2\n"), names},
        {BYTES("A,1,2\nB,3,4\n"), "; a column of names must be removed"},
        {BYTES("1,abc\n"), ""},
        {BYTES("\"1,234\",5\n"), quotes},
        {BYTES("\"\n"), ""},
        {BYTES("\xe2\x88\x92"
               "1,2\n"),
         ""},
        {BYTES("$1,2\n"), ""},
        {BYTES("2024-01-01,3\n"), ""},
        {BYTES("1,2 # two\n"), "; comments must be removed"},
        {BYTES("1,2\ntotal,3\n"), ""},
        {BYTES("\"1\",\"2\"\n"), quotes},
        {BYTES("'1','2'\n"), quotes},
        {BYTES("1,2\n3,\"-4\"\n"), quotes},
        {BYTES("nan,1\n"), missing},
        {BYTES("1,NA\n"), missing},
        {BYTES("1,2\n-inf,2\n"), missing},
        {BYTES("1,None\n"), missing},
        {BYTES("1,-\n"), missing},
        {BYTES("1.5,2\n"), point},
        {BYTES("1.000000000000000000e+00,2\n"), point},
        {BYTES("1,1e3\n"), point},
        {BYTES("1,-.5\n"), point},
        {BYTES("1.0 2.0 3.0\n"), commas},
        {BYTES("1 2 3\n"), commas},
        {BYTES("1;2\n"), commas},
        {BYTES("a;b\n1;2\n"), names},
        {BYTES("1,2\n3;x,4\n"), ""},
        {BYTES("true,false\n"), "; write 1 and 0"},
        {BYTES("# a,b\n1,2\n"), "; comments must be removed"},
        {BYTES("1,2\n// end\n"), "; comments must be removed"},
        {BYTES("1,0x10\n"), "; numbers must be decimal"},
        {BYTES("1,2\r3,4\r"), "; a line must end with \\n or \\r\\n"},
        {BYTES("\xff\xfe"
               "1\0,\0"),
         "; this text is UTF-16: save it as UTF-8 or ASCII"},
        {BYTES("PK\x03\x04x,y\n"), "; this is no text file"},
        {BYTES("\x93NUMPY\x01\0v\0"), "; this is a .npy file: give it a name that ends in .npy"},
        {BYTES("1,2,\n"), "; fill it in, or take away the comma at the end of each line"},
        {BYTES("1,2\n3,\n"), fill},
        {BYTES("1,2\n,3\n"), fill},
        {BYTES(",1\n"), fill},
        {BYTES("1,--2\n"), ""},
        {BYTES("1,12a\n"), ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[2048], name[64], error[MATRIX_ERROR_MAX] = "";
        struct matrix matrix;
        snprintf(name, sizeof name, "advice-%zu.csv", i);
        snprintf(path, sizeof path, "%s/%s", (const char *)*state, name);
        temporary_write(*state, name, cases[i].text, cases[i].length);
        assert_int_equal(matrix_read(&matrix, path, error), -EINVAL);
        const char *semicolon = strstr(error, "; ");
        /* The cell itself may hold one. */
        for (const char *next = semicolon; next != NULL && (next = strstr(next + 1, "; ")) != NULL;)
            semicolon = next;
        if (strcmp(semicolon != NULL ? semicolon : "", cases[i].advice) != 0)
            fail_msg("%zu: \"%s\"; expected \"%s\"", i, error, cases[i].advice);
    }
}

static void test_csv_bad(void **state)
{
    static const struct {
        const char *text;
        size_t length;
        const char *reason;
    } cases[] = {
        {BYTES("1,2\n3,4\n5,abc\n"), "line 3, column 2: `abc` is not an integer"},
        {BYTES("a,b\n1,2\n"), "line 1, column 1: `a` is not an integer; a line of column names must be removed"},
        {BYTES("1,2\n3,4.0\n"), "line 2, column 2: `4.0` is not an integer"},
        {BYTES("1,1e3\n"), "line 1, column 2: `1e3` is not an integer"},
        {BYTES("1,0x10\n"), "line 1, column 2: `0x10` is not an integer"},
        {BYTES("1,-\n"), "line 1, column 2: `-` is not an integer"},
        {BYTES("1,--2\n"), "line 1, column 2: `--2` is not an integer"},
        {BYTES("1,+-2\n"), "line 1, column 2: `+-2` is not an integer"},
        {BYTES("1,\"2\"\n"), "line 1, column 2: `\"2\"` is not an integer"},
        {BYTES("\"count\",1\n"), "line 1, column 1: `\"count\"` is not an integer; a column of names must be removed"},
        {BYTES("1,2\n3,4 5\n"), "line 2, column 2: `4 5` is not an integer; cells are separated by commas"},
        {BYTES("1;2\n3;4\n"), "line 1, column 1: `1;2` is not an integer; cells are separated by commas"},
        {BYTES("1\t2\n3\t4\n"), "line 1, column 1: `1\\t2` is not an integer; cells are separated by commas"},
        {BYTES("1,2\n3,2147483648\n"), "line 2, column 2: `2147483648` does not fit in 32 bits"},
        {BYTES("-2147483649\n"), "line 1, column 1: `-2147483649` does not fit in 32 bits"},
        {BYTES("1\n99999999999999999999999999999999\n"),
         "line 2, column 1: `99999999999999999999999999999999` does not fit"},
        {BYTES("1,2\n3,\n"), "line 2, column 2: the cell is empty"},
        {BYTES("1,2\n,3\n"), "line 2, column 1: the cell is empty"},
        {BYTES("1, ,2\n"), "line 1, column 2: the cell is empty"},
        {BYTES(",\n"), "line 1, column 1: the cell is empty"},
        {BYTES("1,2,\n"), "line 1, column 3: the cell is empty"},
        {BYTES("1,2,3\n4,5,6\n7,8\n"), "line 3: 2 cells, but the first row has 3"},
        {BYTES("1,2,3\n4,5,6,7\n"), "line 2: more cells than the first row, which has 3"},
        {BYTES("1,2\n\n3,4\n"), "line 2: an empty line before the end of the data"},
        {BYTES("\n1,2\n"), "line 1: an empty line before the end of the data"},
        {BYTES("1,2\n3,4\n\n \n5,6\n"), "line 3: an empty line before the end of the data"},
        {BYTES("\n\n\n"), "no rows: the file has nothing but empty lines"},
        {BYTES(" "), "no rows: the file has nothing but empty lines"},
        {BYTES("\xef\xbb\xbf"), "no rows: the file has nothing but empty lines"},
        {BYTES("1,\0002\n"), "line 1, column 2: `\\x002` is not an integer"},
        {BYTES("1,2\0\n"), "line 1, column 2: `2\\x00` is not an integer"},
        {BYTES("1\r2\n"), "line 1, column 1: `1\\r2` is not an integer"},
        {BYTES("1\r\r\n"), "line 1, column 1: `1\\r` is not an integer"},
        {BYTES("1,\x1b[2J\n"), "line 1, column 2: `\\x1b[2J` is not an integer"},
        {BYTES("\xff\xfe"
               "1\0,\0"),
         "line 1, column 1: `\\xff\\xfe1\\x00` is not an integer"},
        {BYTES("\x93NUMPY\x01\0v\0"), "line 1, column 1: `\\x93NUMPY\\x01\\x00v\\x00` is not an integer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "bad-%zu.csv", i);
        temporary_write(*state, name, cases[i].text, cases[i].length);
        check_refused(*state, name, -EINVAL, cases[i].reason);
    }
}

/* Lines and cells far longer than any buffer, and as many columns as there may be. */
static void test_csv_long(void **state)
{
    enum { LENGTH = 3000000, MOST = 4096 };
    char *text = malloc(LENGTH), name[] = "long.csv";
    int32_t *ones = malloc(MOST * sizeof *ones);
    assert_true(text && ones);

    memset(text, 'x', LENGTH);
    temporary_write(*state, name, text, LENGTH);
    check_refused(*state, name, -EINVAL, "line 1, column 1: `xxxxxxxx");
    memset(text, '9', LENGTH);
    temporary_write(*state, name, text, LENGTH);
    check_refused(*state, name, -EINVAL, "...` does not fit in 32 bits");
    memset(text, '\xe9', LENGTH);
    temporary_write(*state, name, text, LENGTH);
    check_refused(*state, name, -EINVAL, "...` is not an integer");

    memset(text, ' ', LENGTH);
    text[LENGTH / 2] = '1';
    ones[0] = 1;
    temporary_write(*state, name, text, LENGTH);
    check_values(*state, name, 1, 1, ones);
    text[LENGTH - 1] = '1';
    temporary_write(*state, name, text, LENGTH);
    check_refused(*state, name, -EINVAL, "is not an integer; cells are separated by commas");

    for (size_t i = 0; i < LENGTH; i++)
        text[i] = i % 2 ? ',' : '1';
    for (size_t i = 0; i < MOST; i++)
        ones[i] = 1;
    temporary_write(*state, name, text, 2 * MOST - 1);
    check_values(*state, name, 1, MOST, ones);
    temporary_write(*state, name, text, 2 * MOST + 1);
    check_refused(*state, name, -EINVAL, "line 1: more than 4096 columns");
    temporary_write(*state, name, text, LENGTH);
    check_refused(*state, name, -EINVAL, "line 1: more than 4096 columns");
    free(ones);
    free(text);
}

/* Enough rows to make the matrix grow several times. */
static void test_csv_many_rows(void **state)
{
    enum { MANY = 20000 };
    char *text = malloc(MANY * 24);
    int32_t *values = malloc(MANY * 2 * sizeof *values);
    assert_true(text && values);
    size_t length = 0;
    for (int32_t i = 0; i < MANY; i++) {
        values[2 * i] = i * 99991;
        values[2 * i + 1] = -i;
        length += (size_t)sprintf(text + length, "%d,%d\n", values[2 * i], values[2 * i + 1]);
    }
    temporary_write(*state, "many.csv", text, length);
    check_values(*state, "many.csv", MANY, 2, values);
    text[length - 2] = 'x';
    temporary_write(*state, "many.csv", text, length);
    check_refused(*state, "many.csv", -EINVAL, "line 20000, column 2: `-1999x` is not an integer");
    free(values);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_good), cmocka_unit_test(test_csv_bad),       cmocka_unit_test(test_csv_advice),
        cmocka_unit_test(test_csv_long), cmocka_unit_test(test_csv_many_rows),
    };
    return cmocka_run_group_tests(tests, temporary_setup, temporary_teardown);
}
