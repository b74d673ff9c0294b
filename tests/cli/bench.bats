#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# grain-bench: cells and their baselines under Google Benchmark, checked results, exit codes, flags.
load helper

BENCH=$GRAIN_BINARY/bench/grain-bench
FAULTY=$GRAIN_BINARY/tests/grain_bench_faulty
ROWS=rows:2000/data:shared/start:warm
LOOP=howmany/serial/loop/-/chunk:0/workers:1/$ROWS
PEAK=howmany/floor/peak/-/chunk:0/workers:2/$ROWS
CALLBACK=howmany/serial/callback/-/chunk:0/workers:1/$ROWS
MAP=map/dynamic/chunk:64/workers:2/$ROWS

two_cpus() { [ "$(nproc)" -ge 2 ]; }

# A cell and its partners, few iterations, as JSON in $JSON.
measure() { # CELL [FLAG...]
  JSON=$BATS_TEST_TMPDIR/out.json
  "$BENCH" --grain_cell="$1" --grain_iterations=3,2,2,2 --benchmark_format=json "${@:2}" \
    >"$JSON" 2>"$BATS_TEST_TMPDIR/err"
}

@test "a cell brings its two baselines and its floor, under their own names; repetitions, interleaving and the filter work" {
  need_python
  local cell=howmany/pthread/$MAP
  measure "$cell" --benchmark_repetitions=3 --benchmark_enable_random_interleaving=true \
    "--benchmark_filter=^($cell|$LOOP|$CALLBACK|$PEAK)\$"
  for name in "$cell" "$LOOP" "$CALLBACK" "$PEAK"; do
    [ "$(runs "$JSON" "r['name'] == '$name' and r['run_type'] == 'iteration'" "r['repetition_index']")" = $'0\n1\n2' ]
    [ "$(runs "$JSON" "r['run_name'] == '$name' and r['run_type'] == 'aggregate'" "r['aggregate_name']")" = \
      $'mean\nmedian\nstddev\ncv' ]
  done
  [ "$(runs "$JSON" "r['name'] == '$cell'" "r['iterations'], r['tasks'], r['handovers'] >= 2, r['call_bytes']")" = \
    $'(3, 2000.0, True, 0.0)\n(3, 2000.0, True, 0.0)\n(3, 2000.0, True, 0.0)' ]
  [ "$(runs "$JSON" "r['name'] == '$LOOP'" "r['iterations']" | sort -u)" = 2 ]
  measure "$cell" "--benchmark_filter=^$CALLBACK\$"
  [ "$(runs "$JSON" True "r['name']")" = "$CALLBACK" ]
  measure "$cell" "--benchmark_filter=-^howmany/(serial|floor)"
  [ "$(runs "$JSON" True "r['name']")" = "$cell" ]
}

