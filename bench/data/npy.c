/* SPDX-License-Identifier: MIT
 *
 * Reads a matrix of integers from numpy's .npy format, versions 1.0 to 3.0: a magic string, the length of the
 * header, the header (see npy_header.c), the data. What the header claims is compared with
 * the size of the file before any memory is asked for.
 * source: numpy.lib.format, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "npy_header.h"
#include "reader.h"

#define MAGIC            "\x93NUMPY"
#define MAGIC_BYTES      6u
#define HEADER_BYTES_MAX 65535u
#define BLOCK_BYTES      32768u

static const struct dtype {
    const char *name;
    unsigned size;
    bool is_signed;
} dtypes[] = {
    {"<i1", 1, true},  {"<i2", 2, true},  {"<i4", 4, true},  {"<i8", 8, true},  {"|i1", 1, true},
    {"<u1", 1, false}, {"<u2", 2, false}, {"<u4", 4, false}, {"<u8", 8, false}, {"|u1", 1, false},
};

static int fail(const struct source *source, const char *reason)
{
    return matrix_fail(source->error, source->path, -EINVAL, "%s", reason);
}

/* ------------------------------------------------------------------------- what the header promises */

static int dtype_find(const struct source *source, const struct npy_header *header, const struct dtype **found)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++)
        if (header->descr.length == 3 && memcmp(header->descr.start, dtypes[i].name, 3) == 0) {
            *found = &dtypes[i];
            return 0;
        }
    char quoted[QUOTE_MAX], kind = header->descr.length > 1 ? header->descr.start[1] : '?';
    matrix_quote(quoted, sizeof quoted, header->descr.start, header->descr.length);
    const char *advice = "save an array of whole numbers";
    if (strchr("iub", kind))
        advice = "save array.astype('<i4')";
    else if (strchr("fg", kind))
        advice = "if its values are whole, save array.astype('<i4')";
    return matrix_fail(source->error, source->path, -EINVAL,
                       "dtype `%s` cannot be read, only little-endian integers; %s", quoted, advice);
}

static int claim_check(const struct source *source, const struct npy_header *header, unsigned size, uint64_t data_bytes)
{
    if (header->fortran_order)
        return fail(source, "Fortran order (column by column); save numpy.ascontiguousarray(array)");
    if (header->dimensions != 2)
        return matrix_fail(source->error, source->path, -EINVAL, "%d dimension%s; a matrix has 2: rows and columns",
                           header->dimensions, header->dimensions == 1 ? "" : "s");
    unsigned long long rows = header->shape[0], columns = header->shape[1], claim;
    bool overflow = __builtin_mul_overflow(rows, columns, &claim) || __builtin_mul_overflow(claim, size, &claim);
    if (overflow || claim > data_bytes)
        return matrix_fail(
            source->error, source->path, -EINVAL,
            "truncated, or the header is wrong: it claims %llu x %llu values of %u byte%s, and %llu bytes "
            "follow it",
            rows, columns, size, size == 1 ? "" : "s", (unsigned long long)data_bytes);
    if (claim < data_bytes)
        return matrix_fail(source->error, source->path, -EINVAL,
                           "%llu bytes too many: the header claims %llu x %llu values of %u byte%s",
                           (unsigned long long)data_bytes - claim, rows, columns, size, size == 1 ? "" : "s");
    return 0;
}

/* ------------------------------------------------------------------------------------------ the file */

