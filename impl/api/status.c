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
    {GRAIN_EXCEPTION, "the task threw an exception"},
    {-E2BIG, "an option is set that this version of the library does not know"},
    {-EAGAIN, "no thread or process could be started; or it has not ended yet"},
    {-EBUSY, "the call runs, or has ended"},
    {-ECANCELED, "the pool was terminated, or the call taken back"},
    {-ECHILD, "the program has taken the status of this process elsewhere"},
    {-EDEADLK, "a worker, or a callback, would wait for its own pool"},
    {-EINVAL, "an argument or an option is wrong; grain_last_message() says which"},
    {-EMFILE, "the process has no descriptor left"},
    {-ENFILE, "the system has no descriptor left"},
    {-ENOMEM, "there is no memory left, or the pool's limit is reached"},
    {-ENOTRECOVERABLE, "the pool has lost its workers"},
    {-ENOTSUP, "this backend cannot do that; grain_last_message() says what"},
    {-EOVERFLOW, "count times size is too large"},
    {-EOWNERDEAD, "the worker died while it ran this task"},
    {-EPERM, "the handle belongs to the process that made it, not to a forked child; or the process is another user's"},
    {-ESHUTDOWN, "the pool is closed"},
    {-ETIMEDOUT, "it took longer than the time it was given"},
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
