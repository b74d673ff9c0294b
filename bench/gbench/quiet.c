/* SPDX-License-Identifier: MIT
 *
 * See quiet.h.
 */
#include "quiet.h"

#include <stdbool.h>
#include <time.h>

#define LOOK_NS    200000L /* between two looks */
#define LOOKS_MAX  2500
#define BUSY_SHARE 0.1 /* of the time slept: what wakes up or falls asleep just then is less */

static double clock_ns(clockid_t clock)
{
    struct timespec time;
    return clock_gettime(clock, &time) ? 0 : (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

double quiet_others_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID) - clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

void quiet_wait(void)
{
    static bool is_vain; /* they were at work for good: OMP_WAIT_POLICY=active */
    for (int look = 0; look < LOOKS_MAX && !is_vain; look++) {
        double start_ns = clock_ns(CLOCK_MONOTONIC), before_ns = quiet_others_ns();
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
        if (quiet_others_ns() - before_ns < BUSY_SHARE * (clock_ns(CLOCK_MONOTONIC) - start_ns))
            return;
    }
    is_vain = true;
}
