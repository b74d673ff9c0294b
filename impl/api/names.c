/* SPDX-License-Identifier: MIT
 *
 * Names and words for those outside: of backends and schedules, of what functions return; the version, the CPUs.
 */
#include <errno.h>
#include <string.h>

#include "backend/backend.h"
#include "sys/machine.h"

/* ------------------------------------------------------------------------------- backends and schedules */

static const char *const schedule_names[GRAIN_SCHEDULE_COUNT] = {
    [GRAIN_SCHEDULE_DEFAULT] = "default", [GRAIN_SCHEDULE_STATIC] = "static", [GRAIN_SCHEDULE_DYNAMIC] = "dynamic",
    [GRAIN_SCHEDULE_GUIDED] = "guided",   [GRAIN_SCHEDULE_STEAL] = "steal",   [GRAIN_SCHEDULE_TASKLOOP] = "taskloop",
};

const char *grain_backend_name(size_t index)
{
    const struct grain_backend *backend = backend_at(index);
    return backend ? backend->name : NULL;
}

const char *grain_backend_summary(const char *name)
{
    const struct grain_backend *backend = backend_find(name);
    return backend ? backend->summary : NULL;
}

bool grain_backend_has_schedule(const char *name, enum grain_schedule schedule)
{
    const struct grain_backend *backend = backend_find(name);
    return backend && (unsigned)schedule < GRAIN_SCHEDULE_COUNT &&
           (schedule == GRAIN_SCHEDULE_DEFAULT || (backend->schedules & (1u << schedule)));
}

const char *grain_schedule_name(enum grain_schedule schedule)
{
    return (unsigned)schedule < GRAIN_SCHEDULE_COUNT ? schedule_names[schedule] : NULL;
}

int grain_schedule_parse(const char *name, enum grain_schedule *schedule)
{
    for (size_t i = 0; name && schedule && i < GRAIN_SCHEDULE_COUNT; i++)
        if (strcmp(schedule_names[i], name) == 0) {
            *schedule = (enum grain_schedule)i;
            return 0;
        }
    return -EINVAL;
}

int grain_cpu_count(void)
{
    return machine_cpu_count();
}

/* ------------------------------------------------------------------------------------ what values mean */

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
