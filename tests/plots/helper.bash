# SPDX-License-Identifier: MIT
#
# Shared by the tests of the figures: a copy of the fixture a test may spoil, and how to count in a picture.
# shellcheck shell=bash
bats_require_minimum_version 1.5.0

GRAIN=$GRAIN_BINARY/bench/grain
PLOTS=$GRAIN_SOURCE/plots
FIXTURE=$GRAIN_SOURCE/tests/plots/fixture
export GRAIN PLOTS FIXTURE
unset GRAIN_PLOTS

setup() {
  command -v gnuplot >/dev/null || skip "gnuplot is missing"
  cd "$BATS_TEST_TMPDIR" || return 1
  cp -r "$FIXTURE" run
}

# calls_sweep DIR: the sweep of the calls, in DIR; backend, call, schedule, chunk, tasks, ns a task; openmp was disturbed
calls_sweep() {
  local backend call schedule chunk tasks ns round steal_pct
  mkdir -p "$1"
  cp "$FIXTURE/env.json" "$1/"
  while read -r backend call schedule chunk tasks ns; do
    steal_pct=0
    [ "$backend" != openmp ] || steal_pct=30
    for round in 0 1 2; do
      printf '{"cell": "howmany/%s/%s/%s/chunk:%s/workers:2/rows:200000/data:shared/start:warm", "round": %d, ' \
        "$backend" "$call" "$schedule" "$chunk" "$round"
      printf '"status": "ok", "iterations": 1, "tasks": %d, "times_ns": [%d], "loop_ns": [440000], ' \
        "$tasks" $((tasks * ns + round))
      printf '"callback_ns": [620000], "cpu_ns": 1, "workers_cpu_ns": 1, "handovers": 1, "steals": 0, "steal_pct": %d, ' \
        "$steal_pct"
      printf '"involuntary": 0, "load": 0.5, "message": ""}\n'
    done
  done >"$1/samples.jsonl" <<'CELLS'
serial loop - 0 200000 2
serial callback - 0 200000 3
fork spawn - 0 100 200000
fork apply - 0 2000 900
fork apply_async - 0 200000 60
fork map steal 1 200000 4
fork map steal 25000 200000 3
fork map steal 0 200000 3
pthread apply - 0 2000 850
pthread apply_async - 0 200000 50
pthread map steal 1 200000 4
openmp apply - 0 2000 5000
openmp apply_callback - 0 200000 400
openmp map dynamic 1 200000 30
cpython loop - 0 200000 280
cpython spawn - 0 100 400000
cpython apply - 0 2000 94000
cpython apply_async - 0 200000 40000
cpython map - 1 200000 25000
cpython map - 25000 200000 1800
CELLS
}

# metg_sweep DIR: a sweep of task lengths, in DIR, three rounds. Each line: backend, call, schedule, overhead a task in ns,
# the shortest and the longest N; efficiency against the peak is N / (N + overhead). compute:100 was disturbed on openmp.
metg_sweep() {
  mkdir -p "$1"
  cp "$FIXTURE/env.json" "$1/"
  awk '{
    for (n = 1; n <= 10000000; n *= 10)
      for (k = 1; k <= 5; k += k == 1 ? 1 : 3) { # 1, 2, 5
        length_ns = n * k
        if (length_ns < $5 || length_ns > $6) continue
        rows = length_ns < 20 ? 1000000 : length_ns > 600000 ? 32 : 20000000 / length_ns
        used = $2 == "apply" ? 1 : 2
        for (round = 0; round < 3; round++) {
          speed = 1 + 0.01 * (round - 1)
          time_ns = rows * (length_ns + $4 * speed) / used * speed
          printf "{\"cell\": \"compute:%d/%s/%s/%s/chunk:%d/workers:2/rows:%d/data:shared/start:warm\", \"round\": %d, ",
            length_ns, $1, $2, $3, $2 == "map", rows, round
          printf "\"status\": \"ok\", \"iterations\": 1, \"tasks\": %d, \"times_ns\": [%.3f], \"loop_ns\": [null], ", rows, time_ns
          printf "\"callback_ns\": [%.3f], \"floor_ns\": [%.3f], ", rows * length_ns * speed, rows * length_ns / used * speed
          printf "\"cpu_ns\": 1, \"workers_cpu_ns\": 1, \"handovers\": 1, \"steals\": 0, \"steal_pct\": %d, ",
            $1 == "openmp" && length_ns == 100 ? 30 : 0
          printf "\"involuntary\": 0, \"load\": 0.5, \"message\": \"\"}\n"
        }
      }
  }' >"$1/samples.jsonl" <<'CURVES'
fork map steal 2.5 1 10000000
fork map dynamic 55 10 1000000
fork apply_async - 70 10 1000000
fork apply - 9000 100 10000000
pthread map steal 0.4 1 10000000
openmp map dynamic 34 10 1000000
gomp-task map - 120 10 1000000
tbb-simple map - 41 10 1000000
CURVES
}

# points FILE SHAPE: how many points of gnuplot's shape number are drawn in an SVG (definitions have an id)
points() {
  grep -o "<use xlink:href='#gpPt$(($2 - 1))'[^>]*>" "$1" | grep -vc "id="
}

# shape BACKEND: the point shape that plots/style.gp gives it
shape() {
  case $1 in
    fork) echo 7 ;; pthread) echo 5 ;; openmp) echo 9 ;; openmp-as-shipped) echo 10 ;; cpython) echo 13 ;;
  esac
}

# colour BACKEND: as it stands in an SVG
colour() {
  case $1 in
    fork) echo "rgb(  0, 114, 178)" ;; pthread) echo "rgb(213,  94,   0)" ;; openmp) echo "rgb(  0, 158, 115)" ;;
    openmp-as-shipped) echo "rgb(204, 121, 167)" ;; cpython) echo "rgb(230, 159,   0)" ;;
  esac
}

# rows BACKEND CONDITION: rows of summary.csv with 2 workers, 200000 rows; CONDITION is awk on call, schedule, chunk,
# workers, kernel
rows() {
  awk -F, -v backend="$1" 'NR > 1 && $2 == backend {
    kernel = $1; call = $3; schedule = $4; chunk = $5; workers = $6; count = $7
    if ('"$2"') n++
  } END { print n + 0 }' run/summary.csv
}

# sheet FILE KIND BACKEND: rows of that kind in a sheet
sheet() {
  awk -F, -v kind="$2" -v backend="$3" '$1 == kind && $4 == backend { n++ } END { print n + 0 }' "$1"
}

nothing_drawn() {
  [ -z "$(ls -A "$1/figures" 2>/dev/null)" ]
}

# well_formed FILE...: as XML
well_formed() {
  if command -v xmllint >/dev/null; then xmllint --noout "$@"
  elif command -v python3 >/dev/null; then python3 -c '
import sys, xml.dom.minidom
for name in sys.argv[1:]: xml.dom.minidom.parse(name)' "$@"
  fi
}
