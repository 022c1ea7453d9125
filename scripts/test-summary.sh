#!/usr/bin/env bash
# Reads what `dotnet test` leaves, for run.sh: every figure comes from the outcome of each single test in the .trx file,
# since the file's own counters leave skipped tests out.
#   test-summary.sh progress FULL               stdin: console output; shows how far it is
#   test-summary.sh times TRX...                one line per test: outcome, seconds, name
#   test-summary.sh totals CONSOLE CODE TRX...  skipped with reasons, failed with messages, and the last line; exits 1 on a failure
set -euo pipefail

# One line per test: outcome, seconds, name, message (newlines as \n), separated by tabs. Splitting at '<' makes each record one
# tag with the text after it, in any awk.
results() {
  local trx
  for trx in "$@"; do if [ -f "$trx" ]; then results_of "$trx"; fi; done
}

results_of() {
  LC_ALL=C awk -v RS='<' '
    function attribute(name,  at, rest) {
      at = index($0, " " name "=\"")
      if (at == 0) return ""
      rest = substr($0, at + length(name) + 3)
      return text(substr(rest, 1, index(rest, "\"") - 1))
    }
    function text(s) {
      gsub(/\r/, "", s); gsub(/&#xD;/, "", s); gsub(/\n/, "\\n", s); gsub(/&#xA;/, "\\n", s); gsub(/\t/, " ", s); gsub(/&#x9;/, " ", s)
      gsub(/&lt;/, "<", s); gsub(/&gt;/, ">", s); gsub(/&quot;/, "\"", s); gsub(/&apos;/, "\047", s); gsub(/&amp;/, "\\&", s)
      return s
    }
    function seconds(s,  part) { split(s, part, ":"); return part[1] * 3600 + part[2] * 60 + part[3] }
    function done() { if (outcome != "") printf "%s\t%.3f\t%s\t%s\n", outcome, time, name, message; outcome = "" }
    /^UnitTestResult / {
      done()
      name = attribute("testName"); outcome = attribute("outcome"); time = seconds(attribute("duration")); message = ""
      if (outcome == "NotExecuted") outcome = "Skipped"
      if (outcome != "Passed" && outcome != "Skipped") outcome = "Failed"
      next
    }
    # A skipped test writes its reason to its output, a failed one to its error.
    /^Message>/ { message = text(substr($0, 9)) }
    /^StdOut>/ { if (outcome == "Skipped" && message == "") message = text(substr($0, 8)) }
    /^\/UnitTestResult>/ { done() }
    END { done() }' "$1"
}

progress() {
  local terminal=0
  if [ -t 2 ] && [ "$1" != 1 ]; then terminal=1; fi
  awk -v terminal="$terminal" -v full="$1" '
    /^  (Passed|Failed|Skipped) / {
      count[$1]++
      if ($1 == "Failed" || full == 1) { if (terminal) printf "\r\033[K" > "/dev/stderr"; print; fflush() }
      if (terminal) printf "\r\033[K%d passed, %d failed, %d skipped: %.100s", count["Passed"], count["Failed"], count["Skipped"], $2 > "/dev/stderr"
    }
    END { if (terminal) printf "\r\033[K" > "/dev/stderr" }'
}

totals() {
  local console=$1 code=$2
  shift 2
  results "$@" | awk -F '\t' -v console="$console" -v code="$code" '
    function say(head, name, message) {
      gsub(/\\n/, "\n      ", message)
      print "  " head " " name (message == "" ? "" : "\n      " message)
    }
    { count[$1]++ }
    # Cases that skip for one reason share a line.
    $1 == "Skipped" { if (!($4 in times)) reasons[++reasonCount] = $4; times[$4]++; first[$4] = $3 }
    $1 == "Failed" { failedName[count["Failed"]] = $3; failedMessage[count["Failed"]] = $4 }
    END {
      for (i = 1; i <= reasonCount; i++) say("skipped", times[reasons[i]] == 1 ? first[reasons[i]] : times[reasons[i]] " tests", reasons[i])
      for (i = 1; i <= count["Failed"]; i++) say("failed", failedName[i], failedMessage[i])
      seen = count["Passed"] + count["Failed"] + count["Skipped"]
      # The host died or hung, with or without failures before: its own words say which, and it is never a pass.
      while ((getline line < console) > 0) {
        if (line ~ /Test Run Aborted/) aborted = 1
        if (line !~ /^ +at |^ *$|Attachments:|Results File:|Sequence_/) tail[++lines] = line
      }
      if (aborted || code != 0 && count["Failed"] == 0) {
        count["Failed"]++
        print "  failed the test run itself (exit code " code "); the end of its output:"
        for (i = (lines > 12 ? lines - 11 : 1); i <= lines; i++) printf "      %.200s\n", tail[i]
      } else if (seen == 0) {
        count["Failed"] = 1
        print "  failed: no test has such a name"
      }
      printf "%d passed, %d failed, %d skipped\n", count["Passed"], count["Failed"], count["Skipped"]
      exit count["Failed"] > 0
    }'
}

case ${1:-} in
  progress) progress "$2" ;;
  times) shift; results "$@" | awk -F '\t' '{ printf "%-8s %9.3f s  %s\n", $1, $2, $3 }' | LC_ALL=C sort -k 4 ;;
  totals) shift; totals "$@" ;;
  *) echo "test-summary.sh: progress FULL | times TRX... | totals CONSOLE CODE TRX..." >&2; exit 2 ;;
esac
