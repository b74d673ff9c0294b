/* SPDX-License-Identifier: MIT
 *
 * What the fuzz targets share. A target is LLVMFuzzerTestOneInput() and nothing else: libFuzzer has the main. Beside
 * crashes, and what sanitizers see, a target looks for results that contradict each other: FUZZ_CHECK.
 */
#ifndef GRAIN_TESTS_FUZZ_H
#define GRAIN_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A finding: says what does not hold, and ends the process as a crash does. */
#define FUZZ_CHECK(holds) fuzz_check((holds) != 0, #holds, __FILE__, __LINE__)
void fuzz_check(int holds, const char *what, const char *file, int line);

/* An error as the user would read it: one line, not empty, printable. */
void fuzz_check_line(const char *text);

/* The input with a 0 byte behind it; the caller frees it. */
char *fuzz_text(const uint8_t *bytes, size_t size);

/* A folder of this process in $TMPDIR, made once; tests/fuzz/run removes them all. */
const char *fuzz_folder(void);

/* Writes a whole file into it. */
void fuzz_write(const char *name, const void *bytes, size_t size);

#endif
