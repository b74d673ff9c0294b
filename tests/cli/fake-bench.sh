#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Stands in for grain-bench in the tests of `grain sweep`: prints what Google Benchmark would print for the names in the
# filter, and misbehaves on request. FAKE_LOG: a line a run; FAKE_ORDERS: what draws the order of its
# turns. FAKE_NO_CALIBRATION, FAKE_FAIL, FAKE_WRONG, FAKE_HANG, FAKE_CRASH, FAKE_GARBAGE:
# an extended regular expression; the cells it matches do so. FAKE_PAUSE: seconds that each run takes.
repetitions=1 kind=calibration rival=
for argument in "$@"; do
  case $argument in
    --grain_cell=*) cell=${argument#*=} ;;
    --benchmark_filter=*) filter=${argument#*=} ;;
    --grain_order=*) order=${argument#*=} ;;
    --grain_turns=*) repetitions=${argument#*=} kind=sample ;;
    --grain_iterations=*) iterations=${argument#*=} ;;
    --grain_rival_iterations=*) rival=/${argument#*=} ;;
  esac
done
[ -z "$FAKE_LOG" ] || echo "$kind $cell $iterations$rival $(env | grep -cE '^(OMP|GOMP|KMP|GRAIN)_')" >>"$FAKE_LOG"
[ -z "$FAKE_ORDERS" ] || [ "$kind" = calibration ] || echo "$order" >>"$FAKE_ORDERS"
[ -z "$FAKE_PAUSE" ] || sleep "$FAKE_PAUSE"

is() { [ -n "$1" ] && [[ $cell =~ $1 ]]; }
if [ "$kind" = calibration ]; then is "$FAKE_NO_CALIBRATION" && kill -KILL $$; fi
if [ "$kind" = sample ]; then
  is "$FAKE_FAIL" && { echo "fake: out of luck" >&2; exit 1; }
  is "$FAKE_CRASH" && kill -SEGV $$
  is "$FAKE_HANG" && sleep 987.25
  is "$FAKE_GARBAGE" && { echo '{"benchmarks": ['; exit 0; }
fi

names=${filter#^(}
names=${names%%)(*}
comma=
echo '{"context": {}, "benchmarks": ['
for ((i = 0; i < repetitions; i++)); do
  IFS='|'
  for name in $names; do
    [ "$kind" = sample ] && chosen=${iterations%%,*} || chosen=$((RANDOM % 100 + 1))
    error=
    is "$FAKE_WRONG" && [ "$kind" = sample ] && error=',"error_occurred":true,"error_message":"wrong result at row 7"'
    echo "$comma{\"name\":\"$name/iterations:$chosen/real_time\",\"run_type\":\"iteration\",\"repetition_index\":$i," \
      "\"iterations\":$chosen,\"real_time\":$((RANDOM + 1000000)).5,\"time_unit\":\"ns\",\"tasks\":1000,\"handovers\":4," \
      "\"steals\":0,\"cpu_ns\":1,\"workers_cpu_ns\":2,\"involuntary\":0$error}"
    comma=,
  done
done
echo ']}'
if is "$FAKE_WRONG" && [ "$kind" = sample ]; then exit 3; fi
exit 0
