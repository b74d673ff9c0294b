/* SPDX-License-Identifier: MIT
 *
 * What a replacement worker does before anything else: end what the dead one held. It runs in a fresh
 * process that nobody waits for by name, so it may take its time. The cases: team/layout.h.
 */
#include <errno.h>
#include <stdio.h>

#include "worker.h"

#include "sys/event.h"
#include "sys/inject.h"

static bool is_in_a_ring(const struct team *team, uint64_t ticket)
{
    for (int i = 0; i < team->workers; i++)
        if (ring_holds(&team->slots[i].ring, ticket))
            return true;
    return false;
}

/* ------------------------------------------------------------------- a ticket that was announced, and no more
 *
 * The dead worker had announced a ticket. Whether it had also taken it, nobody has written down: it is so when the
 * ticket lies in no ring and no other worker has taken it. Who takes tickets, and what its slot says meanwhile:
 *   any worker     tentative; the swap in the ring; the bare ticket (it has it) or 0 (somebody was quicker); when the
 *                  part is reported or the single task finished: 0
 *   a replacement  tentative and looking, as long as it finds out; the bare ticket (adopted) or 0
 * When the ticket is in no ring any more, its swap has been made. Who made it had announced it before (the swap is a
 * release, the load of `head` in ring_holds an acquire), so its slot says tentative, or what comes after that. Hence:
 *   tentative     that worker makes its next step, or dies and is marked as looking by its own replacement. It is
 *                 waited for without a bound on time: it may be stopped between two instructions for ever so long
 *   the ticket    that worker has it, or its replacement will go on with it: nothing to do
 *   looking       is not waited for, so that no two replacements wait for each other: among those the swap in
 *                 ticket_adopt() decides
 *   anything else that worker never took it, or is done with it: then the part's bit is set, which is looked at after
 *                 the slots (the store of 0 is a release, the load of the slot an acquire)
 *
 * Never adopted twice: a live taker is seen by the rules above, and of replacements the swap lets one through, even
 * when one of them looked before the other had announced: a worker may announce a ticket that it saw long ago, lose
 * the swap in the ring, and die before it takes its word back. That is why no rank decides, such as "the lower slot
 * goes first": it would need both to know of each other, and the one that has looked before does not.
 * Never lost: the one that the swap lets through stores the ticket next; killed before that, its replacement finds the
 * slot's own number in `adopter`.
 * No deadlock: only tentative slots are waited for, and a tentative slot waits for nobody: its worker makes its next
 * step when it runs, and its replacement, when it starts, marks itself first.
 * The job may end meanwhile, when somebody else has the ticket: that ends the wait too. */

/* In the usual case the other one is two instructions from its next step: a spin; then naps, each twice as long as the
 * one before: a look every 16 ms takes less than a thousandth of a CPU. */
#define LOOK_NAP_NS  64000u
#define LOOK_NAP_MAX (LOOK_NAP_NS << 8)

enum others { OTHERS_HAVE_NOT, OTHERS_MAY_HAVE, OTHERS_HAVE };

/* What the other slots say of a ticket. acquire: pairs with the stores of their workers, which are releases. */
static enum others others_say(const struct team *team, int but, uint64_t ticket)
{
    enum others others = OTHERS_HAVE_NOT;
    for (int i = 0; i < team->workers; i++) {
        uint64_t word = i == but ? 0 : atomic_load_explicit(&team->slots[i].ticket, memory_order_acquire);
        if (word == ticket)
            return OTHERS_HAVE;
        if (word == (ticket | TICKET_TENTATIVE))
            others = OTHERS_MAY_HAVE;
    }
    return others;
}

/* The generation is looked at after the bits: see ticket_recover(). */
static bool ticket_is_over(struct team *team, uint64_t ticket)
{
    bool is_done = ticket_is_single(ticket) ? single_is_done(team, ticket)
                                            : is_part_done(ticket_job(team, ticket), ticket_part_index(ticket));
    return is_done || !ticket_is_current(team, ticket);
}

