#!/bin/busybox sh
# The kernel's own NBD client (nbd.ko) against our server, case by case. The plan of a boot calls `nbd_case NUMBER BACKEND FUNCTION ARGUMENTS…`; what a case
# comes to is said as for any cell: cell NUMBER passed WHAT WAS SEEN | cell NUMBER failed WHY | cell NUMBER skipped WHY.
# A case begins with a module that has just been loaded and ends with one that can be unloaded again: what it leaves behind is a failure too.
export PATH=/tools:/bin
# Nothing is counted here, so what starts quickly is better than what stays as it is.
export DOTNET_TieredCompilation=1
here=/run/case
device=/dev/nbd0
disk=$here/disk.img
longest=900

# The three ways in which a case ends; they leave its shell.
passed() { echo "passed $*" >$here/verdict; exit 0; }
failed() { echo "failed $*" >$here/verdict; exit 1; }
skipped() { echo "skipped $*" >$here/verdict; exit 0; }

# why FILE: the line that says what went wrong, or the last one.
why() { grep -m 1 -i -E 'error|fail|cannot|refuse' "$1" | cut -c 1-300 | grep . || last_words "$1"; }

# load MODULE…: what other modules stand on, once for a boot.
load() { for module; do insmod "/modules/$module.ko" 2>/run/insmod.err || say "failed insmod $module: $(last_words /run/insmod.err)"; done; }

# nbd_case NUMBER BACKEND FUNCTION ARGUMENTS…: a backend of "-" is the server's default.
nbd_case() {
  number=$1
  backend=
  [ "$2" = - ] || backend="--backend $2"
  shift 2
  say "begin $number"
  rm -rf $here
  mkdir -p $here /mnt
  cd $here || return
  if [ ! -e /sys/module/nbd ] && [ ! -e /modules/nbd.ko ]; then
    say "cell $number skipped this kernel has no NBD client, neither built in nor among its modules"
    return
  fi
  if [ ! -e /sys/module/nbd ] && ! insmod /modules/nbd.ko 2>insmod.err; then
    say "cell $number failed nbd.ko cannot be loaded: $(last_words insmod.err)"
    return
  fi
  dmesg -c >/dev/null
  stop=
  ( ("$@") >out.txt 2>err.txt; : >ended ) &
  waited=0
  while [ ! -e ended ] && [ $waited -lt $longest ]; do sleep 1; waited=$((waited + 1)); done
  if [ ! -e ended ]; then
    verdict="failed it hangs: after $longest s $(asleep)"
    stop=yes
  else
    verdict=$(cat verdict 2>/dev/null) || verdict="failed it came to no verdict: $(last_words err.txt)"
  fi
  dmesg >kernel.log
  bad=$(grep -m 1 -E 'BUG:|Oops|general protection|WARNING:|INFO: task|kernel BUG|refcount_t|cannot create duplicate filename' kernel.log)
  [ -z "$bad" ] || { verdict="failed the kernel says '$bad'; the case: $verdict"; stop=yes; }
  [ -n "$stop" ] || tidy || stop=yes
  say "cell $number $verdict"
  # Whatever comes next shall not stand on what this one has broken: the host boots again for it.
  [ -z "$stop" ] || { say end; poweroff -f; sleep 1000; }
}

# asleep: the processes that cannot be ended, and where in the kernel they wait.
asleep() {
  for process in /proc/[0-9]*; do
    grep -q '^State:.*D' "$process/status" 2>/dev/null && echo "$(cat "$process/comm") waits in $(cat "$process/wchan");"
  done | tr '\n' ' '
}

# tidy: ends what is left, and unloads the module.
tidy() {
  cd /
  killall -9 harness nbd-client dd mount 2>/dev/null
  umount /mnt 2>/dev/null
  [ ! -e /sys/block/nbd0/pid ] || nbd-client -d $device >/dev/null 2>&1
  grep -q '^nbd ' /proc/modules || return 0
  for _ in $(seq 100); do
    rmmod nbd 2>/run/rmmod.err && return 0
    usleep 100000
  done
  case $verdict in passed*) verdict="failed afterwards the module cannot be unloaded: $(last_words /run/rmmod.err)" ;; esac
  return 1
}

