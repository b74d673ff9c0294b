/* SPDX-License-Identifier: MIT
 *
 * What a backend calls of a team. What a team is: team/layout.h. The files, each of which calls only what stands before
 * it: ring, wake; the caller's side: desc, submit, submit_one, wait, account; the worker's: worker, piece, complete,
 * steal, single, part, recover, loop.
 */
#ifndef GRAIN_TEAM_H
#define GRAIN_TEAM_H

#include "layout.h"
#include "sys/machine.h"

/* Bytes of a team; its memory must be zeroed and aligned to 64. */
size_t team_size(int workers);
void team_init(struct team *team, int workers, int usable_cpus, enum grain_wait wait, bool is_shared);
/* Tells every worker where it is to run: on the CPUs of the list, or, NULL, on those of the mask; without this they run
 * where the opener does. */
void team_place(struct team *team, const struct machine_mask *mask, const int *cpus, int cpu_count);
int team_front_init(struct team_front *front, struct team *team); /* 0 or -ENOMEM */
void team_front_drop(struct team_front *front);

/* Caller: a free job descriptor (waits for one; NULL: the team is broken or stopped, none comes back), and its
 * return. team_job_try: leaves the last quarter to those who wait, so that it need not; or NULL. */
struct team_job *team_job_take(struct team_front *front);
struct team_job *team_job_try(struct team_front *front);
void team_job_return(struct team_front *front, struct team_job *job);

/* Why a call need not wait any longer although its job is not finished: 0 while it must; -ECANCELED,
 * -ENOTRECOVERABLE. */
int team_abort_reason(struct team_front *front);

/* How many bytes of `done_marks` a job needs: one a chunk. */
size_t team_chunks(const struct job *job, int workers);

/* Adapts a job to what a team can count: under `steal` a part counts its chunks in 32 bits. */
void team_fit(struct job *job);

/* Caller: hands job->job to the workers; then waits for it and merges the outcomes into it.
 * loaded: how many tasks have their items already; less than all only under `steal`, where the rest is announced with
 * team_loaded() and the last worker is called when all are there.
 * may_join: this thread will call team_join() before it waits, where job->lent is not 0: it has borrowed a slot.
 * team_wait: 0, -ECANCELED, -ENOTRECOVERABLE. */
void team_submit(struct team_front *front, struct team_job *job, size_t loaded, bool may_join);
void team_loaded(struct team_front *front, struct team_job *job, size_t loaded);
int team_wait(struct team_front *front, struct team_job *job);

/* Caller, when job->lent is not 0: takes part until there is nothing left to begin, and gives the slot back. pool: for
 * job_enter(), whose worker it is meanwhile. */
void team_join(struct team *team, struct team_job *job, const void *pool);

/* Caller, when a wait came back with `code` and all workers are gone (processes): fails the tasks that have not
 * ended with that code, and merges the outcomes. `code`, or 0: all have ended. */
int team_account(struct team_front *front, struct team_job *job, int code);

/* After team_front_init, where it is to be called: takes the memory that it needs. 0 or -ENOMEM. */
int team_account_prepare(struct team_front *front);

/* Caller: the same for a job of a single task; see team/single.c. */
void team_submit_single(struct team_front *front, struct team_job *job);
int team_wait_single(struct team_front *front, struct team_job *job);

/* Caller, of a submitted job that nobody waits for: whether a wait would return at once. watch: if not, these of
 * team->events are told when it would; one thread at a time. team_unwatch: before such a job's descriptor is
 * returned. */
bool team_is_done(struct team_front *front, struct team_job *job, unsigned watch);
void team_unwatch(struct team_job *job);

/* Whether some caller sleeps, or is about to, that has seen no phase but TEAM_RUN. */
bool team_has_sleepers(struct team_front *front);

/* Anyone: changes the phase (it only grows) and wakes everybody. Async-signal-safe. */
void team_set_phase(struct team *team, enum team_phase phase);

/* Worker: works until the phase says otherwise, or, then true, until it has run its most chunks and a replacement is to
 * go on. pid: 0 in a thread; state: what the initializer left; is_replacement: a replacement, which ends first what
 * its predecessor held. */
bool team_work(struct team *team, int id, int pid, void *state, bool is_replacement);

#endif
