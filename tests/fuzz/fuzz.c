/* SPDX-License-Identifier: MIT
 *
 * What the fuzz targets share; see fuzz.h.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fuzz_check(int holds, const char *what, const char *file, int line)
{
    if (holds)
        return;
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

void fuzz_check_line(const char *text)
{
    FUZZ_CHECK(*text != '\0');
    for (; *text != '\0'; text++)
        FUZZ_CHECK(*text >= ' ' && *text < 127);
}

char *fuzz_text(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size + 1);
    FUZZ_CHECK(text != NULL);
    memcpy(text, bytes, size);
    text[size] = '\0';
    return text;
}

const char *fuzz_folder(void)
{
    static char folder[256];
    const char *base = getenv("TMPDIR");
    if (folder[0] == '\0') {
        int length = snprintf(folder, sizeof folder, "%s/grain-fuzz-XXXXXX", base != NULL ? base : "/tmp");
        FUZZ_CHECK(length < (int)sizeof folder && mkdtemp(folder) != NULL);
    }
    return folder;
}

void fuzz_write(const char *name, const void *bytes, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FUZZ_CHECK(file >= 0 && write(file, bytes, size) == (ssize_t)size && close(file) == 0);
}
