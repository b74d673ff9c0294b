/* SPDX-License-Identifier: MIT
 *
 * Depth first through all states of a scenario, each once. A state is known by its hash; how it was first
 * reached is kept, to tell the way to a fault. Steps are kept too, kills left out (nobody promises them):
 * walking them back from the ends shows every state from which no end can be reached.
 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct state {
    uint32_t parent;
    struct model_step step; /* from the parent */
    bool is_end;
    const char *function, *what; /* where the step led the worker */
};

struct edge {
    uint32_t from, to;
};

struct frame {
    unsigned char *bytes;
    size_t room;
    uint32_t state;
    int next, count;
    struct model_step steps[MODEL_STEPS];
};

static struct search {
    struct state *states;
    uint32_t count, room;
    struct edge *edges;
    size_t edge_count, edge_room;
    uint64_t *hashes; /* open addressing; 0: free */
    uint32_t *ids;
    size_t slots;
    struct frame *frames;
    size_t depth, frames_room;
} search;

static void *grown(void *memory, size_t size)
{
    void *bigger = realloc(memory, size);
    if (!bigger) {
        perror("model");
        exit(2);
    }
    return bigger;
}

/* ------------------------------------------------------------------------------------------- states */

static size_t slot_of(uint64_t hash)
{
    size_t at = (size_t)hash & (search.slots - 1);
    while (search.hashes[at] && search.hashes[at] != hash)
        at = (at + 1) & (search.slots - 1);
    return at;
}

static void slots_double(void)
{
    uint64_t *hashes = search.hashes;
    uint32_t *ids = search.ids;
    size_t slots = search.slots;
    search.slots = slots ? 2 * slots : 1 << 16;
    search.hashes = memset(grown(NULL, search.slots * sizeof *hashes), 0, search.slots * sizeof *hashes);
    search.ids = grown(NULL, search.slots * sizeof *ids);
    for (size_t i = 0; i < slots; i++) {
        if (!hashes[i])
            continue;
        size_t at = slot_of(hashes[i]);
        search.hashes[at] = hashes[i];
        search.ids[at] = ids[i];
    }
    free(hashes);
    free(ids);
}

/* The number of the state that the machine is in. */
static uint32_t state_find(uint32_t parent, struct model_step step, bool *is_new)
{
    uint64_t hash = model_hash();
    hash += hash == 0;
    if (2 * (size_t)search.count >= search.slots)
        slots_double();
    size_t at = slot_of(hash);
    *is_new = search.hashes[at] == 0;
    if (!*is_new)
        return search.ids[at];
    if (search.count == search.room) {
        search.room = search.room ? 2 * search.room : 1 << 16;
        search.states = grown(search.states, search.room * sizeof *search.states);
    }
    struct state *state = &search.states[search.count];
    *state = (struct state){.parent = parent, .step = step};
    if (step.act == MODEL_RUN) {
        state->function = world.workers[step.worker].function;
        state->what = world.workers[step.worker].what;
    }
    search.hashes[at] = hash;
    search.ids[at] = search.count;
    return search.count++;
}

static void edge_add(uint32_t from, uint32_t to)
{
    if (search.edge_count == search.edge_room) {
        search.edge_room = search.edge_room ? 2 * search.edge_room : 1 << 16;
        search.edges = grown(search.edges, search.edge_room * sizeof *search.edges);
    }
    search.edges[search.edge_count++] = (struct edge){from, to};
}

static void frame_push(uint32_t state)
{
    if (search.depth == search.frames_room) {
        size_t room = search.frames_room ? 2 * search.frames_room : 256;
        search.frames = grown(search.frames, room * sizeof *search.frames);
        memset(search.frames + search.frames_room, 0, (room - search.frames_room) * sizeof *search.frames);
        search.frames_room = room;
    }
    struct frame *frame = &search.frames[search.depth++];
    size_t size = model_size();
    if (frame->room < size) {
        frame->bytes = grown(frame->bytes, size);
        frame->room = size;
    }
    model_save(frame->bytes);
    frame->state = state;
    frame->next = 0;
    frame->count = model_steps(frame->steps);
}

static void search_drop(void)
{
    for (size_t i = 0; i < search.frames_room; i++)
        free(search.frames[i].bytes);
    free(search.frames);
    free(search.states);
    free(search.edges);
    free(search.hashes);
    free(search.ids);
    search = (struct search){0};
}

/* -------------------------------------------------------------------------------------------- telling */

static void step_tell(struct model_step step, const char *function, const char *what)
{
    const char *who = step.worker >= MODEL_CALLER ? "caller" : "worker";
    switch (step.act) {
    case MODEL_RUN:
        if (what)
            printf("  %s %d goes on to %s: %s\n", who, step.worker, function, what);
        else
            printf("  %s %d leaves\n", who, step.worker);
        break;
    case MODEL_DRAIN:
        printf("  the store of thread %d is seen by all\n", step.worker);
        break;
    case MODEL_KILL:
        printf("  worker %d is killed\n", step.worker);
        break;
    case MODEL_BIRTH:
        printf("  worker %d is replaced\n", step.worker);
        break;
    default:
        printf("  the caller makes a step\n");
    }
}

