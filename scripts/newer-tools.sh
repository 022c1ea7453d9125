#!/usr/bin/env bash
# Unpacks libnbd's and QEMU's programs of a newer Debian into a folder, and installs nothing: `newer-tools.sh [FOLDER [SUITE]]`, by default .cache/newer-tools
# and trixie. Those of Debian 12 know no extended headers; with these here the tests ask our server for them (NewerToolsTests). Needs no root: apt keeps its
# lists and packages below the folder, and checks the archive's signatures as ever. The archive is the one that apt is set up with; MIRROR names another.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
folder=${1:-${HARNESS_NEWER_TOOLS:-$root/.cache/newer-tools}}
suite=${2:-trixie}
keys=/usr/share/keyrings/debian-archive-keyring.gpg

for tool in apt-get dpkg-deb; do
  command -v "$tool" >/dev/null || { echo "newer-tools.sh: needs $tool, as Debian and Ubuntu have it" >&2; exit 1; }
done
# Of a Debian's sources the one with releases, not those with its updates; another distribution's archive has no such suite.
configured() { apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Identifier: Packages' | sed -n 's/^Debian|Debian|//p' | head -n 1; }
if [ -e "$folder/usr" ]; then echo "newer-tools.sh: $folder has them already; remove it to fetch them again" >&2; exit 0; fi

mirror=${MIRROR:-$(configured)}
if [ -z "$mirror" ]; then echo "newer-tools.sh: apt has no Debian archive among its sources; name one with MIRROR=URL" >&2; exit 1; fi
if [ ! -e "$keys" ]; then echo "newer-tools.sh: needs $keys (package debian-archive-keyring) to check what it fetches" >&2; exit 1; fi

work=$folder.part
rm -rf "$work"
mkdir -p "$work"/apt/state/lists/partial "$work"/apt/cache/archives/partial "$work"/tree/usr/{bin,sbin,lib,lib64}
trap 'rm -rf "$work"' EXIT
touch "$work/apt/status"
echo "deb [signed-by=$keys] $mirror $suite main" >"$work/apt/sources.list"

# As if nothing were installed, so that everything down to the C library comes along.
apt() {
  apt-get -qq -o Dir::State="$work/apt/state" -o Dir::State::status="$work/apt/status" -o Dir::Cache="$work/apt/cache" \
    -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o APT::Sandbox::User= "$@" >&2
}
if ! apt update || ! apt install --download-only --yes --no-install-recommends libnbd-bin python3-libnbd qemu-utils; then
  echo "newer-tools.sh: could not fetch libnbd and QEMU of $suite; apt's message is above" >&2
  exit 1
fi

for link in bin sbin lib lib64; do ln -s "usr/$link" "$work/tree/$link"; done
for package in "$work"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$work/tree"; done
mkdir -p "$(dirname "$folder")"
mv "$work/tree" "$folder"
echo "newer-tools.sh: $folder has $(find "$folder/usr/bin" -name 'nbd*' -o -name 'qemu-*' | wc -l) programs of $suite" >&2
