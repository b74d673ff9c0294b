# SPDX-License-Identifier: MIT
#
# What the tests of the command share. CTest sets GRAIN_SOURCE and GRAIN_BINARY.
# shellcheck shell=bash
bats_require_minimum_version 1.5.0

GRAIN=$GRAIN_BINARY/bench/grain
export GRAIN
unset NO_COLOR GRAIN_BACKEND "${!OMP_@}"

# The backends of this build that run tasks.
backends() { "$GRAIN" list --json | python3 -c '
import json, sys
print(*[b["name"] for b in json.load(sys.stdin)["backends"] if b["runs_tasks"]])'; }

need_python() { command -v python3 >/dev/null || skip "no python3"; }

# One line on standard error, nothing on standard output (after run --separate-stderr).
is_one_clear_line() {
  [ -z "$output" ]
  [ "${#stderr_lines[@]}" -eq 1 ]
  [ -n "$stderr" ]
}

# A usage error: the reason, then argp's hint.
is_usage_error() {
  [ "$status" -eq 2 ]
  [ -z "$output" ]
  [[ ${stderr_lines[1]} == "Try \`"* ]]
}
