/* SPDX-License-Identifier: MIT
 *
 * Checks of OpenMP's regions: this program is run again, `grain doctor --regions`, once for each way in which threads
 * can be told to wait and to bind, and what it measures is judged. A run that hangs is ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "grain.h"
#include "regions.h"
#include "sweep/child.h"
#include "sweep/program.h"

#define LIMIT_S       10 /* a good run takes milliseconds, a bad one half a second */
#define VARIABLES_MAX 64
#define ENV           "/usr/bin/env" /* child_run() hands no OMP_ variable on: this sets them */

struct variant {
    const char *set[3]; /* beside OMP_NUM_THREADS; ends with NULL */
    bool keeps;         /* the user's variables, all of them */
};

static const struct variant as_told = {.keeps = true};
static const struct variant as_shipped = {.keeps = false};
static const struct variant bound = {.set = {"OMP_PROC_BIND=true"}};
static const struct variant active = {.set = {"OMP_PROC_BIND=false", "OMP_WAIT_POLICY=active"}};
static const struct variant passive = {.set = {"OMP_PROC_BIND=false", "OMP_WAIT_POLICY=passive"}};

static bool is_kept(const char *variable, const struct variant *variant)
{
    static const char *const prefixes[] = {"OMP_", "GOMP_", "KMP_"};
    if (strncmp(variable, "OMP_NUM_THREADS=", strlen("OMP_NUM_THREADS=")) == 0)
        return true;
    for (size_t i = 0; variant->keeps && i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* The end of a run as a finding; false: it went well. */
static bool is_failed(const struct child *child, int status, struct finding *finding)
{
    static const char remedy[] = "see what `grain doctor --regions' says by itself";
    if (status != 0)
        doctor_find(finding, DOCTOR_NOTE, remedy, "not measured: %s", strerror(-status));
    else if (child->timed_out)
        doctor_find(finding, DOCTOR_WARNING, "OMP_WAIT_POLICY=passive, fewer threads, or less load",
                    "a hundred regions did not end within %d s", LIMIT_S);
    else if (child->exit_status != 0)
        doctor_find(finding, DOCTOR_NOTE, remedy, "not measured: %.*s", (int)strcspn(child->errors, "\n"),
                    child->errors);
    else
        return false;
    return true;
}

static void look(struct finding *finding, const struct variant *variant)
{
    const char *argv[VARIABLES_MAX + 8] = {ENV};
    int count = 1;
    if (!regions_there()) {
        doctor_find(finding, DOCTOR_OK, NULL, "not in this build");
        return;
    }
    for (char **variable = environ; *variable && count < VARIABLES_MAX; variable++)
        if (is_kept(*variable, variant))
            argv[count++] = *variable;
    for (size_t i = 0; variant->set[i]; i++)
        argv[count++] = variant->set[i];
    argv[count++] = program_path();
    argv[count++] = "doctor";
    argv[count++] = "--regions";
    struct child child = {.argv = argv, .limit_s = LIMIT_S};
    struct regions regions;
    int status = child_run(&child);
    if (is_failed(&child, status, finding))
        ;
    else if (!regions_read(child.output, &regions))
        doctor_find(finding, DOCTOR_NOTE, "see what `grain doctor --regions' says by itself", "not measured");
    else
        regions_judge(&regions, grain_cpu_count(), variant->keeps, finding);
    if (status == 0)
        child_free(&child);
}

static void look_told(struct finding *finding)
{
    look(finding, &as_told);
}

/* What is told there is nothing else where there is nothing to leave out. */
static void look_shipped(struct finding *finding)
{
    bool is_other = false;
    for (char **variable = environ; *variable; variable++)
        is_other = is_other || is_kept(*variable, &as_told) != is_kept(*variable, &as_shipped);
    if (is_other || !regions_there())
        look(finding, &as_shipped);
    else
        doctor_find(finding, DOCTOR_OK, NULL, "as above: no variable says otherwise");
}

static void look_bound(struct finding *finding)
{
    look(finding, &bound);
}

static void look_active(struct finding *finding)
{
    look(finding, &active);
}

static void look_passive(struct finding *finding)
{
    look(finding, &passive);
}

const struct check doctor_openmp_checks[] = {
    {"OpenMP regions", "a region, as your OMP_* variables have it now, should take microseconds", look_told},
    {"OpenMP as shipped", "the same with no variable but OMP_NUM_THREADS: `openmp as shipped' in the tables",
     look_shipped},
    {"OpenMP bound", "the same with OMP_PROC_BIND=true: each thread keeps to a CPU", look_bound},
    {"OpenMP spinning", "the same unbound, with OMP_WAIT_POLICY=active: threads never sleep", look_active},
    {"OpenMP sleeping", "the same unbound, with OMP_WAIT_POLICY=passive: threads sleep at once", look_passive},
    {0},
};
