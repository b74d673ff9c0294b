#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# mutants.sh CC MODEL_DIR IMPL_DIR SOURCE...: breaks a copy of the team's code in one place at a time and demands that
# the model test finds every break. A mutant is an awk or sed edit that has to change its file; one that changes nothing
# is a failure too, because then the code has moved on without it. Each numbered fence (inject.h) is a mutant too: a
# compiler flag leaves it out.
set -euo pipefail
export LC_ALL=C.UTF-8
cc=$1 tests=$2 impl=$3
shift 3
sources=("$@")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

flags=(-std=c11 -D_GNU_SOURCE -DGRAIN_INJECT -DSTEAL_PACE_FIRST=3 -DTHIEF_PAUSES=1 -DTHIEF_LINGER_NS=0
  -DPATIENCE_TURNS=1 -O2 -U_FORTIFY_SOURCE -w)

# The driver is the same in all mutants; the structures it sees are too.
build_driver() {
  local file
  for file in "$tests"/model*.c; do
    "$cc" "${flags[@]}" -I"$impl" -c "$file" -o "$work/driver_$(basename "$file" .c).o" &
  done
  wait
}

# What did not change is compiled once.
build_team() { # TREE OBJECTS [FILE]: all sources, or the one that was changed
  local source
  mkdir -p "$2"
  for source in "${@:3}"; do
    "$cc" "${flags[@]}" -I"$1" -include "$tests/model_atomic.h" -c "$1/$source" -o "$2/${source//\//_}.o"
  done
}

