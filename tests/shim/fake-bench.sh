#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Stands in for grain-bench where a sweep is run hundreds of times: right answers, always the same, and no child of its
# own. tests/cli/fake-bench.sh is the one that misbehaves.
repetitions=1 iterations=7
for argument in "$@"; do
  case $argument in
    --benchmark_filter=*) names=${argument#*=} ;;
    --grain_turns=*) repetitions=${argument#*=} ;;
    --grain_iterations=*) iterations=${argument#*=} ;;
  esac
done
names=${names#^(}
names=${names%%)(*}
comma='' i=0
echo '{"context": {}, "benchmarks": ['
while [ "$i" -lt "$repetitions" ]; do
  IFS='|'
  for name in $names; do
    echo "$comma{\"name\":\"$name/iterations:${iterations%%,*}/real_time\",\"run_type\":\"iteration\",\"repetition_index\":$i,"
    echo "\"iterations\":${iterations%%,*},\"real_time\":1000000.5,\"time_unit\":\"ns\",\"tasks\":1000,\"handovers\":4,"
    echo '"steals":0,"cpu_ns":1,"workers_cpu_ns":2,"involuntary":0}'
    comma=,
  done
  i=$((i + 1))
done
echo ']}'
