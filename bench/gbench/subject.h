/* SPDX-License-Identifier: MIT
 *
 * A subject: everything that the runs of one cell share. It is made when its first run starts (data, pool,
 * buffers of its own) and lives until the program ends: a repetition opens nothing again. Next: body.c,
 * which runs it under Google Benchmark.
 */
#ifndef GRAIN_BENCH_SUBJECT_H
#define GRAIN_BENCH_SUBJECT_H

#include "grain.h"
#include "kernels/kernel.h"
#include "settings.h"
#include "sweep/cell.h"

#define SUBJECT_PROBLEM_MAX MATRIX_ERROR_MAX

struct kind; /* kind.h */
struct peak; /* peak.h */
struct echo; /* echo.h */

/* Sums over the timed calls; 0 where a call does not come in two phases. */
struct phases {
    uint64_t submit_ns, collect_ns; /* everything handed over; then everything there */
    uint64_t out_of_order;          /* results that came after one of a larger index */
    uint64_t wakeups;               /* of this process's threads: of `waiting`, in a second */
    double cpu_ns, pool_cpu_ns;     /* CPU time of this process, of the pool's: of a kind that counts_cpu */
};

struct subject {
    struct cell cell;
    char name[CELL_NAME_MAX];
    uint64_t iterations; /* fixed, or 0 */
    const struct kind *kind;
    const struct kernel *kernel;
    struct kernel_params params;
    enum grain_schedule schedule;
    const struct settings *settings;
    struct verdict *verdict;

    struct subject *lender; /* another cell with the same items, or NULL */

    bool is_made; /* tried: made_status says how that went; the rest is valid when it is 0 */
    int made_status;
    char problem[SUBJECT_PROBLEM_MAX];
    size_t tasks; /* of one run */
    size_t item_size;
    void *items, *results; /* in the pool's memory with data:shared, else ordinary memory */
    bool has_own_items;
    struct grain_pool *pool;
    struct grain_pool **copies; /* of `peak`: a pool for each of its parts but the first one */
    size_t copy_count;
    struct peak *peak;
    struct echo *echo;
    struct grain_report report; /* of the last call */
    struct phases phases;
    void *scratch; /* of the kind; see work_scratch() */
    size_t scratch_size;
};

/* Takes a cell, as yet without data and pool. Returns NULL, or what is wrong with the cell. */
const char *subject_init(struct subject *subject, const struct cell *cell, const struct settings *settings,
                         struct verdict *verdict);

/* Makes data, buffers and pool, once. 0, or a status with a sentence in problem. */
int subject_make(struct subject *subject);
void subject_drop(struct subject *subject);

/* The options that a pool of this cell is opened with. */
struct grain_pool_options subject_pool_options(const struct subject *subject);

/* Whether the results are right; if not, problem says which is wrong. */
bool subject_check(struct subject *subject);

#endif
