/* SPDX-License-Identifier: MIT
 *
 * unload LIBRARY: a program that loads the shared library, uses every backend, and closes it, twice, as one with
 * plug-ins does. Threads of OpenMP's runtime are there afterwards, and fork and exit call what was registered.
 */
#include <dlfcn.h>
#include <grain.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* By the functions themselves: the macros would want them linked. */
static struct {
    const char *(*backend_name)(size_t);
    int (*open)(struct grain_pool **, const struct grain_pool_options *);
    int (*map)(struct grain_pool *, grain_task_fn, struct grain_in, struct grain_out,
               const struct grain_call_options *);
    void (*free)(struct grain_pool *);
} grain;

static int twice(const void *arg, void *result, struct grain_context *ctx) {
    (void)ctx;
    *(int *)result = 2 * *(const int *)arg;
    return 0;
}

static int find(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol ? 0 : 1;
}

static int use(const char *backend) {
    enum { COUNT = 1000 };
    static int items[COUNT], results[COUNT];
    struct grain_pool *pool;
    for (int i = 0; i < COUNT; i++) {
        items[i] = i;
        results[i] = -1;
    }
    if (grain.open(&pool, &(struct grain_pool_options){.backend = backend, .workers = 2})) return 1;
    int status = grain.map(pool, twice, (struct grain_in){items, COUNT, sizeof *items},
                           (struct grain_out){results, sizeof *results}, NULL);
    grain.free(pool);
    for (int i = 0; i < COUNT && status == 0; i++) status = results[i] != 2 * i;
    return status ? 2 : 0;
}

int main(int argc, char **argv) {
    (void)argc;
    for (int round = 0; round < 2; round++) {
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (!library) {
            fprintf(stderr, "%s\n", dlerror());
            return 3;
        }
        if (find(library, "grain_backend_name", &grain.backend_name) || find(library, "grain_pool_open", &grain.open) ||
            find(library, "grain_map", &grain.map) || find(library, "grain_pool_free", &grain.free))
            return 4;
        const char *name;
        for (size_t i = 0; (name = grain.backend_name(i)); i++)
            if (use(name)) {
                fprintf(stderr, "backend %s\n", name);
                return 5;
            }
        if (dlclose(library)) return 6;
        /* It stays: its threads have nowhere else to return to. */
        library = dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
        if (!library) return 7;
        dlclose(library);
    }
    pid_t child = fork();
    if (child == 0) _exit(0);
    int status;
    return waitpid(child, &status, 0) == child && status == 0 ? 0 : 8;
}
