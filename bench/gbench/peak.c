/* SPDX-License-Identifier: MIT
 *
 * The helpers of `floor/peak`. A round is a number that the caller moves on; each helper does its part and
 * counts itself in. A round without work sends the helpers back to sleep. Next: run.c, which gives the
 * parts their work.
 */
#include "peak.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bound.h"
#include "relax.h"
#include "sys/machine.h"

struct part {
    _Alignas(64) struct peak *peak;
    int index;
    pthread_t thread;
    sem_t wake;
    int status;
};

struct peak {
    /* Moved on by the caller (release) when share and user are set; helpers read it (acquire). */
    _Alignas(64) _Atomic unsigned round;
    /* Helpers that have done their part of this round (release); the caller reads it (acquire). */
    _Alignas(64) _Atomic int done;
    _Alignas(64) peak_share share; /* NULL: go to sleep */
    void *user;
    int parts;
    int started; /* helpers: parts 1 to started */
    bool is_closing;
    int *cpus;
    struct part *part;
    struct bound bound;
};

static void *helper_main(void *argument)
{
    struct part *part = argument;
    struct peak *peak = part->peak;
    machine_bind_self(peak->cpus[part->index]);
    unsigned seen = 0;
    for (;;) {
        while (sem_wait(&part->wake))
            ;
        if (peak->is_closing)
            return NULL;
        for (bool is_awake = true; is_awake;) {
            unsigned round;
            /* pairs with round_start() */
            while ((round = atomic_load_explicit(&peak->round, memory_order_acquire)) == seen)
                relax();
            seen = round;
            is_awake = peak->share != NULL;
            if (is_awake)
                part->status = peak->share(peak->user, part->index, peak->parts);
            atomic_fetch_add_explicit(&peak->done, 1, memory_order_release); /* pairs with round_end() */
        }
    }
}

static void round_start(struct peak *peak, peak_share share, void *user)
{
    peak->share = share;
    peak->user = user;
    atomic_store_explicit(&peak->done, 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&peak->round, 1, memory_order_release); /* pairs with helper_main() */
}

static void round_end(struct peak *peak)
{
    while (atomic_load_explicit(&peak->done, memory_order_acquire) < peak->started)
        relax();
}

int peak_run(struct peak *peak, peak_share share, void *user)
{
    round_start(peak, share, user);
    int status = share(user, 0, peak->parts);
    round_end(peak);
    for (int i = 1; i <= peak->started && status == 0; i++)
        status = peak->part[i].status;
    return status;
}

void peak_begin(struct peak *peak)
{
    for (int i = 1; i <= peak->started; i++)
        sem_post(&peak->part[i].wake);
    bound_enter(&peak->bound, peak->cpus[0]);
}

void peak_end(struct peak *peak)
{
    round_start(peak, NULL, NULL);
    round_end(peak);
    bound_leave(&peak->bound);
}

int peak_parts(const struct peak *peak)
{
    return peak->parts;
}

static int helpers_start(struct peak *peak)
{
    for (int i = 1; i < peak->parts; i++) {
        struct part *part = &peak->part[i];
        *part = (struct part){.peak = peak, .index = i};
        if (sem_init(&part->wake, 0, 0))
            return -errno;
        int status = pthread_create(&part->thread, NULL, helper_main, part);
        if (status) {
            sem_destroy(&part->wake);
            return -status;
        }
        peak->started = i;
    }
    return 0;
}

int peak_open(struct peak **out, int parts)
{
    *out = NULL;
    struct peak *peak = aligned_alloc(64, sizeof *peak);
    if (!peak)
        return -ENOMEM;
    *peak = (struct peak){.parts = parts};
    peak->cpus = calloc((size_t)parts, sizeof *peak->cpus);
    peak->part = aligned_alloc(64, (size_t)parts * sizeof *peak->part);
    int status = peak->cpus && peak->part ? machine_place(parts, peak->cpus) : -ENOMEM;
    if (status == 0)
        status = helpers_start(peak);
    if (status) {
        peak_close(peak);
        return status;
    }
    *out = peak;
    return 0;
}

void peak_close(struct peak *peak)
{
    if (!peak)
        return;
    peak->is_closing = true;
    for (int i = 1; i <= peak->started; i++) {
        sem_post(&peak->part[i].wake);
        pthread_join(peak->part[i].thread, NULL);
        sem_destroy(&peak->part[i].wake);
    }
    free(peak->part);
    free(peak->cpus);
    free(peak);
}
