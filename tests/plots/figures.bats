#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# `grain plot`: every measurement of summary.csv is drawn, nothing in the data can run, bad data draws nothing.
load helper

@test "every figure is drawn, as SVG and as PNG of at least 200 dpi" {
  calls_sweep run/calls
  run "$GRAIN" plot run
  [ "$status" -eq 0 ]
  for name in fig_chunk fig_overhead fig_speedup fig_calls; do
    [ -s "run/figures/$name.csv" ]
    well_formed "run/figures/$name.svg"
    [ "$(head -c 4 "run/figures/$name.png" | tail -c 3)" = PNG ]
    width=$((16#$(od -An -tx1 -j16 -N4 "run/figures/$name.png" | tr -d ' \n')))
    [ "$width" -ge $((170 * 200 * 10 / 254)) ]
  done
  [ -z "$(find run/figures -name '.*')" ]
}

@test "--width 85 and --format draw what they say" {
  calls_sweep run/calls
  "$GRAIN" plot run --width 85 --format svg
  for name in fig_chunk fig_overhead fig_speedup fig_calls; do
    [ -s "run/figures/$name-85.svg" ]
    [ ! -e "run/figures/$name-85.png" ]
    [ ! -e "run/figures/$name.svg" ]
    grep -q 'width="321"' "run/figures/$name-85.svg"
  done
  "$GRAIN" plot run --width 170 --format png
  [ -s run/figures/fig_chunk.png ]
  [ ! -e run/figures/fig_chunk.svg ]
  run "$GRAIN" plot run --width 100
  [ "$status" -eq 2 ]
  run "$GRAIN" plot run --format gif
  [ "$status" -eq 2 ]
  run "$GRAIN" plot
  [ "$status" -eq 2 ]
}

@test "fig_chunk has as many points a backend as summary.csv has rows" {
  "$GRAIN" plot run --format svg
  file=run/figures/fig_chunk
  for backend in fork pthread openmp openmp-as-shipped cpython; do
    best=$(awk -F, -v b=$backend '$1 == "legend" && $4 == b' $file.csv | sed -n 's/.*best: \(.*\))"/\1/p')
    here='kernel == "howmany" && call == "map" && workers == 2 && chunk > 0'
    if [ $backend = cpython ]; then
      expected=$((2 * $(rows $backend "$here")))
    else
      expected=$(($(rows $backend "$here && schedule == \"dynamic\"") + $(rows $backend "$here && schedule == \"$best\"")))
    fi
    [ "$expected" -gt 0 ]
    [ "$(sheet $file.csv point "$backend")" -eq "$expected" ]
    [ "$(points $file.svg "$(shape "$backend")")" -eq $((expected + 1)) ] # and one in the legend
  done
}

@test "fig_overhead has as many bars and open markers a backend as summary.csv has rows" {
  "$GRAIN" plot run --format svg
  file=run/figures/fig_overhead
  for backend in fork pthread openmp openmp-as-shipped cpython; do
    schedule='(schedule == "dynamic" || schedule == "-")'
    expected=$(rows $backend "kernel == \"howmany\" && workers == 2 && (call == \"apply\" || call == \"map\" && $schedule && (chunk == 1 || chunk == 64 || chunk == 25000))")
    bars=$(sheet $file.csv bar $backend)
    open=$(sheet $file.csv open $backend)
    [ $((bars + open)) -eq "$expected" ]
    [ "$(grep -cF "<polygon fill = '$(colour $backend)'" $file.svg)" -eq "$bars" ]
  done
  all_open=$(grep -c '^open,' $file.csv)
  [ "$(points $file.svg 6)" -eq "$all_open" ]
}

@test "an overhead below zero is an open marker with its value, not a bar" {
  awk -F, 'BEGIN { OFS = FS } $2 == "pthread" && $3 == "map" && $4 == "dynamic" && $5 == 64 && $6 == 2 { $17 = "-0.4" } 1' \
    "$FIXTURE/summary.csv" >run/summary.csv
  "$GRAIN" plot run --format svg
  grep -q '^open,0,0,pthread,2,-0.4,.*"-0.40 ns: below noise"' run/figures/fig_overhead.csv
  grep -q -- "-0.40 ns: below noise" run/figures/fig_overhead.svg
}

@test "fig_speedup has as many points a backend as summary.csv has rows" {
  "$GRAIN" plot run --format svg
  file=run/figures/fig_speedup
  for backend in fork pthread openmp openmp-as-shipped; do
    read -r b c < <(awk -F, -v b=$backend '$1 == "legend" && $4 == b' $file.csv | sed 's/.*chunk b: \([0-9]*\); c: \([0-9]*\).*/\1 \2/')
    map='call == "map" && schedule == "dynamic"'
    expected=$(($(rows $backend "kernel == \"howmany\" && $map && chunk == 1") +
      $(rows $backend "kernel == \"howmany\" && $map && chunk == $b") +
      $(rows $backend "kernel == \"compute:2000\" && $map && chunk == $c")))
    [ "$expected" -ge 9 ]
    [ "$(sheet $file.csv point "$backend")" -eq "$expected" ]
    [ "$(points $file.svg "$(shape "$backend")")" -eq $((expected + 1)) ]
  done
}

@test "fig_calls is drawn from the sweep of the calls inside: a point a measured call and backend" {
  calls_sweep run/calls
  "$GRAIN" plot run --format svg
  file=run/figures/fig_calls
  for expected in fork:6 pthread:3 openmp:2 openmp-as-shipped:0 cpython:5; do
    backend=${expected%:*}
    expected=${expected#*:}
    [ "$(sheet $file.csv point "$backend")" -eq "$expected" ]
    [ "$(points $file.svg "$(shape "$backend")")" -eq $((expected == 0 ? 0 : expected + 1)) ]
  done
  [ "$(points $file.svg 15)" -eq 2 ] # openmp was disturbed
  grep -q '^subtitle,.*CPython over fork: 104 × (apply); 667 × (apply_async)"' $file.csv
  grep -q '^value,0,0,fork,1,60[.0-9]*,.*"60.0 ns"' $file.csv
  grep -q 'serial loop 2.00 ns' $file.svg
  [ ! -e run/calls/figures ]
}

@test "fig_calls is drawn from the run itself when that is the sweep of the calls; in other runs it is not missed" {
  calls_sweep run
  "$GRAIN" report -q run >/dev/null
  run -0 "$GRAIN" plot run --format svg
  [ "$(sheet run/figures/fig_calls.csv point fork)" -eq 6 ]
  rm -r run
  cp -r "$FIXTURE" run
  run -0 "$GRAIN" plot run --format svg
  [ ! -e run/figures/fig_calls.csv ]
  [[ $output != *fig_calls* ]]
}

@test "the ideal line is flat beyond the CPUs, and more workers than CPUs are shaded" {
  "$GRAIN" plot run --format svg
  [ "$(awk -F, '$1 == "ideal" { printf "%s:%s ", $6, $7 }' run/figures/fig_speedup.csv)" = "1:1 2:2 4:2 " ]
  grep -q '^shade,' run/figures/fig_speedup.csv
}

# A ladder of three rounds in DIR: call and raw round trip in us.
make_ladder() {
  local rung round name
  mkdir -p "$1"
  cp "$FIXTURE/env.json" "$1/"
  for rung in cpython::94: fork-pipe::20:12 fork:/wait?park:9:8 fork:/wait?spin:0.9:0.6 fork::1:0.6; do
    IFS=: read -r backend wait call raw <<<"$rung"
    name=howmany/$backend/apply/-/chunk:0/workers:1/rows:200000/data:shared/start:warm${wait/\?/:}
    for round in 0 1 2; do
      printf '{"cell": "%s", "round": %d, "status": "ok", "iterations": 1, "tasks": 1000, "times_ns": [%s], ' \
        "$name" "$round" "${call}e6"
      printf '"loop_ns": [null], "callback_ns": [null], %s"cpu_ns": 1.0, "workers_cpu_ns": 0.0, "handovers": 1.0, ' \
        "${raw:+\"floor_ns\": [${raw}e6], }"
      printf '"steals": 0.0, "steal_pct": 0.0, "involuntary": 0.0, "load": 0.5, "message": ""}\n'
    done
  done >"$1/samples.jsonl"
}

@test "fig_ladder is drawn from the ladder inside: a bar a rung, a line across it for the raw round trip" {
  "$GRAIN" plot run --format svg
  [ ! -e run/figures/fig_ladder.csv ] # no ladder, nothing amiss
  make_ladder run/ladder
  "$GRAIN" plot run
  file=run/figures/fig_ladder
  for name in CPython "grain: pipes"; do grep -q "$name" $file.svg; done
  well_formed $file.svg
  [ -s $file.png ]
  [ "$(sheet $file.csv bar cpython)" -eq 1 ]
  [ "$(sheet $file.csv bar fork)" -eq 4 ]
  [ "$(sheet $file.csv raw fork)" -eq 4 ]
  [ "$(sheet $file.csv raw cpython)" -eq 1 ] # that of the pipes
  [ "$(grep -cF "<polygon fill = '$(colour fork)'" $file.svg)" -eq 4 ]
  grep -q '94.0 µs: 7.8 × raw' $file.svg
  grep -q '900 ns: 1.5 × raw' $file.svg
  "$GRAIN" plot run --format svg --width 85
  well_formed $file-85.svg
}

@test "fig_metg is drawn from the task lengths inside: a point a cell, noisy ones open, both thresholds" {
  metg_sweep run/metg
  "$GRAIN" plot run
  file=run/figures/fig_metg
  well_formed $file.svg
  [ -s $file.png ]
  # 22 lengths under steal; fork's dynamic and apply_async; its apply
  [ "$(sheet $file.csv point fork)" -eq $((22 + 16 + 16 + 16)) ]
  [ "$(sheet $file.csv point pthread)" -eq 22 ]
  [ "$(sheet $file.csv point openmp)" -eq 16 ]
  [ "$(grep -c '^point,0,6,,' $file.csv)" -eq 16 ] # a task each
  [ "$(grep -c '^entry,' $file.csv)" -eq 8 ]
  [ "$(awk -F, '$1 == "threshold" { printf "%s ", $7 }' $file.csv)" = "0.5 0.9 1 " ]
  [ "$(points $file.svg "$(shape fork)")" -eq 23 ] # steal, and one in the legend
  [ "$(grep -c '^point.*"noisy"' $file.csv)" -eq 1 ]
  [ "$(points $file.svg 8)" -eq 1 ] # openmp was disturbed
  grep -q 'pthread map steal: &lt; 1.40 ns' $file.svg
  grep -q 'fork map steal: 5.11 ns' $file.svg
  sed -i 's/"steal_pct": 30/"steal_pct": 0/' run/metg/samples.jsonl
  run -0 "$GRAIN" plot run --format svg --width 85
  [[ $output != *warning* ]]
  well_formed $file-85.svg
  [ "$(points $file-85.svg 8)" -eq 0 ]
}

@test "METG inside a run stands on its page, and in metg.csv; a run without it has neither" {
  calls_sweep run
  "$GRAIN" report -q run >/dev/null
  run ! grep -q METG run/RESULTS.md
  [ ! -e run/metg.csv ]
  metg_sweep run/metg
  "$GRAIN" report -q run >/dev/null
  grep -A2 '^## METG' run/RESULTS.md | grep -q 'A sweep of its own'
  grep -q 'must be <= 15: holds; goal <= 6: reached' run/RESULTS.md
  [ "$(wc -l <run/metg.csv)" -eq $((1 + 8 * 2 * 2)) ]
  awk -F, '$1 == "fork" && $3 == "steal" && $5 == 0.5 && $12 == "peak" && $6 > 5 && $6 < 5.2 && $7 < $6 && $6 < $8 { found = 1 }
    END { exit !found }' run/metg.csv
  [ ! -e run/metg/metg.csv ]
}

@test "a folder that is a ladder itself is drawn too; the others are named" {
  make_ladder ladder
  "$GRAIN" report -q ladder
  run "$GRAIN" plot ladder --format svg
  [ "$status" -eq 5 ]
  [ -s ladder/figures/fig_ladder.svg ]
}

@test "text is at least 7 pt at both widths" {
  calls_sweep run/calls
  metg_sweep run/metg
  "$GRAIN" plot run --format svg
  "$GRAIN" plot run --format svg --width 85
  for file in run/figures/*.svg; do
    # user units are 1/96 inch: 7 pt are 9.33
    grep -o 'font-size="[0-9.]*"' "$file" | tr -dc '0-9.\n' |
      awk '{ n++; if ($1 < 9.34) bad++ } END { exit !(n > 10 && bad == 0) }'
    grep -q "<text>" "$file"
  done
}

@test "the caption names CPU, P, rows, n and commit; only quick runs are stamped" {
  calls_sweep run/calls
  "$GRAIN" plot run --format svg
  for name in fig_chunk fig_overhead fig_speedup fig_calls; do
    for word in "Platinum 8481C" "P = 2" "200000 rows" "n = 11 rounds" "commit 5c17f6b0d1e2"; do
      grep -q "$word" "run/figures/$name.svg"
    done
    run ! grep QUICK "run/figures/$name.svg"
  done
  sed -i 's/"default"/"quick"/' run/env.json run/calls/env.json
  "$GRAIN" plot run --format svg
  for name in fig_chunk fig_overhead fig_speedup fig_calls; do
    grep -q QUICK "run/figures/$name.svg"
  done
}

@test "without env.json the unknown is called unknown" {
  rm run/env.json
  "$GRAIN" plot run --format svg
  grep -q "commit unknown" run/figures/fig_chunk.svg
  grep -q "n = unknown rounds" run/figures/fig_chunk.svg
}

@test "no rows, no summary.csv, something else: one line and no file" {
  head -n 1 "$FIXTURE/summary.csv" >run/summary.csv
  run "$GRAIN" plot run
  [ "$status" -eq 1 ]
  [[ $output == *"fig_chunk: nothing to draw"* ]]
  nothing_drawn run
  rm run/summary.csv
  run "$GRAIN" plot run
  [ "$status" -eq 2 ]
  nothing_drawn run
  echo "not, a, summary" >run/summary.csv
  run "$GRAIN" plot run
  [ "$status" -eq 1 ]
  nothing_drawn run
}

@test "a figure without data is named and left out, the others are drawn: exit 5" {
  awk -F, 'NR == 1 || $3 == "apply"' "$FIXTURE/summary.csv" >run/summary.csv
  run "$GRAIN" plot run --format svg
  [ "$status" -eq 5 ]
  [ -s run/figures/fig_overhead.svg ]
  [ ! -e run/figures/fig_speedup.csv ]
  [ ! -e run/figures/fig_chunk.svg ]
}

# shellcheck disable=SC2016 # what would expand is the point
@test "nothing in a CPU's name, a schedule or a folder's name runs" {
  local format=() # both for the first
  for cpu in '`touch pwned`' '\"; system \"touch pwned' "'; system 'touch pwned" 'a\nsystem(\"touch pwned\")' \
      '$(touch pwned)' '@x {/Bold=99 y} %s %n' '</text><script>alert(1)</script> & &lt; ]]>' \
      '\\n\\101,,,\"' 'é⌈漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字'; do
    printf '{"cpu_model": "%s", "usable_cpus": 2, "rounds": 3, "commit": "`touch pwned`"}' \
      "${cpu//\\/\\\\}" | sed 's/\\\\/\\/g' >run/env.json
    python3 -c 'import json; json.load(open("run/env.json", encoding="utf-8"))'
    rm -rf run/figures
    "$GRAIN" plot run "${format[@]}"
    format=(--format svg)
    [ -z "$(find . -name 'pwned*')" ]
    run ! grep '<script' run/figures/fig_chunk.svg
    well_formed run/figures/*.svg
  done
  sed -i "s/,static,/,\`>pwned\`,/" run/summary.csv
  "$GRAIN" plot run --format svg
  [ -z "$(find . -name 'pwned*')" ]
  folder="a'; system \"touch pwned\" \`touch pwned\` \$(touch pwned)"
  mkdir "$folder"
  cp "$FIXTURE"/* "$folder"
  "$GRAIN" plot "$folder" --format svg
  [ -s "$folder/figures/fig_chunk.svg" ]
  [ -z "$(find . -name 'pwned*')" ]
}

@test "without gnuplot: exit 77 and one line" {
  mkdir empty
  PATH=$PWD/empty run -77 "$GRAIN" plot run
  [ "$output" = "grain plot: gnuplot is missing: apt install gnuplot-nox" ]
  [ -z "$(find run/figures -name '*.svg' -o -name '*.png' -o -name '.*')" ]
}

@test "a gnuplot that fails leaves the earlier picture as it was" {
  "$GRAIN" plot run --format svg
  cp run/figures/fig_chunk.svg before.svg
  mkdir bin
  printf '#!/bin/sh\nexit 1\n' >bin/gnuplot
  chmod +x bin/gnuplot
  PATH=$PWD/bin:$PATH run -1 "$GRAIN" plot run --format svg
  cmp before.svg run/figures/fig_chunk.svg
  [ -z "$(find run/figures -name '.*')" ]
}
