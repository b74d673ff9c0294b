#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# `grain doctor` and OpenMP's regions: teams that were made to suffer, and what it says about them. No time is looked at:
# where threads may run is told by their masks, however quick they are.
load helper

setup() {
  need_python
  "$GRAIN" doctor --regions >/dev/null || skip "no OpenMP in this build"
}

# Runs `grain doctor --json` with variables set and a command in front.
ask() { # [VARIABLE=VALUE...] [COMMAND...]
  env "$@" "$GRAIN" doctor --json >"$BATS_TEST_TMPDIR/findings.json" || [ $? -eq 77 ]
}

# A field of one check.
finding() { # CHECK FIELD
  python3 -c '
import json, sys
found = [c for c in json.load(open(sys.argv[3])) if c["check"] == sys.argv[1]]
assert len(found) == 1, sys.argv[1]
print(found[0][sys.argv[2]])
' "$1" "$2" "$BATS_TEST_TMPDIR/findings.json"
}

need_two_cpus() {
  [ "$(nproc)" -ge 2 ] || skip "one CPU"
}

@test "every way to wait and to bind is measured, and has a verdict" {
  OMP_DISPLAY_ENV=false run "$GRAIN" doctor
  for way in regions "as shipped" bound spinning sleeping; do
    [[ $output =~ (ok|note|warning)\ +OpenMP\ "$way"\ +[0-9.]+\ [um]s\ \(worst ]]
  done
  for line in "${lines[@]}"; do [ "${#line}" -le 80 ]; done
}

@test "--regions measures in the very process, as it is told" {
  OMP_NUM_THREADS=3 run --separate-stderr "$GRAIN" doctor --regions
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
  python3 -c '
import json, sys
regions = json.loads(sys.argv[1])
assert regions["threads"] == 3 and 3 <= regions["regions"] <= 100, regions
assert 0 < regions["median_us"] <= regions["worst_us"] and regions["loop_us"] > 0, regions
' "$output"
}

@test "two threads that spin on the only CPU: a warning that says why" {
  local cpu
  cpu=$(taskset -pc $$ | sed 's/.*: *\([0-9]*\).*/\1/')
  ask OMP_NUM_THREADS=2 OMP_WAIT_POLICY=active taskset -c "$cpu"
  [ "$(finding "OpenMP regions" verdict)" = warning ]
  [[ $(finding "OpenMP regions" explanation) == *"2 threads share 1 usable CPU: "* ]]
  [[ $(finding "OpenMP regions" remedy) == *OMP_WAIT_POLICY=passive* ]]
}

@test "a team that variables bind to one CPU is a warning; bound by the runtime alone it is not" {
  need_two_cpus
  local cpu usable
  ask A=B
  usable=$(finding "usable CPUs" value)
  cpu=$(taskset -pc $$ | sed 's/.*: *\([0-9]*\).*/\1/')
  for way in GOMP_CPU_AFFINITY="$cpu" OMP_PLACES="{$cpu}"; do
    ask "$way" OMP_NUM_THREADS=2
    [ "$(finding "OpenMP regions" verdict)" = warning ]
    [[ $(finding "OpenMP regions" explanation) == *"All 2 threads of the team may run on 1 CPU only, though "* ]]
    [[ $(finding "OpenMP regions" remedy) == *OMP_PLACES* ]]
    [[ $(finding "OpenMP bound" explanation) != *"may run on 1 CPU"* ]]
    # what the runtime did to the first thread's mask is not taken for the machine's
    [ "$(finding "usable CPUs" value)" = "$usable" ]
  done
}

@test "warnings about regions do not change the exit code" {
  OMP_NUM_THREADS=3 OMP_WAIT_POLICY=active run taskset -c "$(taskset -pc $$ | sed 's/.*: *\([0-9]*\).*/\1/')" "$GRAIN" doctor
  [[ $output =~ warning\ +OpenMP\ regions ]]
  # 77 where gnuplot is not installed
  [ "$status" -eq 0 ] || { [ "$status" -eq 77 ] && [[ $output == *$'\n'missing* ]]; }
}