# serve TRANSPORT OPTIONS…: our server in the background. A backend that the kernel lacks ends the case.
serve() {
  listen=nbd+unix:///?socket=$here/socket
  [ "$1" = tcp ] && listen=nbd://127.0.0.1:10809
  shift
  rm -f socket says
  mkfifo says
  # shellcheck disable=SC2086 # the backend is two words or none
  /harness/harness serve "$@" --listen "$listen" $backend >says 2>serve.err &
  server=$!
  word=
  read -r word uri <says
  [ "$word" = ready ] && return
  wait $server
  code=$?
  [ $code = 77 ] && skipped "$(last_words serve.err)"
  failed "the server ended with exit code $code: $(last_words serve.err)"
}

end_server() {
  kill -TERM $server
  wait $server || failed "the server ended with exit code $?: $(last_words serve.err)"
}

kill_server() {
  kill -9 $server
  wait $server 2>/dev/null
}

# attach TRANSPORT CONNECTIONS BLOCK OPTIONS…: nbd-client, by netlink unless -nonetlink is among the options.
attach() {
  where="-unix $here/socket"
  [ "$1" = tcp ] && where="127.0.0.1 10809"
  connections=$2
  block=$3
  shift 3
  # shellcheck disable=SC2086
  timeout 100 nbd-client $where $device -b "$block" -C "$connections" "$@" >attach.out 2>&1 || failed "nbd-client does not attach: $(why attach.out)"
  has_size
}

has_size() {
  for _ in $(seq 200); do
    [ "$(blockdev --getsize64 $device 2>/dev/null || echo 0)" -gt 0 ] && return
    usleep 100000
  done
  failed "it was attached and has no size"
}

# netlink OPTIONS…: attached by our own program, which can do more than nbd-client.
netlink() { /harness/harness kernels attach "$uri" $device --block-size 4k "$@" >netlink.out 2>netlink.err; }

detach() {
  nbd-client -d $device >detach.out 2>&1 || failed "nbd-client -d: $(why detach.out)"
  detached
}

detached() {
  for _ in $(seq 300); do
    [ -e /sys/block/nbd0/pid ] || return
    usleep 100000
  done
  failed "it is still connected 30 s after it was disconnected"
}

# A shell of busybox takes its own mke2fs and blkdiscard, whatever PATH says, and these can do less.
make_ext4() { /tools/mke2fs -q -F -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 $device >mkfs.out 2>&1 || failed "mke2fs: $(why mkfs.out)"; }

mount_ext4() { mount -t ext4 -o "${1:-rw}" $device /mnt 2>mount.err || failed "mount: $(last_words mount.err)"; }

unmount() { umount /mnt 2>umount.err || failed "umount: $(last_words umount.err)"; }

remount() {
  unmount
  echo 3 >/proc/sys/vm/drop_caches
  mount_ext4 "$@"
}

# fill: four writers at once, each to its file and through to the server; then the sums of what is there.
fill() {
  writers=
  for i in 1 2 3 4; do
    dd if=/dev/urandom "of=/mnt/file$i" bs=64k count=24 conv=fsync 2>"dd.$i" &
    writers="$writers $!"
  done
  for writer in $writers; do wait "$writer" || failed "a write to the file system failed: $(cat dd.* | grep -m 1 -i error)"; done
  (cd /mnt && md5sum file*) >sums
}

check() { (cd /mnt && md5sum -c $here/sums) >check.out 2>&1 || failed "after $1 the data is not what was written: $(grep -v ': OK' check.out | head -n 1)"; }

clean() { /tools/e2fsck -f -n $device >fsck.out 2>&1 || failed "e2fsck after $1 ends with $?: $(last_words fsck.out)"; }

# recover: e2fsck with leave to replay the journal and mend; then it must be clean.
recover() {
  /tools/e2fsck -f -y $device >recover.out 2>&1
  recovered=$?
  [ $recovered -le 1 ] || failed "e2fsck -y after $1 ends with $recovered: $(last_words recover.out)"
  clean "$1"
}

# What a case does with a write that must not go through: it has to come back, and with an error.
refused_write() {
  began=$(date +%s)
  dd if=/dev/urandom of="$1" bs=64k count=4 conv=fsync 2>dd.err && failed "a write was reported as done $2"
  took=$(($(date +%s) - began))
  refusal=$(grep -m 1 -i error dd.err | sed 's/.*: //')
}

