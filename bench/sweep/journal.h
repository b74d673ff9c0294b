/* SPDX-License-Identifier: MIT
 *
 * The journal of a sweep: samples.jsonl, one record per line, appended and fsynced when a cell has
 * finished a round, never rewritten. A line cut off by a crash is ignored by the reader and stays where it is:
 * the writer starts on a fresh line. A (cell, round) stands in it again only where the record before is neither ok nor
 * wrong (record_is_final): the sweep was resumed, and the later record counts in place of the earlier.
 *
 *   {"cell": NAME, "round": 3, "status": "ok", "iterations": 7, "tasks": 200000,
 *    "times_ns": [..], "loop_ns": [..], "callback_ns": [..], "floor_ns": [..], "cpu_ns": ..,
 *    "workers_cpu_ns": .., "handovers": .., "steals": .., "steal_pct": .., "involuntary": .., "load": ..,
 *    "call_bytes": .., "submit_ns": .., "collect_ns": .., "out_of_order": .., "rival_ns": [..], "rival_chunk": ..,
 *    "message": ""}
 *
 * times_ns[i], loop_ns[i], callback_ns[i] and floor_ns[i] were taken turn by turn in one process; each is the wall
 * time of one whole call, the baselines' over all `rows`, the floor's over as many tasks as the cell's. A record
 * may lack floor_ns, if it is an old one, and call_bytes and what follows it: they are not known then. rival_ns
 * likewise: the time of the same call with rival_chunk, where the plan has such a partner.
 */
#ifndef GRAIN_BENCH_JOURNAL_H
#define GRAIN_BENCH_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "cell.h"

#define JOURNAL_TIMES_MAX 32

enum sample_status { SAMPLE_OK, SAMPLE_FAILED, SAMPLE_TIMEOUT, SAMPLE_WRONG, SAMPLE_MISSING };

struct sample {
    char cell[CELL_NAME_MAX];
    int round;
    enum sample_status status; /* "ok", "failed", "timeout", "wrong", "missing" (a peer is not there) */
    uint64_t iterations;       /* calls that one time is the mean of */
    uint64_t tasks;            /* tasks one call ran (apply: a subset of the rows) */
    int times;                 /* entries used in the arrays */
    double times_ns[JOURNAL_TIMES_MAX];
    double loop_ns[JOURNAL_TIMES_MAX];
    double callback_ns[JOURNAL_TIMES_MAX];
    double floor_ns[JOURNAL_TIMES_MAX];
    double rival_ns[JOURNAL_TIMES_MAX]; /* the same cell with chunk rival_chunk; not known of most cells */
    double cpu_ns, workers_cpu_ns;      /* CPU time a call: this process, live worker processes */
    double handovers, steals;           /* a call */
    double steal_pct;                   /* CPU time taken by the host meanwhile, in percent */
    double involuntary;                 /* involuntary context switches of the process */
    double load;                        /* load average (1 minute) at the start */
    double call_bytes;                  /* shared memory that a call took beside its data, at most */
    double submit_ns, collect_ns; /* the two phases of a call that does not block, wall time; not known of others */
    double out_of_order;          /* results that came after one of a larger index: a call; likewise */
    double rival_chunk;           /* what rival_ns was measured with */
    char message[160];
};

struct journal;

/* Opens DIR/samples.jsonl for appending, creating it; locks it (a second sweep is -EBUSY). */
int journal_open(struct journal **journal, const char *dir);

/* Forgets what need not stay as it is: journal_has() then knows no such record, and another may be appended. */
void journal_forget_failures(struct journal *journal);

/* Appends one record and fsyncs. -EEXIST when that (cell, round) is there already; else -errno. */
int journal_append(struct journal *journal, const struct sample *sample);

/* Whether (cell, round) is in it. */
int journal_has(const struct journal *journal, const char *cell, int round);

void journal_close(struct journal *journal);

/* Reads all whole records that count; *cut counts lines that are not whole records, or come too late. The caller frees
 * *samples. */
int journal_read(const char *dir, struct sample **samples, size_t *count, size_t *cut);

#endif
