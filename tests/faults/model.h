/* SPDX-License-Identifier: MIT
 *
 * The model test: the team's own code, run by two workers, and a caller, that are coroutines of one thread, through
 * every order of their steps and every point of death. model_points.c is where they stop, and their store buffers;
 * model_machine.c lets one of them make one step; model_state.c keeps what a state is; model_search.c goes through all
 * states; model.c says what is run and what must hold, model_calls.c the same where the caller is stepped too.
 */
#ifndef GRAIN_TESTS_MODEL_H
#define GRAIN_TESTS_MODEL_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/event.h"
#include "team/team.h"

#define MODEL_WORKERS 2
#define MODEL_TASKS   8 /* at most, in one job */
#define MODEL_CALLER  MODEL_WORKERS
#define MODEL_BESIDE  (MODEL_WORKERS + 1) /* another thread of the caller's process */
#define MODEL_THREADS (MODEL_WORKERS + 2)

/* What the caller does. */
enum model_program {
    MODEL_COARSE,     /* makes coarse steps between the jobs' ends: model_machine.c */
    MODEL_SINGLES,    /* is a thread like the workers: single tasks, one after the other */
    MODEL_MAPS,       /* maps, one after the other */
    MODEL_TWO,        /* two single tasks at once, the first of which waits for the second */
    MODEL_STOP,       /* a map, which it stops */
    MODEL_BREAK,      /* a single task that nobody takes; the other thread says that the team is broken */
    MODEL_JOIN,       /* maps in which it takes part, in the slot of a worker that sleeps */
    MODEL_JOIN_TWO,   /* one of those, while another caller has a single task */
    MODEL_JOIN_STOP,  /* one of those, while another thread stops the team */
    MODEL_JOIN_QUIT,  /* one of those, while another thread says that it is the last */
    MODEL_ALONE,      /* a small map that one worker begins alone, until the caller has watched in vain */
    MODEL_WATCH,      /* a map that it watches as one of many */
    MODEL_WATCH_CALLS /* queued calls, of which it watches the first */
};

struct model_scenario {
    enum grain_schedule schedule;
    enum job_form form;
    size_t count, chunk;
    int workers;         /* 0: MODEL_WORKERS; 1: the ring has but one consumer */
    unsigned singles;    /* bit k: job k is a single task, with the argument beside its ticket */
    int kills;           /* at most, in one run */
    int retries;         /* of the call */
    unsigned max_chunks; /* a worker leaves after so many, and is replaced; 0: never */
    bool is_late;        /* the first job is one worker's, in one order; deaths come only between two jobs */
    bool is_open; /* idle workers sleep and thieves wait until the last job is finished; else the team ends from the
                   * start, and they leave as soon as there is nothing to take */
    int jobs;     /* one after the other; more than one: in an open team */
    enum model_program program;
    bool has_buffers; /* each thread has a store buffer of one entry */
    bool is_patient;  /* no sleep ends by its timeout */
    bool is_lopsided; /* all of the first job lies in the second part's range */
    bool is_meeting;  /* the first task waits for another one: somebody has to take that meanwhile */
    bool is_short;    /* begins when the first worker has run all tasks, and is about to say so */
    int steals;       /* at most, in one run: two thieves may take the same chunk from each other for ever */
};

enum model_status {
    MODEL_READY, /* stands at a point */
    MODEL_DEAD,  /* killed, or retired; its replacement has not started */
    MODEL_LEFT   /* returned from team_work() */
};

/* A store that only its own thread sees yet; object NULL: none. */
struct model_store {
    const volatile void *object;
    size_t size;
    uint64_t value;
};

struct model_worker {
    jmp_buf where;
    unsigned char *low; /* its stack is in use from here up */
    enum model_status status;
    int lives;
    const char *function, *what; /* the access it makes next */
    bool is_alone;               /* that access concerns nobody else while this worker lives */
    bool is_looping, has_news;   /* in a loop that reads until something changes; something has since its last breath */
    bool is_waiting;             /* in such a loop, and nothing has */
    bool has_timeout;            /* and goes on by itself some time, not before all others have stopped */
    const volatile void *asleep_on;
    struct model_store store;
    bool is_draining; /* what it does next waits until `store` has reached memory */
};

