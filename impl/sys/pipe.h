/* SPDX-License-Identifier: MIT
 *
 * Messages over pipes, the textbook way between processes. Pipes are in packet mode (O_DIRECT): what one write puts in,
 * one read takes out, whole or not at all, also when the writer is killed. A message longer than a packet is several of
 * them, each saying which message it belongs to and where in it: so a reader notices that the writer died in the
 * middle, and goes on with the next message. Memory comes from mmap, for a worker must not use malloc. Knows nothing of
 * jobs.
 */
#ifndef GRAIN_TRANSPORT_PIPE_H
#define GRAIN_TRANSPORT_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define PIPE_PACKET 4096u /* PIPE_BUF: a longer write may be torn */
#define PIPE_ALIGN  64u   /* a part of a message begins at a multiple of this, or where its user wants it, */
#define PIPE_PAGE   4096u /* seen from a multiple of this at most */
#define PIPE_PARTS  40    /* of one message, zeros between them included */

/* In front of every packet. Packets of one message agree in all but the offset. */
struct pipe_head {
    uint32_t kind, epoch; /* the user's */
    uint64_t sequence;    /* the user's */
    uint64_t size, offset;
};

#define PIPE_PAYLOAD (PIPE_PACKET - sizeof(struct pipe_head))

/* A pipe's two ends. */
struct pipe_ends {
    int read, write;
};

/* Opens a pipe in packet mode, neither end of which is one of the standard streams. 0 or -errno; then both are -1. */
int pipe_open(struct pipe_ends *ends);
void pipe_close(struct pipe_ends *ends);

/* Makes reads or writes of an end return instead of waiting. 0 or -errno. */
int pipe_unblock(int end);

/* A message on its way out: what it is made of stays where it is until it is sent. */
struct pipe_out {
    struct pipe_head head; /* its offset: how much has been sent */
    struct iovec parts[PIPE_PARTS];
    int count, at; /* parts; the one that is sent next */
    size_t skip;   /* bytes of that one which are sent */
};

void pipe_out_start(struct pipe_out *out, uint32_t kind, uint32_t epoch, uint64_t sequence);
void pipe_out_add(struct pipe_out *out, const void *data, size_t size);

/* The same for a part that is to begin `phase` bytes behind a multiple of `alignment`: a power of two up to
 * PIPE_PAGE. */
void pipe_out_add_at(struct pipe_out *out, const void *data, size_t size, size_t alignment, size_t phase);

/* Sends what is left. 1: all is sent; 0: the pipe is full, go on later; or -errno. */
int pipe_out_send(struct pipe_out *out, int end);

/* What comes in: one message at a time. */
struct pipe_in {
    struct pipe_head head; /* of the message that is, or was last, in `data` */
    char *data;
    size_t room, got;
    bool is_lost; /* it has no room here: its packets are read and forgotten */
};

int pipe_in_open(struct pipe_in *in); /* 0 or -ENOMEM */
void pipe_in_close(struct pipe_in *in);

/* Reads one packet. 1: head and data are a whole message, until the next call; 0: not yet; -ENOMEM: head is that of a
 * message that had no room; -EAGAIN: there is nothing; or -errno. */
int pipe_in_read(struct pipe_in *in, int end);

/* Where a part of that size begins in data, which moves on by it: parts come out in the order in which they were added.
 * *at starts with 0. */
void *pipe_in_part(const struct pipe_in *in, size_t *at, size_t size);
void *pipe_in_part_at(const struct pipe_in *in, size_t *at, size_t size, size_t alignment, size_t phase);

/* Grows a block of memory to `size` bytes at least, or gives back what is far more than that; what is in its first
 * `size` bytes stays. *memory NULL: a new one. 0 or -ENOMEM, and the block as it was. */
int pipe_room(char **memory, size_t *room, size_t size);

#endif
