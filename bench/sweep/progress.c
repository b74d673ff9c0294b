/* SPDX-License-Identifier: MIT
 *
 * Progress on standard error.
 */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "record.h"

#define CLEAR "\r\033[K"

void progress_time(double seconds, char text[32])
{
    int whole = seconds > 0 && seconds < 1e8 ? (int)(seconds + 0.5) : 0;
    if (whole >= 3600)
        snprintf(text, 32, "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(text, 32, "%d:%02d", whole / 60, whole % 60);
}

void progress_start(struct progress *progress, int verbosity, size_t total, int rounds)
{
    progress->is_quiet = verbosity < 0;
    progress->is_terminal = isatty(STDERR_FILENO) == 1;
    progress->done = 0;
    progress->total = total;
    progress->rounds = rounds;
}

static int width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

void progress_cell(const struct progress *progress, const char *what, const char *cell, double left_s)
{
    char line[CELL_NAME_MAX + 128], left[32];
    if (progress->is_quiet || !progress->is_terminal)
        return;
    progress_time(left_s, left);
    snprintf(line, sizeof line, "%zu/%zu  %s  %s left  %s", progress->done, progress->total, what, left, cell);
    fprintf(stderr, CLEAR "%.*s", width() - 1, line);
    fflush(stderr);
}

void progress_sample(struct progress *progress, const struct sample *sample)
{
    progress->done++;
    bool is_bad = sample->status != SAMPLE_OK;
    if (progress->is_quiet || (!is_bad && (progress->is_terminal || sample->round > 0)))
        return;
    fprintf(stderr, "%s%zu/%zu  %s  %s", progress->is_terminal ? CLEAR : "", progress->done, progress->total,
            sample->cell, record_status_name(sample->status));
    if (is_bad)
        fprintf(stderr, ": %s\n", sample->message);
    else
        fprintf(stderr, "  %.4g ms\n", sample->times_ns[0] * 1e-6);
}

void progress_round(const struct progress *progress, int round, double left_s)
{
    char left[32];
    if (progress->is_quiet || progress->is_terminal)
        return;
    progress_time(left_s, left);
    fprintf(stderr, "round %d of %d done, %s left\n", round + 1, progress->rounds, left);
}

void progress_end(const struct progress *progress)
{
    if (!progress->is_quiet && progress->is_terminal)
        fputs(CLEAR, stderr);
}
