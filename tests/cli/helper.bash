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

# The runs of a JSON file that satisfy a Python expression over r: one line each, what the second one gives.
runs() { python3 -c '
import json, sys
for r in json.load(open(sys.argv[1]))["benchmarks"]:
    if eval(sys.argv[2]): print(eval(sys.argv[3]))' "$1" "$2" "$3"; }

need_python() { command -v python3 >/dev/null || skip "no python3"; }

# Waits until a command succeeds, for a minute: how busy the machine is must not matter.
await() {
  local _
  for _ in {1..1200}; do
    "$@" && return 0
    sleep 0.05
  done
  echo "in vain: $*" && return 1
}

# Whether a file has so many lines.
has_lines() { # NUMBER FILE
  [ -e "$2" ] && [ "$(wc -l <"$2")" -ge "$1" ]
}

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
