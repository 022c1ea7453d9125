#!/usr/bin/env bash
# Builds what is out of date and runs it: `./run.sh help` says how. Works from any directory; a VERB keeps the caller's.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
harness=$root/src/Harness/bin/Release/net10.0/harness
tests=$root/src/Tests/bin/Release/net10.0/Harness.Tests.dll
stamp=$root/.cache/built

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=0
export DOTNET_CLI_UI_LANGUAGE=en MSBUILDTERMINALLOGGER=off NUGET_XMLDOC_MODE=skip
# Nothing may stay behind to disturb a measurement: no build nodes, no build server.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0

die() { echo "run.sh: $1" >&2; exit "${2:-1}"; }

help() {
  cat <<'END'
Commands to paste:

  ./run.sh                                   build, run the smoke matrix (about three minutes), show its table, draw its latencies
  ./run.sh test                              all tests in their short form; ends with "N passed, N failed, N skipped"
  ./run.sh test Interop Tidy                 only the tests with one of these words in their names
  ./run.sh test --full                       the full numbers; leaves a dated log under results/tests/

  ./run.sh probe                             what this kernel can do, and what in the environment spoils a measurement
  ./run.sh serve --block memory:1G --listen 'nbd+unix:///?socket=/tmp/h.sock' --backend uring
  ./run.sh load 'nbd+unix:///?socket=/tmp/h.sock' --rw mix:70 --depth 64 --duration 3s --backend uring
  ./run.sh run bench/smoke.yml               one matrix into results/
  ./run.sh report RUN                        the report of a run (RUN is a folder below results/): its table, and RUN/report.html
  ./run.sh self-check                        does the gate work on this machine? Twenty comparisons, an hour and a half
  ./run.sh report A B                        two runs beside each other
  scripts/histograms.sh RUN                  RUN/latency.svg, its latencies as one picture

  ./run.sh VERB --help                       every option of a verb
  scripts/setup.sh all                       install what the tests and the picture need (Debian, Ubuntu)

Exit codes: 0 done, 1 failed, 2 bad usage, 3 a regression was found, 4 the machine is unfit under --strict, 77 nothing could run here.
END
}

# Finds the SDK and tells the built program where its runtime lies, since that is not always where the program would look.
find_dotnet() {
  local place
  if ! command -v dotnet >/dev/null; then
    for place in "${DOTNET_ROOT:-}" "${HOME:-}/.dotnet" /usr/share/dotnet /usr/lib/dotnet /usr/local/share/dotnet; do
      if [ -n "$place" ] && [ -x "$place/dotnet" ]; then PATH=$PATH:$place; break; fi
    done
  fi
  command -v dotnet >/dev/null || die "needs the .NET 10 SDK: no dotnet in PATH; https://dotnet.microsoft.com/download/dotnet/10.0"
  place=$(dirname "$(readlink -f "$(command -v dotnet)")")
  if [ -z "${DOTNET_ROOT:-}" ] && [ -d "$place/shared" ]; then export DOTNET_ROOT=$place; fi
}

need_sdk() {
  # A service account may have no home to write to.
  if [ ! -w "${HOME:-/nonexistent}" ]; then
    mkdir -p "$root/.cache/home"
    export HOME=$root/.cache/home DOTNET_CLI_HOME=$root/.cache/home
  fi
  # From the root, where global.json says which SDKs will do.
  (cd "$root" && dotnet --version 2>/dev/null | grep -q '^10\.') ||
    die "needs the .NET 10 SDK, and $(command -v dotnet) has none; https://dotnet.microsoft.com/download/dotnet/10.0"
}

# Name, size and time of every source: a deleted file or an older check-out counts as a change too.
sources() {
  (cd "$root" && find . \( -name .git -o -name bin -o -name obj -o -name node_modules -o -name results -o -name .cache \) -prune -o \
    -type f \( -path './src/*' -o -path './bench/*' -o -name '*.props' -o -name '*.targets' -o -name '*.sln' -o -name global.json -o -name .editorconfig \) \
    -exec stat -c '%n %s %y' {} + | LC_ALL=C sort | cksum)
}

