/* SPDX-License-Identifier: MIT
 *
 * The process behind `floor/cacheline`. One word travels: the caller writes an odd number, the other process the even
 * one after it. A word of its own puts the other process to sleep, in a read from a pipe; when this process ends, the
 * pipe ends too.
 */
#include "echo.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bound.h"
#include "machine/machine.h"

#define ECHO_SLEEP      UINT64_MAX
#define ECHO_CHECK_MASK 0xfffffu /* spins between two looks at whether the other process lives: milliseconds */

struct line {
    /* Odd: the caller's (release), the other process answers; even: answered (release). Each reads the other's with
     * acquire. */
    _Alignas(64) _Atomic uint64_t turn;
};

struct echo {
    struct line *line; /* shared with the other process */
    pid_t child;
    int wake; /* the pipe's end to write to */
    int cpus[2];
    struct bound bound;
};

/* No pause instruction: on recent CPUs it waits for longer than the line takes. */
static void answer(struct line *line)
{
    uint64_t turn = 0;
    while (turn != ECHO_SLEEP) {
        turn = atomic_load_explicit(&line->turn, memory_order_acquire); /* pairs with echo_run(), echo_end() */
        if (turn & 1 && turn != ECHO_SLEEP)
            atomic_store_explicit(&line->turn, turn + 1, memory_order_release); /* pairs with echo_run() */
    }
    atomic_store_explicit(&line->turn, 0, memory_order_release); /* asleep; pairs with echo_end() */
}

static _Noreturn void child_main(struct echo *echo, int wake, pid_t parent)
{
    char byte;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    machine_bind_self(echo->cpus[1]);
    while (read(wake, &byte, 1) == 1)
        answer(echo->line);
    _exit(0);
}

int echo_open(struct echo **out)
{
    *out = NULL;
    int ends[2] = {-1, -1}, status = -ENOMEM;
    struct echo *echo = calloc(1, sizeof *echo);
    if (!echo)
        return status;
    echo->wake = -1;
    echo->line = mmap(NULL, sizeof *echo->line, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (echo->line != MAP_FAILED)
        status = machine_place(2, echo->cpus);
    if (status == 0 && echo->cpus[0] == echo->cpus[1])
        status = -ENOTSUP;
    if (status == 0 && pipe(ends))
        status = -errno;
    if (status == 0) {
        pid_t parent = getpid();
        echo->wake = ends[1];
        echo->child = fork();
        if (echo->child < 0)
            status = -errno;
        if (echo->child == 0) {
            close(ends[1]);
            child_main(echo, ends[0], parent);
        }
        close(ends[0]);
    }
    if (status)
        echo_close(echo);
    else
        *out = echo;
    return status;
}

void echo_close(struct echo *echo)
{
    if (!echo)
        return;
    if (echo->wake >= 0)
        close(echo->wake); /* it reads the end of the pipe, and exits */
    if (echo->child > 0) {
        kill(echo->child, SIGKILL); /* other children may hold the pipe open */
        waitpid(echo->child, NULL, 0);
    }
    if (echo->line && echo->line != MAP_FAILED)
        munmap(echo->line, sizeof *echo->line);
    free(echo);
}

/* Writes a word and waits for the other process's answer. False: there is nobody to answer. */
static bool say(const struct echo *echo, uint64_t word, uint64_t expected)
{
    uint64_t spins = 0;
    atomic_store_explicit(&echo->line->turn, word, memory_order_release);             /* pairs with answer() */
    while (atomic_load_explicit(&echo->line->turn, memory_order_acquire) != expected) /* pairs with answer() */
        if ((++spins & ECHO_CHECK_MASK) == 0 && waitpid(echo->child, NULL, WNOHANG) != 0)
            return false;
    return true;
}

void echo_begin(struct echo *echo)
{
    bound_enter(&echo->bound, echo->cpus[0]);
    ssize_t written = write(echo->wake, "", 1);
    if (written == 1)
        say(echo, 1, 2); /* it is awake, and on its CPU */
}

void echo_end(struct echo *echo)
{
    say(echo, ECHO_SLEEP, 0);
    bound_leave(&echo->bound);
}

int echo_run(struct echo *echo, size_t trips)
{
    for (uint64_t i = 0; i < trips; i++)
        if (!say(echo, 2 * i + 1, 2 * i + 2))
            return -EPIPE;
    return 0;
}
