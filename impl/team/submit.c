/* SPDX-License-Identifier: MIT
 *
 * The caller's side of a team: job descriptors, pushing tickets, waking workers. Waiting for the end:
 * team/wait.c. The mutex here is private to the calling process; no lock is shared with a worker.
 */
#include "front.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sys/futex.h"
#include "sys/inject.h"
#include "sys/machine.h"
#include "ticket.h"

static size_t round_up(size_t size)
{
    return (size + 63) / 64 * 64;
}

size_t team_size(int workers)
{
    size_t count = (size_t)workers;
    return round_up(sizeof(struct team)) + count * sizeof(struct team_slot) +
           round_up(TEAM_JOBS * count * sizeof(struct team_part));
}

void team_init(struct team *team, int workers, int usable_cpus, enum grain_wait wait, bool is_shared)
{
    char *at = (char *)team + round_up(sizeof *team);
    team->workers = workers;
    team->usable_cpus = usable_cpus;
    team->wait = wait;
    team->is_shared = is_shared;
    team->slots = (struct team_slot *)at;
    team->parts = (struct team_part *)(at + (size_t)workers * sizeof(struct team_slot));
    for (int i = 0; i < workers; i++) {
        atomic_store_explicit(&team->slots[i].begin, NO_PIECE, memory_order_relaxed);
        atomic_store_explicit(&team->slots[i].cpu, -1, memory_order_relaxed);
        team->slots[i].spare_cpu = -1;
    }
}

/* The places behind the workers' own are spare ones, as far as there are CPUs; then they come round again. */
void team_place(struct team *team, const struct backend_pool *pool)
{
    int workers = team->workers;
    team->mask = pool->mask;
    for (int i = 0; pool->cpus && i < workers; i++) {
        int spare = (workers + i) % pool->cpu_count;
        bool is_spare = true;
        for (int k = 0; k < workers; k++)
            is_spare = is_spare && k % pool->cpu_count != spare;
        atomic_store_explicit(&team->slots[i].cpu, pool->cpus[i % pool->cpu_count], memory_order_relaxed);
        team->slots[i].spare_cpu = is_spare ? pool->cpus[spare] : -1;
    }
}

int team_front_init(struct team_front *front, struct team *team)
{
    memset(front, 0, sizeof *front);
    front->team = team;
    pthread_mutex_init(&front->lock, NULL);
    atomic_store_explicit(&front->free_jobs, UINT64_MAX, memory_order_relaxed);
    return 0;
}

void team_front_drop(struct team_front *front)
{
    free(front->left);
    pthread_mutex_destroy(&front->lock);
}

/* ------------------------------------------------------------------------------------ descriptors */

/* Waits a moment for other callers to make room: only when hundreds of calls are in progress. */
static void make_room(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
}

/* Threads finish every job, be it by dropping its tasks; processes may be killed instead. */
int team_wait_is_vain(struct team_front *front)
{
    struct team *team = front->team;
    /* acquire: as every reader of the phase */
    uint32_t phase = atomic_load_explicit(&team->phase, memory_order_acquire);
    if (phase == TEAM_BROKEN)
        return -ENOTRECOVERABLE;
    return team->is_shared && phase == TEAM_STOP ? -ECANCELED : 0;
}

/* Workers drop tasks when the team stops, and those that are left when it breaks. relaxed: the job has ended. */
int team_job_status(struct team_front *front, struct team_job *job)
{
    if (!atomic_load_explicit(&job->dropped, memory_order_relaxed))
        return 0;
    int status = team_wait_is_vain(front);
    return status ? status : -ECANCELED;
}

/* The lowest free descriptor: the one that was used last is the one whose lines are where they are needed. acquire:
 * pairs with team_job_return. */
