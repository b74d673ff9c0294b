/* SPDX-License-Identifier: MIT
 *
 * The kernels that kernel.c lists, one file each. To add one: its file, a line here, a row in the table.
 */
#ifndef GRAIN_KERNELS_BUILTIN_H
#define GRAIN_KERNELS_BUILTIN_H

#include "kernel.h"

extern const struct kernel kernel_howmany;
extern const struct kernel kernel_compute;
extern const struct kernel kernel_empty;

#endif
