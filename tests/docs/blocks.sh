#!/bin/sh
# SPDX-License-Identifier: MIT
#
# blocks.sh HEADER: checks that every function of the public header has a comment block of its own, right above it, with
# `thread:`, and with `return:` unless it returns nothing; and that every function is exported. Prints one line a breach;
# exit code 1 when there is one.
exec awk '
  function breach(text) { print FILENAME ":" FNR ": " text; breaches++ }

  /^\/\*/ { in_block = 1; block = 0; delete has }
  in_block {
    if (match($0, /^ \* [a-z]+: /)) has[substr($0, 4, RLENGTH - 5)] = 1
    if (/\*\/$/) { in_block = 0; block = FNR }
    next
  }

  # Told sizes by macros: one block for all of them.
  /^GRAIN_SIZED .*_sized\(/ { next }

  # A declaration begins in the first column; types go on with typedef or struct ... {.
  /^[A-Za-z].*grain_[a-z_]+\(/ && !/^typedef/ && !/^#/ {
    match($0, /grain_[a-z_]+\(/)
    name = substr($0, RSTART, RLENGTH - 1)
    functions++
    if (!/^GRAIN_API /) breach(name ": without GRAIN_API it is not exported")
    if (block != FNR - 1) { breach(name ": no comment block of its own right above"); next }
    if (!has["thread"]) breach(name ": its block has no `thread:`")
    returns = $0 !~ /^(GRAIN_API )?void grain/
    if (returns && !has["return"]) breach(name ": its block has no `return:`")
    if (!returns && has["return"]) breach(name ": returns nothing, and its block has `return:`")
  }
  END {
    if (functions < 50) { print FILENAME ": only " functions " functions were found"; breaches++ }
    exit breaches > 0
  }
' "$1"
