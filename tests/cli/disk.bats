#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Disks that are full, too small or read-only, and sweeps that are killed again and again: what is on the disk afterwards
# is whole, and the sweep can go on. The journal cut at every byte is tested in tests/unit/test_journal.c, two sweeps in
# one folder in sweep.bats.
# Scripts between single quotes are for another shell.
# shellcheck disable=SC2016
load helper

setup() {
  export GRAIN_BENCH=$BATS_TEST_DIRNAME/fake-bench.sh
  unset FAKE_LOG "${!FAKE_@}"
  mkdir "$BATS_TEST_TMPDIR/work" "$BATS_TEST_TMPDIR/nothing"
  cd "$BATS_TEST_TMPDIR/work" || return
  FEW=(--workers 2 --profile default --rows 1000 --budget 0 --filter 'howmany/(fork|pthread|openmp)/map/dynamic/chunk:16/workers:2')
  CELLS=5
}

# A shell in which file systems can be mounted that nobody else sees, and that vanish with it.
need_mounts() { unshare -rm mount -t tmpfs none /mnt 2>/dev/null || skip "no file system can be mounted here"; }
alone() { unshare -rm bash -euc "$1" grain "${@:2}"; }

# Every (cell, round) once: prints the number of records, then of lines that are none.
records() {
  python3 - "$1" <<'P'
import json, sys
seen, cut = set(), 0
for line in open(sys.argv[1] + "/samples.jsonl", "rb"):
    try:
        r = json.loads(line)
    except ValueError:
        cut += line != b"\n"
        continue
    assert (r["cell"], r["round"]) not in seen, r
    seen.add((r["cell"], r["round"]))
print(len(seen), cut)
P
}

# The names of the cells in a summary, and how many rounds each has.
cells() { "$GRAIN" report -q "$1" >/dev/null && tail -n +2 "$1/summary.csv" | cut -d, -f1-7,9-11 | sort; }
rounds() { tail -n +2 "$1/summary.csv" | cut -d, -f12 | sort -u; }

@test "a sweep on a disk that fills up stops in one line; with room again it goes on, nothing is there twice" {
  need_python
  need_mounts
  mkdir disk
  run --separate-stderr alone '
    mount -t tmpfs -o size=36k none disk
    code=0
    "$GRAIN" sweep "$@" --rounds 20 -q --out disk/dir || code=$?
    cp -r disk/dir full
    [ "$code" -ne 0 ] || exit 99
    mount -o remount,size=1m disk
    "$GRAIN" sweep "$@" --rounds 20 -q --resume --out disk/dir || exit 98
    cp -r disk/dir resumed
    exit "$code"' "${FEW[@]}"
  [ "$status" -eq 1 ]
  [ "${#stderr_lines[@]}" -eq 1 ]
  [[ $stderr == "grain sweep: disk/dir: No space left on device" ]]
  read -r whole cut <<<"$(records full)"
  [ "$whole" -gt 0 ]
  [ "$cut" -le 1 ]
  read -r whole cut <<<"$(records resumed)"
  [ "$whole" -eq $((20 * CELLS)) ]
  [ "$cut" -le 1 ]
}

# Not every program is there: what a sweep notes about the machine takes most of the time of a short one.
quick() { PATH=$BATS_TEST_TMPDIR/nothing "$GRAIN" sweep "${FEW[@]}" -q "$@"; }

@test "a file that may not grow: the same, with a limit of the process, at the samples and at the data" {
  need_python
  for kilobytes in 12 24; do # the data takes 20
    run --separate-stderr bash -c 'ulimit -f "$1"; shift; exec "$GRAIN" sweep "$@"' sh "$kilobytes" \
      "${FEW[@]}" --rounds 24 -q --out "dir-$kilobytes"
    [ "$status" -eq 1 ]
    is_one_clear_line
    [[ $stderr == "grain sweep: dir-$kilobytes: File too large" ]]
    run --separate-stderr "$GRAIN" sweep "${FEW[@]}" --rounds 24 -q --resume --out "dir-$kilobytes"
    [ "$status" -eq 0 ]
    read -r whole cut <<<"$(records "dir-$kilobytes")"
    [ "$whole" -eq $((24 * CELLS)) ]
    [ "$cut" -le 1 ]
    run ! grep -q '"failed"' "dir-$kilobytes/samples.jsonl" # a full disk is no cell's fault
  done
}

