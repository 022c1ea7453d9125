#!/usr/bin/env bash
# Is this commit worse than that one? Builds both, measures them in turns on this machine, and compares: `ci-compare.sh --help` says how.
# By default only figures that are the same on every run decide, so that neighbours on a shared machine raise no alarm.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

help() {
  cat <<'END'
scripts/ci-compare.sh BASE_REF [NEW_REF] [options]

Builds BASE_REF and NEW_REF in git worktrees of their own, runs the matrix of NEW with each build in turns, and compares. NEW_REF is HEAD by
default: what is committed.

  --matrix FILE         the matrix, looked for in NEW's sources, then here [default: bench/ci.yml]
  --filter GLOB         only cells whose id matches
  --rounds N            rounds of each build [default: 3; with --gate timed or all 10]
  --gate GATE           which figures decide: counted (the same on every run), timed, all [default: counted]
  --min-effect 3%       the least change of a timed or load-dependent figure that matters
  --no-confirm          with --gate timed or all: do not measure again what seems to have changed
  --results DIR         where runs and verdicts go; it must not hold a comparison yet [default: results/raw/ci-<date>]
  --base-program PATH   a harness that is built already, in place of BASE_REF
  --new-program PATH    the same for NEW; with both, no reference is given and nothing is built
  --help                this

DIR/base and DIR/new hold the runs, DIR/compare.json, DIR/compare.md and DIR/junit.xml the verdicts, and the Markdown also goes to
$GITHUB_STEP_SUMMARY where that is set. Only the rounds are kept; worktrees and builds are removed, also after an interrupt.

Exit codes are those of harness compare: 0 nothing is worse, 3 something is, 77 nothing could be judged, 2 bad usage, 1 failed.
END
}

die() { echo "ci-compare.sh: $1" >&2; exit "${2:-1}"; }

# Reads the command line into variables; whatever it cannot be is one line.
parse() {
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) help; exit 0 ;;
      --no-confirm) confirm=0; shift; continue ;;
      --matrix | --filter | --rounds | --gate | --min-effect | --results | --base-program | --new-program)
        [[ $# -ge 2 && -n $2 ]] || die "$1 needs a value (--help explains)" 2
        case $1 in
          --matrix) matrix=$2 ;;
          --filter) filter=$2 ;;
          --rounds) rounds=$2 ;;
          --gate) gate=$2 ;;
          --min-effect) min_effect=$2 ;;
          --results) results=$2 ;;
          --base-program) base_program=$2 ;;
          --new-program) new_program=$2 ;;
        esac
        shift 2
        continue
        ;;
      -*) die "unknown option '$1' (--help explains)" 2 ;;
    esac
    refs+=("$1")
    shift
  done
}

