#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# grain-bench: the time between two calls, and the order in which cells take turns.
load helper

BENCH=$GRAIN_BINARY/bench/grain-bench
ROWS=rows:2000/data:shared/start:warm
CALLBACK=howmany/serial/callback/-/chunk:0/workers:1/$ROWS
MAP=map/dynamic/chunk:64/workers:2/$ROWS

# A cell and its partners, few iterations, as JSON in $JSON.
measure() { # CELL [FLAG...]
  JSON=$BATS_TEST_TMPDIR/out.json
  "$BENCH" --grain_cell="$1" --grain_iterations=3,2,2,2 --benchmark_format=json "${@:2}" \
    >"$JSON" 2>"$BATS_TEST_TMPDIR/err"
}

@test "a gap lies outside of the clock, for a cell, its baselines and its floor; by hand it is some calls a sample" {
  need_python
  local cell=howmany/pthread/$MAP/gap:100ms
  measure "$cell" "--benchmark_filter=^($cell|$CALLBACK/gap:100ms)\$" --benchmark_repetitions=1
  [ "$(runs "$JSON" True "r['name'], r['iterations'], r['real_time'] < 50e6")" = \
    "('$cell', 3, True)"$'\n'"('$CALLBACK/gap:100ms', 2, True)" ]
  measure "howmany/null/$MAP/gap:100us" "--benchmark_filter=null" --grain_iterations=0,0,0,0
  [ "$(runs "$JSON" True "r['iterations'], r['real_time'] > 0")" = "(1000, True)" ]
  run --separate-stderr "$BENCH" "--grain_cell=howmany/fork/$MAP/gap:20ms" --benchmark_filter=fork
  [ "$status" -eq 0 ]
  [[ ${lines[3]} =~ ^howmany/fork/$MAP/gap:20ms\ +[0-9]+\ ns\ +[0-9]+\ ns\ +5\  ]]
}

@test "turns: every cell as often as asked for, in an order that its seed draws and back again" {
  need_python
  local cell=howmany/fork/$MAP seed
  for seed in 1 2 77; do
    measure "$cell" --grain_turns=4 --grain_order=$seed --grain_rival="${cell/64/8}"
    python3 - "$JSON" "$cell" $seed <<'PY'
import json, sys
file = json.load(open(sys.argv[1]))
runs = file["benchmarks"]
names = [r["name"] for r in runs]
assert file["context"]["order_seed"] == sys.argv[3]
assert len(names) == 20 and len(set(names[:5])) == 5, names
assert names[5:10] == names[4::-1] and names[15:] == names[14:9:-1], names
assert not any("error_occurred" in r for r in runs), runs
assert [r["repetition_index"] for r in runs if r["name"] == sys.argv[2]] == [0, 1, 2, 3]
print(names[:5], names[10:15])
PY
  done >"$BATS_TEST_TMPDIR/orders"
  [ "$(sort -u "$BATS_TEST_TMPDIR/orders" | wc -l)" -gt 1 ]
}
