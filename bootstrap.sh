#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Installs the Debian packages that grain needs, and only those that are missing. This file holds the one list of
# them; everything else asks for it with --list. Nothing to install: needs neither root nor a network.
# Exit codes: 0 all there, 1 installing failed, 2 usage, 77 something is missing and cannot be installed here.
set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

# group | package | how to see that it is there without asking dpkg | what for
packages() {
  sed 's/ *| */|/g' <<'LIST'
run  | gcc               | command gcc             | C compiler, OpenMP runtime
run  | g++               | command g++             | for the Google Benchmark shim
run  | cmake             | command cmake           | build
run  | ninja-build       | command ninja           | build
run  | pkg-config        | command pkg-config      | build
run  | libbenchmark-dev  | header benchmark/benchmark.h | the clock of every measurement
run  | libgsl-dev        | pc gsl                  | random numbers, statistics
run  | libjansson-dev    | pc jansson              | JSON
run  | libhwloc-dev      | pc hwloc                | which CPUs share a core
run  | gnuplot-nox       | command gnuplot         | figures
run  | python3           | command python3         | the original, measured beside
peers | libtbb-dev       | header oneapi/tbb/version.h | oneTBB, measured beside
peers | libglib2.0-dev   | pc glib-2.0             | GLib's thread pool, measured beside
peers | libpthreadpool-dev | header pthreadpool.h | pthreadpool, measured beside
peers | libomp5-14       | header /usr/lib/llvm-*/lib/libomp.so.5 | LLVM's OpenMP runtime, measured beside
test | libcmocka-dev     | pc cmocka               | unit tests
test | bats              | command bats            | tests of the command
test | shellcheck        | command shellcheck      | tests of the scripts
test | clang             | command clang           | second compiler
test | libomp-dev        | header /usr/lib/llvm-*/lib/clang/*/include/omp.h | OpenMP for clang
test | mandoc            | command mandoc          | checks the manual page
test | clang-format      | command clang-format    | layout of the code
test | libclang-rt-14-dev | header /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a | libFuzzer, sanitizers of clang
test | cppcheck          | command cppcheck        | checks the code
test | clang-tidy        | command clang-tidy      | checks the code
test | valgrind          | command valgrind        | checks memory
test | strace            | command strace          | shows how files are created
test | procps            | command pgrep           | finds processes that are left behind
test | python3-joblib    | dpkg                    | its loky stands in docs/reliability.md
test | libbenchmark-tools | dpkg                   | compare.py reads our results
LIST
}

usage() {
  cat <<'TEXT'
Usage: bootstrap.sh [GROUP]            install what GROUP needs and is missing
       bootstrap.sh --list GROUP       print the packages of GROUP, one a line
       bootstrap.sh --give-back PATH...
                                       under sudo: make PATHs the invoking user's

Groups: run (build and reproduce; the default), peers (run, and the libraries
that are measured beside), test (all of these, and all tests).
TEXT
}

die() {
  echo "bootstrap.sh: $2" >&2
  exit "$1"
}

# The rows of a group: `peers` includes `run`, `test` includes both.
rows() {
  case $1 in
    run) packages | grep '^run|' ;;
    peers) packages | grep -E '^(run|peers)\|' ;;
    test) packages ;;
    *) die 2 "there is no group \`$1'; there are: run, peers, test" ;;
  esac
}

is_header() {
  local file
  for file in $1 /usr/include/$1 /usr/local/include/$1; do
    [ -e "$file" ] && return 0
  done
  return 1
}

is_there() { # PACKAGE HOW
  if command -v dpkg-query >/dev/null &&
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; then
    return 0
  fi
  case $2 in
    "command "*) command -v "${2#command }" >/dev/null ;;
    "pc "*) command -v pkg-config >/dev/null && pkg-config --exists "${2#pc }" ;;
    "header "*) is_header "${2#header }" ;;
    *) return 1 ;;
  esac
}

# The rows of what is missing.
missing_rows() {
  local group package how reason
  rows "$1" | while IFS='|' read -r group package how reason; do
    is_there "$package" "$how" || echo "$group|$package|$how|$reason"
  done
}

print_table() {
  local package reason
  printf '  %-20s %s\n' "missing package" "what for"
  while IFS='|' read -r _ package _ reason; do
    printf '  %-20s %s\n' "$package" "$reason"
  done
}

give_up() { # WHY ROWS
  local names
  names=$(cut -d'|' -f2 <<<"$2" | tr '\n' ' ')
  {
    echo "bootstrap.sh: $1"
    print_table <<<"$2"
    echo
    if command -v apt-get >/dev/null; then
      echo "As root:  apt-get update && apt-get install -y --no-install-recommends ${names% }"
    else
      echo "Under Debian's names:  ${names% }"
    fi
  } >&2
  exit 77
}

# "12.3", from bytes.
megabytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f", bytes / 1e6 }'; }

apt() {
  apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -o APT::Install-Recommends=false "$@"
}

# Whether apt's lists know how to install these packages.
lists_are_there() { apt -s install "$@" >/dev/null 2>&1; }

# Says what will be installed: how many packages, how much to download, how much on disk.
announce() {
  local new download disk
  new=$(apt -s install "$@" | awk '$1 == "Inst" { print $2 }')
  download=$(apt --print-uris -y install "$@" | awk '/^\x27/ { sum += $3 } END { printf "%.0f", sum }')
  disk=$(xargs -r apt-cache show --no-all-versions <<<"$new" 2>/dev/null |
    awk '$1 == "Installed-Size:" { sum += $2 * 1024 } END { printf "%.0f", sum }')
  echo "bootstrap.sh: installing $# packages and what they need, $(wc -l <<<"$new") in all:" >&2
  printf '%s ' "$@" | fold -s -w 76 | sed 's/^/  /' >&2
  printf '\n  %s MB to download, %s MB on disk\n' "$(megabytes "$download")" "$(megabytes "$disk")" >&2
}

install_packages() {
  local log
  log=$(mktemp)
  lists_are_there "$@" || apt update >"$log" 2>&1 || true
  lists_are_there "$@" || {
    tail -n 5 "$log" >&2
    rm -f "$log"
    die 1 "apt does not find all of: $*"
  }
  announce "$@"
  # Lists of yesterday name packages that the mirror has replaced since: fetch new ones, once.
  if ! apt -y install "$@" >"$log" 2>&1 && ! { apt update && apt -y install "$@"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die 1 "apt-get failed"
  fi
  rm -f "$log"
  echo "bootstrap.sh: installed" >&2
}

bootstrap() {
  local group=$1 missing names=()
  missing=$(missing_rows "$group")
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || give_up "this is no Debian, so nothing was installed" "$missing"
  [ "$(id -u)" = 0 ] || give_up "only root can install what is missing" "$missing"
  mapfile -t names < <(cut -d'|' -f2 <<<"$missing")
  install_packages "${names[@]}"
  missing=$(missing_rows "$group")
  [ -z "$missing" ] || give_up "still missing after installing" "$missing"
}

# What root made on behalf of somebody belongs to that somebody.
give_back() {
  local path
  [ "$(id -u)" = 0 ] && [ -n "${SUDO_UID:-}" ] && [ "$SUDO_UID" != 0 ] || return 0
  for path in "$@"; do
    [ ! -e "$path" ] || chown -R -h "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$path"
  done
}

case ${1:-run} in
  -h | --help)
    usage
    ;;
  --list)
    [ $# = 2 ] || die 2 "--list takes one group: run, peers or test"
    rows "$2" | cut -d'|' -f2
    ;;
  --give-back)
    shift
    give_back "$@"
    ;;
  -*)
    usage >&2
    exit 2
    ;;
  *)
    [ $# -le 1 ] || die 2 "one group at a time"
    rows "${1:-run}" >/dev/null
    bootstrap "${1:-run}"
    ;;
esac
