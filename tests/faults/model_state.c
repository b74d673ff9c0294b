/* SPDX-License-Identifier: MIT
 *
 * What a state of the model is: the parts of the team's memory that a run can change, the world, and of
 * each stack what is in use. Saved by copying, known again by a hash of 64 bits.
 */
#include "model.h"

#include <string.h>

#define CELLS_KEPT 4 /* of a ring; nothing is written beyond, see model_has_leaked() */
#define TEAM_BYTES (1u << 19)

static _Alignas(64) unsigned char memory[TEAM_BYTES], untouched[TEAM_BYTES];
_Alignas(64) unsigned char model_stacks[MODEL_THREADS][MODEL_STACK];

struct team *const model_team = (struct team *)memory;
struct model_world world;

static struct region {
    unsigned char *at;
    size_t size;
} regions[4 + MODEL_WORKERS];
static size_t region_count;
#define REGIONS region_count

static void regions_find(void)
{
    struct team *team = model_team;
    regions[0] = (struct region){memory, (size_t)(team->jobs[0].small - memory)};
    regions[1] = (struct region){(unsigned char *)team->parts, MODEL_WORKERS * sizeof team->parts[0]};
    region_count = 2 + MODEL_WORKERS;
    if (model_scenario->program == MODEL_TWO || model_scenario->program == MODEL_JOIN_TWO) { /* two jobs at once */
        unsigned char *second = (unsigned char *)&team->jobs[1], *parts = (unsigned char *)&team->parts[team->workers];
        regions[region_count++] = (struct region){second, (size_t)(team->jobs[1].small - second)};
        regions[region_count++] = (struct region){parts, sizeof team->parts[0]};
        regions[1].size = sizeof team->parts[0];
    }
    for (int i = 0; i < MODEL_WORKERS; i++) {
        struct team_slot *slot = &team->slots[i];
        unsigned char *at = (unsigned char *)slot, *end = (unsigned char *)&slot->ring.cells[CELLS_KEPT];
        regions[2 + i] = (struct region){at, (size_t)(end - at)};
    }
}

void model_state_begin(int workers)
{
    memset(memory, 0, sizeof memory);
    memset(model_stacks, 0, sizeof model_stacks);
    memset(&world, 0, sizeof world);
    team_init(model_team, MODEL_WORKERS, MODEL_WORKERS, GRAIN_WAIT_PARK, true);
    model_team->workers = workers; /* what lies behind a team of one is not used */
    regions_find();
}

bool model_is_kept(const volatile void *object)
{
    uintptr_t at = (uintptr_t)object;
    for (size_t i = 0; i < REGIONS; i++)
        if (at >= (uintptr_t)regions[i].at && at < (uintptr_t)regions[i].at + regions[i].size)
            return true;
    return at >= (uintptr_t)&world && at < (uintptr_t)(&world + 1);
}

void model_state_mark(void)
{
    memcpy(untouched, memory, sizeof memory);
}

bool model_has_leaked(void)
{
    for (size_t i = 0; i < REGIONS; i++)
        memcpy(untouched + (regions[i].at - memory), regions[i].at, regions[i].size);
    return memcmp(untouched, memory, sizeof memory) != 0;
}

/* A worker that is dead, or has left, has no stack any more. */
static size_t stack_used(int id)
{
    const unsigned char *low = world.workers[id].low, *top = model_stacks[id] + MODEL_STACK;
    return low ? (size_t)(top - low) : 0;
}

size_t model_size(void)
{
    size_t size = sizeof world;
    for (size_t i = 0; i < REGIONS; i++)
        size += regions[i].size;
    for (int i = 0; i < MODEL_THREADS; i++)
        size += stack_used(i);
    return size;
}

void model_save(unsigned char *bytes)
{
    memcpy(bytes, &world, sizeof world);
    bytes += sizeof world;
    for (size_t i = 0; i < REGIONS; bytes += regions[i++].size)
        memcpy(bytes, regions[i].at, regions[i].size);
    for (int i = 0; i < MODEL_THREADS; bytes += stack_used(i++))
        if (stack_used(i))
            memcpy(bytes, world.workers[i].low, stack_used(i));
}

void model_restore(const unsigned char *bytes)
{
    memcpy(&world, bytes, sizeof world);
    bytes += sizeof world;
    for (size_t i = 0; i < REGIONS; bytes += regions[i++].size)
        memcpy(regions[i].at, bytes, regions[i].size);
    for (int i = 0; i < MODEL_THREADS; bytes += stack_used(i++))
        if (stack_used(i))
            memcpy(world.workers[i].low, bytes, stack_used(i));
}

__extension__ typedef unsigned __int128 wide;

/* Both halves of a product of 128 bits. */
static uint64_t mixed(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Nearly all of the search's time. Four lanes, because one would spend its time waiting for its own multiplication; two
 * words a multiplication, as in wyhash. source: https://github.com/wangyi-fudan/wyhash */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t lanes[4] = {hash, hash ^ 1, hash ^ 2, hash ^ 3}, words[8];
    for (; size > 0; at += sizeof words) {
        if (size >= sizeof words) {
            memcpy(words, at, sizeof words);
            size -= sizeof words;
        } else {
            memset(words, 0, sizeof words);
            memcpy(words, at, size);
            size = 0;
        }
        for (int i = 0; i < 4; i++)
            lanes[i] = mixed(words[2 * i] ^ UINT64_C(0x9e3779b97f4a7c15), words[2 * i + 1] ^ lanes[i]);
    }
    for (int i = 0; i < 4; i++)
        hash = mixed(hash ^ UINT64_C(0xff51afd7ed558ccd), lanes[i] ^ UINT64_C(0xc4ceb9fe1a85ec53));
    return hash;
}

uint64_t model_hash_shared(void)
{
    const uint32_t looked_at[] = {world.front.lock.word, (uint32_t)world.beside, world.has_seen, world.begun[1]};
    uint64_t hash = hash_bytes(1, (const void *)world.done_marks, sizeof world.done_marks);
    hash = hash_bytes(hash, looked_at, sizeof looked_at);
    for (size_t i = 0; i < REGIONS; i++)
        hash = hash_bytes(hash, regions[i].at, regions[i].size);
    return hash;
}

uint64_t model_hash(void)
{
    uint64_t hash = hash_bytes(model_hash_shared(), &world, sizeof world);
    for (int i = 0; i < MODEL_THREADS; i++)
        hash = hash_bytes(hash, world.workers[i].low, stack_used(i));
    return hash;
}
