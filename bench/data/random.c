/* SPDX-License-Identifier: MIT
 *
 * The default data: numpy.random.RandomState(seed).randint(0, 10, size=(rows, columns)), bit for bit. numpy
 * draws 32 bits from MT19937, keeps the lowest four, and draws again when they exceed 9.
 */
#include <errno.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_rng.h>

#include "reader.h"

#define DIGIT_MASK 15u
#define DIGIT_MAX  9u

/* GSL takes seed 0 for "the default", 4357; numpy means 0. GSL keeps the low 32 bits of what it is given, so
 * 2^32 is a zero that it does not see as one. */
static unsigned long gsl_seed(uint32_t seed)
{
    _Static_assert(sizeof(unsigned long) == 8, "a seed of 2^32 needs 64 bits");
    return seed ? seed : 1ul << 32;
}

int matrix_random(struct matrix *matrix, uint64_t rows, int32_t columns, uint32_t seed, char error[MATRIX_ERROR_MAX])
{
    *matrix = (struct matrix){0};
    *error = '\0';
    const char *reason;
    int status = matrix_allocate(matrix, rows, columns > 0 ? (uint64_t)columns : 0, &reason);
    gsl_error_handler_t *handler = gsl_set_error_handler_off(); /* it would abort when memory is short */
    gsl_rng *generator = status ? NULL : gsl_rng_alloc(gsl_rng_mt19937);
    gsl_set_error_handler(handler);
    if (!generator) {
        matrix_free(matrix);
        snprintf(error, MATRIX_ERROR_MAX, "random matrix of %llu x %ld: %s", (unsigned long long)rows, (long)columns,
                 reason ? reason : "not enough memory");
        return status ? status : -ENOMEM;
    }
    gsl_rng_set(generator, gsl_seed(seed));
    size_t count = (size_t)rows * (size_t)columns;
    for (size_t i = 0; i < count; i++) {
        unsigned long digit;
        do
            digit = gsl_rng_get(generator) & DIGIT_MASK;
        while (digit > DIGIT_MAX);
        matrix->values[i] = (int32_t)digit;
    }
    gsl_rng_free(generator);
    return 0;
}
