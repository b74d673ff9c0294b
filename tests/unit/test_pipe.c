/* SPDX-License-Identifier: MIT
 *
 * Messages over pipes: they arrive whole, whatever their size; what was torn is dropped and what follows is not; a full
 * pipe is no end; no end of a pipe takes the place of a standard stream.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>

#include "sys/pipe.h"

static void open_both(struct pipe_ends *ends, struct pipe_in *in)
{
    assert_int_equal(pipe_open(ends), 0);
    assert_int_equal(pipe_unblock(ends->read), 0);
    assert_int_equal(pipe_unblock(ends->write), 0);
    assert_int_equal(pipe_in_open(in), 0);
}

static void close_both(struct pipe_ends *ends, struct pipe_in *in)
{
    pipe_close(ends);
    pipe_in_close(in);
}

/* Sends and reads by turns, for both ends are this thread's. Returns what ended the message. */
static int carry(struct pipe_out *out, struct pipe_in *in, const struct pipe_ends *ends)
{
    int got, is_sent = 0;
    do {
        if (!is_sent)
            is_sent = pipe_out_send(out, ends->write);
        assert_in_range(is_sent, 0, 1);
        got = pipe_in_read(in, ends->read);
    } while (got == 0 || (got == -EAGAIN && !is_sent));
    return got;
}

static void messages_of_any_size_arrive_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, PIPE_PAYLOAD - 1, PIPE_PAYLOAD, PIPE_PAYLOAD + 1, 100000, 3000001};
    struct pipe_ends ends;
    struct pipe_in in;
    open_both(&ends, &in);
    char *data = malloc(3000001);
    for (size_t i = 0; i < 3000001; i++)
        data[i] = (char)(i * 7 + i / 251);
    for (uint64_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct pipe_out out;
        pipe_out_start(&out, 3, 4, i);
        pipe_out_add(&out, "hello", 5);
        pipe_out_add(&out, data, sizes[i]);
        pipe_out_add(&out, data + 1, sizes[i] / 2);
        assert_int_equal(carry(&out, &in, &ends), 1);
        assert_int_equal(in.head.kind, 3);
        assert_int_equal(in.head.epoch, 4);
        assert_int_equal(in.head.sequence, i);
        size_t at = 0;
        assert_memory_equal(pipe_in_part(&in, &at, 5), "hello", 5);
        const void *first = pipe_in_part(&in, &at, sizes[i]), *second = pipe_in_part(&in, &at, sizes[i] / 2);
        if (sizes[i] == 0) {
            assert_null(first);
            continue;
        }
        assert_int_equal((uintptr_t)first % PIPE_ALIGN, 0);
        assert_memory_equal(first, data, sizes[i]);
        if (sizes[i] > 1)
            assert_memory_equal(second, data + 1, sizes[i] / 2);
    }
    struct pipe_out empty;
    pipe_out_start(&empty, 9, 0, 0);
    assert_int_equal(carry(&empty, &in, &ends), 1);
    assert_int_equal(in.head.kind, 9);
    assert_int_equal(in.head.size, 0);
    free(data);
    close_both(&ends, &in);
}

static void room_of_a_large_message_goes_back(void **state)
{
    (void)state;
    const size_t size = 5000000;
    struct pipe_ends ends;
    struct pipe_in in;
    open_both(&ends, &in);
    char *data = malloc(size);
    for (size_t i = 0; i < size; i++)
        data[i] = (char)(i * 11 + i / 253);
    for (uint64_t round = 0; round < 6; round++) {
        struct pipe_out out;
        size_t at = 0, length = round % 2 ? 3000 : size;
        pipe_out_start(&out, 1, 0, round);
        pipe_out_add(&out, data, length);
        assert_int_equal(carry(&out, &in, &ends), 1);
        assert_memory_equal(pipe_in_part(&in, &at, length), data, length);
        assert_true(round % 2 ? in.room <= 1 << 20 : in.room >= size);
    }
    free(data);
    close_both(&ends, &in);
}

/* A writer that dies after some packets, and a reader that died after some: neither spoils the next message. */
static void what_was_torn_is_dropped(void **state)
{
    (void)state;
    struct pipe_ends ends;
    struct pipe_in in, heir;
    static char data[20 * PIPE_PACKET];
    open_both(&ends, &in);
    assert_int_equal(pipe_in_open(&heir), 0);
    for (uint64_t round = 0; round < 20; round++) {
        struct pipe_out torn, whole;
        memset(data, 'a', sizeof data);
        pipe_out_start(&torn, 1, 1, 2 * round);
        pipe_out_add(&torn, data, sizeof data);
        assert_int_equal(pipe_out_send(&torn, ends.write), 0); /* full: the rest never follows */
        for (uint64_t packet = 0; packet < round % 5; packet++)
            assert_int_equal(pipe_in_read(&in, ends.read), 0);
        struct pipe_in *reader = round % 2 ? &heir : &in; /* the heir sees a rest without its beginning */
        int got;
        while ((got = pipe_in_read(reader, ends.read)) == 0)
            ;
        assert_int_equal(got, -EAGAIN);
        memset(data, 'b', sizeof data);
        pipe_out_start(&whole, 1, 1, 2 * round + 1);
        pipe_out_add(&whole, data, sizeof data);
        assert_int_equal(carry(&whole, reader, &ends), 1);
        assert_int_equal(reader->head.sequence, 2 * round + 1);
        assert_memory_equal(reader->data, data, sizeof data);
    }
    pipe_in_close(&heir);
    close_both(&ends, &in);
}

static void what_has_no_room_is_lost_alone(void **state)
{
    (void)state;
    struct pipe_ends ends;
    struct pipe_in in;
    static char data[3 * PIPE_PACKET];
    open_both(&ends, &in);
    struct pipe_out huge, next;
    pipe_out_start(&huge, 1, 0, 1);
    pipe_out_add(&huge, data, sizeof data);
    huge.head.size = UINT64_MAX; /* nobody has that much room: it goes on, empty, until the pipe is full */
    assert_int_equal(pipe_out_send(&huge, ends.write), 0);
    int got;
    while ((got = pipe_in_read(&in, ends.read)) == 0)
        ;
    assert_int_equal(got, -EAGAIN);
    assert_true(in.is_lost);
    pipe_out_start(&next, 1, 0, 2);
    pipe_out_add(&next, "next", 4);
    assert_int_equal(carry(&next, &in, &ends), 1);
    assert_memory_equal(in.data, "next", 4);
    close_both(&ends, &in);
}

static void no_end_is_a_standard_stream(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct pipe_ends ends;
        close(0);
        close(1);
        close(2);
        int status = pipe_open(&ends);
        _exit(status || ends.read < 3 || ends.write < 3 || fcntl(0, F_GETFD) >= 0 || fcntl(1, F_GETFD) >= 0 ? 1 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_any_size_arrive_whole), cmocka_unit_test(room_of_a_large_message_goes_back),
        cmocka_unit_test(what_was_torn_is_dropped),          cmocka_unit_test(what_has_no_room_is_lost_alone),
        cmocka_unit_test(no_end_is_a_standard_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
