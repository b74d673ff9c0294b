/* SPDX-License-Identifier: MIT
 *
 * What `grain doctor` makes of what it finds: regions of OpenMP with known times, and a machine that is made up. The
 * program is linked with --wrap.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "command/doctor.h"
#include "command/regions.h"
#include "sys/machine.h"

static struct {
    double quota, load;
    int allowed, threads_per_core;
} machine;

double __wrap_machine_cgroup_quota(const char *root, const char *self);
int __wrap_machine_affinity_count(void);
int __wrap_machine_threads_per_core(void);
int __wrap_getloadavg(double *loads, int count);

double __wrap_machine_cgroup_quota(const char *root, const char *self)
{
    (void)root;
    (void)self;
    return machine.quota;
}

int __wrap_machine_affinity_count(void)
{
    return machine.allowed;
}

int __wrap_machine_threads_per_core(void)
{
    return machine.threads_per_core;
}

int __wrap_getloadavg(double *loads, int count)
{
    loads[0] = machine.load;
    return count;
}

static struct finding look(const char *name)
{
    struct finding finding = {0};
    const struct check *check = doctor_cpu_checks;
    while (check->name && strcmp(check->name, name) != 0)
        check++;
    if (!check->name)
        fail_msg("no check `%s'", name);
    check->look(&finding);
    return finding;
}

static void test_quota(void **state)
{
    (void)state;
    machine.allowed = 4;
    machine.quota = 0;
    assert_int_equal(look("CPU quota").verdict, DOCTOR_OK);
    machine.quota = 4;
    assert_int_equal(look("CPU quota").verdict, DOCTOR_OK);
    machine.quota = 1.5;
    struct finding finding = look("CPU quota");
    assert_int_equal(finding.verdict, DOCTOR_WARNING);
    assert_string_equal(finding.value, "1.50 CPUs");
    assert_non_null(strstr(finding.explanation, "4 CPUs may be used, but only for 1.50 CPU seconds"));
    assert_non_null(finding.remedy);
}

static void test_smt_and_load(void **state)
{
    (void)state;
    machine.threads_per_core = 1;
    assert_int_equal(look("SMT").verdict, DOCTOR_OK);
    machine.threads_per_core = 2;
    assert_int_equal(look("SMT").verdict, DOCTOR_NOTE);
    machine.load = 0;
    assert_int_equal(look("load").verdict, DOCTOR_OK);
    machine.load = 9999;
    assert_int_equal(look("load").verdict, DOCTOR_WARNING);
}

/* ------------------------------------------------------------------------------------------ regions */

static const struct regions quick = {
    .threads = 2, .count = 100, .median_us = 1.5, .worst_us = 9, .loop_us = 2, .cpus = 2};

static struct finding judge(struct regions regions, int usable, bool meant)
{
    struct finding finding = {0};
    regions_judge(&regions, usable, meant, &finding);
    assert_true(finding.verdict == DOCTOR_OK || finding.remedy != NULL);
    assert_true((finding.verdict == DOCTOR_OK) == (finding.explanation[0] == '\0'));
    return finding;
}

static void test_quick_regions(void **state)
{
    struct regions regions = quick;
    (void)state;
    assert_int_equal(judge(regions, 2, true).verdict, DOCTOR_OK);
    assert_string_equal(judge(regions, 2, true).value, "1.5 us (worst 9 us), loop 2 us; 2 threads");
    regions.slices = 9; /* somebody else's turns */
    assert_int_equal(judge(regions, 2, true).verdict, DOCTOR_OK);
    regions.slices = 10;
    assert_int_equal(judge(regions, 2, true).verdict, DOCTOR_NOTE);
}

