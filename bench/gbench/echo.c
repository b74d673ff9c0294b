/* SPDX-License-Identifier: MIT
 *
 * The process that answers, and the four ways to reach it. cacheline: one word travels, the caller writes an odd
 * number, the other process the even one after it; a word of its own puts the other process to sleep, in a read from a
 * pipe. mailbox: a line of the caller's brings five numbers, a line of the other process brings back their sum; each
 * has a count beside the data, written last. futex: one word, and who waits for it sleeps in the kernel. pipe: bytes
 * there, bytes back, blocking reads. When this process ends, the pipes end too.
 */
#include "echo.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bound.h"
#include "relax.h"
#include "sys/machine.h"

#define ECHO_SLEEP      UINT64_MAX
#define ECHO_CHECK_MASK 0xfffffu  /* spins between two looks at whether the other process lives: milliseconds */
#define ECHO_CHECK_NS   100000000 /* the same for who sleeps */

#define MAIL_WORDS 5 /* 20 bytes: a row of howmany */

struct line {
    /* Odd: the caller's (release), the other process answers; even: answered (release). Each reads the other's with
     * acquire. */
    _Alignas(64) _Atomic uint64_t turn;
    _Alignas(64) _Atomic uint32_t word; /* of `futex`: the same, in the size that the kernel waits on */
    _Alignas(64) unsigned char there[ECHO_BYTES_MAX];
    unsigned char back[ECHO_BYTES_MAX];
    /* Counts: ECHO_SLEEP, or how many mails there were. Each is stored (release) after the words beside it, and read
     * (acquire) before them by the other process, which answers with the same count. */
    _Alignas(64) _Atomic uint64_t sent;
    uint32_t words[MAIL_WORDS];
    _Alignas(64) _Atomic uint64_t answered;
    uint32_t sum;
};

struct echo {
    const struct echo_means *means;
    struct line *line; /* shared with the other process */
    size_t bytes_there, bytes_back;
    uint64_t mails;
    pid_t child;
    int to, from;  /* this process's ends of the pipes to and from the other one */
    int theirs[2]; /* the other one's: to read, to write */
    int cpus[2];
    struct bound bound;
};

/* What a way consists of. begin and end: around a series of trips; NULL: the other process needs not to be told. Two
 * that spin need two CPUs. Where both sleep the caller is free to go where the kernel wakes it, as the caller of a pool
 * is: held on a CPU of its own it would wait for two wake-ups across CPUs, several times as long as any pool does. */
struct echo_means {
    bool binds_caller;
    void (*answer)(struct echo *echo); /* the other process's life; returns when the pipe to it ends */
    void (*begin)(struct echo *echo);
    void (*end)(struct echo *echo);
    bool (*trip)(struct echo *echo, uint64_t index); /* false: there is nobody to answer */
};

static bool is_gone(const struct echo *echo)
{
    return waitpid(echo->child, NULL, WNOHANG) != 0;
}

/* --------------------------------------------------------------------------------------- cache line */

/* No pause instruction: on recent CPUs it waits for longer than the line takes. */
static void line_answer(struct echo *echo)
{
    struct line *line = echo->line;
    char byte;
    while (read(echo->theirs[0], &byte, 1) == 1) {
        uint64_t turn = 0;
        while (turn != ECHO_SLEEP) {
            turn = atomic_load_explicit(&line->turn, memory_order_acquire); /* pairs with line_say() */
            if (turn & 1 && turn != ECHO_SLEEP)
                atomic_store_explicit(&line->turn, turn + 1, memory_order_release); /* pairs with line_say() */
        }
        atomic_store_explicit(&line->turn, 0, memory_order_release); /* asleep; pairs with line_say() */
    }
}

/* Writes a word and waits for the other process's answer. False: there is nobody to answer. */
static bool line_say(const struct echo *echo, uint64_t word, uint64_t expected)
{
    uint64_t spins = 0;
    atomic_store_explicit(&echo->line->turn, word, memory_order_release);             /* pairs with line_answer() */
    while (atomic_load_explicit(&echo->line->turn, memory_order_acquire) != expected) /* pairs with line_answer() */
        if ((++spins & ECHO_CHECK_MASK) == 0 && is_gone(echo))
            return false;
    return true;
}

