#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The command as a whole: help, unknown names, bad flags, exit codes, colour.
load helper

@test "help lists every subcommand, and each has a help text of its own" {
  run "$GRAIN" help
  [ "$status" -eq 0 ]
  for name in run sweep report plot list doctor; do
    [[ $output == *$'\n'"  $name "* ]]
    run "$GRAIN" help "$name"
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == "Usage: grain $name "* ]]
    [ "${#lines[@]}" -ge 8 ]
    local by_name=$output
    run "$GRAIN" "$name" --help
    [ "$status" -eq 0 ]
    [ "$output" = "$by_name" ]
    run "$GRAIN" help
  done
}

@test "no line of any help text is wider than 80 columns" {
  for name in "" run sweep report plot list doctor; do
    run "$GRAIN" help $name
    [ "$status" -eq 0 ]
    for line in "${lines[@]}"; do [ "${#line}" -le 80 ]; done
  done
}

@test "--version names a version, on the command and on subcommands" {
  run "$GRAIN" --version
  [ "$status" -eq 0 ]
  [[ $output =~ ^grain\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
  local version=$output
  run "$GRAIN" run --version
  [ "$output" = "$version" ]
}

@test "an unknown subcommand: exit 2, and the nearest name where one is near" {
  run --separate-stderr "$GRAIN" swep
  [ "$status" -eq 2 ]
  is_one_clear_line
  [[ $stderr == *"did you mean \`sweep'"* ]]
  run --separate-stderr "$GRAIN" frobnicate
  [ "$status" -eq 2 ]
  is_one_clear_line
  [[ $stderr != *"did you mean"* ]]
  run --separate-stderr "$GRAIN" help rnu
  [ "$status" -eq 2 ]
  [[ $stderr == *"did you mean \`run'"* ]]
}

@test "no subcommand, or a bad flag of the command itself: exit 2" {
  run --separate-stderr "$GRAIN"
  [ "$status" -eq 2 ]
  is_one_clear_line
  run --separate-stderr "$GRAIN" --frob run
  is_usage_error
  run --separate-stderr "$GRAIN" --color=sometimes list
  is_usage_error
}

@test "every subcommand refuses an unknown flag with exit 2 and names it" {
  for name in run sweep report plot list doctor; do
    run --separate-stderr "$GRAIN" "$name" --frobnicate
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [[ $stderr == *frobnicate* ]]
  done
}

@test "colour: only with --color=always, never through a pipe, into NO_COLOR or a dumb terminal" {
  local escape=$'\033['
  run "$GRAIN" run --rows 10
  [[ $output != *"$escape"* ]]
  run "$GRAIN" run --rows 10 --color=always
  [[ $output == *"$escape"* ]]
  command -v script >/dev/null || skip "no script(1) to make a terminal"
  TERM=xterm run script -qec "$GRAIN run --rows 10" /dev/null
  [[ $output == *"$escape"* ]]
  TERM=xterm NO_COLOR=1 run script -qec "$GRAIN run --rows 10" /dev/null
  [[ $output != *"$escape"* ]]
  TERM=dumb run script -qec "$GRAIN run --rows 10" /dev/null
  [[ $output != *"$escape"* ]]
  TERM=xterm run script -qec "$GRAIN run --rows 10 --color=never" /dev/null
  [[ $output != *"$escape"* ]]
}

@test "a full disk behind standard output is an error" {
  [ -e /dev/full ] || skip "no /dev/full"
  run bash -c '"$GRAIN" run --rows 10 >/dev/full'
  [ "$status" -eq 1 ]
  [[ $output == *"cannot write"* ]]
}

@test "list names every backend, call, schedule and kernel" {
  run "$GRAIN" list
  [ "$status" -eq 0 ]
  for word in serial fork pthread null apply map map_chunks static dynamic guided howmany compute empty quick full peak; do
    [[ $output == *$'\n'"  $word"* ]]
  done
  for line in "${lines[@]}"; do [ "${#line}" -le 80 ]; done
}

@test "list --json: what backends can do is what they do" {
  need_python
  "$GRAIN" list --json | python3 -c '
import json, sys
backends = {b["name"]: b for b in json.load(sys.stdin)["backends"]}
assert backends["serial"]["workers"] == "the caller"
assert backends["fork"]["workers"] == "processes" and not backends["fork"]["sees_later_changes"]
assert backends["pthread"]["workers"] == "threads" and backends["pthread"]["sees_later_changes"]
assert not backends["null"]["runs_tasks"]
assert "taskloop" not in backends["fork"]["schedules"] and "dynamic" in backends["fork"]["schedules"]
if "openmp" in backends:
    assert "taskloop" in backends["openmp"]["schedules"]
'
}

@test "doctor: every check has a verdict; warnings do not change the exit code" {
  run "$GRAIN" doctor -v
  # 77 where gnuplot is not installed
  [ "$status" -eq 0 ] || { [ "$status" -eq 77 ] && [[ $output == *$'\n'missing* ]]; }
  for check in "usable CPUs" "CPU quota" "clock source" load "steal time" memory "OpenMP variables" gnuplot; do
    [[ $output =~ (ok|note|warning|missing)\ +"$check" ]]
  done
  [ "$(grep -c 'why: ' <<<"$output")" -ge 12 ]
  for line in "${lines[@]}"; do [ "${#line}" -le 80 ]; done
}

@test "doctor sees OMP_ variables, one CPU, and a missing gnuplot" {
  OMP_PROC_BIND=true run "$GRAIN" doctor
  [[ $output =~ note\ +OpenMP\ variables\ +OMP_PROC_BIND ]]
  local cpu
  cpu=$(taskset -pc $$ | sed 's/.*: *\([0-9]*\).*/\1/')
  run taskset -c "$cpu" "$GRAIN" doctor
  [[ $output =~ usable\ CPUs\ +1\ of ]]
  PATH=/nonexistent run "$GRAIN" doctor
  [ "$status" -eq 77 ]
  [[ $output =~ missing\ +gnuplot ]]
}

@test "doctor --json is an array of checks" {
  need_python
  "$GRAIN" doctor --json | python3 -c '
import json, sys
checks = json.load(sys.stdin)
assert len(checks) >= 12
for check in checks:
    assert check["verdict"] in ("ok", "note", "warning", "missing"), check
    assert check["check"] and check["value"] and check["why"], check
    assert check["verdict"] == "ok" or check["remedy"], check
'
}