# life TRANSPORT CONNECTIONS BLOCK OPTIONS…: a file system from mke2fs to fsck.
life() {
  truncate -s 48M $disk
  serve "$1" --block file:$disk
  attach "$@"
  queues=$(find /sys/block/nbd0/mq -maxdepth 1 -name '[0-9]*' | wc -l)
  [ "$queues" = "$2" ] || [ "$queues" = "$(nproc)" ] || failed "$2 connections on $(nproc) CPUs, and the device has $queues queues"
  logical=$(cat /sys/block/nbd0/queue/logical_block_size)
  [ "$logical" = "$3" ] || failed "blocks of $3 bytes were asked for, and the device has $logical"
  make_ext4
  mount_ext4
  fill
  remount
  check "remounting"
  rm /mnt/file1
  sed -i '/file1$/d' sums
  sync
  before=$(du -k $disk | cut -f 1)
  fstrim /mnt 2>trim.err || failed "fstrim: $(last_words trim.err)"
  sync
  after=$(du -k $disk | cut -f 1)
  [ "$after" -lt "$before" ] || failed "fstrim freed nothing: the server's file had $before KiB before and has $after after it"
  check "fstrim"
  unmount
  clean "unmounting"
  detach
  attach "$@"
  mount_ext4 ro
  check "attaching again"
  unmount
  detach
  end_server
  passed "connections $2, queues $queues, blocks of $logical; fstrim gave back $((before - after)) KiB"
}

# zeroes: trim and zeroes on the bare device, held against the server's file.
zeroes() {
  truncate -s 12M $disk
  serve unix --block file:$disk
  attach unix 1 4096
  dd if=/dev/urandom of=$device bs=64k count=192 conv=fsync 2>dd.err || failed "a write failed: $(why dd.err)"
  cp $disk expected
  cmp -s expected $device || failed "the device and the server's file differ after writing"
  /tools/blkdiscard -z -o 1M -l 2M $device 2>zero.err || failed "blkdiscard -z: $(last_words zero.err)"
  /tools/blkdiscard -o 5M -l 2M $device 2>trim.err || failed "blkdiscard: $(last_words trim.err)"
  dd if=/dev/zero of=expected bs=1M seek=1 count=2 conv=notrunc 2>/dev/null
  dd if=/dev/zero of=expected bs=1M seek=5 count=2 conv=notrunc 2>/dev/null
  sync
  echo 3 >/proc/sys/vm/drop_caches
  cmp -s expected $device || failed "the device does not read as zeroes where it was zeroed and trimmed, or elsewhere as before"
  cmp -s expected $disk || failed "the server's file is not what the device reads as"
  how=$(cat /sys/block/nbd0/queue/write_zeroes_max_bytes)
  detach
  end_server
  if [ "$how" = 0 ]; then passed "the kernel writes zeroes out"; else passed "the kernel sends WRITE_ZEROES"; fi
}

# read_only: an export that may not be written to.
read_only() {
  truncate -s 48M $disk
  serve unix --block file:$disk
  attach unix 1 4096
  make_ext4
  mount_ext4
  fill
  unmount
  detach
  end_server
  md5sum $disk >image.sum
  serve unix --read-only --block file:$disk
  attach unix 1 4096
  [ "$(blockdev --getro $device)" = 1 ] || failed "the kernel does not know that the device is read-only"
  dd if=/dev/zero of=$device bs=4096 count=1 conv=fsync 2>dd.err && failed "a write to the device was reported as done"
  refusal=$(why dd.err)
  mount -t ext4 -o rw $device /mnt 2>mount.err && touch /mnt/new 2>/dev/null && failed "it can be mounted for writing"
  umount /mnt 2>/dev/null
  mount_ext4 ro,noload
  check "mounting it read-only"
  unmount
  detach
  end_server
  md5sum -c image.sum >/dev/null 2>&1 || failed "the server's file has changed"
  passed "${refusal##*: }"
}

# resize: the device grows while a file system on it is mounted, and the file system after it.
resize() {
  truncate -s 64M $disk
  serve unix --block file:$disk
  netlink --size 32M || failed "$(last_words netlink.err)"
  has_size
  make_ext4
  mount_ext4
  fill
  netlink --again || failed "$(last_words netlink.err)"
  for _ in $(seq 50); do
    size=$(blockdev --getsize64 $device)
    [ "$size" = 67108864 ] && break
    usleep 100000
  done
  [ "$size" = 67108864 ] || failed "the server has 64 MiB, and the device stays at $size bytes"
  /tools/resize2fs $device >resize.out 2>&1 || failed "resize2fs: $(why resize.out)"
  dd if=/dev/urandom of=/mnt/file5 bs=1M count=36 conv=fsync 2>dd.err || failed "the new room cannot be used: $(why dd.err)"
  (cd /mnt && md5sum file*) >sums
  remount
  check "growing"
  unmount
  clean "growing"
  detach
  end_server
  passed "from 32 to 64 MiB while mounted"
}

