/* SPDX-License-Identifier: MIT
 *
 * See csv_advice.h: a table of causes, the surest first. A wrong remedy is worse than none.
 */
#include "csv_advice.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT_MAX 72

/* A cell as a string, where it has no NUL and is short enough to be a number or a word. */
static bool as_string(const struct csv_cell *cell, char text[TEXT_MAX])
{
    if (cell->length >= TEXT_MAX || cell->is_cut || memchr(cell->text, '\0', cell->length) != NULL)
        return false;
    memcpy(text, cell->text, cell->length);
    text[cell->length] = '\0';
    return true;
}

static bool begins_with(const struct csv_cell *cell, const char *start)
{
    return cell->length >= strlen(start) && memcmp(cell->text, start, strlen(start)) == 0;
}

static bool is_one_of(const struct csv_cell *cell, const char *const words[])
{
    char text[TEXT_MAX];
    if (!as_string(cell, text))
        return false;
    for (; *words; words++)
        if (strcasecmp(text, *words) == 0)
            return true;
    return false;
}

static bool is_numpy(const struct csv_cell *cell)
{
    return cell->is_first && begins_with(cell, "\x93NUMPY");
}

static bool is_wide_text(const struct csv_cell *cell)
{
    return cell->is_first && (begins_with(cell, "\xff\xfe") || begins_with(cell, "\xfe\xff"));
}

/* Programs of long ago ended lines with a carriage return alone. */
static bool has_old_line_end(const struct csv_cell *cell)
{
    return memchr(cell->text, '\r', cell->length) != NULL;
}

static bool is_binary(const struct csv_cell *cell)
{
    for (size_t i = 0; i < cell->length; i++)
        if (iscntrl((unsigned char)cell->text[i]) && cell->text[i] != '\t')
            return true;
    return false;
}

static bool is_comment(const struct csv_cell *cell)
{
    return begins_with(cell, "#") || begins_with(cell, "%") || begins_with(cell, "//") ||
           (cell->length > 2 && memmem(cell->text, cell->length, " #", 2) != NULL);
}

/* Not a number, or one without end: what statistics programs write where there is none. */
static bool is_no_value(const struct csv_cell *cell)
{
    static const char *const words[] = {"nan", "-nan", "na",  "n/a",  "#n/a",     "null",      "none", "nil",
                                        "?",   "-",    "inf", "-inf", "infinity", "-infinity", NULL};
    return is_one_of(cell, words);
}

static bool is_truth(const struct csv_cell *cell)
{
    static const char *const words[] = {"true", "false", "yes", "no", NULL};
    return is_one_of(cell, words);
}

static bool is_whole(const char *text)
{
    text += *text == '-' || *text == '+';
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static bool is_quoted_number(const struct csv_cell *cell)
{
    char text[TEXT_MAX];
    if (!as_string(cell, text) || (text[0] != '"' && text[0] != '\''))
        return false;
    if (text[cell->length - 1] == text[0]) /* else a comma stands between the quotes */
        text[cell->length - 1] = '\0';
    return is_whole(text + 1);
}

/* strtod() knows every form that programs write; not hexadecimal ones here, and no words. */
static bool is_number(const char *text)
{
    char *end;
    const char *digits = text + (*text == '-' || *text == '+');
    if (strspn(text, "0123456789+-.eE") != strlen(text) || (!isdigit((unsigned char)*digits) && *digits != '.'))
        return false;
    strtod(text, &end);
    return *end == '\0' && end != text;
}

static bool is_with_point(const struct csv_cell *cell)
{
    char text[TEXT_MAX];
    return as_string(cell, text) && is_number(text);
}

static bool is_other_base(const struct csv_cell *cell)
{
    char text[TEXT_MAX], *end;
    if (!as_string(cell, text) || (strncasecmp(text, "0x", 2) != 0 && strncasecmp(text, "0b", 2) != 0))
        return false;
    strtol(text + 2, &end, 16);
    return *end == '\0' && end != text + 2;
}

static bool is_separator(char byte)
{
    return byte == ' ' || byte == '\t' || byte == ';' || byte == '|';
}

/* Numbers with something else than commas between them. */
static bool is_separated_otherwise(const struct csv_cell *cell)
{
    size_t count = cell->is_cut && is_separator(cell->text[cell->length - 1]) ? 1 : 0; /* what follows */
    for (size_t at = 0; at < cell->length;) {
        char text[TEXT_MAX];
        size_t length = 0;
        while (at + length < cell->length && !is_separator(cell->text[at + length]))
            length++;
        struct csv_cell piece = {.text = cell->text + at, .length = length};
        bool is_last_cut = cell->is_cut && at + length == cell->length;
        if (length > 0 && !is_last_cut && (!as_string(&piece, text) || !is_number(text)))
            return false;
        count += length > 0;
        at += length + 1;
    }
    return count > 1 || memchr(cell->text, ';', cell->length) != NULL;
}

bool csv_is_whole(const struct csv_cell *cell)
{
    char text[TEXT_MAX];
    return as_string(cell, text) && is_whole(text);
}

/* Bytes from 0x80 on may be letters; a sign or a space in front of digits is none. */
bool csv_is_name(const struct csv_cell *cell)
{
    size_t start = cell->length > 0 && (cell->text[0] == '"' || cell->text[0] == '\'') ? 1 : 0, digits = 0;
    unsigned char first = cell->length > start ? (unsigned char)cell->text[start] : 0;
    for (size_t i = 0; i < cell->length; i++)
        digits += isdigit((unsigned char)cell->text[i]) != 0;
    return cell->is_first && (isalpha(first) || first == '_' || (first >= 0x80 && digits == 0));
}

static const struct {
    bool (*is)(const struct csv_cell *cell);
    const char *advice;
} causes[] = {
    {is_numpy, "; this is a .npy file: give it a name that ends in .npy"},
    {is_wide_text, "; this text is UTF-16: save it as UTF-8 or ASCII"},
    {has_old_line_end, "; a line must end with \\n or \\r\\n"},
    {is_binary, "; this is no text file"},
    {is_no_value, "; a value that is missing or infinite: put a number there, or leave the row out"},
    {is_truth, "; write 1 and 0"},
    {is_comment, "; comments must be removed"},
    {is_quoted_number, "; numbers stand without quotes"},
    {is_with_point, "; whole numbers alone can be counted, written without point and exponent"},
    {is_other_base, "; numbers must be decimal"},
    {is_separated_otherwise, "; cells are separated by commas"},
    {csv_is_name, CSV_ADVICE_NAMES},
};

const char *csv_advice(const struct csv_cell *cell)
{
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (causes[i].is(cell))
            return causes[i].advice;
    return "";
}
