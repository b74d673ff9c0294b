#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# `grain run`: the tutorial's figures on every backend, and bad input.
load helper

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
    for line in "${lines[@]}"; do [ "${#line}" -le 80 ]; done
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

@test "apply, one row a call" {
  for backend in serial fork pthread; do
    run "$GRAIN" run --backend "$backend" --call apply --rows 500
    [ "$status" -eq 0 ]
    [[ $output == *"4 2 1 2 3 2 2 2 2 2"* ]]
    [[ $output == *"all 500 counts are right"* ]]
  done
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
  run --separate-stderr "$GRAIN" run --backend null --rows 10
  [ "$status" -eq 2 ]
  is_one_clear_line
}