/* Each cause by what it shows in; the surest wins. */
static void test_causes(void **state)
{
    struct regions regions = quick;
    struct finding finding;
    (void)state;
    regions.slices = 50;
    regions.median_us = 8000;
    finding = judge(regions, 2, true);
    assert_int_equal(finding.verdict, DOCTOR_WARNING);
    assert_non_null(strstr(finding.value, "8 ms"));
    assert_non_null(strstr(finding.explanation, "50 of 100 empty regions took a millisecond or more"));
    assert_non_null(strstr(finding.explanation, "another program, or the host, ran there"));
    regions.together = 40;
    finding = judge(regions, 2, true);
    assert_non_null(strstr(finding.explanation, "In 40 of 100 regions two threads were on one CPU"));
    assert_non_null(strstr(finding.remedy, "OMP_PROC_BIND=true"));
    regions.cpus = 1;
    finding = judge(regions, 2, true);
    assert_non_null(strstr(finding.explanation, "All 2 threads of the team may run on 1 CPU only, though 2 are"));
    assert_non_null(strstr(finding.remedy, "OMP_PLACES"));
    finding = judge(regions, 1, true);
    assert_non_null(strstr(finding.explanation, "2 threads share 1 usable CPU:"));
    assert_non_null(strstr(finding.remedy, "OMP_NUM_THREADS"));
}

static void test_a_team_of_one(void **state)
{
    struct regions regions = quick;
    (void)state;
    regions.threads = regions.cpus = 1;
    assert_int_equal(judge(regions, 1, true).verdict, DOCTOR_OK);
    struct finding finding = judge(regions, 2, true);
    assert_int_equal(finding.verdict, DOCTOR_NOTE);
    assert_non_null(strstr(finding.explanation, "The team is one thread, though 2 CPUs are usable"));
}

/* A quota leaves the mask as wide as it was. */
static void test_more_threads_than_the_quota_allows(void **state)
{
    struct regions regions = quick;
    (void)state;
    regions.threads = regions.cpus = 8;
    regions.slices = 60;
    struct finding finding = judge(regions, 2, true);
    assert_int_equal(finding.verdict, DOCTOR_WARNING);
    assert_non_null(strstr(finding.explanation, "8 threads share 2 usable CPUs: affinity mask and quota"));
}

/* A team on one CPU is told even where its threads sleep at once, and a loop even where regions are quick. */
static void test_what_shows_elsewhere(void **state)
{
    struct regions regions = quick;
    (void)state;
    regions.cpus = 1;
    assert_int_equal(judge(regions, 2, true).verdict, DOCTOR_WARNING);
    regions = quick;
    regions.loop_us = 5000;
    struct finding finding = judge(regions, 2, true);
    assert_int_equal(finding.verdict, DOCTOR_WARNING);
    assert_non_null(strstr(finding.explanation, "A loop of 1000 steps took 5 ms"));
}

/* What nobody has asked for is no warning. */
static void test_questions_of_ours(void **state)
{
    struct regions regions = quick;
    (void)state;
    regions.slices = 100;
    struct finding finding = judge(regions, 2, false);
    assert_int_equal(finding.verdict, DOCTOR_NOTE);
    assert_non_null(strstr(finding.explanation, "100 of 100 empty regions"));
    assert_null(strstr(finding.explanation, "another program"));
    assert_string_not_equal(finding.explanation + strlen(finding.explanation) - 1, " ");
}

static void test_json(void **state)
{
    struct regions read;
    json_t *object = regions_json(&quick);
    char *text = json_dumps(object, 0);
    (void)state;
    assert_non_null(text);
    assert_true(regions_read(text, &read));
    assert_memory_equal(&read, &quick, sizeof read);
    free(text);
    json_decref(object);
    assert_false(regions_read("", &read));
    assert_false(regions_read("{\"threads\": 2}", &read));
    assert_false(regions_read("[]", &read));
}

static void test_measuring(void **state)
{
    struct regions regions;
    (void)state;
    if (!regions_there())
        skip();
    assert_int_equal(regions_measure(&regions), 0);
    assert_true(regions.threads >= 1 && regions.cpus >= 1);
    assert_true(regions.count >= 3 && regions.count <= 100);
    assert_true(regions.median_us > 0 && regions.worst_us >= regions.median_us && regions.loop_us > 0);
    assert_true(regions.slices <= regions.count && regions.together <= regions.count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_smt_and_load),
        cmocka_unit_test(test_quick_regions),
        cmocka_unit_test(test_causes),
        cmocka_unit_test(test_a_team_of_one),
        cmocka_unit_test(test_more_threads_than_the_quota_allows),
        cmocka_unit_test(test_what_shows_elsewhere),
        cmocka_unit_test(test_questions_of_ours),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_measuring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
