/* SPDX-License-Identifier: MIT
 *
 * samples.jsonl: appended, fsynced, locked, never rewritten. What a crash left of a record stays in the
 * file as a line of its own that the reader counts and skips.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "journal.h"
#include "record.h"

struct entry {
    char cell[CELL_NAME_MAX];
    int round;
    bool is_final;
};

struct journal {
    int fd;
    struct entry *entries; /* what is in the file */
    size_t count, capacity;
};

/* Where a record belongs among those before: behind them, or in the place of one that need not stay. `count + 1`:
 * nowhere, because its (cell, round) is there for good. */
static size_t place_of(const struct sample *samples, size_t count, const struct sample *next)
{
    for (size_t i = 0; i < count; i++)
        if (samples[i].round == next->round && strcmp(samples[i].cell, next->cell) == 0)
            return record_is_final(samples[i].status) ? count + 1 : i;
    return count;
}

/* Reads file record by record. */
static int read_all(FILE *file, struct sample **samples, size_t *count, size_t *cut)
{
    char *line = NULL;
    size_t size = 0, capacity = 0;
    ssize_t length;
    int status = 0;
    *samples = NULL;
    *count = *cut = 0;
    errno = 0;
    while (status == 0 && (length = getline(&line, &size, file)) >= 0) {
        if (*count == capacity) {
            capacity = capacity == 0 ? 256 : capacity * 2;
            struct sample *larger = reallocarray(*samples, capacity, sizeof **samples);
            if (larger == NULL) {
                status = -ENOMEM;
                break;
            }
            *samples = larger;
        }
        struct sample *next = &(*samples)[*count];
        bool whole = record_read(line, (size_t)length, next);
        size_t place = whole ? place_of(*samples, *count, next) : *count + 1;
        if (place == *count)
            ++*count;
        else if (place < *count)
            (*samples)[place] = *next;
        else if (line[0] != '\n') /* an empty line is nobody's record */
            ++*cut;
    }
    if (status == 0 && !feof(file)) /* no line, and not because there is none: an error, or no memory for it */
        status = errno != 0 ? -errno : -EIO;
    free(line);
    return status;
}

int journal_read(const char *dir, struct sample **samples, size_t *count, size_t *cut)
{
    char *path;
    *samples = NULL;
    *count = *cut = 0;
    if (asprintf(&path, "%s/samples.jsonl", dir) < 0)
        return -ENOMEM;
    FILE *file = fopen(path, "re");
    int status = file == NULL ? -errno : 0;
    free(path);
    if (status != 0)
        return status;
    status = read_all(file, samples, count, cut);
    fclose(file);
    if (status != 0) {
        free(*samples);
        *samples = NULL;
        *count = 0;
    }
    return status;
}

static int remember(struct journal *journal, const struct sample *sample)
{
    if (journal->count == journal->capacity) {
        size_t capacity = journal->capacity == 0 ? 256 : journal->capacity * 2;
        struct entry *larger = reallocarray(journal->entries, capacity, sizeof *larger);
        if (larger == NULL)
            return -ENOMEM;
        journal->entries = larger;
        journal->capacity = capacity;
    }
    struct entry *entry = &journal->entries[journal->count++];
    strncpy(entry->cell, sample->cell, sizeof entry->cell - 1);
    entry->cell[sizeof entry->cell - 1] = '\0';
    entry->round = sample->round;
    entry->is_final = record_is_final(sample->status);
    return 0;
}

static int write_whole(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, text, size);
        if (done < 0 && errno != EINTR)
            return -errno;
        if (done > 0) {
            text += done;
            size -= (size_t)done;
        }
    }
    return 0;
}

/* Ends a line that was cut off, so that the next record starts on a fresh one. */
static int finish_last_line(int fd)
{
    char last;
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0)
        return -errno;
    if (size == 0)
        return 0;
    if (pread(fd, &last, 1, size - 1) != 1)
        return -EIO;
    return last == '\n' ? 0 : write_whole(fd, "\n", 1);
}

/* Opens and locks the file, and remembers what is in it. */
static int start(struct journal *journal, const char *dir)
{
    char *path;
    if (asprintf(&path, "%s/samples.jsonl", dir) < 0)
        return -ENOMEM;
    journal->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int status = journal->fd < 0 ? -errno : 0;
    free(path);
    if (status != 0)
        return status;
    if (flock(journal->fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    status = finish_last_line(journal->fd);
    if (status != 0)
        return status;

    struct sample *samples;
    size_t count, cut;
    status = journal_read(dir, &samples, &count, &cut);
    for (size_t i = 0; i < count && status == 0; i++)
        status = remember(journal, &samples[i]);
    free(samples);
    return status;
}

int journal_open(struct journal **opened, const char *dir)
{
    *opened = NULL;
    struct journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL)
        return -ENOMEM;
    journal->fd = -1;
    int status = start(journal, dir);
    if (status != 0) {
        journal_close(journal);
        return status;
    }
    *opened = journal;
    return 0;
}

int journal_has(const struct journal *journal, const char *cell, int round)
{
    for (size_t i = 0; i < journal->count; i++)
        if (journal->entries[i].round == round && strcmp(journal->entries[i].cell, cell) == 0)
            return true;
    return false;
}

void journal_forget_failures(struct journal *journal)
{
    size_t kept = 0;
    for (size_t i = 0; i < journal->count; i++)
        if (journal->entries[i].is_final)
            journal->entries[kept++] = journal->entries[i];
    journal->count = kept;
}

int journal_append(struct journal *journal, const struct sample *sample)
{
    if (journal_has(journal, sample->cell, sample->round))
        return -EEXIST;
    char *line = record_write(sample);
    if (line == NULL)
        return -EINVAL;
    /* A failed append may leave half a line (disk full): the next one must not continue it. */
    int status = finish_last_line(journal->fd);
    if (status == 0)
        status = write_whole(journal->fd, line, strlen(line));
    if (status == 0 && fsync(journal->fd) != 0)
        status = -errno;
    free(line);
    return status != 0 ? status : remember(journal, sample);
}

void journal_close(struct journal *journal)
{
    if (journal == NULL)
        return;
    if (journal->fd >= 0)
        close(journal->fd);
    free(journal->entries);
    free(journal);
}
