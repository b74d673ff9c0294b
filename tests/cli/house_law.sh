#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# house_law.sh [TREE [BUILD]]: checks the rules of the house over a source tree (default: the current folder) and prints
# one line per breach: who may include whom, whose functions and variables a file may use, names at the top level, C++
# in few files only, length of files, functions and lines, unfinished marks. The last line says how long the library is.
# Exit code 1 when a rule is broken. Who uses what is read from the objects in BUILD (default: $GRAIN_BINARY, else
# build/dev).
set -euo pipefail
export LC_ALL=C.UTF-8
cd "${1:-.}"
build=${2:-${GRAIN_BINARY:-build/dev}}

file_lines_max=400 # but for grain.h: it is the manual
function_lines_max=80
columns_max=120
folders=(sys sched job team backend pool async api) # of impl/: each uses only those before it
# what needs it, and the test and the example of what grain.h has for C++
cpp_files='bench/gbench/gbench.cc|bench/peers/tbb.cc|tests/contract/(exceptions|passing).cc|docs/examples/exception.cc'
top_names='impl|bench|plots|tests|lessons|docs|CMakeLists.txt|RESULTS.md|README.md|CONTRIBUTING.md|CHANGELOG.md|LICENSE'
top_names+='|bootstrap.sh|CMakePresets.json|.clang-format|.clang-tidy|.ci'
# made here, ignored by git
top_names+='|.git|.gitignore|build|results'

# Includer | what it may include: patterns over whole paths, in which * is anything. The first row that fits the
# includer counts; what lies in its own folder is always allowed.
laws() {
  sed 's/ *@ */@/g' <<'LAWS'
(lessons|docs|tests/contract)/*  @ impl/grain.h
impl/grain.h       @ -
impl/sys/*         @ impl/grain.h
impl/sched/*       @ impl/grain.h|impl/sys/*
impl/job/*         @ impl/grain.h|impl/(sys|sched)/*
impl/team/*        @ impl/grain.h|impl/(sys|sched|job)/*
impl/backend/*     @ impl/grain.h|impl/(sys|sched|job|team|backend)/*
impl/pool/*        @ impl/grain.h|impl/(sys|sched|job|team)/*|impl/backend/backend.h|impl/async/async.h
impl/async/*       @ impl/grain.h|impl/(sys|sched|job|team|pool)/*|impl/backend/backend.h
impl/api/*         @ impl/grain.h|impl/(sys|sched|job|team|pool|async)/*|impl/backend/backend.h
impl/kernels/*     @ impl/grain.h
bench/peers/*     @ impl/(grain|backend/backend|job/job|sched/claim|sys/(arena|child|fd|machine)).h
bench/data/*      @ -
bench/gbench/*    @ impl/(grain|kernels/kernel|sys/machine).h|bench/data/*|bench/sweep/(cell|program|text).h|bench/peers/(peers|region).h
bench/sweep/*     @ impl/(grain|kernels/kernel|sys/machine).h|bench/data/*
bench/analysis/*  @ impl/(grain|kernels/kernel|sys/machine).h|bench/sweep/*
bench/report/*    @ impl/(grain|kernels/kernel|sys/machine).h|bench/(sweep|analysis)/*
bench/*           @ impl/(grain|kernels/kernel|sys/machine).h|bench/*
tests/*           @ *
LAWS
}

breaches=0
breach() {
  echo "$*"
  breaches=$((breaches + 1))
}

# Source files, `find` patterns as arguments.
sources() {
  local folders=() folder
  for folder in impl bench plots tests lessons docs; do [ ! -d "$folder" ] || folders+=("$folder"); done
  find "${folders[@]}" -type f "$@" | sort
}

c_sources() { sources \( -name '*.c' -o -name '*.h' -o -name '*.cc' \); }

# A row's pattern as a regular expression.
pattern() {
  local text=${1//./\\.}
  echo "^(${text//\*/.*})\$"
}

