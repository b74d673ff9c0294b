/* SPDX-License-Identifier: MIT
 *
 * The one file of sweep/ that reads a clock. Never for a sample: see clock.h.
 */
#include "clock.h"

#include <time.h>

static double left_out_s;

double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9 - left_out_s;
}

void clock_stood_still(double seconds)
{
    left_out_s += seconds;
}

static void format_now(const char *format, char *text, size_t size)
{
    struct tm broken;
    time_t now = time(NULL);
    if (size > 0)
        text[0] = '\0';
    if (localtime_r(&now, &broken) != NULL && strftime(text, size, format, &broken) == 0 && size > 0)
        text[0] = '\0';
}

void clock_date(char *text, size_t size)
{
    format_now("%Y-%m-%dT%H:%M:%S%z", text, size);
}

void clock_day(char *text, size_t size)
{
    format_now("%Y-%m-%d", text, size);
}
