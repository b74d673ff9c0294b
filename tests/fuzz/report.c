/* SPDX-License-Identifier: MIT
 *
 * From samples to pages: what `grain report` does with a folder whose samples.jsonl is the input, up to a NUL byte;
 * what follows one is its env.json. Then summary.csv is read back, as `grain plot` does; and the input itself, as one.
 */
#include "report/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/summary.h"
#include "fuzz.h"

static const char env_default[] = "{\"usable_cpus\": 2, \"profile\": \"quick\", \"rounds\": 3, \"commit\": \"abc\"}";

static void check_report(void)
{
    char error[REPORT_ERROR_MAX] = "", *text = NULL;
    size_t size = 0;
    struct report *report;
    struct summary summary;
    if (report_open(&report, fuzz_folder(), error) != 0) {
        FUZZ_CHECK(error[0] != '\0');
        return;
    }
    FILE *out = open_memstream(&text, &size);
    FUZZ_CHECK(report_finding(report, out) == 0 && report_comparison(report, out) == 0);
    FUZZ_CHECK(report_claims(report, out) == 0);
    fclose(out);
    free(text);
    FUZZ_CHECK(report_write(report, error) == 0);
    FUZZ_CHECK(summary_read(&summary, fuzz_folder()) == 0);
    summary_free(&summary);
    report_close(report);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct summary summary;
    const uint8_t *nul = size > 0 ? memchr(bytes, '\0', size) : NULL;
    size_t samples_size = nul != NULL ? (size_t)(nul - bytes) : size;
    fuzz_write("samples.jsonl", bytes, samples_size);
    if (nul != NULL)
        fuzz_write("env.json", nul + 1, size - samples_size - 1);
    else
        fuzz_write("env.json", env_default, sizeof env_default - 1);
    check_report();
    fuzz_write("summary.csv", bytes, size);
    if (summary_read(&summary, fuzz_folder()) == 0)
        summary_free(&summary);
    return 0;
}
