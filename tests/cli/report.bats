#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# grain report: what it prints, which exit codes it has, and that a bad folder stays as it was.

bats_require_minimum_version 1.5.0

setup() {
  grain="$GRAIN_BINARY/bench/grain"
  dir="$BATS_TEST_TMPDIR/sweep"
  mkdir "$dir"
}

# env.json, and three rounds of two cells: apply costs 9000 ns a task, the serial callback 3 ns a row.
make_sweep() {
  local round
  echo '{"usable_cpus": 2, "profile": "quick", "cpu_model": "Example CPU", "command": "grain sweep"}' >"$dir/env.json"
  for round in 0 1 2; do
    sample "howmany/fork/apply/-/chunk:1/workers:2/rows:200000/data:shared/start:warm" "$round" 2000 1800000"$round"
    sample "howmany/serial/loop/-/chunk:0/workers:1/rows:200000/data:shared/start:warm" "$round" 200000 40000"$round"
  done >"$dir/samples.jsonl"
}

sample() {
  printf '{"cell": "%s", "round": %d, "status": "ok", "iterations": 1, "tasks": %d, "times_ns": [%d], ' "$1" "$2" "$3" "$4"
  printf '"loop_ns": [400000], "callback_ns": [600000], "cpu_ns": 1.0, "workers_cpu_ns": 0.0, "handovers": 1.0, '
  printf '"steals": 0.0, "steal_pct": 0.0, "involuntary": 0.0, "load": 0.5, "message": ""}\n'
}

@test "report writes its three files and prints the finding and a table" {
  make_sweep
  run "$grain" report "$dir"
  [ "$status" -eq 0 ]
  [[ "$output" == *"Not shown: fork apply takes 3000 x"* ]]
  [[ "$output" == *"| the notebook "* ]]
  [ -s "$dir/summary.csv" ]
  [ -s "$dir/claims.json" ]
  [ -s "$dir/RESULTS.md" ]
  grep -q '^# QUICK: ' "$dir/RESULTS.md"
  [ "$(wc -l <"$dir/summary.csv")" -eq 3 ]
}

@test "sweeps inside the folder, core, growth and calls, have their parts on the page; a broken one is refused" {
  make_sweep
  "$grain" report -q "$dir"
  run ! grep -E '^## (The pool|Growth|All calls|What the tutorial)' "$dir/RESULTS.md"
  mkdir "$dir/core" "$dir/growth" "$dir/calls"
  echo '{"usable_cpus": 2, "profile": "core", "cpu_model": "Other CPU", "commit": "abc"}' | tee "$dir/core/env.json" "$dir/calls/env.json" >"$dir/growth/env.json"
  local round rows
  for round in 0 1 2; do
    sample "howmany/fork/map/steal/chunk:1/workers:2/rows:200000/data:shared/start:warm" "$round" 200000 30000"$round"
  done >"$dir/core/samples.jsonl"
  for rows in 1000 2000; do
    sample "compute:1/pthread/map/steal/chunk:1/workers:2/rows:$rows/data:shared/start:warm" 0 "$rows" "$((rows * 4))"
  done >"$dir/growth/samples.jsonl"
  for round in 0 1 2; do
    sample "howmany/fork/apply/-/chunk:0/workers:2/rows:200000/data:shared/start:warm" "$round" 2000 180000"$round"
    sample "howmany/fork/apply_async/-/chunk:0/workers:2/rows:200000/data:shared/start:warm" "$round" 200000 1000000"$round"
  done >"$dir/calls/samples.jsonl"
  cp "$dir/claims.json" "$BATS_TEST_TMPDIR"
  "$grain" report -q "$dir"
  grep -A2 "^## The pool's core" "$dir/RESULTS.md" | grep "^A sweep of its own: Other CPU, 2 usable CPUs, .*profile core, commit abc, 3 rounds a cell"
  grep '^| fork: map, steal, chunk 1, .*| holds' "$dir/RESULTS.md"
  grep -E '^\| pthread +\| +2000 \| +2 \| +4.00 \| +- \| +1.00 \|' "$dir/RESULTS.md"
  grep -A2 "^## All calls" "$dir/RESULTS.md" | grep "^A sweep of its own: Other CPU"
  grep -E '^\| apply +\| +- \| +- \| +- \| +~180 \| +900 ' "$dir/RESULTS.md"
  grep -E '^\| apply_async is faster than apply +\| fork +\| +18.0 \|.*\| holds ' "$dir/RESULTS.md"
  grep -F '(figures/fig_calls.svg)' "$dir/RESULTS.md"
  cmp "$dir/claims.json" "$BATS_TEST_TMPDIR/claims.json" # the folder's own
  [ ! -e "$dir/core/RESULTS.md" ]
  echo '[' >"$dir/core/env.json"
  run --separate-stderr "$grain" report "$dir"
  [ "$status" -eq 2 ]
  [[ $stderr == *core/env.json* ]]
}

@test "every line of the terminal fits into 80 columns" {
  make_sweep
  run --separate-stderr "$grain" report "$dir"
  for line in "${lines[@]}"; do
    [ "${#line}" -le 80 ]
  done
}

@test "the same folder gives the same bytes" {
  make_sweep
  "$grain" report -q "$dir"
  cp "$dir/RESULTS.md" "$dir/claims.json" "$dir/summary.csv" "$BATS_TEST_TMPDIR"
  "$grain" report -q "$dir"
  for file in RESULTS.md claims.json summary.csv; do
    cmp "$dir/$file" "$BATS_TEST_TMPDIR/$file"
  done
}

@test "--finding prints the finding alone, --json the claims alone" {
  make_sweep
  run --separate-stderr "$grain" report --finding -q "$dir"
  [ "$status" -eq 0 ]
  [ "${#lines[@]}" -ge 3 ]
  [[ "$output" != *"|"* ]]
  run --separate-stderr "$grain" report --json -q "$dir"
  [ "$status" -eq 0 ]
  [ "$output" = "$(cat "$dir/claims.json")" ]
  [[ "$output" == *'"fork-apply-slower-than-loop"'* ]]
  run "$grain" report --json --finding "$dir"
  [ "$status" -eq 2 ]
}

@test "a folder that is no sweep is one line and exit 2, and stays as it was" {
  run "$grain" report
  [ "$status" -eq 2 ]
  run "$grain" report "$dir/nothing-here"
  [ "$status" -eq 2 ]
  [ "${#lines[@]}" -eq 1 ]
  run "$grain" report "$dir"
  [ "$status" -eq 2 ]
  [ "${#lines[@]}" -eq 1 ]
  [[ "$output" == *"env.json"* ]]
  make_sweep
  : >"$dir/samples.jsonl"
  run "$grain" report "$dir"
  [ "$status" -eq 2 ]
  [ "${#lines[@]}" -eq 1 ]
  [[ "$output" == *"holds no sample"* ]]
  [ "$(ls "$dir")" = "$(printf 'env.json\nsamples.jsonl')" ]
}

@test "a folder that cannot be written to is exit 1" {
  make_sweep
  mkdir "$dir/summary.csv" # so that nothing can be renamed to it
  run "$grain" report "$dir"
  [ "$status" -eq 1 ]
  [ "${#lines[@]}" -eq 1 ]
  [ ! -e "$dir/RESULTS.md" ]
}
