/* SPDX-License-Identifier: MIT
 *
 * Put in front of every source of a team (-include) when it is built for the model test: each atomic
 * access becomes a point where the driver may let another worker go on, or kill this one, and a breath of
 * a waiting loop becomes a step. So no two accesses to memory that workers share pass unseen, whatever
 * points the code names itself. The accesses themselves stay what they are, but a store may go into the thread's store
 * buffer instead (model_points.c).
 */
#ifndef GRAIN_TESTS_MODEL_ATOMIC_H
#define GRAIN_TESTS_MODEL_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

void model_load(const char *function, const char *what, const volatile void *object);
void model_write(const char *function, const char *what, const volatile void *object);
bool model_store(const char *function, const char *what, const volatile void *object, const volatile void *value,
                 size_t size);
void model_fence(const char *function, const char *what);
void model_breathe(unsigned turn);

#define MODEL_LOAD(object)        model_load(__func__, "load " #object, object)
#define MODEL_WRITE(what, object) model_write(__func__, what " " #object, object)

/* The value comes first: it may be loaded from elsewhere. */
#define MODEL_STORE(real, object, value, order)                                                                        \
    __extension__({                                                                                                    \
        __typeof__(*(object)) model_value = (value);                                                                   \
        if (model_store(__func__, "store " #object, object, &model_value, sizeof model_value))                         \
            real(object, model_value, order);                                                                          \
    })

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_or_explicit
#undef atomic_fetch_and_explicit
#undef atomic_exchange_explicit
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak_explicit
#undef atomic_thread_fence

#define atomic_thread_fence(order) model_fence(__func__, "fence")

/* What is not _Atomic is accessed by the compiler's own names, in both compilers; in gcc the others are the same. A macro
 * is not expanded within itself: what stands on the right is the real one. */
#define __atomic_load_n(object, order)         (MODEL_LOAD(object), __atomic_load_n(object, order))
#define __atomic_store_n(object, value, order) MODEL_STORE(__atomic_store_n, object, value, order)
#define __atomic_fetch_add(object, ...)        (MODEL_WRITE("add", object), __atomic_fetch_add(object, __VA_ARGS__))
#define __atomic_fetch_sub(object, ...)        (MODEL_WRITE("subtract", object), __atomic_fetch_sub(object, __VA_ARGS__))
#define __atomic_fetch_or(object, ...)         (MODEL_WRITE("or", object), __atomic_fetch_or(object, __VA_ARGS__))
#define __atomic_fetch_and(object, ...)        (MODEL_WRITE("and", object), __atomic_fetch_and(object, __VA_ARGS__))
#define __atomic_exchange_n(object, ...)       (MODEL_WRITE("exchange", object), __atomic_exchange_n(object, __VA_ARGS__))
#define __atomic_compare_exchange_n(object, ...)                                                                       \
    (MODEL_WRITE("swap", object), __atomic_compare_exchange_n(object, __VA_ARGS__))

#ifdef __clang__
#define atomic_load_explicit(object, order)         (MODEL_LOAD(object), __c11_atomic_load(object, order))
#define atomic_store_explicit(object, value, order) MODEL_STORE(__c11_atomic_store, object, value, order)
#define atomic_fetch_add_explicit(object, ...)      (MODEL_WRITE("add", object), __c11_atomic_fetch_add(object, __VA_ARGS__))
#define atomic_fetch_sub_explicit(object, ...)                                                                         \
    (MODEL_WRITE("subtract", object), __c11_atomic_fetch_sub(object, __VA_ARGS__))
#define atomic_fetch_or_explicit(object, ...)  (MODEL_WRITE("or", object), __c11_atomic_fetch_or(object, __VA_ARGS__))
#define atomic_fetch_and_explicit(object, ...) (MODEL_WRITE("and", object), __c11_atomic_fetch_and(object, __VA_ARGS__))
#define atomic_exchange_explicit(object, ...)                                                                          \
    (MODEL_WRITE("exchange", object), __c11_atomic_exchange(object, __VA_ARGS__))
#define atomic_compare_exchange_strong_explicit(object, ...)                                                           \
    (MODEL_WRITE("swap", object), __c11_atomic_compare_exchange_strong(object, __VA_ARGS__))
#else
#define atomic_load_explicit(object, order)         __atomic_load_n(object, order)
#define atomic_store_explicit(object, value, order) __atomic_store_n(object, value, order)
#define atomic_fetch_add_explicit(object, ...)      __atomic_fetch_add(object, __VA_ARGS__)
#define atomic_fetch_sub_explicit(object, ...)      __atomic_fetch_sub(object, __VA_ARGS__)
#define atomic_fetch_or_explicit(object, ...)       __atomic_fetch_or(object, __VA_ARGS__)
#define atomic_fetch_and_explicit(object, ...)      __atomic_fetch_and(object, __VA_ARGS__)
#define atomic_exchange_explicit(object, ...)       __atomic_exchange_n(object, __VA_ARGS__)
#define atomic_compare_exchange_strong_explicit(object, expected, desired, success, failure)                           \
    __atomic_compare_exchange_n(object, expected, desired, false, success, failure)
#endif
/* A weak swap that fails for no reason only goes round its loop again. */
#define atomic_compare_exchange_weak_explicit atomic_compare_exchange_strong_explicit

/* Behind what stands above: the waiting loop's own accesses are points too. */
#define cpu_relax(turn) model_breathe(turn)
#include "sys/futex.h"

#endif
