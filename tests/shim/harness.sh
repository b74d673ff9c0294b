#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# harness.sh SHIM_GRAIN FAKE_BENCH PLOTS [all]: the command with its k-th call of each class failing (shim.h), for k = 1,
# 2, ... until nothing is left to fail; without `all` the first few and then further and further apart. Each run must end
# in time with an exit code of its own, say why, and leave no half-written file; when the fault is over the same command,
# or its --resume, brings the same files as if there had been none.
set -euo pipefail
export LC_ALL=C.UTF-8
grain=$1 GRAIN_PLOTS=$3 every=${4:-some}
export GRAIN_BENCH=$2 GRAIN_PLOTS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir bin
export PATH=$work/bin:$PATH GRAIN_SHIM_FILE=$work/counts
complaints=0 faults=0 told=0

# Draws nothing, but writes what it was told to.
cat >bin/gnuplot <<'P'
#!/bin/sh
out=${3#*out=\'}
echo drawn >"${out%%\'*}"
P
# What a sweep asks about the machine takes long, and may change meanwhile.
for name in git dpkg-query python3; do printf '#!/bin/sh\necho same\n' >"bin/$name"; done
chmod +x bin/*

sweep() { timeout 60 "$grain" sweep --workers 2 --profile default --rows 1000 --rounds 1 --budget 0 \
  --filter 'howmany/pthread/map/dynamic/chunk:16/workers:2' "$@"; }

complain() { # TEXT
  echo "$command, $class:$k: $1"
  complaints=$((complaints + 1))
}

was_hit() { [ "$(od -An -tu4 -N4 counts | tr -d ' ')" != 0 ]; }

# Every (cell, round) of the file, with how it ended, in lines that are whole. One that failed may come again.
records_of() { # FILE
  sed -n 's/^{.*"cell": *"\([^"]*\)".*"round": *\([0-9]*\).*"status": *"\([a-z]*\)".*}$/\1 \2 \3/p' "$1" |
    awk '$1 " " $2 in state && state[$1 " " $2] == "ok" { $3 = "twice" } { state[$1 " " $2] = $3 }
      END { for (name in state) print name, state[name] }' | sort
}
records_whole() {
  records_of dir/samples.jsonl >records
  cmp -s records records_wanted
}

# What each command is given, what is run, and what must be there when the fault is over.
sweep_before() { rm -rf dir; }
sweep_run() { sweep --out dir; }
sweep_after() { # EXIT_CODE
  local code=0
  [ "$1" -eq 0 ] || sweep --resume --out dir 2>again || code=$?
  # what failed is measured again; where nothing was begun there is nothing to resume
  [ "$code" -ne 2 ] || { code=0 && sweep --out dir 2>again || code=$?; }
  [ "$code" -eq 0 ] || complain "no sweep any more: exit code $code, $(tail -n 1 again)"
  records_whole || complain "records are missing, or twice"
}
resume_before() {
  rm -rf dir
  cp -r swept dir
  head -n 1 swept/samples.jsonl >dir/samples.jsonl
}
resume_run() { sweep --resume --out dir; }
resume_after() { sweep_after "$1"; }
report_before() {
  rm -rf dir
  cp -r swept dir
}
report_run() { timeout 60 "$grain" report -q dir; }
report_after() {
  [ "$1" -eq 0 ] || report_run >output 2>again || complain "no report any more: $(<again)"
  for file in summary.csv claims.json RESULTS.md; do cmp -s "dir/$file" "reported/$file" || complain "another $file"; done
}
plot_before() {
  rm -rf dir
  cp -r reported dir
}
plot_run() { timeout 60 "$grain" plot -q dir; }
plot_after() { # there is nothing to draw in some of the figures: exit code 1 without a fault too
  plot_run >output 2>again || cmp -s again plot_error || complain "no plot any more: $(<again)"
  diff -r dir/figures plotted/figures >output || complain "other figures: $(head -n 1 output)"
}

run_once() { # of `command`, `class`, `k`
  local code=0 left
  "${command}_before"
  truncate -s 0 counts
  truncate -s 4096 counts
  GRAIN_SHIM=$class:$k "${command}_run" >output 2>error || code=$?
  was_hit || return 0
  faults=$((faults + 1))
  [ "$code" -eq 0 ] || told=$((told + 1))
  case $code in
    0 | 1 | 5) ;;
    2) [ "$command" = resume ] || complain "exit code 2: $(tail -n 1 error)" ;; # it cannot see that all is as it was
    124) complain "it hangs" ;;
    *) complain "exit code $code: $(tail -n 1 error)" ;;
  esac
  [ "$code" -eq 0 ] || [ -s error ] || complain "exit code $code and no word why"
  left=$(find dir -name '*.part' -o -name '*.partial' -o -name '.*.new' 2>/dev/null || true)
  [ -z "$left" ] || complain "left behind: $left"
  "${command}_after" "$code"
}

k_next() { if [ "$every" = all ] || [ "$k" -lt 3 ]; then k=$((k + 1)); else k=$((2 * k + 1)); fi; }

class_walk() { # of `command`, `class`
  k=1
  while run_once && was_hit; do k_next; done
}

# Without a fault, for comparison. Paths are in some of the files, so each is made in `dir`.
unset GRAIN_SHIM
sweep --out dir 2>error && cp -r dir swept
report_run >/dev/null && cp -r dir reported
{ plot_run >output 2>plot_error || true; } && cp -r dir plotted
grep -q 'nothing to draw' plot_error && [ -s plotted/figures/fig_chunk.svg ]
records_of dir/samples.jsonl >records_wanted
[ "$(wc -l <records_wanted)" -ge 3 ]

for command in ${COMMANDS:-sweep resume report plot}; do
  faults=0 told=0 begin=$SECONDS
  for class in fork mmap memfd fallocate thread pidfd futex write fsync rename alloc descriptor; do class_walk; done
  echo "$command: $faults faults, $told errors told, $complaints complaints so far, $((SECONDS - begin)) s"
  [ "$faults" -gt 0 ] || complain "nothing failed"
done
[ "$complaints" -eq 0 ]
