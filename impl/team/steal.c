/* SPDX-License-Identifier: MIT
 *
 * A part under `steal`: pieces of its own range, then halves of others' ranges, then what others give back on request
 * (team/piece.c). sched/steal.h says who writes a range.  What a thief reads of a slot is a hint: it may be stale, then
 * it asks for nothing, or leaves too early; no chunk's owner depends on it. The thief stays while there may be more:
 * while some part that is not done has chunks left in hand, or is just taking some. It leaves for good when nothing can
 * be divided any more, when the team stops, and when some ring has a ticket: what is queued comes first. So nobody
 * waits for a thief at the end of a job.
 */
#include "worker.h"

#include "wake.h"

#include "sys/clock.h"
#include "sys/inject.h"

/* A thief that sleeps looks again so often: the worker it waits for may die before it gives. */
#define THIEF_SLEEP_NS 10000000u

/* How many looks at the ranges go between two looks into the others' slots, which costs the owner its cache line. */
#define THIEF_LOOKS 32u

/* How long it waits for others so that it can wake the caller itself. */
#ifndef THIEF_LINGER_NS
#define THIEF_LINGER_NS 20000u
#endif

/* How often it looks at the ranges before it looks into a slot for the first time. */
#ifndef THIEF_PAUSES
#define THIEF_PAUSES 16u
#endif

/* Whether all other parts are done, or have nothing to give. */
static bool is_rest_through(const struct worker *worker, bool or_starving)
{
    for (uint32_t i = 0; i < worker->job->parts; i++)
        if (i != worker->part && !is_part_done(worker->job, i) &&
            !(or_starving && atomic_load_explicit(&part_at(worker, i)->is_starving, memory_order_relaxed)))
            return false;
    return true;
}

/* Whether a worker has the part. relaxed: a hint. */
static bool has_begun(const struct team_part *part)
{
    return atomic_load_explicit(&part->holder, memory_order_relaxed) != 0;
}

/* Looks at every other part, the next one first; what it gets becomes the range of its own part, where others can take
 * from it again. A caller takes all of a part that nobody has begun: by halves it would cost more than its tasks. */
static bool range_refill(struct worker *worker)
{
    uint32_t parts = worker->job->parts;
    for (uint32_t i = 1; i < parts; i++) {
        struct steal_piece piece;
        struct team_part *part = part_at(worker, (worker->part + i) % parts);
        if (!(worker->is_caller && !has_begun(part) ? steal_take_front(&part->range, UINT32_MAX, &piece)
                                                    : steal_take_half(&part->range, &piece)))
            continue;
        INJECT(range_stolen);
        steal_put(&part_at(worker, worker->part)->range, piece);
        INJECT(range_refilled);
        return true;
    }
    return false;
}

static bool is_range_left(const struct worker *worker)
{
    for (uint32_t i = 0; i < worker->job->parts; i++)
        if (i != worker->part && !steal_is_empty(&part_at(worker, i)->range))
            return true;
    return false;
}

/* Whole chunks that a worker has in hand and has not begun; UINT64_MAX: it is between two pieces. */
static uint64_t chunks_in_hand(const struct team_slot *slot, uint64_t chunk)
{
    uint64_t begin = atomic_load_explicit(&slot->begin, memory_order_relaxed);
    uint64_t end = atomic_load_explicit(&slot->end, memory_order_relaxed);
    uint64_t index = job_index(&slot->ctx);
    if (begin == NO_PIECE)
        return UINT64_MAX;
    if (index >= begin && index < end)
        begin = index + 1;
    return begin < end ? (end - begin) / chunk : 0;
}

/* A few chunks will soon have been run, unless the estimate was wrong: then the owner is in the same task still. */
static bool is_worth_asking(struct worker *worker, const struct team_slot *slot, uint64_t chunks)
{
    size_t index = job_index(&slot->ctx);
    bool is_stuck = worker->stuck_slot == slot && worker->stuck_index == index;
    worker->stuck_slot = slot;
    worker->stuck_index = index;
    return is_stuck || chunks >= steal_pace_worth(&worker->pace);
}

/* Asks the holders of the other parts for work. False when nobody has anything to give, now or soon. */
static bool thief_ask(struct worker *worker)
{
    struct team_job *job = worker->job;
    bool may_come = false;
    for (uint32_t i = 0; i < job->parts; i++) {
        const struct team_part *part = part_at(worker, i);
        uint32_t holder = atomic_load_explicit(&part->holder, memory_order_relaxed);
        if (i == worker->part || holder == 0 || is_part_done(job, i) ||
            atomic_load_explicit(&part->is_starving, memory_order_relaxed))
            continue;
        struct team_slot *slot = &worker->team->slots[holder - 1];
        uint64_t chunks = chunks_in_hand(slot, job->job.chunk);
        if (chunks < 2) /* the owner keeps one for itself */
            continue;
        may_come = true;
        if (chunks != UINT64_MAX && is_worth_asking(worker, slot, chunks) && !job_is_interrupted(&slot->ctx))
            job_request_interrupt(&slot->ctx);
    }
    return may_come;
}

/* Something to take, or nothing to wait for any more. */
static bool thief_is_over(void *who)
{
    struct worker *worker = who;
    return worker_is_called(worker) || is_range_left(worker) ||
           (++worker->looks % THIEF_LOOKS == 0 && !thief_ask(worker));
}

/* Until somebody gives or reports. F8 pairs with F5 (a range given back), F9 (a part done) and F7 (a ticket pushed):
 * either we see that, or who did it sees that a thief sleeps. */
