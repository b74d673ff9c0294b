/* SPDX-License-Identifier: MIT
 *
 * What was refused last, in words. Nothing is formatted before something is refused.
 */
#include <stdarg.h>
#include <stdio.h>

#include "job/job.h"

#define MESSAGE_SIZE 232

static _Thread_local char last_message[MESSAGE_SIZE];

int refuse(int status, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(last_message, sizeof last_message, format, values);
    va_end(values);
    return status;
}

const char *grain_last_message(void)
{
    return last_message;
}
