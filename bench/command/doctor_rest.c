/* SPDX-License-Identifier: MIT
 *
 * Checks of what is not a processor: memory, the OpenMP runtime, and the programs that a sweep uses.
 */
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "doctor.h"
#include "grain.h"
#include "peers/peers.h"
#include "sweep/peer.h"
#include "sweep/program.h"

#define MEMORY_NOTE_MB 1024 /* 10 million rows and their counts, twice, with room to spare */

/* ----------------------------------------------------------------------------------------- memory */

static void look_memory(struct finding *finding)
{
    char line[128];
    uint64_t available_kb = 0;
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %" SCNu64, &available_kb) == 1)
            break;
    if (file)
        fclose(file);
    uint64_t mb = available_kb / 1024;
    if (available_kb == 0)
        doctor_find(finding, DOCTOR_NOTE, "nothing; it cannot be judged", "unknown");
    else if (mb < MEMORY_NOTE_MB)
        doctor_find(finding, DOCTOR_NOTE, "leave out `--profile full'", "%" PRIu64 " MB available", mb);
    else
        doctor_find(finding, DOCTOR_OK, NULL, "%" PRIu64 " MB available", mb);
}

/* What the backend `fork` shares memory through; /dev/shm is only named because people ask for it. */
static void look_shared(struct finding *finding)
{
    const size_t size = 1 << 20;
    int fd = memfd_create("grain-doctor", MFD_CLOEXEC);
    void *memory = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, (off_t)size) == 0)
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    struct statvfs shm;
    uint64_t shm_mb = statvfs("/dev/shm", &shm) == 0 ? (uint64_t)shm.f_bavail * shm.f_frsize >> 20 : 0;
    if (memory == MAP_FAILED)
        doctor_find(finding, DOCTOR_WARNING, "allow memfd_create (a sandbox or an old kernel refuses it)",
                    "memfd does not work");
    else
        doctor_find(finding, DOCTOR_OK, NULL, "memfd works; /dev/shm (not used) has %" PRIu64 " MB", shm_mb);
    if (memory != MAP_FAILED)
        munmap(memory, size);
    if (fd >= 0)
        close(fd);
}

/* ----------------------------------------------------------------------------------------- OpenMP */

struct runtimes {
    char *text;
    size_t size;
    int count;
};

static int collect_runtime(struct dl_phdr_info *info, size_t size, void *user)
{
    static const char *const known[] = {"libgomp", "libomp", "libiomp", NULL};
    struct runtimes *found = user;
    const char *name = strrchr(info->dlpi_name, '/');
    name = name ? name + 1 : info->dlpi_name;
    (void)size;
    for (const char *const *prefix = known; *prefix; prefix++)
        if (strncmp(name, *prefix, strlen(*prefix)) == 0) {
            size_t used = strlen(found->text);
            snprintf(found->text + used, found->size - used, "%s%s", used ? ", " : "", name);
            found->count++;
        }
    return 0;
}

static void look_openmp(struct finding *finding)
{
    char text[120] = "";
    struct runtimes found = {text, sizeof text, 0};
    dl_iterate_phdr(collect_runtime, &found);
    if (!grain_backend_summary("openmp"))
        doctor_find(finding, DOCTOR_NOTE, "build with a compiler that has OpenMP", "not in this build");
    else if (found.count > 1)
        doctor_find(finding, DOCTOR_WARNING, "preload one runtime only", "%s", text);
    else
        doctor_find(finding, DOCTOR_OK, NULL, "%s", found.count ? text : "linked in");
}

static void look_openmp_variables(struct finding *finding)
{
    static const char *const prefixes[] = {"OMP_", "GOMP_", "KMP_", NULL};
    char text[120] = "";
    for (char **variable = environ; *variable; variable++)
        for (const char *const *prefix = prefixes; *prefix; prefix++)
            if (strncmp(*variable, *prefix, strlen(*prefix)) == 0) {
                size_t used = strlen(text);
                snprintf(text + used, sizeof text - used, "%s%.*s", used ? ", " : "", (int)strcspn(*variable, "="),
                         *variable);
            }
    if (*text)
        doctor_find(finding, DOCTOR_NOTE, "unset them for `grain run'; `grain sweep' does so itself", "%s", text);
    else
        doctor_find(finding, DOCTOR_OK, NULL, "none set");
}