/* All of a state but the team's memory and the stacks. */
struct model_world {
    struct model_worker workers[MODEL_THREADS]; /* behind them the caller, and who is beside it */
    struct team_front front;
    struct team_job *job;
    int kills, jobs_left, steals;
    bool is_collected;              /* the caller has taken back the job that is finished */
    bool has_pushed[MODEL_THREADS]; /* a stepped caller: it has touched a slot for its call */
    bool has_given;                 /* a worker has given work back, and told thieves */
    bool has_stopped;               /* MODEL_STOP: the stop was told */
    int calls_done, begun_late;
    int in_task[MODEL_WORKERS]; /* of each slot: threads that run a task in it */
    int beside;                 /* MODEL_JOIN_TWO: the result of the other caller's task */
    bool has_seen;              /* MODEL_WATCH_CALLS: the caller, that the first call has ended */
    struct events events;
    struct job_call calls[2];
    struct job_terms terms;
    _Alignas(8) unsigned char errors[sizeof(struct job_errors)]; /* no room for any */
    unsigned char begun[MODEL_TASKS], visits[MODEL_TASKS];
    int codes[MODEL_TASKS];
    int result; /* a single task's */
    _Atomic uint8_t done_marks[MODEL_TASKS];
};

extern struct model_world world;
extern struct team *const model_team;
extern const struct model_scenario *model_scenario;
extern struct model_worker *model_now; /* who runs; NULL: the driver */
extern jmp_buf model_driver;

enum model_act { MODEL_RUN, MODEL_DRAIN, MODEL_KILL, MODEL_BIRTH, MODEL_CALL };

struct model_step {
    uint8_t act, worker;
};

/* What the code under test calls: model_atomic.h and INJECT. */
void model_load(const char *function, const char *what, const volatile void *object);
void model_write(const char *function, const char *what, const volatile void *object);
bool model_store(const char *function, const char *what, const volatile void *object, const volatile void *value,
                 size_t size); /* whether the store is to be made; else it is in the buffer */
void model_fence(const char *function, const char *what);
void model_breathe(unsigned turn);
void inject_at(const char *name);

/* Stops here, until the driver goes on with this thread; is_alone: what it does next concerns nobody else. */
void model_point(const char *function, const char *what, bool is_alone);

/* The buffer's entry is put into memory while its thread runs, and taken out again; reaches memory for good. Whether
 * nothing but that can come next. */
void model_store_show(struct model_worker *worker);
void model_store_hide(struct model_worker *worker);
void model_store_drain(struct model_worker *worker);
bool model_is_blocked(const struct model_worker *worker);

/* model_calls.c: the life of the stepped caller, or of the thread beside it; whether there is such a thread; whether the
 * caller takes part; what must hold at the end. */
void model_call(int id);
bool model_has_beside(void);
bool model_joins(void);
const char *model_calls_check(void);

/* The number of the slot whose worker the running thread is; -1: none. */
int model_slot(void);

/* Where the stepped caller stands between two calls that it makes at once. */
#define MODEL_BETWEEN "between two calls"

/* What tasks call before and after their work: a point where others may go on. */
void model_task(const char *what);

/* The present job, counted from 0; whether it is a single task; whether it is finished. */
int model_job_number(void);
bool model_is_single(void);
bool model_is_finished(void);

/* A new team with the scenario's first job handed over. */
void model_begin(const struct model_scenario *scenario);

/* The steps possible in this state, at most MODEL_STEPS; 0: the run is over. */
#define MODEL_STEPS 12
int model_steps(struct model_step *steps);

/* Whether the scenario's bound was passed by the last step: the run is not followed any further. */
bool model_is_cut(void);

/* Makes one. False when the worker ran into something that can never be: model_fault says what. */
bool model_step(struct model_step step);
extern const char *model_fault;

/* ------------------------------------------------------------------------- model_state.c: what a state is */

#define MODEL_STACK 65536
extern unsigned char model_stacks[MODEL_THREADS][MODEL_STACK];

/* A new team of so many workers, and nothing else. Then, when the first job is handed over: what lies outside of
 * states is noted, for model_has_leaked(). */
void model_state_begin(int workers);
void model_state_mark(void);

/* Whether an address lies in what states keep; whether memory outside of it was changed. */
bool model_is_kept(const volatile void *object);
bool model_has_leaked(void);

/* The state as bytes, and back. model_size() is that of this state. */
size_t model_size(void);
void model_save(unsigned char *bytes);
void model_restore(const unsigned char *bytes);

/* Of the whole state; of the memory that workers share. */
uint64_t model_hash(void);
uint64_t model_hash_shared(void);

/* ----------------------------------------------------------------------- model_search.c: through all states */

struct model_totals {
    uint64_t states, steps, kills, ends, cuts;
    bool is_bounded; /* there were more states than states_max */
};

/* Goes through all states; true when check_step held after every step, check_end at every end, and an
 * end can be reached from every state. Otherwise prints the steps that lead there. The checks return what
 * is wrong, or NULL. */
bool model_search(const struct model_scenario *scenario, uint32_t states_max, const char *(*check_step)(void),
                  const char *(*check_end)(void), struct model_totals *totals);

/* model.c, for the machine: fills the next job of the scenario; and what the caller reads from a finished
 * one, NULL when all is well. */
void model_job_fill(struct job *job);
const char *model_tasks_check(void);
const char *model_job_check(void);

#endif
