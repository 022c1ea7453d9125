#!/usr/bin/env bash
# One picture of a run's latencies: histograms.sh RUN [OUT.svg], by default RUN/latency.svg.
# A panel for each setting, a line for each backend, over the percentile on HdrHistogram's axis, which is the logarithm of
# 1/(1-percentile). File names say what each file is (`backend=uring,depth=64,rw=read.hgrm`): what varies makes lines and panels.
set -euo pipefail

die() { echo "histograms.sh: $1" >&2; exit "${2:-1}"; }

run=${1:-}
[ -n "$run" ] && [ $# -le 2 ] || die "usage: histograms.sh RUN [OUT.svg], with RUN a folder below results/" 2
[ -d "$run" ] || die "no folder '$run'; RUN is a folder below results/" 2
out=${2:-$run/latency.svg}
files=()
for file in "$run"/hgrm/*.hgrm; do
  # What an open loop has beside its latencies.
  case $file in *.service.hgrm | *.lag.hgrm) continue ;; esac
  if [ -s "$file" ]; then files+=("$file"); fi
done
[ "${#files[@]}" != 0 ] || die "no .hgrm file in '$run/hgrm'; a run leaves them there after its first cell"
if ! command -v gnuplot >/dev/null; then "$(dirname "${BASH_SOURCE[0]}")/setup.sh" plot || true; fi
command -v gnuplot >/dev/null || die "needs gnuplot, which could not be installed; try: sudo apt-get install gnuplot-nox" 77

script=$(mktemp)
trap 'rm -f "$script" "$script.svg"' EXIT
title=$(basename "$(cd "$run" && pwd -P)")

# Writes the gnuplot script, data included. All values are in microseconds; the last line of a file has no place on the axis.
LC_ALL=C awk -v title="$title" -v out="$script.svg" '
  function rank(key, value) {
    if (key == "backend") return index("poll epoll uring-poll uring ", value " ") ? index(" poll epoll uring-poll uring ", " " value " ") : 99
    if (key == "rw") return index(" read write ", " " value " ") ? index(" read write ", " " value " ") : 99
    if (value ~ /^[0-9.]+k$/) return value * 1024
    if (value ~ /^[0-9.]+M$/) return value * 1048576
    return value + 0
  }
  function before(key, a, b) { return rank(key, a) != rank(key, b) ? rank(key, a) < rank(key, b) : a < b }
  function sort_values(key,  n, i, j, t) {
    n = valueCount[key]
    for (i = 2; i <= n; i++)
      for (j = i; j > 1 && before(key, value[key, j], value[key, j - 1]); j--) {
        t = value[key, j]; value[key, j] = value[key, j - 1]; value[key, j - 1] = t
      }
  }
  function say(key, v) { return v == "" ? key " default" : (key == "rw" ? v : key " " v) }
  function quoted(s) { gsub(/[\\"]/, "\\\\&", s); return "\"" s "\"" }
  function time_label(us) { return us >= 1000000 ? us / 1000000 " s" : us >= 1000 ? us / 1000 " ms" : us " µs" }
  # Tics at 1, 2 and 5 of each decade; more of them where the range is small, fewer where it is large.
  function tics(low, high,  list, decade, step, steps, n, i, v) {
    steps = high / low > 300 ? "1" : high / low > 12 ? "1 2 5" : "1 1.5 2 3 4 5 7"
    n = split(steps, step, " ")
    for (decade = 0.001; decade <= high; decade *= 10)
      for (i = 1; i <= n; i++) {
        v = decade * step[i]
        if (v >= low && v <= high) list = list (list == "" ? "" : ", ") quoted(time_label(v)) " " v
      }
    return list
  }

  FNR == 1 {
    file++
    name = FILENAME
    sub(/.*\//, "", name); sub(/\.hgrm$/, "", name); gsub(/%2F/, "/", name); gsub(/%2E/, ".", name); gsub(/%25/, "%", name)
    count = split(name, part, ",")
    for (i = 1; i <= count; i++) {
      at = index(part[i], "=")
      key = at ? substr(part[i], 1, at - 1) : "cell"
      if (!(key in known)) { known[key]; keys[++keyCount] = key }
      of[file, key] = at ? substr(part[i], at + 1) : part[i]
    }
  }
  NF >= 4 && $1 + 0 > 0 && $4 + 0 >= 1 {
    row[file, ++rows[file]] = $4 " " $1
    if ($4 <= 10000 && (high[file] == "" || $1 > high[file])) high[file] = $1
    if ($4 <= 10000 && $4 + 0 > reach + 0) reach = $4
    if (low[file] == "" || $1 < low[file]) low[file] = $1
  }

  END {
    for (k = 1; k <= keyCount; k++) {
      key = keys[k]
      for (f = 1; f <= file; f++) if (!((key, of[f, key]) in have)) { have[key, of[f, key]]; value[key, ++valueCount[key]] = of[f, key] }
      sort_values(key)
      if (valueCount[key] > 1) { if (key != "backend") varying[++varyingCount] = key; else line = key }
      else constants = constants (constants == "" ? "" : ", ") say(key, value[key, 1])
    }
    # Lines are backends; in a run of one backend, the last thing that varies.
    if (line == "") line = varyingCount ? varying[varyingCount--] : keys[1]
    # Rows are what is done, columns how hard: rw before depth.
    for (k = 1; k <= varyingCount; k++) if (varying[k] == "rw") { for (; k > 1; k--) varying[k] = varying[k - 1]; varying[1] = "rw"; break }

    panelCount = 1; panel[1] = ""
    for (k = 1; k <= varyingCount; k++) {
      key = varying[k]; made = 0
      for (p = 1; p <= panelCount; p++) for (v = 1; v <= valueCount[key]; v++) next_panel[++made] = panel[p] SUBSEP key "=" value[key, v]
      for (p = 1; p <= made; p++) panel[p] = next_panel[p]
      panelCount = made
    }
    # Which file is in which panel; a setting that no file has makes no panel.
    kept = 0
    for (p = 1; p <= panelCount; p++) {
      used = 0; heading = ""
      for (f = 1; f <= file; f++) {
        mine = ""
        for (k = 1; k <= varyingCount; k++) mine = mine SUBSEP varying[k] "=" of[f, varying[k]]
        if (mine != panel[p] || !rows[f]) continue
        if (!used++) { kept++; for (k = 1; k <= varyingCount; k++) heading = heading (k > 1 ? ", " : "") say(varying[k], of[f, varying[k]]) }
        drawn[kept, of[f, line]] = f
        if (low_of[kept] == "" || low[f] < low_of[kept]) low_of[kept] = low[f]
        if (high_of[kept] == "" || high[f] > high_of[kept]) high_of[kept] = high[f]
      }
      if (used) head[kept] = heading
    }
    if (!kept) exit 3
    columns = varyingCount >= 1 && kept % valueCount[varying[varyingCount]] == 0 ? valueCount[varying[varyingCount]] : 2
    if (kept == 1) columns = 1
    else if (columns > 4 || columns == 1 && kept > 3) columns = kept > 6 ? 3 : 2
    lineCount = int((kept + columns - 1) / columns)
    # Panels of a column share their scale, so that the eye may compare them.
    for (p = 1; p <= kept; p++) {
      c = (p - 1) % columns
      if (!(c in bottom) || low_of[p] < bottom[c]) bottom[c] = low_of[p]
      if (!(c in top) || high_of[p] > top[c]) top[c] = high_of[p]
    }

    for (f = 1; f <= file; f++) {
      print "$file" f " << END_OF_FILE"
      for (i = 1; i <= rows[f]; i++) print row[f, i]
      print "END_OF_FILE"
    }
    width = columns > 2 ? 380 * columns : 1000
    height = 90 + (lineCount == 1 ? 400 : 275 * lineCount)
    print "set terminal svg size " width "," height " dynamic noenhanced background rgb \"white\" font \"Helvetica,Arial,sans-serif,13\""
    print "set encoding utf8"
    print "set output " quoted(out)
    print "unset key"
    print "set label 1 " quoted("Request latency by percentile") " at screen 0.5, screen " 1 - 20 / height " center font \",17\" front"
    subtitle = title (constants == "" ? "" : "   (" constants ")")
    print "set label 2 " quoted(subtitle) " at screen 0.5, screen " 1 - 42 / height " center textcolor rgb \"#666666\" font \",12\" front"
    printf "set multiplot layout %d,%d rowsfirst margins screen %.4f,%.4f,%.4f,%.4f spacing screen %.4f,%.4f\n", \
      lineCount, columns, 70 / width, 1 - 30 / width, 48 / height, 1 - 114 / height, 84 / width, 62 / height
    print "set logscale xy"
    print "set border 3 linecolor rgb \"#888888\""
    print "set tics nomirror scale 0.5 textcolor rgb \"#333333\" font \",12\""
    print "set grid xtics ytics linetype 1 linecolor rgb \"#e4e4e4\" linewidth 1"
    print "set mxtics 1; set mytics 1"
    print "set xtics (\"0%%\" 1, \"90%%\" 10, \"99%%\" 100, \"99.9%%\" 1000, \"99.99%%\" 10000)"
    print "set xrange [1:" (reach > 3000 ? 10000 : reach > 300 ? 1000 : 100) "]"
    # Okabe and Ito: told apart with every kind of colour vision; a backend has the same colour in every picture.
    colour["poll"] = "#999999"; colour["epoll"] = "#0072b2"; colour["uring-poll"] = "#e69f00"; colour["uring"] = "#d55e00"; colour["uring-epoll"] = "#cc79a7"
    spare = split("#0072b2 #e69f00 #009e73 #cc79a7 #56b4e9 #d55e00 #999999 #000000", others, " ")
    for (v = 1; v <= valueCount[line]; v++) {
      name = value[line, v]
      style[v] = "with lines linewidth 2.2 linecolor rgb \"" (name in colour ? colour[name] : others[(v - 1) % spare + 1]) "\""
      label[v] = line == "backend" ? name : say(line, name)
      wide += 58 + 8 * length(label[v])
    }
    # One legend for all panels, in one row; drawn by hand, since a key would keep to the width of one panel.
    left = (width - wide + 20) / 2; y = 1 - 68 / height
    for (v = 1; v <= valueCount[line]; v++) {
      drawing = style[v]; sub(/with lines/, "", drawing)
      print "set arrow " v " from screen " left / width ", screen " y " to screen " (left + 28) / width ", screen " y " nohead" drawing
      print "set label " v + 2 " " quoted(label[v]) " at screen " (left + 34) / width ", screen " y " left font \",13\""
      left += 58 + 8 * length(label[v])
    }
    for (p = 1; p <= kept; p++) {
      c = (p - 1) % columns
      print "set yrange [" bottom[c] * 0.93 ":" top[c] * 1.07 "]"
      print "set ytics (" tics(bottom[c] * 0.93, top[c] * 1.07) ")"
      print "set title " quoted(head[p]) " offset 0,-0.6 font \",14\""
      if (p > kept - columns) print "set xlabel \"percentile of requests\" offset 0,0.4 font \",12\" textcolor rgb \"#333333\""
      plot = ""
      for (v = 1; v <= valueCount[line]; v++)
        if ((p, value[line, v]) in drawn) plot = plot (plot == "" ? "" : ", ") "$file" drawn[p, value[line, v]] " using 1:2 notitle " style[v]
      print "plot " plot
      print "unset label; unset arrow"
    }
    print "unset multiplot"
  }' "${files[@]}" >"$script" || die "no latencies in the .hgrm files of '$run/hgrm'"

errors=$(gnuplot "$script" 2>&1) || die "gnuplot failed: $(printf '%s' "$errors" | tr -s '\n ' ' ')"
# In place only when whole. gnuplot's own stamp and description say nothing about the run.
{ sed -e '/^<desc>/d' "$script.svg" >"$out"; } 2>/dev/null || die "cannot write '$out'; name another place: histograms.sh RUN OUT.svg"
echo "$out"
