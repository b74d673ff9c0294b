/* SPDX-License-Identifier: MIT
 *
 * The forms that a kernel comes in, and how a backend runs each: for tests that want all of them to agree.
 */
#ifndef GRAIN_TESTS_KERNEL_FORMS_H
#define GRAIN_TESTS_KERNEL_FORMS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "job/job.h"
#include "kernels/kernel.h"

enum form { BY_TASK, BY_CHUNK, BY_STAR, BY_LOOP, FORMS };

/* Runs a kernel over count items in one of its forms, as a backend does. */
static inline void run(const struct kernel *kernel, enum form form, const void *items, void *results, size_t count,
                       const struct kernel_params *params)
{
    if (form == BY_LOOP) {
        kernel->loop(items, results, count, params);
        return;
    }
    static const enum job_form forms[] = {[BY_TASK] = JOB_TASK, [BY_CHUNK] = JOB_CHUNK, [BY_STAR] = JOB_STAR};
    size_t item_size = kernel_item_size(kernel, params);
    const struct grain_column columns[] = {{items, item_size, item_size},
                                           {&params->minimum, sizeof params->minimum, 0},
                                           {&params->maximum, sizeof params->maximum, 0}};
    struct job job = {
        .form = forms[form],
        .star_task = kernel->star,
        .columns = columns,
        .column_count = sizeof columns / sizeof *columns,
        .task = kernel->task,
        .chunk_task = kernel->chunk,
        .items = items,
        .results = results,
        .count = count,
        .item_size = item_size,
        .result_size = kernel->result_size,
        .params = params,
        .params_size = sizeof *params,
    };
    struct grain_context ctx = {.outcome = &job.outcome};
    size_t half = count / 2; /* two runs: a range need not begin at 0 */
    job_run(&job, 0, half, &ctx);
    job_run(&job, half, count, &ctx);
    assert_int_equal(job.outcome.failed, 0);
}

#endif
