/* SPDX-License-Identifier: MIT
 *
 * Contract: a call of as many tasks as there are workers has all of them in progress at once, whatever is known of the
 * function and whoever sleeps. So its tasks may wait for each other: here each ends when all have begun.
 */
#include <stdatomic.h>
#include <sys/mman.h>

#include "contract.h"

#define PATIENCE_MS 20000
#define EMPTY_CALLS 2000
#define MOST        8

/* Seen by all workers. */
static struct board {
    atomic_int begun;
} * board;

/* The item says how many tasks meet; 0: none. The result: whether they have met. */
static int meets(const void *arg, void *result, struct grain_context *ctx)
{
    int count = *(const int *)arg;
    (void)ctx;
    board->begun += count > 0;
    for (int ms = 0; board->begun < count && ms < PATIENCE_MS; ms++)
        sleep_ms(1);
    *(int *)result = board->begun >= count;
    return 0;
}

static void meet(struct grain_pool *pool, int workers, enum grain_schedule schedule)
{
    int items[MOST], met[MOST] = {0};
    struct grain_call_options options = {.schedule = schedule};
    struct grain_in in = {items, (size_t)workers, sizeof items[0]};
    for (int i = 0; i < workers; i++)
        items[i] = workers;
    board->begun = 0;
    assert_int_equal(grain_map(pool, meets, in, (struct grain_out){met, sizeof met[0]}, &options), 0);
    for (int i = 0; i < workers; i++)
        assert_true(met[i]);
}

/* Calls that say: this function takes no time, and one worker does. */
static void be_quick(struct grain_pool *pool, int workers)
{
    static const int items[MOST];
    int met[MOST];
    for (int i = 0; i < EMPTY_CALLS; i++)
        assert_int_equal(grain_map(pool, meets, (struct grain_in){items, (size_t)workers, sizeof items[0]},
                                   (struct grain_out){met, sizeof met[0]}, NULL),
                         0);
}

static void all_of_a_call_are_in_progress_at_once(void **state)
{
    (void)state;
    needs("steal"); /* the workers are ours */
    static const enum grain_schedule schedules[] = {GRAIN_SCHEDULE_DEFAULT, GRAIN_SCHEDULE_STATIC,
                                                    GRAIN_SCHEDULE_DYNAMIC, GRAIN_SCHEDULE_GUIDED};
    for (int workers = 2; workers <= MOST; workers *= 2) {
        struct grain_pool *pool = pool_with(workers);
        for (int i = 0; i < 4; i++) {
            meet(pool, workers, schedules[i]);
            sleep_ms(5); /* time to go to sleep */
            meet(pool, workers, schedules[i]);
            be_quick(pool, workers);
            meet(pool, workers, schedules[i]);
        }
        grain_pool_free(pool);
    }
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if ((void *)board == MAP_FAILED)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_a_call_are_in_progress_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
