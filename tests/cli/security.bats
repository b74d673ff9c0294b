#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What others may have put into names, texts and folders must not run, must not lead elsewhere, and must not be seen:
# no command in a title, no link followed from a temporary file's name, no shared memory within reach of other users.
# Scripts between single quotes are for another shell.
# shellcheck disable=SC2016
load helper

setup() {
  export GRAIN_BENCH=$BATS_TEST_DIRNAME/fake-bench.sh
  unset FAKE_LOG "${!FAKE_@}"
  mkdir "$BATS_TEST_TMPDIR/work"
  cd "$BATS_TEST_TMPDIR/work" || return
  FEW=(--workers 2 --profile default --rows 1000 --budget 0 --rounds 1 --filter 'howmany/(fork|pthread|openmp)/map/dynamic/chunk:16/workers:2')
  HOSTILE=$'it\'s "; system "touch x"; $(touch x) `touch x`; touch x #\n<touch x|touch x'
}

# A whole sweep, reported, with figures.
whole() {
  "$GRAIN" sweep "${FEW[@]}" -q --out "$1" && "$GRAIN" report -q "$1" >/dev/null &&
    { "$GRAIN" plot --format svg "$1" >/dev/null 2>&1 || [ $? -eq 5 ]; }
}

# Nobody ran `touch x`, wherever.
no_x() { [ -z "$(find "$BATS_TEST_TMPDIR" -name x)" ]; }

