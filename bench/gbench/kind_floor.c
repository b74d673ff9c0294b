/* SPDX-License-Identifier: MIT
 *
 * Floors beside the round trips: adding to one word that all CPUs want (`atomic`), creating and joining threads
 * (`thread`), reading the items and nothing else (`bandwidth`), a bare OpenMP loop (`region`). Each keeps count of what
 * all its runs should have left behind, so that a run that did less is found out. Next: peak.c, which starts the parts
 * together.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "bound.h"
#include "kind_calls.h"
#include "peak.h"
#include "peers/region.h"
#include "read_words.h"
#include "sys/machine.h"
#include "work.h"

/* What one part has to show for its runs; written by it alone. */
struct part_sum {
    _Alignas(64) uint64_t sum;
};

/* In the subject's scratch. */
struct tally {
    _Alignas(64) _Atomic uint64_t word; /* `atomic`: the shared one, added to with relaxed order: it guards nothing */
    _Alignas(64) uint64_t runs;
    uint64_t expected; /* `bandwidth`: of a run */
    const struct read_words *way;
    struct part_sum parts[];
};

/* Parts that are to run at the same time need a CPU each. */
static int tally_open(struct subject *subject)
{
    size_t parts = (size_t)subject->cell.workers;
    if (subject->cell.workers > grain_cpu_count())
        return -ENOTSUP;
    if (!work_scratch(subject, sizeof(struct tally) + parts * sizeof(struct part_sum)))
        return -ENOMEM;
    return peak_open(&subject->peak, subject->cell.workers);
}

static int tally_run(struct subject *subject, struct gbench_state *state, peak_share share)
{
    struct tally *tally = subject->scratch;
    nap(subject, state);
    tally->runs++;
    return peak_run(subject->peak, share, subject);
}

static uint64_t tally_total(const struct subject *subject)
{
    const struct tally *tally = subject->scratch;
    uint64_t total = 0;
    for (int i = 0; i < subject->cell.workers; i++)
        total += tally->parts[i].sum;
    return total;
}

static bool is_right(struct subject *subject, const char *what, uint64_t got, uint64_t right)
{
    if (got != right)
        snprintf(subject->problem, sizeof subject->problem, "wrong result: %s %" PRIu64 " instead of %" PRIu64, what,
                 got, right);
    return got == right;
}

/* ------------------------------------------------------------------------------------------- atomic */

int open_atomic(struct subject *subject)
{
    return tally_open(subject);
}

/* A claim: the value from before is what a worker needs of it, so it is used. */
static int atomic_share(void *user, int part, int parts)
{
    const struct subject *subject = user;
    struct tally *tally = subject->scratch;
    uint64_t claimed = 0;
    (void)parts;
    for (size_t i = 0; i < subject->tasks; i++)
        claimed += atomic_fetch_add_explicit(&tally->word, 1, memory_order_relaxed);
    tally->parts[part].sum += claimed;
    return 0;
}

/* Every CPU makes all the cell's adds, all of them at once: the time over the tasks is what one add takes as one CPU
 * sees it, and while it lasts each of the others makes one too. */
int run_atomic(struct subject *subject, struct gbench_state *state)
{
    return tally_run(subject, state, atomic_share);
}

/* The numbers from 0 on, each given out once. */
bool check_atomic(struct subject *subject)
{
    struct tally *tally = subject->scratch;
    uint64_t adds = tally->runs * (uint64_t)subject->cell.workers * subject->tasks;
    uint64_t given_out = adds % 2 == 0 ? adds / 2 * (adds - 1) : (adds - 1) / 2 * adds; /* modulo 2^64, as the sum */
    uint64_t word = atomic_load_explicit(&tally->word, memory_order_relaxed);           /* all helpers have reported */
    return is_right(subject, "the shared word is", word, adds) &&
           is_right(subject, "the values given out add up to", tally_total(subject), given_out);
}

/* ---------------------------------------------------------------------------------------- bandwidth */

int open_bandwidth(struct subject *subject)
{
    int status = tally_open(subject);
    if (status == 0)
        ((struct tally *)subject->scratch)->way = read_words_at(0);
    return status;
}

