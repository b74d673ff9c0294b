/* SPDX-License-Identifier: MIT
 *
 * The command lines of `grain sweep` and `grain run`: an argument a line, the first says which. What is accepted
 * becomes a plan, as before a sweep, and nothing runs. argp would end the process when it refuses something: linked
 * with --wrap, it says so to this file instead, and the line counts as refused.
 */
#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "command/run.h"
#include "command/sweep_options.h"
#include "fuzz.h"
#include "sweep/estimate.h"

#define ARGUMENTS_MAX 24

static bool is_refused;
static const struct argp *inner; /* the parser that is asked */

error_t __real_argp_parse(const struct argp *parser, int argc, char **argv, unsigned flags, int *index, void *input);
error_t __wrap_argp_parse(const struct argp *parser, int argc, char **argv, unsigned flags, int *index, void *input);
void __wrap_argp_error(const struct argp_state *state, const char *format, ...);

/* Nothing is parsed after an error: there the process would have ended. */
static error_t guarded(int key, char *arg, struct argp_state *state)
{
    error_t status = is_refused ? EINVAL : inner->parser(key, arg, state);
    return is_refused ? EINVAL : status;
}

error_t __wrap_argp_parse(const struct argp *parser, int argc, char **argv, unsigned flags, int *index, void *input)
{
    struct argp outer = *parser;
    outer.parser = guarded;
    inner = parser;
    error_t status = __real_argp_parse(&outer, argc, argv, flags | ARGP_SILENT, index, input);
    is_refused = is_refused || status != 0;
    return status;
}

void __wrap_argp_error(const struct argp_state *state, const char *format, ...)
{
    char *text;
    va_list values;
    (void)state;
    va_start(values, format);
    FUZZ_CHECK(vasprintf(&text, format, values) > 0);
    va_end(values);
    free(text);
    is_refused = true;
}

static void check_plan(struct sweep_asked *asked)
{
    char problem[PLAN_PROBLEM_MAX] = "";
    struct plan plan;
    asked->plan.cpus = 2;
    int status = plan_make(&plan, &asked->plan, problem);
    FUZZ_CHECK(status == 0 || status == -EINVAL);
    FUZZ_CHECK((status == 0) == (problem[0] == '\0'));
    if (status != 0)
        return;
    FUZZ_CHECK(plan.count > 0 && plan.rounds > 0 && estimate_plan(&plan, 2) >= 0);
    for (size_t i = 0; i < plan.count; i++) {
        struct cell cell;
        FUZZ_CHECK(cell_parse(plan.cells[i].name, &cell, NULL) == 0);
    }
    plan_hash(&plan);
    plan_free(&plan);
}

static void check_sweep(int argc, char **argv)
{
    struct sweep_asked asked;
    FUZZ_CHECK(sweep_options(&asked, argc, argv));
    FUZZ_CHECK(strncmp(asked.command, "grain sweep", strlen("grain sweep")) == 0);
    if (!is_refused)
        check_plan(&asked);
    free(asked.command);
}

static void check_run(int argc, char **argv)
{
    struct run_asked asked = run_defaults();
    argp_parse(&run_argp, argc, argv, 0, NULL, &asked);
    if (is_refused)
        return;
    FUZZ_CHECK(asked.call != NULL && asked.backend != NULL);
    FUZZ_CHECK(asked.columns >= 1 && asked.minimum <= asked.maximum && asked.workers >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = fuzz_text(bytes, size), *rest = text, *argument, *argv[ARGUMENTS_MAX + 2];
    int argc = 0;
    bool is_run = size > 0 && bytes[0] == 'r';
    char sweep[] = "grain sweep", run[] = "grain run";
    is_refused = false;
    strsep(&rest, "\n");
    argv[argc++] = is_run ? run : sweep;
    while (argc <= ARGUMENTS_MAX && (argument = strsep(&rest, "\n")) != NULL)
        argv[argc++] = argument;
    argv[argc] = NULL;
    if (is_run)
        check_run(argc, argv);
    else
        check_sweep(argc, argv);
    free(text);
    return 0;
}