check() {
  case $gate in counted | timed | all) ;; *) die "unknown gate '$gate'; legal: counted, timed, all" 2 ;; esac
  if [[ -n $rounds && ! $rounds =~ ^[1-9][0-9]{0,2}$ ]]; then die "--rounds: '$rounds' is not a number of rounds from 1 to 999" 2; fi
  if [ -n "$base_program$new_program" ]; then
    [[ -n $base_program && -n $new_program ]] || die "--base-program and --new-program go together" 2
    [ ${#refs[@]} -eq 0 ] || die "with programs there is nothing to build; leave '${refs[0]}' away" 2
    base_program=$(executable --base-program "$base_program")
    new_program=$(executable --new-program "$new_program")
  else
    git -C "$root" rev-parse --git-dir >/dev/null 2>&1 || die "'$root' is no git checkout, so there are no commits to build; give --base-program and --new-program" 2
    [ ${#refs[@]} -ge 1 ] || die "against which commit? BASE_REF is missing (--help explains)" 2
    [ ${#refs[@]} -le 2 ] || die "unexpected '${refs[2]}' (--help explains)" 2
    base_commit=$(commit "${refs[0]}")
    new_commit=$(commit "${refs[1]:-HEAD}")
  fi
  if [ -d "$results/base" ] || [ -d "$results/new" ]; then die "'$results' holds a comparison already; give another folder with --results" 2; fi
}

# executable OPTION PATH: the same path from the root.
executable() {
  [[ -x $2 && ! -d $2 ]] || die "$1: '$2' is not an executable" 2
  echo "$(cd "$(dirname "$2")" && pwd)/$(basename "$2")"
}

# The full hash of a reference. A CI checkout may know the branch only by its remote name.
commit() {
  git -C "$root" rev-parse --verify --quiet "$1^{commit}" || git -C "$root" rev-parse --verify --quiet "origin/$1^{commit}" ||
    die "there is no commit '$1' here; in a shallow clone fetch it first (git fetch origin $1)" 2
}

# Finds the SDK and tells the built programs where their runtime lies, since that is not always where they would look.
find_dotnet() {
  local place
  if ! command -v dotnet >/dev/null && [ -x "${HOME:-}/.dotnet/dotnet" ]; then PATH=$PATH:$HOME/.dotnet; fi
  command -v dotnet >/dev/null || die "needs the .NET 10 SDK: no dotnet in PATH; https://dotnet.microsoft.com/download/dotnet/10.0"
  place=$(dirname "$(readlink -f "$(command -v dotnet)")")
  if [ -z "${DOTNET_ROOT:-}" ] && [ -d "$place/shared" ]; then export DOTNET_ROOT=$place; fi
}

# build SIDE COMMIT: the program of a commit, from sources of its own. Sets program.
build() {
  local tree=$work/$1
  echo "building $1, ${2:0:10} ..." >&2
  git -C "$root" worktree add --quiet --detach "$tree" "$2" >&2
  (cd "$tree" && "$root/scripts/build.sh" src/Harness/Harness.csproj) || die "$1 (${2:0:10}) does not build; its messages are above"
  program=$tree/src/Harness/bin/Release/net10.0/harness
}

# The matrix as NEW has it, for both builds.
find_matrix() {
  local place
  for place in "$work/new/$matrix" "$matrix" "$root/$matrix"; do
    if [ -f "$place" ]; then
      mkdir -p "$work/matrix"
      cp "$place" "$work/matrix/"
      matrix=$work/matrix/$(basename "$matrix")
      return
    fi
  done
  die "there is no matrix '$matrix', neither in NEW's sources nor here; give one with --matrix FILE" 2
}

# measure SIDE PROGRAM ROUND: one round. A cell that fails is in the records, and the comparison says so.
measure() {
  local status=0
  echo "round $3 of $rounds: $1" >&2
  "$2" run "$matrix" ${filter:+--filter "$filter"} --rounds 1 --results "$results/$1" >/dev/null 2>"$work/said" || status=$?
  grep -v -e '^warning: ' -e '^[0-9]*/[0-9]* ' "$work/said" >&2 || true
  case $status in
    0 | 1 | 77) [ -n "$(find "$results/$1" -name run.json 2>/dev/null | head -n 1)" ] || die "$1's build did not measure anything; its message is above" ;;
    2) die "$1's build cannot run the matrix of NEW ($(basename "$matrix")); its message is above: give a matrix that both know with --matrix FILE" 2 ;;
    *) die "$1's build ended with exit code $status in round $3" ;;
  esac
}

compare() {
  local status=0 options=(--gate "$gate" ${min_effect:+--min-effect "$min_effect"})
  if [ "$gate" != counted ] && [ "$confirm" = 1 ]; then
    options+=(--confirm --base-program "$base_program" --new-program "$new_program" --results "$results/confirm")
  fi
  "$new_program" compare "$results/base" "$results/new" "${options[@]}" \
    --json "$results/compare.json" --markdown "$results/compare.md" --junit "$results/junit.xml" || status=$?
  if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f "$results/compare.md" ]; then cat "$results/compare.md" >>"$GITHUB_STEP_SUMMARY"; fi
  echo "results: $results" >&2
  return "$status"
}

# shellcheck disable=SC2317 # called by the trap
clean() {
  local side
  trap - EXIT
  trap '' INT TERM
  for side in base new; do
    if [ -e "$work/$side/.git" ]; then git -C "$root" worktree remove --force "$work/$side" 2>/dev/null || true; fi
  done
  rm -rf "$work"
  git -C "$root" worktree prune 2>/dev/null || true
}

refs=() matrix=bench/ci.yml filter='' rounds='' gate=counted min_effect='' confirm=1 base_program='' new_program='' program='' base_commit='' new_commit=''
results=$root/results/raw/ci-$(date -u +%Y-%m-%dT%H%M%S)
parse "$@"
check
if [ -z "$rounds" ]; then if [ "$gate" = counted ]; then rounds=3; else rounds=10; fi; fi
find_dotnet
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=0
export DOTNET_CLI_UI_LANGUAGE=en MSBUILDTERMINALLOGGER=off
# Nothing may stay behind to disturb a measurement: no build nodes, no build server.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0

work=$(mktemp -d)
trap clean EXIT
trap 'die "interrupted, so there is no verdict; what was measured, if anything, is in $results"' INT TERM
# Whatever the build and the cells leave behind goes with it.
mkdir "$work/tmp"
export TMPDIR=$work/tmp
if [ -z "$new_program" ]; then
  build base "$base_commit"
  base_program=$program
  build new "$new_commit"
  new_program=$program
fi
find_matrix
mkdir -p "$results"
for ((round = 1; round <= rounds; round++)); do
  # Which build goes first changes from round to round, so that neither always has the quieter moment.
  if ((round % 2)); then sides=(base new); else sides=(new base); fi
  for side in "${sides[@]}"; do
    if [ "$side" = base ]; then measure base "$base_program" "$round"; else measure new "$new_program" "$round"; fi
  done
done
compare
