#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# docs/examples: every program prints what its page says, on every kind of workers, and so does its Python twin; what
# docs/python.md says against the notebook is found to be so; what it quotes is in the files.
bats_require_minimum_version 1.5.0

EXAMPLES=$GRAIN_SOURCE/docs/examples
PAGE=$GRAIN_SOURCE/docs/python.md
counts='[1, 2, 4, 1, 2]'

has_openmp() { grep -q backend/openmp "$GRAIN_BINARY/build.ninja"; }

# Runs a program on the backends that are named.
prints() { # NAME EXPECTED BACKEND...
  local name=$1 expected=$2 backend
  shift 2
  for backend in "$@"; do
    [ "$backend" != openmp ] || has_openmp || continue
    run env GRAIN_BACKEND="$backend" timeout 120 "$GRAIN_BINARY/tests/example_$name"
    [ "$status" -eq 0 ]
    [ "$output" = "$expected" ]
  done
}

# The same, and what Python prints.
prints_as_python() { # NAME EXPECTED BACKEND...
  prints "$@"
  command -v python3 >/dev/null || return 0
  run timeout 120 python3 "$EXAMPLES/tutorial.py" "$1"
  [ "$status" -eq 0 ]
  [ "$output" = "$2" ]
}

all='serial fork pthread openmp'
pairs='(0, 1)
(1, 2)
(2, 4)
(3, 1)
(4, 2)'

# shellcheck disable=SC2086
@test "each call prints what its Python twin prints, on every backend" {
  prints_as_python cpu_count "at least one" serial
  prints_as_python process $'hello bob\nexit code 3' serial
  prints_as_python apply "$counts" $all
  prints_as_python map "$counts" $all
  prints_as_python starmap "$counts" $all
  prints_as_python apply_async "$counts" $all
  prints_as_python map_async "$counts" $all
  prints_as_python starmap_async "$pairs" $all
  prints_as_python imap "$(seq 0 5)" $all
}

@test "callbacks and imap_unordered give results as they come" {
  prints_as_python callback "5 arrived, the last was (0, 0)" fork pthread
  prints_as_python imap_unordered "last: 0" fork pthread
}

@test "tasks of a blocking call do not run in order" {
  local backend
  for backend in fork pthread; do
    run env GRAIN_BACKEND=$backend timeout 120 "$GRAIN_BINARY/tests/example_order"
    [ "$status" -eq 0 ]
    [ "${lines[1]}" = "tasks began in order: no" ]
  done
  # Where the caller runs them itself, they do.
  prints order $'task 0 to 7 began as number 0 1 2 3 4 5 6 7\ntasks began in order: yes' serial
}

@test "a result that is asked for at once makes apply_async an apply" {
  prints waiting $'asked at once: at most 1 at a time\nasked later: at most 2 at a time' fork pthread
}

@test "processes have a memory of their own, threads have the caller's" {
  prints memory 'fork: the task made it 11, the caller has 20
pthread: the task made it 21, the caller has 21' serial
}

@test "an exception of C++ fails its task alone" {
  [ -x "$GRAIN_BINARY/tests/example_exception" ] || skip "built without C++"
  # shellcheck disable=SC2086
  prints exception $'12: 12\n30: 30\nmany: stoi\n4: 4' $all
}

@test "guard is C++11, without a warning" {
  local compiler
  compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$GRAIN_BINARY/CMakeCache.txt")
  [ -n "$compiler" ] || skip "built without C++"
  for version in c++11 c++14 c++17 c++20; do
    "$compiler" -std=$version -Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only -I"$GRAIN_SOURCE/impl" \
      "$EXAMPLES/exception.cc"
  done
  # And where exceptions are off, the rest of the header.
  echo '#include "grain.h"' | "$compiler" -fno-exceptions -Wall -Wextra -Werror -fsyntax-only -I"$GRAIN_SOURCE/impl" \
    -x c++ -
}

@test "examples have at most 40 lines that are not blank, and include only standard headers and grain.h" {
  local file
  for file in "$EXAMPLES"/*.c "$EXAMPLES"/*.cc; do
    [ "$(grep -c . "$file")" -le 40 ]
    [ "$(grep '^#include "' "$file")" = '#include "grain.h"' ]
  done
}

check() {
  command -v python3 >/dev/null || skip "no python3"
  timeout 120 python3 "$EXAMPLES/notebook.py" "$1"
}

@test "the notebook: its data is never seeded" { check seed; }
@test "the notebook: map_async and starmap_async keep the order" { check order; }
@test "the notebook: map does not run in order" { check execution; }
@test "the notebook: starmap_async gives pairs" { check pairs; }
@test "the notebook: its apply_async cell cannot have timed the calls" { check opening; }

@test "grain run: what the notebook meant to seed gives the same first ten every time" {
  [ -x "$GRAIN_BINARY/bench/grain" ] || skip "built without the command"
  local ten
  for _ in 1 2; do
    ten=$("$GRAIN_BINARY/bench/grain" run --rows 1000 --backend serial | grep '^First ten counts')
    [[ $ten =~ "4 2 1 2 3 2 2 2 2 2"$ ]]
  done
}

# The blocks of code in the page, one a line: file that the text above links last|code, with spaces squeezed.
quotes() {
  awk '
    /^ *```/ && in_code { print file "|" code; in_code = 0; next }
    /^ *```(c|cpp|python)$/ {
      in_code = 1
      code = ""
      file = /```c(pp)?$/ ? linked : linked_python
      next
    }
    in_code { gsub(/[ \t]+/, " "); sub(/^ /, ""); code = code $0 " "; next }
    {
      while (match($0, /\(examples\/[a-z_]+\.(cc?|py)\)/)) {
        name = substr($0, RSTART + 10, RLENGTH - 11)
        if (name ~ /\.cc?$/) linked = name; else linked_python = name
        $0 = substr($0, RSTART + RLENGTH)
      }
    }' "$1"
}

# Prints the quotes of a page that are not in their files.
misquotes() { # PAGE
  local file code text
  while IFS='|' read -r file code; do
    text=$(tr -s ' \t\n' ' ' <"$EXAMPLES/$file")
    [[ $text == *"$code"* ]] || echo "$file: $code"
  done < <(quotes "$1" | tr -s ' ')
}

@test "what the page quotes stands in the files, and it names all of them" {
  [ "$(quotes "$PAGE" | wc -l)" -ge 15 ]
  [ -z "$(misquotes "$PAGE")" ]
  local file
  for file in "$EXAMPLES"/*; do
    grep -qF "(examples/${file##*/})" "$PAGE"
  done
}

@test "a misquote is found" {
  sed 's/grain_map(pool, howmany/grain_map(pool, somany/' "$PAGE" >"$BATS_TEST_TMPDIR/page.md"
  [[ $(misquotes "$BATS_TEST_TMPDIR/page.md") == map.c:* ]]
}

@test "the links of the page lead somewhere" {
  local link
  while read -r link; do
    [ -e "$GRAIN_SOURCE/docs/${link%%#*}" ]
  done < <(grep -o '](\([^)h][^)]*\))' "$PAGE" | sed 's/^](//; s/)$//' | grep -v '^#')
  # The tables that it sends the reader to.
  grep -qx '## The floor' "$GRAIN_SOURCE/RESULTS.md"
  grep -q '^| fork open ' "$GRAIN_SOURCE/RESULTS.md"
  grep -qx '## The notebook, CPython and the backends' "$GRAIN_SOURCE/RESULTS.md"
}
