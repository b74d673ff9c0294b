#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Scripts pass shellcheck, C files have the layout of .clang-format, and the install path says what it should.
load helper

BOOTSTRAP=$GRAIN_SOURCE/bootstrap.sh

@test "scripts pass shellcheck" {
  command -v shellcheck >/dev/null || skip "no shellcheck"
  cd "$GRAIN_SOURCE"
  mapfile -t scripts < <(find bootstrap.sh .ci bench docs plots tests -type f \( -name '*.sh' -o -name run -o -name reproduce \))
  [ "${#scripts[@]}" -ge 5 ]
  shellcheck "${scripts[@]}"
  shellcheck -e SC2154,SC2030,SC2031 tests/*/*.bats # `run` of bats assigns stderr, and each test is a subshell
}

@test "C and C++ files have the layout of .clang-format" {
  command -v clang-format >/dev/null || skip "no clang-format"
  cd "$GRAIN_SOURCE"
  find impl bench docs tests -type f \( -name '*.c' -o -name '*.h' -o -name '*.cc' \) -print0 |
    xargs -0 clang-format --dry-run --Werror
}

@test "bootstrap: groups, and test contains run" {
  run "$BOOTSTRAP" --list run
  [ "$status" -eq 0 ]
  [[ $output == *libbenchmark-dev* && $output == *gnuplot-nox* && $output != *bats* ]]
  local run_group=$output
  run "$BOOTSTRAP" --list test
  [[ $output == "$run_group"*bats* ]]
  local test_group=$output
  run "$BOOTSTRAP" --list peers
  [[ $output == "$run_group"*libtbb-dev* && $test_group == "$output"*bats* ]]
  run "$BOOTSTRAP" --list nonsense
  [ "$status" -eq 2 ]
  run "$BOOTSTRAP" --nonsense
  [ "$status" -eq 2 ]
}

@test "bootstrap with everything there says nothing and touches no network" {
  run "$BOOTSTRAP" run
  [ "$status" -eq 0 ]
  [ -z "$output" ]
}

# A folder with the few commands that bootstrap.sh itself needs, and nothing else.
bare_path() {
  BARE=$BATS_TEST_TMPDIR/bare
  mkdir -p "$BARE"
  for name in bash sed grep cut tr id awk env; do ln -sf "$(command -v "$name")" "$BARE/$name"; done
}

@test "bootstrap where something is missing and there is no apt: a table, one line to copy, exit 77" {
  bare_path
  run --separate-stderr env -i PATH="$BARE" bash "$BOOTSTRAP" run
  [ "$status" -eq 77 ]
  [ -z "$output" ]
  [[ $stderr == *"this is no Debian"* ]]
  [[ $stderr =~ gcc\ +C\ compiler ]]
  [ "$(grep -c 'gcc g++ cmake ninja-build' <<<"$stderr")" -eq 1 ]
}

@test "bootstrap where something is missing and one is not root: exit 77 and the apt-get line" {
  bare_path
  printf '#!/bin/sh\nexit 1\n' >"$BARE/apt-get"
  printf '#!/bin/sh\necho 1000\n' >"$BARE/id.sh"
  chmod +x "$BARE"/*.sh "$BARE/apt-get"
  mv -f "$BARE/id.sh" "$BARE/id"
  run --separate-stderr env -i PATH="$BARE" bash "$BOOTSTRAP" run
  [ "$status" -eq 77 ]
  [[ $stderr == *"only root"* ]]
  [ "$(grep -c '^As root:  apt-get update && apt-get install -y --no-install-recommends gcc ' <<<"$stderr")" -eq 1 ]
}

@test "reproduce and run explain themselves and refuse nonsense with exit 2" {
  for script in bench/reproduce tests/run; do
    run "$GRAIN_SOURCE/$script" --help
    [ "$status" -eq 0 ]
    [[ $output == "Usage: $script "* ]]
    for line in "${lines[@]}"; do [ "${#line}" -le 80 ]; done
  done
  for options in "--frobnicate" "--quick --publish" "--out" "--from /nonexistent" "--from / --out x"; do
    # shellcheck disable=SC2086
    run "$GRAIN_SOURCE/bench/reproduce" $options
    [ "$status" -eq 2 ]
  done
}

# A tree with tests/run in it, and programs that take the places of cmake and ctest: they note how they were called.
# shellcheck disable=SC2016
fake_tree() {
  TREE=$BATS_TEST_TMPDIR/tree CALLS=$BATS_TEST_TMPDIR/calls
  export CALLS
  mkdir -p "$TREE/tests/fuzz" "$TREE/programs"
  cp "$GRAIN_SOURCE/tests/run" "$TREE/tests/"
  printf '#!/bin/sh\n' | tee "$TREE/bootstrap.sh" "$TREE/programs/cmake" >/dev/null
  printf '#!/bin/sh\necho "${0##*/}" >>"$CALLS"\n' | tee "$TREE/tests/fuzz/run" "$TREE/tests/check" >/dev/null
  cat >"$TREE/programs/ctest" <<'CTEST'