# reconnect TRANSPORT CONNECTIONS: the server dies under a writer and comes back; nobody above the device may notice.
reconnect() {
  truncate -s 48M $disk
  serve "$1" --block file:$disk
  netlink --connections "$2" --timeout 5s --dead-timeout 300s || failed "$(last_words netlink.err)"
  has_size
  make_ext4
  mount_ext4
  (
    for i in $(seq 60); do
      dd if=/dev/urandom "of=/mnt/file$i" bs=64k count=4 conv=fsync 2>"dd.$i" || { : >stopped; exit 1; }
      : >"written.$i"
    done
  ) &
  writer=$!
  until [ -e written.5 ] || [ -e stopped ]; do usleep 50000; done
  [ ! -e stopped ] || failed "a write failed before anything was tried: $(cat dd.* | grep -m 1 -i error)"
  kill_server
  sleep 10
  [ ! -e written.60 ] || failed "the writer was done before the server was back, so nothing was tried"
  before=$(find . -name 'written.*' | wc -l)
  serve "$1" --block file:$disk
  netlink --connections "$2" --again || failed "$(last_words netlink.err)"
  wait $writer || failed "a write failed although the server came back: $(cat dd.* | grep -m 1 -i error)"
  (cd /mnt && md5sum file*) >sums
  remount
  check "the server's return"
  unmount
  clean "the server's return"
  detach
  end_server
  passed "the writer stood at file $before of 60 and went on"
}

# gone: the server dies for good under a mounted file system.
gone() {
  truncate -s 48M $disk
  serve unix --block file:$disk
  attach unix "$1" 4096 -t 5
  make_ext4
  mount_ext4
  fill
  kill_server
  refused_write /mnt/more "without a server"
  umount /mnt 2>umount.err
  grep -q ' /mnt ' /proc/mounts && failed "it cannot be unmounted: $(last_words umount.err)"
  nbd-client -d $device >/dev/null 2>&1
  detached
  serve unix --block file:$disk
  attach unix "$1" 4096
  recover "the server's end"
  mount_ext4
  check "the server's end"
  unmount
  detach
  end_server
  passed "writes fail after $took s with '$refusal'; what was synced is there after e2fsck"
}

# persist: nbd-client -persist, which is to attach the device anew. It can only where the ioctl that drives a device ends with an error when the server dies;
# where the kernel ends it without one, nbd-client takes that for the end. Then whoever started it has to attach the device anew, and that must work.
persist() {
  truncate -s 16M $disk
  serve unix --block file:$disk
  attach unix 1 4096 -nonetlink -persist
  kill_server
  sleep 2
  serve unix --block file:$disk
  began=$(date +%s)
  how="nbd-client attached it anew"
  # As long as nobody drives the device it has no size, and reading it ends at once without an error.
  until [ "$(dd if=$device bs=4096 count=1 2>/dev/null | wc -c)" = 4096 ]; do
    if ! pidof nbd-client >/dev/null; then
      how="nbd-client ended with the server: the ioctl comes back without an error; attached anew by hand"
      attach unix 1 4096 -nonetlink
    fi
    [ $(($(date +%s) - began)) -lt 60 ] || failed "it did not come back within 60 s of the server's return"
    echo 3 >/proc/sys/vm/drop_caches
    sleep 1
  done
  dd if=/dev/urandom of=$device bs=64k count=16 conv=fsync 2>dd.err || failed "it came back and cannot be written to: $(why dd.err)"
  dd if=$device of=seen bs=64k count=16 2>/dev/null
  dd if=$disk of=there bs=64k count=16 2>/dev/null
  cmp -s seen there || failed "it came back, and the server's file is not what was written"
  detach
  end_server
  passed "$how"
}

# unanswered: a server that lives and does not answer.
unanswered() {
  serve unix --block delay:write=3600s/memory:16M
  attach unix 1 4096 -t 3
  refused_write $device "that the server never answered"
  kill_server
  nbd-client -d $device >/dev/null 2>&1
  detached
  passed "a write fails after $took s with '$refusal'"
}

# pulled: disconnected while a file system on it is mounted.
pulled() {
  truncate -s 48M $disk
  serve unix --block file:$disk
  attach unix 1 4096 "$@"
  make_ext4
  mount_ext4
  fill
  nbd-client -d $device >detach.out 2>&1 || failed "nbd-client -d: $(why detach.out)"
  refused_write /mnt/more "to a device that was disconnected"
  umount /mnt 2>umount.err
  grep -q ' /mnt ' /proc/mounts && failed "it cannot be unmounted: $(last_words umount.err)"
  # The device is free when its last user is gone.
  detached
  attach unix 1 4096 "$@"
  recover "disconnecting"
  mount_ext4
  check "disconnecting"
  unmount
  detach
  end_server
  passed "writes fail with '$refusal'; what was synced is there after e2fsck"
}