static void line_begin(struct echo *echo)
{
    ssize_t written = write(echo->to, "", 1);
    if (written == 1)
        line_say(echo, 1, 2); /* it is awake, and on its CPU */
}

static void line_end(struct echo *echo)
{
    line_say(echo, ECHO_SLEEP, 0);
}

static bool line_trip(struct echo *echo, uint64_t index)
{
    return line_say(echo, 2 * index + 1, 2 * index + 2);
}

/* ------------------------------------------------------------------------------------------ mailbox */

static void mail_answer(struct echo *echo)
{
    struct line *line = echo->line;
    char byte;
    while (read(echo->theirs[0], &byte, 1) == 1) {
        uint64_t seen = atomic_load_explicit(&line->answered, memory_order_relaxed); /* nobody else writes it */
        while (seen != ECHO_SLEEP || atomic_load_explicit(&line->sent, memory_order_relaxed) != ECHO_SLEEP) {
            uint64_t sent = atomic_load_explicit(&line->sent, memory_order_acquire); /* pairs with mail_send() */
            if (sent == seen) {
                relax();
                continue;
            }
            uint32_t sum = 0;
            for (int i = 0; i < MAIL_WORDS; i++)
                sum += line->words[i];
            line->sum = sum;
            atomic_store_explicit(&line->answered, sent, memory_order_release); /* pairs with mail_await() */
            seen = sent;
        }
    }
}

static bool mail_await(const struct echo *echo, uint64_t count)
{
    uint64_t spins = 0;
    while (atomic_load_explicit(&echo->line->answered, memory_order_acquire) != count) { /* pairs with mail_answer() */
        if ((++spins & ECHO_CHECK_MASK) == 0 && is_gone(echo))
            return false;
        relax();
    }
    return true;
}

/* False: there is nobody to answer, or the answer is wrong. */
static bool mail_trip(struct echo *echo, uint64_t index)
{
    struct line *line = echo->line;
    uint32_t sum = 0, first = (uint32_t)index;
    for (uint32_t i = 0; i < MAIL_WORDS; i++) {
        line->words[i] = first + i;
        sum += first + i;
    }
    uint64_t count = ++echo->mails;
    atomic_store_explicit(&line->sent, count, memory_order_release); /* pairs with mail_answer() */
    return mail_await(echo, count) && line->sum == sum;
}

static void mail_begin(struct echo *echo)
{
    atomic_store_explicit(&echo->line->sent, ++echo->mails, memory_order_release); /* pairs with mail_answer() */
    if (write(echo->to, "", 1) == 1)
        mail_await(echo, echo->mails); /* it is awake, and on its CPU */
}

static void mail_end(struct echo *echo)
{
    atomic_store_explicit(&echo->line->sent, ECHO_SLEEP, memory_order_release); /* pairs with mail_answer() */
    mail_await(echo, ECHO_SLEEP);
}

/* -------------------------------------------------------------------------------------------- futex */

