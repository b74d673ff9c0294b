/* SPDX-License-Identifier: MIT
 *
 * See order.h.
 */
#include "order.h"

/* source: Sebastiano Vigna's splitmix64.c, in the public domain. */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Fisher and Yates. The remainder prefers small numbers by less than count / 2^64. */
static void shuffle(uint64_t *state, size_t count, size_t *order)
{
    for (size_t left = count; left > 1; left--) {
        size_t other = (size_t)(draw(state) % left), last = order[left - 1];
        order[left - 1] = order[other];
        order[other] = last;
    }
}

void order_draw(uint64_t seed, size_t count, size_t turns, size_t *order)
{
    for (size_t turn = 0; turn < turns; turn++, order += count) {
        if (turn % 2 == 0) {
            for (size_t i = 0; i < count; i++)
                order[i] = i;
            shuffle(&seed, count, order);
        } else {
            for (size_t i = 0; i < count; i++)
                order[i] = order[-1 - (ptrdiff_t)i];
        }
    }
}
