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
  printf '/* TO%s */\n' DO >>"$COPY/impl/job/job.c"
  are_noticed "src: no such name at the top level" \
    "bench/sweep/more.cc: C++ outside" \
    "impl/bare.h: no SPDX line" \
    "impl/job/job.c:"
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
