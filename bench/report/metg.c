/* SPDX-License-Identifier: MIT
 *
 * The part "METG": how short tasks may be while the CPUs still do half, or nine tenths, of what they could. What is
 * said is in the curves of analysis/metg.h and in the claims; this file lays it out.
 */
#include "analysis/metg.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "report/parts.h"
#include "report/table.h"

#define TIME_MAX       (TABLE_NUMBER_MAX + 4)
#define NAME_MAX_BYTES 80

/* "5.21 ns", "60.2 us", "1.10 ms". */
static const char *time_text(double time_ns, char text[TIME_MAX])
{
    static const struct {
        double from_ns; /* 999.5 would be written as 1000 */
        const char *name;
    } units[] = {{999.5e3, "ms"}, {999.5, "us"}, {0, "ns"}};
    static const double size_ns[] = {1e6, 1e3, 1};
    char number[TABLE_NUMBER_MAX];
    size_t unit = 0;

    if (!isfinite(time_ns))
        return strcpy(text, "-");
    while (unit + 1 < sizeof units / sizeof units[0] && time_ns < units[unit].from_ns)
        unit++;
    snprintf(text, TIME_MAX, "%s %s", table_number(time_ns / size_ns[unit], number), units[unit].name);
    return text;
}

/* "5.21 ns", "< 5.21 ns" where even the shortest tasks reach it, "> 10.1 ms" where the longest do not. */
static const char *value_text(const struct metg_value *value, char text[TIME_MAX + 2])
{
    static const char *const signs[] = {
        [METG_FOUND] = "", [METG_BELOW] = "< ", [METG_ABOVE] = "> ", [METG_UNKNOWN] = ""};
    char time[TIME_MAX];

    snprintf(text, TIME_MAX + 2, "%s%s", signs[value->censored], time_text(value->ns, time));
    return text;
}

/* "4.90 ns to 5.30 ns", open where it is: "up to 5.30 ns", "from 8.10 ms". */
static const char *interval_text(const struct metg_value *value, char text[2 * TIME_MAX + 8])
{
    char low[TIME_MAX], high[TIME_MAX];
    bool has_low = value->low_ns > 0, has_high = isfinite(value->high_ns);

    time_text(value->low_ns, low);
    time_text(value->high_ns, high);
    if (isnan(value->low_ns) || (!has_low && !has_high))
        strcpy(text, "-");
    else if (has_low && has_high)
        snprintf(text, 2 * TIME_MAX + 8, "%s to %s", low, high);
    else
        snprintf(text, 2 * TIME_MAX + 8, "%s %s", has_high ? "up to" : "from", has_high ? high : low);
    return text;
}

static const char *curve_name(const struct metg_curve *curve, int workers, char text[NAME_MAX_BYTES])
{
    const struct cell *cell = &curve->cell;
    bool is_shipped = strcmp(cell->backend, "openmp-as-shipped") == 0, has_schedule = strcmp(cell->schedule, "-") != 0;
    char other[24] = "";

    if (cell->workers != workers)
        snprintf(other, sizeof other, ", P = %d", cell->workers);
    snprintf(text, NAME_MAX_BYTES, "%s %s%s%s%s", is_shipped ? "as shipped:" : cell->backend, cell->call,
             has_schedule ? " " : "", has_schedule ? cell->schedule : "", other);
    return text;
}

/* A line a threshold; the name stands in the first. */
static void curve_rows(struct table *table, const struct metg_curve *curve, int workers)
{
    char name[NAME_MAX_BYTES], interval[2 * TIME_MAX + 8], time[TIME_MAX + 2];

    for (int threshold = 0; threshold < METG_THRESHOLDS; threshold++) {
        const struct metg_value *value = &curve->values[METG_OF_PEAK][threshold];

        table_cell(table, "%s", threshold == 0 ? curve_name(curve, workers, name) : "");
        table_cell(table, "%.0f %%", 100 * metg_thresholds[threshold]);
        table_cell(table, "%s%s", value_text(value, time), metg_is_noisy(curve, value) ? " *" : "");
        table_cell(table, "%s", interval_text(value, interval));
        table_cell(table, "%s", time_text(value->fitted_ns, time));
    }
}

/* Where the smallest and the largest METG(50 %) are; a censored one is no such place. */
static void sentence_range(const struct metg *metg, int workers, FILE *out)
{
    const struct metg_curve *least = NULL, *most = NULL;
    char name[NAME_MAX_BYTES], time[TIME_MAX + 2];

    for (size_t i = 0; i < metg->count; i++) {
        const struct metg_curve *curve = &metg->curves[i];
        const struct metg_value *value = &curve->values[METG_OF_PEAK][METG_50];

        if (value->censored == METG_FOUND || value->censored == METG_BELOW)
            if (least == NULL || value->ns < least->values[METG_OF_PEAK][METG_50].ns)
                least = curve;
        if (value->censored == METG_FOUND || value->censored == METG_ABOVE)
            if (most == NULL || value->ns > most->values[METG_OF_PEAK][METG_50].ns)
                most = curve;
    }
    if (least == NULL || most == NULL || least == most)
        return;
    fprintf(out, "Half of the peak is reached at a granularity of %s by `%s`",
            value_text(&least->values[METG_OF_PEAK][METG_50], time), curve_name(least, workers, name));
    if (most->values[METG_OF_PEAK][METG_50].censored == METG_ABOVE)
        fprintf(out, ",\nand not up to %s, the most that was tested, by `%s`.\n\n",
                time_text(most->values[METG_OF_PEAK][METG_50].ns, time), curve_name(most, workers, name));
    else
        fprintf(out, ",\nand not below %s by `%s`.\n\n", value_text(&most->values[METG_OF_PEAK][METG_50], time),
                curve_name(most, workers, name));
}

