/* SPDX-License-Identifier: MIT
 *
 * See probe.h. One task reports who it is and what it sees.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grain.h"
#include "probe.h"
#include "sys/machine.h"

struct answer {
    int ran, pid, tid, cpus, later;
};

static volatile int changed_after_open;

/* CPUs the calling thread may run on; -1 when there are more than fit a cpu_set_t. */
static int allowed_cpus(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? -1 : CPU_COUNT(&set);
}

static int answer(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    struct answer *out = result;
    *out = (struct answer){1, (int)getpid(), (int)gettid(), allowed_cpus(), changed_after_open};
    return 0;
}

static const char *workers_word(const struct answer *answer)
{
    if (!answer->ran)
        return "none";
    if (answer->pid != getpid())
        return "processes";
    return answer->tid == gettid() ? "the caller" : "threads";
}

/* One worker, bound to the first usable CPU where the backend can bind. */
static int bound_open(struct grain_pool **pool, const char *backend)
{
    struct grain_pool_options options = {.backend = backend, .workers = 1};
    char *list;
    if (machine_list_usable(&list))
        return -ENOMEM;
    list[strcspn(list, ",")] = '\0';
    options.cpus = list;
    int status = grain_pool_open(pool, &options);
    options.cpus = NULL;
    free(list);
    return status == -ENOTSUP ? grain_pool_open(pool, &options) : status;
}

void probe_backend(const char *backend, struct probe *probe)
{
    *probe = (struct probe){.workers = "none"};
    struct grain_pool *pool;
    changed_after_open = 0;
    probe->status = bound_open(&pool, backend);
    if (probe->status)
        return;
    changed_after_open = 1;
    struct answer got = {0};
    probe->status = grain_apply(pool, answer, NULL, 0, &got, sizeof got, NULL);
    grain_pool_free(pool);
    if (probe->status)
        return;
    probe->runs_tasks = got.ran;
    probe->workers = workers_word(&got);
    probe->sees_later_changes = got.later;
    probe->binds = got.ran && got.cpus == 1 && allowed_cpus() != 1;
}
