#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The installed command: all that the built one measures, reports and draws, from a prefix that was moved, with the source
# tree and the build out of reach where this system lets a test hide them.
load helper

cached() { sed -n "s/^$1:[A-Z]*=//p" "$GRAIN_BINARY/CMakeCache.txt"; }

setup_file() {
  cmake --install "$GRAIN_BINARY" --prefix "$BATS_FILE_TMPDIR/first" >"$BATS_FILE_TMPDIR/log"
  mkdir "$BATS_FILE_TMPDIR/other"
  mv "$BATS_FILE_TMPDIR/first" "$BATS_FILE_TMPDIR/other/place"
  export PREFIX=$BATS_FILE_TMPDIR/other/place
}

setup() {
  unset GRAIN_BENCH GRAIN_PLOTS GRAIN_LIBOMP
  mkdir "$BATS_TEST_TMPDIR/work" && cd "$BATS_TEST_TMPDIR/work" || return
  [ -x "$PREFIX/bin/grain" ]
}

# Runs a command where the source and the build are empty folders.
alone() {
  # shellcheck disable=SC2016
  unshare -rm sh -euc '
    for folder in "$GRAIN_BINARY" "$GRAIN_SOURCE"; do mount -t tmpfs none "$folder"; done 2>/dev/null || exit 98
    [ ! -e "$GRAIN_SOURCE/bench" ] && [ ! -e "$GRAIN_BINARY/bench" ] || exit 99
    exec "$@"' sh "$@"
}

# Without such a system the test still runs, with the source in reach.
hidden() {
  if alone true 2>/dev/null; then alone "$@"; else "$@"; fi
}

@test "the profile quick is measured whole, reported and drawn: exit code 0" {
  # shellcheck disable=SC2031
  run --separate-stderr hidden "$PREFIX/bin/grain" sweep --budget 0 --profile quick --rounds 1 --rows 20000 --out dir
  echo "$stderr"
  [ "$status" -eq 0 ]
  [[ $stderr == *"all fine"* ]]
  if command -v python3 >/dev/null; then
    [ "$(grep -c '/cpython/.*"ok"' dir/samples.jsonl)" -ge 3 ]
    # the same cells as the built command has, each with its record
    "$GRAIN" sweep --dry-run --json --profile quick --rows 20000 |
      python3 -c 'import json, sys; print("\n".join(sorted(json.load(sys.stdin)["cells"])))' >cells
    python3 -c 'import json; print("\n".join(sorted(json.loads(l)["cell"] for l in open("dir/samples.jsonl"))))' >measured
    cmp cells measured
  fi
  hidden "$PREFIX/bin/grain" report -q dir >/dev/null
  [ -s dir/RESULTS.md ]
  command -v gnuplot >/dev/null || skip "no gnuplot"
  run hidden "$PREFIX/bin/grain" plot --format svg dir
  echo "$output"
  [ "$status" -eq 0 ]
  [ -s dir/figures/fig_chunk.svg ]
  [ -s dir/figures/fig_overhead.svg ]
}

@test "peers are measured as by the built command, CPython's script is the installed one" {
  local few=(--budget 0 --rounds 1 --rows 2000 --workers 2)
  "$GRAIN" sweep -q "${few[@]}" --profile peers --filter '/(gomp|libomp|tbb-simple|glib)/map/.*chunk:16/' --out built || true
  hidden "$PREFIX/bin/grain" sweep -q "${few[@]}" --profile peers --filter '/(gomp|libomp|tbb-simple|glib)/map/.*chunk:16/' --out there || true
  states() { sed -E 's/.*"cell":"([^"]*)".*"status":"([a-z]*)".*/\1 \2/' "$1/samples.jsonl" | sort; }
  [ "$(states built)" = "$(states there)" ]
  [ "$(states there | wc -l)" -ge 3 ] || [ -n "$(cached GRAIN_SANITIZE)" ]
  command -v python3 >/dev/null || skip "no python3"
  # one word of it changed is another program to resume with
  few=(--budget 0 --profile quick --rounds 1 --rows 2000 --backends cpython)
  "$PREFIX/bin/grain" sweep -q "${few[@]}" --out third
  cp "$PREFIX/share/grain/notebook.py" kept
  echo "# changed" >>"$PREFIX/share/grain/notebook.py"
  run "$PREFIX/bin/grain" sweep "${few[@]}" --resume --out third
  cp kept "$PREFIX/share/grain/notebook.py"
  [ "$status" -eq 2 ]
  [[ $output == *"the script that measures CPython is another one"* ]]
}

# What git says of the source tree when the command is run need not be what was installed.
@test "the commit is the one that was installed" {
  command -v python3 >/dev/null || skip "no python3"
  commit() { python3 -c 'import json, sys; e = json.load(open(sys.argv[1] + "/env.json")); print(e["commit"], e["dirty"])' "$1"; }
  local few=(-q --budget 0 --profile quick --rounds 1 --rows 2000 --filter '/pthread/map/dynamic/chunk:1/')
  hidden "$PREFIX/bin/grain" sweep "${few[@]}" --out dir
  if [ -e "$PREFIX/share/grain/commit" ]; then
    [[ $(commit dir) =~ ^[0-9a-f]{40}\ (True|False)$ ]]
    [ "$(commit dir | cut -c 1-40)" = "$(cut -c 1-40 "$PREFIX/share/grain/commit")" ]
  fi
  mkdir kept && cp -r "$PREFIX" kept/
  printf '%040d dirty\n' 7 >kept/place/share/grain/commit
  kept/place/bin/grain sweep "${few[@]}" --out other
  [ "$(commit other)" = "$(printf '%040d True' 7)" ]
  rm kept/place/share/grain/commit
  # not known any more: no reason to refuse
  kept/place/bin/grain sweep "${few[@]}" --resume --out other
  [ "$(commit other)" = "$(printf '%040d True' 7)" ]
  kept/place/bin/grain sweep "${few[@]}" --out unknown
  [ "$(commit unknown)" = "unknown (no git) unknown (no git)" ]
}
