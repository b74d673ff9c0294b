/* SPDX-License-Identifier: MIT
 *
 * What `grain` and `grain-bench` have in common as processes: the state that they were started in (closed streams,
 * ignored signals), the file that they are, and whether what they printed has arrived.
 */
#ifndef GRAIN_BENCH_PROGRAM_H
#define GRAIN_BENCH_PROGRAM_H

#include <stdbool.h>

/* To be called first in main(). Occupies standard streams that are closed, so that no file which is opened later takes
 * their numbers and gets what is printed; gives SIGCHLD its default, because a parent that ignores it hands that down,
 * and then the ends of our own processes could not be waited for; ignores SIGXFSZ, so that a file that grows too large
 * for its limit is an error like a full disk; and has the program end with 1 when standard output could
 * not be written, also where a library ends it (argp after --help). name: for messages; static. */
void program_start(const char *name);

/* Flushes standard output. False, and a line on standard error, when it could not all be written; then the end of the
 * program says it no more. */
bool program_flush(const char *name);

/* Has `signo` handled, unless it was ignored from the start: nohup, or a shell's `&'. */
void program_catch(int signo, void (*handler)(int));

/* The file of this program, absolute where that can be found out; without /proc it is what it was started as.
 * Static. */
const char *program_path(void);

/* PATH below the folder that this program lies in. NULL: no memory. The caller frees it. */
char *program_beside(const char *path);

#endif
