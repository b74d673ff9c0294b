/* SPDX-License-Identifier: MIT
 *
 * The header of a .npy file: a Python dictionary as text, for instance
 * {'descr': '<i4', 'fortran_order': False, 'shape': (200000, 5), }
 */
#ifndef GRAIN_BENCH_NPY_HEADER_H
#define GRAIN_BENCH_NPY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    const char *start;
    size_t length;
};

struct npy_header {
    struct text descr; /* points into the header's text */
    bool fortran_order;
    uint64_t shape[2]; /* the first two; UINT64_MAX stands for anything larger */
    int dimensions;    /* as many as there are */
};

/* Reads the dictionary. Returns what is wrong with it (static text), or NULL. */
const char *npy_header_parse(const char *text, size_t length, struct npy_header *header);

#endif
