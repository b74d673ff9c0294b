/* SPDX-License-Identifier: MIT
 *
 * The readers of .npy and .csv: FUZZ_READ is one of the two. What is read must be whole, what is refused must be
 * refused in one line.
 */
#include <stdlib.h>
#include <string.h>

#include "data/reader.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char error[MATRIX_ERROR_MAX] = "", *copy = fuzz_text(bytes, size);
    struct matrix matrix = {.values = NULL};
    FILE *file = size > 0 ? fmemopen(copy, size, "r") : NULL;
    struct source source = {.file = file, .path = "input", .size_bytes = size, .error = error};
    int64_t sum = 0;
    if (file != NULL) {
        int status = FUZZ_READ(&matrix, &source);
        FUZZ_CHECK(status <= 0);
        if (status != 0)
            fuzz_check_line(error);
        FUZZ_CHECK(status != 0 || (matrix.rows > 0 && matrix.columns > 0 && matrix.columns <= MATRIX_COLUMNS_MAX));
        for (uint64_t i = 0; status == 0 && i < matrix.rows * (uint64_t)matrix.columns; i++)
            sum += matrix.values[i]; /* every value is there: the sanitizer looks */
        FUZZ_CHECK(sum >= INT64_MIN / 2);
        matrix_free(&matrix);
        fclose(file);
    }
    free(copy);
    return 0;
}
