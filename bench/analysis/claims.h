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
    const char *relation; /* what the claim says of ratio and limit: ">", ">=", "<" */
    double limit;
    uint64_t chunk;               /* break-even: the chunk, 0 for none; else the chunk of the second cell */
    char cells[2][CELL_NAME_MAX]; /* what was compared; the second is "" where the baseline is the cell's own */
};

/* How a claim's ratio is made. */
enum claim_form {
    CLAIM_OVER_LOOP,     /* time over serial loop (cpython: its own) */
    CLAIM_OVER_CALLBACK, /* time over serial callback */
    CLAIM_OVER_CELL,     /* time over that of the second cell */
    CLAIM_SHARE_OF_PEAK, /* speed over that of floor/peak */
    CLAIM_BREAK_EVEN_LOOP,
    CLAIM_BREAK_EVEN_CALLBACK /* the smallest chunk from which on all larger ones win */
};

struct claim_kind {
    const char *id;   /* without the backend */
    const char *text; /* one %s: the backend */
    const char *backends[CLAIM_BACKENDS_MAX];
    enum claim_form form;
    struct pick cell, other;
    double limit; /* the claim: ratio > limit, or >= where at_least */
    bool at_least;
    bool needs_cpus; /* a speedup: cannot be shown with one usable CPU */
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
