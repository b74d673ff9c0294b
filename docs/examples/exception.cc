/* SPDX-License-Identifier: MIT
 *
 * C++: a task that throws. grain::guard makes the exception the failure of that task; all others run. */
#include <cstdio>
#include <stdexcept>
#include <string>

#include "grain.h"

static int parse(const void *arg, void *result, struct grain_context *)
{
    const char *text = *static_cast<const char *const *>(arg);
    *static_cast<int *>(result) = std::stoi(text); /* throws std::invalid_argument */
    return 0;
}

int main()
{
    const char *texts[4] = {"12", "30", "many", "4"};
    int numbers[4], codes[4];
    grain_pool *pool;
    grain_pool_options two = {};
    two.workers = 2;
    if (grain_pool_open(&pool, &two))
        return 1;
    grain_report report = {};
    report.codes = codes;
    grain_call_options options = {};
    options.report = &report;
    int status = grain_map(pool, grain::guard<parse>, grain_in{texts, 4, sizeof texts[0]},
                           grain_out{numbers, sizeof numbers[0]}, &options);
    for (int i = 0; i < 4; i++)
        if (codes[i])
            std::printf("%s: %s\n", texts[i], report.first.message);
        else
            std::printf("%s: %d\n", texts[i], numbers[i]);
    grain_pool_free(pool);
    return status != GRAIN_TASK_FAILED;
}
