/* SPDX-License-Identifier: MIT
 *
 * A matrix from a file: finds out whether the file is one that can be read, hands it to the reader of its
 * extension, and words the errors. Next: npy.c and csv.c, the readers; random.c, the default data.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reader.h"

#define PATH_SHOWN_MAX 200

/* ------------------------------------------------------------------------------------------ wording */

void matrix_quote(char *out, size_t size, const char *bytes, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char piece[8];
        unsigned char byte = (unsigned char)bytes[i];
        if (byte == '\n' || byte == '\r' || byte == '\t')
            snprintf(piece, sizeof piece, "\\%c", byte == '\n' ? 'n' : byte == '\r' ? 'r' : 't');
        else
            snprintf(piece, sizeof piece, byte >= 0x20 && byte < 0x7f ? "%c" : "\\x%02x", byte);
        size_t more = strlen(piece), room = i + 1 < length ? sizeof "..." : 1;
        if (used + more + room > size) {
            memcpy(out + used, "...", sizeof "...");
            return;
        }
        memcpy(out + used, piece, more);
        used += more;
    }
    out[used] = '\0';
}

int matrix_fail(char *error, const char *path, int status, const char *format, ...)
{
    char shown[PATH_SHOWN_MAX];
    size_t length = strlen(path), keep = PATH_SHOWN_MAX - sizeof "...";
    const char *cut = length > keep ? "..." : "";
    /* Of a long path the end is kept: that is where the file's name stands. */
    matrix_quote(shown, sizeof shown, length > keep ? path + (length - keep) : path, length > keep ? keep : length);
    int used = snprintf(error, MATRIX_ERROR_MAX, "%s%s: ", cut, shown);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error + used, MATRIX_ERROR_MAX - (size_t)used, format, arguments);
    va_end(arguments);
    return status;
}

int matrix_fail_errno(char *error, const char *path, int number, const char *what)
{
    if (number == 0)
        number = EIO;
    const char *text = strerrordesc_np(number);
    return matrix_fail(error, path, -number, "cannot be %s: %s", what, text ? text : "unknown error");
}

/* ------------------------------------------------------------------------------------------- memory */

int matrix_allocate(struct matrix *matrix, uint64_t rows, uint64_t columns, const char **reason)
{
    size_t size_bytes = 0;
    *reason = NULL;
    if (rows == 0)
        *reason = "no rows: at least 1 is needed";
    else if (columns == 0 || columns > MATRIX_COLUMNS_MAX)
        *reason = "the number of columns must be 1 to 4096";
    else if (__builtin_mul_overflow(rows, columns * sizeof *matrix->values, &size_bytes) || size_bytes > PTRDIFF_MAX)
        *reason = "too many rows";
    if (*reason)
        return -EINVAL;
    matrix->values = malloc(size_bytes);
    if (!matrix->values)
        return -ENOMEM;
    matrix->rows = rows;
    matrix->columns = (int32_t)columns;
    return 0;
}

void matrix_free(struct matrix *matrix)
{
    free(matrix->values);
    memset(matrix, 0, sizeof *matrix);
}

/* ------------------------------------------------------------------------------------------- reading */

static const struct {
    const char *extension;
    int (*read)(struct matrix *matrix, const struct source *source);
} readers[] = {
    {".npy", npy_read},
    {".csv", csv_read},
};

static const struct {
    mode_t type;
    int status;
    const char *text;
} refused[] = {
    {S_IFDIR, -EISDIR, "is a directory; name a .npy or .csv file in it"},
    {S_IFIFO, -EINVAL, "is a pipe; write what comes out of it to a file, and name that"},
    {S_IFCHR, -EINVAL, "is a device, not a regular file"},
    {S_IFBLK, -EINVAL, "is a device, not a regular file"},
    {S_IFSOCK, -EINVAL, "is a socket, not a regular file"},
};

static int type_check(const struct stat *about, const char *path, char *error)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if ((about->st_mode & S_IFMT) == refused[i].type)
            return matrix_fail(error, path, refused[i].status, "%s", refused[i].text);
    if (about->st_size == 0)
        return matrix_fail(error, path, -EINVAL, "the file is empty");
    return 0;
}

/* The type is looked at before the file is opened, because opening a pipe waits and opening a device may
 * do things; and again afterwards, because somebody may have put another file there. */
static int source_open(struct source *source, const char *path, char *error)
{
    struct stat about;
    if (stat(path, &about))
        return matrix_fail_errno(error, path, errno, "opened");
    int status = type_check(&about, path, error);
    if (status)
        return status;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0)
        return matrix_fail_errno(error, path, errno, "opened");
    if (fstat(descriptor, &about))
        status = matrix_fail_errno(error, path, errno, "read");
    else
        status = type_check(&about, path, error);
    FILE *file = status ? NULL : fdopen(descriptor, "r");
    if (!file) {
        close(descriptor);
        return status ? status : matrix_fail(error, path, -ENOMEM, "not enough memory");
    }
    *source = (struct source){.file = file, .path = path, .size_bytes = (uint64_t)about.st_size, .error = error};
    return 0;
}

int matrix_read(struct matrix *matrix, const char *path, char error[MATRIX_ERROR_MAX])
{
    memset(matrix, 0, sizeof *matrix);
    *error = '\0';
    struct source source = {.file = NULL};
    int status = source_open(&source, path, error);
    if (!source.file)
        return status;
    const char *name = strrchr(path, '/'), *extension = strrchr(name ? name : path, '.');
    status = 1;
    for (size_t i = 0; extension && i < sizeof readers / sizeof readers[0]; i++)
        if (strcasecmp(extension, readers[i].extension) == 0)
            status = readers[i].read(matrix, &source);
    if (status > 0)
        status = matrix_fail(error, path, -EINVAL, "unknown kind of file: its name must end in .npy or .csv");
    fclose(source.file);
    if (status)
        matrix_free(matrix);
    return status;
}

void matrix_shrink(struct matrix *matrix, uint64_t rows)
{
    if (rows >= matrix->rows)
        return;
    int32_t *values = realloc(matrix->values, (size_t)rows * (size_t)matrix->columns * sizeof *values);
    if (values)
        matrix->values = values;
}
