/* SPDX-License-Identifier: MIT
 *
 * What an OpenMP region costs here: this program times empty regions and tiny loops, and notes on which CPUs the
 * threads of the team were. `grain doctor` runs itself for it, once for each way in which a runtime can be told to wait
 * and to
 * bind: variables count from before the program starts. region_probe.c measures, regions.c reads, writes and judges.
 */
#ifndef GRAIN_BENCH_REGIONS_H
#define GRAIN_BENCH_REGIONS_H

#include <jansson.h>
#include <stdbool.h>

#define REGIONS_SLICE_US 1000.0 /* the shortest slice that a scheduler deals out; a good region takes a thousandth */
#define REGIONS_LOOP     1000   /* iterations of the tiny loop */

struct regions {
    int threads;                /* of the team */
    int count;                  /* regions that were timed */
    double median_us, worst_us; /* of an empty region */
    double loop_us;             /* median of the tiny loop */
    int slices;                 /* regions that took a slice or more */
    int together;               /* regions in which two threads were on one CPU */
    int cpus;                   /* CPUs that some thread of the team may run on, by the threads' own masks */
};

/* Whether this build has OpenMP; measures in this process, with the variables it was started with: less than a
 * second but where a single region takes long. 0 or -ENOMEM; -ENOTSUP without OpenMP. */
bool regions_there(void);
int regions_measure(struct regions *regions);

/* As a JSON object, and back; NULL, false: no memory, no such text. */
json_t *regions_json(const struct regions *regions);
bool regions_read(const char *text, struct regions *regions);

/* Fills a finding; usable: CPUs that this process may really use; meant: these variables are those of the user, not a
 * question of ours: then slices are a warning, else a note. */
struct finding;
void regions_judge(const struct regions *regions, int usable, bool meant, struct finding *finding);

#endif
