#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The documentation is what the code says: every function of grain.h has its block, the manual page is the one that
# docs/man.sh makes of it.
bats_require_minimum_version 1.5.0

HEADER=$GRAIN_SOURCE/impl/grain.h
BLOCKS=$GRAIN_SOURCE/tests/docs/blocks.sh

setup() { cd "$BATS_TEST_TMPDIR" || exit; }

@test "every function of grain.h has a comment block of its own, with thread: and return:" {
  run "$BLOCKS" "$HEADER"
  [ -z "$output" ]
  [ "$status" -eq 0 ]
}

# What `blocks.sh` says of a header that was changed.
breach() { # SED-SCRIPT EXPECTED
  local said
  sed "$1" "$HEADER" >changed.h
  if said=$("$BLOCKS" changed.h); then return 1; fi
  [[ $said == *"$2"* ]]
}

@test "a missing field, a shared block and a function that is not exported are found" {
  breach '/^ \* return: at least 1/d; s/^ \* source: sched_get/ * x sched_get/' "grain_cpu_count: its block has no \`return:\`"
  breach '0,/^ \* thread: any/{/^ \* thread: any/d}' "grain_cpu_count: its block has no \`thread:\`"
  breach 's/^GRAIN_API const char \*grain_version/int grain_shared(void);\n&/' 'grain_version: no comment block of its own'
  breach 's/^GRAIN_API int grain_pool_close/int grain_pool_close/' 'grain_pool_close: without GRAIN_API'
}

# The fields of an options struct, one per line.
fields() { # HEADER STRUCT
  awk -v head="struct $2 {" '$0 == head { inside = 1; next }
    /^};/ { inside = 0 }
    inside && /^    [a-z].*;/ { sub(/;.*/, ""); print $NF }' "$1" | tr -d '*'
}

# Options without a row of their own in the tables of who heeds what: companions of others, and what names the backend.
companions='struct_size backend finalizer argument keep_descriptors keep_count params_size callback error_callback user'

unheeded() { # HEADER
  local field
  for field in $(fields "$1" grain_pool_options) $(fields "$1" grain_call_options); do
    [[ " $companions " == *" $field "* ]] || grep -q "^ \*   $field  *[ucxws-]  *[ucxws-]  *[ucxws-]" "$1" || echo "$field"
  done
}

@test "every option stands in the table of who heeds it, and one that does not is found" {
  [ "$(fields "$HEADER" grain_pool_options | wc -l)" -ge 16 ]
  [ -z "$(unheeded "$HEADER")" ]
  sed '/^ \*   caller_waits /d; s/^    int retries;/&\n    int another;/' "$HEADER" >changed.h
  [ "$(unheeded changed.h)" = $'caller_waits\nanother' ]
}

@test "the manual page is the one made from the header (if not: docs/man.sh >docs/grain.3)" {
  "$GRAIN_SOURCE/docs/man.sh" | diff -u "$GRAIN_SOURCE/docs/grain.3" -
}

@test "the manual page has every function, and no mistake that mandoc knows of" {
  local name
  while read -r name; do
    grep -qx "\.Fo $name" "$GRAIN_SOURCE/docs/grain.3"
  done < <(grep -o '^GRAIN_API.*' "$HEADER" | grep -o 'grain_[a-z_]*(' | tr -d '(')
  command -v mandoc >/dev/null || skip "no mandoc"
  run mandoc -T lint -W warning "$GRAIN_SOURCE/docs/grain.3"
  # Whether other pages are installed on this machine is none of its business.
  [ -z "$(grep -v 'mandoc.db' <<<"$output" || true)" ]
}

WALKS=$GRAIN_SOURCE/tests/docs/walks.sh

@test "the walks through the library lead along functions that are there and call each other" {
  run "$WALKS" "$GRAIN_SOURCE/CONTRIBUTING.md" "$GRAIN_SOURCE"
  echo "$output"
  [ "$status" -eq 0 ]
}

# What `walks.sh` says of walks that were changed.
strays() { # SED-SCRIPT EXPECTED
  local said
  sed "$1" "$GRAIN_SOURCE/CONTRIBUTING.md" >changed.md
  if said=$("$WALKS" changed.md "$GRAIN_SOURCE"); then return 1; fi
  [[ $said == *"$2"* ]] || { echo "$said" && return 1; }
}

@test "a hop that is not there, one that nobody calls, a line that is no hop and a wrong count are found" {
  strays 's/^\( *\)fork_submit /\1fork_summit /' 'walk 1: no fork_summit in impl/backend/fork/fork.c'
  strays 's/^\( *\)pool_wait /\1pool_leave /' 'walk 1: pool_leave is not called by the hop above it'
  strays 's/^~ ticket_work .*/and so on/' 'walk 2: not a hop: and so on'
  strays 's/^[0-9]* stays in/1 stays in/' 'walk 1: it is '
  strays 's/walk$/run/' 'only 0 walks, of 0 hops'
}

# Files of the library that sources and pages of TREE name by folder, and that are not there.
strangers() { # TREE
  local name files='\b(sys|sched|job|team|backend|fork|pool|async|api)(/[a-z_]+)+\.[ch]\b'
  for name in $(cd "$1" && grep -rhE "$files" impl tests docs CONTRIBUTING.md --include=*.[ch] --include=*.md |
    grep -v '#include <' | grep -oE "$files" | sort -u); do
    [ -e "$1/impl/$name" ] || [ -e "$1/impl/backend/$name" ] || echo "$name"
  done
}

@test "files that comments and pages name are there" {
  [ -z "$(strangers "$GRAIN_SOURCE")" ]
  mkdir -p tree/impl/sys tree/tests tree/docs
  echo '/* See sys/clock.h and sys/watch.h. */' | tee tree/impl/sys/clock.h >tree/CONTRIBUTING.md
  [ "$(strangers tree)" = sys/watch.h ]
}