/* Of several replacements that look for the same ticket one gets it. The word carries the generation and is never
 * cleared: one that comes late, for a job that has ended, may write only over what is older still; it does not touch
 * the word of the job that came after, because that is another one than it had seen.
 * acq_rel: no data hangs on the word; its own order of changes is what counts. */
static bool ticket_adopt(struct team *team, int id, uint64_t ticket)
{
    uint32_t part = ticket_is_single(ticket) ? 0 : ticket_part_index(ticket);
    _Atomic uint64_t *adopter = &team_part(team, ticket_job_index(ticket), part)->adopter;
    uint64_t mine = (uint64_t)ticket_generation(ticket) << 32 | (1 + (uint64_t)id);
    uint64_t seen = atomic_load_explicit(adopter, memory_order_acquire);
    do {
        if (seen >> 32 == ticket_generation(ticket))
            return seen == mine;
        if (!ticket_is_current(team, ticket))
            return false;
    } while (!atomic_compare_exchange_weak_explicit(adopter, &seen, mine, memory_order_acq_rel, memory_order_acquire));
    return true;
}

struct look {
    struct worker *worker;
    uint64_t ticket;
    bool is_mine; /* nobody else has taken the ticket, nor may have */
};

/* Also when the team stops. wake_word is read before the phase and moved on after it (team_set_phase; release,
 * acquire): who misses the new phase does not sleep. */
static bool look_is_over(void *who)
{
    struct look *look = who;
    struct team *team = look->worker->team;
    enum others others = others_say(team, look->worker->id, look->ticket);
    if (others == OTHERS_HAVE || ticket_is_over(team, look->ticket))
        return true;
    look->is_mine = others == OTHERS_HAVE_NOT;
    return look->is_mine || atomic_load_explicit(&team->phase, memory_order_acquire) >= TEAM_STOP;
}

static bool look_lie_down(void *who)
{
    if (look_is_over(who))
        return false;
    child_depend_again();
    return true;
}

/* Whether the dead worker had taken the ticket that it had announced, and this one is to go on with it. */
static bool ticket_look(struct worker *worker, uint64_t ticket)
{
    struct team *team = worker->team;
    /* release, as all stores to this word are: others wait until they see it, and nothing else rests on that. */
    atomic_store_explicit(&worker->slot->ticket, ticket | TICKET_TENTATIVE | TICKET_LOOKING, memory_order_release);
    INJECT(look_marked);
    if (is_in_a_ring(team, ticket))
        return false;
    static const struct wait_kind kind = {.is_over = look_is_over, .lie_down = look_lie_down};
    struct look look = {worker, ticket, false};
    struct wait_limits limits = {.word = &worker->slot->wake_word,
                                 .spin_ns = team->wait == GRAIN_WAIT_PARK ? 0 : WAIT_SPIN_NS,
                                 .sleep_ns = LOOK_NAP_NS,
                                 .is_shared = team->is_shared};
    while (!look_is_over(&look)) {
        if (limits.sleep_ns == LOOK_NAP_NS) /* a worker that is killed while it waits is none that came to nothing */
            slot_progress(worker->slot);
        INJECT(look_waits);
        wait_once(&kind, &limits, &look);
        limits.spin_ns = 0;
        if (limits.sleep_ns < LOOK_NAP_MAX)
            limits.sleep_ns *= 2;
    }
    if (!look.is_mine)
        return false;
    INJECT(look_over);
    bool is_mine = ticket_adopt(team, worker->id, ticket);
    INJECT(look_adopted);
    return is_mine;
}

/* ------------------------------------------------------------------------------------- what the dead one held */

/* A queued call is claimed after the cursor was set to it: in between it has not begun, and is run with the rest. */
static bool is_unclaimed(const struct job *job, uint64_t index)
{
    return job->form == JOB_CALLS && job_call_state((const struct job_call *)job->items + index) == CALL_PENDING;
}

/* Killed by the supervisor because its task had had its time. */
static bool was_overdue(const struct team_slot *slot)
{
    return slot->overdue_pid != 0 && slot->overdue_pid == slot->dead_pid;
}

