#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The two sweeps behind "The pool's own choice": which chunk wins, and the pool's own beside it. Against a stand-in for
# grain-bench, but for the last test.
load helper

setup() {
  export GRAIN_BENCH=$BATS_TEST_DIRNAME/fake-bench.sh FAKE_LOG=$BATS_TEST_TMPDIR/log
  mkdir "$BATS_TEST_TMPDIR/work"
  cd "$BATS_TEST_TMPDIR/work" || return
  FEW=(-q --workers 2 --rows 1000 --budget 0 --filter '^howmany/pthread/')
}

choice() { "$GRAIN" sweep "${FEW[@]}" --profile choice --rounds 1 --chunks 1,16,32 "$@"; }
check() { "$GRAIN" sweep "${FEW[@]}" --profile choice-check --rounds 3 "$@"; }

# Makes one chunk the quickest of a sweep.
let_win() { # DIR CHUNK
  python3 - "$@" <<'P'
import json, sys
path = sys.argv[1] + "/samples.jsonl"
records = [json.loads(line) for line in open(path)]
for r in records:
    r["times_ns"] = [1000.0 if f"/chunk:{sys.argv[2]}/" in r["cell"] else 2000.0 for _ in r["times_ns"]]
open(path, "w").writelines(json.dumps(r) + "\n" for r in records)
P
}

@test "the winner of the first sweep is beside the pool's own chunk in the second" {
  need_python
  choice --out first
  let_win first 16
  : >"$FAKE_LOG"
  run check --winners first --out second
  [ "$status" -eq 0 ]
  python3 - <<'P'
import json
records = [json.loads(line) for line in open("second/samples.jsonl")]
assert len(records) == 3 and len({r["round"] for r in records}) == 3, records
for r in records:
    assert "/chunk:0/" in r["cell"] and r["rival_chunk"] == 16, r
    assert len(r["times_ns"]) == 5 and all(x > 0 for x in r["rival_ns"]) and len(r["rival_ns"]) == 5, r
    assert "loop_ns" not in r, r
env = json.load(open("second/env.json"))
assert list(env["winners"].values()) == [16] and "/chunk:0/" in list(env["winners"])[0], env["winners"]
first = {r["cell"] for r in map(json.loads, open("first/samples.jsonl"))}
assert env["winners_tried"] == len(first), (env["winners_tried"], len(first))
P
  # as often as the cell itself
  [ "$(grep -cE '^sample [^ ]+ ([0-9]+),1,1,1/\1 ' "$FAKE_LOG")" -eq 3 ]
  run check --winners first --dry-run
  [[ ${lines[0]} == "howmany/pthread/map/steal/chunk:0/workers:2/rows:1000/data:shared/start:warm beside chunk:16" ]]
}

@test "a sweep goes on with its own winners, and with no others" {
  need_python
  choice --out first
  let_win first 16
  check --winners first --out second --rounds 2
  head -n 1 second/samples.jsonl >one && mv one second/samples.jsonl
  run check --winners first --out second --rounds 2 --resume
  [ "$status" -eq 0 ]
  [ "$(wc -l <second/samples.jsonl)" -eq 2 ]
  let_win first 32
  cp -r second before
  run --separate-stderr check --winners first --out second --rounds 2 --resume
  [ "$status" -eq 2 ]
  is_one_clear_line
  [[ $stderr == *"the winners of the other sweep are not those"* ]]
  diff -r second before
}

@test "winners that are not there: exit 2 and one line" {
  choice --out first --filter '^howmany/fork/'
  run --separate-stderr check --out second
  [ "$status" -eq 2 ]
  is_one_clear_line
  [[ $stderr == *"needs --winners=DIR"* ]]
  run --separate-stderr check --winners nowhere --out second
  [ "$status" -eq 2 ]
  is_one_clear_line
  [[ $stderr == *"no finished sweep is there"* ]]
  run --separate-stderr check --winners first --out second
  [ "$status" -eq 2 ]
  is_one_clear_line
  [[ $stderr == *"no chunk was measured there for howmany/pthread/"* ]]
  run --separate-stderr choice --winners first --out second
  [ "$status" -eq 2 ]
  is_one_clear_line
  [[ $stderr == *"no cell beside which a winner is measured"* ]]
  sed -i 's/"finished": true/"finished": false/' first/env.json
  run --separate-stderr check --winners first --out second
  [ "$status" -eq 2 ]
  [[ $stderr == *"no finished sweep is there"* ]]
  [ ! -e second ]
}

@test "with the real grain-bench: both sweeps, and the part of the page" {
  unset GRAIN_BENCH
  choice --out all/choice --chunks 1,64,share
  check --winners all/choice --out all/choice-check
  "$GRAIN" report all/choice-check >/dev/null 2>&1
  grep -qF "## The pool's own choice" all/choice-check/RESULTS.md
  grep -q '^| howmany | pthread | *[0-9]* | .* (.*) | -' all/choice-check/RESULTS.md
}
