/* SPDX-License-Identifier: MIT
 *
 * Lists of numbers in a profile or on the command line: ranges, powers, what depends on CPUs and rows; what is no list.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "grain.h"
#include "sweep/list.h"

static void assert_list(const char *text, const int64_t *expected, size_t count)
{
    const struct list_meaning meaning = {.cpus = 3, .rows = 77};
    struct list list;
    const char *problem = NULL;
    if (list_numbers(text, &meaning, &list, &problem) != 0)
        fail_msg("%s: %s", text, problem);
    assert_int_equal(list.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(list.values[i], expected[i]);
}
#define ASSERT_LIST(text, ...)                                                                                         \
    assert_list(text, (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static void test_lists(void **state)
{
    (void)state;
    ASSERT_LIST("1,4,64", 1, 4, 64);
    ASSERT_LIST("2^0..2^4,python,auto", 1, 2, 4, 8, 16, GRAIN_CHUNK_PYTHON, 0);
    ASSERT_LIST("10^3..10^5", 1000, 10000, 100000);
    ASSERT_LIST("1..4", 1, 2, 3, 4);
    ASSERT_LIST("7..7", 7);
    ASSERT_LIST("P,2P,N", 3, 6, 77);
    ASSERT_LIST("16P,1000P", 48, 3000);
    ASSERT_LIST("1,share", 1, LIST_SHARE);
    ASSERT_LIST("up-to-P", 1, 2, 3);
    ASSERT_LIST("up-to-2P", 1, 2, 3, 4, 6);
    ASSERT_LIST("4,1..4,2^2", 4, 1, 2, 3);
}

static void test_doubling_of_powers_and_of_one(void **state)
{
    (void)state;
    struct list list;
    const char *problem;
    assert_int_equal(list_numbers("up-to-2P", &(struct list_meaning){.cpus = 1}, &list, &problem), 0);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.values[1], 2);
    assert_int_equal(list_numbers("up-to-2P", &(struct list_meaning){.cpus = 4}, &list, &problem), 0);
    assert_int_equal(list.count, 4);
    assert_int_equal(list.values[3], 8);
}

static void test_bad_lists(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      ",",
                                      "1,,2",
                                      "x",
                                      "-1",
                                      "1..",
                                      "..4",
                                      "4..1",
                                      "1..2^3",
                                      "2^1..3^4",
                                      "2^",
                                      "2^x",
                                      "1^5",
                                      "0^2",
                                      "1.5",
                                      "1..4..8",
                                      "2^41",
                                      "2^9999",
                                      "1 ",
                                      "1..5000",
                                      "99999999999999999999",
                                      "16PP",
                                      "P16",
                                      "999999999999999P",
                                      "-2P",
                                      "999999999999^2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct list list;
        const char *problem = NULL;
        if (list_numbers(bad[i], &(struct list_meaning){.cpus = 2, .rows = 10}, &list, &problem) != -EINVAL)
            fail_msg("`%s` was taken", bad[i]);
        assert_non_null(problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_doubling_of_powers_and_of_one),
        cmocka_unit_test(test_bad_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
