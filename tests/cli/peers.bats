#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The peers, other libraries behind the same interface: those that are there count right, by every call; those that are
# not are named; and no runtime passes for another one.
load helper

BENCH=$GRAIN_BINARY/bench/grain-bench

# What `grain list` says of them: a line of Python over `backends` and `peers`.
ask() { "$GRAIN" list --json | python3 -c "
import json, sys
said = json.load(sys.stdin)
peers = [b for b in said['backends'] if b['peer']]
$1"; }

setup() { need_python; }

# libomp.so.5, or the test is skipped.
need_libomp() {
  ask 'sys.exit(not any(b["name"] == "libomp" for b in peers))' || skip "libomp is not in this build"
  LIBOMP=$("$GRAIN" list | grep -o '/[^;]*libomp[^;]*' | head -n 1) || true
  [ -r "$LIBOMP" ] || skip "no libomp.so.5"
}

# The cell of a backend with the chunk and schedule given.
cell() { echo "howmany/$1/map/$2/chunk:$3/workers:2/rows:20000/data:shared/start:warm"; }

@test "each library is there with its backends, or named with what to do" {
  ask '
names = {b["name"] for b in peers}
assert len(said["peers"]) == 5
for library in said["peers"]:
    theirs = set(library["backends"].split(", "))
    assert library["remedy"]
    assert theirs <= names if library["built_in"] else not theirs & names, library
'
  run "$GRAIN" list
  local library
  for library in $(ask 'print(*[p["library"].split()[0] for p in said["peers"] if not p["built_in"]])'); do
    [[ $output =~ "$library"[^$'\n']*not\ in\ this\ build || $output =~ "$library".*"not in this build" ]]
  done
  run "$GRAIN" doctor
  [[ $output =~ (ok|note)\ +peers ]]
}

@test "every peer that opens gives the oracle's counts, by every call that is its own, for any chunk" {
  local backend call chunk names
  names=$(ask 'print(*[b["name"] for b in peers if b["runs_tasks"]])')
  [ -n "$names" ] || skip "no peers in this build"
  for backend in $names; do
    run --separate-stderr "$GRAIN" run --backend "$backend" --call apply --rows 300
    [ "$status" -eq 0 ]
    [[ $output == *"all 300 counts are right"* ]]
    for call in map map_chunks starmap; do
      for chunk in 1 1000; do
        run --separate-stderr "$GRAIN" run --backend "$backend" --call "$call" --chunk "$chunk" --rows 3000 --workers 3
        [ "$status" -eq 0 ]
        [[ $output == *"all 3000 counts are right"* ]]
      done
      run "$GRAIN" run --backend "$backend" --call "$call" --rows 1
      [ "$status" -eq 0 ]
    done
  done
}

@test "what is not a peer's is refused, not imitated" {
  local backend names
  names=$(ask 'print(*[b["name"] for b in peers if b["runs_tasks"] and not b["schedules"]])')
  [ -n "$names" ] || skip "no such peer in this build"
  for backend in $names; do
    run --separate-stderr "$GRAIN" run --backend "$backend" --schedule dynamic --rows 100
    [ "$status" -eq 2 ]
    [[ $stderr == *"has no schedule \`dynamic'"* ]]
    run "$BENCH" --grain_cell="$(cell "$backend" static 1)" --benchmark_filter="$backend"
    [ "$status" -eq 1 ]
    [[ $output == *"not supported"* ]]
  done
}

@test "grain-bench measures and checks each; its workers hand over what the chunk says" {
  local backend names
  names=$(ask 'print(*[b["name"] for b in peers if b["runs_tasks"] and not b["schedules"]])')
  [ -n "$names" ] || skip "no such peer in this build"
  for backend in $names; do
    run --separate-stderr "$BENCH" --grain_cell="$(cell "$backend" - 100)" --benchmark_filter="$backend" \
      --benchmark_format=json --grain_iterations=2,0,0,0
    [ "$status" -eq 0 ]
    # A range of tbb's is halved until it is small enough, or divided enough.
    python3 -c '
import json, sys
run = json.loads(sys.argv[2])["benchmarks"][0]
assert run["tasks"] == 20000
low, high = {"tbb-simple": (200, 400), "tbb-auto": (2, 400)}.get(sys.argv[1], (200, 200))
assert low <= run["handovers"] <= high, run["handovers"]
' "$backend" "$output"
  done
}

@test "libomp runs on LLVM's runtime and on no other, gomp not on LLVM's" {
  need_libomp
  run "$BENCH" --grain_cell="$(cell libomp dynamic 10)" --benchmark_filter=libomp
  [ "$status" -eq 1 ]
  [[ $output == *"shared library"* ]]
  local backend schedule
  for backend in "libomp dynamic" "libomp static" "libomp guided" "libomp-task -"; do
    read -r backend schedule <<<"$backend"
    LD_PRELOAD=$LIBOMP run "$BENCH" --grain_cell="$(cell "$backend" "$schedule" 10)" --benchmark_filter=libomp
    [ "$status" -eq 0 ]
  done
  LD_PRELOAD=$LIBOMP run "$GRAIN" run --backend libomp-task --chunk 1 --rows 2000
  [ "$status" -eq 0 ]
  [[ $output == *"all 2000 counts are right"* ]]
  ask 'sys.exit(not any(b["name"] == "gomp" for b in peers))' || return 0
  LD_PRELOAD=$LIBOMP run "$BENCH" --grain_cell="$(cell gomp dynamic 10)" --benchmark_filter=/gomp/
  [ "$status" -eq 1 ]
  [[ $output == *"shared library"* ]]
}

@test "a sweep preloads LLVM's runtime for libomp alone, and plans none where it is not" {
  need_libomp
  cd "$BATS_TEST_TMPDIR"
  LD_PRELOAD='' run "$GRAIN" sweep --profile peers --rounds 1 --rows 2000 --budget 0 --filter '/(gomp|libomp)(-task)?/.*chunk:256/' --out one
  [ "$status" -eq 0 ]
  [ "$(grep -c '"cell":"howmany/libomp[^"]*".*"status":"ok"' one/samples.jsonl)" -eq 4 ]
  grep -q '"libomp": "/' one/env.json
  GRAIN_LIBOMP=/nonexistent run --separate-stderr "$GRAIN" sweep --profile peers --dry-run
  [ "$status" -eq 0 ]
  [[ $output != *libomp* && $output == */map/* ]]
  # A file that is no library: the cell fails, and says why.
  echo nothing >no-library
  GRAIN_LIBOMP=$PWD/no-library run "$GRAIN" sweep --profile peers --rounds 1 --rows 2000 --budget 0 --filter '/libomp/map/dynamic/chunk:1/' --out two
  [ "$status" -eq 5 ]
  grep -q 'shared library' two/samples.jsonl
}

@test "a bare loop of OpenMP's is measured beside them, and checked" {
  ask 'sys.exit(not any(b["name"] == "libomp" for b in peers))' || skip "no OpenMP peers in this build"
  [ "$(nproc)" -ge 2 ] || skip "one usable CPU"
  local cell=howmany/floor/region/-/chunk:0/workers:2/rows:999/data:shared/start:warm
  run --separate-stderr "$BENCH" --grain_cell=$cell --grain_iterations=20,1,1,1 --benchmark_filter=region
  [ "$status" -eq 0 ]
  [[ $output == *"$cell"*" 20 "* ]]
}

@test "a sweep's report has the part on peers" {
  [ -n "$(ask 'print(*[b["name"] for b in peers if b["runs_tasks"]])')" ] || skip "no peers in this build"
  cd "$BATS_TEST_TMPDIR"
  run "$GRAIN" sweep --profile peers --rounds 1 --rows 2000 --budget 0 --filter '/(pthread|tbb-auto|glib|gomp|pthreadpool)/' --out three
  [ "$status" -eq 0 ]
  "$GRAIN" report three >/dev/null
  grep -qx '## Peers' three/RESULTS.md
  [ "$(sed -n '/^## Peers/,/^## Fig/p' three/RESULTS.md | grep '^|' | wc -L)" -le 80 ]
}
