#!/usr/bin/env bash
# Type-checks the app and its tests against the stub modules, in the root with Swift:
# swift_stubs.sh REPOSITORY SCRATCH
set -euo pipefail

repository=$1 scratch=$2
stubs=$repository/tests/ios/stubs
mkdir -p "$scratch"

check() {
    swiftc -swift-version 6 -warnings-as-errors -parse-as-library -I "$scratch" "$@"
}

emit() {
    local name=$1
    shift
    check -emit-module -module-name "$name" -o "$scratch/$name.swiftmodule" "$@"
}

files() { find "$repository/ios_demo/$1" -name '*.swift' | sort; }

mapfile -t kit < <(files ModerationKit/Sources)
emit ModerationKit "${kit[@]}"
# Each after those that it imports.
for module in CoreGraphics CoreVideo QuartzCore ImageIO CoreML Vision CryptoKit AVFoundation \
    UIKit SwiftUI PhotosUI; do
    emit "$module" "$stubs/$module.swift"
done

mapfile -t app < <(files ModerationDemo)
app+=("$stubs/LocalizedStrings.swift")
check -typecheck -module-name ModerationDemo "${app[@]}"
emit ModerationDemo -enable-testing "${app[@]}"

mapfile -t tests < <(files ModerationDemoTests)
check -typecheck -module-name ModerationDemoTests "${tests[@]}"