@test "every kind of cell runs and is right" {
  need_python
  local backend cell
  for cell in howmany/serial/$MAP howmany/null/$MAP compute:50/serial/$MAP outlier:5/serial/$MAP empty/serial/$MAP \
    memory:256/serial/$MAP memory:128/floor/peak/-/chunk:0/workers:2/$ROWS imbalance:9/serial/$MAP imbalance-sorted:9/serial/$MAP \
    "howmany/floor/peak/-/chunk:0/workers:2/$ROWS" "compute:50/floor/peak/-/chunk:0/workers:64/rows:1999/data:copy/start:warm" \
    "howmany/floor/cacheline/-/chunk:0/workers:2/$ROWS" "howmany/floor/mailbox/-/chunk:0/workers:2/$ROWS" \
    "howmany/floor/futex/-/chunk:0/workers:2/$ROWS" \
    "howmany/floor/pipe/-/chunk:0/workers:2/$ROWS" "empty/floor/pipe/-/chunk:0/workers:2/$ROWS" howmany/floor/fork/-/chunk:0/workers:2/rows:0/data:shared/start:warm \
    "$LOOP" "$CALLBACK"; do
    [[ $cell != *floor/[cmfp]*/-/chunk:0/workers:2/$ROWS ]] || two_cpus || continue
    measure "$cell"
    [ "$(runs "$JSON" "r['name'] == '$cell'" "'error_occurred' in r, r['real_time'] > 0")" = "(False, True)" ]
  done
  local cells of expected
  for backend in fork fork-pipe pthread openmp openmp-as-shipped; do
    [[ $backend == fork* ]] || [ "$backend" = pthread ] || backends | grep -qw openmp || continue
    cells=() expected=
    for cell in $MAP map_chunks/static/chunk:0/workers:3/rows:1999/data:copy/start:warm \
      map/guided/chunk:7/workers:2/$ROWS/wait:park map_chunks/dynamic/chunk:64/workers:2/rows:2000/data:shared/start:cold \
      apply/-/chunk:0/workers:2/rows:100/data:shared/start:warm apply/-/chunk:0/workers:2/rows:10/data:copy/start:cold \
      open/-/chunk:0/workers:2/rows:0/data:shared/start:warm; do
      cells+=(--grain_cell="howmany/$backend/$cell")
      expected+="('howmany/$backend/$cell', False, True)"$'\n'
    done
    JSON=$BATS_TEST_TMPDIR/out.json # one process for all, with their partners
    "$BENCH" "${cells[@]}" --benchmark_min_time=0.0001 --benchmark_format=json >"$JSON" 2>"$BATS_TEST_TMPDIR/err"
    of="r['name'].startswith('howmany/$backend/')"
    [ "$(runs "$JSON" "$of" "r['name'], 'error_occurred' in r, r['real_time'] > 0")"$'\n' = "$expected" ]
  done
}

ASYNC="apply_async apply_async_mixed apply_callback map_async map_chunks_async starmap_async imap imap_unordered spawn"

# One process for many cells, without their partners, as JSON in $JSON: PROGRAM KERNEL/BACKEND END CALL...
measure_all() {
  local program=$1 of=$2 end=$3 cells=() call
  shift 3
  for call in "$@"; do cells+=(--grain_cell="$of/$call/-/chunk:0/$end"); done
  JSON=$BATS_TEST_TMPDIR/out.json
  "$program" "${cells[@]}" "--benchmark_filter=^$of/" --grain_tasks=10 --benchmark_min_time=0.0001 --benchmark_format=json \
    >"$JSON" 2>"$BATS_TEST_TMPDIR/err"
}

@test "every call runs on every backend, warm and cold, and is right; those that do not block have two phases" {
  need_python
  local backend calls end
  for backend in fork pthread openmp; do
    [ "$backend" != openmp ] || backends | grep -qw openmp || continue
    calls="starmap $ASYNC"
    [ "$backend" = fork ] || calls=${calls% spawn}
    for end in "workers:2/$ROWS" workers:2/rows:150/data:copy/start:cold; do
      # shellcheck disable=SC2086
      measure_all "$BENCH" "howmany/$backend" "$end" $calls
      python3 - "$JSON" "$calls" <<'PY'
import json, sys
runs = json.load(open(sys.argv[1]))["benchmarks"]
assert [r["name"].split("/")[2] for r in runs] == sys.argv[2].split(), runs
for r in runs:
    phases = r["submit_ns"] + r["collect_ns"]
    assert "error_occurred" not in r, r
    assert (r["submit_ns"] > 0 and r["collect_ns"] > 0) == ("/starmap/" not in r["name"]), r
    # together they are the call, without the nap before it
    assert phases <= 1.01 * r["real_time"] + 1e6, r
    assert r["out_of_order"] == 0 or "/apply_callback/" in r["name"] or "/imap_unordered/" in r["name"], r
    assert r["tasks"] == (10 if "/spawn/" in r["name"] else int(r["name"].split("rows:")[1].split("/")[0])), r
PY
    done
  done
}

@test "other kernels have every call too" {
  need_python
  local kernel
  for kernel in compute:50 outlier:5 memory:64 empty; do
    # shellcheck disable=SC2086
    measure_all "$BENCH" $kernel/fork "workers:2/$ROWS" starmap $ASYNC
    [ "$(runs "$JSON" True "'error_occurred' in r" | sort | uniq -c | xargs)" = "10 False" ]
  done
}

