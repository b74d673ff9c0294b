#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A program outside the tree: grain is installed into a folder, the folder is moved, and apply_async.c beside this file is
# built against it with pkg-config and with CMake, shared and static, and run on every kind of workers. What the
# program prints is checked against the counts that awk finds.
bats_require_minimum_version 1.5.0

HERE=$GRAIN_SOURCE/tests/consumer
cached() { sed -n "s/^$1:[A-Z]*=//p" "$GRAIN_BINARY/CMakeCache.txt"; }

setup_file() {
  [ -z "$(cached GRAIN_SANITIZE)" ] || return 0
  cmake --install "$GRAIN_BINARY" --prefix "$BATS_FILE_TMPDIR/first" >"$BATS_FILE_TMPDIR/log"
  mkdir -p "$BATS_FILE_TMPDIR/other"
  mv "$BATS_FILE_TMPDIR/first" "$BATS_FILE_TMPDIR/other/place"
  PREFIX=$BATS_FILE_TMPDIR/other/place
  PKG_CONFIG_PATH=$(dirname "$(find "$PREFIX" -name grain.pc)")
  CC=$(cached CMAKE_C_COMPILER)
  EXPECTED=$(awk 'BEGIN { for (i = 0; i < 10; i++) { n = 0
    for (k = 1; k <= 5; k++) { v = (i * 7 + int(i / 11) + k * k * 3) % 10; n += v >= 4 && v <= 8 }
    printf "(%d, %d)\n", i, n } }')
  export PREFIX PKG_CONFIG_PATH CC EXPECTED
  unset GRAIN_BACKEND
}

setup() {
  [ -z "$(cached GRAIN_SANITIZE)" ] || skip "a sanitizer's library wants a sanitizer's programs"
  cd "$BATS_TEST_TMPDIR" || exit
}

# Runs the program on every kind of workers.
check() { # PROGRAM
  local backend
  for backend in serial fork pthread openmp; do
    [ $backend != openmp ] || grep -q "backend/openmp" "$GRAIN_BINARY/build.ninja" || continue
    run env GRAIN_BACKEND=$backend timeout 60 "$1"
    [ "$status" -eq 0 ]
    [ "$output" = "$EXPECTED" ]
  done
}

