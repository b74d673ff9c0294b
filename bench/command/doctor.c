/* SPDX-License-Identifier: MIT
 *
 * `grain doctor`: runs the checks of its tables and prints what was found, what it means for measurements and
 * what to do. Warnings are advice: only something missing that a sweep needs changes the exit code.
 */
#include <argp.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "doctor.h"
#include "regions.h"
#include "sweep/text.h"

#define PROGRAM     "grain doctor"
#define KEY_JSON    0x100
#define KEY_REGIONS 0x101
#define INDENT      9

static const struct {
    const char *word;
    enum say_paint paint;
} verdicts[] = {
    [DOCTOR_OK] = {"ok", SAY_GREEN},
    [DOCTOR_NOTE] = {"note", SAY_BOLD},
    [DOCTOR_WARNING] = {"warning", SAY_YELLOW},
    [DOCTOR_MISSING] = {"missing", SAY_RED},
};

static const struct check *const tables[] = {doctor_cpu_checks, doctor_rest_checks, doctor_openmp_checks};
#define TABLE_COUNT (sizeof tables / sizeof tables[0])

/* --------------------------------------------------------------------------- what the checks use */

void doctor_find(struct finding *finding, enum verdict verdict, const char *remedy, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    finding->verdict = verdict;
    finding->remedy = verdict == DOCTOR_OK ? NULL : remedy;
    vsnprintf(finding->value, sizeof finding->value, format, args);
    va_end(args);
}

int doctor_read(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    bool read = fgets(line, size, file) != NULL;
    fclose(file);
    if (!read)
        return -1;
    line[strcspn(line, "\n")] = '\0';
    return 0;
}

/* --------------------------------------------------------------------------------------- printing */

static void print_finding(const struct check *check, const struct finding *finding)
{
    say_painted(verdicts[finding->verdict].paint, "%-*s", INDENT, verdicts[finding->verdict].word);
    printf("%-17s %s\n", check->name, finding->value);
    if (finding->verdict == DOCTOR_OK && say_verbosity < 1)
        return;
    say_wrapped(printf("%*swhy: ", INDENT, ""), check->why);
    if (finding->explanation[0])
        say_wrapped(printf("%*swhat: ", INDENT, ""), finding->explanation);
    if (finding->remedy)
        say_wrapped(printf("%*sdo:  ", INDENT, ""), finding->remedy);
}

static void print_summary(const int counts[])
{
    putchar('\n');
    if (counts[DOCTOR_MISSING])
        printf("%d thing%s missing that a sweep needs.\n", counts[DOCTOR_MISSING],
               counts[DOCTOR_MISSING] == 1 ? " is" : "s are");
    else if (counts[DOCTOR_WARNING])
        printf("%d warning%s: measurements will work, but may suffer.\n", counts[DOCTOR_WARNING],
               counts[DOCTOR_WARNING] == 1 ? "" : "s");
    else
        printf("Nothing stands in the way of measuring.\n");
}

static json_t *json_finding(const struct check *check, const struct finding *finding)
{
    return json_pack("{s:s, s:o, s:s, s:s, s:s?, s:s?}", "check", check->name, "value", text_json(finding->value),
                     "verdict", verdicts[finding->verdict].word, "why", check->why, "explanation",
                     finding->explanation[0] ? finding->explanation : NULL, "remedy", finding->remedy);
}

/* ---------------------------------------------------------------------------------- the subcommand */

static const struct argp_option options[] = {
    {"json", KEY_JSON, NULL, 0, "Print one JSON array", 1},
    {"regions", KEY_REGIONS, NULL, 0, "Only time OpenMP regions, with the OMP_* variables as they are; prints JSON", 1},
    {0},
};

struct wish {
    bool json, regions;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct wish *wish = state->input;
    switch (key) {
    case KEY_JSON:
        wish->json = true;
        return 0;
    case KEY_REGIONS:
        wish->regions = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "`%s' is one word too many", arg);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&say_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    options,
    parse,
    NULL,
    "Look at this machine: what it offers to parallel work, and what may spoil measurements."
    "\v"
    "Each check ends in ok, note, warning or missing; with -v the reasons are shown for every one. The exit code is 0 "
    "even with warnings, and 77 when something that a sweep needs is missing.",
    children,
    NULL,
    NULL,
};

static int print_regions(void)
{
    struct regions regions;
    if (!regions_there()) {
        say_error(PROGRAM, "--regions: this build has no OpenMP");
        return EXIT_MISSING;
    }
    int status = regions_measure(&regions);
    if (status) {
        say_error(PROGRAM, "--regions: %s", strerror(-status));
        return EXIT_RUNTIME;
    }
    return say_json(PROGRAM, regions_json(&regions));
}

int command_doctor(int argc, char **argv)
{
    struct wish wish = {0};
    int counts[DOCTOR_MISSING + 1] = {0}, status = EXIT_FINE;
    argp_parse(&parser, argc, argv, 0, NULL, &wish);
    if (wish.regions)
        return print_regions();
    doctor_restore_mask();
    json_t *all = json_array();
    for (size_t t = 0; t < TABLE_COUNT; t++)
        for (const struct check *check = tables[t]; check->name; check++) {
            struct finding finding = {0};
            check->look(&finding);
            counts[finding.verdict]++;
            if (wish.json)
                json_array_append_new(all, json_finding(check, &finding));
            else
                print_finding(check, &finding);
        }
    if (wish.json)
        status = say_json(PROGRAM, json_incref(all));
    else
        print_summary(counts);
    json_decref(all);
    return status ? status : counts[DOCTOR_MISSING] ? EXIT_MISSING : EXIT_FINE;
}