# The file that an include by quotes names, in `target`: beside the includer, else from the two include folders.
resolve() { # INCLUDER NAME
  local folder
  target=
  for folder in "${1%/*}" impl bench; do
    [ -f "$folder/$2" ] || continue
    target=$folder/$2
    while [[ $target =~ ^(.*/)?[^/.]+/\.\./(.*)$ ]]; do target=${BASH_REMATCH[1]}${BASH_REMATCH[2]}; done
    return
  done
}

includers=() allowed=() header_pairs=
read_laws() {
  local who whom
  while IFS=@ read -r who whom; do
    includers+=("$(pattern "$who")")
    allowed+=("$(pattern "$whom")")
  done < <(laws)
}

check_include() { # INCLUDER NAME
  local includer=$1 target i
  resolve "$1" "$2"
  [ -n "$target" ] || {
    breach "$1: includes \"$2\", which is nowhere"
    return
  }
  [[ $includer$target != *.h*.h ]] || header_pairs+="$includer $target"$'\n'
  [ "${target%/*}" != "${includer%/*}" ] || [ "$includer" = impl/grain.h ] || return 0
  for i in "${!includers[@]}"; do
    [[ $includer =~ ${includers[i]} ]] || continue
    [[ $target =~ ${allowed[i]} ]] || breach "$includer: may not include $target"
    return
  done
  breach "$includer: no law says what it may include"
}

check_includes() {
  local line includer name
  read_laws
  while IFS= read -r line; do
    includer=${line%%:*}
    name=${line#*\"}
    check_include "$includer" "${name%%\"*}"
  done < <(c_sources | xargs -r grep -HE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' || true)
  while IFS= read -r line; do
    case $line in *'<stdbool.h>'* | *'<stddef.h>'* | *'<stdint.h>'* | *'<exception>'*) ;; *)
      breach "impl/grain.h: only standard headers: $line"
      ;;
    esac
  done < <(grep -E '^#include <' impl/grain.h || true)
}

# No header includes itself by way of others. tsort names the members of a circle on standard error.
check_header_circles() {
  local circle
  circle=$({ tsort <<<"$header_pairs" 2>&1 >/dev/null || true; } | sed -n 's/^tsort: \([^ ]*\.h\)$/\1/p' | paste -sd ' ')
  [ -z "$circle" ] || breach "headers include each other in a circle: $circle"
}