needed() { readelf -d "$1" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p'; }

flags() { pkg-config "$@" grain; }

@test "the program has at most 25 lines, blank ones, comments and the preprocessor's apart" {
  [ "$(grep -vc -e '^$' -e '^#' -e '^/\*' "$HERE/apply_async.c")" -le 25 ]
}

@test "pkg-config, shared" {
  # shellcheck disable=SC2046
  "$CC" -Wall -Werror -o program "$HERE/apply_async.c" $(flags --cflags --libs)
  needed program | grep -qx 'libgrain\.so\.0\.1'
  [[ $(needed program) != *omp* ]] # that is the library's own business
  check ./program # it knows where the library lies
}

@test "pkg-config, static" {
  # The linker prefers a shared library of the same name: the archive is asked for by its file's name.
  # shellcheck disable=SC2046
  "$CC" -Wall -Werror -o program "$HERE/apply_async.c" $(flags --static --cflags --libs | sed 's/-lgrain/-l:libgrain.a/')
  [[ $(needed program) != *libgrain* ]]
  check ./program
}

cmake_build() {
  cmake -G Ninja -S "$HERE" -B . -DCMAKE_C_COMPILER="$CC" -DCMAKE_PREFIX_PATH="$PREFIX" "$@"
  cmake --build .
}

@test "find_package, shared: five lines of CMake" {
  [ "$(wc -l <"$HERE/CMakeLists.txt")" -eq 5 ]
  cmake_build
  needed apply_async | grep -qx 'libgrain\.so\.0\.1'
  check ./apply_async
}

@test "find_package, static" {
  cmake_build -DWANTED=static
  [[ $(needed apply_async) != *libgrain* ]]
  check ./apply_async
}

# A project that has grain as a folder: no C++ compiler is asked for, and nothing of grain is installed with it.
@test "add_subdirectory: the library alone, with the same program" {
  mkdir source
  cat >source/CMakeLists.txt <<TEXT
cmake_minimum_required(VERSION 3.20)
project(consumer C)
set(GRAIN_BUILD_BENCH OFF)
set(GRAIN_BUILD_TESTS OFF)
add_subdirectory($GRAIN_SOURCE grain)
add_executable(apply_async $HERE/apply_async.c)
target_link_libraries(apply_async PRIVATE grain::grain)
TEXT
  CXX=/nonexistent cmake -G Ninja -S source -B build -DCMAKE_C_COMPILER="$CC"
  cmake --build build --target apply_async
  check build/apply_async
  foreign build/grain/impl/libgrain.a >names
  [ ! -s names ]
  cmake --install build --prefix installed
  [ -z "$(find installed -type f 2>/dev/null)" ]
}

@test "find_package: another version is refused, in CMake's own words" {
  mkdir source && sed 's/grain 0.1/grain 0.2/' "$HERE/CMakeLists.txt" >source/CMakeLists.txt
  run cmake -G Ninja -S source -B build -DCMAKE_C_COMPILER="$CC" -DCMAKE_PREFIX_PATH="$PREFIX"
  [ "$status" -ne 0 ]
  [[ $output == *'requested version "0.2"'* ]]
}

@test "nothing that was installed knows where it was built or installed" {
  run grep -rlE "$BATS_FILE_TMPDIR|$GRAIN_SOURCE" "$PREFIX" --include='*.pc' --include='*.cmake' --include='*.h' --include='*.3'
  [ -z "$output" ]
}

# Global names that a library defines, but for its functions and the nodes of its symbols' versions.
foreign() { nm -g --defined-only "$1" | awk 'NF == 3 && $3 !~ /^grain_/ && !($2 == "A" && $3 ~ /^GRAIN_/)'; }

@test "neither library has a global name that does not begin with grain_" {
  local kind
  for kind in a so; do
    foreign "$(find "$PREFIX" -name libgrain.$kind)" >names
    [ ! -s names ]
  done
  [ "$(nm -g --defined-only "$(find "$PREFIX" -name libgrain.a)" | grep -c ' T grain_')" -ge 50 ]
}

# Names that an archive of the build tree defines for others.
names_of() { nm -g --defined-only "$(find "$GRAIN_BINARY" -name "$1")" | awk 'NF == 3 { print $3 }' | sort -u; }

@test "no kernel is in the libraries, and no backend that is only measured" {
  local kind archive
  for archive in libgrain_kernels.a libgrain_own.a; do names_of $archive >names.$archive; done
  [ "$(wc -l <names.libgrain_kernels.a)" -ge 8 ]
  grep -qx own_null names.libgrain_own.a
  for kind in a so; do
    nm --defined-only "$(find "$PREFIX" -name libgrain.$kind)" | awk 'NF == 3 { print $3 }' | sort -u >names
    grep -q '^grain_map\(@\|$\)' names
    for archive in libgrain_kernels.a libgrain_own.a; do [ -z "$(comm -12 names names.$archive)" ]; done
  done
}

# Names that the library uses inside, and a program may use as well.
@test "a program with names of its own links the static library" {
  cat >names.c <<'TEXT'
int pool_enter(void); int job_run(void); int ring_take(void); int team_work(void); int refuse(void);
int pool_enter(void) { return 1; }
int job_run(void) { return 2; }
int ring_take(void) { return 3; }
int team_work(void) { return 4; }
int refuse(void) { return 5; }
TEXT
  # shellcheck disable=SC2046
  "$CC" -Wall -Werror -o program "$HERE/apply_async.c" names.c $(flags --static --cflags --libs | sed 's/-lgrain/-l:libgrain.a/')
  check ./program
}

@test "loaded, used on every backend, closed, and again: it stays, and nothing crashes" {
  # shellcheck disable=SC2046
  "$CC" -Wall -Wextra -Werror -o program "$HERE/unload.c" $(flags --cflags) -ldl
  run timeout 60 ./program "$(find "$PREFIX" -name libgrain.so)"
  [ "$status" -eq 0 ]
  [ -z "$output" ]
}

# The stated minimum. On a newer C library, functions that were there before have newer versions: libpthread and libdl
# became part of it with 2.34, the family of stat with 2.33, and 2.38 reads binary numbers.
@test "it needs no function that is newer than the C library that grain.h states" {
  local least
  least=$(sed -n 's/^ \* Linux .*glibc \(2\.[0-9]*\) or newer.*/\1/p' "$PREFIX/include/grain.h")
  [ -n "$least" ]
  objdump -T "$(find "$PREFIX" -name libgrain.so)" | sed -n 's/.*GLIBC_\(2\.[0-9]*\)[^ ]* *\([a-z_A-Z0-9]*\)$/\1 \2/p' |
    sort -u >needed
  [ "$(wc -l <needed)" -ge 30 ]
  awk -v least="${least#2.}" '{ minor = substr($1, 3) + 0 } minor > least &&
    $2 !~ /^(dl(open|sym|close|error)|__pthread_(register_cancel|unregister_cancel|unwind_next)|pthread_(create|detach|join|once|condattr_setclock|kill|self|key_.*|[gs]etspecific|mutex.*|attr_.*|tryjoin_np|timedjoin_np|setname_np|getattr_np|[gs]etaffinity_np|cond.*|sigmask|exit|cancel|testcancel|setcancel.*|atfork)|[lf]?stat(64|at)?(64)?|__isoc23_.*)$/' needed >newer
  cat newer
  [ ! -s newer ]
}

@test "the shared library exports the functions of grain.h, and nothing else" {
  local lib
  lib=$(find "$PREFIX" -name libgrain.so)
  [ "$(readelf -d "$lib" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')" = libgrain.so.0.1 ]
  nm -D --defined-only "$lib" | awk '$2 != "A" { print $3 }' >versioned
  run grep -v '@@GRAIN_0\.1$' versioned
  [ "$status" -eq 1 ]
  sed 's/@.*//' versioned | sort >exported
  grep -oE '^GRAIN_(API|SIZED).*' "$PREFIX/include/grain.h" | grep -o 'grain_[a-z_]*(' | tr -d '(' | sort >declared
  [ "$(wc -l <declared)" -ge 50 ]
  [ -z "$(comm -23 exported declared)" ]
  # What is declared and defined is exported.
  nm --defined-only "$(find "$PREFIX" -name libgrain.a)" | awk '$2 == "T" { print $3 }' | sort >defined
  [ -z "$(comm -12 declared defined | comm -23 - exported)" ]
}

# A header whose structs that may grow have another field, or lack their last one.
header_of() { # newer|older
  mkdir -p "$1"
  perl -0pe 's{/\*.*?\*/}{}gs' "$PREFIX/include/grain.h" | awk -v kind="$1" '
    /^struct grain_(pool_options|call_options|process_options|pool_stats) \{/ { inside = 1; n = 0 }
    inside { lines[++n] = $0; if (!/^};/) next
      for (i = 1; i <= n; i++) if (lines[i] ~ /;/ && i < n) last = i
      for (i = 1; i <= n; i++) {
        if (kind == "newer" && i == n) print "    uint64_t later;"
        if (!(kind == "older" && i == last && lines[i] !~ /struct_size/)) print lines[i]
      }
      inside = 0; next }
    { print }' >"$1/grain.h"
}

@test "a program of another version: what it does not know is 0, what the library does not know is refused" {
  header_of newer
  header_of older
  [ "$(grep -c 'uint64_t later;' newer/grain.h)" -eq 4 ]
  [ "$(($(wc -l <newer/grain.h) - $(wc -l <older/grain.h)))" -eq 7 ] # a field more in four, one less in three
  local kind flags
  flags=$(flags --libs)
  for kind in newer older same; do
    # shellcheck disable=SC2086
    "$CC" -std=c11 -Wall -Wextra -Wpedantic -Werror "-D${kind^^}" -o $kind.program -I$kind -I"$PREFIX/include" "$HERE/sizes.c" $flags
    check_silent ./$kind.program
  done
}

check_silent() { # PROGRAM
  local backend
  for backend in fork pthread; do
    run env GRAIN_BACKEND=$backend timeout 60 "$1"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
  done
}

@test "every function has a page of the manual" {
  local name
  while read -r name; do
    grep -qx '.so man3/grain.3' "$PREFIX/share/man/man3/$name.3"
  done < <(grep -o '^GRAIN_API.*' "$PREFIX/include/grain.h" | grep -o 'grain_[a-z_]*(' | tr -d '(')
  command -v man >/dev/null || skip "no man"
  MANPATH=$PREFIX/share/man man grain_map >page 2>/dev/null || skip "this man cannot format"
  grep -q 'grain_starmap' page
}

@test "the installed command draws with the installed figures, and finds grain-bench and cpython.py" {
  [ -x "$PREFIX/bin/grain" ] || skip "built without the command"
  command -v gnuplot >/dev/null || skip "no gnuplot"
  "$PREFIX/bin/grain" --version
  [ -x "$PREFIX/bin/grain-bench" ]
  [ -f "$PREFIX/share/grain/cpython.py" ]
  cp -r "$GRAIN_SOURCE/tests/plots/fixture" dir
  "$PREFIX/bin/grain" plot dir
  [ -s dir/figures/fig_chunk.svg ]
  # It was not the source tree's: without the installed one, there is no such figure.
  mkdir kept && mv "$PREFIX/share/grain/plots/fig_chunk.gp" kept/
  run "$PREFIX/bin/grain" plot dir
  mv kept/fig_chunk.gp "$PREFIX/share/grain/plots/"
  [ "$status" -ne 0 ]
}
