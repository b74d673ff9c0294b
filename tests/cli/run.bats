#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# `grain run`: the tutorial's figures on every backend, and bad input.
load helper

# No line is wider than a terminal.
fits() { [ "$(wc -L <<<"$1")" -le 80 ]; }

# The figures of the default data.
is_right() {
  [[ $output == *"First ten counts"*"4 2 1 2 3 2 2 2 2 2"* ]]
  [[ $output == *" 500557 "* ]]
  [[ $output == *"6169 31116 62390 62868 31228 6229"* ]]
  [[ $output == *"8 8 3 7 7"*"0 4 2 5 2"*"2 2 1 0 8"*"4 0 9 6 2"*"4 1 5 3 4"* ]]
}

@test "every backend counts the default data right and shows phases and times" {
  need_python
  local names
  names=$(backends)
  [[ $names == *serial*fork*pthread* ]]
  for backend in $names; do
    run --separate-stderr "$GRAIN" run --backend "$backend"
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    is_right
    [[ $output == "Number of processors"* ]]
    for phase in open submit collect close total; do [[ $output =~ $'\n'$phase\ +[0-9]+\.[0-9]+\ ms ]]; done
    [ "$(grep -c '^CPU times: user .*, sys: .*, total: ' <<<"$output")" -eq 2 ]
    [[ $output == *"Wall time: "* ]]
    fits "$output"
  done
}

@test "every call, chunk and schedule gives the same figures" {
  for backend in serial fork pthread; do
    for options in "--chunk 1" "--chunk python" "--chunk 300000" "--schedule static" "--schedule guided" \
      "--schedule dynamic --chunk 64" "--call map_chunks --chunk 1000" "--workers 1" "--workers 5"; do
      # shellcheck disable=SC2086
      run "$GRAIN" run --backend "$backend" $options
      [ "$status" -eq 0 ]
      is_right
    done
  done
}

@test "apply, one row per call" {
  for backend in serial fork pthread; do
    run "$GRAIN" run --backend "$backend" --call apply --rows 500
    [ "$status" -eq 0 ]
    [[ $output == *"4 2 1 2 3 2 2 2 2 2"* ]]
    [[ $output == *"all 500 counts are right"* ]]
  done
}

calls="apply map map_chunks starmap apply_async apply_callback map_async map_chunks_async starmap_async imap imap_unordered"

# Every call on every backend: the tables below.
@test "every call gives the oracle's counts, tells of its phases, and of order where none is promised" {
  local times=' ms .*submit .* ms .*collect .* ms .*close .* ms .*total .* ms '
  for backend in serial fork; do
    for call in $calls; do
      run --separate-stderr "$GRAIN" run --backend "$backend" --call "$call" --rows 2000
      [ "$status$stderr" = 0 ] || { echo "$backend $call: $stderr" && false; }
      [[ $output == *"4 2 1 2 3 2 2 2 2 2"*" 5062 "*"63 291 629 614 344 59"*"all 2000 counts are right"* ]]
      [[ ${output//$'\n'/ } =~ open\ .*$times ]]
      fits "$output"
      case $call in
        apply_callback | imap_unordered) [[ $output =~ "Out of order "\ +[0-9]+" of 2000 results" ]] ;;
        *) [[ $output != *"Out of order"* ]] ;;
      esac
      case $call in
        *_async | apply_callback) [[ $output == *"queue every call"* ]] ;;
        imap*) [[ $output == *"open the iterator"* ]] ;;
        *) [[ $output == *"the call, until every result is there"* ]] ;;
      esac
    done
  done
}

@test "list shows the calls that run makes" {
  run "$GRAIN" list
  [ "$status" -eq 0 ]
  for call in $calls spawn; do [[ $output == *$'\n'"  $call "* ]]; done
  run "$GRAIN" help run
  for call in $calls spawn all; do [[ $output == *[\ :]"$call"[,:\;]* ]]; done
}