static bool thief_lie_down(void *who)
{
    struct worker *worker = who;
    spinner_end(worker);
    atomic_fetch_add_explicit(&worker->team->thieves, 1, memory_order_relaxed);
    FENCE_AFTER_RMW(8);
    if (is_range_left(worker) || !thief_ask(worker) || worker_is_called(worker))
        return false;
    child_depend_again();
    return true;
}

static void thief_get_up(void *who)
{
    struct worker *worker = who;
    atomic_fetch_sub_explicit(&worker->team->thieves, 1, memory_order_relaxed);
}

static const struct wait_kind thief = {.is_over = thief_is_over, .lie_down = thief_lie_down, .get_up = thief_get_up};

/* What is queued comes first. A calling thread that takes part has but its own call: it stays while a worker has chunks
 * of that in hand. */
static bool is_needed_elsewhere(const struct worker *worker)
{
    return worker->is_caller ? is_rest_idle(worker, worker->job) : team_is_anything_queued(worker->team);
}

/* The others may be through in a moment. To look into a slot takes lines from its worker that it writes at every task:
 * so before that come looks at what says that they are, `done` and the ranges. False: there is nothing to steal. */
static bool thief_pauses(struct worker *worker)
{
    for (unsigned turn = 1; turn < THIEF_PAUSES; turn++) {
        if (is_range_left(worker))
            return true;
        if (is_rest_through(worker, true) || worker_is_called(worker))
            return false;
        wait_pause(1);
    }
    return true;
}

static bool thief_is_alone(void *who)
{
    struct worker *worker = who;
    return is_range_left(worker) || is_rest_through(worker, false) || worker_is_called(worker);
}

/* The caller sleeps, and this worker has its CPU: as the last one to report it wakes it there, which takes a tenth of
 * what it takes from another CPU. So it waits for the others for about as long. True: it has something to do after all.
 */
static bool thief_lingers(struct worker *worker)
{
    static const struct wait_kind kind = {.is_over = thief_is_alone};
    while (wait_spin(&kind, THIEF_LINGER_NS, worker) == WAIT_OVER && is_range_left(worker))
        if (range_refill(worker))
            return true;
    return false;
}

/* Waits for a range to take from. In a team of more workers than CPUs only one thief does: the CPUs are busy. */
static bool thief_wait(struct worker *worker)
{
    struct team *team = worker->team;
    _Atomic uint32_t *is_starving = &part_at(worker, worker->part)->is_starving;
    bool has_cpu = team->workers <= team->usable_cpus, is_refilled = false;
    worker->pushed = atomic_load_explicit(&team->pushed, memory_order_acquire);
    if (is_needed_elsewhere(worker))
        return false;
    atomic_store_explicit(is_starving, 1, memory_order_relaxed);
    bool may_come = thief_pauses(worker);
    while (may_come && !(is_refilled = range_refill(worker)) && thief_ask(worker) && !worker_is_called(worker)) {
        INJECT(thief_waits);
        struct wait_limits limits = worker_limits(worker, true);
        limits.sleep_ns = THIEF_SLEEP_NS;
        if (has_cpu || atomic_load_explicit(&team->thieves, memory_order_relaxed) == 0)
            limits.word = &team->steal_wake;
        enum wait_end end = wait_once(&thief, &limits, worker);
        spinner_end(worker);
        if (!limits.word && end != WAIT_OVER)
            break;
    }
    if (!is_refilled && team->is_shared && is_beside_caller(worker))
        is_refilled = thief_lingers(worker);
    atomic_store_explicit(is_starving, 0, memory_order_relaxed);
    return is_refilled;
}

/* Units of the next piece: no more than the worker may still run. */
static uint32_t pace_of(const struct worker *worker)
{
    uint32_t chunks = worker->pace.chunks;
    return chunks < worker->chunks_left ? chunks : (uint32_t)worker->chunks_left;
}

/* The piece that was just taken, and the rest of the part's own range. */
static void range_drop(struct worker *worker, struct team_job *job, struct steal_piece *piece)
{
    uint64_t count = job->job.count, chunk = job->job.chunk;
    do
        part_drop(worker, job, piece->begin * chunk, piece->end * chunk < count ? piece->end * chunk : count);
    while (steal_take_front(&part_at(worker, worker->part)->range, UINT32_MAX, piece));
}

bool steal_run(struct worker *worker, struct team_job *job, uint64_t ticket)
{
    struct team_part *part = ticket_part(worker->team, ticket);
    uint64_t count = job->job.count, chunk = job->job.chunk, before = clock_ns();
    struct steal_piece piece;
    uint64_t steals = 0;
    worker->pace.chunks = STEAL_PACE_FIRST;
    do {
        while (!worker_is_retired(worker) && steal_take_front(&part->range, pace_of(worker), &piece)) {
            INJECT(range_taken);
            if (worker_is_stopped(worker, job)) {
                range_drop(worker, job, &piece);
                return true;
            }
            uint64_t begin = piece.begin * chunk, end = piece.end * chunk < count ? piece.end * chunk : count;
            uint64_t ran = piece_run(worker, job, ticket_part_index(ticket), begin, end) - begin, now = clock_ns();
            steal_pace_learn(&worker->pace, (uint32_t)((ran + chunk - 1) / chunk), now - before);
            before = now;
        }
    } while (!worker_is_retired(worker) && (range_refill(worker) || thief_wait(worker)) && ++steals);
    part->handovers += steals;
    part->steals += steals;
    return !worker_is_retired(worker) || steal_is_empty(&part->range);
}