@test "a process a task has baselines and no floor; a schedule is passed on" {
  need_python
  local cell=howmany/fork/spawn/-/chunk:0/workers:2/$ROWS
  measure "$cell" --grain_tasks=5
  [ "$(runs "$JSON" True "r['name']")" = "$cell"$'\n'"$LOOP"$'\n'"$CALLBACK" ]
  cell=howmany/fork/starmap_async/dynamic/chunk:16/workers:2/$ROWS
  measure "$cell"
  [ "$(runs "$JSON" "r['name'] == '$cell'" "r['handovers'] >= 125")" = True ]
}

@test "an open cell has no baselines but a floor; apply and its floor run as many tasks as they may" {
  need_python
  local cell=howmany/fork/open/-/chunk:0/workers:2/rows:0/data:shared/start:warm line=howmany/floor/cacheline/-/chunk:0/workers:2/$ROWS
  measure "$cell"
  [ "$(runs "$JSON" True "r['name'], r['tasks']")" = "('$cell', 0.0)"$'\n'"('${cell/fork\/open/floor/fork}', 3.0)" ]
  cell=howmany/pthread/apply/-/chunk:0/workers:2/$ROWS
  measure "$cell" --grain_tasks=30 --benchmark_repetitions=1
  [ "$(runs "$JSON" "r['name'] == '$cell'" "r['tasks'], r['handovers']")" = "(30.0, 30.0)" ]
  [ "$(runs "$JSON" "r['name'] == '$LOOP'" "r['tasks']")" = 2000.0 ]
  ! two_cpus || [ "$(runs "$JSON" "r['name'] == '$line'" "r['tasks']")" = 30.0 ]
}

@test "each way of handing over stands beside the raw round trip of its kind" {
  need_python
  two_cpus || skip "one usable CPU"
  local pair cell
  for pair in fork-pipe:pipe: fork:futex:/wait:park fork:cacheline:/wait:spin fork:cacheline:; do
    IFS=: read -r backend trip wait <<<"$pair"
    cell=howmany/$backend/apply/-/chunk:0/workers:1/$ROWS$wait
    measure "$cell" --grain_tasks=30 --benchmark_repetitions=1 "--benchmark_filter=apply|floor"
    [ "$(runs "$JSON" True "r['name'], r['tasks']")" = \
      "('$cell', 30.0)"$'\n'"('howmany/floor/$trip/-/chunk:0/workers:2/$ROWS', 30.0)" ]
  done
}

@test "cold calls are timed without the sleep before them" {
  need_python
  local cell=howmany/null/map/-/chunk:1/workers:2/rows:2000/data:shared/start:cold
  measure "$cell"
  [ "$(runs "$JSON" "r['name'] == '$cell'" "r['real_time'] < 1e6")" = True ]
}

@test "the worker processes' CPU time is counted" {
  need_python
  local cell=compute:200000/fork/map/dynamic/chunk:1/workers:2/rows:40/data:shared/start:warm
  measure "$cell"
  # 40 tasks of at least 40 us each, in the workers and not here
  [ "$(runs "$JSON" "r['name'] == '$cell'" "r['workers_cpu_ns'] > 1.6e6, r['cpu_ns'] < r['workers_cpu_ns']")" = \
    "(True, True)" ]
}

@test "a file of rows is measured instead of random ones" {
  need_python
  local file=$BATS_TEST_TMPDIR/rows.csv cell=howmany/serial/map/-/chunk:0/workers:1/rows:3/data:shared/start:warm
  printf '1,2,6\n1,3,6\n6,6,6\n' >"$file"
  measure "$cell" --grain_input="$file"
  [ "$(runs "$JSON" "r['name'] == '$cell'" "r['tasks']")" = 3.0 ]
  run --separate-stderr "$BENCH" --grain_cell="${cell/rows:3/rows:4}" --grain_input="$file"
  [ "$status" -eq 2 ]
  is_one_clear_line
  run --separate-stderr "$BENCH" --grain_cell="$cell" --grain_input="$file" --grain_columns=5
  [ "$status" -eq 2 ]
  is_one_clear_line
  run --separate-stderr "$BENCH" --grain_input="$file.npy"
  [ "$status" -eq 2 ]
  is_one_clear_line
  [[ $stderr == *"$file.npy"* ]]
}