build() {
  local now
  now=$(sources)
  if [ -x "$harness" ] && [ -f "$tests" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$now" ]; then return; fi
  need_sdk
  echo "building ..." >&2
  (cd "$root" && scripts/build.sh Harness.sln) || die "the build failed; its messages are above"
  mkdir -p "$(dirname "$stamp")"
  echo "$now" >"$stamp"
}

# The main job. The newest folder with histograms that the run left is drawn even where the run's exit code carries a verdict.
smoke() {
  local started status=0 run
  "$root/scripts/setup.sh" plot || true
  build
  cd "$root"
  started=$(mktemp)
  "$harness" run bench/smoke.yml || status=$?
  run=$(find results -path '*/hgrm/*.hgrm' -newer "$started" -printf '%T@ %h\n' 2>/dev/null | sort -n | tail -n 1 | cut -d' ' -f2-)
  rm -f "$started"
  if [ -n "$run" ]; then "$root/scripts/histograms.sh" "${run%/hgrm}" || true; fi
  return "$status"
}

# The short form of everything is shared by two test hosts, since most of it waits for programs. The full numbers, which are looked at, have the machine to
# themselves.
test_hosts() {
  if [ "$2" = 1 ] || [ -n "$3" ] || [ "$(nproc)" = 1 ]; then
    test_host 1 "$@"
  else
    # Members of one pipeline: unlike jobs in the background, they end at an interrupt.
    { test_host 1 "$@" >&3 | test_host 2 "$@" >&3; } 3>&1
  fi
}

# One test host: of the classes of tests, it takes those that no other has taken.
test_host() {
  cd "$root" && HARNESS_TEST_CLAIMS=$2/claims dotnet test "$tests" ${4:+--filter "$4"} --nologo --results-directory "$2/$1" \
    --logger "trx;LogFileName=tests.trx" --logger "console;verbosity=normal" \
    --blame-hang-timeout "$([ "$3" = 1 ] && echo 30m || echo 5m)" --blame-hang-dump-type none </dev/null
}

run_tests() {
  local words=() word filter='' full=0 out log='' status=0 console
  for word in "$@"; do
    case $word in
      --full) full=1 ;;
      -h | --help) help; exit 0 ;;
      -*) die "test knows no option $word; it takes --full and words from test names" 2 ;;
      *[!A-Za-z0-9_.-]*) die "'$word' is not a word from a test's name; use letters, digits, '_', '.' and '-'" 2 ;;
      *) words+=("$word") ;;
    esac
  done
  for word in ${words[@]+"${words[@]}"}; do filter="$filter${filter:+|}FullyQualifiedName~$word|DisplayName~$word"; done

  "$root/scripts/setup.sh" all || true
  build
  need_sdk
  out=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder's name is meant as it is now
  trap "rm -rf '$out'" EXIT
  console=$out/console
  if [ "$full" = 1 ]; then
    export HARNESS_TEST_FULL=1
    log=$root/results/tests/$(date -u +%Y-%m-%d)-$(git -c safe.directory="$root" -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown).log
    mkdir -p "$(dirname "$log")"
  fi

  # Test hosts leave names and times in .trx files; a test that never ends is named and stopped.
  mkdir "$out/claims"
  test_hosts "$out" "$full" "$filter" 2>&1 | tee "$console" | "$root/scripts/test-summary.sh" progress "$full" || status=$?
  if [ "$full" = 1 ]; then
    {
      echo "date    $(date -u +%Y-%m-%dT%H:%M:%SZ)"
      echo "commit  $(git -c safe.directory="$root" -C "$root" describe --always --dirty 2>/dev/null || echo unknown)"
      echo "kernel  $(uname -srm)"
      echo "cpus    $(nproc)"
      echo "dotnet  $(dotnet --version)"
      if [ -n "$filter" ]; then echo "only    ${words[*]}"; fi
      if [ -n "${HARNESS_TEST_FOREIGN:-}" ]; then echo "server  $HARNESS_TEST_FOREIGN instead of ours"; fi
      echo
      "$root/scripts/test-summary.sh" times "$out"/*/tests.trx
      echo
    } >"$log"
    "$root/scripts/test-summary.sh" totals "$console" "$status" "$out"/*/tests.trx | tee -a "$log" || status=1
  else
    "$root/scripts/test-summary.sh" totals "$console" "$status" "$out"/*/tests.trx || status=1
  fi
  return "$status"
}

case ${1:-} in
  help | -h | --help) help ;;
  '') find_dotnet; smoke ;;
  test) find_dotnet; shift; run_tests "$@" ;;
  *) find_dotnet; build; exec "$harness" "$@" ;;
esac
