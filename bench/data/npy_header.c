/* SPDX-License-Identifier: MIT
 *
 * Reads the dictionary in the header of a .npy file: strings, True, False, a tuple of sizes; keys in any
 * order, either quote, spaces and a last comma as they come. What numpy would not write is refused.
 */
#include <string.h>

#include "npy_header.h"

struct cursor {
    const char *at, *end;
};

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static void spaces_skip(struct cursor *cursor)
{
    while (cursor->at < cursor->end && is_space(*cursor->at))
        cursor->at++;
}

static bool mark_take(struct cursor *cursor, char mark)
{
    spaces_skip(cursor);
    if (cursor->at == cursor->end || *cursor->at != mark)
        return false;
    cursor->at++;
    return true;
}

static bool word_take(struct cursor *cursor, const char *word)
{
    size_t length = strlen(word);
    spaces_skip(cursor);
    if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, word, length) != 0)
        return false;
    cursor->at += length;
    return true;
}

static bool string_take(struct cursor *cursor, struct text *text)
{
    spaces_skip(cursor);
    if (cursor->at == cursor->end || (*cursor->at != '\'' && *cursor->at != '"'))
        return false;
    char quote = *cursor->at++;
    const char *close = memchr(cursor->at, quote, (size_t)(cursor->end - cursor->at));
    if (!close)
        return false;
    *text = (struct text){.start = cursor->at, .length = (size_t)(close - cursor->at)};
    cursor->at = close + 1;
    /* No dtype and no key of ours has an escape in it. */
    return memchr(text->start, '\\', text->length) == NULL;
}

static bool number_take(struct cursor *cursor, uint64_t *number)
{
    spaces_skip(cursor);
    const char *start = cursor->at;
    *number = 0;
    for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++)
        *number = *number > (UINT64_MAX - 9) / 10 ? UINT64_MAX : *number * 10 + (uint64_t)(*cursor->at - '0');
    bool some = cursor->at > start;
    if (some && cursor->at < cursor->end && *cursor->at == 'L') /* Python 2 wrote (200000L, 5L) */
        cursor->at++;
    return some;
}

static const char *descr_read(struct cursor *cursor, struct npy_header *header)
{
    if (mark_take(cursor, '['))
        return "a structured dtype: only plain integers can be read; save one field, as in array['name'].astype('<i4')";
    return string_take(cursor, &header->descr) ? NULL : "the header's descr is not a string";
}

static const char *order_read(struct cursor *cursor, struct npy_header *header)
{
    header->fortran_order = word_take(cursor, "True");
    return header->fortran_order || word_take(cursor, "False") ? NULL
                                                               : "the header's fortran_order is not True or False";
}

static const char *shape_read(struct cursor *cursor, struct npy_header *header)
{
    static const char malformed[] = "the header's shape is not a tuple of sizes";
    if (!mark_take(cursor, '('))
        return malformed;
    while (!mark_take(cursor, ')')) {
        uint64_t size;
        if (!number_take(cursor, &size))
            return malformed;
        if (header->dimensions < 2)
            header->shape[header->dimensions] = size;
        header->dimensions++;
        if (!mark_take(cursor, ',')) {
            if (!mark_take(cursor, ')'))
                return malformed;
            break;
        }
    }
    return NULL;
}

static const struct {
    const char *name;
    const char *(*read)(struct cursor *cursor, struct npy_header *header);
} keys[] = {
    {"descr", descr_read},
    {"fortran_order", order_read},
    {"shape", shape_read},
};

enum { KEYS = sizeof keys / sizeof keys[0] };

static const char *pair_read(struct cursor *cursor, struct npy_header *header, bool seen[KEYS])
{
    struct text key;
    if (!string_take(cursor, &key) || !mark_take(cursor, ':'))
        return "the header is not a dictionary of descr, fortran_order and shape";
    for (size_t i = 0; i < KEYS; i++) {
        if (key.length != strlen(keys[i].name) || memcmp(key.start, keys[i].name, key.length) != 0)
            continue;
        if (seen[i])
            return "the header has a key twice";
        seen[i] = true;
        return keys[i].read(cursor, header);
    }
    return "the header has a key other than descr, fortran_order and shape";
}

const char *npy_header_parse(const char *text, size_t length, struct npy_header *header)
{
    struct cursor cursor = {.at = text, .end = text + length};
    bool seen[KEYS] = {false};
    memset(header, 0, sizeof *header);
    if (!mark_take(&cursor, '{'))
        return "the header is not a dictionary";
    while (!mark_take(&cursor, '}')) {
        const char *problem = pair_read(&cursor, header, seen);
        if (problem)
            return problem;
        if (!mark_take(&cursor, ',')) {
            if (!mark_take(&cursor, '}'))
                return "the header's dictionary does not end";
            break;
        }
    }
    spaces_skip(&cursor);
    if (cursor.at != cursor.end)
        return "the header has something after its dictionary";
    for (size_t i = 0; i < KEYS; i++)
        if (!seen[i])
            return "the header lacks one of descr, fortran_order and shape";
    return NULL;
}
