#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# bench/small-calls and what it stands on, bench/rounds.py: who takes turns with whom, the arithmetic, the table.
load helper

SMALL=$GRAIN_SOURCE/bench/small-calls

setup() {
  need_python
  export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$GRAIN_SOURCE/bench
  cd "$BATS_TEST_TMPDIR" || return
}

# A build whose grain-bench takes rows + 100 ns for fork, rows for the others; it notes how it is called. Calibration finds
# 7 calls, tbb is not in it, gap:2s is no gap.
fake_build() {
  mkdir -p build/bench
  cat >build/bench/grain-bench <<'PY'
#!/usr/bin/env python3
import json, re, sys
flags = dict(flag[2:].split("=", 1) for flag in sys.argv[1:])
name = flags["grain_cell"]
if "tbb" in name:
    sys.exit("grain-bench: bad cell %s: there is no such backend" % name)
if "gap:2s" in name:
    sys.exit("grain-bench: bad cell %s: the gap is no time" % name)
assert re.fullmatch(flags["benchmark_filter"], name)
rows = int(re.search("rows:([0-9]+)", name).group(1))
iterations = int(flags.get("grain_iterations", "7").split(",")[0])
print(name.split("/")[1], rows, iterations, "sample" if "benchmark_repetitions" in flags else "other", file=open("order", "a"))
one = {"name": name, "run_type": "iteration", "iterations": iterations, "time_unit": "us", "tasks": rows}
print(json.dumps({"benchmarks": [dict(one, real_time=(rows + (100 if "/fork/" in name else 0) + shift) / 1e3)
                                 for shift in range(int(flags.get("benchmark_repetitions", 1)))]}))
PY
  chmod +x build/bench/grain-bench
}

@test "cells of a group take turns, there and back, in an order from the seed; a group is never torn apart" {
  fake_build
  run --separate-stderr "$SMALL" build --rounds 6 --rows 10,1000 --backends callback,fork,region,tbb-auto --seed 7 --json 7.json
  [ "$status" -eq 0 ]
  [[ $stderr == *"small-calls: tbb-auto is left out: "*"there is no such backend"* ]]
  grep ' sample$' order | tee order.7 | python3 -c '
import sys
lines = [line.split() for line in sys.stdin]
assert len(lines) == 6 * 2 * 3 * 2, len(lines)
orders = set()
for at in range(0, len(lines), 6):
    turn = lines[at:at + 6]
    assert len({rows for _, rows, _, _ in turn}) == 1, turn
    assert turn[3:] == turn[2::-1] and len({way for way, *_ in turn}) == 3, turn
    assert {calls for _, _, calls, _ in turn} == {"7"}, turn
    orders.add(tuple(way for way, *_ in turn[:3]))
assert len(orders) > 2, orders
'
  rm order
  "$SMALL" build --rounds 6 --rows 10,1000 --backends callback,fork,region --seed 7 >again 2>/dev/null
  cmp <(grep ' sample$' order) order.7
  [ "$(tail -n +2 <<<"$output")" = "$(tail -n +2 again)" ] # what is measured is all that is said
  [[ $(head -n 1 again) == *"seed 7, other processes took "*" CPUs meanwhile" ]]
  rm order
  "$SMALL" build --rounds 6 --rows 10,1000 --backends callback,fork,region --seed 8 >/dev/null 2>&1
  run ! cmp -s <(grep ' sample$' order) order.7
}

