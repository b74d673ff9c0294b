/* SPDX-License-Identifier: MIT
 *
 * What a benchmark process prints (Google Benchmark's JSON; cpython.py writes the same) becomes a sample.
 */
#ifndef GRAIN_BENCH_OUTPUT_H
#define GRAIN_BENCH_OUTPUT_H

#include "journal.h"

/* The names under which a cell and its partners stand in the output; "" for what is not there. */
struct output_names {
    const char *of[CELL_TURNS];
};

/* Fills the sample's iterations, tasks, times and counters, pairing by repetition_index.
 * Returns 0; -EBADMSG it is no such output, or the cell is not in it; -EREMOTEIO the benchmark reported
 * an error, which is then sample->message. */
int output_read(const char *text, size_t size, const struct output_names *names, struct sample *sample);

/* The iterations that Google Benchmark chose for a name, 0 when it is not there. */
uint64_t output_iterations(const char *text, size_t size, const char *name);

#endif
