/* SPDX-License-Identifier: MIT
 *
 * See text.h.
 */
#include "text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By the first byte: how long, and the least code point, because a longer form of a smaller one is none. */
static const struct {
    unsigned char mask, lead;
    size_t length;
    uint32_t least;
} forms[] = {{0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};

/* source: RFC 3629 */
size_t text_character(const char *bytes, size_t size)
{
    unsigned char first = size > 0 ? (unsigned char)bytes[0] : 0x80;
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        if ((first & forms[f].mask) != forms[f].lead || size < forms[f].length)
            continue;
        uint32_t point = first & (unsigned char)~forms[f].mask;
        for (size_t i = 1; i < forms[f].length; i++) {
            unsigned char next = (unsigned char)bytes[i];
            if ((next & 0xc0U) != 0x80U)
                return 0;
            point = point << 6 | (next & 0x3fU);
        }
        bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
        return point < forms[f].least || is_surrogate || point > 0x10ffff ? 0 : forms[f].length;
    }
    return 0;
}

bool text_is_utf8(const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t length = text_character(text, left);
        if (length == 0)
            return false;
        text += length;
        left -= length;
    }
    return true;
}

json_t *text_json(const char *text)
{
    char *shown = NULL;
    size_t size, left = strlen(text);
    FILE *out = open_memstream(&shown, &size);
    while (out != NULL && left > 0) {
        size_t length = text_character(text, left), step = length > 0 ? length : 1;
        if (length > 0)
            fwrite(text, 1, length, out);
        else
            fprintf(out, "\\x%02X", (unsigned char)*text);
        text += step;
        left -= step;
    }
    json_t *string = out != NULL && fclose(out) == 0 ? json_string(shown) : NULL;
    free(shown);
    return string;
}
