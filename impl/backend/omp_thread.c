/* SPDX-License-Identifier: MIT
 *
 * See backend/omp_thread.h. The list of waiting drivers belongs to the process that made them: a forked child has
 * none of these threads and starts with an empty list.
 */
#include "omp_thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "job/job.h"
#include "sys/futex.h"
#include "sys/owner.h"
#include "sys/signals.h"

#define PROOF_LOOKS 100000 /* at a thread that is to be gone: far more than it takes */

struct driver {
    struct driver *next; /* in the list of waiting ones */
    void (*work)(void *);
    void *user;
    sigset_t mask; /* for work */
    bool is_working;
    int kept;             /* threads that the runtime keeps for it; driver_join orders who writes before who reads */
    pthread_mutex_t lock; /* guards work, user, mask, is_working */
    pthread_cond_t changed;
};

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the next two */
static struct driver *waiting;
static uint64_t list_owner;

static void *driver_main(void *argument)
{
    struct driver *driver = argument;
    job_thread_keep();
    pthread_mutex_lock(&driver->lock);
    for (;;) {
        while (!driver->is_working)
            pthread_cond_wait(&driver->changed, &driver->lock);
        pthread_mutex_unlock(&driver->lock);
        sigset_t before;
        pthread_sigmask(SIG_SETMASK, &driver->mask, &before);
        job_guard_going_on(driver->work, driver->user);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_mutex_lock(&driver->lock);
        driver->is_working = false;
        pthread_cond_broadcast(&driver->changed);
    }
    return NULL;
}

/* --------------------------------------------------------------------------------- threads to come */

struct proof {
    pthread_mutex_t *lock;
    pthread_t thread;
    pid_t id;
};

static void *proof_main(void *argument)
{
    struct proof *proof = argument;
    proof->id = gettid();
    pthread_mutex_lock(proof->lock);
    pthread_mutex_unlock(proof->lock);
    return NULL;
}

/* A thread that was joined counts for a moment longer, until the kernel does not know its number any more. */
static void proof_end(const struct proof *proof)
{
    pthread_join(proof->thread, NULL);
    for (int look = 0; look < PROOF_LOOKS && syscall(SYS_tgkill, getpid(), proof->id, 0) == 0; look++)
        sched_yield();
}

/* Whether so many threads can be there at once: all wait for a lock until the last was started. */
static int threads_prove(int count)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct proof *proofs = count > 0 ? calloc((size_t)count, sizeof *proofs) : NULL;
    if (!proofs)
        return count > 0 ? -ENOMEM : 0;
    int started = 0, status = 0;
    pthread_mutex_lock(&lock);
    while (started < count && status == 0) {
        proofs[started].lock = &lock;
        status = signals_thread(&proofs[started].thread, NULL, proof_main, &proofs[started]);
        started += status == 0;
    }
    pthread_mutex_unlock(&lock);
    while (started > 0)
        proof_end(&proofs[--started]);
    free(proofs);
    return status;
}

/* LLVM's runtime, when it starts, wants a file in /dev/shm, and ends the program where it gets none. */
static int runtime_prove(void)
{
    if (!dlsym(RTLD_DEFAULT, "__kmpc_fork_call"))
        return 0;
    int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
        return 0; /* that file system has no files without a name: it may have others */
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE ? -errno : refuse(-ENOTSUP, "openmp: its runtime wants /dev/shm");
    close(fd);
    return 0;
}

void driver_keeps(struct driver *driver, int threads)
{
    driver->kept = threads;
}

/* ---------------------------------------------------------------------------------------- drivers */

static struct driver *driver_take(void)
{
    pthread_mutex_lock(&list_lock);
    if (list_owner != owner_self()) {
        list_owner = owner_self();
        waiting = NULL;
    }
    struct driver *driver = waiting;
    if (driver)
        waiting = driver->next;
    pthread_mutex_unlock(&list_lock);
    return driver;
}

static int driver_make(struct driver **out)
{
    struct driver *driver = calloc(1, sizeof *driver);
    if (!driver)
        return -ENOMEM;
    pthread_mutex_init(&driver->lock, NULL);
    pthread_cond_init(&driver->changed, NULL);
    pthread_t thread;
    int status = signals_thread(&thread, NULL, driver_main, driver);
    if (status) {
        pthread_cond_destroy(&driver->changed);
        pthread_mutex_destroy(&driver->lock);
        free(driver);
        return status;
    }
    pthread_detach(thread);
    *out = driver;
    return 0;
}

static void driver_give_back(struct driver *driver)
{
    pthread_mutex_lock(&list_lock);
    driver->next = waiting;
    waiting = driver;
    pthread_mutex_unlock(&list_lock);
}

