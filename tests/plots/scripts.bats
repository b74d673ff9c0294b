#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The gnuplot scripts by hand, from any folder, on the sheets that `grain plot` leaves.
load helper

@test "each script draws by hand: data, out, fmt; width may be left out" {
  calls_sweep run/calls
  "$GRAIN" plot run --format svg
  mkdir elsewhere
  for name in fig_chunk fig_overhead fig_speedup fig_calls; do
    gnuplot -e "data='run/figures/$name.csv'; out='$name.svg'; fmt='svg'" "$PLOTS/$name.gp"
    cmp "$name.svg" "run/figures/$name.svg"
    gnuplot -e "data='run/figures/$name.csv'; out='$name.png'; fmt='png'; width=85" "$PLOTS/$name.gp"
    [ "$(head -c 4 "$name.png" | tail -c 3)" = PNG ]
    (cd "$PLOTS/.." && gnuplot -e "data='$BATS_TEST_TMPDIR/run/figures/$name.csv'; out='/dev/null'" "plots/$name.gp")
    (cd "$PLOTS" && gnuplot -e "data='$BATS_TEST_TMPDIR/run/figures/$name.csv'; out='/dev/null'" "$name.gp")
  done
}

@test "columns are picked by name: their order does not matter" {
  calls_sweep run/calls
  "$GRAIN" plot run --format svg
  for name in fig_chunk fig_overhead fig_speedup fig_calls; do
    awk -F, 'BEGIN { OFS = FS } { print $10, $9, $8, $7, $6, $5, $4, $3, $2, $1 }' "run/figures/$name.csv" >turned.csv
    gnuplot -e "data='turned.csv'; out='turned.svg'" "$PLOTS/$name.gp"
    cmp turned.svg "run/figures/$name.svg"
  done
}

@test "empty data: a message, a non-zero exit, no picture" {
  echo "kind,panel,series,backend,style,x,y,low,high,text" >header.csv
  : >empty.csv
  for name in fig_chunk fig_overhead fig_speedup fig_calls; do
    for data in header.csv empty.csv missing.csv; do
      run gnuplot -e "data='$data'; out='y.svg'" "$PLOTS/$name.gp"
      [ "$status" -ne 0 ]
      [ -n "$output" ]
      [ ! -e y.svg ]
    done
  done
}

@test "no data, a wrong width or format: a message and a non-zero exit" {
  for settings in "x=1" "data='a'; out='b'; fmt='gif'" "data='a'; out='b'; width=100"; do
    run gnuplot -e "$settings" "$PLOTS/fig_chunk.gp"
    [ "$status" -ne 0 ]
    [ -n "$output" ]
  done
}

@test "a figure's lines look the same in all figures: looks are set in style.gp only" {
  run ! grep -nE 'set style line|#[0-9A-Fa-f]{6}' "$PLOTS"/fig_*.gp
}
