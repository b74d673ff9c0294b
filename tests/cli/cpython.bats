#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# CPython's cells: the notebook's calls on rows from a .npy file, checked, paired with the plain loop.
load helper

SCRIPT=$GRAIN_SOURCE/bench/peers/cpython.py
END=rows:400/data:copy/start:warm
LOOP=howmany/cpython/loop/-/chunk:0/workers:1/$END

setup() {
  command -v python3 >/dev/null || skip "no python3"
  DATA=$BATS_TEST_TMPDIR/rows.npy
  JSON=$BATS_TEST_TMPDIR/out.json
  npy "$DATA" "{'descr': '<i4', 'fortran_order': False, 'shape': (400, 5), }" 400
}

# A .npy file: FILE, header, rows of five numbers 0 to 9, version.
npy() { python3 - "$@" <<'PY'
import struct, sys
path, header, rows = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3])
version = int(sys.argv[4]) if len(sys.argv) > 4 else 1
body = struct.pack("<%di" % (rows * 5), *(i * i % 10 for i in range(rows * 5)))
size = struct.pack("<H" if version == 1 else "<I", len(header) + 1)
open(path, "wb").write(b"\x93NUMPY" + bytes([version, 0]) + size + header + b"\n" + body)
PY
}

cell() { # CALL-AND-SO-ON [FLAG...]
  python3 "$SCRIPT" --cell "howmany/cpython/$1/$END" --data "$DATA" "${@:2}" >"$JSON"
}

