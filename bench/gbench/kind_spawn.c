/* SPDX-License-Identifier: MIT
 *
 * A process a row, one after the other: start, join, exit code. A process gives back no more than its code, so its
 * result goes through memory that it shares with the caller. It runs the kernel's loop over its one row.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kind.h"
#include "kind_calls.h"
#include "work.h"

#define WARM_PROCESSES 10 /* more of them would warm nothing more */

struct errand {
    const struct subject *subject;
    const void *item;
    void *result; /* in shared memory */
};

static int errand_run(const void *arg, void *nothing, struct grain_context *ctx)
{
    const struct errand *errand = arg;
    (void)nothing, (void)ctx;
    errand->subject->kernel->loop(errand->item, errand->result, 1, &errand->subject->params);
    return 0;
}

int open_spawn(struct subject *subject)
{
    return work_scratch(subject, subject->tasks * subject->kernel->result_size) ? 0 : -ENOMEM;
}

int poison_spawn(struct subject *subject)
{
    memset(subject->scratch, KIND_POISON, subject->scratch_size);
    return work_poison_here(subject);
}

/* A process that ended with a code of its own, or by a signal. */
static int process_failed(struct subject *subject, size_t index, int code)
{
    struct grain_error error = {.code = code, .signo = code < 0 ? -code : 0};
    snprintf(error.message, sizeof error.message, "its process ended with %s %d", code < 0 ? "signal" : "code",
             code < 0 ? -code : code);
    return work_failed(subject, index, &error);
}

static int spawn_one(struct subject *subject, const struct errand *errand, size_t index)
{
    struct grain_process *process = NULL;
    int code = 0;
    uint64_t begun_ns = work_clock();
    int status = grain_process_start(&process, NULL, errand_run, errand, sizeof *errand);
    uint64_t submitted_ns = work_clock();
    if (status == 0)
        status = grain_process_join(process, GRAIN_FOREVER);
    if (status == 0)
        status = grain_process_exitcode(process, &code);
    grain_process_free(process);
    work_phases(subject, begun_ns, submitted_ns);
    return status == 0 && code != 0 ? process_failed(subject, index, code) : status;
}

int run_spawn(struct subject *subject, struct gbench_state *state)
{
    size_t item_size = subject->item_size, result_size = subject->kernel->result_size;
    size_t tasks = work_tasks(subject, state, WARM_PROCESSES);
    struct errand errand = {subject, subject->items, subject->scratch};
    char *result = subject->results;
    int status = 0;
    nap(subject, state);
    for (size_t i = 0; i < tasks && status == 0; i++) {
        status = spawn_one(subject, &errand, i);
        if (status == 0 && result_size > 0)
            memcpy(result, errand.result, result_size);
        errand.item = (const char *)errand.item + item_size;
        errand.result = (char *)errand.result + result_size;
        result += result_size;
    }
    return status;
}
