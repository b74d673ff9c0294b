/* SPDX-License-Identifier: MIT
 *
 * Whole files, in and out: write to a fresh file in the same folder, fsync, rename over NAME.
 */
#include "analysis/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sweep/fresh.h"

static int write_all(int file, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(file, text, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        text += written;
        size -= (size_t)written;
    }
    return fsync(file) == 0 || errno == EINVAL ? 0 : -errno; /* EINVAL: the file system has no fsync */
}

int aside_replace(const char *dir, const char *name, const char *text, size_t size)
{
    char *path = NULL, *part = NULL;
    int file = -1, status = -ENOMEM;

    if (asprintf(&path, "%s/%s", dir, name) < 0)
        path = NULL;
    if (path == NULL)
        goto out;
    file = fresh_open(AT_FDCWD, path, &part);
    status = file < 0 ? file : write_all(file, text, size);
    if (file >= 0 && close(file) != 0 && status == 0)
        status = -errno;
    if (status == 0 && rename(part, path) != 0)
        status = -errno;
    if (status != 0 && file >= 0)
        unlink(part);
out:
    free(part);
    free(path);
    return status;
}

int aside_read(const char *dir, const char *name, char **text, size_t *size)
{
    char *path, *buffer = NULL;
    struct stat info;
    FILE *file = NULL;
    int status = 0;

    if (asprintf(&path, "%s/%s", dir, name) < 0)
        return -ENOMEM;
    file = fopen(path, "re");
    if (file == NULL || fstat(fileno(file), &info) != 0)
        status = -errno;
    else if (S_ISDIR(info.st_mode))
        status = -EISDIR;
    else if ((buffer = malloc((size_t)info.st_size + 1)) == NULL)
        status = -ENOMEM;
    if (status == 0) {
        *size = fread(buffer, 1, (size_t)info.st_size, file);
        buffer[*size] = '\0';
        if (ferror(file))
            status = -EIO;
    }
    if (status == 0)
        *text = buffer;
    else
        free(buffer);
    if (file != NULL)
        fclose(file);
    free(path);
    return status;
}