static void death_describe(struct grain_error *error, const struct team_slot *slot, uint64_t limit_ns)
{
    worker_end_describe(error, slot);
    if (!was_overdue(slot))
        return;
    error->code = -ETIMEDOUT;
    snprintf(error->message, sizeof error->message,
             "the task took longer than its limit of %.3f ms; its worker (process %d) was killed",
             (double)limit_ns * 1e-6, error->pid);
}

/* A failure is counted first, noted in the codes next, then in `fail_floor`: killed in between, a worker has told of
 * one nevertheless. */
static bool is_told(const struct job *job, const struct job_outcome *outcome, uint64_t at, uint64_t after)
{
    if (outcome->counting > at && outcome->counting <= after)
        return true;
    for (uint64_t i = at; job->codes && i < after; i++)
        if (job->codes[i])
            return true;
    return false;
}

/* Whether the tasks [at, after), which the dead one had begun, are to be run again: as often as the call says
 * (`retries`), unless they took too long or had failed by themselves. Then each of them is begun alone. A replacement
 * that dies before it has begun has used a try up nevertheless: better one too few than one too many. */
static bool retry_prepare(struct team_slot *slot, const struct job *job, const struct job_outcome *outcome, uint64_t at,
                          uint64_t after)
{
    bool is_again = at < atomic_load_explicit(&slot->retry_end, memory_order_relaxed);
    bool is_same = at == atomic_load_explicit(&slot->tried, memory_order_relaxed);
    int used = !is_again ? 0 : is_same ? atomic_load_explicit(&slot->tries, memory_order_relaxed) : 1;
    struct job_call *call = job->form == JOB_CALLS ? (struct job_call *)(uintptr_t)job->items + at : NULL;
    if (used >= job_retries(job, at) || !slot->dead_pid || was_overdue(slot) || slot->ctx.fail_floor > at ||
        is_told(job, outcome, at, after) || (call && job_call_state(call) != CALL_RUNNING))
        return false;
    atomic_store_explicit(&slot->tries, used + 1, memory_order_relaxed);
    atomic_store_explicit(&slot->tried, at, memory_order_relaxed);
    if (!is_again)
        atomic_store_explicit(&slot->retry_end, after, memory_order_relaxed);
    slot_progress(slot); /* a try is used up: there are only so many */
    if (call) /* release: pairs with the swap in job_call_claim, the next worker's or that of who takes it back */
        __atomic_store_n(&call->state, CALL_PENDING, __ATOMIC_RELEASE);
    return true;
}

/* Should this replacement die before it has moved on, the next one sees that they have failed. */
static void tasks_fail(struct team_slot *slot, const struct job *job, struct job_outcome *outcome, uint64_t at,
                       uint64_t after)
{
    struct grain_error error;
    bool has_told = slot->ctx.fail_floor > at;
    if (has_told && job->form != JOB_CHUNK && job->form != JOB_CALLS)
        return; /* its own failure stands, or that of the replacement before */
    death_describe(&error, slot, job_limit_ns(job, at));
    if (job->form == JOB_CHUNK && after > at)
        job_fail_rest(job, &slot->ctx, outcome, at, after, &error);
    for (error.index = at; error.index < after && job->form != JOB_CHUNK; error.index++)
        job_fail(job, outcome, &error);
    slot->ctx.fail_floor = after;
}

/* The task it died in fails (in chunk form: the chunk it was called with) or is run again; the rest of its piece is
 * run. Should this one die too, the next goes on from the cursor, which moves on only when what lies before
 * it is done; failing a task twice counts it once. */
