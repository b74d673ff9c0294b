#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# walks.sh PAGE TREE: checks the walks through the library that PAGE describes, in blocks that begin with ```walk. A hop
# is a line `FUNCTION FILE what it does`, indented below its caller; `~` in front: on another thread or in another
# process, which is reached by no call. Each function has to be defined in that file under TREE/impl, and its caller has
# to name it, or the backend's hook of that name. The last line of a block, `N stays in M files, R returns`, counts how often
# the walk enters a file, and how often one that it had left. Prints one line per breach; exit code 1 when there is one.
set -euo pipefail
export LC_ALL=C
page=$1
tree=$2
breaches=0
breach() {
  echo "$page: $*"
  breaches=$((breaches + 1))
}

# The function's definition, to its closing brace.
body() { # FILE FUNCTION
  [ ! -f "$tree/impl/$1" ] || awk -v name="$2" '
    !inside && $0 ~ "^[a-z_].*[ *(]" name "\\)?\\(" { inside = 1; text = "" }
    inside { text = text $0 "\n" }
    inside && /;$/ && text !~ /\{/ { inside = 0 }
    inside && /^\}/ { printf "%s", text; exit }' "$tree/impl/$1"
}

walks=0 hops=0
# By depth, what the hops above consist of.
declare -A bodies
check_hop() { # DEPTH MARK FUNCTION FILE
  local depth=$1 mark=$2 function=$3 file=$4 above hook
  hops=$((hops + 1))
  bodies[$depth]=$(body "$file" "$function")
  if [ -z "${bodies[$depth]}" ]; then
    breach "walk $walks: no $function in impl/$file"
    return
  fi
  [ "$mark" != '~' ] && [ "$depth" -gt 0 ] || return 0
  above=${bodies[$((depth - 1))]-}
  hook=${function#*_}
  grep -qE "\b$function\b|->$hook\b" <<<"${above#*\{}" || breach "walk $walks: $function is not called by the hop above it"
}

in_walk=false files='' stays=0 last=''
while IFS= read -r line; do
  case $line in
  '```walk')
    in_walk=true walks=$((walks + 1)) files='' stays=0 last=''
    continue
    ;;
  '```') in_walk=false ;;
  esac
  $in_walk || continue
  if [[ $line =~ ^[0-9]+\ stays ]]; then
    count=$(sort -u <<<"$files" | grep -c .)
    counted="$stays stays in $count files, $((stays - count)) returns"
    [ "$line" = "$counted" ] || breach "walk $walks: it is $counted"
  elif [[ $line =~ ^(\ *)(~?)\ ?([a-z_0-9]+)\ +([a-z_/0-9]+\.[ch])(\ |$) ]]; then
    [ "${BASH_REMATCH[4]}" = "$last" ] || stays=$((stays + 1))
    last=${BASH_REMATCH[4]} files+=$last$'\n'
    check_hop $((${#BASH_REMATCH[1]} / 2)) "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}" "${BASH_REMATCH[4]}"
  elif [ -n "$line" ]; then
    breach "walk $walks: not a hop: $line"
  fi
done <"$page"
if [ "$walks" -lt 2 ] || [ "$hops" -lt 20 ]; then breach "only $walks walks, of $hops hops"; fi
[ "$breaches" -eq 0 ]