/* "- fork: map, steal, chunk 1: METG(50 %) ..., ns:
 *   5.21 (4.90 to 5.30); must be <= 15: holds; goal <= 6: reached." */
static void claim_line(const struct claim *claim, const struct claim *own, FILE *out)
{
    char number[TABLE_NUMBER_MAX], low[TABLE_NUMBER_MAX], high[TABLE_NUMBER_MAX];
    const struct estimate *got = &claim->ratio;

    fprintf(out, "- %s:\n  %s%s", claim->text, table_number(got->median, number), claim->answer[0] != '\0' ? ", " : "");
    fputs(claim->answer, out);
    if (got->low > 0 && isfinite(got->high))
        fprintf(out, " (%s to %s)", table_number(got->low, low), table_number(got->high, high));
    else if (isfinite(got->high))
        fprintf(out, " (up to %s)", table_number(got->high, high));
    else if (got->low > 0)
        fprintf(out, " (from %s)", table_number(got->low, low));
    if (claim->relation[0] != '\0')
        fprintf(out, "; must be %s %g: %s", claim->relation, claim->limit, claim->verdict);
    if (claim->relation[0] != '\0' && claim->goal > 0)
        fprintf(out, "; goal %s %g: %s", claim->relation, claim->goal, claim->reaches_goal ? "reached" : "not shown");
    if (claim->relation[0] == '\0' && own != NULL && claim->answer[0] == '\0' && own->ratio.median > 0)
        fprintf(out, "; %s%s x that of fork's map", own->answer[0] != '\0' ? "more than " : "",
                table_number(got->median / own->ratio.median, number));
    fprintf(out, "%s%s%s.\n", claim->note[0] != '\0' ? " (" : "", claim->note, claim->note[0] != '\0' ? ")" : "");
}

static void lines_of_claims(const struct claims *claims, FILE *out)
{
    const struct claim *own = claims_find(claims, "fork-metg-map");

    for (size_t i = 0; i < claims->count; i++)
        if (claims->claims[i].is_metg)
            claim_line(&claims->claims[i], own, out);
}

static void introduction(const struct report *inside, FILE *out)
{
    fprintf(
        out,
        "How short may a task be? Kernel `compute:N`, a chain of N steps of about a nanosecond, for growing N at\n"
        "chunk 1, P = %d. Granularity g is what a task takes of the CPUs all in all: wall time * P_used / tasks.\n"
        "Efficiency is the time of the measured peak (`floor peak`, one copy of the kernel a CPU, nothing is handed\n"
        "over; for `apply`, which keeps one CPU busy, the serial callback) over the time taken, turn by turn in one\n"
        "process. METG(x) is the smallest g from which on efficiency is at least x, between two measured points\n"
        "linear in log g; `<`: even the shortest tasks reach it, `>`: not reached, each with the g tested last;\n"
        "`*`: beside a noisy cell. fitted: o / (1 - x), were the overhead the same o for each task. `metg.csv` holds\n"
        "them too, and the same against W, the serial callback.\n"
        "Source: Slaughter et al., \"Task Bench\", SC'20.\n\n",
        inside->study.workers);
}

int part_metg(const struct report *report, FILE *out)
{
    static const struct table_column columns[] = {
        {"who", false}, {"x", true}, {"METG(x)", true}, {"95 %", true}, {"fitted", true}};
    const struct report *inside = report_inside(report, REPORT_METG);
    const struct metg *metg = &inside->metg;
    int status;

    if (!metg_knows(metg, METG_OF_PEAK))
        return 0;
    struct table *table = table_open(columns, sizeof columns / sizeof columns[0]);
    if (table == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < metg->count; i++)
        curve_rows(table, &metg->curves[i], inside->study.workers);
    fputs("## METG: the shortest task that pays\n\n", out);
    part_source(report, inside, out);
    introduction(inside, out);
    sentence_range(metg, inside->study.workers, out);
    status = table_write(table, out);
    table_free(table);
    fputc('\n', out);
    lines_of_claims(&inside->claims, out);
    fprintf(out, "\n![fig_metg](figures/fig_metg.svg)\n\n*%sEfficiency against granularity.*\n",
            inside->quick ? "QUICK. " : "");
    return status;
}
