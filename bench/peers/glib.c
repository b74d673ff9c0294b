/* SPDX-License-Identifier: MIT
 *
 * GLib's thread pool, used as a GLib programmer would: an exclusive pool, one push per chunk, an atomic count of what
 * is left, and a condition that the last one signals.
 */
#include <errno.h>
#include <glib.h>

#include "builtin.h"
#include "crew.h"

struct glib_state {
    struct crew crew;
    GThreadPool *threads;
    gint started; /* threads that have a number */
    GMutex lock;
    GCond all_done;
    gint left; /* chunks of the running job that have not ended */
    const struct job *job;
    size_t chunk;
};

/* Of which pool this thread is which worker. It stays with an exclusive pool for the pool's life; GLib gives it to
 * another one afterwards. */
static _Thread_local uint64_t numbered_for;
static _Thread_local int number;

/* data: 1 + the chunk's number, because NULL cannot be pushed. */
static void unit_run(gpointer data, gpointer user)
{
    struct glib_state *state = user;
    if (numbered_for != state->crew.serial) {
        numbered_for = state->crew.serial;
        number = g_atomic_int_add(&state->started, 1);
        crew_place(&state->crew, number);
        job_enter(state->crew.pool);
    }
    crew_run_unit(&state->crew, state->job, number, GPOINTER_TO_SIZE(data) - 1, state->chunk);
    if (!g_atomic_int_dec_and_test(&state->left))
        return;
    g_mutex_lock(&state->lock);
    g_cond_signal(&state->all_done);
    g_mutex_unlock(&state->lock);
}

static int glib_open(struct backend_pool *pool)
{
    struct glib_state *state = pool->state;
    int status = crew_open(&state->crew, pool);
    if (status)
        return status;
    state->threads = g_thread_pool_new(unit_run, state, pool->workers, TRUE, NULL);
    if (!state->threads || g_thread_pool_get_num_threads(state->threads) < (guint)pool->workers) {
        if (state->threads)
            g_thread_pool_free(state->threads, TRUE, TRUE);
        crew_close(&state->crew);
        return -EAGAIN;
    }
    g_mutex_init(&state->lock);
    g_cond_init(&state->all_done);
    return 0;
}

static int glib_wait(struct backend_pool *pool, struct job *job, void *ticket)
{
    struct glib_state *state = pool->state;
    (void)ticket;
    size_t chunk = crew_chunk(&state->crew, job), units = (job->count + chunk - 1) / chunk;
    if (units > G_MAXINT)
        return -EOVERFLOW;
    crew_begin(&state->crew);
    state->job = job;
    state->chunk = chunk;
    g_atomic_int_set(&state->left, (gint)units);
    for (size_t unit = 0; unit < units; unit++)
        g_thread_pool_push(state->threads, GSIZE_TO_POINTER(unit + 1), NULL); /* all threads are there: cannot fail */
    g_mutex_lock(&state->lock);
    while (g_atomic_int_get(&state->left) > 0)
        g_cond_wait(&state->all_done, &state->lock);
    g_mutex_unlock(&state->lock);
    return crew_end(&state->crew, job);
}

static void glib_cancel(struct backend_pool *pool)
{
    crew_cancel(&((struct glib_state *)pool->state)->crew);
}

static void glib_close(struct backend_pool *pool)
{
    struct glib_state *state = pool->state;
    g_thread_pool_free(state->threads, FALSE, TRUE);
    g_mutex_clear(&state->lock);
    g_cond_clear(&state->all_done);
    crew_close(&state->crew);
}

const struct grain_backend peer_glib[] = {
    {.name = "glib",
     .summary = "GLib's GThreadPool, one push per chunk",
     .schedules = BACKEND_SCHEDULE(DEFAULT),
     .default_schedule = GRAIN_SCHEDULE_DEFAULT,
     .capabilities = PEER_CAPABILITIES,
     .state_size = sizeof(struct glib_state),
     .open = glib_open,
     .wait = glib_wait,
     .cancel = glib_cancel,
     .close = glib_close},
    {.name = NULL},
};
