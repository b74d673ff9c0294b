/* SPDX-License-Identifier: MIT
 *
 * What the files of the worker's side share: team.c (the loop: take a ticket, wait), team_run.c (what a
 * ticket makes it do) and team_heir.c (what a replacement does first).
 */
#ifndef GRAIN_BACKEND_TEAM_WORKER_H
#define GRAIN_BACKEND_TEAM_WORKER_H

#include "backend/team.h"
#include "backend/ticket.h"

/* The worker as it runs: private to it. */
struct worker {
    struct team *team;
    struct team_slot *slot;
    int id;
};

/* ctx.index while no task of the piece has begun. */
#define NO_TASK SIZE_MAX

struct worker worker_make(struct team *team, int id, int pid);

/* Takes part in the ticket's job until no claim is left, then reports. */
void ticket_work(struct worker *worker, uint64_t ticket);

/* Runs [begin, end), whole units of the part's job, with the cursor set; marks the units. */
void piece_run(struct worker *worker, struct team_job *job, uint32_t part, uint64_t begin, uint64_t end);

/* Marks the units of [begin, end) as settled. */
void units_settle(struct team_job *job, uint32_t part, uint64_t begin, uint64_t end);

/* For a replacement: does again what follows from the last part's report, if it is due. */
void report_repeat(struct worker *worker, struct team_job *job, uint64_t ticket);

#endif
