/* SPDX-License-Identifier: MIT
 *
 * What it costs a forked process to come to memory that it shares and that its parent has filled: a page at a time,
 * read or written first, or mapped ahead with one call. The first touch of what was mapped ahead is what is left when
 * the kernel has done its part: nothing on most machines, microseconds where a hypervisor keeps page tables of its own
 * ("shadow") and fills them at each process's first touch. See docs/decisions.md.
 *
 * cc -O2 -o first_touch first_touch.c && ./first_touch [MIB]
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define PAGE ((size_t)4096)

struct moment {
    double us;
    long faults;
};

static struct moment now(void)
{
    struct timespec time;
    struct rusage usage;
    clock_gettime(CLOCK_MONOTONIC, &time);
    getrusage(RUSAGE_SELF, &usage);
    return (struct moment){(double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3, usage.ru_minflt};
}

static void touch(volatile char *memory, size_t bytes, int writes)
{
    for (size_t i = 0; i < bytes; i += PAGE)
        if (writes)
            memory[i] = 2;
        else
            (void)memory[i];
}

/* In a child of its own, whose page tables are empty. advice 0: none. */
static void measure(char *memory, size_t bytes, const char *name, int advice, int writes)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid > 0)
        waitpid(pid, NULL, 0);
    if (pid != 0)
        return;
    double pages = (double)bytes / PAGE;
    struct moment begin = now();
    if (advice)
        madvise(memory, bytes, advice);
    struct moment mapped = now();
    touch(memory, bytes, writes);
    struct moment first = now();
    touch(memory, bytes, writes);
    struct moment second = now();
    printf("%-26s map ahead %6.3f us a page (%.2f faults), first touch %6.3f (%.2f), second %6.3f\n", name,
           (mapped.us - begin.us) / pages, (double)(mapped.faults - begin.faults) / pages,
           (first.us - mapped.us) / pages, (double)(first.faults - mapped.faults) / pages,
           (second.us - first.us) / pages);
    fflush(stdout);
    _exit(0);
}

int main(int argc, char **argv)
{
    size_t bytes = (size_t)(argc > 1 ? atoi(argv[1]) : 16) << 20;
    int fd = memfd_create("first_touch", 0);
    if (bytes == 0 || fd < 0 || ftruncate(fd, (off_t)bytes) || fallocate(fd, 0, 0, (off_t)bytes))
        return 1;
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return 1;
    memset(memory, 1, bytes);
    for (int round = 0; round < 3; round++) {
        measure(memory, bytes, "read", 0, 0);
        measure(memory, bytes, "written", 0, 1);
        measure(memory, bytes, "mapped for reading, read", MADV_POPULATE_READ, 0);
        measure(memory, bytes, "mapped for reading, written", MADV_POPULATE_READ, 1);
        measure(memory, bytes, "mapped for writing, written", MADV_POPULATE_WRITE, 1);
    }
    return 0;
}