@test "the table: medians, ratios with their interval and its level, break-even; runs add up, other machines are refused" {
  fake_build
  "$SMALL" build --rounds 6 --rows 10,1000 --backends callback,fork,region --json one.json >shown 2>/dev/null
  run --separate-stderr "$SMALL" --from one.json
  [ "$status" -eq 0 ]
  [ "$output" = "$(cat shown)" ]
  [[ $output == *"6 rounds, 96.9 % intervals"* ]]
  [[ $output == *"| fork     | 111 | 1101 |"* ]] # the second of three samples
  [[ $output == *"| fork     | 10.09 (10.09 to 10.09) | 1.10 (1.10 to 1.10) |"* ]]
  [[ $output == *"| fork   | not up to 1000 |"* ]]
  python3 - <<'PY'
import json
said = json.load(open("one.json"))
for record in said["records"]:
    if record["label"] == "fork":
        record["ns"] = {"rows:10/gap:0": 950, "rows:1000/gap:0": 850}[record["group"]]
    elif record["label"] == "callback":
        record["ns"] = 1000
json.dump(said, open("two.json", "w"))
said["cpu"] = "another"
json.dump(said, open("three.json", "w"))
said["what"] = "another"
json.dump(said, open("four.json", "w"))
PY
  run --separate-stderr "$SMALL" --from two.json two.json
  [[ $output == *"12 rounds, 96.1 % intervals"* ]]
  [[ $output == *"| fork   |           1000 |"* ]]
  run --separate-stderr "$SMALL" --from two.json three.json
  [ "$status" -eq 3 ]
  is_one_clear_line
  run --separate-stderr "$SMALL" --from four.json
  [ "$status" -eq 3 ]
  is_one_clear_line
}

@test "a wrong gap, wrong numbers, wrong names: one line, or argparse's two" {
  fake_build
  run --separate-stderr "$SMALL" build --rounds 1 --rows 2 --backends fork --gaps 2s
  [ "$status" -eq 3 ]
  [ -z "$output" ]
  [[ ${stderr_lines[-1]} == "small-calls: howmany/fork/"*"the gap is no time" ]]
  for options in "--rows 0" "--rows x" "--backends nobody" "--rounds 0" "nothing" "--from /nonexistent/x"; do
    # shellcheck disable=SC2086
    run --separate-stderr "$SMALL" $options
    [ "$status" -eq 2 ] || [[ "$status" -eq 3 && $options == --from* ]]
    [ -z "$output" ]
    [ -n "$stderr" ]
  done
}

@test "rank intervals hold the median with 95 % or more, none below six values" {
  python3 - <<'PY'
import math, rounds
for count in range(1, 40):
    values = [5 * k for k in range(count)][::-1]
    found = rounds.rank_interval(values)
    assert (found is None) == (count < 6), count
    if found:
        low, high, level = found
        below = low // 5
        assert high == 5 * (count - 1 - below)
        inside = 1 - 2 * sum(math.comb(count, k) for k in range(below + 1)) / 2**count
        narrower = 1 - 2 * sum(math.comb(count, k) for k in range(below + 2)) / 2**count
        assert abs(level - inside) < 1e-12 and inside >= 0.95 > narrower, (count, level, inside, narrower)
assert rounds.rank_interval(range(11)) == (1, 9, 1 - 2 * (1 + 11) / 2**11)
assert rounds.told([2.0] * 5) == "2.00" and rounds.told([1.0, 3.0] * 3) == "2.00 (1.00 to 3.00)" and rounds.told([]) == "-"
PY
}

@test "real cells: every way that this build has, and some with a gap" {
  run --separate-stderr "$SMALL" "$GRAIN_BINARY" --rounds 1 --rows 100 --workers 2 --json real.json
  [ "$status" -eq 0 ]
  [[ $output == *"| fork "* && $output == *"| pthread "* ]]
  run --separate-stderr "$SMALL" "$GRAIN_BINARY" --rounds 1 --rows 2 --gaps 10ms --workers 2 --backends callback,pthread --json gap.json
  [ "$status" -eq 0 ]
  [[ $output == *"10ms, in which the caller computes, between two calls"* ]]
  python3 - <<'PY'
import json
records = json.load(open("real.json"))["records"] + json.load(open("gap.json"))["records"]
assert {record["group"] for record in records} == {"rows:100/gap:0", "rows:2/gap:10ms"}
assert all(record["calls"] >= 5 and record["ns"] > 0 for record in records), records
PY
}
