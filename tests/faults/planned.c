/* SPDX-License-Identifier: MIT
 *
 * See planned.h.
 */
#include "planned.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct plan *plan;
int codes[COUNT], results[COUNT], numbers[COUNT];

int plan_make(void **state)
{
    (void)state;
    plan = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < COUNT; i++)
        numbers[i] = i;
    return plan == MAP_FAILED;
}

void plan_clear(void)
{
    memset(plan, 0, sizeof *plan);
    memset(codes, 0x55, sizeof codes);
    memset(results, 0xff, sizeof results);
}

static void hang(long ms)
{
    for (uint64_t end = now_ms() + (uint64_t)ms; now_ms() < end;)
        sleep_ms(10);
}

static void do_as_planned(int number, int *result)
{
    if (++plan->begun[number] <= plan->deaths[number])
        kill(getpid(), number % 2 ? SIGKILL : SIGSEGV);
    if (plan->ms[number])
        hang(plan->ms[number]);
    *result = 3 * number;
}

int planned_task(const void *arg, void *result, struct grain_context *ctx)
{
    int number = *(const int *)arg;
    plan->has_seen_wrong_index |= grain_context_index(ctx) != (size_t)number;
    do_as_planned(number, result);
    return 0;
}

/* A queued call is one of its own: its index is 0. */
int planned_call(const void *arg, void *result, struct grain_context *ctx)
{
    plan->has_seen_wrong_index |= grain_context_index(ctx) != 0;
    do_as_planned(*(const int *)arg, result);
    return 0;
}

static int star(const void *const args[], void *result, struct grain_context *ctx)
{
    return planned_task(args[0], result, ctx);
}

static int chunk(const void *items, void *out, size_t count, struct grain_context *ctx)
{
    plan->has_seen_wrong_index |= grain_context_index(ctx) != (size_t) * (const int *)items;
    for (size_t i = 0; i < count; i++)
        do_as_planned(((const int *)items)[i], (int *)out + i);
    return 0;
}

int planned_run(struct grain_pool *pool, enum form form, size_t count, const struct grain_call_options *options)
{
    struct grain_in in = {numbers, count, sizeof numbers[0]};
    struct grain_out out = {results, sizeof results[0]};
    struct grain_column column = {numbers, sizeof numbers[0], sizeof numbers[0]};
    struct grain_future *future;
    switch (form) {
    case FORM_STAR:
        return grain_starmap(pool, star, &column, 1, count, out, options);
    case FORM_CHUNKS:
        return grain_map_chunks(pool, chunk, in, out, options);
    case FORM_MAP_ASYNC:
        assert_int_equal(grain_map_async(pool, planned_task, in, out, options, &future), 0);
        int status = grain_future_get(future, GRAIN_FOREVER);
        grain_future_free(future);
        return status;
    default:
        return grain_map(pool, planned_task, in, out, options);
    }
}
