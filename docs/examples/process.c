/* SPDX-License-Identifier: MIT
 *
 * multiprocessing.Process: a process of its own for one task; join; exitcode. */
#include <stdio.h>

#include "grain.h"

static int greet(const void *arg, void *result, struct grain_context *ctx)
{
    (void)result, (void)ctx;
    printf("hello %s\n", (const char *)arg);
    return 3;
}

int main(void)
{
    struct grain_process *process;
    int code;
    if (grain_process_start(&process, NULL, greet, "bob", sizeof "bob"))
        return 1;
    if (grain_process_join(process, GRAIN_FOREVER) || grain_process_exitcode(process, &code))
        return 1;
    printf("exit code %d\n", code);
    grain_process_free(process);
    return 0;
}