@test "starmap takes its range from the columns, callbacks bring every pair, chunks reach async calls" {
  for call in starmap starmap_async apply_callback; do
    run "$GRAIN" run --backend fork --call "$call" --rows 50 --cols 3 --min 0 --max 9
    [ "$status" -eq 0 ]
    [[ $output == *" 150 values from 0 to 9"* ]]
  done
  run "$GRAIN" run --backend pthread --call map_chunks_async --chunk 7 --schedule dynamic --rows 2000
  [[ $output == *"map_chunks_async, chunk 7, schedule dynamic"*"all 2000 counts are right"* ]]
  run "$GRAIN" run --backend pthread --call imap --chunk 3 --rows 2000
  [[ $output == *"imap, chunk 3"*"all 2000 counts are right"* ]]
}

@test "spawn: a process a row and no pool; the first 500 rows unless --rows says otherwise" {
  need_python
  run --separate-stderr "$GRAIN" run --call spawn --workers 3
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
  [[ $output == *"none: every row is a process of its own, 3 at a time"* ]]
  [[ $output == *"500 rows x 5"*"the first of 200000: each costs a fork"*"all 500 counts are right"* ]]
  fits "$output"
  for rows in 1 70; do
    run "$GRAIN" run --call spawn --rows "$rows"
    [ "$status" -eq 0 ]
    [[ $output == *"all $rows counts are right"* ]]
    [[ $output != *"costs a fork"* ]]
  done
  "$GRAIN" run --call spawn --rows 70 --backend serial --json | python3 -c '
import json, sys
run = json.load(sys.stdin)
assert run["backend"] is None and run["call"] == "spawn", run
assert run["rows"] == run["rows_offered"] == 70 and run["found"]["correct"] is True, run
assert run["phases"]["open_ns"] * 10 < run["phases"]["collect_ns"], run
assert run["cpu_everyone"]["total_us"] > run["cpu_caller"]["total_us"], run
'
}

@test "spawn: a process that is killed is an error, in one line" {
  [ -r "/proc/$$/task/$$/children" ] || skip "the kernel lists no children"
  ! ldd "$GRAIN" | grep -q asan || skip "a sanitizer's children do other things than the task when they are met"
  local pid child status=0
  "$GRAIN" run --call spawn --rows 1000000 >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" &
  pid=$!
  SECONDS=0
  # They live for a millisecond: one is met before long.
  while kill -0 "$pid" && [ "$SECONDS" -lt 30 ]; do
    read -r child _ <"/proc/$pid/task/$pid/children" || true # no newline ends that file
    [ -z "$child" ] || kill -KILL "$child" || true
  done 2>/dev/null
  kill "$pid" 2>/dev/null || true
  wait "$pid" || status=$?
  [ "$status" -eq 1 ]
  [ ! -s "$BATS_TEST_TMPDIR/out" ]
  [ "$(grep -c . "$BATS_TEST_TMPDIR/err")" -eq 1 ]
  [[ $(<"$BATS_TEST_TMPDIR/err") == "grain run: spawn without a pool: "*task*failed* ]]
}

@test "--call all, --backend all: one aligned line a run, all right" {
  need_python
  local names
  names=$(backends)
  run --separate-stderr "$GRAIN" run --backend all --call all --rows 100
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
  fits "$output"
  local all="spawn" columns
  for backend in $names; do
    [[ $output =~ $'\n'$backend,\ [0-9]+\ workers?,\ 100\ rows\ x\ 5 ]]
    all+=" $calls"
  done
  # shellcheck disable=SC2086
  [ "$(awk '/ right$/ { print $1 }' <<<"$output")" = "$(printf '%s\n' $all)" ]
  [ "$(awk '/ right$/ { print length }' <<<"$output" | sort -u | wc -l)" -eq 1 ]
  # An order is told of where none is promised, and only there.
  columns=$(awk '/ right$/ { print $1, NF }' <<<"$output" | sort -u)
  [ "$(grep -c ' 8$' <<<"$columns")" -eq 2 ]
  [[ $columns == *"apply_callback 8"*"imap_unordered 8"* ]]
  [[ $output != *null* ]]
}

