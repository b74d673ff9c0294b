/* SPDX-License-Identifier: MIT
 *
 * Structs as the program knows them, by the size that it passes, and as this library does. The rule stands at the head
 * of grain.h; who calls without a size: sizes.c.
 */
#ifndef GRAIN_SIZES_H
#define GRAIN_SIZES_H

#include "grain.h"

/* Copies what the program gave into what this library knows; fields that the program does not know are 0. 0; -EINVAL a
 * size that no version has, or another one in struct_size, with which both structs begin; -E2BIG a field is set that
 * this library does not know. `name` is the struct's, for what is said of it. */
int sizes_take(const char *name, void *known, size_t known_size, const void *given, size_t given_size);

/* Copies what this library knows to what the program gave room for; fields that this library does not know are 0. */
void sizes_give(void *given, size_t given_size, const void *known, size_t known_size);

/* *options as this library knows them: themselves, or, in a program of another version, a copy in *room; all 0 for
 * NULL. Most calls pay two comparisons for it. As sizes_take(). */
static inline int sizes_take_call(const struct grain_call_options **options, size_t size,
                                  struct grain_call_options *room)
{
    static const struct grain_call_options none;
    if (!*options)
        *options = &none;
    else if (size != sizeof *room || (*options)->struct_size != 0) {
        int status = sizes_take("grain_call_options", room, sizeof *room, *options, size);
        *options = room;
        return status;
    }
    return 0;
}

#endif
