/* SPDX-License-Identifier: MIT
 *
 * What a backend cannot do: backend, behaviour, reason. Every contract program prints this table.
 */
static const struct limit {
    const char *backend, *behaviour, *reason;
} limits[] = {
    {"null", "runs tasks", "it says done without running anything: the floor"},
    {"serial", "parallel", "the caller runs every task itself"},
    {"null", "parallel", "there are no workers"},
    {"serial", "cancel", "a call runs in the caller's thread: there is nothing to wait for"},
    {"null", "cancel", "a call takes no time"},
};
