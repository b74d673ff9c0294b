/* SPDX-License-Identifier: MIT
 *
 * Plans with peers: one cell where a library has no schedule of ours, none of what it lacks, none of what is not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peers/peers.h"
#include "sweep/estimate.h"
#include "sweep/peer.h"
#include "sweep/plan.h"

#define WARM "/workers:2/rows:200000/data:shared/start:warm"

static struct plan make(const struct plan_options *asked)
{
    struct plan_options options = *asked;
    struct plan plan;
    char problem[PLAN_PROBLEM_MAX] = "";
    options.cpus = 2;
    if (plan_make(&plan, &options, problem) != 0)
        fail_msg("%s", problem);
    return plan;
}

static const struct plan_cell *find(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->cells[i].name, name) == 0)
            return &plan->cells[i];
    return NULL;
}

static size_t count_of(const struct plan *plan, const char *backend)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++)
        count += strcmp(plan->cells[i].cell.backend, backend) == 0;
    return count;
}

/* A file that can be read stands for LLVM's library: a plan does not open it. */
static int with_libomp(void **state)
{
    (void)state;
    return setenv("GRAIN_LIBOMP", "/proc/self/exe", 1);
}

/* What the table of the peers rests on, as far as the libraries are there; and what it may take. */
static void test_profile(void **state)
{
    (void)state;
    static const struct {
        const char *backend, *name;
        size_t cells;
    } needed[] = {
        {"gomp", "howmany/gomp/map/static/chunk:0" WARM, 15},
        {"gomp", "howmany/gomp/map/guided/chunk:16" WARM, 15},
        {"gomp-task", "howmany/gomp-task/map/-/chunk:1" WARM, 5},
        {"libomp", "howmany/libomp/map/dynamic/chunk:256" WARM, 15},
        {"libomp-task", "howmany/libomp-task/map/-/chunk:4096" WARM, 5},
        {"tbb-simple", "howmany/tbb-simple/map/-/chunk:1" WARM, 5},
        {"tbb-auto", "howmany/tbb-auto/map/-/chunk:0" WARM, 5},
        {"tbb-task", "howmany/tbb-task/map/-/chunk:16" WARM, 5},
        {"glib", "howmany/glib/map/-/chunk:4096" WARM, 5},
        {"pthreadpool", "howmany/pthreadpool/map/-/chunk:256" WARM, 5},
    };
    struct plan plan = make(&(struct plan_options){.profile = "peers"});
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        bool is_there = peers_has(needed[i].backend);
        if ((find(&plan, needed[i].name) != NULL) != is_there)
            fail_msg("%s: %s", needed[i].name, is_there ? "is not in it" : "is in it, but not built in");
        assert_int_equal(count_of(&plan, needed[i].backend), is_there ? needed[i].cells : 0);
    }
    assert_non_null(find(&plan, "howmany/pthread/map/steal/chunk:1" WARM));
    assert_non_null(find(&plan, "howmany/openmp-as-shipped/map/dynamic/chunk:0" WARM));
    assert_int_equal(find(&plan, "howmany/cpython/map/-/chunk:1" WARM)->tasks, 2000);
    assert_non_null(find(&plan, "howmany/cpython/map/-/chunk:25000" WARM));
    assert_true(plan.rounds == 5 && plan.count <= 87);
    assert_true(estimate_plan(&plan, 2) < 60);
    for (size_t i = 0; i < plan.count; i++) { /* no `peak`: a runtime that spins would disturb it */
        struct cell floor;
        assert_false(plan_partner(&plan.cells[i], CELL_TURN_FLOOR, 2, &floor));
    }
    plan_free(&plan);
}

static const char *any_without_schedules(void)
{
    static const char *const names[] = {"tbb-simple", "glib", "gomp-task"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (peers_has(names[i]))
            return names[i];
    return NULL;
}

/* Whatever schedules are asked for, there is one cell; a call that is the pool's own doing has none. */
static void test_one_cell(void **state)
{
    (void)state;
    const char *backend = any_without_schedules();
    char list[64], name[CELL_NAME_MAX];
    if (backend == NULL)
        skip();
    snprintf(list, sizeof list, "pthread,%s", backend);
    struct plan plan = make(&(struct plan_options){.profile = "full",
                                                   .backends = list,
                                                   .kernels = "howmany",
                                                   .calls = "map,apply_async,imap,starmap",
                                                   .schedules = "dynamic,static",
                                                   .chunks = "64",
                                                   .workers = "2",
                                                   .rows = "200000"});
    snprintf(name, sizeof name, "howmany/%s/map/-/chunk:64" WARM, backend);
    assert_non_null(find(&plan, name));
    snprintf(name, sizeof name, "howmany/%s/starmap/-/chunk:64" WARM, backend);
    assert_non_null(find(&plan, name));
    assert_int_equal(count_of(&plan, backend), 2);
    assert_non_null(find(&plan, "howmany/pthread/map/static/chunk:64" WARM));
    plan_free(&plan);
}

/* A schedule that the library lacks makes no row, and neither does a way of waiting. */
static void test_lacks(void **state)
{
    (void)state;
    if (!peers_has("gomp"))
        skip();
    struct plan plan = make(&(struct plan_options){
        .profile = "full", .backends = "gomp,fork", .calls = "map", .schedules = "steal,guided", .chunks = "1"});
    for (size_t i = 0; i < plan.count; i++)
        if (strcmp(plan.cells[i].cell.backend, "gomp") == 0)
            assert_string_equal(plan.cells[i].cell.schedule, "guided");
    assert_true(count_of(&plan, "gomp") > 0);
    plan_free(&plan);
    plan = make(&(struct plan_options){.profile = "ladder", .backends = "gomp,fork", .calls = "apply"});
    for (size_t i = 0; i < plan.count; i++)
        if (strcmp(plan.cells[i].cell.backend, "gomp") == 0)
            assert_int_equal(plan.cells[i].cell.wait, CELL_WAIT_ADAPTIVE);
    plan_free(&plan);
}

/* LLVM's runtime is there or not when the sweep starts, whatever was built. */
static void test_preload(void **state)
{
    (void)state;
    assert_string_equal(peer_preload("libomp"), "/proc/self/exe");
    assert_string_equal(peer_preload("libomp-task"), "/proc/self/exe");
    assert_null(peer_preload("gomp"));
    assert_null(peer_preload("fork"));
    setenv("GRAIN_LIBOMP", "/nonexistent/libomp.so", 1);
    assert_string_equal(peer_preload("libomp"), "");
    struct plan plan = make(&(struct plan_options){.profile = "peers"});
    assert_int_equal(count_of(&plan, "libomp"), 0);
    assert_int_equal(count_of(&plan, "libomp-task"), 0);
    assert_int_equal(count_of(&plan, "gomp"), peers_has("gomp") ? 15 : 0);
    plan_free(&plan);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_profile, with_libomp),
        cmocka_unit_test_setup(test_one_cell, with_libomp),
        cmocka_unit_test_setup(test_lacks, with_libomp),
        cmocka_unit_test_setup(test_preload, with_libomp),
    };
    peers_register();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
