/* SPDX-License-Identifier: MIT
 *
 * Names of cells, and lists of numbers and words: a line of the input is read as either. A name that is read is written
 * as the same name, and so are the names of what runs beside it; a list has every number once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "sweep/cell.h"
#include "sweep/list.h"

static void check_same(const struct cell *cell)
{
    char name[CELL_NAME_MAX], again[CELL_NAME_MAX];
    struct cell read;
    if (cell_name(cell, name) != 0) /* the partner of a long name may be longer */
        return;
    FUZZ_CHECK(cell_parse(name, &read, NULL) == 0);
    FUZZ_CHECK(cell_name(&read, again) == 0 && strcmp(name, again) == 0);
}

static void check_name(const char *text)
{
    static const int cpus[] = {1, 2, 64};
    const char *problem = NULL;
    struct cell cell, partner;
    char name[CELL_NAME_MAX];
    if (cell_parse(text, &cell, &problem) != 0) {
        fuzz_check_line(problem);
        return;
    }
    FUZZ_CHECK(cell_name(&cell, name) == 0 && strcmp(name, text) == 0);
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++) {
        int used = cell_workers_used(&cell, cpus[i]);
        FUZZ_CHECK(used >= 1 && used <= cell.workers && used <= cpus[i]);
        for (int turn = 0; turn < CELL_TURNS; turn++)
            if (cell_partner(&cell, (enum cell_turn)turn, cpus[i], &partner))
                check_same(&partner);
    }
    uint64_t chunk = cell_python_chunk(cell.rows, cell.workers);
    FUZZ_CHECK(chunk <= cell.rows && (chunk > 0 || cell.rows == 0));
}

static int compare(const void *a, const void *b)
{
    int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;
    return (first > second) - (first < second);
}

static void check_list(const char *text)
{
    static struct list list;
    static const struct list_meaning meaning = {.cpus = 3, .rows = 1000};
    const char *problem = NULL, *rest = text;
    char word[LIST_WORD_MAX];
    size_t words = 0;
    int status = list_numbers(text, &meaning, &list, &problem);
    if (status != 0)
        fuzz_check_line(problem);
    FUZZ_CHECK(status == 0 || status == -EINVAL);
    FUZZ_CHECK(status != 0 || (list.count > 0 && list.count <= LIST_MAX));
    if (status == 0)
        qsort(list.values, list.count, sizeof *list.values, compare);
    for (size_t i = 1; status == 0 && i < list.count; i++)
        FUZZ_CHECK(list.values[i] != list.values[i - 1]);
    for (; list_next(&rest, word); words++)
        FUZZ_CHECK(strlen(word) == LIST_WORD_MAX - 1 || list_has(text, word));
    FUZZ_CHECK(words <= strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = fuzz_text(bytes, size), *rest = text, *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        check_name(line);
        check_list(line);
    }
    free(text);
    return 0;
}