@test "--call all alone, --backend all alone, and both as JSON" {
  need_python
  python3 -c 'print("1,2\n" * 600, end="")' >"$BATS_TEST_TMPDIR/long.csv"
  run --separate-stderr "$GRAIN" run --call all --backend serial --input "$BATS_TEST_TMPDIR/long.csv" --chunk python \
    --schedule guided
  [ "$status" -eq 0 ]
  [ "$(grep -c ' right$' <<<"$output")" -eq 12 ]
  [[ $output == *"the first 500 of 600 rows"* ]]
  run --separate-stderr "$GRAIN" run --backend all --schedule steal --rows 300
  [ "$status" -eq 0 ]
  [ "$(grep -c '^map .* right$' <<<"$output")" -eq 2 ]
  [[ $stderr == *"\`serial' has no schedule \`steal': left out"* ]]
  "$GRAIN" run --call all --backend all --rows 100 --json | python3 -c '
import json, sys
runs = json.load(sys.stdin)
calls = [run["call"] for run in runs]
assert len(set(calls)) == 12 and (len(runs) - 1) % 11 == 0, calls
assert len({str(run["found"]) for run in runs}) == 1
assert {run["backend"] for run in runs} >= {None, "serial", "fork", "pthread"}
for run in runs:
    assert run["found"]["correct"] and run["found"]["total"] == sum(k * n for k, n in enumerate(run["found"]["histogram"]))
    assert ("out_of_order" in run) == (run["call"] in ("apply_callback", "imap_unordered")), run
    assert run.get("out_of_order", 0) < run["rows"] == 100, run
    assert run["phases"]["blocking"] == (run["call"] in ("apply", "map", "map_chunks", "starmap", "spawn")), run
    assert run["phases"]["total_ns"] == sum(run["phases"][p + "_ns"] for p in ("open", "submit", "collect", "close"))
'
}

@test "the table is no place to repeat what is wrong with the input" {
  run --separate-stderr "$GRAIN" run --call all --input missing.csv
  [ "$status" -eq 2 ]
  is_one_clear_line
  run --separate-stderr "$GRAIN" run --call all --backend null
  [ "$status" -eq 2 ]
  is_one_clear_line
}

@test "the backend comes from GRAIN_BACKEND, an option wins" {
  GRAIN_BACKEND=serial run "$GRAIN" run --rows 10
  [[ $output == *"serial, 1 worker"* ]]
  GRAIN_BACKEND=serial run "$GRAIN" run --rows 10 --backend fork
  [[ $output == *"fork, "* ]]
  GRAIN_BACKEND=nonsense run --separate-stderr "$GRAIN" run --rows 10
  is_usage_error
}

@test "the CPU time of fork's workers is in the second line only" {
  need_python
  "$GRAIN" run --backend fork --rows 3000000 --workers 2 --json | python3 -c '
import json, sys
run = json.load(sys.stdin)
assert run["cpu_everyone"]["total_us"] > run["cpu_caller"]["total_us"] + 1000, run
phases = run["phases"]
assert sum(phases[p + "_ns"] for p in ("open", "submit", "collect", "close")) == phases["total_ns"], phases
'
}

@test "--json has the same figures" {
  need_python
  "$GRAIN" run --backend fork --json | python3 -c '
import json, sys
run = json.load(sys.stdin)
assert run["backend"] == "fork" and run["found"]["correct"] is True
assert run["found"]["first_counts"] == [4, 2, 1, 2, 3, 2, 2, 2, 2, 2]
assert run["found"]["total"] == 500557
assert run["found"]["histogram"] == [6169, 31116, 62390, 62868, 31228, 6229]
assert run["found"]["first_rows"][0] == [8, 8, 3, 7, 7] and len(run["found"]["first_rows"]) == 5
'
}

