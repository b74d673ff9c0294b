/* SPDX-License-Identifier: MIT
 *
 * Owner: a process knows its own number, and that of no other. Linked with --wrap, so that the kernel can be one that
 * wipes no pages.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "sys/owner.h"

static bool wipes_pages = true;

int __real_madvise(void *memory, size_t size, int advice);
int __wrap_madvise(void *memory, size_t size, int advice);

int __wrap_madvise(void *memory, size_t size, int advice)
{
    if (advice != MADV_WIPEONFORK || wipes_pages)
        return __real_madvise(memory, size, advice);
    errno = EINVAL;
    return -1;
}

/* Exit code 0: a child, with its own number or without one, is not taken for an ancestor, and knows itself. */
static int descend(uint64_t ancestor, int generations)
{
    if (owner_is_self(ancestor))
        return 1;
    uint64_t own = owner_self();
    if (own == ancestor || own != owner_self() || !owner_is_self(own) || owner_is_self(ancestor))
        return 2;
    if (generations == 0)
        return 0;
    pid_t child = fork();
    if (child == 0)
        _exit(owner_is_self(own) ? 3 : descend(ancestor, generations - 1));
    int status;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return 4;
    return owner_is_self(own) ? WEXITSTATUS(status) : 5;
}

static void children_differ(void)
{
    uint64_t own = owner_self();
    assert_true(owner_is_self(own));
    assert_true(owner_self() == own);
    pid_t child = fork();
    if (child == 0)
        _exit(descend(own, 3));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(owner_is_self(own));
}

static void test_without_page(void **state)
{
    (void)state;
    wipes_pages = false;
    children_differ();
    assert_true(owner_self() & OWNER_IS_PID);
    wipes_pages = true;
}

/* What was named while there was no page stays right when there is one. */
static void test_with_page(void **state)
{
    (void)state;
    wipes_pages = false;
    uint64_t before = owner_self();
    wipes_pages = true;
    children_differ();
    assert_false(owner_self() & OWNER_IS_PID);
    assert_true(owner_is_self(before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_page),
        cmocka_unit_test(test_with_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
