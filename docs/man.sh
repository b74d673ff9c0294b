#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Writes the manual page grain(3), in mdoc, from impl/grain.h to standard output:
#   docs/man.sh >docs/grain.3
# The header's first comment becomes the description, everything up to the first function the types, each heading
# (a comment that begins with dashes) a section, and each function's block its entry.
set -eu
export LC_ALL=C
header=$(dirname "$0")/../impl/grain.h

exec awk '
  # Text as mdoc takes it: no escapes of its own, nothing at the start of a line that is a request.
  function escape(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    gsub(/\\-E/, "\\%\\-E", text) # the names of errors are not hyphenated
    return text ~ /^[.\047]/ ? "\\\\\\&" text : text
  }
  function say(text) { print escape(text) }

  # Running text: a line a sentence, and none too long.
  function flow(text,    words, n, i, line) {
    n = split(text, words, / +/)
    for (i = 1; i <= n; i++) {
      if (words[i] == "") continue
      if (line != "" && length(line) + length(words[i]) > 75) { say(line); line = "" }
      line = line == "" ? words[i] : line " " words[i]
      if (words[i] ~ /[.?!]\)?$/ && words[i] !~ /^\.+$/ ) { say(line); line = "" }
    }
    if (line != "") say(line)
  }

  # The lines of a block comment without its frame.
  function bare(line) {
    sub(/^\/\* /, "", line)
    sub(/ *\*\/$/, "", line)
    sub(/^ \* ?/, "", line)
    return line
  }

  # "int grain_x(const char *name, int n)": type, name and parameters as mdoc macros.
  function prototype(text,    name, type, list, n, i, parts) {
    match(text, /grain_[a-z_]+\(/)
    type = substr(text, 1, RSTART - 1)
    name = substr(text, RSTART, RLENGTH - 1)
    list = substr(text, RSTART + RLENGTH)
    sub(/\).*/, "", list)
    sub(/ $/, "", type)
    print ".Ft \"" type "\""
    print ".Fo " name
    n = split(list, parts, /, */)
    for (i = 1; i <= n; i++) print ".Fa \"" parts[i] "\""
    print ".Fc"
    names[++count] = name
    return name
  }

  # What a function does, then its fields as a list.
  function describe(n, lines,    i, in_list, text) {
    for (i = 1; i <= n; i++) {
      if (match(lines[i], /^(shape|units|owns|thread|return|source): /)) {
        flow(text)
        if (!in_list) print ".Bl -tag -width \"return:\" -compact"
        in_list = 1
        print ".It " substr(lines[i], 1, RLENGTH - 1)
        text = substr(lines[i], RLENGTH + 1)
      } else {
        text = text " " lines[i]
      }
    }
    flow(text)
    if (in_list) print ".El"
  }

  # First pass: the names and the description, which stand in front of everything.
  FNR == NR {
    if (/^GRAIN_API/) {
      match($0, /grain_[a-z_]+\(/)
      all[++functions] = substr($0, RSTART, RLENGTH - 1)
    }
    if (FNR > 2 && !head_done) {
      head_done = /\*\//
      head = head " " bare($0)
    }
    next
  }

  FNR == 1 {
    print ".\\\" SPDX-License-Identifier: MIT"
    print ".\\\" Made by docs/man.sh from impl/grain.h: change that, then run it again."
    print ".Dd $Mdocdate$\n.Dt GRAIN 3\n.Os grain\n.Sh NAME"
    for (i = 1; i <= functions; i++) print ".Nm " all[i] (i < functions ? " ," : "")
    print ".Nd pools of workers on processes, threads or OpenMP\n.Sh SYNOPSIS\n.In grain.h"
    print ".Pp\nCompile with\n.Ql $(pkg-config \\-\\-cflags \\-\\-libs grain) .\n.Sh DESCRIPTION"
    flow(head)
  }

  # Types: as they stand in the header.
  /^#define GRAIN_FOREVER/ { print ".Sh TYPES AND CONSTANTS\n.Bd -literal"; in_types = 1 }
  /^\/\* -----/ {
    if (in_types) print ".Ed\n.Sh FUNCTIONS"
    in_types = 0
    title = $0
    gsub(/^\/\* -+ | \*\/$/, "", title)
    print ".Ss " toupper(substr(title, 1, 1)) substr(title, 2)
    is_first = 1
    n = 0
    next
  }
  in_types { say($0); next }

  # A block, the declaration that follows it, or a struct between functions.
  /^\/\*/ { n = 0; in_block = 1 }
  in_block { block[++n] = bare($0); in_block = !/\*\/$/; next }
  /^struct .*\{$/ { print ".Bd -literal"; in_struct = 1; is_first = 0 }
  in_struct { say($0); if (/^\};/) { print ".Ed"; in_struct = 0 } next }
  # Sizes of structs: what the macros do, but not each of them.
  /^#define GRAIN_SIZED/ { describe(n, block); n = 0; next }
  /^#define [a-z_]+\(/ { next }
  # The namespace of C++: what it is for.
  /^namespace grain/ { describe(n, block); n = 0; next }
  /^#define/ && title != "" { print (is_first ? "" : ".Pp\n") ".Dv " $2 "\nis " $3 "."; is_first = 0 }
  /^GRAIN_API/ { declaration = ""; in_declaration = 1; sub(/^GRAIN_API /, "") }
  in_declaration {
    sub(/^ +/, " ")
    declaration = declaration $0
    if (/;$/) {
      in_declaration = 0
      if (!is_first) print ".Pp"
      is_first = 0
      prototype(declaration)
      print ".Bd -filled -offset indent"
      describe(n, block)
      print ".Ed"
      n = 0
    }
  }
  END { print ".Sh SEE ALSO\n.Xr fork 2 ,\n.Xr pthreads 7" }
' "$header" "$header"
