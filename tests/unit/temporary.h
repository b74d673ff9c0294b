/* SPDX-License-Identifier: MIT
 *
 * A temporary folder for one test program: cmocka's group fixtures, whose state is the folder's path, and
 * writing files into it. Include after <cmocka.h>.
 */
#ifndef GRAIN_TEST_TEMPORARY_H
#define GRAIN_TEST_TEMPORARY_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int temporary_setup(void **state)
{
    const char *base = getenv("TMPDIR");
    char *path;
    if (asprintf(&path, "%s/grain-test-XXXXXX", base ? base : "/tmp") < 0 || !mkdtemp(path))
        return -1;
    *state = path;
    return chmod(path, 0755);
}

static inline int temporary_remove(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about, (void)type, (void)where;
    return remove(path);
}

static inline int temporary_teardown(void **state)
{
    int status = nftw(*state, temporary_remove, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return status;
}

/* Writes dir/name, making the folders on the way. */
static inline void temporary_write(const char *dir, const char *name, const void *bytes, size_t length)
{
    char path[1024];
    assert_true(snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path);
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

#endif