static void piece_recover(struct worker *worker, struct team_job *job, uint64_t ticket)
{
    struct team_slot *slot = worker->slot;
    uint32_t part = ticket_part_index(ticket);
    uint64_t begin = atomic_load_explicit(&slot->begin, memory_order_relaxed);
    uint64_t end = atomic_load_explicit(&slot->end, memory_order_relaxed);
    uint64_t at = job_index(&slot->ctx);
    if (begin < end && at >= begin && at < end && !is_unclaimed(&job->job, at)) {
        struct job_outcome *outcome = &ticket_part(worker->team, ticket)->outcome;
        uint64_t after = job->job.form == JOB_CHUNK ? slot->ctx.end : at + 1;
        if (after > at && retry_prepare(slot, &job->job, outcome, at, after))
            after = at;
        else
            tasks_fail(slot, &job->job, outcome, at, after);
        if (after > begin)
            chunks_mark_done(job, part, begin, after);
        INJECT(recover_marked);
        begin = after;
        atomic_store_explicit(&slot->begin, begin, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
        slot_progress(slot);
        INJECT(recover_moved_on);
        atomic_signal_fence(memory_order_seq_cst);
    }
    /* A thread that its task has ended did not look, after that task, whether it was asked for something. */
    if (begin < end && !worker->team->is_shared && job_is_interrupted(&slot->ctx))
        end = piece_interrupted(&slot->ctx, begin, end);
    if (begin < end)
        piece_run(worker, job, part, begin, end);
    atomic_store_explicit(&slot->begin, NO_PIECE, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&slot->retry_end, 0, memory_order_relaxed);
}

/* It died while it ran orphans: the part is reported, nothing may be put into its range any more. */
static void orphan_recover(struct worker *worker, struct team_job *job, uint64_t ticket)
{
    worker->may_give = false;
    piece_recover(worker, job, ticket);
}

/* The dead one may have reported its part: then the job may end, and its descriptor change hands, at any moment. Its
 * generation is looked at after its bits: job_reset clears them (release) after the generation has moved on, so whoever
 * reads cleared bits (acquire) sees the new generation. A part that is not done in the current generation is ours.
 * False: this one is retired before the part is over, and keeps the ticket for the next. */
static bool ticket_recover(struct worker *worker, uint64_t ticket)
{
    struct team_job *job = ticket_job(worker->team, ticket);
    atomic_store_explicit(&worker->slot->ticket, ticket, memory_order_release);
    bool is_done = is_part_done(job, ticket_part_index(ticket));
    if (!ticket_is_current(worker->team, ticket)) /* what was just read may be the next job's */
        return true;
    worker_begin(worker, ticket);
    if (is_done) {
        uint32_t mine = state_make(ticket_generation(ticket), STATE_FIRST_WORKER + (uint32_t)worker->id);
        if (atomic_load_explicit(&job->finished, memory_order_acquire) == mine)
            orphan_recover(worker, job, ticket);
        report_repeat(worker, job, ticket);
        return true;
    }
    /* The part is not reported: the job cannot end, and its descriptor not change hands, before we do. */
    atomic_fetch_add_explicit(&job->deaths, 1, memory_order_acq_rel);
    INJECT(recover_begun);
    piece_recover(worker, job, ticket);
    slot_progress(worker->slot); /* from here on it is a worker that looks for work in its part */
    return ticket_work(worker, ticket);
}

void team_recover(struct worker *worker)
{
    struct team *team = worker->team;
    struct team_slot *slot = worker->slot;
    bool is_over = true;
    uint64_t ticket = atomic_load_explicit(&slot->ticket, memory_order_acquire);
    if (ticket & TICKET_TENTATIVE) {
        ticket &= ~(TICKET_TENTATIVE | TICKET_LOOKING);
        if (!ticket_look(worker, ticket))
            ticket = 0;
    }
    if (ticket && ticket_is_current(team, ticket)) {
        if (ticket_is_single(ticket))
            single_recover(worker, ticket);
        else
            is_over = ticket_recover(worker, ticket);
    }
    atomic_store_explicit(&slot->begin, NO_PIECE, memory_order_relaxed);
    if (is_over)
        atomic_store_explicit(&slot->ticket, 0, memory_order_release);
    /* What the dead one had ended, it may not have told. No fence: its stores were seen everywhere before this process
     * was forked. */
    events_tell(team->events, EVENT_ALL);
}
