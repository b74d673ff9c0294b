#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The floors: cells of grain-bench that run no pool, what stands beside the pools' cells, and a sweep of profile floor.
load helper

BENCH=$GRAIN_BINARY/bench/grain-bench
WARM=data:shared/start:warm
ROWS=rows:2000/$WARM

two_cpus() { [ "$(nproc)" -ge 2 ]; }

# NAME TASKS of every run of some cells, each with its partners; a failed one says why instead: FLAG...
runs() {
  local out=$BATS_TEST_TMPDIR/out.json status=0
  "$BENCH" --grain_tasks=30 --benchmark_min_time=0.0001 --benchmark_format=json "$@" >"$out" 2>/dev/null || status=$?
  python3 - "$out" <<'PY'
import json, sys
for r in json.load(open(sys.argv[1]))["benchmarks"]:
    assert "error_occurred" in r or r["real_time"] > 0, r
    print(r["name"], r.get("error_message", "%g" % r["tasks"]))
PY
  return "$status"
}

@test "a floor runs as many tasks as it should, is right, and has the baselines beside it where it has rows" {
  need_python
  local baselines="howmany/serial/loop/-/chunk:0/workers:1/$ROWS 2000
howmany/serial/callback/-/chunk:0/workers:1/$ROWS 2000"
  local cell of
  for of in atomic/1/30 bandwidth/1/2000 atomic/2/30 bandwidth/2/2000; do
    IFS=/ read -r call workers tasks <<<"$of"
    [ "$workers" -eq 1 ] || two_cpus || continue
    cell=howmany/floor/$call/-/chunk:0/workers:$workers/$ROWS
    [ "$(runs --grain_cell="$cell")" = "$cell $tasks"$'\n'"$baselines" ]
  done
  for of in thread/3 fork/4; do # a pool has a supervisor beside its processes
    cell=howmany/floor/${of%/*}/-/chunk:0/workers:3/rows:0/$WARM
    [ "$(runs --grain_cell="$cell")" = "$cell ${of#*/}" ]
  done
}

@test "bandwidth reads items of any size: rows of a file, rows of one value, seeds" {
  need_python
  local cell file=$BATS_TEST_TMPDIR/rows.csv
  printf '1,2,6\n-1,3,2147483647\n6,6,6\n' >"$file"
  cell=howmany/floor/bandwidth/-/chunk:0/workers:1/rows:3/$WARM
  [ "$(runs --grain_cell="$cell" --grain_input="$file" --benchmark_filter=floor)" = "$cell 3" ]
  cell=${cell/rows:3/rows:2001}
  [ "$(runs --grain_cell="$cell" --grain_columns=1 --benchmark_filter=floor)" = "$cell 2001" ]
  cell=compute:5/floor/bandwidth/-/chunk:0/workers:1/rows:777/$WARM
  [ "$(runs --grain_cell="$cell" --benchmark_filter=floor)" = "$cell 777" ]
}

