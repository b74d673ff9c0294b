/* SPDX-License-Identifier: MIT
 *
 * Checks of processors: how many there are for us, what makes their speed vary, and who else uses them.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "doctor.h"
#include "grain.h"
#include "sys/machine.h"

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define GOVERNOR    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"

/* Shares of the CPU time, in percent, that deserve a word. */
#define STEAL_NOTE    1.0
#define STEAL_WARNING 5.0
#define BUSY_NOTE     10.0
#define BUSY_WARNING  25.0
#define LOOK_NS       300000000L
#define LOAD_NOTE     0.25 /* runnable processes a usable CPU, beside us */

static void look_model(struct finding *finding)
{
    doctor_find(finding, DOCTOR_OK, NULL, "%s", machine_cpu_model());
}

static void look_usable(struct finding *finding)
{
    int usable = grain_cpu_count();
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (usable == 1)
        doctor_find(finding, DOCTOR_WARNING, "measure where at least 2 CPUs are usable", "1 of %ld online", online);
    else if (usable < online)
        doctor_find(finding, DOCTOR_NOTE, "nothing, if that is meant", "%d of %ld online", usable, online);
    else
        doctor_find(finding, DOCTOR_OK, NULL, "%d of %ld online", usable, online);
}

static void look_affinity(struct finding *finding)
{
    int allowed = machine_affinity_count();
    if (allowed < sysconf(_SC_NPROCESSORS_ONLN))
        doctor_find(finding, DOCTOR_NOTE, "nothing, if that is meant; `taskset -p $$' shows the mask",
                    "%d CPUs in the mask", allowed);
    else
        doctor_find(finding, DOCTOR_OK, NULL, "every online CPU");
}

static void look_quota(struct finding *finding)
{
    double quota = machine_cgroup_quota(NULL, NULL);
    int allowed = machine_affinity_count();
    if (quota <= 0) {
        doctor_find(finding, DOCTOR_OK, NULL, "none");
        return;
    }
    doctor_find(finding, quota < allowed ? DOCTOR_WARNING : DOCTOR_OK,
                "lift the limit of the container or the service while measuring", "%.2f CPUs", quota);
    if (quota < allowed)
        snprintf(
            finding->explanation, sizeof finding->explanation,
            "%d CPUs may be used, but only for %.2f CPU seconds a second: threads on all of them, spinning ones too, "
            "use that up early in each period, and then all of them stand still until the next one begins.",
            allowed, quota);
}

static void look_smt(struct finding *finding)
{
    int threads = machine_threads_per_core();
    if (threads > 1)
        doctor_find(finding, DOCTOR_NOTE, "expect less than P times the speed once both threads of a core work",
                    "%d hardware threads a core", threads);
    else
        doctor_find(finding, DOCTOR_OK, NULL, "one hardware thread a core");
}

static void look_governor(struct finding *finding)
{
    char governor[64];
    if (doctor_read(GOVERNOR, governor, sizeof governor))
        doctor_find(finding, DOCTOR_OK, NULL, "not visible here");
    else if (strcmp(governor, "performance") == 0)
        doctor_find(finding, DOCTOR_OK, NULL, "%s", governor);
    else
        doctor_find(finding, DOCTOR_NOTE, "as root: cpupower frequency-set -g performance", "%s", governor);
}

static void look_clock(struct finding *finding)
{
    static const char *const quick[] = {"tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page", NULL};
    char source[64];
    if (doctor_read(CLOCKSOURCE, source, sizeof source)) {
        doctor_find(finding, DOCTOR_NOTE, "nothing; the clock cannot be judged", "not visible here");
        return;
    }
    for (const char *const *name = quick; *name; name++)
        if (strcmp(*name, source) == 0) {
            doctor_find(finding, DOCTOR_OK, NULL, "%s", source);
            return;
        }
    doctor_find(finding, DOCTOR_WARNING, "see whether the kernel offers tsc (available_clocksource)", "%s", source);
}

static void look_load(struct finding *finding)
{
    double load;
    if (getloadavg(&load, 1) != 1)
        doctor_find(finding, DOCTOR_NOTE, "nothing; the load cannot be judged", "unknown");
    else if (load > LOAD_NOTE * grain_cpu_count())
        doctor_find(finding, DOCTOR_WARNING, "stop what else runs, wait a minute, look again", "%.2f (1 minute)", load);
    else
        doctor_find(finding, DOCTOR_OK, NULL, "%.2f (1 minute)", load);
}

/* ----------------------------------------------------------------------------- who uses them, from /proc/stat */

/* cpu user nice system idle iowait irq softirq steal ...: guest time is in user already. */
struct times {
    uint64_t part[8], busy, total; /* in ticks, of all CPUs */
};
enum { PART_IDLE = 3, PART_IOWAIT = 4, PART_STEAL = 7 };

static bool times_read(struct times *times)
{
    char line[512];
    uint64_t *part = times->part;
    times->busy = times->total = 0;
    if (doctor_read("/proc/stat", line, sizeof line) ||
        sscanf(line, "cpu %" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64,
               &part[0], &part[1], &part[2], &part[3], &part[4], &part[5], &part[6], &part[7]) != 8)
        return false;
    for (int i = 0; i < 8; i++) {
        times->total += part[i];
        times->busy += part[i] * (i != PART_IDLE && i != PART_IOWAIT); /* a CPU that idles cannot be stolen */
    }
    return true;
}

static double percent_of(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void look_steal(struct finding *finding)
{
    struct times times;
    if (!times_read(&times)) {
        doctor_find(finding, DOCTOR_NOTE, "nothing; it cannot be judged", "unknown");
        return;
    }
    double percent = percent_of(times.part[PART_STEAL], times.busy);
    enum verdict verdict = percent > STEAL_WARNING ? DOCTOR_WARNING : percent > STEAL_NOTE ? DOCTOR_NOTE : DOCTOR_OK;
    doctor_find(finding, verdict, "measure at a quieter time; the sweep marks cells that suffered",
                "%.1f %% of the busy time since boot", percent);
}

/* This program sleeps meanwhile: whoever is busy is somebody else. */
static void look_now(struct finding *finding)
{
    struct times before, after;
    bool read = times_read(&before);
    nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    if (!read || !times_read(&after) || after.total <= before.total) {
        doctor_find(finding, DOCTOR_NOTE, "nothing; it cannot be judged", "unknown");
        return;
    }
    double percent = percent_of(after.busy - before.busy, after.total - before.total);
    enum verdict verdict = percent > BUSY_WARNING ? DOCTOR_WARNING : percent > BUSY_NOTE ? DOCTOR_NOTE : DOCTOR_OK;
    doctor_find(finding, verdict, "see who it is with `top', stop it, look again", "%.0f %% of the CPUs are busy",
                percent);
}

const struct check doctor_cpu_checks[] = {
    {"CPU model", "results of different processors do not compare", look_model},
    {"usable CPUs", "with one CPU nothing can be won by going parallel", look_usable},
    {"affinity mask", "CPUs outside the mask of this process are never used", look_affinity},
    {"CPU quota", "a quota stops all workers for a while when it is used up: times jump", look_quota},
    {"SMT", "two hardware threads of one core share its units: they are not two CPUs", look_smt},
    {"governor", "a clock that follows the load makes the first samples slow", look_governor},
    {"clock source", "a slow clock costs more than the tasks that it times", look_clock},
    {"load", "other programs take turns with the workers", look_load},
    {"busy now", "the load average comes a minute late: this is what others do right now", look_now},
    {"steal time", "the host ran other machines while this one wanted to run", look_steal},
    {0},
};
