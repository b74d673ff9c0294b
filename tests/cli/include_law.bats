#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The rules of the house hold, and the check of each one notices when it is broken.
load helper

LAW=$GRAIN_SOURCE/tests/cli/house_law.sh

# A copy of the sources to break.
copy_tree() {
  COPY=$BATS_TEST_TMPDIR/copy
  mkdir -p "$COPY"
  tar -C "$GRAIN_SOURCE" --exclude=./.git --exclude=./build --exclude=./results -cf - . | tar -C "$COPY" -xf -
}

# The check fails on the copy, with a line for each of the texts.
are_noticed() {
  run "$LAW" "$COPY"
  [ "$status" -eq 1 ]
  local text
  for text in "$@"; do
    [[ $output == *"$text"* ]] || { echo "not noticed: $text" && return 1; }
  done
}

@test "the rules of the house hold" {
  run "$LAW" "$GRAIN_SOURCE"
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "noticed: includes against the law" {
  copy_tree
  echo '#include "backend/backend.h"' >>"$COPY/impl/sys/futex.c"
  echo '#include "team/ring.h"' >>"$COPY/impl/sched/claim.c"
  echo '#include "backend/backend.h"' >>"$COPY/bench/command/run.c"
  echo '  #  include "job/job.h"' >>"$COPY/tests/contract/contract.c"
  echo '#include "kernels/kernel.h"' >>"$COPY/impl/backend/serial.c"
  echo '#include "backend/fork/supervisor.h"' >>"$COPY/impl/pool/gate.c"
  echo '#include "report/results.h"' >>"$COPY/bench/sweep/cell.c"
  mkdir -p "$COPY/lessons"
  echo '#include "../impl/job/job.h"' >>"$COPY/lessons/one.c"
  are_noticed "impl/sys/futex.c: may not include impl/backend/backend.h" \
    "impl/sched/claim.c: may not include impl/team/ring.h" \
    "bench/command/run.c: may not include impl/backend/backend.h" \
    "tests/contract/contract.c: may not include impl/job/job.h" \
    "impl/backend/serial.c: may not include impl/kernels/kernel.h" \
    "impl/pool/gate.c: may not include impl/backend/fork/supervisor.h" \
    "bench/sweep/cell.c: may not include bench/report/results.h" \
    "lessons/one.c: may not include impl/job/job.h"
}

@test "noticed: the public header includes more than standard headers" {
  copy_tree
  sed -i 's/^#include <stdint.h>/&\n#include <pthread.h>/' "$COPY/impl/grain.h"
  echo '#include "job/job.h"' >>"$COPY/impl/grain.h"
  are_noticed "impl/grain.h: only standard headers: #include <pthread.h>" \
    "impl/grain.h: may not include impl/job/job.h"
}

@test "noticed: a new name at the top level, C++ elsewhere, a missing licence line, an unfinished mark" {
  copy_tree
  mkdir "$COPY/src"
  printf 'int main() {}\n' >"$COPY/bench/sweep/more.cc"
  printf 'int one(void);\n' >"$COPY/impl/bare.h"
  printf '/* TO%s */\n' DO >>"$COPY/impl/job/run.c"
  are_noticed "src: no such name at the top level" \
    "bench/sweep/more.cc: C++ outside" \
    "impl/bare.h: no SPDX line" \
    "impl/job/run.c:"
}

@test "noticed: a waiting loop of its own" {
  copy_tree
  printf 'static void spin(void)\n{\n    for (unsigned turn = 0;; turn++)\n        cpu_relax(turn);\n}\n' >>"$COPY/impl/job/run.c"
  printf 'static void spin(void)\n{\n    __builtin_ia32_pause();\n}\n' >>"$COPY/impl/pool/gate.c"
  are_noticed "impl/job/run.c:" "impl/pool/gate.c:"
}

@test "noticed: a function of 81 lines, a file of 401" {
  copy_tree
  {
    printf '/* SPDX-License-Identifier: MIT */\nint long_one(void)\n{\n'
    for _ in {1..78}; do echo '    ;'; done
    printf '    return 0;\n}\n'
  } >"$COPY/impl/long_one.c"
  are_noticed "impl/long_one.c:3: a function of 81 lines"
  sed -i 5d "$COPY/impl/long_one.c"
  run "$LAW" "$COPY"
  [[ $output != *long_one.c:3* ]]
  for _ in {1..400}; do echo; done >>"$COPY/impl/long_one.c"
  are_noticed "impl/long_one.c: 482 lines"
}

# A small library in $SMALL, one line of C per file, which is compiled on the spot; its order is that of the arguments.
small_library() { # FILE CODE ...
  SMALL=$BATS_TEST_TMPDIR/small
  local objects=$SMALL/build/impl/CMakeFiles/grain_internal.dir file order=
  mkdir -p "$SMALL/impl"
  printf '/* SPDX-License-Identifier: MIT */\n' >"$SMALL/impl/grain.h"
  while [ $# -gt 0 ]; do
    file=$1
    order+=" $file"
    mkdir -p "$SMALL/impl/${file%/*}" "$objects/${file%/*}"
    printf '/* SPDX-License-Identifier: MIT */\n%s\n' "$2" >"$SMALL/impl/$file"
    cc -c -o "$objects/$file.o" "$SMALL/impl/$file"
    shift 2
  done
  printf 'set(sources%s)\n' "$order" >"$SMALL/impl/CMakeLists.txt"
}

# What the check says of the small library, but for the last line; nothing else may be found in it.
small_law_says() { # LINE...
  run "$LAW" "$SMALL" build
  printf '%s\n' "$output" | sed '$d' | diff - <([ $# -eq 0 ] || printf '%s\n' "$@")
  [ "$status" -eq $(($# > 0)) ]
}

@test "order of files: what earlier files have may be used, and static names are nobody else's" {
  small_library sys/a.c 'int a; static int own; int *a_own(void) { return &own; }' \
    sys/b.c 'extern int a; static int own; int *b(void) { own = a; return &own; }' \
    team/c.c 'int *b(void); int c(void) { return *b(); }'
  small_law_says
  [[ $output == "impl/ without kernels: 7 lines" ]]
}

@test "noticed: a function, a variable and a table of a later file or folder" {
  small_library sys/a.c 'int b(void); int a(void) { return b(); }' \
    sys/b.c 'int b(void) { return 0; }' \
    sched/c.c 'extern int e; int c(void) { return e; }' \
    team/d.c 'int later(void); int (*const table[])(void) = {later};' \
    team/e.c 'int e;' \
    backend/f.c 'int later(void) { return 1; }'
  small_law_says "impl/sched/c.c: uses e of impl/team/e.c, which comes later" \
    "impl/sys/a.c: uses b of impl/sys/b.c, which comes later" \
    "impl/team/d.c: uses later of impl/backend/f.c, which comes later"
}

@test "noticed: files that use each other, in whatever order" {
  small_library sys/a.c 'int b(void); int a(void) { return b(); }' \
    sys/b.c 'int a(void); int b(void) { return a(); }'
  small_law_says "impl/sys/a.c: uses b of impl/sys/b.c, which comes later"
  sed -i 's|sys/a.c sys/b.c|sys/b.c sys/a.c|' "$SMALL/impl/CMakeLists.txt"
  small_law_says "impl/sys/b.c: uses a of impl/sys/a.c, which comes later"
}

@test "noticed: an order of files that is not that of the folders, a file that is not built" {
  small_library sys/a.c 'int a;' job/b.c 'int b;' sched/c.c 'int c;'
  # shellcheck disable=SC2016 # CMake's own variable
  printf 'set(some job/b.c)\nset(sources sys/a.c sys/d.c ${some}\n  sched/c.c)\n' >"$SMALL/impl/CMakeLists.txt"
  small_law_says "sys/d.c: not built" "impl/CMakeLists.txt: sched/c.c comes after files of job/"
}

@test "noticed: headers that include each other" {
  small_library sys/a.c 'int a;'
  printf '/* SPDX-License-Identifier: MIT */\n#include "b.h"\n' >"$SMALL/impl/sys/a.h"
  printf '/* SPDX-License-Identifier: MIT */\n  #include "sys/c.h"\n' >"$SMALL/impl/sys/b.h"
  printf '/* SPDX-License-Identifier: MIT */\n' >"$SMALL/impl/sys/c.h"
  small_law_says
  printf '#include "a.h"\n' >>"$SMALL/impl/sys/c.h"
  small_law_says "headers include each other in a circle: impl/sys/a.h impl/sys/b.h impl/sys/c.h"
}

@test "noticed: a line of 121 columns" {
  small_library sys/a.c "/* $(printf '%0114d' 0) */"
  small_law_says
  small_library sys/a.c "/* $(printf '%0115d' 0) */"
  small_law_says "impl/sys/a.c:2: more than 120 columns"
  small_library sys/a.c "/* ä$(printf '%0113d' 0) */"
  small_law_says
}
