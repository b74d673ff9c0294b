/* SPDX-License-Identifier: MIT
 *
 * Facts about the machine and the software that a figure may depend on, read from where the system keeps
 * them. What cannot be found out is "unknown", never a guess.
 */
#ifndef GRAIN_BENCH_FACTS_H
#define GRAIN_BENCH_FACTS_H

#include <jansson.h>

/* Load average of the last minute, NAN when unknown. */
double facts_load(void);

/* CPU time that the host took away, from /proc/stat, and its share between two looks in percent (NAN when
 * unknown). */
struct facts_steal {
    unsigned long long stolen, total;
};
void facts_steal(struct facts_steal *steal);
double facts_steal_percent(const struct facts_steal *before, const struct facts_steal *after);

/* Sets the keys of the machine, of the software, and of the source (commit, dirty) in env.json's object. */
void facts_machine(json_t *env);
void facts_software(json_t *env);
void facts_source(json_t *env);

#endif