int driver_start(struct driver **out, const sigset_t *mask, void (*work)(void *), void *user, int threads)
{
    struct driver *driver = driver_take();
    int status = threads_prove(driver ? threads - driver->kept : threads + 1);
    if (status == 0 && !driver)
        status = runtime_prove();
    if (status == 0 && !driver)
        status = driver_make(&driver);
    if (status) {
        if (driver)
            driver_give_back(driver);
        return status;
    }
    pthread_mutex_lock(&driver->lock);
    driver->work = work;
    driver->user = user;
    driver->mask = *mask;
    driver->is_working = true;
    pthread_cond_broadcast(&driver->changed);
    pthread_mutex_unlock(&driver->lock);
    *out = driver;
    return 0;
}

void driver_join(struct driver *driver)
{
    pthread_mutex_lock(&driver->lock);
    while (driver->is_working)
        pthread_cond_wait(&driver->changed, &driver->lock);
    pthread_mutex_unlock(&driver->lock);
    driver_give_back(driver);
}

/* --------------------------------------------------------------------------------------- their queue */

/* Waits until *word differs from `seen`: spinning first where a CPU is free for it. The word is moved on before the
 * wake, so no wake-up is lost. */
static void word_await(const struct queue *queue, _Atomic uint32_t *word, uint32_t seen, bool may_spin)
{
    enum grain_wait wait = queue->pool->options.wait;
    struct wait_limits limits = {.word = word,
                                 .spin_ns = may_spin && queue->may_spin && wait != GRAIN_WAIT_PARK ? WAIT_SPIN_NS : 0,
                                 .is_endless = wait == GRAIN_WAIT_SPIN,
                                 .sleep_ns = UINT64_MAX};
    while (atomic_load_explicit(word, memory_order_acquire) == seen)
        wait_change(&limits, seen);
}

void queue_open(struct queue *queue, const struct backend_pool *pool, bool may_spin)
{
    *queue = (struct queue){.pool = pool, .may_spin = may_spin};
    queue->last = &queue->first;
    pthread_mutex_init(&queue->lock, NULL);
}

static void queue_wake(struct queue *queue)
{
    atomic_fetch_add_explicit(&queue->wake_word, 1, memory_order_release);
    wait_wake(&queue->wake_word, 1, false);
}

void queue_push(struct queue *queue, struct job *job)
{
    job->next = NULL;
    job->ended = 0;
    pthread_mutex_lock(&queue->lock);
    *queue->last = job;
    queue->last = &job->next;
    pthread_mutex_unlock(&queue->lock);
    queue_wake(queue);
}

void queue_close(struct queue *queue)
{
    atomic_store_explicit(&queue->is_closed, 1, memory_order_release);
    queue_wake(queue);
}

static struct job *queue_pop(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    struct job *job = queue->first;
    if (job)
        queue->first = job->next;
    if (!queue->first)
        queue->last = &queue->first;
    pthread_mutex_unlock(&queue->lock);
    return job;
}

struct job *queue_next(struct queue *queue)
{
    for (;;) {
        uint32_t seen = atomic_load_explicit(&queue->wake_word, memory_order_acquire);
        struct job *job = queue_pop(queue);
        if (job || atomic_load_explicit(&queue->is_closed, memory_order_acquire))
            return job;
        word_await(queue, &queue->wake_word, seen, true);
    }
}

/* The word of a job: JOB_ENDED, or bits of those who want to be told. */
#define JOB_ENDED 1u

static _Atomic uint32_t *word_of(struct job *job)
{
    return (_Atomic uint32_t *)&job->ended;
}

/* Once its caller sees that it has ended the job is gone: who is to be told comes from the same swap. A sleeper on a
 * word that is gone is woken for nothing. */
void queue_end(struct queue *queue, struct job *job, int status)
{
    struct events *events = queue->pool->events;
    job->status = status;
    uint32_t watch = atomic_exchange_explicit(word_of(job), JOB_ENDED, memory_order_seq_cst);
    wait_wake(word_of(job), 1, false);
    events_tell(events, watch >> 1);
}

bool queue_has_ended(struct job *job, unsigned watch)
{
    uint32_t word = watch ? atomic_fetch_or_explicit(word_of(job), watch << 1, memory_order_seq_cst)
                          : atomic_load_explicit(word_of(job), memory_order_acquire);
    return word & JOB_ENDED;
}

int queue_wait(struct queue *queue, struct job *job, bool may_spin)
{
    for (uint32_t seen; !((seen = atomic_load_explicit(word_of(job), memory_order_acquire)) & JOB_ENDED);)
        word_await(queue, word_of(job), seen, may_spin);
    return job->status;
}
