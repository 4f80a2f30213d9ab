#!/usr/bin/env bash
# Makes what runs programs of a Raspberry Pi here: a folder with Debian's Python for its processor
# (Pi OS is Debian: 3.11 in bookworm, 3.13 in trixie), and a static qemu 10 of trixie (bookworm's
# crashes).
#
#   pi_root.sh arm64|armhf bookworm|trixie FOLDER      gives FOLDER/root and FOLDER/qemu
set -euo pipefail

architecture=$1
release=$2
folder=$3
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

case $architecture in
    arm64) emulator=qemu-aarch64 ;;
    armhf) emulator=qemu-arm ;;
    *)
        echo "pi_root.sh: no such architecture: $architecture (arm64 or armhf)" >&2
        exit 2
        ;;
esac

if ! command -v mmdebstrap >/dev/null; then
    apt-get update -qq || true
    apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null
fi

rm -rf "$folder"
mkdir -p "$folder"

# "extract" unpacks packages and runs nothing of them: no emulation is needed to make the root.
extract() { mmdebstrap --quiet --variant=extract "$@" "$mirror"; }

extract --include=qemu-user trixie "$folder/host"
cp "$folder/host/usr/bin/$emulator" "$folder/qemu"
rm -rf "$folder/host"

packages="python3,libatomic1,libstdc++6"
# PyPI has no 32-bit Arm wheels of these two.
[ "$architecture" = arm64 ] || packages="$packages,python3-numpy,python3-pil"
extract --architectures="$architecture" --include="$packages" "$release" "$folder/root"
rm -rf "$folder/root/var" "$folder/root/usr/share/doc"
# From trixie on, base-files brings this link, which mmdebstrap leaves out.
[ -e "$folder/root/lib" ] || ln -s usr/lib "$folder/root/lib"

# Nothing was configured, so the alternatives that numpy links to are not there yet.
for library in "$folder"/root/usr/lib/*/{blas/libblas,lapack/liblapack}.so.3; do
    [ ! -e "$library" ] || ln -s "$library" "$(dirname "$(dirname "$library")")"
done
"$folder/qemu" -L "$folder/root" "$folder"/root/usr/bin/python3.[0-9]* --version