@test "what cannot be written leaves what was there: summary.csv, claims.json, RESULTS.md, figures" {
  "$GRAIN" sweep "${FEW[@]}" --rounds 1 -q --out dir
  "$GRAIN" report -q dir >/dev/null
  "$GRAIN" plot --format svg dir >/dev/null 2>&1 || [ $? -eq 5 ]
  cp -r dir before
  "$GRAIN" sweep "${FEW[@]}" --rounds 1 -q --out other # other figures
  cp other/samples.jsonl dir
  cp dir/samples.jsonl before
  # through a pipe: what is said would go to a file, too
  no_room='ulimit -f 0; "$GRAIN" "$@" 2>&1 | cat; exit "${PIPESTATUS[0]}"'
  run bash -c "$no_room" sh report -q dir
  [ "$status" -eq 1 ]
  [ "$output" = "grain report: cannot write into dir: File too large" ]
  diff -r before dir
  run bash -c "$no_room" sh plot --format svg dir
  [ "$status" -eq 1 ]
  [ "${#lines[@]}" -eq 1 ]
  diff -r before dir
}

@test "a folder that is read-only: one line that names it, nothing is left behind" {
  need_mounts
  "$GRAIN" sweep "${FEW[@]}" --rounds 1 -q --out dir
  cp -r dir before
  for command in "sweep --resume --out dir --rounds 1 ${FEW[*]}" "sweep --out dir/new" "report dir" "plot dir"; do
    # shellcheck disable=SC2086
    run --separate-stderr alone '
      mount --bind dir dir
      mount -o remount,ro,bind dir
      exec "$GRAIN" "$@"' $command
    echo "$command: $status: $stderr"
    [ "$status" -eq 1 ] || [ "$status" -eq 2 ]
    is_one_clear_line
    [[ $stderr == "grain ${command%% *}: "*dir* ]]
    diff -r before dir
  done
}

@test "a full standard output is an error, not a silent success" {
  [ -w /dev/full ] || skip "no /dev/full"
  "$GRAIN" sweep "${FEW[@]}" --rounds 1 -q --out dir
  for command in list "list --json" doctor "run --rows 100" "run --rows 100 --json" "sweep --dry-run" \
    "sweep --dry-run --json" "report dir" "report --json dir"; do
    # shellcheck disable=SC2086
    run --separate-stderr bash -c '"$GRAIN" "$@" >/dev/full' sh $command
    echo "$command: $status: $stderr"
    [ "$status" -eq 1 ]
    is_one_clear_line
  done
}

@test "killed up to 50 times at random and resumed each time: the cells and rounds of an undisturbed sweep, none twice" {
  need_python
  local seed=${GRAIN_SEED:-$RANDOM} kills=0 i pid code wait_us
  echo "GRAIN_SEED=$seed"
  # What a sweep takes here and now from its start to its first samples: kills come before and after.
  local began=${EPOCHREALTIME/./} first_us
  quick --rounds 1 --out undisturbed
  first_us=$((${EPOCHREALTIME/./} - began))
  RANDOM=$seed
  for ((i = 0; i < 50; i++)); do
    resume=()
    [ ! -e dir/env.json ] || resume=(--resume)
    PATH=$BATS_TEST_TMPDIR/nothing "$GRAIN" sweep "${FEW[@]}" --rounds 50 -q "${resume[@]}" --out dir 2>>said 3>&- &
    pid=$!
    wait_us=$((first_us * (RANDOM % 1000) / 1300))
    sleep "$((wait_us / 1000000)).$(printf %06d $((wait_us % 1000000)))"
    kill -KILL "$pid" 2>/dev/null || true
    code=0
    wait "$pid" 2>/dev/null || code=$?
    # 1: the one before has not let go of the folder yet
    [ "$code" -eq 137 ] || [ "$code" -eq 0 ] || { [ "$code" -eq 1 ] && grep -q "another sweep" said; }
    kills=$((kills + (code == 137)))
    [ "$code" -ne 0 ] || break # it was quicker than at first: there is nothing left to kill
  done
  echo "$kills kills; $(records dir || true) before the last; a first round takes $first_us us"
  [ "$kills" -ge 10 ]
  cat said
  run ! grep -v "another sweep is writing" said
  await quick --rounds 50 --resume --out dir
  read -r whole cut <<<"$(records dir)"
  [ "$whole" -eq $((50 * CELLS)) ]
  [ "$cut" -le "$kills" ]
  diff <(cells dir) <(cells undisturbed)
  [ "$(rounds dir)" = 50 ]
  [ -z "$(find dir -name '*.npy')" ] # what the killed left is cleaned up by the last
}
