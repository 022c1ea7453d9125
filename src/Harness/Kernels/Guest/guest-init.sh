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

say() { echo "$*" >/dev/ttyS1; }

# What a failed program said last, in one line.
last_words() { grep . "$1" | tail -n 1 | cut -c 1-500; }

# timed: the guest measures time on two CPUs. The program then runs as it does on a host, a side on each CPU.
SERVER_ON= LOAD_ON=
timed() {
  unset DOTNET_TieredCompilation DOTNET_TieredPGO
  SERVER_ON='taskset 1' LOAD_ON='taskset 2'
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
  rm -rf /run/cell
  mkdir /run/cell
  # shellcheck disable=SC2086 # the options are words
  HARNESS_WINDOW=$1 /harness/harness rung $2 --json /run/cell/load.json >/dev/null 2>/run/cell/err
  tell "$1" $?
}

# cell NUMBER 'SERVE OPTIONS' 'LOAD OPTIONS': a fresh server and a fresh load generator, which never poll each other.
cell() {
  say "begin $1"
  rm -rf /run/cell
  mkdir /run/cell
  mkfifo /run/cell/out
  # shellcheck disable=SC2086 # the options are words
  $SERVER_ON /harness/harness serve $2 --control /run/cell/control >/run/cell/out 2>/run/cell/serve.err &
  server=$!
  read -r word uri </run/cell/out
  if [ "$word" = ready ]; then
    # shellcheck disable=SC2086
    HARNESS_WINDOW=$1 $LOAD_ON /harness/harness load "$uri" $3 --server-control /run/cell/control --json /run/cell/load.json >/dev/null 2>/run/cell/err
    code=$?
    kill -TERM $server
    wait $server
    served=$?
    [ $code != 0 ] || [ $served = 0 ] || { code=$served; cp /run/cell/serve.err /run/cell/err; }
  else
    wait $server
    code=$?
    cp /run/cell/serve.err /run/cell/err
  fi
  tell "$1" $code
  word=
}

# A kernel goes on with what its boot began, on its own threads, and would do it in the first measured part. A guest that sleeps takes no time: its clock is
# set on to the next thing that is due.
sleep 5

. /plan
say end
poweroff -f