# The library's files in their order: the words of `set(sources ...)`, where ${NAME} stands for those of `set(NAME ...)`.
sources_in_order() {
  tr '\n' ' ' <impl/CMakeLists.txt | grep -oE '(set|list)\([^)]*\)' | awk '
    function words(from, i, text) {
      for (i = from; i <= NF; i++) {
        sub(/\)$/, "", $i)
        text = text " " ($i ~ /^\$\{/ ? named[substr($i, 3, length($i) - 3)] : $i)
      }
      return text
    }
    /^set\(/ { sub(/^set\(/, ""); name = $1; named[name] = words(2) }
    /^list\(APPEND sources / { named["sources"] = named["sources"] words(3) }
    END { print named["sources"] }' | grep -oE '[^ ]+\.c'
}

# One line per use of a later file's symbol: FILE SYMBOL OF. Global symbols only, as nm tells them.
uses_of_later_files() { # FILE...
  local file objects=()
  for file in "$@"; do
    file=$build/impl/CMakeFiles/grain_internal.dir/$file.o
    if [ -e "$file" ]; then objects+=("$file"); fi
  done
  nm -A -g -P "${objects[@]}" | sed -E 's|^.*/grain_internal\.dir/(.*)\.o: |\1 |' | awk -v files="$*" '
    BEGIN { count = split(files, file); for (i = 1; i <= count; i++) rank[file[i]] = i }
    $3 == "U" { used[$2] = used[$2] " " $1 }
    $3 != "U" { home[$2] = $1 }
    END {
      for (symbol in home) {
        users = split(used[symbol], user)
        for (i = 1; i <= users; i++)
          if (rank[user[i]] < rank[home[symbol]]) print user[i], symbol, home[symbol]
      }
    }' | sort
}

# Files in the order of their folders, and no use of what a later file has.
check_order() {
  local order file folder last=0 i user symbol home
  mapfile -t order < <(sources_in_order)
  for file in "${order[@]}"; do
    folder=${file%%/*}
    for i in "${!folders[@]}"; do [ "${folders[i]}" != "$folder" ] || break; done
    [ "$i" -ge "$last" ] || breach "impl/CMakeLists.txt: $file comes after files of ${folders[last]}/"
    last=$i
    [[ -e $build/impl/CMakeFiles/grain_internal.dir/$file.o || $file == backend/*omp* ]] || breach "$file: not built"
  done
  while read -r user symbol home; do
    breach "impl/$user: uses $symbol of impl/$home, which comes later"
  done < <(uses_of_later_files "${order[@]}")
}

check_top() {
  local name names
  names=$(pattern "$top_names")
  while IFS= read -r name; do
    [[ $name =~ $names ]] || breach "$name: no such name at the top level"
  done < <(find . -mindepth 1 -maxdepth 1 -printf '%P\n')
}

check_cpp() {
  local file
  while IFS= read -r file; do
    [[ $file =~ $(pattern "$cpp_files") ]] || breach "$file: C++ outside the files that may be"
  done < <(sources \( -name '*.cc' -o -name '*.cpp' -o -name '*.cxx' -o -name '*.hpp' \))
}

# By the layout of .clang-format, a function's braces stand in the first column, and nothing else's opening brace does.
check_lengths() {
  local line
  while IFS= read -r line; do breach "$line"; done < <(c_sources | grep -vx impl/grain.h | xargs -r awk -v files="$file_lines_max" \
    -v functions="$function_lines_max" '
      function flush_file() { if (name != "" && lines > files) print name ": " lines " lines, at most " files }
      FNR == 1 { flush_file(); name = FILENAME; start = 0 }
      { lines = FNR }
      /^\{/ { start = FNR }
      /^\}/ { if (start && FNR - start + 1 > functions)
                print name ":" start ": a function of " FNR - start + 1 " lines, at most " functions
              start = 0 }
      END { flush_file() }')
  while IFS= read -r line; do breach "$line"; done < <(sources \( -name '*.sh' -o -name '*.bats' -o -name '*.py' \
    -o -name '*.gp' -o -name run -o -name reproduce \) | xargs -r awk -v files="$file_lines_max" '
      FNR == files + 1 { print FILENAME ": more than " files " lines" }')
}

check_columns() {
  local line
  while IFS= read -r line; do breach "$line: more than $columns_max columns"; done < <(c_sources |
    grep -E '^(impl|bench)/' | xargs -r grep -nHE "^.{$((columns_max + 1)),}" | cut -d: -f1,2 || true)
}

check_heads() {
  local line
  while IFS= read -r line; do breach "$line: no SPDX line at its head"; done < <(c_sources |
    xargs -r awk 'FNR == 1 && !/SPDX-License-Identifier: MIT/ { print FILENAME }')
  while IFS= read -r line; do breach "$line: an unfinished mark"; done < <(c_sources |
    xargs -r grep -nHE '\b(TODO|FIXME|XXX|HACK)\b' | cut -d: -f1,2 || true)
}

# One loop spins: sys/futex.h.
check_waits() {
  local line
  while IFS= read -r line; do breach "$line: a waiting loop of its own (sys/futex.h has one)"; done < <(c_sources |
    grep '^impl/' | grep -vx impl/sys/futex.h | xargs -r grep -nHE '\b(cpu_relax\(|__builtin_ia32_pause)' | cut -d: -f1,2 || true)
}

check_includes
check_waits
check_header_circles
check_order
check_top
check_cpp
check_lengths
check_columns
check_heads
echo "impl/ without kernels: $(c_sources | grep '^impl/' | grep -v '^impl/kernels/' | xargs cat | wc -l) lines"
[ "$breaches" -eq 0 ]
