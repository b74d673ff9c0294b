#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The command where somebody else decides: signals that were ignored before it began, a terminal that stops it, names that
# are not UTF-8, no /proc, standard streams that are closed or full.
# Scripts between single quotes are for another shell.
# shellcheck disable=SC2016
load helper

setup() {
  export GRAIN_BENCH=$BATS_TEST_DIRNAME/fake-bench.sh FAKE_LOG=$BATS_TEST_TMPDIR/log
  mkdir "$BATS_TEST_TMPDIR/work" && cd "$BATS_TEST_TMPDIR/work" || return
  FEW=(--workers 2 --profile default --rows 1000 --rounds 3 --budget 0 --filter 'howmany/(fork|pthread|openmp)/map/dynamic/chunk:16/workers:2')
  export -n FAKE_FAIL FAKE_WRONG FAKE_HANG FAKE_CRASH FAKE_GARBAGE FAKE_PAUSE
}

# What a test that failed left waiting.
teardown() {
  touch "$BATS_TEST_TMPDIR/work/go"
  [ -z "${pid:-}" ] || kill -s KILL "$pid" 2>/dev/null || true
}

field() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1/env.json" "$2"; }

is_in_state() { grep -q "^State:.$2" "/proc/$1/status"; } # PID LETTER

# A benchmark that waits, at its second sample, until the file `go` is there; `held` has its process's number.
hold_second_sample() {
  cat >held-bench <<SH
#!/bin/bash
if [[ "\$*" == *grain_turns* ]] && echo >>samples && [ "\$(wc -l <samples)" -eq 2 ]; then
  echo \$\$ >held.new && mv held.new held
  until [ -e go ]; do sleep 0.05; done
fi
exec "$BATS_TEST_DIRNAME/fake-bench.sh" "\$@"
SH
  chmod +x held-bench
  export GRAIN_BENCH=$PWD/held-bench
}

# A sweep of which the second sample is held; extra words come before the command.
held_sweep() {
  hold_second_sample
  "$@" "$GRAIN" sweep "${FEW[@]}" --out dir >said 2>&1 3>&- &
  pid=$!
  await test -e held
}

finished() { # of pid, as expected, with every record right
  local code=0
  wait "$pid" || code=$?
  pid=
  [ "$code" -eq 0 ] || { echo "exit code $code" && cat said && return 1; }
  [ "$(grep -c '"ok"' dir/samples.jsonl)" -eq 15 ]
}

@test "a signal that was ignored from the start stays ignored: sweep goes on" {
  held_sweep env --ignore-signal=HUP,INT,TERM,QUIT
  for signal in HUP INT TERM QUIT; do
    kill -s $signal "$pid"
    kill -s $signal "$(cat held)" # and its processes do as well
  done
  touch go
  finished
}

@test "nohup, and a shell's background, keep a sweep as they are meant to" {
  held_sweep nohup
  kill -s HUP "$pid"
  kill -s INT "$pid"
  touch go
  finished
}

@test "a signal that nobody ignores ends a sweep, and what is finished is kept" {
  for signal in HUP INT TERM; do
    rm -rf dir held samples
    held_sweep env --default-signal=HUP,INT,TERM
    kill -s $signal "$pid"
    code=0
    wait "$pid" || code=$?
    [ "$code" -eq 130 ]
    [ "$(wc -l <dir/samples.jsonl)" -eq 1 ]
  done
}

