#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# docs/reliability.md: every test that it names is there and is run, every row has one; the table of other pools is what
# docs/reliability.py finds.
bats_require_minimum_version 1.5.0

PAGE=$GRAIN_SOURCE/docs/reliability.md

# shellcheck disable=SC2016 # these are the page's backquotes
@test "every test that the page names is run" {
  local program name count=0
  while read -r program name; do
    grep -rqs "cmocka_unit_test($name)" "$GRAIN_SOURCE/tests/faults/$program.c" \
      "$GRAIN_SOURCE/tests/contract/$program".{c,cc} || {
      echo "no test $program: $name"
      return 1
    }
    count=$((count + 1))
  done < <(grep -o '`[a-z_]*: [a-z_]*`' "$PAGE" | tr -d '`:')
  [ "$count" -gt 15 ]
}

@test "every row of the first table names a test" {
  run sed -n '/^## When a worker dies/,/^Each is/{/^| [^-e]/p;/^| event/d}' "$PAGE"
  [ "${#lines[@]}" -gt 10 ]
  for line in "${lines[@]}"; do [[ $line =~ \`[a-z_]+:\ [a-z_]+\` ]]; done
}

# A Python 3.11 that finds loky, else any 3.11; another version may behave in another way.
find_python() {
  local python wanted
  for wanted in 'import joblib.externals.loky' 'import loky' ''; do
    for python in python3 /usr/bin/python3; do
      "$python" -c "import sys; $wanted"$'\n''sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo "$python" && return
    done
  done
}

@test "the table of other pools is what the script prints" {
  local python columns=1-6
  python=$(find_python)
  [ -n "$python" ] || skip "no Python 3.11, which the page is about"
  "$python" -c 'import joblib.externals.loky' 2>/dev/null || "$python" -c 'import loky' 2>/dev/null || columns=1-5
  diff -u <(sed -n '/^| event .*multiprocessing/,$p' "$PAGE" | grep '^|' | cut -d'|' -f"$columns" | sed 's/|$//') \
    <("$python" "$GRAIN_SOURCE/docs/reliability.py" | cut -d'|' -f"$columns" | sed 's/|$//')
}