# What a Python expression gives for each record r.
records() { python3 -c '
import json, sys
for r in json.load(open(sys.argv[1]))["benchmarks"]: print(eval(sys.argv[2]))' "$JSON" "$1"; }

# Runs Python with the script as module m.
with_module() { python3 - "$SCRIPT" "$DATA" <<<"
import importlib.util, sys
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location('cpython', sys.argv[1])
m = importlib.util.module_from_spec(spec)
sys.modules['cpython'] = m
spec.loader.exec_module(m)
$1"; }

@test "each call: as many records as repetitions, each paired with the loop, in turns" {
  for call in serial/-/chunk:0/workers:1 apply/-/chunk:0/workers:2 map/-/chunk:1/workers:2 map/-/chunk:50/workers:2 \
    map/-/chunk:7/workers:3 map/-/chunk:0/workers:2 starmap_async/-/chunk:7/workers:2; do
    cell "$call" --repetitions 3
    local name=howmany/cpython/$call/$END
    [ "$(records "r['name']")" = "$name
$LOOP
$LOOP
$name
$name
$LOOP" ]
    [ "$(records "r['repetition_index']" | tr -d '\n')" = 001122 ]
    [ "$(records "r['real_time'] > 0 and r['run_type'] == 'iteration' and r['time_unit'] == 'ns' and r['tasks'] == 400" |
      sort -u)" = True ]
  done
}

@test "calls that do not block have two phases; results out of order are counted; a process a row" {
  local call blocks
  for call in map starmap apply_async apply_callback map_async starmap_async imap imap_unordered; do
    cell "$call/-/chunk:0/workers:2"
    blocks=$([[ $call =~ ^(map|starmap)$ ]] && echo True || echo False)
    [ "$(records "(r['submit_ns'] == 0 and r['collect_ns'] == 0, abs(r['submit_ns'] + r['collect_ns'] - r['real_time']) < 1, r['out_of_order'] < 400)" |
      head -1)" = "($blocks, $([ "$blocks" = True ] && echo False || echo True), True)" ] || { echo "$call" && false; }
  done
  cell spawn/-/chunk:0/workers:2 --tasks 3
  [ "$(records "(r['tasks'], r['handovers'], r['submit_ns'] > 0 < r['collect_ns'])" | head -1)" = "(3.0, 3.0, True)" ]
  with_module "
job = m.notebook.Job(None, None, 2, [], 4, 8)
for order, late in (None, 0), ([], 0), ([0, 1, 2], 0), ([2, 0, 1, 3], 2), ([3, 2, 1, 0], 3):
    job.order = order
    assert job.out_of_order() == late, order
"
}

@test "open: a pool's whole life, without rows, data and partner" {
  python3 "$SCRIPT" --cell howmany/cpython/open/-/chunk:0/workers:2/rows:0/data:shared/start:warm --repetitions 2 >"$JSON"
  [ "$(records "(r['name'].split('/')[2], r['tasks'], r['handovers'], r['real_time'] > 1e5)" | sort -u)" = "('open', 0.0, 0.0, True)" ]
  [ "$(records 1 | wc -l)" -eq 2 ]
  python3 -c 'import json, os, sys; assert json.load(open(sys.argv[1]))["context"]["cpu_count"] == os.cpu_count()' "$JSON"
}

@test "what Pool.starmap_async gives is the notebook's pairs, in order" {
  with_module "
with m.multiprocessing.get_context('fork').Pool(2) as pool:
    job = m.notebook.Job(None, pool, 2, [[1, 2, 6, 2, 3], [1, 3, 6, 5, 2], [6, 6, 6, 7, 0], [9, 0, 2, 3, 6], [0, 6, 0, 8, 1]], 4, 8)
    assert m.notebook.run_starmap_async(job) == [(0, 1), (1, 2), (2, 4), (3, 1), (4, 2)]
    assert m.notebook.run_apply_callback(job) == m.notebook.run_imap_unordered(job) == [1, 2, 4, 1, 2]
    assert sorted(job.order) == [0, 1, 2, 3, 4]
"
}

@test "the loop alone is its own partner" {
  cell loop/-/chunk:0/workers:1 --repetitions 2
  [ "$(records "r['name']")" = "$LOOP"$'\n'"$LOOP" ]
}

@test "a subset is marked; the loop beside it still goes over all rows" {
  cell apply/-/chunk:0/workers:2 --tasks 30
  [ "$(records "(r['tasks'], r['handovers'])")" = $'(30.0, 30.0)\n(400.0, 0.0)' ]
  cell map/-/chunk:8/workers:2 --tasks 100
  [ "$(records "(r['tasks'], r['handovers'])")" = $'(100.0, 13.0)\n(400.0, 0.0)' ]
}

@test "the default chunk is the one that Pool.map picks, for any number of rows" {
  with_module "
with m.multiprocessing.get_context('fork').Pool(2) as pool:
    for name in m.notebook.BY_RULE:
        call = m.notebook.CALLS[name]
        for n in (1, 7, 8, 9, 17, 100, 2001):
            job = m.notebook.Job(None, pool, 2, [[1, 2]] * n, 4, 8)
            assert m.chunk_picked(call.run, job) == m.python_chunk(n, 2), (name, n)
        for n, chunk in (200, None), (300, 25):
            job = m.notebook.Job(None, pool, 2, [[1, 2]] * n, 4, 8)
            m.warm_up(call, job, {'call': name, 'chunk': 25, 'workers': 2})
            assert job.chunk == chunk and len(job.rows) == n, (name, n)
assert m.python_chunk(200000, 2) == 25000
"
}

@test "minimum and maximum reach every call" {
  for call in serial/-/chunk:0/workers:1 apply/-/chunk:0/workers:2 map/-/chunk:1/workers:2 \
    starmap_async/-/chunk:0/workers:2 imap_unordered/-/chunk:0/workers:2; do
    cell $call --minimum 9 --maximum 9
    cell $call --minimum 8 --maximum 4
    cell $call --minimum -5 --maximum 100
  done
}

@test "a wrong result: exit 3, a record with the row and both values" {
  run --separate-stderr with_module "
right = m.notebook.run_map
def wrong(job):
    results = right(job)
    results[5] += 1
    return results
m.notebook.CALLS['map'] = m.notebook.CALLS['map']._replace(run=wrong)
sys.argv[1:] = ['--cell', 'howmany/cpython/map/-/chunk:1/workers:2/$END', '--data', sys.argv[2]]
sys.exit(m.main())"
  [ "$status" -eq 3 ]
  echo "$output" >"$JSON"
  [ "$(records "'error_occurred' in r")" = $'True\nFalse' ]
  [[ $(records "r.get('error_message', '')") =~ ^wrong\ result\ at\ row\ 5:\ [1-6]\ instead\ of\ [0-5]$ ]]
}

@test ".npy versions 1 to 3 are read; anything else: exit 2 and one clear line" {
  local good="{'descr': '<i4', 'fortran_order': False, 'shape': (400, 5), }"
  for version in 1 2 3; do
    npy "$DATA" "$good" 400 $version
    cell loop/-/chunk:0/workers:1
  done
  for header in "{'descr': '<i8', 'fortran_order': False, 'shape': (400, 5), }" "${good/False/True}" \
    "${good/(400, 5)/(2000,)}" "${good/400/399}" "${good/400/4000000000}" "no header" "{'descr': '<i4'}"; do
    npy "$DATA" "$header" 400
    run --separate-stderr cell loop/-/chunk:0/workers:1
    [ "$status" -eq 2 ] || { echo "accepted: $header" && false; }
    is_one_clear_line
  done
  printf 'abc' >"$DATA"
  run --separate-stderr cell loop/-/chunk:0/workers:1
  [ "$status" -eq 2 ]
  is_one_clear_line
  rm "$DATA"
  run --separate-stderr cell loop/-/chunk:0/workers:1
  [ "$status" -eq 2 ]
  is_one_clear_line
}

@test "bad cells and flags: exit 2 and one clear line" {
  for name in nonsense howmany/fork/map/-/chunk:1/workers:2/$END howmany/cpython/map/dynamic/chunk:1/workers:2/$END \
    howmany/cpython/map/-/chunk:1/workers:0/$END howmany/cpython/map_chunks/-/chunk:1/workers:2/$END \
    howmany/cpython/apply_async/-/chunk:4/workers:2/$END howmany/cpython/open/-/chunk:0/workers:2/$END \
    howmany/cpython/map/-/chunk:0/workers:2/rows:0/data:copy/start:warm \
    compute:5/cpython/map/-/chunk:1/workers:2/$END howmany/cpython/map/-/chunk:1/workers:2/${END/400/401}; do
    run --separate-stderr python3 "$SCRIPT" --cell "$name" --data "$DATA"
    [ "$status" -eq 2 ] || { echo "accepted: $name" && false; }
    is_one_clear_line
  done
  for flag in --tasks=0 --repetitions=x --minimum=1.5 --columns=4 --frob; do
    run --separate-stderr python3 "$SCRIPT" --cell "$LOOP" --data "$DATA" "$flag"
    [ "$status" -eq 2 ] || { echo "accepted: $flag" && false; }
    is_one_clear_line
  done
  run --separate-stderr python3 "$SCRIPT"
  [ "$status" -eq 2 ]
  is_one_clear_line
}

@test "--version-json tells which Python this is" {
  run python3 "$SCRIPT" --version-json
  [ "$status" -eq 0 ]
  [[ $output =~ ^\{\"python\":\ \"3\.[0-9]+\.[0-9a-z+]+\",\ \"implementation\":\ \"[A-Za-z]+\"\}$ ]]
}

@test "stopped in the middle: no worker stays behind" {
  local pid
  GRAIN_TEST_MARK=$BATS_TEST_TMPDIR python3 "$SCRIPT" --cell "howmany/cpython/apply/-/chunk:0/workers:2/$END" \
    --data "$DATA" --repetitions 100000 >/dev/null 2>&1 3>&- &
  pid=$!
  # A python3 that is a script starts helpers of its own: three that stay are the caller and its workers.
  local stay=0
  for _ in {1..1000}; do
    if [ "$(marked | wc -l)" -eq 3 ]; then stay=$((stay + 1)); else stay=0; fi
    [ "$stay" -lt 10 ] || break
    sleep 0.05
  done
  [ "$stay" -eq 10 ]
  kill "$pid"
  wait "$pid" || true
  nobody() { [ "$(marked | wc -l)" -eq 0 ]; }
  await nobody
}

# The processes that inherited this test's mark.
marked() { grep -lzsxF "GRAIN_TEST_MARK=$BATS_TEST_TMPDIR" /proc/[0-9]*/environ; }
