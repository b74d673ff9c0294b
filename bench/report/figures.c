/* SPDX-License-Identifier: MIT
 *
 * Draws figures: reads summary.csv and env.json, lets figure_*.c write the sheet, runs gnuplot on it. gnuplot is
 * started without a shell, in DIR/figures/, with nothing but fixed names on its command line; every text that
 * comes from the data stands in the sheet, where it cannot run anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analysis/statistics.h"
#include "figure.h"
#include "figures.h"
#include "sweep/fresh.h"
#include "sweep/program.h"

#define PATH_MAX_BYTES 4096
#define COMMIT_DIGITS  12 /* of a hash */
#define COMMIT_COLUMNS 20
#define CPU_COLUMNS    50 /* what fits into a line of the narrow figure */
#define EXIT_NOT_FOUND 127

static const struct figure {
    const char *name;
    void (*make)(struct sheet *sheet, const struct figure_source *source);
    const char *needs;
    const char *folder; /* of its sweep, inside that of the others; may be missing. NULL: that of the others */
} figures[] = {
    {"fig_chunk", figure_chunk, "no `howmany` map cell was measured", NULL},
    {"fig_overhead", figure_overhead, "no overhead of `howmany` apply or map was measured", NULL},
    {"fig_speedup", figure_speedup, "no `howmany` or `compute` map cell was measured under `dynamic`", NULL},
    {"fig_calls", figure_calls, "no sweep of the calls was made", "calls"},
    {"fig_ladder", figure_ladder, "no `fork-pipe` apply cell was measured", "ladder"},
    {"fig_metg", figure_metg, "no kernel `compute` was measured at three task lengths", "metg"},
};
#define FIGURES (sizeof figures / sizeof figures[0])

const char *figures_name(size_t index)
{
    return index < FIGURES ? figures[index].name : NULL;
}

bool figures_is_optional(size_t index)
{
    return index < FIGURES && figures[index].folder != NULL;
}

static int failed(int status, char error[FIGURES_ERROR_MAX], const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int failed(int status, char error[FIGURES_ERROR_MAX], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error, FIGURES_ERROR_MAX, format, arguments);
    va_end(arguments);
    return status;
}

/* At most `columns` characters of a UTF-8 text, on one line. */
static void clean(char to[FIGURE_TEXT_MAX], const char *from, int columns)
{
    size_t used = 0;

    for (; *from; from++) {
        bool starts = ((unsigned char)*from & 0xc0U) != 0x80U;
        if (starts && (columns-- == 0 || used + 4 >= FIGURE_TEXT_MAX)) {
            break;
        }
        to[used++] = (char)(*from == '\n' ? ' ' : *from);
    }
    to[used] = '\0';
}

/* Numbers are written as such, so that `"rounds": 11` and `"rounds": "11"` both do. */
static void env_text(const json_t *env, const char *key, int columns, char text[FIGURE_TEXT_MAX])
{
    const json_t *value = json_object_get(env, key);
    char number[32];

    if (json_is_integer(value)) {
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        clean(text, number, columns);
    } else {
        clean(text, json_is_string(value) && *json_string_value(value) ? json_string_value(value) : "unknown", columns);
    }
}

static void read_env(struct figure_source *source, const char *dir)
{
    char path[PATH_MAX_BYTES], profile[FIGURE_TEXT_MAX];
    int length = snprintf(path, sizeof path, "%s/env.json", dir);
    json_t *env = length < (int)sizeof path ? json_load_file(path, 0, NULL) : NULL;
    json_int_t cpus = json_integer_value(json_object_get(env, "usable_cpus"));

    source->usable_cpus = cpus > 0 && cpus <= 1 << 20 ? (int)cpus : 0;
    env_text(env, "cpu_model", CPU_COLUMNS, source->cpu_model);
    env_text(env, "rounds", CPU_COLUMNS, source->rounds);
    env_text(env, "commit", COMMIT_COLUMNS, source->commit);
    if (strspn(source->commit, "0123456789abcdef") >= COMMIT_DIGITS) {
        source->commit[COMMIT_DIGITS] = '\0';
    }
    env_text(env, "profile", CPU_COLUMNS, profile);
    source->quick = strcmp(profile, "quick") == 0;
    json_decref(env);
}

/* P and n of the figures: where most `howmany` map cells were measured; among equals the largest P without
 * oversubscription, then the most rows. */
static void choose(struct figure_source *source)
{
    size_t most = 0;

    for (size_t i = 0; i < source->summary->count; i++) {
        const struct cell *cell = &source->summary->rows[i].cell;
        size_t count = 0;
        for (size_t k = 0; k < source->summary->count; k++) {
            const struct cell *other = &source->summary->rows[k].cell;
            count += strcmp(other->kernel, "howmany") == 0 && strcmp(other->call, "map") == 0 &&
                     other->workers == cell->workers && other->rows == cell->rows;
        }
        bool fits = !source->usable_cpus || cell->workers <= source->usable_cpus;
        bool fitted = !source->usable_cpus || source->workers <= source->usable_cpus;
        bool better = fits != fitted                     ? fits
                      : cell->workers != source->workers ? (cell->workers > source->workers) == fits
                                                         : cell->rows > source->rows;
        if (count > most || (count == most && better)) {
            most = count;
            source->workers = cell->workers;
            source->rows = cell->rows;
        }
    }
}

