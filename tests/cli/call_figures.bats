#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# bench/call-figures: its cells are cells of grain-bench, its verdicts what the intervals say; and the calls that only it
# asks for.
load helper

FIGURES=$GRAIN_SOURCE/bench/call-figures
BENCH=$GRAIN_BINARY/bench/grain-bench

setup() {
  need_python
  export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$GRAIN_SOURCE/bench
  cd "$BATS_TEST_TMPDIR" || return
}

# A line of Python in which `figures` is the script.
with_figures() { python3 -c "
import importlib.machinery, importlib.util, json, sys
loader = importlib.machinery.SourceFileLoader('figures', '$FIGURES')
figures = importlib.util.module_from_spec(importlib.util.spec_from_loader('figures', loader))
loader.exec_module(figures)
$1"; }

@test "every figure is asked of cells that grain-bench knows, and that are measured" {
  local cell
  with_figures '
import rounds
for section in figures.SECTIONS.values():
    groups, asked = section()
    records = [{"group": group, "label": label, "round": turn, "ns": 1e6, "tasks": 1, "cpu_ns": 0, "workers_cpu_ns": 0,
                "wakeups": 0} for group, cells in groups.items() for label in cells for turn in range(12)]
    values = figures.Kept(records)
    assert all(len(figure.of(values)) in (6, 12) for figure in asked), section
    print(*(cell.name for cells in groups.values() for cell in cells.values()), sep="\n")
' >cells
  [ "$(wc -l <cells)" -ge 40 ]
  while read -r cell; do
    [[ $cell != */@(gomp|tbb|pthreadpool)*/* ]] || "$GRAIN" list | grep -qw -- "${cell#howmany/}" || continue
    run --separate-stderr "$BENCH" --grain_cell="$cell" --benchmark_list_tests
    [ "$status" -eq 0 ] || { echo "$cell: $stderr" && false; }
  done < <(sort -u cells)
}

@test "verdicts: the whole interval on the right side, for what has to be small and what has to be large" {
  with_figures '
ask = lambda at_least: figures.Figure("x", lambda values: values, 2, 1, at_least)
small, large = ask(False), figures.Figure("x", lambda values: values, 1, 2, True)
for found, low, high in (([0.5] * 6 + [1], "goal", "not shown"), ([1, 1.5] * 6, "holds", "holds"), ([1.5, 2] * 6, "holds", "holds"),
                         ([1.5, 2.1] * 6, "not shown", "holds"), ([2.1] * 6, "does not hold", "goal"),
                         ([2] * 6, "holds", "goal"), ([1] * 6, "goal", "holds"), ([0.9] * 6, "goal", "does not hold"),
                         ([1] * 5, "too few rounds", "too few rounds")):
    assert small.verdict(found) == low, (found, small.verdict(found))
    assert large.verdict(found) == high or found == [0.5] * 6 + [1], (found, large.verdict(found))
other = figures.Figure("x", lambda values: values, 1, 1, goal_of=lambda values: [2 * value for value in values])
assert [other.verdict([value] * 6) for value in (0.5, 0.6, 1.1)] == ["goal", "holds", "does not hold"]
'
}

@test "the best of the others is picked on odd rounds and compared on even ones; apply against exchange and adds" {
  with_figures '
record = lambda label, turn, ns: {"group": "g", "label": label, "round": turn, "ns": ns, "tasks": 1, "cpu_ns": 0,
                                  "workers_cpu_ns": 0, "wakeups": 0}
lucky = [record("a", turn, 1 if turn % 2 else 8) for turn in range(12)] + [record("b", turn, 2) for turn in range(12)]
values = figures.Kept(lucky + [record("pthread", turn, 4) for turn in range(12)])
assert figures.best_of(values, "g", "pthread") == "a"
assert figures.beside_best("g", "pthread")(values) == [0.5] * 6
values = figures.Kept([record(label, 0, ns) for label, ns in (("apply", 520), ("mailbox", 300), ("atomic", 10))])
assert figures.over_mailbox("g", 1.2, 16)(values) == [1.0]
'
}

@test "a recorded run is judged again: exit 1 when a figure is not what it must be; the fastest are" {
  with_figures '
import rounds
def write(path, slow):
    records = []
    for section in ("lone", "idle", "waiting"):
        for group, cells in figures.SECTIONS[section]()[0].items():
            for label in cells:
                records += [{"group": group, "label": label, "round": turn, "ns": slow * 1000 if label == "apply_async_get" else
                             1000, "tasks": 1, "cpu_ns": 0, "workers_cpu_ns": 0, "wakeups": 0} for turn in range(6)]
    rounds.save(path, figures.WHAT, records, "a run")
write("fast.json", 1)
write("slow.json", 1.7)
'
  run --separate-stderr "$FIGURES" --from fast.json
  [ "$status" -eq 0 ]
  [ "$(grep -c '^goal ' <<<"$output")" -eq 8 ]
  [[ $output == *"goal           1.00 (1.00 to 1.00)  [<= 1.6, goal 1.2]  n = 6  fork, P = 1: lone apply_async + get / apply"* ]]
  run --separate-stderr "$FIGURES" --from slow.json --only lone
  [ "$status" -eq 1 ]
  [ "$(grep -c '^does not hold ' <<<"$output")" -eq 4 ]
  run --separate-stderr "$FIGURES" --from /dev/null
  [ "$status" -eq 3 ]
  is_one_clear_line
  run --separate-stderr "$FIGURES" --only everything
  [ "$status" -eq 2 ]
}

@test "sleeping tasks, a waiting future, calls of apply_async that are waited for one by one" {
  local backend cell
  for backend in fork pthread; do
    for cell in sleep/-/chunk:0/workers:3/rows:0/data:shared/start:cold sleep/-/chunk:0/workers:2/rows:0/data:shared/start:warm \
      waiting/-/chunk:0/workers:2/rows:0/data:shared/start:warm apply_async_get/-/chunk:0/workers:2/rows:30/data:shared/start:warm; do
      "$BENCH" --grain_cell="howmany/$backend/$cell" --benchmark_filter="/$backend/" --grain_iterations=1,1,1,1 \
        --benchmark_format=json 2>/dev/null >out.json
      python3 - "$cell" <<'PY'
import json, sys
(run,) = json.load(open("out.json"))["benchmarks"]
call = sys.argv[1].split("/")[0]
assert "error_occurred" not in run, run
assert run["tasks"] == {"sleep": 3 if "cold" in sys.argv[1] else 2, "waiting": 2, "apply_async_get": 30}[call], run
least = {"sleep": 20e6, "waiting": 1.4e9, "apply_async_get": 0}[call]
assert run["real_time"] >= least, run
assert run["wakeups"] == 0 or call == "waiting", run
PY
    done
  done
  run --separate-stderr "$BENCH" --grain_cell=howmany/fork/sleep/-/chunk:0/workers:2/rows:5/data:shared/start:warm
  [ "$status" -eq 2 ]
  is_one_clear_line
}