/* --------------------------------------------------------------------------------------- programs */

/* The first line that a fixed command prints; false when there is no such program. */
static bool first_line(const char *command, char *line, int size)
{
    FILE *pipe = popen(command, "re"); /* NOLINT(cert-env33-c): no word of anybody else is in it */
    if (!pipe)
        return false;
    bool read = fgets(line, size, pipe) != NULL;
    while (read && fgetc(pipe) != EOF)
        ;
    line[read ? strcspn(line, "\n") : 0] = '\0';
    return pclose(pipe) == 0 && read;
}

static void look_program(struct finding *finding, const char *command, enum verdict otherwise, const char *remedy)
{
    char line[100];
    if (first_line(command, line, sizeof line))
        doctor_find(finding, DOCTOR_OK, NULL, "%s", line);
    else
        doctor_find(finding, otherwise, remedy, "not found");
}

static void look_gnuplot(struct finding *finding)
{
    look_program(finding, "gnuplot --version 2>/dev/null", DOCTOR_MISSING, "apt-get install gnuplot-nox");
}

static void look_python(struct finding *finding)
{
    look_program(finding, "python3 --version 2>/dev/null", DOCTOR_NOTE, "apt-get install python3");
}

static void look_git(struct finding *finding)
{
    look_program(finding, "git --version 2>/dev/null", DOCTOR_NOTE, "apt-get install git");
}

/* $GRAIN_BENCH, else the program beside this one. */
static void look_bench(struct finding *finding)
{
    const char *named = getenv("GRAIN_BENCH");
    char *path = named && *named ? strdup(named) : program_beside("grain-bench");
    if (path && access(path, X_OK) == 0)
        doctor_find(finding, DOCTOR_OK, NULL, "%s", named && *named ? "$GRAIN_BENCH" : "beside this program");
    else
        doctor_find(finding, DOCTOR_MISSING, "build it: cmake --build build/release", "not found");
    free(path);
}

/* Of the other libraries, those that are not measured from here. */
static void look_peers(struct finding *finding)
{
    char there[80] = "", missing[80] = "";
    struct peer_library library;
    for (size_t i = 0; peers_library_at(i, &library); i++) {
        bool needs_libomp = strstr(library.backends, "libomp") != NULL && *peer_libomp() == '\0';
        char *text = library.is_built_in && !needs_libomp ? there : missing;
        size_t used = strlen(text);
        snprintf(text + used, sizeof there - used, "%s%s", used ? ", " : "", library.name);
    }
    if (*missing)
        doctor_find(finding, DOCTOR_NOTE, "`grain list' says of each what it needs; ./bootstrap.sh peers installs them",
                    "missing: %s", *there ? missing : "all"); /* their names would not fit */
    else
        doctor_find(finding, DOCTOR_OK, NULL, "%s", there);
}

static void look_debug_note(struct finding *finding)
{
    doctor_find(finding, DOCTOR_NOTE, "nothing: ignore that line of grain-bench", "says \"built as DEBUG\"");
}

const struct check doctor_rest_checks[] = {
    {"memory", "a machine that swaps measures its disk", look_memory},
    {"shared memory", "the backend `fork' shares one memfd with its workers", look_shared},
    {"OpenMP runtime", "runtimes differ tenfold at small chunks; two at once fight", look_openmp},
    {"OpenMP variables", "OMP_* and the like change how its threads wait and where they run", look_openmp_variables},
    {"grain-bench", "every sample of a sweep comes from it", look_bench},
    {"Google Benchmark", "Debian builds it optimised, but with its checks: it takes that for a debug build",
     look_debug_note},
    {"gnuplot", "draws the figures", look_gnuplot},
    {"python3", "runs the original beside us; without it that row says so", look_python},
    {"peers", "other libraries that `grain sweep --profile peers' measures beside", look_peers},
    {"git", "names the commit in the provenance; without it that reads unknown", look_git},
    {0},
};
