/* SPDX-License-Identifier: MIT
 *
 * Names of files as JSON: what is UTF-8 stays, every other byte is shown, and none of it is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sweep/text.h"

static void test_text(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"caf\xe9.csv", "caf\\xE9.csv"},
        {"\xe9", "\\xE9"},
        {"\xe2\x82\xac\xe2\x82", "\xe2\x82\xac\\xE2\\x82"}, /* a whole character, and one cut off */
        {"\xf0\x9f\x8c\xbe", "\xf0\x9f\x8c\xbe"},
        {"\xc0\xaf", "\\xC0\\xAF"},                   /* longer than it need be */
        {"\xed\xa0\x80", "\\xED\\xA0\\x80"},          /* half of a UTF-16 pair */
        {"\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"}, /* beyond Unicode */
        {"\xff\xfe", "\\xFF\\xFE"},
        {"a\x80"
         "b",
         "a\\x80"
         "b"},
        {"\n\"\\", "\n\"\\"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *string = text_json(cases[i].text);
        assert_non_null(string);
        assert_string_equal(json_string_value(string), cases[i].shown);
        assert_int_equal(text_is_utf8(cases[i].text), strcmp(cases[i].text, cases[i].shown) == 0);
        json_decref(string);
    }
}

/* jansson's own judgement, for every pair and some of the longer forms. */
static void test_same_as_jansson(void **state)
{
    (void)state;
    for (unsigned first = 1; first < 256; first++)
        for (unsigned second = 1; second < 256; second++)
            for (unsigned rest = 0; rest < 4; rest++) {
                const char text[5] = {(char)first, (char)second, (char)(rest > 0 ? 0x9f : 0),
                                      (char)(rest > 1 ? 0x80 : 0), 0};
                json_t *string = json_string(text);
                if (text_is_utf8(text) != (string != NULL))
                    fail_msg("%02x %02x %u", first, second, rest);
                json_decref(string);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_same_as_jansson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
