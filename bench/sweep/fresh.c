/* SPDX-License-Identifier: MIT
 *
 * Temporary files that become results; see fresh.h.
 */
#include "fresh.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

int fresh_open(int folder, const char *name, char **fresh)
{
    uint64_t random;
    const char *slash = strrchr(name, '/'), *base = slash != NULL ? slash + 1 : name;
    *fresh = NULL;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return -errno;
    if (asprintf(fresh, "%.*s.%s.%016" PRIx64, (int)(base - name), name, base, random) < 0) {
        *fresh = NULL;
        return -ENOMEM;
    }
    int file = openat(folder, *fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file >= 0)
        return file;
    int status = -errno;
    free(*fresh);
    *fresh = NULL;
    return status;
}
