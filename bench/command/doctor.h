/* SPDX-License-Identifier: MIT
 *
 * `grain doctor`: a table of checks. doctor_cpu.c looks at processors and who else uses them, doctor_rest.c
 * at memory, OpenMP and programs, doctor_openmp.c at OpenMP's regions; doctor.c prints. A new check is a row in one of
 * the tables.
 */
#ifndef GRAIN_BENCH_DOCTOR_H
#define GRAIN_BENCH_DOCTOR_H

enum verdict { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_WARNING, DOCTOR_MISSING };

struct finding {
    enum verdict verdict;
    char value[160];
    char explanation[800]; /* what happens here and why, in a short paragraph; "" where nothing does */
    const char *remedy;    /* what to do; NULL when nothing needs to be done */
};

struct check {
    const char *name;
    const char *why; /* why it matters to measurements */
    void (*look)(struct finding *finding);
};

/* Each ends with a NULL name. */
extern const struct check doctor_cpu_checks[], doctor_rest_checks[], doctor_openmp_checks[];

/* Fills a finding. */
void doctor_find(struct finding *finding, enum verdict verdict, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Undoes what OpenMP's runtime did to the mask of the calling thread when the program started. */
void doctor_restore_mask(void);

/* The first line of a file without its newline; 0, or -1 when it cannot be read. */
int doctor_read(const char *path, char *line, int size);

#endif
