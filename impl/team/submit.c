/* SPDX-License-Identifier: MIT
 *
 * The caller hands a job over: it describes the parts, pushes their tickets, wakes workers. A job of one task:
 * team/submit_one.c. Waiting for the end: team/wait.c. The lock here is private to the calling process; no lock is
 * shared with a worker.
 */
#include "front.h"

#include "sys/inject.h"
#include "ticket.h"
#include "wake.h"

/* Every part gets an equal run of chunks; while items are still being copied in, the first gets all: its worker goes
 * through them in the order in which they come. */
static void ranges_deal(struct team *team, struct team_job *job, uint32_t index, bool is_loaded)
{
    uint64_t chunks = team_chunks(&job->job, team->workers);
    for (uint32_t i = 0; i < job->parts; i++) {
        uint64_t first = is_loaded || i == 0 ? i : job->parts, last = is_loaded ? i + 1 : job->parts;
        steal_put(&team_part(team, index, i)->range, (struct steal_piece){(uint32_t)(chunks * first / job->parts),
                                                                          (uint32_t)(chunks * last / job->parts)});
    }
}

/* A call of so few chunks is mostly over before a second worker is awake. */
#define ALONE_CHUNKS 1024u

/* Processes, a small call that its caller waits for: one worker begins alone, and has all of it in its range. The other
 * parts are marked as done until the caller has watched in vain for some microseconds: parts_release(). */
static uint64_t parts_waiting(const struct team *team, const struct team_job *job, size_t loaded)
{
    const struct job *plain = &job->job;
    if (!team->is_shared || plain->is_queued || loaded < plain->count || plain->schedule != GRAIN_SCHEDULE_STEAL ||
        job->parts < 2 || job->parts > 64 || team->wait == GRAIN_WAIT_PARK || team->usable_cpus < 2 ||
        team_chunks(plain, team->workers) > ALONE_CHUNKS)
        return 0;
    return (job->parts == 64 ? UINT64_MAX : (UINT64_C(1) << job->parts) - 1) & ~UINT64_C(1);
}

/* Everything that workers read is written before the first ticket is pushed (release in ring_push). */
static void job_reset(struct team *team, struct team_job *job, size_t loaded)
{
    uint32_t index = (uint32_t)(job - team->jobs), generation = team_job_generation(job);
    job->parts = team_parts(&job->job, team->workers);
    job->alone = parts_waiting(team, job, loaded);
    for (uint32_t i = 0; i < (job->parts + 63) / 64; i++) /* release: pairs with ticket_recover */
        atomic_store_explicit(&job->done[i], job->alone, memory_order_release);
    for (uint32_t i = 0; i < job->parts; i++) {
        struct team_part *part = team_part(team, index, i);
        job_outcome_clear(&part->outcome);
        part->resume = 0;
        part->handovers = 0;
        part->steals = 0;
        atomic_store_explicit(&part->holder, 0, memory_order_relaxed);
        atomic_store_explicit(&part->is_starving, 0, memory_order_relaxed);
    }
    if (job->job.schedule == GRAIN_SCHEDULE_STEAL)
        ranges_deal(team, job, index, loaded == job->job.count && !job->alone);
    atomic_store_explicit(&job->loaded, loaded, memory_order_relaxed);
    atomic_store_explicit(&job->claims.next, 0, memory_order_relaxed);
    atomic_store_explicit(&job->words_done, (uint64_t)generation << 32, memory_order_relaxed);
    atomic_store_explicit(&job->deaths, 0, memory_order_relaxed);
    atomic_store_explicit(&job->dropped, 0, memory_order_relaxed);
    atomic_store_explicit(&job->is_awaited, 0, memory_order_relaxed);
    /* release: pairs with single_recover, should this descriptor have been a single task's */
    atomic_store_explicit(&job->finished, state_make(generation, STATE_RUNNING), memory_order_release);
}

