/* SPDX-License-Identifier: MIT
 *
 * The table writer: aligned by characters and not by bytes, harmless cells, numbers.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "report/table.h"

static const struct table_column columns[] = {{"name", false}, {"ns", true}};

static char *written(struct table *table)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_int_equal(table_write(table, out), 0);
    fclose(out);
    return text;
}

static void test_layout(void **state)
{
    struct table *table = table_open(columns, 2);
    char *text;

    (void)state;
    table_cell(table, "fork");
    table_figure(table, 9000);
    table_cell(table, "µ%d", 7);
    table_figure(table, NAN);
    table_cell(table, "cut short");
    assert_int_equal(table_rows(table), 3);
    text = written(table);
    assert_string_equal(text, "| name      |   ns |\n"
                              "| --------- | ---: |\n"
                              "| fork      | 9000 |\n"
                              "| µ7        |    - |\n"
                              "| cut short |      |\n");
    free(text);
    table_free(table);
}

static void test_harmless(void **state)
{
    struct table *table = table_open(columns, 2);
    char *text;

    (void)state;
    table_cell(table, "%s", "a|b\nc\t%d");
    table_cell(table, "1");
    text = written(table);
    assert_string_equal(text, "| name      |  ns |\n"
                              "| --------- | --: |\n"
                              "| a\\|b c %d |   1 |\n");
    free(text);
    table_free(table);
}

static void test_many_rows(void **state)
{
    struct table *table = table_open(columns, 2);
    char *text;
    size_t lines = 0;

    (void)state;
    for (int i = 0; i < 500; i++) {
        table_cell(table, "row %d", i);
        table_figure(table, i);
    }
    text = written(table);
    for (const char *at = text; *at != '\0'; at++)
        lines += *at == '\n';
    assert_int_equal(lines, 502);
    free(text);
    table_free(table);
}

static void test_numbers(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{252.11, "252"},   {23.14, "23.1"},     {9.996, "10.0"},    {7.2, "7.20"},        {0.21349, "0.213"},
                 {-0.42, "-0.420"}, {-3.456, "-3.46"},   {93700, "93700"},   {99.96, "100"},       {0.9996, "1.00"},
                 {0, "0"},          {0.0034, "0.00340"}, {0.0231, "0.0231"}, {0.00024, "0.00024"}, {NAN, "-"},
                 {INFINITY, "-"},   {1e20, "1e+20"}};
    char number[TABLE_NUMBER_MAX], interval[2 * TABLE_NUMBER_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(table_number(cases[i].value, number), cases[i].text);
    assert_string_equal(table_interval(1, 2.5, interval), "1.00 to 2.50");
    assert_string_equal(table_interval(1, NAN, interval), "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layout), cmocka_unit_test(test_harmless),
                                       cmocka_unit_test(test_many_rows), cmocka_unit_test(test_numbers)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