@test "--min and --max, --seed, --rows and --cols change what is counted" {
  run "$GRAIN" run --rows 7 --cols 3 --min 0 --max 9
  [ "$status" -eq 0 ]
  [[ $output == *" 21 values from 0 to 9"* ]]
  run "$GRAIN" run --rows 20 --min -5 --max -1
  [[ $output == *" 0 values from -5 to -1"* ]]
  run "$GRAIN" run --seed 0 --rows 5
  [[ $output == *"5 0 3 3 7"* ]]
}

@test "--input reads a .csv: the rows printed in the notebook" {
  printf '1,2,6,2,3\n1,3,6,5,2\n6,6,6,7,0\n9,0,2,3,6\n0,6,0,8,1\n' >"$BATS_TEST_TMPDIR/rows.csv"
  for backend in serial fork pthread; do
    run "$GRAIN" run --backend "$backend" --input "$BATS_TEST_TMPDIR/rows.csv"
    [ "$status" -eq 0 ]
    [[ $output == *"1 2 4 1 2"* ]]
  done
}

@test "bad options: exit 2, the reason, nothing on standard output" {
  local bad=("--chunk 0" "--chunk -3" "--chunk x" "--chunk 1x" "--chunk 99999999999999999999" "--workers 0"
    "--workers -1" "--workers many" "--rows 0" "--rows -1" "--cols 0" "--cols 5000" "--seed -1" "--seed 4294967296"
    "--min x" "--min 9 --max 1" "--backend nonsense" "--call nonsense" "--schedule nonsense"
    "--backend fork --schedule taskloop" "--call apply --chunk 4" "--call apply --schedule static"
    "--call spawn --chunk 4" "--call apply_async --chunk 4" "--call imap --schedule static" "--call imap --chunk python"
    "--call all --backend fork --schedule taskloop" "--call apply_callbacks"
    "--input a.csv --rows 3" "--input a.csv --seed 3" "surplus" "--json=yes")
  for options in "${bad[@]}"; do
    # shellcheck disable=SC2086
    run --separate-stderr "$GRAIN" run $options
    is_usage_error || { echo "not refused: $options" && false; }
  done
}

@test "bad input: exit 2, one line that names the file, nothing written" {
  local dir=$BATS_TEST_TMPDIR/bad
  mkdir -p "$dir/folder.npy"
  cd "$dir"
  printf '1,2\n3\n' >ragged.csv
  printf '1,2\n3,four\n' >text.csv
  printf '1,2\n3,99999999999\n' >range.csv
  : >empty.csv
  : >empty.npy
  printf 'no npy file at all, not even close' >junk.npy
  printf '\x93NUMPY\x01\x00\x76\x00{'"'descr': '<i4', 'fortran_order': False, 'shape': (500000000, 5), }" >huge.npy
  truncate -s 1024 huge.npy
  printf '1,2\n' >rows.txt
  local before
  before=$(find . | sort)
  for file in ragged.csv text.csv range.csv empty.csv empty.npy junk.npy huge.npy rows.txt folder.npy missing.csv; do
    run --separate-stderr "$GRAIN" run --input "$file"
    [ "$status" -eq 2 ]
    is_one_clear_line
    [[ $stderr == *"$file"* ]]
  done
  [ "$(find . | sort)" = "$before" ]
  run --separate-stderr "$GRAIN" run --input text.csv
  [[ $stderr == *"line 2"*four* ]]
}

@test "null runs no tasks and says so" {
  for call in $calls spawn; do
    run --separate-stderr "$GRAIN" run --backend null --rows 10 --call "$call"
    [ "$status" -eq 2 ]
    is_one_clear_line
    [[ $stderr == *"runs no tasks"* ]]
  done
}
