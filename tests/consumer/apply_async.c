/* SPDX-License-Identifier: MIT. The notebook's apply_async: pairs (i, count) collected as they arrive, then sorted. */
#include <grain.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS 200000
static struct pair { int i, count; } counts[ROWS], results[ROWS];
static int data[ROWS][6], collected; /* data: i, then the row's five numbers */

static int howmany(const void *arg, void *result, struct grain_context *ctx) {
    const int *row = arg, *range = grain_context_params(ctx);
    struct pair pair = {.i = row[0]};
    for (int k = 1; k <= 5; k++) pair.count += row[k] >= range[0] && row[k] <= range[1];
    *(struct pair *)result = pair;
    return 0;
}

static void collect(void *user, const void *pair, size_t n) { results[collected++] = *(const struct pair *)pair; }
static int by_i(const void *a, const void *b) { return ((const struct pair *)a)->i - ((const struct pair *)b)->i; }

int main(void) {
    struct grain_call_options call = {.callback = collect, .params = (int[]){4, 8}, .params_size = 2 * sizeof(int)};
    struct grain_pool *pool;
    if (grain_pool_open(&pool, NULL)) return 1;
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < 6; k++) data[i][k] = k ? (i * 7 + i / 11 + k * k * 3) % 10 : i;
        if (grain_apply_async(pool, howmany, data[i], sizeof *data, &counts[i], sizeof *counts, &call, NULL)) return 1;
    }
    if (grain_pool_close(pool) || grain_pool_join(pool)) return 1;
    qsort(results, collected, sizeof *results, by_i);
    for (int i = 0; i < 10; i++) printf("(%d, %d)\n", results[i].i, results[i].count);
    grain_pool_free(pool);
    return collected != ROWS;
}
