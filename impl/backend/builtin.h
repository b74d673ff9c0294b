/* SPDX-License-Identifier: MIT
 *
 * The built-in backends, one object per file; registry.c lists them.
 */
#ifndef GRAIN_BACKEND_BUILTIN_H
#define GRAIN_BACKEND_BUILTIN_H

#include "backend.h"

extern const struct grain_backend backend_serial, backend_fork, backend_pthread, backend_openmp;

#endif