#!/bin/bash
echo "ctest $*" >>"$CALLS"
case " $* " in *" -N "*) printf '  Test   #3: faults/slow\n  Test  #12: plots/all\n\nTotal Tests: 2\n' && exit ;; esac
touch "$2/CTestTestfile.cmake"
printf '1/2 Test #1: unit/a ....   Passed    0.25 sec\n2/2 Test #2: unit/b ....***Failed   11.50 sec\n'
printf '\n50%% tests passed, 1 tests failed out of 2\n\nTotal Test time (real) = 12 sec\n'
exit 8
CTEST
  chmod +x "$TREE"/bootstrap.sh "$TREE"/programs/* "$TREE"/tests/check "$TREE"/tests/fuzz/run
  export PATH=$TREE/programs:$PATH
}

@test "tests/run alone leaves out long tests, and names them; ctest has the last word and the exit code" {
  fake_tree
  run "$TREE/tests/run"
  [ "$status" -eq 8 ]
  [[ $(head -n 1 "$CALLS") == "ctest --test-dir $TREE/build/dev "*" -LE ^long\$" ]]
  [ "$(grep -vc -- ' -N ' "$CALLS")" -eq 1 ]
  [[ ${output//$'\n'/} == *"left to --all: the builds clang, asan-ubsan, tsan; fuzz; check; of dev: faults/slow plots/all"* ]]
  [[ $output == *"dev, tests "*" s"*"total "*" s"* ]]
  [ "${lines[-1]}" = "Total Test time (real) = 12 sec" ]
  [ "$(cat "$TREE/build/dev/costs.txt")" = $'11.50 unit/b\n0.25 unit/a' ]
}

@test "tests/run --all: four builds, fuzz and check, long tests too; --only: one of them; what is selected is not cut" {
  fake_tree
  run "$TREE/tests/run" --all
  [ "$status" -eq 8 ]
  [ "$(sed -nE 's/.*--test-dir [^ ]*\/build\/([a-z-]+) .*/\1/p' "$CALLS" | tr '\n' ' ')" = "clang asan-ubsan tsan dev " ]
  [ "$(tail -n 2 "$CALLS")" = $'run\ncheck' ]
  [[ $output != *"left to --all"* ]]
  [ "${lines[-1]}" = "Total Test time (real) = 12 sec" ]
  run ! grep -e -LE "$CALLS"
  rm "$CALLS"
  run "$TREE/tests/run" --only tsan
  [[ $(cat "$CALLS") == "ctest --test-dir $TREE/build/tsan "* ]]
  rm "$CALLS"
  run "$TREE/tests/run" -L unit
  [[ $(cat "$CALLS") == "ctest --test-dir $TREE/build/dev "*" -L unit" ]]
  run "$TREE/tests/run" --only nothing
  [ "$status" -eq 2 ]
}

@test "continuous integration runs every test" {
  fake_tree
  mkdir "$TREE/.ci"
  cp "$GRAIN_SOURCE/.ci/run" "$TREE/.ci/"
  run "$TREE/.ci/run"
  [ "$status" -eq 8 ]
  [ "$(tail -n 1 "$CALLS")" = check ]
}

# A build whose grain-bench takes as long as it is told: a number of nanoseconds for each cell.
# shellcheck disable=SC2016
fake_build() { # FOLDER NANOSECONDS-OF-A NANOSECONDS-OF-B
  mkdir -p "$1/bench"
  printf '#!/bin/sh\necho "{\\"cells\\": [\\"a\\", \\"b:cold\\"]}"\n' >"$1/bench/grain"
  cat >"$1/bench/grain-bench" <<SH
#!/bin/sh
echo "\${0%/bench/*} \$* \$OMP_NUM_THREADS" >>"$BATS_TEST_TMPDIR/order"
case \$1 in *=a) time=$2 ;; *) time=$3 ;; esac
echo "{\\"benchmarks\\": [{\\"real_time\\": \$time, \\"time_unit\\": \\"us\\"}]}"
SH
  chmod +x "$1"/bench/*
}

@test "turns: builds take turns, a figure that got worse is exit 1, fewer than six rounds say nothing" {
  command -v python3 >/dev/null || skip "no python3"
  cd "$BATS_TEST_TMPDIR"
  fake_build old 100 50
  fake_build new 120 51
  export OMP_NUM_THREADS=7
  run "$GRAIN_SOURCE/bench/turns" old new 6
  echo "$output"
  [ "$status" -eq 1 ]
  [[ $output =~ 1\.200\ +1\.200\ to\ 1\.200.*\ a\ \ WORSE ]]
  [[ $output == *"1 of 2 figures lie above 1.05 with their whole interval" ]]
  [ "$(cut -d' ' -f1 order | tr '\n' ' ' | head -c 32)" = "old new old new new old new old " ]
  run ! grep -E '(7|tasks=2000.*cold|tasks=50.*cell=a)$' order
  run "$GRAIN_SOURCE/bench/turns" old new 5
  [ "$status" -eq 0 ]
  run "$GRAIN_SOURCE/bench/turns" new old 6
  [ "$status" -eq 0 ]
  run "$GRAIN_SOURCE/bench/turns" old nothing
  [ "$status" -eq 2 ]
  printf '#!/bin/sh\nexit 3\n' >new/bench/grain-bench
  run "$GRAIN_SOURCE/bench/turns" old new 6
  [ "$status" -ne 0 ]
  [[ $output == *"new/bench/grain-bench a: exit 3"* ]]
}