# partitions OPTIONS…: a partition that was written is there, and is what was written, whenever the device is attached. What is left of it afterwards is told:
# kernels differ in when they look.
partitions() {
  truncate -s 32M $disk
  # One of type 83, 16 MiB from the first MiB on.
  printf '\000\000\000\000\203\000\000\000\000\010\000\000\000\200\000\000' | dd of=$disk bs=1 seek=446 conv=notrunc 2>/dev/null
  printf '\125\252' | dd of=$disk bs=1 seek=510 conv=notrunc 2>/dev/null
  printf 'in the partition' | dd of=$disk bs=512 seek=2048 conv=notrunc 2>/dev/null
  serve unix --block file:$disk
  for round in 1 2 3; do
    attach unix 1 512 "$@"
    when="at once"
    for _ in $(seq 50); do
      [ -e /sys/block/nbd0/nbd0p1 ] && break
      when="when the device is opened"
      dd if=$device of=/dev/null bs=512 count=1 2>/dev/null
      usleep 100000
    done
    [ -e /sys/block/nbd0/nbd0p1 ] || failed "the partition is not there in round $round"
    [ "$(cat /sys/block/nbd0/nbd0p1/size)" = 32768 ] || failed "the partition has $(cat /sys/block/nbd0/nbd0p1/size) sectors, not 32768"
    [ "$(dd if=${device}p1 bs=16 count=1 2>/dev/null)" = "in the partition" ] || failed "the partition of round $round does not read as it was written"
    detach
  done
  end_server
  left="gone after detaching"
  if [ -e /sys/block/nbd0/nbd0p1 ]; then
    dd if=$device of=/dev/null bs=512 count=1 2>/dev/null
    left="gone when the detached device is opened"
    [ ! -e /sys/block/nbd0/nbd0p1 ] || left="still listed after detaching"
  fi
  passed "the partition is there $when, and $left"
}

# mount_race: mounting and unmounting while the device comes and goes.
mount_race() {
  truncate -s 24M $disk
  serve unix --block file:$disk
  attach unix 1 4096
  make_ext4
  (
    mounts=0
    until [ -e enough ]; do mount -t ext4 $device /mnt 2>/dev/null && umount /mnt 2>/dev/null && mounts=$((mounts + 1)); done
    echo $mounts >mounts
  ) &
  mounting=$!
  for _ in $(seq 20); do
    timeout 60 nbd-client -d $device >/dev/null 2>&1
    timeout 60 nbd-client -unix $here/socket $device -b 4096 >/dev/null 2>&1
    usleep 20000
  done
  : >enough
  wait $mounting
  # Where unmounting was refused in between, the next mount went on top.
  while umount /mnt 2>/dev/null; do :; done
  nbd-client -d $device >/dev/null 2>&1
  detached
  attach unix 1 4096
  recover "the race"
  detach
  end_server
  passed "20 times disconnecting and attaching against $(cat mounts) mounts that went well"
}

# module_race: the module comes and goes while devices are attached and disconnected; and it stays while one is attached.
module_race() {
  grep -q '^nbd ' /proc/modules || skipped "the client is built into this kernel"
  truncate -s 4M $disk
  serve unix --block file:$disk
  attach unix 1 4096
  rmmod nbd 2>/dev/null && failed "the module was unloaded under a device that is attached"
  dd if=$device of=/dev/null bs=4096 count=1 2>dd.err || failed "after refusing to unload, the device cannot be read: $(why dd.err)"
  detach
  (
    loads=0
    until [ -e enough ]; do rmmod nbd 2>/dev/null && insmod /modules/nbd.ko 2>/dev/null && loads=$((loads + 1)); done
    echo $loads >loads
  ) &
  loading=$!
  for _ in $(seq 20); do
    timeout 60 nbd-client -unix $here/socket $device -b 4096 >/dev/null 2>&1
    timeout 60 nbd-client -d $device >/dev/null 2>&1
    usleep 20000
  done
  : >enough
  wait $loading
  [ -e /sys/module/nbd ] || insmod /modules/nbd.ko 2>/dev/null
  [ ! -e /sys/block/nbd0/pid ] || detach
  attach unix 1 4096
  detach
  end_server
  passed "20 times attaching and disconnecting against $(cat loads) times unloading and loading"
}
