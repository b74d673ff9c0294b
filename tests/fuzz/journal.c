/* SPDX-License-Identifier: MIT
 *
 * samples.jsonl, and what benchmark processes print. A record that is read is written and read back as the same; no
 * (cell, round) is there twice; whatever stands in the file, one more record can be appended and is found.
 */
#include "sweep/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "sweep/output.h"
#include "sweep/record.h"

#define NEW_ROUND 999999

static void check_record(const struct sample *sample)
{
    struct sample again;
    char *first = record_write(sample);
    FUZZ_CHECK(first != NULL && strchr(first, '\n') == first + strlen(first) - 1);
    FUZZ_CHECK(record_read(first, strlen(first), &again));
    char *second = record_write(&again);
    FUZZ_CHECK(second != NULL && strcmp(first, second) == 0);
    free(first);
    free(second);
}

static size_t check_file(size_t *cut)
{
    struct sample *samples;
    size_t count;
    FUZZ_CHECK(journal_read(fuzz_folder(), &samples, &count, cut) == 0);
    for (size_t i = 0; i < count; i++) {
        check_record(&samples[i]);
        for (size_t k = 0; k < i; k++)
            FUZZ_CHECK(samples[i].round != samples[k].round || strcmp(samples[i].cell, samples[k].cell) != 0);
    }
    free(samples);
    return count;
}

static void check_append(size_t before, size_t cut_before)
{
    struct journal *journal;
    struct sample sample;
    size_t cut;
    record_blank(&sample, "fuzz", NEW_ROUND);
    FUZZ_CHECK(journal_open(&journal, fuzz_folder()) == 0);
    int status = journal_append(journal, &sample);
    FUZZ_CHECK(status == 0 || status == -EEXIST);
    FUZZ_CHECK(journal_append(journal, &sample) == -EEXIST);
    journal_close(journal);
    FUZZ_CHECK(check_file(&cut) == before + (status == 0 ? 1 : 0));
    FUZZ_CHECK(cut == cut_before);
}

static void check_output(const char *text, size_t size)
{
    const struct output_names names = {.of = {"a", "b", "c", "", "d"}};
    struct sample sample;
    record_blank(&sample, "a", 0);
    int status = output_read(text, size, &names, &sample);
    FUZZ_CHECK(status == 0 || status == -EBADMSG || status == -EREMOTEIO);
    FUZZ_CHECK(status != 0 || (sample.times > 0 && sample.times <= JOURNAL_TIMES_MAX));
    char *line = record_write(&sample);
    FUZZ_CHECK(line != NULL);
    free(line);
    output_iterations(text, size, "a");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = fuzz_text(bytes, size);
    size_t cut;
    fuzz_write("samples.jsonl", bytes, size);
    size_t count = check_file(&cut);
    check_append(count, cut);
    check_output(text, size);
    free(text);
    return 0;
}
