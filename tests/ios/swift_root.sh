#!/usr/bin/env bash
# Makes a Debian trixie root with Swift, once: swift_root.sh ROOT
# Needs to be root, mmdebstrap and a Debian mirror; three minutes and 2.9 GB.
set -euo pipefail

root=${1:?usage: swift_root.sh ROOT}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
made=$root/usr/libexec/swift/bin/swift

[ -e "$made" ] && exit 0
[ "$(id -u)" = 0 ] || { echo "only root can make a Debian root" >&2; exit 1; }
if ! command -v mmdebstrap >/dev/null; then
    apt-get update -qq >/dev/null
    apt-get install -y -qq mmdebstrap >/dev/null
fi

mkdir -p "$(dirname "$root")"
exec 9>"$root.lock"
flock 9
[ -e "$made" ] && exit 0

# Whole or not there: made beside its place, then renamed.
unfinished=$(mktemp -d "$root.XXXXXX")
trap 'rm -rf "$unfinished"' EXIT
chmod 755 "$unfinished"
mmdebstrap --quiet --variant=apt --include=swiftlang,libc6-dev,libstdc++-14-dev,git \
    --aptopt='Acquire::Retries "3"' --dpkgopt='path-exclude=/usr/share/doc/*' \
    trixie "$unfinished" "$mirror" >&2
mkdir -p "$unfinished/repository"
mv "$unfinished" "$root"
