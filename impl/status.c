/* SPDX-License-Identifier: MIT
 *
 * What the library's return values mean, in words: grain's own few, then the C library's.
 */
#include <errno.h>
#include <string.h>

#include "grain.h"

static const struct {
    int status;
    const char *text;
} texts[] = {
    {0, "success"},
    {GRAIN_TASK_FAILED, "a task failed"},
    {-EPERM, "this handle belongs to the process that opened it, not to a forked child"},
    {-EDEADLK, "a worker would wait for its own pool"},
    {-ESHUTDOWN, "the pool is closed"},
    {-ECANCELED, "the pool was terminated"},
    {-ENOTSUP, "this backend cannot do that"},
    {-EOWNERDEAD, "the worker died while it ran this task"},
    {-ENOTRECOVERABLE, "the pool has lost its workers"},
    {-EOVERFLOW, "count times size is too large"},
};

const char *grain_strerror(int status)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].status == status)
            return texts[i].text;
    const char *text = status < 0 ? strerrordesc_np(-status) : NULL;
    return text ? text : "unknown status";
}

const char *grain_version(void)
{
    return GRAIN_VERSION;
}
