/* SPDX-License-Identifier: MIT
 *
 * Machine, software and source, one small function each. Programs that are asked (git, dpkg-query,
 * python3) get two seconds and may be missing.
 */
#include "facts.h"

#include <gnu/libc-version.h>
#include <link.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "child.h"
#include "peer.h"
#include "program.h"
#include "sys/machine.h"
#include "text.h"

#define UNKNOWN "unknown"
#define ASK_S   5.0

double facts_load(void)
{
    double load;
    return getloadavg(&load, 1) == 1 ? load : (double)NAN;
}

void facts_steal(struct facts_steal *steal)
{
    unsigned long long part[8] = {0};
    steal->stolen = steal->total = 0;
    FILE *file = fopen("/proc/stat", "re");
    if (file == NULL)
        return;
    if (fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &part[0], &part[1], &part[2], &part[3], &part[4],
               &part[5], &part[6], &part[7]) == 8) {
        steal->stolen = part[7];
        for (int i = 0; i < 8; i++)
            steal->total += part[i];
    }
    fclose(file);
}

double facts_steal_percent(const struct facts_steal *before, const struct facts_steal *after)
{
    if (before->total == 0 || after->total < before->total || after->stolen < before->stolen)
        return (double)NAN;
    if (after->total == before->total) /* shorter than a tick of that clock */
        return 0;
    return 100.0 * (double)(after->stolen - before->stolen) / (double)(after->total - before->total);
}

static void set_text(json_t *env, const char *key, const char *text)
{
    json_object_set_new(env, key, text_json(text != NULL && *text != '\0' ? text : UNKNOWN));
}

/* The first line of a file, "" when there is none. */
static const char *first_line(const char *path, char line[256])
{
    line[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(line, 256, file) == NULL)
            line[0] = '\0';
        fclose(file);
    }
    line[strcspn(line, "\n")] = '\0';
    return line;
}

