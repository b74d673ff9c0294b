/* SPDX-License-Identifier: MIT
 *
 * For the contract programs in C++: tasks that throw, over items 0 to 39. Of every ten the fifth throws a
 * std::runtime_error, the eighth an int.
 */
#ifndef GRAIN_TESTS_THROWS_H
#define GRAIN_TESTS_THROWS_H

#include "contract.h"

#include <atomic>
#include <cstring>
#include <stdexcept>
#include <string>

namespace
{

const size_t count = 40;
int items[count], results[count], codes[count];

bool is_named(const char *name)
{
    return strcmp(backend, name) == 0;
}

void setup()
{
    for (size_t i = 0; i < count; i++) {
        items[i] = int(i);
        results[i] = -1;
        codes[i] = 0x5555;
    }
}

inline bool is_thrower(size_t i)
{
    return i % 10 == 4 || i % 10 == 7;
}

/* So that the stack has something to clean up. */
struct Alive {
    static std::atomic<int> now;
    Alive()
    {
        now++;
    }
    ~Alive()
    {
        now--;
    }
};
std::atomic<int> Alive::now;

int throws(const void *arg, void *result, grain_context *)
{
    Alive alive;
    int value = *static_cast<const int *>(arg);
    if (value % 10 == 4)
        throw std::runtime_error("no " + std::to_string(value));
    if (value % 10 == 7)
        throw value;
    *static_cast<int *>(result) = value;
    return 0;
}

int throws_star(const void *const args[], void *result, grain_context *ctx)
{
    return throws(args[0], result, ctx);
}

int throws_chunk(const void *in, void *out, size_t n, grain_context *ctx)
{
    for (size_t i = 0; i < n; i++)
        throws(static_cast<const int *>(in) + i, static_cast<int *>(out) + i, ctx);
    return 0;
}

grain_in in()
{
    return grain_in{items, count, sizeof items[0]};
}

grain_out out()
{
    return grain_out{results, sizeof results[0]};
}

} // namespace

#endif
