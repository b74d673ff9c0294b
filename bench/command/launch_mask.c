/* SPDX-License-Identifier: MIT
 *
 * The affinity mask that this program was started with. OpenMP's runtime, told by its variables to bind, binds the main
 * thread before main() runs, and then one CPU is all that the rest of the program sees. So the mask is read before any
 * library is initialised, and given back.
 */
#include <sched.h>

#include "doctor.h"

static cpu_set_t mask;
static int status = -1;

static void read_mask(void)
{
    status = sched_getaffinity(0, sizeof mask, &mask);
}

/* What stands in this section runs before the initialisers of shared libraries. */
__attribute__((section(".preinit_array"), used)) static void (*const first_of_all)(void) = read_mask;

void doctor_restore_mask(void)
{
    if (status == 0)
        sched_setaffinity(0, sizeof mask, &mask);
}
