#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# `grain sweep`, most of it against a stand-in for grain-bench: what is written, resumed, refused, and what
# happens when a process misbehaves.
load helper

setup() {
  export GRAIN_BENCH=$BATS_TEST_DIRNAME/fake-bench.sh FAKE_LOG=$BATS_TEST_TMPDIR/log
  mkdir "$BATS_TEST_TMPDIR/work" "$BATS_TEST_TMPDIR/nothing"
  cd "$BATS_TEST_TMPDIR/work" || return
  # five cells: two baselines and these three
  # --budget 0: no cell again, however busy the machine is
  FEW=(--workers 2 --profile default --rows 1000 --rounds 3 --budget 0 --filter 'howmany/(fork|pthread|openmp)/map/dynamic/chunk:16/workers:2')
  CELLS=5
  export -n FAKE_FAIL FAKE_WRONG FAKE_HANG FAKE_CRASH FAKE_GARBAGE FAKE_PAUSE
}

sweep() { "$GRAIN" sweep "${FEW[@]}" "$@"; }

# Every (cell, round) once, every line whole but for `cut` of them: prints the number of records.
records() { # DIR [CUT]
  python3 - "$1" "${2:-0}" <<'P'
import json, sys
seen, cut = set(), 0
for line in open(sys.argv[1] + "/samples.jsonl"):
    try:
        r = json.loads(line)
    except ValueError:
        cut += 1
        continue
    assert (r["cell"], r["round"]) not in seen, r["cell"]
    for beside in ("loop_ns", "callback_ns", "floor_ns"):
        assert len(r.get(beside, r["times_ns"])) == len(r["times_ns"]), r
    seen.add((r["cell"], r["round"]))
assert cut == int(sys.argv[2]), cut
print(len(seen))
P
}

field() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1/env.json" "$2"; }

