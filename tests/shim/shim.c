/* SPDX-License-Identifier: MIT
 *
 * See shim.h. Each wrapper asks shim_fails(); what it then returns, and in errno, is what the kernel or the C library
 * would say where that resource has run out, or, where it cannot run out, where a signal came in between.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim_real.h"

static struct shim {
    _Atomic uint32_t hits, is_armed, class, k, calls[SHIM_CLASSES];
} * shim;

static _Atomic long live;

static const char *const names[] = {
    [SHIM_FORK] = "fork",     [SHIM_MMAP] = "mmap",     [SHIM_MEMFD] = "memfd", [SHIM_FALLOCATE] = "fallocate",
    [SHIM_THREAD] = "thread", [SHIM_PIDFD] = "pidfd",   [SHIM_FUTEX] = "futex", [SHIM_WRITE] = "write",
    [SHIM_FSYNC] = "fsync",   [SHIM_RENAME] = "rename", [SHIM_ALLOC] = "alloc", [SHIM_DESCRIPTOR] = "descriptor",
};

static const int reasons[] = {
    [SHIM_FORK] = EAGAIN,   [SHIM_MMAP] = ENOMEM,  [SHIM_MEMFD] = EMFILE, [SHIM_FALLOCATE] = ENOSPC,
    [SHIM_THREAD] = EAGAIN, [SHIM_PIDFD] = EMFILE, [SHIM_FUTEX] = EINTR,  [SHIM_WRITE] = ENOSPC,
    [SHIM_FSYNC] = EIO,     [SHIM_RENAME] = EIO,   [SHIM_ALLOC] = ENOMEM, [SHIM_DESCRIPTOR] = EMFILE,
};

/* ------------------------------------------------------------------------------------- arming */

__attribute__((constructor)) static void shim_begin(void)
{
    const char *order = getenv("GRAIN_SHIM"), *path = getenv("GRAIN_SHIM_FILE");
    int fd = path ? __real_open(path, O_RDWR | O_CLOEXEC) : -1;
    void *page = __real_mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    if (fd >= 0)
        close(fd);
    if (page == MAP_FAILED)
        abort();
    shim = page;
    for (int class = 0; order && class < SHIM_CLASSES; class ++) {
        size_t length = strlen(names[class]);
        if (strncmp(order, names[class], length) == 0 && order[length] == ':')
            shim_arm((enum shim_class) class, (unsigned)strtoul(order + length + 1, NULL, 10));
    }
}

const char *shim_name(enum shim_class class)
{
    return names[class];
}

void shim_arm(enum shim_class class, unsigned k)
{
    shim->hits = 0;
    shim->class = class;
    shim->k = k;
    for (int i = 0; i < SHIM_CLASSES; i++)
        shim->calls[i] = 0;
    shim->is_armed = 1;
}

void shim_disarm(void)
{
    shim->is_armed = 0;
}

unsigned shim_calls(enum shim_class class)
{
    return shim->calls[class];
}

bool shim_was_hit(void)
{
    return shim->hits > 0;
}

long shim_live(void)
{
    return live;
}

/* Counts a call; whether it is the one. */
static bool shim_fails(enum shim_class class)
{
    if (!shim || !shim->is_armed)
        return false;
    uint32_t number = ++shim->calls[class];
    if (class != shim->class || number != shim->k)
        return false;
    shim->hits++;
    errno = reasons[class];
    return true;
}

/* ------------------------------------------------------------------------- processes and threads */

pid_t __wrap_fork(void)
{
    return shim_fails(SHIM_FORK) ? -1 : __real_fork();
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*main)(void *), void *argument)
{
    return shim_fails(SHIM_THREAD) ? EAGAIN : __real_pthread_create(thread, attributes, main, argument);
}

/* A futex call cannot run out of anything: a wait ends early, a wake is done and says that it is not. */
long __wrap_syscall(long number, ...)
{
    long words[6];
    va_list rest;
    va_start(rest, number);
    for (int i = 0; i < 6; i++)
        words[i] = va_arg(rest, long);
    va_end(rest);
    bool is_wait = number == SYS_futex && (words[1] & ~FUTEX_PRIVATE_FLAG) == FUTEX_WAIT, fails = false;
    if (number == SYS_pidfd_open || number == SYS_futex)
        fails = shim_fails(number == SYS_futex ? SHIM_FUTEX : SHIM_PIDFD);
    if (fails && (is_wait || number == SYS_pidfd_open))
        return -1;
    long value = __real_syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
    if (fails)
        errno = EINTR;
    return fails ? -1 : value;
}

/* ----------------------------------------------------------------------------------------- memory */

static void *lived(void *block)
{
    live += block != NULL;
    return block;
}

