/* SPDX-License-Identifier: MIT
 *
 * The walk: each scenario, with the k-th call of each class failing, for k = 1, 2, ... until a run has passed in which
 * nothing was left to fail. Each run is a process of its own with a time limit. It must end with an error code or
 * without one, with right results, and leave nothing behind: no block, mapping, descriptor, process.
 * Arguments: `all` walks every k; without it, where there are many, the first and then about one in as many as keeps
 * the whole in seconds. Names of scenarios: these alone.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "scenarios.h"
#include "shim.h"

#define LIMIT_MS  20000
#define K_LAST    4
#define K_MAX     5000
#define K_DENSE   12 /* each of the first so many; then further and further apart */
#define LINGER_MS 2000

/* Written by the run, read by the walker. */
static struct verdict {
    int status; /* of the scenario with the fault */
    char text[200];
} * verdict;

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
}

/* ------------------------------------------------------------------------------------------ one run */

static int descriptors_now(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

/* Workers that lost their supervisor come to us: they must be gone soon as well. */
static bool has_children(void)
{
    for (uint64_t end = now_ms() + LINGER_MS; now_ms() < end; nap()) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0 && errno == ECHILD)
            return false;
    }
    return true;
}

static void blame(const char *text, long before, long after)
{
    if (!verdict->text[0])
        snprintf(verdict->text, sizeof verdict->text, "%s: %ld -> %ld", text, before, after);
}

static void complaint_note(const char *when)
{
    const char *complaint = scenario_complaint();
    if (complaint && !verdict->text[0])
        snprintf(verdict->text, sizeof verdict->text, "%s: %s", when, complaint);
}

static void run(const struct scenario *scenario, enum shim_class class, unsigned k)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (!scenario->is_cold && scenario->run(scenario))
        blame("it fails without a fault", 0, 0);
    long live = shim_live();
    int descriptors = descriptors_now();
    shim_arm(class, k);
    verdict->status = scenario->run(scenario);
    shim_disarm();
    complaint_note("with the fault");
    if (verdict->status && !shim_was_hit())
        blame("it fails without a fault", 0, verdict->status);
    if (has_children())
        blame("processes stay behind", 0, 1);
    if (descriptors_now() != descriptors)
        blame("descriptors", descriptors, descriptors_now());
    if (shim_live() - live > scenario->kept)
        blame("blocks and mappings", live, shim_live());
    if (scenario->run(scenario))
        blame("afterwards it fails without a fault", 0, 0);
    complaint_note("after the fault");
}

/* False: the walk of this class has found something. */
static bool run_watched(const struct scenario *scenario, enum shim_class class, unsigned k)
{
    memset(verdict, 0, sizeof *verdict);
    shim_arm(class, 0);
    shim_disarm();
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        run(scenario, class, k);
        _exit(0);
    }
    setpgid(pid, pid);
    int status = 0;
    bool has_ended = false;
    for (uint64_t end = now_ms() + (scenario->limit_ms ? scenario->limit_ms : LIMIT_MS);
         pid > 0 && !has_ended && now_ms() < end;) {
        has_ended = waitpid(pid, &status, WNOHANG) == pid;
        if (!has_ended)
            nap();
    }
    if (!has_ended) {
        kill(-pid, SIGKILL);
        waitpid(pid, &status, 0);
        snprintf(verdict->text, sizeof verdict->text, "it hangs");
    } else if (status) {
        snprintf(verdict->text, sizeof verdict->text, "it crashes: wait status %#x", (unsigned)status);
    }
    if (verdict->text[0])
        printf("%s, %s:%u: %s\n", scenario->name, shim_name(class), k, verdict->text);
    return !verdict->text[0];
}

/* ------------------------------------------------------------------------------------------ the walk */

struct tally {
    unsigned runs, hits, errors, complaints;
};

static unsigned k_next(unsigned k, bool is_all)
{
    return is_all || k < K_DENSE ? k + 1 : k + 1 + k / 2;
}

/* False: there was no k-th call. */
static bool step(const struct scenario *scenario, enum shim_class class, unsigned k, struct tally *tally)
{
    tally->runs++;
    tally->complaints += !run_watched(scenario, class, k);
    tally->hits += shim_was_hit();
    tally->errors += shim_was_hit() && verdict->status != 0;
    return shim_was_hit();
}

/* The last calls are those of the end, which the strides of a walk that leaves some out would hardly meet. */
static void class_walk(const struct scenario *scenario, enum shim_class class, bool is_all, struct tally *tally)
{
    unsigned k = 1;
    while (k < K_MAX && step(scenario, class, k, tally))
        k = k_next(k, is_all);
    unsigned calls = shim_calls(class);
    for (k = calls > K_DENSE + K_LAST ? calls - K_LAST + 1 : calls + 1; k <= calls && !is_all; k++)
        step(scenario, class, k, tally);
}

static bool is_chosen(const struct scenario *scenario, int argc, char **argv)
{
    bool has_names = false;
    for (int i = 1; i < argc; i++) {
        has_names = has_names || strcmp(argv[i], "all") != 0;
        if (strcmp(argv[i], scenario->name) == 0)
            return true;
    }
    return !has_names && !scenario->is_hidden;
}

int main(int argc, char **argv)
{
    bool is_all = false;
    struct tally whole = {0};
    for (int i = 1; i < argc; i++)
        is_all = is_all || strcmp(argv[i], "all") == 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    verdict = mmap(NULL, sizeof *verdict, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (verdict == MAP_FAILED)
        return 1;
    for (size_t s = 0; s < scenario_count; s++) {
        struct tally tally = {0};
        uint64_t begin = now_ms();
        if (!is_chosen(&scenarios[s], argc, argv))
            continue;
        for (int class = 0; class < SHIM_CLASSES; class ++)
            class_walk(&scenarios[s], (enum shim_class) class, is_all, &tally);
        printf("%-14s %4u runs, %4u faults, %4u errors told, %u complaints, %.1f s\n", scenarios[s].name, tally.runs,
               tally.hits, tally.errors, tally.complaints, (double)(now_ms() - begin) * 1e-3);
        whole.hits += tally.hits;
        whole.complaints += tally.complaints;
    }
    return whole.hits > 0 && whole.complaints == 0 ? 0 : 1;
}
