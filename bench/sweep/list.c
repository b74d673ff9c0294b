/* SPDX-License-Identifier: MIT
 *
 * Lists of words and numbers between commas; see list.h for what may stand in them.
 */
#include "list.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grain.h"

#define NUMBER_LARGEST ((int64_t)1 << 40) /* far over any data set, far from overflow */

bool list_next(const char **text, char word[LIST_WORD_MAX])
{
    if (**text == '\0')
        return false;
    size_t length = strcspn(*text, ",");
    size_t kept = length < LIST_WORD_MAX - 1 ? length : LIST_WORD_MAX - 1;
    memcpy(word, *text, kept);
    word[kept] = '\0';
    *text += length;
    if (**text == ',')
        (*text)++;
    return true;
}

bool list_has(const char *text, const char *wanted)
{
    char word[LIST_WORD_MAX];
    while (list_next(&text, word))
        if (strcmp(word, wanted) == 0)
            return true;
    return false;
}

static int add(struct list *list, int64_t value)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->values[i] == value)
            return 0;
    if (list->count == LIST_MAX)
        return -E2BIG;
    list->values[list->count++] = value;
    return 0;
}

/* 1, 2, 4 ... below most, then `also` and most. */
static int add_doubling(struct list *list, int64_t also, int64_t most)
{
    int status = 0;
    for (int64_t value = 1; value < most && status == 0; value *= 2) {
        if (value / 2 < also && also < value)
            status = add(list, also);
        if (status == 0)
            status = add(list, value);
    }
    if (status == 0)
        status = add(list, also);
    return status != 0 ? status : add(list, most);
}

/* "16P": so many for each CPU. -ENOENT when it is not such a word. */
static int add_per_cpu(struct list *list, const char *word, int64_t cpus)
{
    char *end;
    if (!isdigit((unsigned char)*word))
        return -ENOENT;
    errno = 0;
    int64_t factor = strtoll(word, &end, 10);
    if (strcmp(end, "P") != 0)
        return -ENOENT;
    return errno != 0 || (cpus > 0 && factor > NUMBER_LARGEST / cpus) ? -ERANGE : add(list, factor * cpus);
}

/* Adds what a word stands for; -ENOENT when it is no such word. */
static int add_word(struct list *list, const char *word, const struct list_meaning *meaning)
{
    const int64_t cpus = meaning->cpus;
    const struct {
        const char *word;
        int64_t value;
    } words[] = {
        {"python", GRAIN_CHUNK_PYTHON}, {"auto", 0}, {"P", cpus}, {"N", (int64_t)meaning->rows}, {"share", LIST_SHARE}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i].word) == 0)
            return add(list, words[i].value);
    if (strcmp(word, "up-to-P") == 0)
        return add_doubling(list, cpus, cpus);
    if (strcmp(word, "up-to-2P") == 0)
        return add_doubling(list, cpus, 2 * cpus);
    return add_per_cpu(list, word, cpus);
}

/* A number, 64 or 2^6; *base is 0 for one without a power. */
static int read_number(const char **text, int64_t *value, int64_t *base)
{
    char *end;
    if (!isdigit((unsigned char)**text))
        return -EINVAL;
    errno = 0;
    *value = strtoll(*text, &end, 10);
    *base = 0;
    if (errno != 0 || *value > NUMBER_LARGEST)
        return -ERANGE;
    if (*end == '^') {
        const char *start = end + 1;
        if (!isdigit((unsigned char)*start))
            return -EINVAL;
        int64_t exponent = strtoll(start, &end, 10), power = 1;
        if (*value < 2)
            return -EINVAL;
        for (*base = *value; exponent > 0; exponent--, power *= *base)
            if (power > NUMBER_LARGEST / *base)
                return -ERANGE;
        *value = power;
    }
    *text = end;
    return 0;
}

static int add_number_or_range(struct list *list, const char *word)
{
    int64_t first, first_base, last, last_base;
    int status = read_number(&word, &first, &first_base);
    if (status != 0)
        return status;
    if (*word == '\0')
        return add(list, first);
    if (strncmp(word, "..", 2) != 0)
        return -EINVAL;
    word += 2;
    status = read_number(&word, &last, &last_base);
    if (status != 0)
        return status;
    if (*word != '\0' || first_base != last_base || last < first)
        return -EINVAL;
    for (int64_t value = first; value <= last && status == 0; value = first_base != 0 ? value * first_base : value + 1)
        status = add(list, value);
    return status;
}

int list_numbers(const char *text, const struct list_meaning *meaning, struct list *list, const char **problem)
{
    char word[LIST_WORD_MAX];
    list->count = 0;
    while (list_next(&text, word)) {
        int status = add_word(list, word, meaning);
        if (status == -ENOENT)
            status = add_number_or_range(list, word);
        if (status != 0) {
            *problem = status == -E2BIG    ? "it has too many entries"
                       : status == -ERANGE ? "a number in it is too large"
                                           : "write numbers, ranges such as 1..4 or 2^0..2^17, or words between commas";
            return -EINVAL;
        }
    }
    if (list->count == 0) {
        *problem = "it is empty";
        return -EINVAL;
    }
    return 0;
}