/* The file's first bytes, up to where the header begins; *length: the header's. */
static int preamble_read(const struct source *source, uint64_t *length)
{
    unsigned char start[12] = {0};
    if (fread(start, 1, MAGIC_BYTES + 2, source->file) != MAGIC_BYTES + 2 || memcmp(start, MAGIC, MAGIC_BYTES) != 0)
        return fail(source,
                    memcmp(start, "PK\x03\x04", 4) == 0
                        ? "not a .npy file but an archive, .npz perhaps; save one of its arrays with numpy.save()"
                        : "not a .npy file: it does not begin with \\x93NUMPY");
    unsigned major = start[6], minor = start[7];
    if (major < 1 || major > 3 || minor != 0)
        return matrix_fail(source->error, source->path, -EINVAL,
                           "version %u.%u of the .npy format is not known, only 1.0, 2.0 and 3.0", major, minor);
    size_t bytes = major == 1 ? 2 : 4;
    if (fread(start, 1, bytes, source->file) != bytes)
        return fail(source, "truncated: the file ends within its header");
    *length = 0;
    for (size_t i = bytes; i-- > 0;)
        *length = *length << 8 | start[i];
    if (*length > source->size_bytes - MAGIC_BYTES - 2 - bytes)
        return matrix_fail(source->error, source->path, -EINVAL,
                           "truncated: the header should have %llu bytes, and the file has %llu in all",
                           (unsigned long long)*length, (unsigned long long)source->size_bytes);
    if (*length > HEADER_BYTES_MAX)
        return matrix_fail(source->error, source->path, -EINVAL,
                           "a header of %llu bytes: more than %u is not plausible", (unsigned long long)*length,
                           HEADER_BYTES_MAX);
    return 0;
}

static bool value_take(const unsigned char *bytes, const struct dtype *dtype, int32_t *value, char number[32])
{
    uint64_t raw = 0;
    for (unsigned i = dtype->size; i-- > 0;)
        raw = raw << 8 | bytes[i];
    unsigned spare = 64 - 8 * dtype->size;
    int64_t extended = (int64_t)(raw << spare) >> spare; /* copies the sign into the upper bits */
    bool fits = dtype->is_signed ? extended >= INT32_MIN && extended <= INT32_MAX : raw <= INT32_MAX;
    if (fits)
        *value = dtype->is_signed ? (int32_t)extended : (int32_t)raw;
    else if (dtype->is_signed)
        snprintf(number, 32, "%lld", (long long)extended);
    else
        snprintf(number, 32, "%llu", (unsigned long long)raw);
    return fits;
}

static int data_read(struct matrix *matrix, const struct source *source, const struct dtype *dtype)
{
    unsigned char block[BLOCK_BYTES];
    uint64_t count = matrix->rows * (uint64_t)matrix->columns;
    for (uint64_t done = 0; done < count;) {
        size_t values = BLOCK_BYTES / dtype->size;
        if (values > count - done)
            values = (size_t)(count - done);
        if (fread(block, dtype->size, values, source->file) != values)
            return ferror(source->file) ? matrix_fail_errno(source->error, source->path, errno, "read")
                                        : fail(source, "the file became shorter while it was read");
        for (size_t i = 0; i < values; i++) {
            char number[32];
            if (value_take(block + i * dtype->size, dtype, &matrix->values[done + i], number))
                continue;
            unsigned long long at = done + i, columns = (unsigned long long)matrix->columns;
            return matrix_fail(source->error, source->path, -EINVAL,
                               "row %llu, column %llu (from 1): %s does not fit in 32 bits (-2147483648 to 2147483647)",
                               at / columns + 1, at % columns + 1, number);
        }
        done += values;
    }
    return 0;
}

int npy_read(struct matrix *matrix, const struct source *source)
{
    static const char memory[] = "not enough memory for %llu x %llu values";
    char text[HEADER_BYTES_MAX];
    uint64_t length = 0;
    int status = preamble_read(source, &length);
    if (status)
        return status;
    if (fread(text, 1, (size_t)length, source->file) != length)
        return fail(source, "truncated: the file ends within its header");
    struct npy_header header;
    const struct dtype *dtype = NULL;
    const char *problem = npy_header_parse(text, (size_t)length, &header);
    if (problem)
        return fail(source, problem);
    status = dtype_find(source, &header, &dtype);
    if (status == 0)
        status = claim_check(source, &header, dtype->size, source->size_bytes - (uint64_t)ftello(source->file));
    if (status)
        return status;
    status = matrix_allocate(matrix, header.shape[0], header.shape[1], &problem);
    if (problem)
        return fail(source, problem);
    if (status)
        return matrix_fail(source->error, source->path, status, memory, (unsigned long long)header.shape[0],
                           (unsigned long long)header.shape[1]);
    return data_read(matrix, source, dtype);
}