static void way_tell(uint32_t to)
{
    uint32_t length = 0, *way = grown(NULL, (search.count + 1) * sizeof *way);
    for (; to; to = search.states[to].parent)
        way[length++] = to;
    while (length) {
        const struct state *state = &search.states[way[--length]];
        step_tell(state->step, state->function, state->what);
    }
    free(way);
}

static void fault_tell(const char *fault, uint32_t from, struct model_step step)
{
    bool has_worker = step.act == MODEL_RUN;
    printf("%s:\n", fault);
    way_tell(from);
    step_tell(step, has_worker ? world.workers[step.worker].function : NULL,
              has_worker ? world.workers[step.worker].what : NULL);
    for (size_t i = 0; world.job && i < world.job->job.count; i++)
        printf("  task %zu: visited %d times, code %d, chunk %d\n", i, world.visits[i], world.codes[i],
               world.done_marks[i]);
}

/* ----------------------------------------------------------------------------------------- searching */

/* The last state that cannot end, or 0 (the first state: when it cannot, none can). */
static uint32_t endless_find(void)
{
    uint32_t *first = memset(grown(NULL, (search.count + 2) * sizeof *first), 0, (search.count + 2) * sizeof *first);
    uint32_t *from = grown(NULL, (search.edge_count + 1) * sizeof *from);
    uint32_t *queue = grown(NULL, (search.count + 1) * sizeof *queue);
    bool *can_end = memset(grown(NULL, search.count + 1), 0, search.count + 1);
    uint32_t queued = 0, endless = 0;
    for (size_t i = 0; i < search.edge_count; i++)
        first[search.edges[i].to + 2]++;
    for (uint32_t i = 2; i < search.count + 2; i++)
        first[i] += first[i - 1];
    for (size_t i = 0; i < search.edge_count; i++)
        from[first[search.edges[i].to + 1]++] = search.edges[i].from;
    for (uint32_t i = 0; i < search.count; i++)
        if (search.states[i].is_end)
            can_end[queue[queued++] = i] = true;
    for (uint32_t i = 0; i < queued; i++)
        for (uint32_t k = first[queue[i]]; k < first[queue[i] + 1]; k++)
            if (!can_end[from[k]])
                can_end[queue[queued++] = from[k]] = true;
    for (uint32_t i = search.count; i-- > 0 && !endless;)
        endless = can_end[i] ? 0 : i;
    if (queued == 0)
        printf("no run ends\n");
    free(first);
    free(from);
    free(queue);
    free(can_end);
    return endless;
}

static bool is_end(const struct frame *frame)
{
    for (int i = 0; i < frame->count; i++)
        if (frame->steps[i].act != MODEL_KILL)
            return false;
    return true;
}

/* Makes the next step of the topmost frame. False when something was wrong. */
static bool search_step(struct model_totals *totals, const char *(*check_step)(void), const char *(*check_end)(void))
{
    struct frame *frame = &search.frames[search.depth - 1];
    if (frame->next == frame->count) {
        search.depth--;
        return true;
    }
    struct model_step step = frame->steps[frame->next++];
    uint32_t from = frame->state;
    bool is_new;
    model_restore(frame->bytes);
    const char *fault = model_step(step) ? check_step() : model_fault;
    totals->steps++;
    totals->kills += step.act == MODEL_KILL;
    if (!fault) {
        uint32_t to = state_find(from, step, &is_new);
        if (step.act != MODEL_KILL)
            edge_add(from, to);
        if (!is_new)
            return true;
        if (model_is_cut()) {
            search.states[to].is_end = true;
            totals->cuts++;
            return true;
        }
        frame_push(to);
        if (is_end(&search.frames[search.depth - 1])) {
            search.states[to].is_end = true;
            totals->ends++;
            fault = check_end();
        }
    }
    if (fault)
        fault_tell(fault, from, step);
    return !fault;
}

bool model_search(const struct model_scenario *scenario, uint32_t states_max, const char *(*check_step)(void),
                  const char *(*check_end)(void), struct model_totals *totals)
{
    bool is_new, is_right = true;
    *totals = (struct model_totals){0};
    model_begin(scenario);
    frame_push(state_find(0, (struct model_step){0}, &is_new));
    while (is_right && search.depth && search.count <= states_max)
        is_right = search_step(totals, check_step, check_end);
    totals->is_bounded = is_right && search.depth;
    totals->states = search.count;
    if (is_right && !totals->is_bounded) {
        bool has_end = totals->ends + totals->cuts > 0;
        uint32_t endless = has_end ? endless_find() : 0;
        is_right = has_end && !endless;
        if (!is_right) {
            printf("from here the job never ends:\n");
            way_tell(endless);
        }
    }
    search_drop();
    return is_right;
}