/* The sum that a run should have, word by word: in another way than that of the run. */
void enter_bandwidth(struct subject *subject)
{
    struct tally *tally = subject->scratch;
    const unsigned char *item = subject->items;
    size_t words = subject->tasks * subject->item_size / sizeof(uint32_t);
    tally->expected = 0;
    for (size_t i = 0; i < words; i++, item += sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, item, sizeof word);
        tally->expected += word;
    }
    memset(tally->parts, 0, (size_t)subject->cell.workers * sizeof *tally->parts);
    tally->runs = 0;
    enter_peak(subject);
}

/* An item is whole words, so a share is. */
static int bandwidth_share(void *user, int part, int parts)
{
    const struct subject *subject = user;
    struct tally *tally = subject->scratch;
    size_t tasks = subject->tasks, size = subject->item_size;
    size_t begin = tasks * (size_t)part / (size_t)parts, end = tasks * ((size_t)part + 1) / (size_t)parts;
    tally->parts[part].sum +=
        tally->way->sum((const unsigned char *)subject->items + begin * size, (end - begin) * size / sizeof(uint32_t));
    return 0;
}

int run_bandwidth(struct subject *subject, struct gbench_state *state)
{
    return tally_run(subject, state, bandwidth_share);
}

/* The sums of parts are modulo 2^32. */
bool check_bandwidth(struct subject *subject)
{
    const struct tally *tally = subject->scratch;
    return is_right(subject, "what was read adds up to", (uint32_t)tally_total(subject),
                    (uint32_t)(tally->runs * tally->expected));
}

/* ------------------------------------------------------------------------------------------- thread */

/* In the subject's scratch: pthread_join() lets this thread see what the joined one wrote. */
struct births {
    uint64_t run, expected;
};

size_t tasks_thread(const struct subject *subject)
{
    return (size_t)subject->cell.workers;
}

int open_thread(struct subject *subject)
{
    return work_scratch(subject, sizeof(struct births)) ? 0 : -ENOMEM;
}

static void *thread_main(void *argument)
{
    struct births *births = argument;
    births->run++;
    return NULL;
}

/* As many threads as a pool of so many workers has, each raw, and one after the other. */
int run_thread(struct subject *subject, struct gbench_state *state)
{
    struct births *births = subject->scratch;
    nap(subject, state);
    for (int i = 0; i < subject->cell.workers; i++) {
        pthread_t thread;
        int error = pthread_create(&thread, NULL, thread_main, births);
        if (error)
            return -error;
        births->expected++;
        error = pthread_join(thread, NULL);
        if (error)
            return -error;
    }
    return 0;
}

bool check_thread(struct subject *subject)
{
    const struct births *births = subject->scratch;
    return is_right(subject, "threads that ran:", births->run, births->expected);
}

/* ------------------------------------------------------------------------------------------- region */

/* In the subject's scratch. */
struct team {
    struct bound bound; /* the caller's mask */
    int cpus[];
};

int open_region(struct subject *subject)
{
    int threads = subject->cell.workers;
    if (threads > grain_cpu_count())
        return -ENOTSUP;
    struct team *team = work_scratch(subject, sizeof *team + (size_t)threads * sizeof *team->cpus);
    return team ? machine_place(threads, team->cpus) : -ENOMEM;
}

/* The runtime's threads stay bound, the caller for the time of a repetition. */
void enter_region(struct subject *subject)
{
    struct team *team = subject->scratch;
    bound_enter(&team->bound, team->cpus[0]);
    region_bind(subject->cell.workers, team->cpus); /* without OpenMP the run says so */
}

void leave_region(struct subject *subject)
{
    bound_leave(&((struct team *)subject->scratch)->bound);
}

int run_region(struct subject *subject, struct gbench_state *state)
{
    struct work work = work_kernel(subject);
    struct region region = {work.task,        work.params,          subject->items,
                            subject->results, subject->item_size,   subject->kernel->result_size,
                            subject->tasks,   subject->cell.workers};
    nap(subject, state);
    return region_run(&region);
}