static void word_put(_Atomic uint32_t *word, uint32_t value)
{
    atomic_store_explicit(word, value, memory_order_release); /* pairs with the acquire of who waits for it */
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Sleeps while the word is `value`, for a while at most. */
static void word_sleep(_Atomic uint32_t *word, uint32_t value)
{
    static const struct timespec while_ns = {.tv_nsec = ECHO_CHECK_NS};
    syscall(SYS_futex, word, FUTEX_WAIT, value, &while_ns, NULL, 0);
}

static void futex_answer(struct echo *echo)
{
    _Atomic uint32_t *word = &echo->line->word;
    for (;;) {
        uint32_t value = atomic_load_explicit(word, memory_order_acquire); /* pairs with word_put() of the caller */
        if (value & 1)
            word_put(word, value + 1);
        else
            word_sleep(word, value);
    }
}

static bool futex_trip(struct echo *echo, uint64_t index)
{
    _Atomic uint32_t *word = &echo->line->word;
    uint32_t mine = atomic_load_explicit(word, memory_order_relaxed) + 1; /* nobody else writes between two trips */
    (void)index;
    word_put(word, mine);
    while (atomic_load_explicit(word, memory_order_acquire) == mine) { /* pairs with word_put() of the other process */
        word_sleep(word, mine);
        if (atomic_load_explicit(word, memory_order_relaxed) == mine && is_gone(echo))
            return false;
    }
    return true;
}

/* --------------------------------------------------------------------------------------------- pipe */

static void pipe_answer(struct echo *echo)
{
    struct line *line = echo->line;
    while (read(echo->theirs[0], line->there, echo->bytes_there) == (ssize_t)echo->bytes_there)
        if (write(echo->theirs[1], line->back, echo->bytes_back) < 0)
            return;
}

static bool pipe_trip(struct echo *echo, uint64_t index)
{
    unsigned char bytes[ECHO_BYTES_MAX] = {(unsigned char)index};
    return write(echo->to, bytes, echo->bytes_there) == (ssize_t)echo->bytes_there &&
           read(echo->from, bytes, echo->bytes_back) == (ssize_t)echo->bytes_back;
}

/* ------------------------------------------------------------------------------------------ its life */

static const struct echo_means means[] = {
    [ECHO_LINE] =
        {.binds_caller = true, .answer = line_answer, .begin = line_begin, .end = line_end, .trip = line_trip},
    [ECHO_MAILBOX] =
        {.binds_caller = true, .answer = mail_answer, .begin = mail_begin, .end = mail_end, .trip = mail_trip},
    [ECHO_FUTEX] = {.answer = futex_answer, .trip = futex_trip},
    [ECHO_PIPE] = {.answer = pipe_answer, .trip = pipe_trip},
};

/* Without the ends of this process that it inherits it would never see the pipe end. */
static _Noreturn void child_main(struct echo *echo, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    close(echo->to);
    close(echo->from);
    machine_bind_self(echo->cpus[1]);
    echo->means->answer(echo);
    _exit(0);
}

static int ends_open(struct echo *echo)
{
    int there[2], back[2];
    if (pipe(there))
        return -errno;
    echo->theirs[0] = there[0];
    echo->to = there[1];
    if (pipe(back))
        return -errno;
    echo->from = back[0];
    echo->theirs[1] = back[1];
    return 0;
}

static void end_close(int *end)
{
    if (*end >= 0)
        close(*end);
    *end = -1;
}

static size_t bytes_of(size_t bytes)
{
    return bytes == 0 ? 1 : bytes < ECHO_BYTES_MAX ? bytes : ECHO_BYTES_MAX;
}

int echo_open(struct echo **out, enum echo_way way, size_t bytes_there, size_t bytes_back)
{
    *out = NULL;
    int status = -ENOMEM;
    struct echo *echo = calloc(1, sizeof *echo);
    if (!echo)
        return status;
    echo->means = &means[way];
    echo->bytes_there = bytes_of(bytes_there);
    echo->bytes_back = bytes_of(bytes_back);
    echo->to = echo->from = echo->theirs[0] = echo->theirs[1] = -1;
    echo->line = mmap(NULL, sizeof *echo->line, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (echo->line != MAP_FAILED)
        status = machine_place(2, echo->cpus);
    if (status == 0 && echo->cpus[0] == echo->cpus[1])
        status = -ENOTSUP;
    if (status == 0)
        status = ends_open(echo);
    if (status == 0) {
        pid_t parent = getpid();
        echo->child = fork();
        if (echo->child < 0)
            status = -errno;
        if (echo->child == 0)
            child_main(echo, parent);
    }
    end_close(&echo->theirs[0]);
    end_close(&echo->theirs[1]);
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
    end_close(&echo->to); /* it reads the end of the pipe, and exits */
    end_close(&echo->from);
    if (echo->child > 0) {
        kill(echo->child, SIGKILL); /* other children may hold the pipe open */
        waitpid(echo->child, NULL, 0);
    }
    if (echo->line && echo->line != MAP_FAILED)
        munmap(echo->line, sizeof *echo->line);
    free(echo);
}

void echo_begin(struct echo *echo)
{
    echo->bound.is_bound = false;
    if (echo->means->binds_caller)
        bound_enter(&echo->bound, echo->cpus[0]);
    if (echo->means->begin)
        echo->means->begin(echo);
}

void echo_end(struct echo *echo)
{
    if (echo->means->end)
        echo->means->end(echo);
    bound_leave(&echo->bound);
}

int echo_run(struct echo *echo, size_t trips)
{
    for (uint64_t i = 0; i < trips; i++)
        if (!echo->means->trip(echo, i))
            return -EPIPE;
    return 0;
}
