#!/usr/bin/env bash
# Makes .venv in this folder, installs what requirements*.txt pin, and runs the self-test.
# As root with --service: does so in /opt/moderation, and starts camera.py there at every boot.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"

fail() {
    echo "install.sh: $1" >&2
    exit 2
}

install_here() {
    local bits requirements
    bits=$(python3 -c 'import struct; print(8 * struct.calcsize("P"))')
    python3 -c 'import sys; sys.exit(not (3, 9) <= sys.version_info < (3, 14))' ||
        fail "needs Python 3.9 to 3.13, not $(python3 --version)"

    requirements="requirements.txt"
    # Not by uname: a 32-bit system may run on a 64-bit kernel.
    if [ "$bits" = 32 ]; then
        requirements="requirements-32-bit.txt"
        [ -f "$requirements" ] ||
            fail "this model does not run on a 32-bit system; export it with --compat tflite-2.14"
        python3 -c 'import sys; sys.exit(sys.version_info >= (3, 12))' ||
            fail "tflite-runtime has no 32-bit wheel for $(python3 --version): use Pi OS Bookworm"
        # PyPI has no 32-bit Arm wheels of these two; Debian's are signed.
        python3 -c 'import numpy, PIL' || fail "first: sudo apt install python3-numpy python3-pil"
    fi

    # The system's packages stay in sight: picamera2 is one of them.
    python3 -m venv --system-site-packages .venv || fail "first: sudo apt install python3-venv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
        --only-binary=:all: --require-hashes --requirement "$requirements"
    .venv/bin/python selftest.py
}

install_service() {
    [ "$(id -u)" = 0 ] || fail "--service needs sudo"
    local place=/opt/moderation
    mkdir -p "$place"
    if [ "$PWD" != "$place" ]; then
        cp -R . "$place/"
        rm -rf "$place/.venv"
        cd "$place"
    fi
    install_here
    install -m 644 moderation.service /etc/systemd/system/moderation.service
    systemctl daemon-reload
    systemctl enable --now moderation.service
}

case ${1:-} in
    "") install_here ;;
    --service) install_service ;;
    *) fail "usage: ./install.sh, or: sudo ./install.sh --service" ;;
esac