@test "with one CPU nothing contends: not supported, exit 1; what needs one CPU runs" {
  need_python
  command -v taskset >/dev/null || skip "no taskset"
  local cpu call cell
  cpu=$(python3 -c 'import os; print(min(os.sched_getaffinity(0)))')
  for call in atomic bandwidth; do
    cell=howmany/floor/$call/-/chunk:0/workers:2/$ROWS
    run taskset -c "$cpu" "$BENCH" --grain_cell="$cell" --benchmark_filter=floor
    [ "$status" -eq 1 ]
    [[ $output == *"ERROR OCCURRED: 'not supported'"* ]]
    taskset -c "$cpu" "$BENCH" --grain_cell="${cell/workers:2/workers:1}" --benchmark_filter=floor \
      --benchmark_min_time=0.0001 >/dev/null 2>&1
  done
  run taskset -c "$cpu" "$GRAIN" sweep --profile floor --dry-run --out "$BATS_TEST_TMPDIR/none"
  [ "$status" -eq 0 ]
  [[ $output == *floor/atomic/-/chunk:0/workers:1/* ]]
  [[ $output != *floor/*workers:2* ]]
}

@test "threads stand beside a pool of threads, reading beside map_chunks over rows, the peak beside what computes" {
  need_python
  local cell floor backend
  for backend in pthread openmp openmp-as-shipped; do
    [[ $backend != openmp* ]] || backends | grep -qw openmp || continue
    cell=howmany/$backend/open/-/chunk:0/workers:2/rows:0/$WARM
    [ "$(runs --grain_cell="$cell")" = "$cell 0"$'\n'"howmany/floor/thread/-/chunk:0/workers:2/rows:0/$WARM 2" ]
  done
  two_cpus || skip "one usable CPU"
  for floor in howmany/bandwidth empty/peak compute:5/peak; do
    cell=${floor%/*}/pthread/map_chunks/steal/chunk:0/workers:2/$ROWS
    [ "$(runs --grain_cell="$cell" "--benchmark_filter=map_chunks|floor")" = \
      "$cell 2000"$'\n'"${floor%/*}/floor/${floor#*/}/-/chunk:0/workers:2/$ROWS 2000" ]
  done
}

@test "bad cells of a floor: exit 2 and one clear line" {
  local cell
  for cell in "floor/thread/-/chunk:0/workers:2/$ROWS" "floor/atomic/-/chunk:0/workers:1/rows:0/$WARM" \
    "floor/bandwidth/-/chunk:0/workers:1/rows:0/$WARM" "fork/atomic/-/chunk:0/workers:1/$ROWS" \
    "serial/bandwidth/-/chunk:0/workers:1/$ROWS" "pthread/thread/-/chunk:0/workers:1/rows:0/$WARM"; do
    run --separate-stderr "$BENCH" --grain_cell="howmany/$cell"
    [ "$status" -eq 2 ] || { echo "accepted: $cell" && false; }
    is_one_clear_line
    [[ $stderr == "grain-bench: bad cell howmany/$cell: "* ]]
  done
}

@test "a sweep of profile floor: the summary says what one thread, process and add cost; RESULTS.md has both tables" {
  need_python
  local dir=$BATS_TEST_TMPDIR/run
  "$GRAIN" sweep -q --profile floor --rounds 1 --rows 2000 --out "$dir" \
    --filter 'floor/(thread|fork|atomic|bandwidth)/|pthread/(open|map_chunks)/' >/dev/null
  "$GRAIN" report -q "$dir"
  python3 - "$dir/summary.csv" <<'PY'
import csv, sys
rows = [r for r in csv.DictReader(open(sys.argv[1])) if r["backend"] == "floor"]
assert {r["call"] for r in rows} >= {"thread", "fork", "atomic", "bandwidth"}, rows
for r in rows:
    tasks = {"thread": int(r["workers"]), "fork": int(r["workers"]) + 1, "atomic": 2000, "bandwidth": 2000}[r["call"]]
    assert int(r["tasks"]) == tasks, r
    assert abs(float(r["ns_per_row"]) * tasks / float(r["median_ns"]) - 1) < 1e-3, r
PY
  grep -qx '### What the machine itself takes' "$dir/RESULTS.md"
  grep -q '^| bandwidth' "$dir/RESULTS.md"
  grep -q '^| thread ' "$dir/RESULTS.md"
  grep -q '^| pthread open .*| thread  *|' "$dir/RESULTS.md"
  grep -q '^| pthread map_chunks .*| bandwidth |' "$dir/RESULTS.md"
  run ! grep -q 'A sweep of its own' "$dir/RESULTS.md"
  # inside another sweep it has its part on that one's page
  mkdir -p "$dir.main/floor"
  cp "$dir/env.json" "$dir/samples.jsonl" "$dir.main/floor/"
  cp "$dir/env.json" "$dir.main/"
  grep -v floor/ "$dir/samples.jsonl" >"$dir.main/samples.jsonl"
  "$GRAIN" report -q "$dir.main"
  sed -n '/^### What the machine itself takes/,/^## /p' "$dir.main/RESULTS.md" | grep -q 'A sweep of its own'
  grep -q '^| thread ' "$dir.main/RESULTS.md"
  # the two tables fit into a terminal
  [ "$(sed -n '/^### What the machine/,/^## /p' "$dir/RESULTS.md" | grep '^|' | awk 'length > 80' | wc -l)" -eq 0 ]
}
