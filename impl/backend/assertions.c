/* SPDX-License-Identifier: MIT
 *
 * Sizes and limits that the code rests on, of which each is set in one file and relied on in another: checked when this
 * is compiled, for there is nothing here to run. What concerns one file alone is asserted there.
 */
#include <limits.h>
#include <stddef.h>

#include "backend.h"
#include "sched/pilot.h"
#include "sched/steal.h"
#include "sys/machine.h"
#include "team/layout.h"
#include "team/ring.h"
#include "team/ticket.h"

#define LINE 64

/* The machine: 64-bit addresses; words that processes share are changed without a lock, which would be each one's
 * own. */
_Static_assert(sizeof(void *) == 8 && sizeof(size_t) == 8, "ranges of addresses, sizes and words have 64 bits");
_Static_assert(CHAR_BIT == 8, "bytes");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_LONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2 &&
                   ATOMIC_CHAR_LOCK_FREE == 2,
               "shared words need no lock");
_Static_assert(sizeof(_Atomic uint64_t) == 8 && sizeof(_Atomic uint32_t) == 4, "a futex has 32 bits, a ticket 64");

/* Bits. */
_Static_assert(GRAIN_SCHEDULE_COUNT <= 32, "BACKEND_SCHEDULE() has a bit for each");
_Static_assert(TEAM_JOBS == 64, "free_jobs has a bit for each descriptor, and begins with all of them set");
_Static_assert(TEAM_WORDS * 64 >= BACKEND_WORKERS_MAX, "`done` has a bit for each part, and a job a part per worker");
_Static_assert(TEAM_WORDS <= 32, "`words_done` has a bit for each word of `done` below the generation");

/* A ticket: 63 bits, for a ring marks the lap with the 64th, and a slot what is tentative. */
_Static_assert(BACKEND_WORKERS_MAX < TICKET_SINGLE, "the part has 16 bits, and one value is taken");
_Static_assert((uint64_t)(TEAM_JOBS - 1) << 16 < TICKET_LOOKING, "the job has 15 bits, below the mark of who looks");
_Static_assert(((uint64_t)TICKET_GENERATION << 32 & TICKET_TENTATIVE) == 0, "the generation ends below the mark");
_Static_assert(((uint64_t)TICKET_GENERATION << 32 | (uint64_t)(TEAM_JOBS - 1) << 16 | TICKET_SINGLE) < RING_LAP,
               "a ring keeps the uppermost bit");
_Static_assert(STATE_FIRST_WORKER + BACKEND_WORKERS_MAX <= 1 << STATE_BITS, "the state of a job names its completer");
_Static_assert(STATE_RUNNING != STATE_DONE && STATE_DONE < STATE_FIRST_WORKER, "the states of a job differ");
_Static_assert(BACKEND_WORKERS_MAX <= UINT16_MAX, "places[] has 16 bits for a slot, and for the number of parts");

/* Counts. Claims may run past the end by a chunk per worker. */
_Static_assert(JOB_COUNT_MAX *(1 + (uint64_t)BACKEND_WORKERS_MAX) < UINT64_MAX / 2, "claims do not wrap");
_Static_assert(JOB_COUNT_MAX <= PILOT_TASKS_MAX, "a pilot counts all tasks");
_Static_assert(STEAL_CHUNKS_MAX <= UINT32_MAX, "a range is two halves of a word");

/* Cache lines: what different threads write lies on different ones, and arrays keep that up. */
_Static_assert(offsetof(struct job, chunk_task) == LINE, "what it takes to run a task fills the first line of a job");
_Static_assert(sizeof(struct ring_cell) == LINE, "a ticket and its payload are one line");
_Static_assert(sizeof(struct steal_range) == LINE, "a range has a line of its own");
_Static_assert(_Alignof(struct team_slot) == LINE && _Alignof(struct team_part) == LINE &&
                   _Alignof(struct team_job) == LINE && _Alignof(struct team) == LINE,
               "slots, parts and descriptors begin with a line");
_Static_assert(offsetof(struct team_slot, state) % LINE == 0, "what others write in a slot is apart");
_Static_assert(offsetof(struct team_part, holder) % LINE == 0, "what thieves read is apart from the range");
_Static_assert(offsetof(struct team_job, loaded) % LINE == 0 && offsetof(struct team_job, done) % LINE == 0 &&
                   offsetof(struct team_job, reply) % LINE == 0,
               "caller, workers and waiter have lines of their own");
_Static_assert(offsetof(struct team_job, finished) >= offsetof(struct team_job, reply) + TEAM_REPLY &&
                   offsetof(struct team_job, is_awaited) + sizeof(uint32_t) <= offsetof(struct team_job, reply) + LINE,
               "a small result comes in the line that its caller waits on");
_Static_assert(TEAM_INLINE % LINE == 0, "data inside a job are whole lines");

/* Sets of CPUs. */
_Static_assert(MACHINE_CPUS_MAX % (8 * sizeof(unsigned long)) == 0, "a set is whole words");
_Static_assert(offsetof(struct machine_mask, bits) % sizeof(unsigned long) == 0, "which the kernel reads as such");