mutant() { # NAME FILE EDIT...: EDIT is a command that reads the file's text and writes the broken one
  local name=$1 file=$2 status=0
  shift 2
  rm -rf "$work/impl" "$work/mutant"
  cp -r "$impl" "$work/impl"
  "$@" <"$impl/$file" >"$work/impl/$file"
  if cmp -s "$impl/$file" "$work/impl/$file"; then
    echo "$name: the edit changes nothing in $file"
    failed=1
    return
  fi
  cp -r "$work/team" "$work/mutant"
  case $file in
  *.h) build_team "$work/impl" "$work/mutant" "${sources[@]}" ;;
  *) build_team "$work/impl" "$work/mutant" "$file" ;;
  esac
  "$cc" "$work"/driver_*.o "$work"/mutant/*.o -o "$work/model" -pthread
  timeout 100 "$work/model" "${lists[@]}" >"$work/out" 2>&1 || status=$?
  judge "$name" "$status"
}

judge() { # NAME STATUS
  if [ "$2" -eq 1 ] && grep -q FAILED "$work/out"; then
    echo "$1: found: $(sed -n 's/.* kills, \(store buffers, [^,]*, \)\{0,1\}\(.*\):$/\2/p' "$work/out" | head -n 1)"
  else
    echo "$1: NOT FOUND (exit code $2)"
    tail -n 3 "$work/out"
    failed=1
  fi
}

# FENCE(n) alone: FENCE_AFTER_RMW(n) is nothing on x86.
fence_mutants() {
  local n status fences
  mapfile -t fences < <(cat "$impl"/team/*.[ch] "$impl"/job/*.[ch] "$impl"/backend/*.[ch] \
    "$impl"/backend/fork/*.[ch] | grep -oE '\bFENCE\([0-9]+\)' | grep -oE '[0-9]+' | sort -nu)
  [ "${#fences[@]}" -gt 0 ] || failed=1
  for n in "${fences[@]}"; do
    status=0
    rm -rf "$work/mutant"
    flags+=("-DGRAIN_NO_FENCE=$n")
    build_team "$impl" "$work/mutant" "${sources[@]}"
    unset 'flags[-1]'
    "$cc" "$work"/driver_*.o "$work"/mutant/*.o -o "$work/model" -pthread
    timeout 100 "$work/model" buffers beside >"$work/out" 2>&1 || status=$?
    judge "fence F$n left out" "$status"
  done
}

# Within FUNCTION only: a compare-and-swap becomes a store that always succeeds.
swap_to_store() { # FUNCTION
  awk -v function_name="$1" '
    $0 ~ "^[a-z].*[ *]" function_name "\\(" { inside = 1 }
    /^}/ { inside = 0 }
    inside { text = text $0 "\n"; next }
    { if (text != "") { printf "%s", broken(text); text = "" } print }
    function broken(body,    at, rest, head, depth, i, c, part, parts, args) {
      if (!match(body, /atomic_compare_exchange_(weak|strong)_explicit\(/)) return body
      head = substr(body, 1, RSTART - 1)
      rest = substr(body, RSTART + RLENGTH)
      depth = 1; parts = 1; args[1] = ""
      for (i = 1; depth > 0; i++) {
        c = substr(rest, i, 1)
        if (c == "(") depth++
        if (c == ")") depth--
        if (c == "," && depth == 1) { parts++; args[parts] = ""; continue }
        if (depth > 0) args[parts] = args[parts] c
      }
      return head "(atomic_store_explicit(" args[1] "," args[3] ", memory_order_release), true)" substr(rest, i)
    }'
}

# Within FUNCTION only: the lines that match the two patterns change places.
lines_swapped() { # FUNCTION FIRST SECOND
  awk -v function_name="$1" -v first="$2" -v second="$3" '
    $0 ~ "^[a-z].*[ *]" function_name "\\(" { inside = 1 }
    /^}/ { inside = 0 }
    { lines[NR] = $0 }
    inside && !a && $0 ~ first { a = NR }
    inside && !b && $0 ~ second { b = NR }
    END {
      if (a && b) { kept = lines[a]; lines[a] = lines[b]; lines[b] = kept }
      for (i = 1; i <= NR; i++) print lines[i]
    }'
}

build_driver
build_team "$impl" "$work/team" "${sources[@]}"

"$cc" "$work"/driver_*.o "$work"/team/*.o -o "$work/model" -pthread
"$work/model" quick || {
  echo "the model finds a fault in the code as it is"
  exit 1
}
lists=(quick more)
mutant "a front taken by a plain store" sched/steal.c swap_to_store steal_take_front
mutant "a half taken by a plain store" sched/steal.c swap_to_store steal_take_half
mutant "a ticket taken by a plain store" team/ring.c swap_to_store ring_take
mutant "a guided claim by a plain store" sched/claim.c swap_to_store claim_guided
mutant "what is given back published before it is let go" team/piece.c lines_swapped piece_interrupted \
  'slot->end, cut' 'steal_put\('
mutant "what is given back kept as well" team/piece.c sed '/slot->end, cut/d; s/return cut \* chunk;/return end;/'
mutant "chunks marked before the slot names them" team/piece.c lines_swapped piece_run 'slot->begin, begin' \
  'chunks_mark_done\('
mutant "chunks marked after the slot forgot them" team/piece.c lines_swapped piece_run 'chunks_mark_done\(' \
  'slot->begin, NO_PIECE'
mutant "a piece's begin stored before its end" team/piece.c lines_swapped piece_run 'slot->end, end' \
  'slot->begin, begin'
mutant "a ticket taken before it is announced" team/worker.c lines_swapped ticket_from_ring 'TICKET_TENTATIVE' \
  'ring_take\('
mutant "the last part's bit set without looking" team/complete.c \
  sed 's/return bits == full_word(parts, word) \&\& /return /'
mutant "orphans left alone" team/complete.c sed 's/^ *orphans_run(worker, job, ticket);$/;/'
mutant "a replacement that runs the task again" team/recover.c sed 's/begin = after;/begin = at;/'
mutant "a replacement that tries again without end" team/recover.c sed 's/used >= job_retries(job, at)/false/'
mutant "a replacement that does not count tries" team/recover.c sed 's/slot->tries, used + 1/slot->tries, 1/'
mutant "a replacement that tries again and moves on" team/recover.c sed 's/^ *after = at;/;/'
mutant "a replacement that trusts the next job's bits" team/recover.c sed '/what was just read may be/,+1d'
mutant "a ring of two taken from as if alone" team/worker.c sed 's/workers == 1/workers <= 2/'
mutant "a single's cursor not cleared" team/worker.c sed '/^ *job_set_index(&slot->ctx, NO_TASK);$/d'
mutant "a single finished before it is run" team/single.c lines_swapped single_do 'job_run_one\(' 'single_finish\('
mutant "a replacement that runs a single again" team/single.c sed 's/job_index(&slot->ctx) == NO_TASK/true/'
mutant "a replacement that trusts the next single's state" team/single.c sed '/ticket_is_current(/,+1d'
mutant "a failure counted once more by each replacement" job/fail.c sed 's/outcome->counting == error->index + 1/false/'
mutant "a retired worker that reports its part" team/part.c sed 's/return !is_cut;/return true;/'
mutant "a retired worker that forgets its ticket" team/part.c sed '/part_work(worker, ticket))/,+1d; s/^    if (ticket_is_single(ticket))$/    if (!ticket_is_single(ticket)) part_work(worker, ticket); else/'
mutant "a replacement that does not wait for who may have the ticket" team/recover.c \
  sed 's/others = OTHERS_MAY_HAVE/others = OTHERS_HAVE_NOT/'
mutant "two replacements that adopt one ticket" team/recover.c sed 's/return seen == mine;/return true;/'
mutant "a replacement that was adopting and forgets it" team/recover.c sed 's/return seen == mine;/return false;/'
mutant "a replacement that looks unmarked" team/recover.c \
  sed 's/ticket | TICKET_TENTATIVE | TICKET_LOOKING/ticket | TICKET_TENTATIVE/'
mutant "a replacement that adopts what lies in a ring" team/recover.c sed '/is_in_a_ring(team, ticket))/,+1d'
mutant "a replacement that forgets the ticket it keeps" team/recover.c sed '/^ *if (is_over)$/d'
lists=(buffers)
mutant "a lock dropped by a plain store, without a fence" team/submit_one.c \
  sed 's/lock_drop(&front->lock);/__atomic_signal_fence(__ATOMIC_SEQ_CST);/'
lists=(beside)
mutant "bits of a job that has ended taken back by a plain store" team/submit.c swap_to_store parts_release
mutant "a lent slot's worker goes on when it is woken" team/loop.c sed 's/if (seen != SLOT_LENT)/if (true)/'
mutant "a slot borrowed by a plain store" team/lend.c swap_to_store slot_borrow
mutant "a slot given back before the part is over" team/join.c \
  sed 's/^    while (job_guard(join_run, &join))$/    slot_give_back(team, id);\n&/'
mutant "a borrower that does not look into its ring" team/lend.c \
  sed 's/if (ring_has_next(&team->slots\[slot\].ring))/if (false)/'
mutant "a slot given back without a look at the rings" team/lend.c sed 's/team_is_anything_queued(team) ||/false ||/'
mutant "a slot given back without a look at the phase" team/lend.c sed 's/!= TEAM_RUN)/!= TEAM_RUN \&\& false)/'
mutant "a caller whose own ticket is pushed too" team/submit.c sed 's/if (part == own)/if (false)/'
mutant "a caller that begins while everybody sleeps" team/submit.c sed 's/^        part_wake(front, job, looking > 0);$/        ;/'
mutant "a call that ends and tells nobody" job/job.h sed 's/^    if (watch)$/    if (false)/'
mutant "a call that is told only when the next one has run" job/run.c sed 's/if (i > begin)/if (false)/'
mutant "a job that tells only who sleeps on it" team/wake.c sed 's/if (whom > AWAITED)/if (false)/'
fence_mutants
[ "$failed" -eq 0 ]
