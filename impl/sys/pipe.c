/* SPDX-License-Identifier: MIT
 *
 * See pipe.h. A write of up to PIPE_BUF bytes is one packet, however many pieces it is gathered from.
 */
#include "pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fd.h"

#define FIRST_ROOM (64u << 10)
#define KEEP_ROOM  (1u << 20)

/* --------------------------------------------------------------------------------------- descriptors */

int pipe_open(struct pipe_ends *ends)
{
    int fds[2];
    *ends = (struct pipe_ends){-1, -1};
    if (pipe2(fds, O_DIRECT | O_CLOEXEC))
        return -errno;
    int status = fd_above_stdio(&fds[0]);
    if (status == 0)
        status = fd_above_stdio(&fds[1]);
    *ends = (struct pipe_ends){fds[0], fds[1]};
    if (status)
        pipe_close(ends);
    return status;
}

void pipe_close(struct pipe_ends *ends)
{
    if (ends->read >= 0)
        close(ends->read);
    if (ends->write >= 0)
        close(ends->write);
    *ends = (struct pipe_ends){-1, -1};
}

int pipe_unblock(int end)
{
    int flags = fcntl(end, F_GETFL);
    return flags < 0 || fcntl(end, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

/* A large message may be the only one: its room goes back to the system when one comes that needs less than a
 * quarter. */
static void room_shrink(char **memory, size_t *room, size_t size)
{
    size_t less = *room;
    while (less > KEEP_ROOM && size <= less / 4)
        less /= 2;
    if (less < *room && mremap(*memory, *room, less, 0) == *memory)
        *room = less;
}

int pipe_room(char **memory, size_t *room, size_t size)
{
    if (size <= *room) {
        if (*room > KEEP_ROOM)
            room_shrink(memory, room, size);
        return 0;
    }
    size_t larger = *room ? *room : FIRST_ROOM;
    while (larger < size)
        if (__builtin_mul_overflow(larger, (size_t)2, &larger))
            return -ENOMEM;
    void *block = *memory ? mremap(*memory, *room, larger, MREMAP_MAYMOVE)
                          : mmap(NULL, larger, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        return -ENOMEM;
    *memory = block;
    *room = larger;
    return 0;
}

/* ----------------------------------------------------------------------------------------------- out */

void pipe_out_start(struct pipe_out *out, uint32_t kind, uint32_t epoch, uint64_t sequence)
{
    out->head = (struct pipe_head){.kind = kind, .epoch = epoch, .sequence = sequence};
    out->count = out->at = 0;
    out->skip = 0;
}

/* The block that a message is read into begins on a page: its offsets are as aligned as addresses. */
static size_t gap_of(size_t at, size_t alignment, size_t phase)
{
    return (phase - at) & (alignment - 1);
}

void pipe_out_add_at(struct pipe_out *out, const void *data, size_t size, size_t alignment, size_t phase)
{
    static const char zeros[PIPE_PAGE];
    size_t gap = gap_of(out->head.size, alignment, phase);
    if (size == 0)
        return;
    if (gap)
        out->parts[out->count++] = (struct iovec){(void *)(uintptr_t)zeros, gap};
    out->parts[out->count++] = (struct iovec){(void *)(uintptr_t)data, size};
    out->head.size += gap + size;
}

void pipe_out_add(struct pipe_out *out, const void *data, size_t size)
{
    pipe_out_add_at(out, data, size, PIPE_ALIGN, 0);
}

/* The next packet's pieces behind `pieces`; moves `at` and `skip` on. Returns how many bytes that are. */
static size_t packet_gather(const struct pipe_out *out, int *at, size_t *skip, struct iovec *pieces, int *count)
{
    size_t left = PIPE_PAYLOAD;
    while (*at < out->count && left > 0) {
        const struct iovec *part = &out->parts[*at];
        size_t size = part->iov_len - *skip < left ? part->iov_len - *skip : left;
        pieces[(*count)++] = (struct iovec){(char *)part->iov_base + *skip, size};
        left -= size;
        *skip += size;
        if (*skip == part->iov_len) {
            *skip = 0;
            ++*at;
        }
    }
    return PIPE_PAYLOAD - left;
}

int pipe_out_send(struct pipe_out *out, int end)
{
    for (;;) {
        struct iovec pieces[PIPE_PARTS + 1];
        int count = 1, at = out->at;
        size_t skip = out->skip;
        pieces[0] = (struct iovec){&out->head, sizeof out->head};
        size_t size = packet_gather(out, &at, &skip, pieces, &count);
        if (writev(end, pieces, count) < 0) {
            if (errno == EINTR)
                continue;
            return errno == EAGAIN ? 0 : -errno;
        }
        out->at = at;
        out->skip = skip;
        out->head.offset += size;
        if (out->head.offset == out->head.size)
            return 1;
    }
}

/* ------------------------------------------------------------------------------------------------ in */

int pipe_in_open(struct pipe_in *in)
{
    *in = (struct pipe_in){.data = NULL};
    return pipe_room(&in->data, &in->room, PIPE_PAYLOAD);
}

void pipe_in_close(struct pipe_in *in)
{
    if (in->data)
        munmap(in->data, in->room);
    in->data = NULL;
    in->room = 0;
}

static bool is_continued(const struct pipe_in *in, const struct pipe_head *next)
{
    const struct pipe_head *head = &in->head;
    return next->offset == in->got && next->sequence == head->sequence && next->epoch == head->epoch &&
           next->kind == head->kind && next->size == head->size;
}

/* A message begins, wherever the one before it stopped. There is always room for one packet more than it needs. */
static void message_begin(struct pipe_in *in, const struct pipe_head *head, const char *payload, size_t size)
{
    memmove(in->data, payload, size);
    in->head = *head;
    in->got = 0;
    in->is_lost = head->size > SIZE_MAX / 4 || pipe_room(&in->data, &in->room, head->size + PIPE_PAYLOAD) != 0;
}

int pipe_in_read(struct pipe_in *in, int end)
{
    struct pipe_head head;
    char *payload = in->data + (in->is_lost || in->got >= in->head.size ? 0 : in->got);
    struct iovec pieces[] = {{&head, sizeof head}, {payload, PIPE_PAYLOAD}};
    ssize_t length = readv(end, pieces, 2);
    if (length < 0)
        return errno == EINTR ? 0 : -errno;
    if ((size_t)length < sizeof head)
        return -EPIPE; /* its end: no packet is that short */
    size_t size = (size_t)length - sizeof head;
    if (head.offset == 0) {
        message_begin(in, &head, payload, size);
    } else if (!is_continued(in, &head)) {
        in->got = 0; /* the rest of something whose beginning another reader has: no packet continues that */
        return 0;
    }
    in->got += size;
    if (in->got < head.size)
        return 0;
    return in->is_lost ? -ENOMEM : 1;
}

void *pipe_in_part_at(const struct pipe_in *in, size_t *at, size_t size, size_t alignment, size_t phase)
{
    size_t begin = *at + gap_of(*at, alignment, phase);
    if (size == 0)
        return NULL;
    *at = begin + size;
    return in->data + begin;
}

void *pipe_in_part(const struct pipe_in *in, size_t *at, size_t size)
{
    return pipe_in_part_at(in, at, size, PIPE_ALIGN, 0);
}