static void caption(struct sheet *sheet, const struct figure_source *source)
{
    char cpus[32] = "an unknown number of", extent[FIGURE_TEXT_MAX];

    if (source->usable_cpus) {
        snprintf(cpus, sizeof cpus, "%d", source->usable_cpus);
    }
    snprintf(extent, sizeof extent, "%llu rows", (unsigned long long)source->rows);
    sheet_text(sheet, "caption1", 0, "%s", source->cpu_model);
    sheet_text(sheet, "caption2", 0, "P = %d on %s usable CPU%s; %s%s%s", source->workers, cpus,
               source->usable_cpus == 1 ? "" : "s", sheet->extent ? sheet->extent : extent,
               sheet->noisy ? "; noisy: " : "", sheet->noisy ? sheet->noisy_mark : "");
    sheet_text(sheet, "caption3", 0, "n = %s rounds; 95 %% intervals; commit %s", source->rounds, source->commit);
    if (source->quick) {
        sheet_text(sheet, "stamp", 0, "QUICK");
    }
}

/* Writes a fresh file in figures/, then renames it to NAME.csv. */
static int write_sheet(const struct figure *figure, const struct figure_source *source, int folder,
                       char error[FIGURES_ERROR_MAX])
{
    char *partial, name[64];
    struct sheet sheet = {.noisy_mark = "grey"};
    int status = 0;

    snprintf(name, sizeof name, "%s.csv", figure->name);
    int file = fresh_open(folder, name, &partial);
    sheet.file = file < 0 ? NULL : fdopen(file, "w");
    if (!sheet.file) {
        status = file < 0 ? file : -errno;
        if (file >= 0) {
            close(file);
            unlinkat(folder, partial, 0);
        }
        free(partial);
        return failed(status, error, "figures/%s: %s", name, strerror(-status));
    }
    fputs("kind,panel,series,backend,style,x,y,low,high,text\n", sheet.file);
    figure->make(&sheet, source);
    caption(&sheet, source);
    bool bad = ferror(sheet.file) != 0;
    if (statistics_ran_out()) {
        fclose(sheet.file);
        status = failed(-ENOMEM, error, "figures/%s: %s", name, strerror(ENOMEM));
    } else if (fclose(sheet.file) != 0 || bad) {
        status = failed(-EIO, error, "figures/%s: cannot write", name);
    } else if (sheet.points == 0) {
        status = failed(-ENODATA, error, "%s: nothing to draw: %s", figure->name, figure->needs);
    } else if (renameat(folder, partial, folder, name) != 0) {
        status = failed(-errno, error, "figures/%s: %s", name, strerror(errno));
    }
    if (status != 0) {
        unlinkat(folder, partial, 0);
    }
    free(partial);
    return status;
}

/* The folder of the .gp files: $GRAIN_PLOTS, else the one that was installed with this program, else that of the source
 * tree. */
static char *plots_folder(void)
{
    const char *folder = getenv("GRAIN_PLOTS");

    if (folder && *folder) {
        return strdup(folder);
    }
    char *installed = program_beside(GRAIN_DATA_FROM_BIN "/plots");
    if (installed && access(installed, X_OK) == 0) {
        return installed;
    }
    free(installed);
    return strdup(GRAIN_PLOTS_DIR);
}

