/* SPDX-License-Identifier: MIT
 *
 * The futex system call; futex.h describes it.
 */
#include "futex.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int wait_sleep(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns, bool shared)
{
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u),
                               .tv_nsec = (long)(timeout_ns % 1000000000u)};
    long status = syscall(SYS_futex, word, shared ? FUTEX_WAIT : FUTEX_WAIT_PRIVATE, expected,
                          timeout_ns == UINT64_MAX ? NULL : &timeout, NULL, 0);
    if (status == 0 || errno == EAGAIN)
        return 0;
    return errno == ETIMEDOUT ? -ETIMEDOUT : -EINTR;
}

struct word_waiter {
    _Atomic uint32_t *word;
    uint32_t seen;
};

static bool word_is_changed(void *who)
{
    const struct word_waiter *waiter = who;
    return atomic_load_explicit(waiter->word, memory_order_acquire) != waiter->seen;
}

static bool word_lie_down(void *who)
{
    return !word_is_changed(who);
}

enum wait_end wait_change(const struct wait_limits *limits, uint32_t seen)
{
    static const struct wait_kind kind = {.is_over = word_is_changed, .lie_down = word_lie_down};
    struct word_waiter waiter = {limits->word, seen};
    return wait_once(&kind, limits, &waiter);
}

void wait_wake(_Atomic uint32_t *word, int count, bool shared)
{
    syscall(SYS_futex, word, shared ? FUTEX_WAKE : FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}