@test "the list names cells that can be asked for: fork before pthread before openmp" {
  run --separate-stderr "$BENCH" --benchmark_list_tests
  [ "$status" -eq 0 ]
  [ "${lines[0]%%/-/*}" = howmany/serial/loop ]
  [ "${lines[1]%%/-/*}" = howmany/serial/callback ]
  local order=""
  for line in "${lines[@]}"; do
    line=${line#*/}
    [[ $order == *" ${line%%/*}" ]] || order+=" ${line%%/*}"
  done
  [[ "$order " == " serial fork pthread "*"floor " ]]
  [[ "$order " != *openmp*fork* ]]
  run --separate-stderr "$BENCH" --grain_cell="${lines[3]}" --benchmark_list_tests
  [ "$status" -eq 0 ]
  [ "${#lines[@]}" -eq 4 ]
}

@test "compare.py of Google Benchmark reads both outputs, JSON and --benchmark_out" {
  need_python
  local tool=/usr/share/benchmark/compare.py cell=howmany/pthread/$MAP stand_in=$BATS_TEST_TMPDIR/stand_in
  [ -f "$tool" ] || skip "no libbenchmark-tools"
  if ! python3 -c 'import scipy.stats, numpy' 2>/dev/null; then
    # It needs two functions of scipy, for its last lines alone: these stand in.
    mkdir -p "$stand_in/scipy"
    touch "$stand_in/scipy/__init__.py"
    cat >"$stand_in/numpy.py" <<'PY'
class array(list):
    def any(self):
        return any(self)
PY
    cat >"$stand_in/scipy/stats.py" <<'PY'
from statistics import geometric_mean
from types import SimpleNamespace
from numpy import array
def mannwhitneyu(a, b, alternative):
    return SimpleNamespace(pvalue=0.5)
def gmean(rows):
    return array(geometric_mean(column) for column in zip(*rows))
PY
    export PYTHONPATH=$stand_in
  fi
  export PYTHONDONTWRITEBYTECODE=1
  measure "$cell" --benchmark_out="$BATS_TEST_TMPDIR/file.json" --benchmark_repetitions=3
  run python3 "$tool" --no-color benchmarks "$JSON" "$BATS_TEST_TMPDIR/file.json"
  [ "$status" -eq 0 ]
  # the same runs: no change anywhere
  [ "$(grep -Ec "^($cell|$LOOP|$CALLBACK|$PEAK) +\+0\.0000 +\+0\.0000" <<<"$output")" -eq 12 ]
  [ "$(runs "$BATS_TEST_TMPDIR/file.json" "r['name'] == '$cell'" 1 | wc -l)" -eq 3 ]
}

@test "the context tells version, compiler, flags and why DEBUG is no reason to worry; tables and CSV work" {
  need_python
  measure "$LOOP"
  python3 - "$JSON" <<'PY'
import json, re, sys
context = json.load(open(sys.argv[1]))["context"]
assert re.fullmatch(r"\d+\.\d+\.\d+", context["grain_version"])
assert context["compiler"] and "flags" in context
assert "DEBUG" in context["note"]
PY
  run --separate-stderr "$BENCH" --grain_cell="$LOOP" --grain_iterations=2,2,2,2 --benchmark_color=false
  [[ ${lines[3]} =~ ^$LOOP\ +[0-9]+\ ns\ +[0-9]+\ ns\ +2\ .*tasks=2k ]]
  run --separate-stderr "$BENCH" --grain_cell="$LOOP" --grain_iterations=2,2,2,2 --benchmark_format=csv
  [ "$status" -eq 0 ]
  [ "$(grep -c "^\"$LOOP\",2," <<<"$output")" -eq 1 ]
}

@test "a wrong result: exit 3, with the row and both values" {
  need_python
  JSON=$BATS_TEST_TMPDIR/out.json
  for cell in howmany/fork/$MAP howmany/pthread/$MAP "howmany/floor/peak/-/chunk:0/workers:2/$ROWS" "$CALLBACK"; do
    GRAIN_TEST_FAULT=wrong run --separate-stderr "$FAULTY" --grain_cell="$cell" --grain_iterations=2,2,2,2 \
      --benchmark_format=json
    [ "$status" -eq 3 ]
    echo "$output" >"$JSON"
    [[ $(runs "$JSON" "r['name'] == '$cell'" "r['error_message']") =~ \
      ^wrong\ result\ at\ row\ 123:\ [1-6]\ instead\ of\ [0-5]$ ]]
  done
}

# FAULT STATUS MESSAGE CALL...: every one of the calls ends so.
all_fail() {
  local fault=$1 code=$2 message=$3 status=0
  shift 3
  GRAIN_TEST_FAULT=$fault measure_all "$FAULTY" howmany/fork "workers:2/$ROWS" "$@" || status=$?
  [ "$status" -eq "$code" ]
  python3 - "$JSON" "$message" $# <<'PY'
import json, re, sys
runs = json.load(open(sys.argv[1]))["benchmarks"]
assert len(runs) == int(sys.argv[3]), runs
for r in runs:
    assert re.match(sys.argv[2], r["error_message"]), r
PY
}

@test "a wrong result of any call: exit 3; a task that fails in any call: exit 1; with the row" {
  need_python
  all_fail wrong 3 'wrong result at row 123: ' map_chunks starmap map_async map_chunks_async starmap_async
  # calls of one task each have no index to go wrong at
  all_fail wrong-row 3 'wrong result at row 0: ' apply apply_async apply_callback imap imap_unordered spawn
  all_fail fail-row 1 'task [0-9]+ failed: (bad luck|its process ended with code 3)$' apply apply_async apply_callback \
    imap imap_unordered spawn
}

@test "results of an earlier run do not pass for those of the timed one" {
  GRAIN_TEST_FAULT=stale run --separate-stderr "$FAULTY" --grain_cell="$CALLBACK" --grain_iterations=2,2,2,2 \
    "--benchmark_filter=^$CALLBACK\$" --benchmark_format=json
  [ "$status" -eq 3 ]
  [[ $output == *'"wrong result at row 0: nothing instead of 4"'* ]]
}

@test "a failing task and an unsupported schedule: exit 1, with the reason; the other cells still run" {
  need_python
  for backend in fork pthread; do
    GRAIN_TEST_FAULT=fail run --separate-stderr "$FAULTY" --grain_cell="howmany/$backend/$MAP" \
      --grain_iterations=2,2,2,2 --benchmark_format=json
    [ "$status" -eq 1 ]
    [[ $output == *'"task 7 failed: seven is unlucky"'* ]]
  done
  JSON=$BATS_TEST_TMPDIR/out.json
  run --separate-stderr "$BENCH" --grain_cell="howmany/fork/map/taskloop/chunk:1/workers:2/$ROWS" \
    --grain_iterations=2,2,2,2 --benchmark_format=json
  [ "$status" -eq 1 ]
  echo "$output" >"$JSON"
  [ "$(runs "$JSON" "'error_occurred' in r" "r['error_message']")" = "not supported" ]
  [ "$(runs "$JSON" "'error_occurred' not in r" "r['name']")" = "$LOOP"$'\n'"$CALLBACK"$'\n'"$PEAK" ]
}

@test "bad cells: exit 2 and one clear line" {
  for cell in nonsense "howmany/fork/map/dynamic/chunk:x/workers:2/$ROWS" "howmany/fork/map/dynamic/chunk:1/workers:0/$ROWS" \
    howmany/nobody/$MAP "howmany/fork/$MAP/gap:0" "howmany/fork/$MAP/gap:1000us" "howmany/fork/$MAP/gap:2s" \
    "howmany/fork/${MAP/warm/cold}/gap:1ms" "nothing/fork/$MAP" "howmany/fork/map/wild/chunk:1/workers:2/$ROWS" \
    "howmany/fork/sing/-/chunk:1/workers:2/$ROWS" "howmany/cpython/$MAP" "howmany/fork/loop/-/chunk:0/workers:1/$ROWS" \
    "howmany/serial/peak/-/chunk:0/workers:1/$ROWS" "howmany/floor/$MAP" "compute/fork/$MAP" "howmany:5/fork/$MAP" \
    "howmany/fork/open/-/chunk:0/workers:2/$ROWS" "howmany/fork/map/-/chunk:1/workers:2/rows:0/data:shared/start:warm" \
    "howmany/floor/fork/-/chunk:0/workers:2/$ROWS" "howmany/fork/cacheline/-/chunk:0/workers:2/$ROWS" \
    howmany/floor/cacheline/-/chunk:0/workers:2/rows:0/data:shared/start:warm \
    "howmany/pthread/spawn/-/chunk:0/workers:2/$ROWS" "howmany/fork/apply_callback/-/chunk:0/workers:2/rows:0/data:shared/start:warm" \
    "howmany/serial/loop/dynamic/chunk:0/workers:1/$ROWS" "howmany/serial/loop/-/chunk:0/workers:2/$ROWS"; do
    run --separate-stderr "$BENCH" --grain_cell="$cell"
    [ "$status" -eq 2 ] || { echo "accepted: $cell" && false; }
    is_one_clear_line
    [[ $stderr == "grain-bench: bad cell $cell: "* ]]
  done
}

@test "bad flags: exit 2 and a reason" {
  for flag in --grain_columns=0 --grain_columns=5x --grain_seed=-1 --grain_seed=4294967296 --grain_minimum= \
    --grain_maximum=9999999999 --grain_tasks=0 --grain_turns=0 --grain_turns=x --grain_order=-1 --grain_iterations=1,2,3 --grain_iterations=1,2,3,4,5 --grain_iterations=1,,2,3 \
    --grain_iterations=1,2,3,4 stray --benchmark_format=xml "--benchmark_filter=(" --benchmark_filter=nothing; do
    run --separate-stderr "$BENCH" "$flag"
    [ "$status" -eq 2 ] || { echo "accepted: $flag" && false; }
    is_one_clear_line
  done
  run --separate-stderr "$BENCH" --frob
  [ "$status" -eq 2 ]
  [[ $stderr == *"--frob"* ]]
  run --separate-stderr "$BENCH" --benchmark_repetitions=many
  [ "$status" -eq 2 ]
  [[ $stderr == *"--benchmark_repetitions"* ]]
}

@test "--help explains both families of flags" {
  run --separate-stderr "$BENCH" --help
  [ "$status" -eq 0 ]
  for word in --grain_cell=NAME --grain_iterations --benchmark_filter=\<regex\> --benchmark_out "Exit status"; do
    [[ $output == *"$word"* ]]
  done
}

@test "no process is left behind" {
  local mark=$BATS_TEST_TMPDIR
  GRAIN_TEST_MARK=$mark "$BENCH" --grain_cell="howmany/fork/$MAP" --grain_cell="howmany/pthread/$MAP" \
    --grain_cell="howmany/fork/apply/-/chunk:0/workers:1/$ROWS" \
    --benchmark_min_time=0.001 >/dev/null 2>&1
  run grep -lzsxF "GRAIN_TEST_MARK=$mark" /proc/[0-9]*/environ
  [ -z "$output" ]
}

@test "an idle pool: the CPU time of its workers, be they threads or processes, and not that of who measures" {
  need_python
  local backend cell=idle/-/chunk:0/workers:2/rows:0/data:shared/start:warm field spun_ns
  for backend in fork pthread; do
    [ $backend = fork ] && field=workers_cpu_ns || field=cpu_ns
    measure "howmany/$backend/$cell" --grain_iterations=1,1,1,1 # one of half a second
    [ "$(runs "$JSON" True "r['real_time'] >= 0.4e9, r['cpu_ns'] + r['workers_cpu_ns'] < 20e6")" = "(True, True)" ]
    spun_ns=0
    for _ in {1..30}; do # half a second of a CPU each, or what others leave of it: who spins lets them go first
      measure "howmany/$backend/$cell/wait:spin" --grain_iterations=1,1,1,1
      spun_ns=$((spun_ns + $(runs "$JSON" True "int(r['$field'])")))
      [ "$spun_ns" -lt 30000000 ] || break
    done
    [ "$spun_ns" -ge 30000000 ]
  done
}