struct team_job *team_job_take(struct team_front *front)
{
    uint64_t free_jobs = atomic_load_explicit(&front->free_jobs, memory_order_relaxed);
    for (;;) {
        if (free_jobs == 0) {
            if (team_wait_is_vain(front)) /* those in use do not come back: workers may still be in them */
                return NULL;
            make_room();
            free_jobs = atomic_load_explicit(&front->free_jobs, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(&front->free_jobs, &free_jobs, free_jobs & (free_jobs - 1),
                                                         memory_order_acquire, memory_order_relaxed)) {
            break;
        }
    }
    struct team_job *job = &front->team->jobs[__builtin_ctzll(free_jobs)];
    job->parts = 0;
    return job;
}

void team_job_return(struct team_front *front, struct team_job *job)
{
    /* A worker that has just reported may still look at the descriptor; the next generation voids what
     * it could mistake. */
    uint32_t generation = atomic_load_explicit(&job->generation, memory_order_relaxed);
    atomic_store_explicit(&job->generation, (generation + 1) & TICKET_GENERATION, memory_order_release);
    atomic_store_explicit(&front->places[job - front->team->jobs], 0, memory_order_relaxed);
    atomic_fetch_or_explicit(&front->free_jobs, UINT64_C(1) << (job - front->team->jobs), memory_order_release);
}

uint32_t team_job_generation(struct team_job *job)
{
    uint32_t generation = atomic_load_explicit(&job->generation, memory_order_relaxed);
    if (generation == 0) /* a ticket is never 0 */
        atomic_store_explicit(&job->generation, ++generation, memory_order_relaxed);
    return generation;
}

static uint32_t parts_of(const struct job *job, int workers)
{
    size_t chunks = job->chunk ? (job->count + job->chunk - 1) / job->chunk : job->count;
    return chunks < (size_t)workers ? (uint32_t)chunks : (uint32_t)workers;
}

void team_fit(struct job *job)
{
    if (job->schedule != GRAIN_SCHEDULE_STEAL)
        return;
    size_t least = job->count / STEAL_UNITS_MAX + 1;
    if (job->chunk < least)
        job->chunk = least;
}

size_t team_units(const struct job *job, int workers)
{
    return job->chunk ? (job->count + job->chunk - 1) / job->chunk : parts_of(job, workers);
}

/* Every part gets an equal run of units; while items are still being copied in, the first gets all: its worker goes
 * through them in the order in which they come. */
static void ranges_deal(struct team *team, struct team_job *job, uint32_t index, bool is_loaded)
{
    uint64_t units = team_units(&job->job, team->workers);
    for (uint32_t i = 0; i < job->parts; i++) {
        uint64_t first = is_loaded || i == 0 ? i : job->parts, last = is_loaded ? i + 1 : job->parts;
        steal_put(&team_part(team, index, i)->range,
                  (struct steal_piece){(uint32_t)(units * first / job->parts), (uint32_t)(units * last / job->parts)});
    }
}

/* Everything that workers read is written before the first ticket is pushed (release in ring_push). */
static void job_reset(struct team *team, struct team_job *job, size_t loaded)
{
    uint32_t index = (uint32_t)(job - team->jobs), generation = team_job_generation(job);
    job->parts = parts_of(&job->job, team->workers);
    for (uint32_t i = 0; i < (job->parts + 63) / 64; i++)
        atomic_store_explicit(&job->done[i], 0, memory_order_release); /* pairs with ticket_settle */
    for (uint32_t i = 0; i < job->parts; i++) {
        struct team_part *part = team_part(team, index, i);
        job_outcome_clear(&part->outcome);
        part->resume = 0;
        part->handovers = 0;
        part->steals = 0;
        atomic_store_explicit(&part->holder, 0, memory_order_relaxed);
        atomic_store_explicit(&part->is_hungry, 0, memory_order_relaxed);
    }
    if (job->job.schedule == GRAIN_SCHEDULE_STEAL)
        ranges_deal(team, job, index, loaded == job->job.count);
    atomic_store_explicit(&job->loaded, loaded, memory_order_relaxed);
    atomic_store_explicit(&job->claims.next, 0, memory_order_relaxed);
    atomic_store_explicit(&job->words_done, (uint64_t)generation << 32, memory_order_relaxed);
    atomic_store_explicit(&job->deaths, 0, memory_order_relaxed);
    atomic_store_explicit(&job->dropped, 0, memory_order_relaxed);
    atomic_store_explicit(&job->is_awaited, 0, memory_order_relaxed);
    /* release: pairs with single_settle, should this descriptor have been a single task's */
    atomic_store_explicit(&job->finished, state_make(generation, STATE_RUNNING), memory_order_release);
}

/* ----------------------------------------------------------------------------------------- waking */

static void slot_ring_bell(struct team *team, struct team_slot *slot)
{
    atomic_fetch_add_explicit(&slot->bell, 1, memory_order_release);
    wait_wake(&slot->bell, 1, team->is_shared);
}

/* Wakes the slot's worker if it sleeps. The swap makes each sleep end once, so that several pushes wake several. */
static bool slot_rouse(struct team *team, struct team_slot *slot)
{
    uint32_t asleep = SLOT_ASLEEP;
    if (atomic_load_explicit(&slot->state, memory_order_relaxed) != SLOT_ASLEEP ||
        !atomic_compare_exchange_strong_explicit(&slot->state, &asleep, SLOT_AWAKE, memory_order_relaxed,
                                                 memory_order_relaxed))
        return false;
    slot_ring_bell(team, slot);
    return true;
}

void slot_wake(struct team *team, int slot, bool is_occupied)
{
    if (slot_rouse(team, &team->slots[slot]) || !is_occupied ||
        atomic_load_explicit(&team->sleepers, memory_order_relaxed) == 0)
        return;
    for (int i = 1; i < team->workers; i++)
        if (slot_rouse(team, &team->slots[(slot + i) % team->workers]))
            return;
}

void team_feed(struct team *team)
{
    if (atomic_load_explicit(&team->thieves, memory_order_relaxed) == 0)
        return;
    atomic_fetch_add_explicit(&team->feed, 1, memory_order_release);
    wait_wake(&team->feed, INT_MAX, team->is_shared);
}

void team_set_phase(struct team *team, enum team_phase phase)
{
    uint32_t now = atomic_load_explicit(&team->phase, memory_order_relaxed);
    while (now < (uint32_t)phase && !atomic_compare_exchange_weak_explicit(&team->phase, &now, (uint32_t)phase,
                                                                           memory_order_acq_rel, memory_order_relaxed))
        ;
    atomic_fetch_add_explicit(&team->feed, 1, memory_order_release);
    /* F10 pairs with F6: either a worker that clears its attention sees the phase, or what we store there comes after
     * that. A caller that is about to sleep may miss both the phase and the wake: it looks again at its next tick. */
    FENCE_AFTER_RMW(10);
    wait_wake(&team->feed, INT_MAX, team->is_shared);
    for (int i = 0; i < team->workers; i++) {
        slot_ring_bell(team, &team->slots[i]);
        if (phase >= TEAM_STOP) /* what runs is told between two tasks */
            job_ask(&team->slots[i].ctx);
    }
    for (size_t i = 0; i < TEAM_JOBS; i++)
        if (atomic_load_explicit(&team->jobs[i].is_awaited, memory_order_relaxed))
            wait_wake(&team->jobs[i].finished, INT_MAX, team->is_shared);
}

int team_note_cpu(struct team *team)
{
    int cpu = sched_getcpu();
    if (atomic_load_explicit(&team->caller_cpu, memory_order_relaxed) != cpu)
        atomic_store_explicit(&team->caller_cpu, cpu, memory_order_relaxed);
    return cpu;
}

/* ---------------------------------------------------------------------------------------- pushing */

void ticket_push(struct team_front *front, int slot, uint64_t ticket, const uint64_t *cargo)
{
    struct team *team = front->team;
    while (!ring_push(&team->slots[slot].ring, ticket, cargo) &&
           atomic_load_explicit(&team->phase, memory_order_acquire) != TEAM_BROKEN) {
        pthread_mutex_unlock(&front->lock);
        make_room();
        pthread_mutex_lock(&front->lock);
    }
}

void job_place(struct team_front *front, struct team_job *job, uint16_t slot)
{
    job->slot = slot;
    atomic_store_explicit(&front->places[job - front->team->jobs], (uint32_t)slot << 16 | job->parts,
                          memory_order_relaxed);
}

/* Looks at the descriptors in use: mostly one, or a few. Counting a slot's tickets up and down instead would cost every
 * call two locked instructions. */
int slot_tickets(const struct team_front *front, int slot)
{
    int tickets = 0, workers = front->team->workers;
    uint64_t in_use = ~atomic_load_explicit(&front->free_jobs, memory_order_relaxed);
    for (; in_use; in_use &= in_use - 1) {
        uint32_t place = atomic_load_explicit(&front->places[__builtin_ctzll(in_use)], memory_order_relaxed);
        int first = (int)(place >> 16), behind = slot >= first ? slot - first : slot - first + workers;
        tickets += behind < (int)(place & UINT16_MAX);
    }
    return tickets;
}

void team_say_pushed(struct team *team)
{
    atomic_fetch_add_explicit(&team->pushed, 1, memory_order_release);
}

/* How many parts are not started before all items are there: one, where the caller takes the CPU of its worker. */
static uint32_t parts_held(const struct team *team, const struct team_job *job)
{
    bool is_loaded = atomic_load_explicit(&job->loaded, memory_order_relaxed) == job->job.count;
    return !is_loaded && job->parts > 1 && team->workers >= team->usable_cpus ? 1 : 0;
}

/* The slot of the job's first part: part k goes to slot k, time after time, for its data lie in that worker's caches.
 * But while items are still being copied in, the last part waits until all are there: it should be that of the worker
 * whose CPU the caller needs for copying. */
static uint16_t slot_first(struct team_front *front, const struct team_job *job)
{
    struct team *team = front->team;
    int cpu = team_note_cpu(team), first = 0;
    if (job->parts < (uint32_t)team->workers)
        first = front->favourite + 1;
    for (int i = 0; i < team->workers && parts_held(team, job); i++)
        if (atomic_load_explicit(&team->slots[i].cpu, memory_order_relaxed) == cpu)
            first = i + 1;
    return (uint16_t)(first % team->workers);
}

/* Pushes the tickets of [first, last), then wakes who is to take them: as many workers as there are CPUs. More would
 * only take turns, each with caches and page tables of its own; whoever works takes the others' tickets too. Should the
 * tasks turn out to block, team_wake_rest() follows. */
static void parts_push(struct team_front *front, struct team_job *job, uint32_t first, uint32_t last)
{
    struct team *team = front->team;
    uint32_t generation = team_job_generation(job), count = (uint32_t)team->workers;
    for (uint32_t part = first; part < last; part++)
        ticket_push(front, (int)((job->slot + part) % count),
                    ticket_make(generation, (uint32_t)(job - team->jobs), part), NULL);
    team_say_pushed(team);
    /* F7 pairs with F3, F4 and F8: either they see what was pushed, or we see them. The read-modify-write before it is
     * that of `pushed`. */
    FENCE_AFTER_RMW(7);
    for (uint32_t part = first; part < last && part < (uint32_t)team->usable_cpus; part++) {
        int slot = (int)((job->slot + part) % count);
        /* relaxed: either we see BUSY, or busy_become sees the ticket: F7, and F4 */
        bool is_busy = atomic_load_explicit(&team->slots[slot].state, memory_order_relaxed) == SLOT_BUSY;
        slot_wake(team, slot, is_busy || slot_tickets(front, slot) > 1);
    }
    team_feed(team);
}

bool team_wake_rest(struct team_front *front, struct team_job *job)
{
    struct team *team = front->team;
    if (job->parts <= (uint32_t)team->usable_cpus)
        return false;
    /* No fence: that of parts_push came after these tickets were pushed. Who goes to sleep later sees them (F3); who
     * slept then is seen to sleep. */
    for (uint32_t part = (uint32_t)team->usable_cpus; part < job->parts; part++)
        slot_wake(team, (int)((job->slot + part) % (uint32_t)team->workers), true);
    return true;
}

void team_submit(struct team_front *front, struct team_job *job, size_t loaded)
{
    job_reset(front->team, job, loaded);
    uint32_t held = parts_held(front->team, job);
    pthread_mutex_lock(&front->lock);
    job_place(front, job, slot_first(front, job));
    parts_push(front, job, 0, job->parts - held);
    pthread_mutex_unlock(&front->lock);
}

void team_loaded(struct team_front *front, struct team_job *job, size_t loaded)
{
    uint32_t held = loaded == job->job.count ? parts_held(front->team, job) : 0;
    /* pairs with the acquire in items_await: the items below are there */
    atomic_store_explicit(&job->loaded, loaded, memory_order_release);
    if (held == 0)
        return;
    pthread_mutex_lock(&front->lock);
    parts_push(front, job, job->parts - held, job->parts);
    pthread_mutex_unlock(&front->lock);
}