@test "folders with quotes, newlines and backticks: sweep, report, plot, and the commands that are printed" {
  export GRAIN_PLOTS=$PWD/plots$HOSTILE
  mkdir -p "${GRAIN_PLOTS%/*}"
  cp -r "$GRAIN_SOURCE/plots" "$GRAIN_PLOTS"
  dir="dir ${HOSTILE//[\/<]/}"
  run --separate-stderr "$GRAIN" sweep "${FEW[@]}" --out "$dir"
  [ "$status" -eq 0 ]
  next=${stderr##*next: }
  [[ $next == "grain report "* ]]
  no_x
  # what is printed is for a shell, and names that folder
  grain() { "$GRAIN" "$@"; }
  eval "$next" >said 2>&1 || [ $? -eq 5 ]
  [ -s "$dir/RESULTS.md" ]
  [ -n "$(find "$dir/figures" -name '*.svg')" ]
  no_x
}

@test "the command that goes on after an interruption is for a shell, whatever the folder is called" {
  dir="dir ${HOSTILE//[\/<]/}"
  FAKE_PAUSE=0.2 env --default-signal=INT "$GRAIN" sweep "${FEW[@]}" -q --out "$dir" 2>said 3>&- &
  await test -s "$dir/samples.jsonl"
  kill -INT $!
  wait $! || true
  eval "$(tail -n +2 said)"
  [[ $(cat "$dir/env.json") == *'"finished": true'* ]]
  no_x
}

@test "texts of the machine and names of cells are drawn, not run" {
  need_python
  whole dir
  python3 - "$HOSTILE" <<'P'
import json, sys
hostile = sys.argv[1]
env = json.load(open("dir/env.json"))
for key in ("cpu_model", "commit", "host", "command", "compiler", "profile", "rounds"):
    env[key] = hostile
json.dump(env, open("dir/env.json", "w"))
text = open("dir/summary.csv").read().split("\n")
row = text[-2].split(",")
for name in ('";system"touch x', "`touch x`", "$(touch x)", "@touch x"):
    text.insert(-1, ",".join([name[:30]] + row[1:]))
    text.insert(-1, ",".join([row[0], row[1], row[2], name[:11]] + row[4:]))
open("dir/summary.csv", "w").write("\n".join(text))
P
  rm -r dir/figures
  "$GRAIN" plot dir >/dev/null 2>said || [ $? -eq 5 ]
  "$GRAIN" report -q dir >/dev/null
  python3 - <<'P'
import glob, xml.dom.minidom
pictures = glob.glob("dir/figures/*.svg")
assert pictures
for picture in pictures:
    xml.dom.minidom.parse(picture)
P
  no_x
}

@test "names of input files and of backends: one line, nothing runs" {
  printf '1,2\n' >"in ${HOSTILE//[\/<]/}.csv"
  "$GRAIN" run --input "in ${HOSTILE//[\/<]/}.csv" >/dev/null
  run --separate-stderr "$GRAIN" run --input "none ${HOSTILE//[\/<]/}.csv"
  [ "$status" -eq 2 ]
  is_one_clear_line
  "$GRAIN" sweep "${FEW[@]}" -q --rows 1 --input "in ${HOSTILE//[\/<]/}.csv" --out dir && false
  run "$GRAIN" run --backend "$HOSTILE"
  [ "$status" -eq 2 ]
  run "$GRAIN" sweep --dry-run --kernels "compute:$HOSTILE"
  [ "$status" -eq 2 ]
  no_x
}

@test "a link that waits where a temporary file may be made is not followed" {
  whole dir
  echo mine >victim
  for name in .env.json.new .env.json env.json.part summary.csv.part claims.json.part RESULTS.md.part \
    .calibration.json.new data-1000.npy figures/.fig_chunk.csv.partial figures/.fig_chunk.svg.partial; do
    [ -e "dir/$name" ] || ln -s "$PWD/victim" "dir/$name"
  done
  rm dir/samples.jsonl
  "$GRAIN" sweep "${FEW[@]}" -q --out dir
  "$GRAIN" report -q dir >/dev/null
  "$GRAIN" plot --format svg dir >/dev/null 2>&1 || [ $? -eq 5 ]
  [ "$(cat victim)" = mine ]
}

@test "result files are made anew and renamed: who has the old one open keeps it whole" {
  whole dir
  mkdir old
  local file name count=0
  while read -r file; do
    ln "$file" "old/${file##*/}" # the same file under a second name
    name=$(md5sum <"$file")
    echo "$name ${file##*/}" >>sums
    count=$((count + 1))
  done < <(find dir -type f ! -name samples.jsonl)
  [ "$count" -ge 7 ]
  rm dir/samples.jsonl # begun again
  whole dir
  while read -r sum _ name; do
    [ "$(md5sum <"old/$name" | cut -d' ' -f1)" = "$sum" ]
    [ "$(stat -c %h "old/$name")" -eq 1 ] # the result is another file now
  done <sums
  [ -z "$(find dir -name '.*')" ]
}

@test "every file that is created is new and has a name that nobody can guess, but for the samples" {
  command -v strace >/dev/null && strace -o probe true 2>/dev/null || skip "no strace"
  export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 # LeakSanitizer is a tracer itself: it cannot be traced
  strace -f -e trace=openat,open,creat -o trace "$GRAIN" sweep "${FEW[@]}" -q --out dir
  strace -f -e trace=openat,open,creat -o trace2 "$GRAIN" report -q dir >/dev/null
  grep -h O_CREAT trace trace2 | grep -vE '"/(dev|proc)/' >created
  cat created
  [ "$(grep -c 'O_EXCL' created)" -ge 5 ]
  run ! grep -vE 'O_EXCL|samples\.jsonl"' created
  run ! grep -vE '\.[0-9a-f]{16}"|samples\.jsonl"|data-[0-9]+\.npy"' created
}

@test "shared memory has no name, and no other user reaches it" {
  before=$(ls -A /dev/shm 2>/dev/null || true)
  # a pool that stays open until it is killed
  local cell=howmany/fork/map/dynamic/chunk:64/workers:2/rows:20000/data:shared/start:warm
  "$GRAIN_BINARY/bench/grain-bench" --grain_cell=$cell --benchmark_filter=^$cell'$' --benchmark_min_time=3600 >/dev/null 2>&1 3>&- &
  pid=$!
  descriptor() { fd=$(find "/proc/$pid/fd" -lname '/memfd:grain*' 2>/dev/null | head -n 1) && [ -n "$fd" ]; }
  await descriptor
  [ "$(stat -L -c %h "$fd")" -eq 0 ] # no name in any file system
  [ "$(ls -A /dev/shm 2>/dev/null || true)" = "$before" ] || echo "others use /dev/shm"
  grep -q "memfd:grain" "/proc/$pid/maps"
  run ! grep -E "/dev/shm|/SYSV" "/proc/$pid/maps"
  if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    run setpriv --reuid=65534 --regid=65534 --clear-groups head -c 1 "$fd"
    [ "$status" -ne 0 ]
    [[ $output == *"Permission denied"* ]]
  fi
  kill -KILL "$pid"
  wait "$pid" || true
  pid=
}
