/* SPDX-License-Identifier: MIT
 *
 * User code that ends the thread it runs in: pthread_exit, or a cancellation that takes effect. On a thread of grain's
 * nobody would run what is queued behind it, or tell the caller; so it is caught here, and that task fails.
 *
 * How: glibc unwinds such a thread frame by frame up to the innermost pthread_cleanup_push of code like this file,
 * which is compiled without -fexceptions; jumps there; and calls its handler. By then the unwinding is over: that is
 * how glibc itself comes back to the start of a thread. The handler jumps to the function that it was pushed in, whose
 * frame is still there, instead of returning to be unwound further. Cleanup handlers and destructors of the user's
 * code have run. What stays: for glibc the thread is one that is ending. It can be cancelled no more, and setuid() and
 * its kin leave it out; pthread_exit works as often as it is called. So a worker of `pthread` really ends, and another
 * thread takes its place; a thread of OpenMP's runtime, one that runs queued calls on `serial`, and the one for
 * callbacks go on.
 */
#include <pthread.h>
#include <setjmp.h>

#include "job.h"

static void thread_leaves(void *out)
{
    siglongjmp(*(sigjmp_buf *)out, 1);
}

bool job_guard(void (*body)(void *), void *argument)
{
    sigjmp_buf out;
    volatile bool has_left = false;
    pthread_cleanup_push(thread_leaves, &out);
    if (sigsetjmp(out, 0) == 0)
        body(argument);
    else
        has_left = true;
    pthread_cleanup_pop(0);
    return has_left;
}

static void pending_take(void *unused)
{
    (void)unused;
    pthread_testcancel();
}

bool job_guard_going_on(void (*body)(void *), void *argument)
{
    int before;
    pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
    bool has_left = job_guard(body, argument);
    has_left = job_guard(pending_take, NULL) || has_left;
    pthread_setcancelstate(before, NULL);
    return has_left;
}

void job_thread_keep(void)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
}

/* What glibc unwinds to is a list; this thread's innermost entry now, and again. User code that ended its thread may
 * have left an entry of its own at the head, on a stack that is gone. */
_Static_assert(sizeof(__pthread_unwind_buf_t) <= sizeof(struct job_thread), "a job_thread has room for it");

void job_thread_note(struct job_thread *thread)
{
    __pthread_register_cancel((__pthread_unwind_buf_t *)thread->words);
    __pthread_unregister_cancel((__pthread_unwind_buf_t *)thread->words);
}

void job_thread_restore(struct job_thread *thread)
{
    __pthread_unregister_cancel((__pthread_unwind_buf_t *)thread->words);
}
