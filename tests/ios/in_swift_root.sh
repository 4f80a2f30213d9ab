#!/usr/bin/env bash
# Runs a command in the root that swift_root.sh made: in_swift_root.sh ROOT REPOSITORY COMMAND...
# The repository stands under /repository there, and cannot be written. Mounts end with the command.
set -euo pipefail

root=${1:?usage: in_swift_root.sh ROOT REPOSITORY COMMAND...}
repository=$2
shift 2

# Swift looks for its libraries by way of /proc. The inner shell expands what is in quotes.
# shellcheck disable=SC2016
exec unshare --mount bash -euc '
    mount -t proc proc "$0/proc"
    mount --bind -o ro "$1" "$0/repository"
    mount -o remount,bind,ro "$0/repository"
    root=$0
    shift
    exec chroot "$root" env -C /repository HOME=/root LANG=C.UTF-8 PATH=/usr/bin:/bin "$@"
' "$root" "$repository" "$@"
