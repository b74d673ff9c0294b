#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Where the harness has workers run: their CPUs are named, so that cells of fewer workers than CPUs stay comparable.
load helper

BENCH=$GRAIN_BINARY/bench/grain-bench
ROWS=rows:2000/data:shared/start:warm

# A list that is named goes before the variable; one that cannot be read is an error where nothing is named.
@test "pools and peers of fewer workers than CPUs have the CPUs of their workers named; as shipped, nobody is bound" {
  local cell
  for cell in fork/map/dynamic fork-pipe/map/dynamic pthread/map/dynamic openmp/map/dynamic gomp/map/static tbb-simple/map/- glib/map/- pthreadpool/map/-; do
    cell=howmany/$cell/chunk:64/workers:1/$ROWS
    run env GRAIN_CPUS=nonsense "$BENCH" --grain_cell="$cell" --grain_iterations=3,2,2,2 "--benchmark_filter=^$cell\$"
    [[ $output != *"no such backend"* ]] || continue
    [ "$status" -eq 0 ]
    [[ $output == *"$cell"* && $output != *"ERROR OCCURRED"* ]]
  done
  cell=howmany/openmp-as-shipped/map/dynamic/chunk:64/workers:1/$ROWS
  run env GRAIN_CPUS=nonsense "$BENCH" --grain_cell="$cell" --grain_iterations=3,2,2,2
  [ "$status" -ne 0 ]
  [[ $output == *"ERROR OCCURRED"* ]]
}
