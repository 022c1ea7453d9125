#!/usr/bin/env bash
# Installs what runs outside .NET: foreign NBD clients and servers, readers of our files, a browser for the report, and gnuplot. `setup.sh [test|plot|all]`,
# all by default. Asks nothing, does nothing where everything is there, and goes on where it may not install: exit code 1 says that
# something is still missing, and the tests that need it skip with the reason.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
what=${1:-all}
case $what in
  test | plot | all) ;;
  *) echo "setup.sh: '$what' is not one of test, plot, all" >&2; exit 2 ;;
esac

missing=()
# need PACKAGE TOOL-OR-FILE: a command by its name, a file by its path.
need() {
  case $2 in
    /*) [ -e "$2" ] || missing+=("$1") ;;
    *) command -v "$2" >/dev/null || missing+=("$1") ;;
  esac
}

if [ "$what" != plot ]; then
  need nbdkit nbdkit
  need libnbd-bin nbdinfo
  need python3-libnbd nbdsh
  need qemu-utils qemu-io
  need nbd-server nbd-server
  need nbd-client /usr/sbin/nbd-client
  need fio fio
  need libext2fs2 /usr/lib/"$(uname -m)"-linux-gnu/libext2fs.so.2
  need e2fsprogs /usr/sbin/mke2fs
  need libext2fs-dev /usr/include/ext2fs/ext2fs.h
  need gcc gcc
  need libc6-dev /usr/include/stdio.h
  need linux-libc-dev /usr/include/linux/io_uring.h
  need strace strace
  need linux-perf perf
  need default-jre-headless java
  need libhdrhistogram-java /usr/share/java/hdrhistogram.jar
  need util-linux taskset
  need util-linux /usr/sbin/blkdiscard
  need chromium /usr/bin/chromium
  need qemu-system-x86 qemu-system-x86_64
  need busybox-static busybox
  need cpio cpio
  need gpgv gpgv
  need xz-utils xz
  need fonts-dejavu-core /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
fi
if [ "$what" != test ]; then need gnuplot-nox gnuplot; fi

# What was asked for and is still missing is asked for again after a day, not at every call.
asked=$root/.cache/setup-asked
asked_today() {
  local package
  [ -n "$(find "$asked" -mmin -1440 2>/dev/null)" ] || return 1
  for package in "${missing[@]}"; do grep -qx "$package" "$asked" || return 1; done
}

install_debian() {
  local as_root=() package left=()
  if [ "$(id -u)" != 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "setup.sh: needs root to install: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo -n)
  fi
  if asked_today; then
    echo "setup.sh: not to be had here: ${missing[*]} (tried today; remove $asked to try again)" >&2
    return 1
  fi
  echo "setup.sh: installing ${missing[*]}" >&2
  mkdir -p "$(dirname "$asked")"
  printf '%s\n' "${missing[@]}" >"$asked"
  apt() { ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@" >/dev/null 2>&1; }
  apt update || true
  if apt install --yes --no-install-recommends "${missing[@]}"; then return 0; fi
  # One name that a distribution lacks must not cost the others.
  for package in "${missing[@]}"; do
    apt install --yes --no-install-recommends "$package" || left+=("$package")
  done
  if [ "${#left[@]}" = 0 ]; then return 0; fi
  echo "setup.sh: apt-get could not install ${left[*]}; the tests that need them skip" >&2
  return 1
}

# The report's charts and a foreign histogram reader for the tests, by the lock file.
install_npm() {
  local report=$root/src/Harness/Report log
  [ -f "$report/package-lock.json" ] || return 0
  # npm writes this file last.
  if [ "$report/node_modules/.package-lock.json" -nt "$report/package-lock.json" ]; then return 0; fi
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "setup.sh: needs Node 18 or newer with npm: the build takes the charts of the report from there, the tests a foreign histogram reader" >&2
    return 1
  fi
  log=$(mktemp)
  if (cd "$report" && npm ci --no-audit --no-fund --loglevel=error) >"$log" 2>&1; then
    rm -f "$log"
    touch "$report/node_modules/.package-lock.json"
    return 0
  fi
  echo "setup.sh: npm ci failed in src/Harness/Report: $(grep -m 1 -i 'err' "$log" || tail -n 1 "$log")" >&2
  rm -f "$log"
  return 1
}

# Other people's newest clients, beside those that are installed. Where they cannot be had, that too is asked again after a day.
fetch_newer_tools() {
  local folder=${HARNESS_NEWER_TOOLS:-$root/.cache/newer-tools} tried=$root/.cache/newer-tools-asked
  if [ -e "$folder/usr" ] || ! command -v apt-get >/dev/null; then return 0; fi
  if [ -n "$(find "$tried" -mmin -1440 2>/dev/null)" ]; then return 1; fi
  mkdir -p "$(dirname "$tried")"
  touch "$tried"
  echo "setup.sh: fetching libnbd and QEMU of a newer Debian into $folder" >&2
  "$root/scripts/newer-tools.sh"
}

status=0
if [ "${#missing[@]}" != 0 ]; then
  if command -v apt-get >/dev/null; then
    install_debian || status=1
  else
    echo "setup.sh: no apt-get here; install what Debian calls: ${missing[*]}" >&2
    status=1
  fi
fi
if [ "$what" != plot ]; then
  install_npm || status=1
  fetch_newer_tools || status=1
fi
exit "$status"