@test "a dry run shows cells and an estimate, and writes nothing" {
  run --separate-stderr sweep --dry-run
  [ "$status" -eq 0 ]
  [[ ${lines[0]} == howmany/serial/loop/-/chunk:0/workers:1/rows:1000/* ]]
  [[ ${lines[-1]} == "$CELLS cells, 3 rounds, 15 samples: about 0:0"* ]]
  [ -z "$(ls)" ]
  need_python
  sweep --dry-run --json | python3 -c 'import json, sys; d = json.load(sys.stdin); assert len(d["cells"]) == d["count"] == 5'
}

@test "the cells of a process take turns in an order of their own in each round, from the recorded seed" {
  need_python
  FAKE_ORDERS=$PWD/orders sweep --out dir
  [ "$(sort -u orders | wc -l)" -eq 15 ]
  local first
  first=$(($(field dir shuffle_seed) % 4294967295))
  [ "$(sort -n orders | head -n 1)" = "$first" ]
}

@test "every cell has one process and one record a round, with the same iterations" {
  need_python
  run --separate-stderr sweep --out dir
  [ "$status" -eq 0 ]
  [ -z "$output" ]
  [ "$(records dir)" -eq 15 ]
  [ "$(grep -c ^sample "$FAKE_LOG")" -eq 15 ]
  [ "$(grep ^sample "$FAKE_LOG" | sort -u | wc -l)" -eq "$CELLS" ]
  [ "$(grep -c ^calibration "$FAKE_LOG")" -eq 4 ] # both baselines in one
  [ "$(field dir finished)" = True ]
  [ "$(field dir rounds)" = 3 ]
  [[ $(field dir command) == "grain sweep --workers 2 --profile default --rows 1000 "*"'howmany/(fork|pthread|openmp)/"* ]]
}

@test "the order differs from round to round, and rounds come one after the other" {
  need_python
  sweep -q --rounds 6 --out dir
  python3 - <<'P'
import json
r = [json.loads(l) for l in open("dir/samples.jsonl")]
assert [x["round"] for x in r] == sorted(x["round"] for x in r)
assert len({tuple(x["cell"] for x in r if x["round"] == n) for n in range(6)}) > 1
P
}

@test "children see no OMP_*, GOMP_*, KMP_* or GRAIN_* of the user" {
  OMP_NUM_THREADS=1 KMP_BLOCKTIME=0 GOMP_SPINCOUNT=1 GRAIN_BACKEND=fork sweep -q --out dir
  run ! grep -v ' 0$' "$FAKE_LOG"
}

@test "progress: a line a cell, then a line a round; none under -q" {
  run --separate-stderr sweep --out dir
  [[ ${stderr_lines[0]} == 1/15*ok*ms ]]
  [ "$(grep -c ms <<<"$stderr")" -eq "$CELLS" ]
  [[ $stderr == *"round 3 of 3 done"* ]]
  [[ ${stderr_lines[-1]} == "next: grain report dir"* ]]
  run --separate-stderr sweep -q --out other
  [ -z "$stderr" ]
}

@test "a directory with samples is refused, and stays as it is" {
  sweep -q --out dir
  cp -r dir before
  run --separate-stderr sweep --out dir
  [ "$status" -eq 2 ]
  is_one_clear_line
  diff -r dir before
}

@test "two sweeps into one directory: the second is refused" {
  FAKE_PAUSE=0.3 "$GRAIN" sweep "${FEW[@]}" -q --out dir 3>&- &
  await test -s "$FAKE_LOG"
  run --separate-stderr sweep --resume --out dir
  [ "$status" -eq 1 ]
  [[ $stderr == *"another sweep"* ]]
  kill -TERM $!
  code=0
  wait $! || code=$?
  [ "$code" -eq 130 ]
}

@test "Ctrl-C keeps what is finished and prints the command that goes on" {
  need_python
  # the shell has its background jobs ignore SIGINT
  FAKE_PAUSE=0.3 env --default-signal=INT "$GRAIN" sweep "${FEW[@]}" --out "a dir" 2>said 3>&- &
  await has_lines 4 "a dir/samples.jsonl"
  kill -INT $!
  code=0
  wait $! || code=$?
  [ "$code" -eq 130 ]
  [ "$(field "a dir" finished)" = False ]
  done_before=$(records "a dir")
  [ "$done_before" -ge 4 ]
  [ "$done_before" -lt 15 ]
  cp "a dir/samples.jsonl" before
  calibrations=$(grep -c ^calibration "$FAKE_LOG")
  command=$(tail -n 1 said)
  [[ $command == "$GRAIN sweep "* ]]
  run bash -c "$command"
  [ "$status" -eq 0 ]
  [ "$(records "a dir")" -eq 15 ]
  cmp before <(head -c "$(wc -c <before)" "a dir/samples.jsonl")
  [ "$(field "a dir" finished)" = True ]
  [ "$(grep -c ^calibration "$FAKE_LOG")" -eq "$calibrations" ] # not again
}

@test "a sweep killed in the middle of a record goes on from a fresh line" {
  need_python
  sweep -q --out dir
  head -c -40 dir/samples.jsonl >cut.jsonl
  mv cut.jsonl dir/samples.jsonl
  run --separate-stderr sweep --resume --out dir
  [ "$status" -eq 0 ]
  [[ $stderr == *"1 line left out"* ]]
  [ "$(records dir 1)" -eq 15 ]
}

@test "another plan, other data, another build, nothing there: --resume says so" {
  sweep -q --out dir
  cp -r dir before
  for change in "--rounds 4" "--seed 7" "--max 9" "--chunks 16,17 --filter map"; do
    # shellcheck disable=SC2086
    run --separate-stderr sweep --resume --out dir $change
    [ "$status" -eq 2 ]
    is_one_clear_line
    [[ $stderr == *"the plan is not the one"* ]]
  done
  cp "$GRAIN_BENCH" other
  echo "# changed" >>other
  GRAIN_BENCH=$PWD/other run --separate-stderr sweep --resume --out dir
  [ "$status" -eq 2 ]
  [[ $stderr == *"built anew"* ]]
  diff -r dir before
  run --separate-stderr sweep --resume --out nowhere
  [ "$status" -eq 2 ]
  is_one_clear_line
  [ ! -e nowhere ]
}

@test "a cell that fails is recorded, the others go on, exit 5" {
  need_python
  FAKE_FAIL=/fork/ FAKE_CRASH=/pthread/ FAKE_GARBAGE=/openmp/ run --separate-stderr sweep --out dir
  [ "$status" -eq 5 ]
  [ "$(records dir)" -eq 15 ]
  [ "$(grep -c '"failed"' dir/samples.jsonl)" -eq 9 ]
  [ "$(grep -c 'exit 1: fake: out of luck' dir/samples.jsonl)" -eq 3 ]
  [ "$(grep -c 'killed by signal 11' dir/samples.jsonl)" -eq 3 ]
  [ "$(grep -c 'not what a benchmark prints' dir/samples.jsonl)" -eq 3 ]
  [[ $stderr == *"3 cells failed"* ]]
}

@test "a wrong result is exit 3, also when others failed" {
  FAKE_FAIL=/fork/ FAKE_WRONG=/pthread/ run --separate-stderr sweep --out dir
  [ "$status" -eq 3 ]
  [ "$(grep -c '"wrong".*wrong result at row 7' dir/samples.jsonl)" -eq 3 ]
  # and it is remembered: resuming measures what failed, not what is wrong, and says the same
  cp dir/samples.jsonl before
  rm "$FAKE_LOG"
  run sweep --resume --out dir
  [ "$status" -eq 3 ]
  [ "$(grep -c '^sample.*/fork/' "$FAKE_LOG")" -eq 3 ]
  run ! grep '/pthread/' "$FAKE_LOG"
  cmp before <(head -c "$(wc -c <before)" dir/samples.jsonl)
  rm "$FAKE_LOG"
  run sweep --resume --out dir
  [ "$status" -eq 3 ]
  [ ! -e "$FAKE_LOG" ]
}

# What failed of something that is over: the records before and after, and that a report counts the later ones.
@test "resuming measures again what failed, was killed, took too long or was missing" {
  need_python
  FAKE_FAIL=/fork/ FAKE_CRASH=/openmp/ FAKE_HANG=/pthread/ run --separate-stderr sweep --timeout 2 --out dir
  [ "$status" -eq 5 ]
  [[ $stderr == *"--resume measures them again"* ]]
  [ "$(field dir finished)" = True ]
  cp dir/samples.jsonl before
  rm "$FAKE_LOG"
  run --separate-stderr sweep --resume --out dir
  [ "$status" -eq 0 ]
  [[ $stderr == *"5 cells in 3 rounds, all fine"* ]]
  [ "$(grep -c ^sample "$FAKE_LOG")" -eq 9 ] # not the two baselines
  cmp before <(head -c "$(wc -c <before)" dir/samples.jsonl)
  [ "$(tail -n 9 dir/samples.jsonl | grep -c '"ok"')" -eq 9 ]
  "$GRAIN" report -q dir >/dev/null
  python3 - <<'P'
import csv
rows = list(csv.DictReader(open("dir/summary.csv")))
assert len(rows) == 5 and all(r["samples"] == "3" for r in rows), rows
P
  rm "$FAKE_LOG"
  sweep -q --resume --out dir
  [ ! -e "$FAKE_LOG" ]
}

@test "a calibration that was killed is not remembered: resuming does it again" {
  FAKE_NO_CALIBRATION=/fork/ FAKE_FAIL=/fork/ run sweep --out dir
  [ "$status" -eq 5 ]
  run ! grep /fork/ dir/calibration.json
  grep -q /pthread/ dir/calibration.json
  cp dir/calibration.json before
  rm "$FAKE_LOG"
  sweep -q --resume --out dir
  [ "$(grep -c ^calibration "$FAKE_LOG")" -eq 1 ]
  grep -q /fork/ dir/calibration.json
  diff <(grep /pthread/ before) <(grep /pthread/ dir/calibration.json)
}

@test "what was not there at first: python3 for CPython's cells, git, CPython's script" {
  need_python
  few=(--budget 0 --profile quick --rounds 2 --rows 1000 --backends cpython)
  env PATH="$BATS_TEST_TMPDIR/nothing" "$GRAIN" sweep "${few[@]}" -q --out dir
  [ "$(field dir python)" = missing ]
  [[ $(field dir commit) == unknown* ]]
  run --separate-stderr "$GRAIN" sweep "${few[@]}" --resume --out dir
  [ "$status" -eq 0 ]
  [[ $stderr == *"all fine"* ]]
  [ "$(grep '/cpython/' dir/samples.jsonl | grep -c '"ok"')" -eq 6 ]
  [ "$(field dir python)" != missing ]
  # and what has gone since does not stand in the way either
  run --separate-stderr env PATH="$BATS_TEST_TMPDIR/nothing" "$GRAIN" sweep "${few[@]}" --resume --out dir
  [ "$status" -eq 0 ]
  [ "$(field dir python)" != missing ]
}

@test "a process that hangs is stopped with all it started, and not tried again" {
  FAKE_HANG=/fork/ run --separate-stderr sweep --timeout 2 --out dir
  [ "$status" -eq 5 ]
  [ "$(grep -c '"timeout"' dir/samples.jsonl)" -eq 1 ]
  [ "$(grep -c '"ok"' dir/samples.jsonl)" -eq 12 ]
  [ -z "$(pgrep -f 'sleep 987.25' || true)" ]
}

@test "without python3 the rows of CPython say so, and the sweep is fine" {
  run --separate-stderr env PATH="$BATS_TEST_TMPDIR/nothing" "$GRAIN" sweep --budget 0 --profile quick --rounds 2 --rows 1000 --backends cpython --out dir
  [ "$status" -eq 0 ]
  [ "$(grep -c '/cpython/.*"missing".*\(python3\|cpython.py\)' dir/samples.jsonl)" -eq 3 ]
}

@test "bad input and bad options are refused before anything is written" {
  printf '1,2\n3\n' >ragged.csv
  printf '1,2\n3,4\n' >fine.csv
  for bad in "--input ragged.csv" "--input none.npy" "--input ." "--input fine.csv --rows 3" "--min 5 --max 4" \
    "--profile slow" "--backends fork,spoon" "--chunks 1..x" "--workers 0" "--rows 0" "--filter ((" "--filter nothing-so" \
    "--rounds 0" "--rounds 3x" "--json" "--frobnicate" "word" "--seed 4294967296" "--resume --dry-run"; do
    # shellcheck disable=SC2086
    run --separate-stderr "$GRAIN" sweep --out dir $bad
    [ "$status" -eq 2 ] || { echo "$bad: $status"; false; }
    [ -n "$stderr" ]
    [ -z "$output" ]
    [ ! -e dir ]
  done
  run --separate-stderr "$GRAIN" sweep --out dir --input ragged.csv
  is_one_clear_line
  [[ $stderr == *"ragged.csv"*"2"* ]]
}

@test "no grain-bench: exit 77" {
  GRAIN_BENCH=/nowhere/grain-bench run --separate-stderr sweep --out dir
  [ "$status" -eq 77 ]
  is_one_clear_line
  [ ! -e dir ]
}

@test "the source without .git, or in another's repository, is unknown and no error" {
  need_python
  sweep -q --out dir
  python3 - <<'P'
import json
env = json.load(open("dir/env.json"))
keys = """format date command profile seed shuffle_seed rows columns input minimum maximum rounds repetitions cpu_model
usable_cpus quota threads_per_core governor clocksource kernel_release libc compiler flags build_type openmp_runtime packages
commit dirty host load python plan_hash build_hash cells finished"""
assert not [k for k in keys.split() if k not in env], env.keys()
assert len(env["commit"]) == 40 or env["commit"] == "unknown (no git)"
assert len(env["cells"]) == 5
P
  # no git at all
  env PATH="$BATS_TEST_TMPDIR/nothing" "$GRAIN" sweep -q --workers 2 "${FEW[@]}" --out nogit
  [ "$(field nogit commit)" = "unknown (no git)" ]
}

@test "nothing but gbench/, run, clock.c and the probes reads a clock" {
  run grep -rlE '\b(clock_gettime|gettimeofday|timespec_get|clock\(|times\(|omp_get_wtime|rdtsc|time\(NULL\))' \
    --include='*.c' --include='*.h' --include='*.cc' "$GRAIN_SOURCE/bench"
  [ "$status" -eq 0 ]
  for file in "${lines[@]}"; do
    case ${file#"$GRAIN_SOURCE/bench/"} in
      gbench/* | probes/* | sweep/clock.c | command/run.c) ;; # run prints the phases of one call; it takes no samples
      *) echo "$file reads a clock" && false ;;
    esac
  done
  [[ ${lines[*]} == *sweep/clock.c* ]]
}

@test "with the real grain-bench: samples are whole, from random data and from a file" {
  unset GRAIN_BENCH
  [ -x "$GRAIN_BINARY/bench/grain-bench" ] || skip "no grain-bench"
  need_python
  run --separate-stderr sweep --out dir
  [ "$status" -eq 0 ]
  [ "$(records dir)" -eq 15 ]
  python3 - <<'P'
import json
for line in open("dir/samples.jsonl"):
    r = json.loads(line)
    assert r["status"] == "ok" and r["tasks"] == 1000, r
    assert all(t > 0 for k in ("times_ns", "loop_ns", "callback_ns") for t in r[k]), r
    assert ("floor_ns" in r) == ("/serial/" not in r["cell"]), r
    assert all(t > 0 for t in r.get("floor_ns", [])), r
P
  printf '1,2,6,2,3\n1,3,6,5,2\n6,6,6,7,0\n' >rows.csv
  run --separate-stderr "$GRAIN" sweep --budget 0 --profile quick --rounds 1 --filter 'howmany/fork/map/dynamic/chunk:1/' \
    --input rows.csv --out file
  [ "$status" -eq 0 ]
  [[ $(cat file/samples.jsonl) == *"/rows:3/"* ]]
}

@test "with the real programs: the two phases of calls reach the samples" {
  unset GRAIN_BENCH
  [ -x "$GRAIN_BINARY/bench/grain-bench" ] || skip "no grain-bench"
  need_python
  run --separate-stderr "$GRAIN" sweep --budget 0 --profile calls --rounds 1 --rows 2000 --workers 2 \
    --filter '/(fork|cpython)/(map|map_async|apply_callback|open)/.*chunk:0/.*start:warm' --out dir
  [ "$status" -eq 0 ]
  python3 - <<'P'
import json
samples = {}
for line in open("dir/samples.jsonl"):
    r = json.loads(line)
    assert r["status"] == "ok", r
    samples["/".join(r["cell"].split("/")[1:3])] = r
wanted = {"fork/map", "fork/map_async", "fork/apply_callback", "fork/open", "cpython/apply_callback", "cpython/open"}
assert wanted <= set(samples), samples.keys()
for name, r in samples.items():
    has_phases = name.endswith(("_async", "_callback"))
    assert all((key in r) == has_phases for key in ("submit_ns", "collect_ns", "out_of_order")), r
P
}

@test "with the real programs: CPython is measured beside it" {
  unset GRAIN_BENCH
  [ -x "$GRAIN_BINARY/bench/grain-bench" ] || skip "no grain-bench"
  [ -f "$GRAIN_SOURCE/bench/peers/cpython.py" ] || skip "no cpython.py"
  need_python
  run --separate-stderr "$GRAIN" sweep --budget 0 --profile quick --rounds 1 --rows 2000 --backends cpython --out dir
  echo "$stderr"
  [ "$status" -eq 0 ]
  [ "$(grep '/cpython/' dir/samples.jsonl | grep -c '"ok"')" -eq 3 ]
  [ "$(grep '/cpython/' dir/samples.jsonl | grep -c '"loop_ns":\[[0-9]')" -eq 3 ]
}
