/* SPDX-License-Identifier: MIT
 *
 * Claims: what the sweep is asked, and what it answers. Each is one ratio with its 95 % interval and a limit. A claim
 * holds when the whole interval lies on its side of the limit, does not hold when the whole interval lies on the
 * other, and is not shown when the interval spans the limit or something is missing. The table of claims is in
 * claims_table.c; RESULTS.md and claims.json print what is computed here and nothing else.
 */
#ifndef GRAIN_BENCH_CLAIMS_H
#define GRAIN_BENCH_CLAIMS_H

#include "analysis/model.h"
#include "analysis/study.h"

#define CLAIM_BACKENDS_MAX 4

enum claim_outcome { CLAIM_HOLDS, CLAIM_FAILS, CLAIM_NOT_SHOWN };

struct claim {
    char id[64];    /* "fork-apply-slower-than-loop" */
    char text[160]; /* what is claimed, as a sentence */
    enum claim_outcome outcome;
    char verdict[96]; /* "holds", "does not hold", "not shown: REASON" */
    char answer[48];  /* break-even: "from chunk 16 on", "none measured"; else "" */
    char note[96];    /* "rests on a noisy cell", or "" */
    struct estimate ratio;
    struct estimate over_loop;    /* of a speedup over the callback: that over the loop */
    const char *relation;         /* what the claim says of ratio and limit: ">", ">=", "<", "<="; "" of one without */
    double limit, goal;           /* goal: 0 where there is none */
    bool reaches_goal;            /* the whole interval lies on its side of the goal too */
    bool is_core;                 /* about the pool itself */
    bool is_tutorial;             /* what the tutorial says */
    bool is_metg;                 /* about METG: the ratio is a time in ns, an end of the interval that is open is 0 or
                                     infinity */
    uint64_t chunk;               /* break-even: the chunk, 0 for none; else the chunk of the second cell */
    char cells[2][CELL_NAME_MAX]; /* what was compared; the second is "" where the baseline is the cell's own */
};

/* How a claim's ratio is made. */
enum claim_form {
    CLAIM_OVER_LOOP,     /* time over serial loop (cpython: its own) */
    CLAIM_OVER_CALLBACK, /* time over serial callback */
    CLAIM_OVER_CELL,     /* time over that of the second cell; study_compare() says in what units */
    CLAIM_SHARE_OF_PEAK, /* speed over that of floor/peak: in pairs, else between two cells */
    CLAIM_SPEEDUP,       /* serial callback over time; that of the loop beside it */
    CLAIM_OVER_FLOOR,    /* time over that of the floor beside it */
    CLAIM_OVER_BEST,     /* time over the shortest that the longest task and the CPUs allow */
    CLAIM_METG,          /* not a ratio: METG(50 %) against the measured peak, in ns */
    CLAIM_OUT_OF_ORDER,  /* not a ratio: results that arrived out of order, a call */
    CLAIM_BREAK_EVEN_LOOP,
    CLAIM_BREAK_EVEN_CALLBACK /* the smallest chunk from which on all larger ones win */
};

/* On which side of the limit the ratio is claimed to lie. */
enum claim_sense {
    CLAIM_ABOVE,
    CLAIM_AT_LEAST,
    CLAIM_AT_MOST,
    CLAIM_REPORTED /* no claim: the ratio is told */
};

struct claim_kind {
    const char *id;   /* without the backend */
    const char *text; /* one %s: the backend */
    const char *backends[CLAIM_BACKENDS_MAX];
    enum claim_form form;
    struct pick cell, other;
    enum claim_sense sense;
    double limit, goal;
    bool needs_cpus;  /* a speedup: cannot be shown with one usable CPU */
    bool is_core;     /* about the pool itself: left out of a sweep that has not measured it */
    bool is_tutorial; /* what the tutorial says: left out of a sweep that has not its calls */
};

extern const struct claim_kind claim_kinds[];
extern const size_t claim_kind_count;

struct claims {
    struct claim *claims;
    size_t count;
};

/* Computes every claim. 0 or -ENOMEM. */
int claims_make(struct claims *claims, const struct study *study);
void claims_free(struct claims *claims);

/* The claim with that id, or NULL. */
const struct claim *claims_find(const struct claims *claims, const char *id);

/* claims.json as text; the caller frees it; NULL: out of memory. */
char *claims_json(const struct claims *claims, const struct study *study, const struct model *models, size_t count);

#endif
