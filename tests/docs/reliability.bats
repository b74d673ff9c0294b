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
    grep -rqs "cmocka_unit_test($name)" "$GRAIN_SOURCE/tests/faults/$program.c" "$GRAIN_SOURCE/tests/contract/$program.c" || {
      echo "no test $program: $name"
      return 1
    }
    count=$((count + 1))
  done < <(grep -o '`[a-z]*: [a-z_]*`' "$PAGE" | tr -d '`:')
  [ "$count" -gt 15 ]
}

@test "every row of the first table names a test" {
  run sed -n '/^## When a worker dies/,/^Each is/{/^| [^-e]/p;/^| event/d}' "$PAGE"
  [ "${#lines[@]}" -gt 10 ]
  for line in "${lines[@]}"; do [[ $line =~ \`[a-z]+:\ [a-z_]+\` ]]; done
}

# CPython 3.11's pools; another one may behave in another way, and loky is seldom there.
@test "the table of other pools is what the script prints" {
  command -v python3 >/dev/null || skip "no python3"
  python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || skip "another Python than the one of the page"
  diff -u <(sed -n '/^| event .*multiprocessing/,$p' "$PAGE" | grep '^|') <("$GRAIN_SOURCE/docs/reliability.py" cpython)
}
