/* SPDX-License-Identifier: MIT
 *
 * See steal.h for the rules that these few lines keep.
 */
#include "steal.h"

#include "sys/inject.h"

static uint64_t pack(uint32_t begin, uint32_t end)
{
    return (uint64_t)begin << 32 | end;
}

static struct steal_piece unpack(uint64_t word)
{
    return (struct steal_piece){(uint32_t)(word >> 32), (uint32_t)word};
}

void steal_put(struct steal_range *range, struct steal_piece piece)
{
    atomic_store_explicit(&range->word, pack(piece.begin, piece.end), memory_order_release);
}

bool steal_is_empty(const struct steal_range *range)
{
    struct steal_piece all = unpack(atomic_load_explicit(&range->word, memory_order_acquire));
    return all.begin >= all.end;
}

bool steal_take_front(struct steal_range *range, uint32_t most, struct steal_piece *piece)
{
    uint64_t word = atomic_load_explicit(&range->word, memory_order_acquire);
    struct steal_piece all;
    uint32_t cut;
    do {
        all = unpack(word);
        if (all.begin >= all.end)
            return false;
        cut = all.end - all.begin > most ? all.begin + most : all.end;
        INJECT(range_front_seen);
    } while (!atomic_compare_exchange_weak_explicit(&range->word, &word, pack(cut, all.end), memory_order_acq_rel,
                                                    memory_order_acquire));
    *piece = (struct steal_piece){all.begin, cut};
    return true;
}

bool steal_take_half(struct steal_range *range, struct steal_piece *piece)
{
    uint64_t word = atomic_load_explicit(&range->word, memory_order_acquire);
    struct steal_piece all;
    uint32_t cut;
    do {
        all = unpack(word);
        if (all.begin >= all.end)
            return false;
        cut = all.begin + (all.end - all.begin) / 2;
        INJECT(range_half_seen);
    } while (!atomic_compare_exchange_weak_explicit(&range->word, &word, pack(all.begin, cut), memory_order_acq_rel,
                                                    memory_order_acquire));
    *piece = (struct steal_piece){cut, all.end};
    return true;
}

void steal_pace_learn(struct steal_pace *pace, uint32_t chunks, uint64_t elapsed_ns)
{
    uint64_t most = (uint64_t)pace->chunks * (elapsed_ns < STEAL_WORTH_NS / 4 ? 4 : 2);
    most = most < UINT32_MAX ? most : UINT32_MAX;
    uint64_t fitting = elapsed_ns ? (uint64_t)chunks * STEAL_PIECE_NS / elapsed_ns : most;
    if (fitting > most)
        fitting = most;
    pace->chunks = fitting > 1 ? (uint32_t)fitting : 1;
}

uint32_t steal_pace_worth(const struct steal_pace *pace)
{
    uint32_t chunks = pace->chunks / (STEAL_PIECE_NS / STEAL_WORTH_NS);
    return chunks > 2 ? chunks : 2;
}

uint64_t steal_give(uint64_t left, bool has_one_in_progress)
{
    return has_one_in_progress ? (left + 1) / 2 : left / 2;
}
