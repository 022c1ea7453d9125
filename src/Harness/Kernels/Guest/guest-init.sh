#!/bin/busybox sh
# The first process of a guest, and the only one beside those that are measured. It says what it finds on the second serial port, a line at a time:
#   facts JSON | symbols BASE64 | begin CELL | cell CELL ok JSON | cell CELL skipped WHY | cell CELL failed WHY | end
# What it is to do stands in /plan, which comes after this image in the same initrd.
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t tmpfs tmpfs /tmp
/bin/busybox mount -t tmpfs tmpfs /run
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp DOTNET_ROOT=/dotnet
# Code that is compiled ahead stays what it is, and no thread but the loops does anything.
export DOTNET_TieredCompilation=0 DOTNET_TieredPGO=0 DOTNET_gcConcurrent=0 DOTNET_EnableDiagnostics=0
ifconfig lo up
sysctl -q -w net.core.wmem_max=2097152
ulimit -l unlimited
ulimit -n 65536

# Every ten seconds khugepaged looks for small pages to put together, ours among them: six million instructions at a time for one store's. The window that
# they would fall into is that of a cell that has nothing to do with them.
khugepaged=/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs
[ ! -e $khugepaged ] || echo 1000000000 >$khugepaged

# DAMON's statistics, on by themselves since 6.17, look every few milliseconds which pages were accessed. They clear the bit that says so and flush no TLB, and
# the emulator makes its TLB larger and smaller by the host's time: what they see, and so what they do, would not be the same in each boot.
damon=/sys/module/damon_stat/parameters/enabled
[ ! -e $damon ] || echo N >$damon

# A load generator that is gone costs its cell, and not the guest.
trap '' PIPE

say() { echo "$*" >/dev/ttyS1; }

# What a failed program said last, in one line.
last_words() { grep . "$1" | tail -n 1 | cut -c 1-500; }

# The number of a window that no cell has.
uncounted=32767

# timed: the guest measures time on two CPUs. The program then runs as it does on a host, a side on each CPU.
SERVER_ON= LOAD_ON= keeps=yes
timed() {
  unset DOTNET_TieredCompilation DOTNET_TieredPGO
  SERVER_ON='taskset 1' LOAD_ON='taskset 2'
  keeps=
}

# facts: what the kernel is, can do and does, by the program's own probe.
facts() {
  if /harness/harness probe --json /run/probe.json >/dev/null 2>/run/err; then
    echo "facts $(tr -d '\n' </run/probe.json)" >/dev/ttyS1
  else
    say "failed the probe: $(last_words /run/err)"
  fi
}

# symbols: the kernel's functions and their addresses, packed, in pieces of a line each.
symbols() {
  grep ' [tTwW] ' /proc/kallsyms | gzip -1 | base64 | sed 's/^/symbols /' >/dev/ttyS1
}

# tell NUMBER CODE: how a cell came out, by the exit code of what measured it.
tell() {
  case $2 in
    0) echo "cell $1 ok $(tr -d '\n' </run/cell/load.json)" >/dev/ttyS1 ;;
    77) say "cell $1 skipped $(last_words /run/cell/err)" ;;
    *) say "cell $1 failed ended with exit code $2: $(last_words /run/cell/err)" ;;
  esac
}

# rung NUMBER 'RUNG OPTIONS': one process by itself.
rung() {
  say "begin $1"
  end_pair
  rm -rf /run/cell
  mkdir /run/cell
  # shellcheck disable=SC2086 # the options are words
  HARNESS_WINDOW=$1 /harness/harness rung $2 --json /run/cell/load.json >/dev/null 2>/run/cell/err
  tell "$1" $?
}

# cell NUMBER 'SERVE OPTIONS' 'LOAD OPTIONS': a server and a load generator, which never poll each other. To start the two takes ten times what a cell does,
# so where instructions are counted they live for as long as cells ask for the same server and come out well; each cell has its own connection and warm-up.
cell() {
  say "begin $1"
  [ "$serves" = "$2" ] || end_pair
  code=0
  [ -n "$serves" ] || begin_pair "$2" "$3"
  [ $code != 0 ] || ask "$1" "$3"
  [ -n "$keeps" ] && [ $code = 0 ] || end_pair
  tell "$1" $code
}

# ask NUMBER 'LOAD OPTIONS': the load generator measures; how that came out, in code and err. Before that the kernel ends what it put off when the one before
# was over.
ask() {
  : >/run/cell/err
  [ -z "$keeps" ] || sleep 1
  echo "$1 $uri $2 --server-control /run/cell/control --json /run/cell/load.json" >&3
  read -r code <&4 && return
  wait $load
  code=$?
}

# begin_pair 'SERVE OPTIONS' 'LOAD OPTIONS': both processes; or why not, in code and err. Where they are kept, the first load does not count: it does things
# for the first time that no later one does, so the cells would depend on their order.
begin_pair() {
  rm -rf /run/cell
  mkdir /run/cell
  mkfifo /run/cell/out /run/cell/asks /run/cell/answers
  word=
  # shellcheck disable=SC2086 # the options are words
  $SERVER_ON /harness/harness serve $1 --control /run/cell/control >/run/cell/out 2>/run/cell/serve.err &
  server=$!
  read -r word uri </run/cell/out
  if [ "$word" != ready ]; then
    wait $server
    code=$?
    cp /run/cell/serve.err /run/cell/err
    return
  fi
  # shellcheck disable=SC2086
  $LOAD_ON /harness/harness loads </run/cell/asks >/run/cell/answers 2>>/run/cell/err &
  load=$!
  exec 3>/run/cell/asks 4</run/cell/answers
  serves=$1
  [ -z "$keeps" ] || ask $uncounted "$2"
}

end_pair() {
  [ -n "$serves" ] || return 0
  serves=
  exec 3>&- 4<&-
  wait $load
  kill -TERM $server
  wait $server && return
  served=$?
  # Where the last cell failed, that is why.
  [ "$code" = 0 ] || return 0
  code=$served
  cp /run/cell/serve.err /run/cell/err
  [ -z "$keeps" ] || say "failed a server ended with exit code $served: $(last_words /run/cell/err)"
}

# A kernel goes on with what its boot began, on its own threads, and would do it in the first measured part. A guest that sleeps takes no time: its clock is
# set on to the next thing that is due.
sleep 5

. /plan
end_pair
say end
poweroff -f