static int run_gnuplot(const char *settings, const char *script, int folder)
{
    pid_t pid = fork();
    int state = 0;

    if (pid < 0) {
        return -errno;
    }
    if (pid == 0) {
        if (fchdir(folder) == 0) {
            execlp("gnuplot", "gnuplot", "-d", "-e", settings, script, (char *)NULL);
        }
        _exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_FAILURE);
    }
    while (waitpid(pid, &state, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return WIFEXITED(state) && WEXITSTATUS(state) == 0                ? 0
           : WIFEXITED(state) && WEXITSTATUS(state) == EXIT_NOT_FOUND ? -ENOPKG
                                                                      : -EIO;
}

/* Lets gnuplot write into a fresh file, and renames it when there is a picture in it. */
static int draw_into(const char *name, const char *settings, const char *script, int folder,
                     char error[FIGURES_ERROR_MAX])
{
    char *partial, *all = NULL;
    struct stat info;
    int file = fresh_open(folder, name, &partial);

    if (file < 0) {
        return failed(file, error, "figures/%s: %s", name, strerror(-file));
    }
    close(file);
    int status = asprintf(&all, "%s; out='%s'", settings, partial) < 0 ? -ENOMEM : run_gnuplot(all, script, folder);
    if (status == -ENOPKG) {
        failed(status, error, "gnuplot is missing: apt install gnuplot-nox");
    } else if (status != 0 || fstatat(folder, partial, &info, 0) != 0 || info.st_size == 0) {
        status = failed(status ? status : -EIO, error, "gnuplot could not draw figures/%s", name);
    } else if (renameat(folder, partial, folder, name) != 0) {
        status = failed(-errno, error, "figures/%s: %s", name, strerror(errno));
    }
    if (status != 0) {
        unlinkat(folder, partial, 0);
    }
    free(all);
    free(partial);
    return status;
}

/* One picture: NAME.svg, or NAME-85.svg when narrow. */
static int draw(const struct figure *figure, int width_mm, const char *format, int folder,
                char error[FIGURES_ERROR_MAX])
{
    char name[64], settings[160], script[PATH_MAX_BYTES], *found = plots_folder();
    /* absolute: gnuplot runs elsewhere, and takes "<x" for a pipe */
    char *plots = found ? realpath(found, NULL) : NULL;

    if (!plots) {
        int status = failed(-errno, error, "%s: %s", found ? found : "plots", strerror(errno));
        free(found);
        return status;
    }
    free(found);
    snprintf(name, sizeof name, "%s%s.%s", figure->name, width_mm == 85 ? "-85" : "", format);
    snprintf(settings, sizeof settings, "data='%s.csv'; fmt='%s'; width=%d", figure->name, format, width_mm);
    int length = snprintf(script, sizeof script, "%s/%s.gp", plots, figure->name);
    free(plots);
    if (length >= (int)sizeof script) {
        return failed(-ENAMETOOLONG, error, "the name of the folder of the scripts is too long");
    }
    return draw_into(name, settings, script, folder, error);
}

/* DIR/figures as a descriptor, made when it is not there. */
static int open_folder(const char *dir, char error[FIGURES_ERROR_MAX])
{
    char path[PATH_MAX_BYTES];

    if (snprintf(path, sizeof path, "%s/figures", dir) >= (int)sizeof path) {
        return failed(-ENAMETOOLONG, error, "the folder's name is too long");
    }
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return failed(-errno, error, "%s: %s", path, strerror(errno));
    }
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder >= 0 ? folder : failed(-errno, error, "%s: %s", path, strerror(errno));
}

static int draw_all(const struct figure *figure, const struct figure_source *source, const char *dir,
                    const struct figures_options *options, char error[FIGURES_ERROR_MAX])
{
    int folder = open_folder(dir, error);
    int status = folder < 0 ? folder : write_sheet(figure, source, folder, error);

    if (status == 0 && options->svg) {
        status = draw(figure, options->width_mm, "svg", folder, error);
    }
    if (status == 0 && options->png) {
        status = draw(figure, options->width_mm, "png", folder, error);
    }
    if (folder >= 0) {
        close(folder);
    }
    return status;
}

/* Figures of a summary. */
static int draw_summary(const struct figure *figure, const char *dir, const struct figures_options *options,
                        char error[FIGURES_ERROR_MAX])
{
    struct summary summary = {0};
    struct figure_source source = {.summary = &summary};
    int status = summary_read(&summary, dir);

    if (status != 0) {
        return failed(status, error, "%s/summary.csv: %s", dir,
                      status == -EBADMSG ? "not a summary of a sweep" : strerror(-status));
    }
    read_env(&source, dir);
    choose(&source);
    status = draw_all(figure, &source, dir, options, error);
    summary_free(&summary);
    return status;
}

/* Figures of a sweep of its own, from its samples: inside a run there is no summary of it. */
static int draw_samples(const struct figure *figure, const char *dir, const char *from,
                        const struct figures_options *options, char error[FIGURES_ERROR_MAX])
{
    struct sample *samples = NULL;
    struct study study = {0};
    struct figure_source source = {.summary = &study.summary, .study = &study};
    size_t count = 0, cut;
    int status;

    read_env(&source, from);
    status = journal_read(from, &samples, &count, &cut);
    if (status == 0) {
        status = study_open(&study, samples, count, source.usable_cpus);
    }
    if (status == -ENOENT || status == -ENODATA) {
        status = failed(-ENODATA, error, "%s: nothing to draw: %s", figure->name, figure->needs);
    } else if (status != 0) {
        status = failed(status, error, "%s/samples.jsonl: %s", from, strerror(-status));
    } else {
        choose(&source);
        status = draw_all(figure, &source, dir, options, error);
    }
    study_close(&study);
    free(samples);
    return status;
}

int figures_draw(const char *dir, const char *name, const struct figures_options *options,
                 char error[FIGURES_ERROR_MAX])
{
    const struct figure *figure = NULL;
    char inside[PATH_MAX_BYTES], samples[PATH_MAX_BYTES + 16];

    for (size_t i = 0; i < FIGURES; i++) {
        figure = strcmp(figures[i].name, name) == 0 ? &figures[i] : figure;
    }
    if (!figure) {
        return failed(-EINVAL, error, "%s: no such figure", name);
    }
    if (!figure->folder) {
        return draw_summary(figure, dir, options, error);
    }
    if (snprintf(inside, sizeof inside, "%s/%s", dir, figure->folder) >= (int)sizeof inside) {
        return failed(-ENAMETOOLONG, error, "the folder's name is too long");
    }
    snprintf(samples, sizeof samples, "%s/samples.jsonl", inside);
    return draw_samples(figure, dir, access(samples, F_OK) == 0 ? inside : dir, options, error);
}
