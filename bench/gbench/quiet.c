/* SPDX-License-Identifier: MIT
 *
 * See quiet.h. Whether a thread wants a CPU is asked of /proc, not of its CPU time: on a busy machine one that spins
 * may get none for a while.
 */
#include "quiet.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS   200000L /* between two looks */
#define LOOKS_MAX 2500
#define TASKS     "/proc/self/task"

static double clock_ns(clockid_t clock)
{
    struct timespec time;
    return clock_gettime(clock, &time) ? 0 : (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

double quiet_others_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID) - clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* source: proc(5), /proc/PID/stat: the state follows the name, which stands in parentheses and may hold any. */
static bool is_running(const char *tid)
{
    char path[sizeof TASKS + 280], text[512] = "";
    snprintf(path, sizeof path, TASKS "/%s/stat", tid);
    FILE *file = fopen(path, "re");
    if (!file) /* it has ended */
        return false;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    const char *name_end = strrchr(text, ')');
    return name_end && strncmp(name_end, ") R", 3) == 0;
}

static bool is_quiet(void)
{
    DIR *tasks = opendir(TASKS);
    const struct dirent *task;
    bool is_one = false;
    while (tasks && !is_one && (task = readdir(tasks)))
        is_one = task->d_name[0] != '.' && atoi(task->d_name) != gettid() && is_running(task->d_name);
    if (tasks)
        closedir(tasks);
    return !is_one;
}

void quiet_wait(void)
{
    static bool is_vain; /* they were at work for good: OMP_WAIT_POLICY=active */
    for (int look = 0; look < LOOKS_MAX && !is_vain; look++) {
        if (is_quiet())
            return;
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    }
    is_vain = true;
}