void *__wrap_malloc(size_t size)
{
    return shim_fails(SHIM_ALLOC) ? NULL : lived(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return shim_fails(SHIM_ALLOC) ? NULL : lived(__real_calloc(count, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return shim_fails(SHIM_ALLOC) ? NULL : lived(__real_aligned_alloc(alignment, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    if (shim_fails(SHIM_ALLOC))
        return NULL;
    void *moved = __real_realloc(block, size);
    live += !block && moved;
    return moved;
}

void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
    if (shim_fails(SHIM_ALLOC))
        return NULL;
    void *moved = __real_reallocarray(block, count, size);
    live += !block && moved;
    return moved;
}

char *__wrap_strdup(const char *text)
{
    return shim_fails(SHIM_ALLOC) ? NULL : lived(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t size)
{
    return shim_fails(SHIM_ALLOC) ? NULL : lived(__real_strndup(text, size));
}

int __wrap_asprintf(char **text, const char *format, ...)
{
    va_list rest;
    *text = NULL;
    if (shim_fails(SHIM_ALLOC))
        return -1;
    va_start(rest, format);
    int length = vasprintf(text, format, rest);
    va_end(rest);
    live += length >= 0;
    return length;
}

ssize_t __wrap_getline(char **line, size_t *size, FILE *stream)
{
    bool is_new = !*line;
    if (is_new && shim_fails(SHIM_ALLOC))
        return -1;
    ssize_t length = __real_getline(line, size, stream);
    live += is_new && *line;
    return length;
}

FILE *__wrap_open_memstream(char **text, size_t *size)
{
    return shim_fails(SHIM_ALLOC) ? NULL : __real_open_memstream(text, size);
}

void __wrap_free(void *block)
{
    live -= block != NULL;
    __real_free(block);
}

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (shim_fails(SHIM_MMAP))
        return MAP_FAILED;
    void *block = __real_mmap(at, size, protection, flags, fd, offset);
    live += block != MAP_FAILED;
    return block;
}

void *__wrap_mremap(void *block, size_t old_size, size_t size, int flags, ...)
{
    return shim_fails(SHIM_MMAP) ? MAP_FAILED : __real_mremap(block, old_size, size, flags);
}

int __wrap_munmap(void *block, size_t size)
{
    live--;
    return __real_munmap(block, size);
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t size)
{
    return shim_fails(SHIM_FALLOCATE) ? -1 : __real_fallocate(fd, mode, offset, size);
}

/* ------------------------------------------------------------------------------------ descriptors */

int __wrap_memfd_create(const char *name, unsigned flags)
{
    return shim_fails(SHIM_MEMFD) ? -1 : __real_memfd_create(name, flags);
}

int __wrap_eventfd(unsigned value, int flags)
{
    return shim_fails(SHIM_DESCRIPTOR) ? -1 : __real_eventfd(value, flags);
}

int __wrap_signalfd(int fd, const sigset_t *mask, int flags)
{
    return shim_fails(SHIM_DESCRIPTOR) ? -1 : __real_signalfd(fd, mask, flags);
}

int __wrap_pipe2(int ends[2], int flags)
{
    return shim_fails(SHIM_DESCRIPTOR) ? -1 : __real_pipe2(ends, flags);
}

int __wrap_fcntl(int fd, int command, ...)
{
    va_list rest;
    va_start(rest, command);
    long argument = va_arg(rest, long);
    va_end(rest);
    return command == F_DUPFD_CLOEXEC && shim_fails(SHIM_DESCRIPTOR) ? -1 : __real_fcntl(fd, command, argument);
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    int mode = flags & O_CREAT ? va_arg(rest, int) : 0;
    va_end(rest);
    return shim_fails(SHIM_DESCRIPTOR) ? -1 : __real_open(path, flags, mode);
}

int __wrap_socketpair(int domain, int type, int protocol, int ends[2])
{
    return shim_fails(SHIM_DESCRIPTOR) ? -1 : __real_socketpair(domain, type, protocol, ends);
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
    return shim_fails(SHIM_DESCRIPTOR) ? NULL : __real_fopen(path, mode);
}

FILE *__wrap_fdopen(int fd, const char *mode)
{
    return shim_fails(SHIM_DESCRIPTOR) ? NULL : __real_fdopen(fd, mode);
}

/* ---------------------------------------------------------------------------------------- writing */

/* A file is full. A pipe is not: a signal came, or there is no room just now. An event that cannot be written has been
 * before: its descriptor is readable. */
static bool write_fails(int fd)
{
    struct stat info;
    if (!shim_fails(SHIM_WRITE))
        return false;
    if (fstat(fd, &info) == 0 && !S_ISREG(info.st_mode))
        errno = __real_fcntl(fd, F_GETFL, 0L) & O_NONBLOCK ? EAGAIN : EINTR;
    else
        errno = ENOSPC;
    return true;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    if (!write_fails(fd))
        return __real_write(fd, bytes, size);
    int reason = errno;
    if (reason == EAGAIN && size == sizeof(uint64_t))
        (void)!__real_write(fd, bytes, size);
    else if (reason == ENOSPC && size > 1) /* what still fits */
        return __real_write(fd, bytes, size / 2);
    errno = reason;
    return -1;
}

/* As an event: a byte that there is no room for need not be sent. */
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags)
{
    ssize_t sent = __real_send(fd, bytes, size, flags);
    bool fails = write_fails(fd);
    return fails ? -1 : sent;
}

ssize_t __wrap_writev(int fd, const struct iovec *pieces, int count)
{
    return write_fails(fd) ? -1 : __real_writev(fd, pieces, count);
}

int __wrap_fflush(FILE *stream)
{
    int status = __real_fflush(stream);
    return stream && shim_fails(SHIM_WRITE) ? EOF : status;
}

int __wrap_fclose(FILE *stream)
{
    bool fails = __fwritable(stream) && shim_fails(SHIM_WRITE);
    int status = __real_fclose(stream);
    if (fails)
        errno = ENOSPC;
    return fails ? EOF : status;
}

int __wrap_fsync(int fd)
{
    return shim_fails(SHIM_FSYNC) ? -1 : __real_fsync(fd);
}

int __wrap_rename(const char *from, const char *to)
{
    return shim_fails(SHIM_RENAME) ? -1 : __real_rename(from, to);
}

int __wrap_renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return shim_fails(SHIM_RENAME) ? -1 : __real_renameat(from_folder, from, to_folder, to);
}