@test "ignored signals on plot: no picture is lost" {
  mkdir programs
  cat >programs/gnuplot <<'SH'
#!/bin/bash
out=${4#*out=\'}
echo "$$" >"$GRAIN_TEST_DIR/held.new" && mv "$GRAIN_TEST_DIR/held.new" "$GRAIN_TEST_DIR/held"
until [ -e "$GRAIN_TEST_DIR/go" ]; do sleep 0.05; done
out=${3#*out=\'}
echo drawn >"${out%%\'*}"
SH
  chmod +x programs/gnuplot
  cp -r "$GRAIN_SOURCE/tests/plots/fixture" dir
  GRAIN_TEST_DIR=$PWD PATH=$PWD/programs:$PATH env --ignore-signal=HUP,INT,TERM,QUIT "$GRAIN" plot dir >said 2>&1 3>&- &
  pid=$!
  await test -e held
  for signal in HUP INT TERM QUIT; do
    kill -s $signal "$pid" "$(cat held)"
  done
  touch go
  code=0
  wait "$pid" || code=$?
  cat said
  [ "$code" -eq 0 ]
  [ "$(cat dir/figures/fig_chunk.svg)" = drawn ]
}

@test "a parent that ignores SIGCHLD: sweep, plot and doctor see the ends of their programs" {
  run timeout 60 env --ignore-signal=CHLD "$GRAIN" sweep "${FEW[@]}" -q --out dir
  [ "$status" -eq 0 ]
  [ "$(grep -c '"ok"' dir/samples.jsonl)" -eq 15 ]
  run timeout 60 env --ignore-signal=CHLD "$GRAIN" run --call spawn --rows 5
  [ "$status" -eq 0 ]
  unset GRAIN_BENCH
  run timeout 60 env --ignore-signal=CHLD "$GRAIN_BINARY/bench/grain-bench" --benchmark_list_tests
  [ "$status" -eq 0 ]
  command -v gnuplot >/dev/null || skip "no gnuplot"
  cp -r "$GRAIN_SOURCE/tests/plots/fixture" drawn
  run timeout 60 env --ignore-signal=CHLD "$GRAIN" plot --format svg drawn
  [[ $output != *"could not draw"* ]]
}

# Longer than a cell may take: 2 s, and ten times what it should.
@test "time in which the sweep was stopped does not count, and the sample is taken again" {
  need_python
  FEW+=(--timeout 2)
  held_sweep
  kill -s STOP "$pid"
  await is_in_state "$pid" T
  sleep 4
  touch go
  kill -s CONT "$pid"
  finished
  [ "$(wc -l <samples)" -eq 16 ]
}

@test "a wrong result stays one, also where the sweep was stopped meanwhile" {
  export FAKE_WRONG=.
  held_sweep
  kill -s STOP "$pid"
  await is_in_state "$pid" T
  sleep 2
  touch go
  kill -s CONT "$pid"
  code=0
  wait "$pid" || code=$?
  [ "$code" -eq 3 ]
  [ "$(wc -l <samples)" -eq 15 ]
  [ "$(grep -c '"wrong"' dir/samples.jsonl)" -eq 15 ]
}

# With `set -m` the sweep has a process group of its own, as a job of an interactive shell has.
@test "Ctrl-Z stops the process that is measured too, fg goes on with both" {
  FEW+=(--timeout 2)
  set -m
  held_sweep
  set +m
  kill -s TSTP "$pid"
  await is_in_state "$pid" T
  await is_in_state "$(cat held)" T
  sleep 4
  touch go
  kill -s CONT "$pid"
  finished
  [ "$(wc -l <samples)" -eq 16 ]
}

@test "Ctrl-Z is ignored where it was ignored from the start" {
  set -m
  held_sweep env --ignore-signal=TSTP
  set +m
  kill -s TSTP "$pid" "$(cat held)"
  touch go
  finished
  [ "$(wc -l <samples)" -eq 15 ]
}

# Latin-1, say: in the folder that one is in, in every name that can be given, in the program's own.
@test "names that are not UTF-8: run, sweep, resume, report and plot work, and every JSON is JSON" {
  need_python
  unset GRAIN_BENCH
  mkdir $'h\xe9re' $'h\xe9re/programs' && cd $'h\xe9re'
  cp "$GRAIN_BINARY/bench/grain" "$GRAIN_BINARY/bench/grain-bench" programs/
  printf '1,2,6,2,3\n1,3,6,5,2\n6,6,6,7,0\n' >$'caf\xe9.csv'
  mkdir figures && cp "$GRAIN_SOURCE"/plots/*.gp figures/ && mv figures $'fig\xfcres'
  export GRAIN_PLOTS=$PWD/$'fig\xfcres' GRAIN=$PWD/programs/grain
  export OMP_STRANGE=$'\xff'
  "$GRAIN" run --json --input $'caf\xe9.csv' | python3 -c 'import json, sys
assert json.load(sys.stdin)["source"] == "caf\\xE9.csv"'
  out=$'d\xefr' few=(--budget 0 --profile quick --rounds 1 --filter 'howmany/((fork|pthread)/map/dynamic/chunk:1/|cpython/map/)')
  run --separate-stderr "$GRAIN" sweep "${few[@]}" --input $'caf\xe9.csv' --out "$out"
  [ "$status" -eq 0 ]
  [[ $stderr == *"all fine"* ]]
  [ "$(field "$out" input)" = 'caf\xE9.csv' ]
  # what is recorded, and what is printed, is for a shell
  grain() { "$GRAIN" "$@"; }
  eval "$(field "$out" command) --resume -q"
  eval "${stderr##*next: }" >pictures 2>problems || [ $? -eq 5 ] || [ $? -eq 1 ]
  [ -s "$out/RESULTS.md" ]
  python3 - "$out" <<'P'
import json, os, sys
out = os.fsencode(sys.argv[1])
for name in (b"env.json", b"claims.json"):
    json.load(open(os.path.join(out, name), encoding="utf-8"))
for line in open(os.path.join(out, b"samples.jsonl"), encoding="utf-8"):
    assert json.loads(line)["status"] == "ok", line
P
  cp programs/grain-bench $'programs/gr\xe4in-bench'
  $'programs/gr\xe4in-bench' --benchmark_format=json --benchmark_filter=serial/loop --benchmark_min_time=0.001 |
    python3 -c 'import json, sys; assert json.load(sys.stdin)["context"]["executable"].endswith("gr\\xE4in-bench")'
  if command -v gnuplot >/dev/null; then
    cp -r "$GRAIN_SOURCE/tests/plots/fixture" $'fixt\xfcre'
    "$GRAIN" plot --format svg $'fixt\xfcre' >/dev/null
    [ -s $'fixt\xfcre/figures/fig_chunk.svg' ]
  fi
}

@test "a word of the machine that is not UTF-8 is shown, not lost: doctor --json" {
  need_python
  env $'OMP_STRANGE\xe9=1' "$GRAIN" doctor --json | python3 -c 'import json, sys
found = {f["check"]: f["value"] for f in json.load(sys.stdin)}
assert "OMP_STRANGE\\xE9" in found["OpenMP variables"], found'
}

@test "without /proc: programs and scripts are found, and everything runs" {
  unset GRAIN_BENCH
  run grep -q '^GRAIN_SANITIZE:[A-Z]*=.' "$GRAIN_BINARY/CMakeCache.txt"
  [ "$status" -ne 0 ] || skip "sanitizers need /proc"
  unshare -rm sh -c 'umount -l /proc || mount -t tmpfs none /proc' 2>/dev/null || skip "/proc cannot be taken away here"
  away() { unshare -rm sh -c '{ umount -l /proc || mount -t tmpfs none /proc; } 2>/dev/null; exec "$@"' sh "$@"; }
  away sh -c '! [ -e /proc/self ]'
  away "$GRAIN" run --backend fork --rows 1000 >/dev/null
  away "$GRAIN" sweep -q --budget 0 --profile quick --rounds 1 --rows 2000 --filter 'howmany.*(chunk:(0|1)/|peak|cpython).*workers:2' --out dir
  [ "$(grep -vc '"ok"' dir/samples.jsonl)" -eq 0 ]
  # the same, by a relative name and by PATH
  (cd "$GRAIN_BINARY/bench" && away ./grain sweep -q --budget 0 --profile quick --rounds 1 --rows 2000 \
    --filter '/fork/map/dynamic/chunk:1/' --out "$OLDPWD/relative")
  PATH=$GRAIN_BINARY/bench:$PATH away grain sweep -q --budget 0 --profile quick --rounds 1 --rows 2000 \
    --filter '/fork/map/dynamic/chunk:1/' --out by-path
  grep -q '"ok"' relative/samples.jsonl
  grep -q '"ok"' by-path/samples.jsonl
  away "$GRAIN" report -q dir >/dev/null
  away "$GRAIN" list >/dev/null
  away "$GRAIN" doctor | grep -q '^ok *grain-bench'
  command -v gnuplot >/dev/null || skip "no gnuplot"
  cp -r "$GRAIN_SOURCE/tests/plots/fixture" pictures
  away "$GRAIN" plot --format svg pictures >/dev/null
}

@test "closed standard streams: files that are opened later do not take their numbers" {
  need_python
  FEW+=(--rounds 1)
  "$GRAIN" sweep "${FEW[@]}" --out dir-1 2>&-
  "$GRAIN" sweep "${FEW[@]}" --out dir-2 <&- 2>&-
  "$GRAIN" sweep "${FEW[@]}" --out dir <&- >&- 2>&-
  python3 - dir-1 dir-2 dir <<'P'
import json, sys
for dir in sys.argv[1:]:
    assert json.load(open(dir + "/env.json"))["finished"]
    assert [json.loads(line)["status"] for line in open(dir + "/samples.jsonl")] == 5 * ["ok"], dir
P
  code=0
  "$GRAIN" report dir <&- >&- 2>&- || code=$?
  [ "$code" -eq 1 ] # its finding was for standard output
  python3 -c 'import json; json.load(open("dir/claims.json"))'
}

@test "help, versions and lists that cannot be written: exit code 1 and one line" {
  [ -w /dev/full ] || skip "no /dev/full"
  export BENCH=$GRAIN_BINARY/bench/grain-bench
  local where command
  for where in '>/dev/full' '>&-'; do
    for command in '"$GRAIN" --help' '"$GRAIN" --usage' '"$GRAIN" --version' '"$GRAIN" help' '"$GRAIN" help sweep' \
      '"$GRAIN" run --help' '"$GRAIN" sweep --usage' '"$GRAIN" report --help' '"$GRAIN" plot --version' \
      '"$GRAIN" doctor --regions' '"$GRAIN" list' '"$GRAIN" list --json' '"$GRAIN" run --rows 10' \
      '"$GRAIN" run --rows 10 --call all --json' '"$GRAIN" sweep --dry-run' \
      '"$BENCH" --help' '"$BENCH" --version' '"$BENCH" --benchmark_list_tests' \
      '"$BENCH" --benchmark_format=json --benchmark_filter=serial/loop'; do
      run --separate-stderr bash -c "$command $where"
      [ "$status" -eq 1 ] || { echo "$command $where: $status $stderr" && false; }
      [[ $stderr == *"cannot write to standard output" ]] || { echo "$command $where: $stderr" && false; }
    done
    if command -v python3 >/dev/null; then
      for command in --help --version-json; do
        run --separate-stderr bash -c "python3 '$GRAIN_SOURCE/bench/peers/cpython.py' $command $where"
        [ "$status" -eq 1 ]
      done
    fi
    for command in "tests/run --help" "bench/reproduce --help" "bootstrap.sh --help" "bootstrap.sh --list run" \
      "tests/fuzz/run --help" "tests/check --help"; do
      run bash -c "'$GRAIN_SOURCE/'$command $where"
      [ "$status" -ne 0 ] || { echo "$command $where: 0" && false; }
    done
  done
}
