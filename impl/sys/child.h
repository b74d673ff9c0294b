/* SPDX-License-Identifier: MIT
 *
 * What every process that grain forks has in common: how it begins, what becomes of its output, how it ends.
 *
 *   begin    text that waited in stdout and stderr is dropped: the one that forked still has it, and prints it
 *   output   a worker's stdout is written line by line, and both streams before it reports work as done
 *   exit()   a handler that was registered last, so called first, writes these two streams and ends the process at
 *            once: no handler of the host runs, no other stream is written or put back to where the host reads on
 *   parent   a worker is killed when its supervisor ends, and asks for that anew before it sleeps
 *
 * Streams that tasks open themselves are theirs to close.
 */
#ifndef GRAIN_CHILD_H
#define GRAIN_CHILD_H

#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <sys/types.h>

/* As fork(), for a child that begins and ends as said above. -1 with errno. */
pid_t child_fork(void);

/* In a worker: drops what waits in its copies of the standard streams, of stdin too: a task that closes it, or opens
 * another file in its place, would put the place where the host reads on back by what the host has read ahead. From now
 * on stdout, and stderr where it has a buffer, are written line by line: lines of several workers do not tear each
 * other, and of what a task has printed a crash loses no more than a line that is not finished. */
void child_streams(void);

/* In a child: writes what waits in stdout and stderr. */
void child_flush(void);

/* Whether text waits in a stream. No lock: a hint that is exact where no other thread prints. No call in the usual
 * case, of a stream of bytes: these are the fields that putc() itself, as a macro, looks at. */
static inline bool child_stream_has_output(FILE *stream)
{
    return stream->_mode > 0 ? __fpending(stream) > 0 : stream->_IO_write_ptr != stream->_IO_write_base;
}

static inline bool child_has_output(void)
{
    return child_stream_has_output(stdout) || child_stream_has_output(stderr);
}

/* In a worker, before its first task: kills it when `parent` ends; at once if that has happened. Then the same again: a
 * change of credentials takes it back. Nothing where no parent was named. */
void child_depend(pid_t parent);
void child_depend_again(void);

#endif
