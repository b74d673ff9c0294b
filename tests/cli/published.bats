#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What is published can be made again from its samples, byte for byte; and what may be published.
load helper

PUBLISHED=$GRAIN_SOURCE/bench/published

@test "RESULTS.md, summary.csv and claims.json follow from the published samples, byte for byte" {
  [ -f "$PUBLISHED/samples.jsonl" ] || skip "nothing is published yet"
  local dir=$BATS_TEST_TMPDIR/again
  local inside
  mkdir "$dir"
  cp "$PUBLISHED/env.json" "$PUBLISHED/samples.jsonl" "$dir/"
  for inside in core growth calls ladder peers; do
    [ ! -d "$PUBLISHED/$inside" ] || cp -R "$PUBLISHED/$inside" "$dir/"
  done
  "$GRAIN" report "$dir" >/dev/null
  cmp "$dir/summary.csv" "$PUBLISHED/summary.csv"
  cmp "$dir/claims.json" "$PUBLISHED/claims.json"
  sed 's|(figures/|(bench/published/figures/|g' "$dir/RESULTS.md" | cmp - "$GRAIN_SOURCE/RESULTS.md"
}

@test "figures that RESULTS.md shows are there; no quick run; under 2 MB" {
  [ -f "$PUBLISHED/samples.jsonl" ] || skip "nothing is published yet"
  local figures
  figures=$(grep -o '(bench/published/figures/[^)]*)' "$GRAIN_SOURCE/RESULTS.md" | tr -d '()')
  [ "$(wc -l <<<"$figures")" -ge 3 ]
  for figure in $figures; do [ -s "$GRAIN_SOURCE/$figure" ]; done
  run ! grep -q '"profile": *"quick"' "$PUBLISHED/env.json"
  [ "$(du -sk --apparent-size "$PUBLISHED" | cut -f1)" -lt 2048 ]
}
