/* SPDX-License-Identifier: MIT
 *
 * task_timeout_ns around one task: what a worker notes before it, and finds after it.
 */
#ifndef GRAIN_LIMIT_H
#define GRAIN_LIMIT_H

#include "job.h"

#define LIMIT_TEXT 128

/* The task at ctx->index begins; limit_ns 0: it may take as long as it likes. */
void limit_begin(struct grain_context *ctx, uint64_t limit_ns);

/* It has returned. True when that was too late; then text says so. */
bool limit_end(struct grain_context *ctx, uint64_t limit_ns, char text[LIMIT_TEXT]);

#endif
