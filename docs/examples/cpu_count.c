/* SPDX-License-Identifier: MIT
 *
 * multiprocessing.cpu_count(): at least 1, and never more than this process may use. */
#include <stdio.h>

#include "grain.h"

int main(void)
{
    int cpus = grain_cpu_count();
    printf("%s\n", cpus >= 1 ? "at least one" : "none?");
    return 0;
}