void ticket_push(struct team_front *front, int slot, uint64_t ticket, const uint64_t *payload)
{
    struct team *team = front->team;
    while (!ring_push(&team->slots[slot].ring, ticket, payload) &&
           atomic_load_explicit(&team->phase, memory_order_acquire) != TEAM_BROKEN) {
        lock_drop(&front->lock);
        team_make_room();
        lock_take(&front->lock);
    }
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

int slot_choose(const struct team_front *front, uint64_t mine, bool *is_occupied)
{
    const struct team *team = front->team;
    int slot = front->favourite, found = -1;
    uint32_t spinner = atomic_load_explicit(&team->spinner, memory_order_relaxed);
    *is_occupied = false;
    if (spinner && is_free(front, (int)spinner - 1, mine) && !is_on_my_cpu(team, (int)spinner - 1))
        return (int)spinner - 1;
    for (int i = 0; i < team->workers; i++, slot = (slot + 1) % team->workers) {
        if (!is_free(front, slot, mine))
            continue;
        if (!is_on_my_cpu(team, slot))
            return slot;
        if (found < 0)
            found = slot;
    }
    *is_occupied = found < 0;
    return found >= 0 ? found : (front->favourite + 1) % team->workers;
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
    int cpu = atomic_load_explicit(&team->caller_cpu, memory_order_relaxed), first = 0;
    if (job->parts < (uint32_t)team->workers)
        first = job->lent ? job->lent - 1 : front->favourite + 1;
    for (int i = 0; i < team->workers && parts_held(team, job); i++)
        if (atomic_load_explicit(&team->slots[i].cpu, memory_order_relaxed) == cpu)
            first = i + 1;
    return (uint16_t)(first % team->workers);
}

uint64_t team_own_ticket(struct team *team, struct team_job *job)
{
    return ticket_make(team_job_generation(job), (uint32_t)(job - team->jobs), part_own(team, job));
}

/* How long a worker lets the ticket of a call lie in which the caller takes part: what its tasks take is not known, but
 * few of them are mostly done by then. */
static uint64_t patience(const struct team *team, const struct team_job *job)
{
    size_t chunks = team_chunks(&job->job, team->workers);
    if (!job->lent || chunks > 256)
        return 0;
    return chunks > 32 ? TICKET_A_WHILE : TICKET_A_MOMENT;
}

/* Whether the slot's worker will look into its own ring before it does anything else. */
static bool is_looking(const struct team_front *front, int slot, int tickets)
{
    return atomic_load_explicit(&front->team->slots[slot].state, memory_order_relaxed) == SLOT_AWAKE &&
           slot_tickets(front, slot) <= tickets;
}

/* Whether there is a worker that spins, and is about to look into all rings. */
static bool is_spinner_looking(const struct team_front *front)
{
    uint32_t spinner = atomic_load_explicit(&front->team->spinner, memory_order_relaxed);
    return spinner && is_looking(front, (int)spinner - 1, 0);
}

/* As many workers as there are CPUs. More would only take turns, each with caches and page tables of its own; whoever
 * works takes the others' tickets too. Should the tasks turn out to block, parts_rouse() follows, or each wakes the
 * next. */
static void parts_wake(struct team_front *front, struct team_job *job, uint32_t first, uint32_t last)
{
    struct team *team = front->team;
    for (uint32_t part = first; part < last && part < (uint32_t)team->usable_cpus; part++) {
        int slot = (int)((job->slot + part) % (uint32_t)team->workers);
        /* relaxed: either we see BUSY, or busy_become sees the ticket: F7, and F4 */
        bool is_busy = is_engaged(atomic_load_explicit(&team->slots[slot].state, memory_order_relaxed));
        slot_wake(team, slot, is_busy || slot_tickets(front, slot) > 1);
    }
}

/* Before the caller enters a task somebody must be awake to take the other tickets: else one is woken, and that one
 * wakes the next. */
static void part_wake(struct team_front *front, struct team_job *job, bool has_looking)
{
    uint32_t count = (uint32_t)front->team->workers;
    if (has_looking || is_spinner_looking(front))
        return;
    slot_wake(front->team, (int)((job->slot + part_own(front->team, job) + 1) % count), true);
}

/* Pushes the tickets of [first, last), but for that of the caller's own part, and wakes who is to take them. */
static void parts_push(struct team_front *front, struct team_job *job, uint32_t first, uint32_t last)
{
    struct team *team = front->team;
    uint32_t generation = team_job_generation(job), count = (uint32_t)team->workers, own = part_own(team, job);
    uint64_t patient = patience(team, job);
    uint32_t pushed = 0, looking = 0;
    for (uint32_t part = first; part < last; part++) {
        if (part == own)
            continue;
        ticket_push(front, (int)((job->slot + part) % count),
                    ticket_make(generation, (uint32_t)(job - team->jobs), part) | patient, NULL);
        pushed++;
    }
    if (pushed == 0)
        return;
    /* F7 pairs with F3, F4, F8, F13 and F14: either they see what was pushed, or we see them. */
    FENCE(7);
    for (uint32_t part = first; part < last; part++)
        looking += part != own && is_looking(front, (int)((job->slot + part) % count), 1);
    if (looking < pushed)
        team_say_pushed(team);
    if (job->lent || job->has_rest)
        part_wake(front, job, looking > 0);
    else
        parts_wake(front, job, first, last);
    thieves_wake(team);
}

/* No fence: that of parts_push came after these tickets were pushed. Who goes to sleep later sees them (F3); who slept
 * then is seen to sleep. */
void parts_rouse(struct team_front *front, const struct team_job *job, uint32_t first)
{
    for (uint32_t part = first; part < job->parts; part++)
        slot_wake(front->team, (int)((job->slot + part) % (uint32_t)front->team->workers), true);
}

/* A call for one worker alone; where none is free, it is for all of them after all. */
static bool alone_push(struct team_front *front, struct team_job *job)
{
    uint32_t index = (uint32_t)(job - front->team->jobs);
    bool is_occupied = false;
    if (!job->alone)
        return false;
    int slot = slot_choose(front, UINT64_C(1) << index, &is_occupied);
    if (is_occupied) {
        atomic_store_explicit(&job->done[0], 0, memory_order_relaxed);
        job->alone = 0;
        return false;
    }
    job_place(front, job, (uint16_t)slot);
    parts_push(front, job, 0, 1);
    return true;
}

void team_submit(struct team_front *front, struct team_job *job, size_t loaded, bool may_join)
{
    job_reset(front->team, job, loaded);
    job->has_joined = false;
    job->has_rest = job->job.is_watched && job->parts > 1;
    job->is_chained = !job->has_rest && (!front->team->is_shared || job->job.is_queued);
    uint32_t held = parts_held(front->team, job);
    lock_take(&front->lock);
    team_note_cpu(front->team);
    job->lent = may_join && front->is_lending ? (uint16_t)(1 + slot_lend(front->team)) : 0;
    if (!alone_push(front, job)) {
        job_place(front, job, slot_first(front, job));
        parts_push(front, job, 0, job->parts - held);
    }
    lock_drop(&front->lock);
}

/* The swap fails when the worker has set the bit of its part: then all bits are set, and it completes the job. Else no
 * bit was set, and the job cannot end before these parts do. acq_rel: pairs with part_finish. */
void parts_release(struct team_front *front, struct team_job *job)
{
    uint64_t waiting = job->alone;
    if (!waiting || !atomic_compare_exchange_strong_explicit(&job->done[0], &waiting, 0, memory_order_acq_rel,
                                                             memory_order_relaxed))
        return;
    job->alone = 0;
    lock_take(&front->lock);
    job_place(front, job, job->slot);
    parts_push(front, job, 1, job->parts);
    lock_drop(&front->lock);
}

void team_loaded(struct team_front *front, struct team_job *job, size_t loaded)
{
    uint32_t held = loaded == job->job.count ? parts_held(front->team, job) : 0;
    /* pairs with the acquire in items_await: the items below are there */
    atomic_store_explicit(&job->loaded, loaded, memory_order_release);
    if (held == 0)
        return;
    lock_take(&front->lock);
    parts_push(front, job, job->parts - held, job->parts);
    lock_drop(&front->lock);
}