void facts_machine(json_t *env)
{
    char line[256];
    struct utsname names;
    double quota = machine_cgroup_quota(NULL, NULL), load = facts_load();
    bool is_named = uname(&names) == 0;
    set_text(env, "cpu_model", machine_cpu_model());
    json_object_set_new(env, "usable_cpus", json_integer(machine_cpu_count()));
    json_object_set_new(env, "quota", quota > 0 ? json_real(quota) : json_string("none"));
    json_object_set_new(env, "threads_per_core", json_integer(machine_threads_per_core()));
    set_text(env, "governor", first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", line));
    set_text(env, "clocksource", first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", line));
    set_text(env, "kernel_release", is_named ? names.release : NULL);
    set_text(env, "host", is_named ? names.nodename : NULL);
    json_object_set_new(env, "load", isfinite(load) ? json_real(load) : json_string(UNKNOWN));
}

/* Runs a program and returns the text it printed, without the last newline; NULL when it failed. The
 * caller frees it. */
static char *ask(const char *const argv[])
{
    struct child child = {.argv = argv, .limit_s = ASK_S};
    if (child_run(&child) != 0)
        return NULL;
    if (child.exit_status != 0) {
        child_free(&child);
        return NULL;
    }
    free(child.errors);
    while (child.output_size > 0 && child.output[child.output_size - 1] == '\n')
        child.output[--child.output_size] = '\0';
    return child.output;
}

static int note_openmp(struct dl_phdr_info *info, size_t size, void *found)
{
    static const char *const runtimes[] = {"libgomp.so", "libomp.so", "libiomp5.so"};
    const char *slash = info->dlpi_name != NULL ? strrchr(info->dlpi_name, '/') : NULL;
    const char *name = slash != NULL ? slash + 1 : info->dlpi_name;
    (void)size;
    for (size_t i = 0; name != NULL && i < sizeof runtimes / sizeof *runtimes; i++)
        if (strncmp(name, runtimes[i], strlen(runtimes[i])) == 0) {
            snprintf(found, 64, "%s", name);
            return 1;
        }
    return 0;
}

/* Versions of the Debian packages that the figures may depend on; {} elsewhere. */
static json_t *packages(void)
{
    static const char *const argv[] = {"dpkg-query",
                                       "-W",
                                       "-f=${Package} ${Version} ${db:Status-Abbrev}\n",
                                       "libbenchmark*",
                                       "libgomp1",
                                       "libomp5*",
                                       "libtbb12",
                                       "libglib2.0-0",
                                       "libpthreadpool0",
                                       "libgsl*",
                                       "libjansson4",
                                       "libhwloc15",
                                       "libc6",
                                       "gcc",
                                       "gnuplot-nox",
                                       "python3",
                                       NULL};
    json_t *versions = json_object();
    struct child child = {.argv = argv, .limit_s = ASK_S};
    if (child_run(&child) != 0) /* its exit status is 1 when one of them is not installed */
        return versions;
    char *rest = child.output, *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        char package[128], version[128], state[8];
        if (sscanf(line, "%127s %127s %7s", package, version, state) == 3 && state[1] == 'i')
            json_object_set_new(versions, package, text_json(version));
    }
    child_free(&child);
    return versions;
}

void facts_software(json_t *env)
{
    static const char *const python[] = {
        "python3", "-c", "import platform as p; print(p.python_implementation(), p.python_version())", NULL};
    char openmp[64] = "", libc[64];
    snprintf(libc, sizeof libc, "glibc %s", gnu_get_libc_version());
    set_text(env, "libc", libc);
    set_text(env, "compiler", GRAIN_COMPILER);
    set_text(env, "flags", GRAIN_BUILD_FLAGS);
    set_text(env, "build_type", GRAIN_BUILD_TYPE);
    dl_iterate_phdr(note_openmp, openmp);
    set_text(env, "openmp_runtime", openmp[0] != '\0' ? openmp : "none");
    set_text(env, "libomp", peer_libomp());
    json_object_set_new(env, "packages", packages());
    char *version = ask(python);
    set_text(env, "python", version != NULL ? version : "missing");
    free(version);
}

/* `git ARGUMENT...` in the source tree, whoever owns it. */
static char *ask_git(const char *const arguments[])
{
    const char *argv[16] = {"git", "--no-optional-locks",  "-c", "safe.directory=*",
                            "-c",  "core.fsmonitor=false", "-C", GRAIN_SOURCE_DIR};
    size_t count = 8;
    for (size_t i = 0; arguments[i] != NULL && count < 15; i++)
        argv[count++] = arguments[i];
    argv[count] = NULL;
    return ask(argv);
}

#define NO_GIT UNKNOWN " (no git)"

/* The commit that an installed program was built from stands in a file, because its source tree may be gone by now, or
 * elsewhere: the commit, then "clean" or "dirty". False: not installed. */
static bool facts_installed(json_t *env)
{
    char *folder = program_beside(GRAIN_DATA_FROM_BIN), commit[256] = "", state[16] = "", *path;
    bool is_installed = folder != NULL && access(folder, X_OK) == 0;
    if (is_installed && asprintf(&path, "%s/commit", folder) >= 0) {
        FILE *file = fopen(path, "re");
        if (file != NULL) {
            if (fscanf(file, "%255s %15s", commit, state) != 2)
                commit[0] = '\0';
            fclose(file);
        }
        free(path);
    }
    free(folder);
    if (!is_installed)
        return false;
    set_text(env, "commit", commit[0] != '\0' ? commit : NO_GIT);
    json_object_set_new(env, "dirty",
                        commit[0] != '\0' ? json_boolean(strcmp(state, "dirty") == 0) : json_string(NO_GIT));
    return true;
}

void facts_source(json_t *env)
{
    /* What a run itself writes does not make the source differ from its commit. */
    static const char *const prefix[] = {"rev-parse", "--show-prefix", NULL},
                             *const head[] = {"rev-parse", "HEAD", NULL},
                             *const changed[] = {"status",       "--porcelain",       "--", ".", ":!results",
                                                 ":!RESULTS.md", ":!bench/published", NULL};
    char *inside, *commit = NULL, *changes = NULL;
    if (facts_installed(env))
        return;
    inside = ask_git(prefix);
    if (inside != NULL && inside[0] == '\0') { /* else: unpacked inside somebody else's repository */
        commit = ask_git(head);
        changes = ask_git(changed);
    }
    set_text(env, "commit", commit != NULL ? commit : NO_GIT);
    json_object_set_new(env, "dirty", changes != NULL ? json_boolean(changes[0] != '\0') : json_string(NO_GIT));
    free(inside);
    free(commit);
    free(changes);
}
